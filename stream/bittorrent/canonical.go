package bittorrent

import "github.com/zeronetscript/universal_p2p/stream"

var _ stream.Canonicalizer = (*Backend)(nil)

// Canonical implements stream.Canonicalizer. A hybrid torrent that is asked for by its v2 infohash alone may turn out to have
// another ID.
func (*Backend) Canonical(root stream.Root) (id string, ok bool) {
	t, err := parseRoot(root)
	if err != nil {
		return "", false
	}
	if t.v1 != "" {
		return t.v1, true
	}
	return t.v2, true
}

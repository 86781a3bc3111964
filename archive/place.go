package archive

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
)

// A Place is where an archive lies.
type Place struct {
	// Root names the tree of the file for the cache, such as "bittorrent/v0/<infohash>": what is at Root and File.Path never changes.
	Root string
	File Source
	// Sibling returns another file of the tree, for archives of several volumes: fs.ErrNotExist when there is none. Nil: there
	// are no others.
	Sibling func(ctx context.Context, path string) (Source, error)

	depth int // archives around this one
}

// maxDepth is how many archives may be one inside the other.
const maxDepth = 3

// key names an archive for the cache. Each number in it has a length of its own, so that no two places have one key.
func (p Place) key() string {
	var b []byte
	for _, s := range []string{p.Root, p.File.Path()} {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	b = binary.AppendUvarint(b, uint64(p.depth))
	b = binary.AppendVarint(b, p.File.Size())
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:16])
}

package ipfs

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/ipfs/boxo/ipns"
	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"

	"github.com/zeronetscript/universal_p2p/stream"
)

// filenameHint is the parameter of a query that gives a name to a file that has none, as gateways know it.
const filenameHint = "filename"

// maxRoot bounds the text of a root, in bytes.
const maxRoot = 512

// parseCID takes a CID of version 0 or 1 in any base, of a block whose hash is one that proves something.
func parseCID(s string) (cid.Cid, error) {
	if s == "" || len(s) > maxRoot {
		return cid.Undef, fmt.Errorf("%w: no CID", stream.ErrBadRoot)
	}
	c, err := cid.Decode(s)
	if err != nil {
		return cid.Undef, fmt.Errorf("%w: %v", stream.ErrBadRoot, err)
	}
	return c, checkCID(c)
}

// checkCID refuses hashes that anybody can find other content for, as the specification wants it.
// https://specs.ipfs.tech/http-gateways/trustless-gateway/
func checkCID(c cid.Cid) error {
	d, err := multihash.Decode(c.Hash())
	if err != nil {
		return fmt.Errorf("%w: %v", stream.ErrBadRoot, err)
	}
	if d.Code == multihash.IDENTITY {
		if d.Length > 128 {
			return fmt.Errorf("%w: an identity CID of %d bytes", stream.ErrBadRoot, d.Length)
		}
		return nil
	}
	if d.Length < 20 || d.Length > 64 || !isStrong(d.Code) {
		return fmt.Errorf("%w: the hash of the CID is not one that can be trusted", stream.ErrBadRoot)
	}
	return nil
}

// isStrong knows the hashes that the specification allows. SHA-1 is among them, for what was in git.
func isStrong(code uint64) bool {
	switch code {
	case multihash.SHA1, multihash.SHA2_256, multihash.SHA2_512, multihash.DBL_SHA2_256, multihash.BLAKE3,
		multihash.SHA3_224, multihash.SHA3_256, multihash.SHA3_384, multihash.SHA3_512,
		multihash.KECCAK_224, multihash.KECCAK_256, multihash.KECCAK_384, multihash.KECCAK_512:
		return true
	}
	return code >= multihash.BLAKE2B_MIN+19 && code <= multihash.BLAKE2B_MAX
}

// canonical is the one spelling of a CID that we use: version 1 in base32, which is a name for a host as well.
func canonical(c cid.Cid) string {
	return fsCID(c).String()
}

// fsCID is a CID as far as it matters here: of a node of UnixFS, or of bytes, which any other codec only calls by another name. What is
// blocked is so by all of them.
func fsCID(c cid.Cid) cid.Cid {
	if c.Prefix().Codec == cid.DagProtobuf {
		return cid.NewCidV1(cid.DagProtobuf, c.Hash())
	}
	return cid.NewCidV1(cid.Raw, c.Hash())
}

// parseFS takes a CID of a file or a folder.
func parseFS(s string) (cid.Cid, error) {
	c, err := parseCID(s)
	if err != nil {
		return c, err
	}
	if codec := c.Prefix().Codec; codec != cid.Raw && codec != cid.DagProtobuf {
		return c, fmt.Errorf("%w: the CID is of no file: codec 0x%x", stream.ErrBadRoot, codec)
	}
	return c, nil
}

// recognize finds a CID, and the path behind it, in what people paste: a CID, /ipfs/CID, ipfs://CID, or the address of a gateway,
// which has the CID in its path or in its host. For ns "ipns" it is a name in the place of the CID, which stands in root.
func recognize(ns, text string) (root stream.Root, path string, ok bool) {
	text = strings.TrimSpace(text)
	if len(text) > 4096 {
		return root, "", false
	}
	var rest, query string
	switch {
	case strings.HasPrefix(text, ns+"://"):
		rest = text[len(ns)+3:]
	case strings.HasPrefix(text, "/"+ns+"/"):
		rest = text[len(ns)+2:]
	case strings.HasPrefix(text, ns+":/"+ns+"/"):
		rest = text[2*len(ns)+3:]
	case strings.HasPrefix(text, "http://"), strings.HasPrefix(text, "https://"):
		u, err := url.Parse(text)
		if err != nil {
			return root, "", false
		}
		if inner, found := strings.CutPrefix(u.EscapedPath(), "/"+ns+"/"); found {
			rest = inner
		} else if label, domain, found := strings.Cut(u.Host, "."); found && strings.HasPrefix(domain, ns+".") {
			rest = label + u.EscapedPath()
		} else {
			return root, "", false
		}
		query = u.RawQuery
	default:
		if strings.ContainsAny(text, "/:?#") {
			return root, "", false
		}
		rest = text
	}
	rest, _, _ = strings.Cut(rest, "#")
	if before, behind, found := strings.Cut(rest, "?"); found {
		rest, query = before, behind
	}
	root.ID, path, _ = strings.Cut(rest, "/")
	if name, err := url.PathUnescape(root.ID); err != nil || name == "" {
		return stream.Root{}, "", false
	}
	path, err := url.PathUnescape(path)
	if path = strings.Trim(path, "/"); err != nil || path != "" && !stream.ValidPath(path) {
		return stream.Root{}, "", false
	}
	if values, _ := url.ParseQuery(query); values.Get(filenameHint) != "" {
		root.Hints = url.Values{filenameHint: {values.Get(filenameHint)}}
	}
	return root, path, true
}

// parseName takes what stands behind /ipns/: the hash of a key, or a domain name with a DNSLink.
func parseName(s string) (string, error) {
	if s == "" || len(s) > 253 {
		return "", fmt.Errorf("%w: no name", stream.ErrBadRoot)
	}
	if n, err := ipns.NameFromString(s); err == nil {
		return n.String(), nil
	}
	if !isDomain(s) && strings.Contains(s, "-") { // a label that stands for a domain name: https://specs.ipfs.tech/http-gateways/subdomain-gateway/
		s = strings.NewReplacer("--", "-", "-", ".").Replace(s)
	}
	if !isDomain(s) {
		return "", fmt.Errorf("%w: neither the hash of a key nor a domain name", stream.ErrBadRoot)
	}
	return strings.ToLower(strings.TrimSuffix(s, ".")), nil
}

// isDomain takes a fully qualified domain name.
func isDomain(s string) bool {
	labels := strings.Split(strings.TrimSuffix(s, "."), ".")
	if len(labels) < 2 {
		return false
	}
	digits := true
	for _, l := range labels {
		if l == "" || len(l) > 63 {
			return false
		}
		for i := range len(l) {
			c := l[i]
			if (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
				return false
			}
		}
		digits = strings.Trim(l, "0123456789") == ""
	}
	return !digits // else it is an IP address
}

package stream

import (
	"fmt"
	"io/fs"
	"net/url"
	"strings"
	"unicode/utf8"
)

// A Request is what the path of a content URL says:
//
//	/<protocol>/<version>/<command>/<root>[/<path>]
type Request struct {
	Protocol string // "bittorrent"
	Version  string // "v0"
	Command  string // "stream"
	Root     string // decoded: an infohash, a magnet URI, a CID
	Path     string // decoded, may be "": never rooted, never with "..", "." or an empty element; any bytes, see CanLookUp
}

// maxPath bounds what a request may carry, in bytes of escaped path. The longest useful one is a magnet URI with many
// trackers as its root; net/http has refused what does not fit its header limit before.
const maxPath = 16 << 10

// ParsePath splits the escaped path of a URL ([url.URL.EscapedPath]) at its slashes and unescapes every element once, so that
// neither %2F nor %2e%2e can smuggle in another element. A path outside the grammar is an [ErrBadPath].
//
// One slash at the end is allowed and means nothing. A name that is not UTF-8 (old torrents, old archives) passes as it is: a
// backend makes the names of its files valid, but it and an archive may know one by its bytes too.
func ParsePath(escaped string) (Request, error) {
	if len(escaped) > maxPath {
		return Request{}, fmt.Errorf("%w: longer than %d bytes", ErrBadPath, maxPath)
	}
	p, ok := strings.CutPrefix(escaped, "/")
	if !ok {
		return Request{}, fmt.Errorf("%w: it does not start with a slash", ErrBadPath)
	}
	elems := strings.Split(strings.TrimSuffix(p, "/"), "/")
	if len(elems) < 4 {
		return Request{}, fmt.Errorf("%w: want /protocol/version/command/root", ErrBadPath)
	}
	for i, e := range elems {
		u, err := url.PathUnescape(e)
		if err != nil {
			return Request{}, fmt.Errorf("%w: bad percent-encoding", ErrBadPath)
		}
		if u == "" {
			return Request{}, fmt.Errorf("%w: empty element", ErrBadPath)
		}
		elems[i] = u
	}
	r := Request{Protocol: elems[0], Version: elems[1], Command: elems[2], Root: elems[3]}
	for _, e := range elems[:3] {
		if !isWord(e) {
			return Request{}, fmt.Errorf("%w: protocol, version and command are lower-case words", ErrBadPath)
		}
	}
	if strings.ContainsRune(r.Root, 0) || !utf8.ValidString(r.Root) {
		return Request{}, fmt.Errorf("%w: the root is no text", ErrBadPath)
	}
	for _, e := range elems[4:] {
		// A slash here was a %2F there. Backslashes stay: they are legal in names, and no path of ours meets a disk.
		if e == "." || e == ".." || strings.ContainsAny(e, "/\x00") {
			return Request{}, fmt.Errorf("%w: %q cannot be an element of a path", ErrBadPath, e)
		}
	}
	if len(elems) > 4 {
		r.Path = strings.Join(elems[4:], "/")
	}
	return r, nil
}

// EscapedPath is the path of r for a URL: what [ParsePath] gets r back from.
func (r Request) EscapedPath() string {
	var b strings.Builder
	for _, e := range []string{r.Protocol, r.Version, r.Command, r.Root} {
		b.WriteByte('/')
		b.WriteString(url.PathEscape(e))
	}
	if r.Path != "" {
		for e := range strings.SplitSeq(r.Path, "/") {
			b.WriteByte('/')
			b.WriteString(url.PathEscape(e))
		}
	}
	return b.String()
}

func isWord(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return s != ""
}

// ValidPath reports whether path can be the Path of a File: what fs.ValidPath takes, less ".", which names no file.
func ValidPath(path string) bool {
	return path != "." && !strings.ContainsRune(path, 0) && fs.ValidPath(path)
}

// CanLookUp reports whether path can lead to a File or into one: like a ValidPath, but it need not be UTF-8. What is behind a
// file may be the name that an archive has for a member, in the bytes of whatever system it was made on.
func CanLookUp(path string) bool {
	return ValidPath(strings.ToValidUTF8(path, "\uFFFD"))
}

package stream

import (
	"io/fs"
	"strings"
)

// Find is Tree.Lookup over a list of files: the file that path names, else the one it passes through. byPath has every file
// under its Path. The longest prefix wins, so that a file inside a folder called "a.zip" is not taken for a member of a file
// called "a". The empty path, and one that leads nowhere by its form, is fs.ErrNotExist. rest need not be UTF-8.
func Find[F File](byPath map[string]F, path string) (f F, rest string, err error) {
	if !CanLookUp(path) {
		return f, "", fs.ErrNotExist
	}
	for p := path; ; {
		if f, ok := byPath[p]; ok {
			return f, strings.TrimPrefix(path[len(p):], "/"), nil
		}
		i := strings.LastIndexByte(p, '/')
		if i < 0 {
			return f, "", fs.ErrNotExist
		}
		p = p[:i]
	}
}

// Biggest returns the file that an empty path means: the biggest, of equals the first. ok is false for an empty list.
func Biggest[F File](files []F) (f F, ok bool) {
	for i, g := range files {
		if i == 0 || g.Size() > f.Size() {
			f, ok = g, true
		}
	}
	return f, ok
}

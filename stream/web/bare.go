package web

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"iter"
	"path"
	"strings"

	"github.com/zeronetscript/universal_p2p/archive"
	"github.com/zeronetscript/universal_p2p/stream"
)

// A calledFile is a bare file, or a member of an archive that is one, by the name that somebody has for it. Underneath it is the same by
// every name, and so is what is kept of an archive.
type calledFile struct {
	stream.File
	path string
}

// Path implements [stream.File].
func (f calledFile) Path() string { return f.path }

// isBare reports whether a tree is one file without a name.
func isBare(tree stream.Tree) bool {
	b, ok := tree.(stream.BareTree)
	return ok && b.Bare()
}

// call calls a bare file by a name, or else by what its network calls it. One without an ending gets that which the first bytes tell:
// everything else about a file follows from there, as for files that have names.
func call(ctx context.Context, file stream.File, name string) (calledFile, error) {
	name = cmp.Or(name, file.Path())
	if path.Ext(name) == "" {
		ending, err := endingOf(ctx, file)
		if err != nil {
			return calledFile{}, err
		}
		if ending != "" {
			name += "." + ending
		}
	}
	return calledFile{file, name}, nil
}

// memberOf is a member as it is called in an archive that was found as in.
func memberOf(in stream.File, m *archive.Member) stream.File {
	c, ok := in.(calledFile)
	if !ok {
		return m
	}
	return calledFile{m, c.path + strings.TrimPrefix(m.Path(), c.File.Path())}
}

// filesOf yields the files of a tree. A bare one is called what its hints say.
func filesOf(ctx context.Context, tree stream.Tree) iter.Seq2[stream.File, error] {
	if !isBare(tree) {
		return tree.Files(ctx)
	}
	return func(yield func(stream.File, error) bool) {
		for f, err := range tree.Files(ctx) {
			if err == nil {
				f, err = call(ctx, f, tree.Name())
			}
			if !yield(f, err) || err != nil {
				return
			}
		}
	}
}

// locateBare is locate in a bare file. The first element of the path is what the file is called, or it is in the file: a folder or a
// member of the archive that the file is then. What is there as a member is one, unless it takes the whole archive to know that it is
// not there, and the element looks like what the file is called.
func (h *Handler) locateBare(ctx context.Context, tree stream.Tree, req stream.Request, file stream.File, rest string) (found, in stream.File, err error) {
	first, behind, _ := strings.Cut(rest, "/")
	byName := func(name, rest string) (found, in stream.File, err error) {
		f, err := call(ctx, file, name)
		if err != nil {
			return nil, nil, err
		}
		return h.inside(ctx, tree, req, f, rest)
	}
	if rest == "" {
		return byName(tree.Name(), "")
	}
	named, err := looksNamed(ctx, file, first, behind)
	if err != nil {
		return nil, nil, err
	}
	if named {
		found, in, err = byName(first, behind)
		if errors.Is(err, fs.ErrNotExist) {
			if f, i, err := byName(tree.Name(), rest); err == nil {
				return f, i, nil
			}
		}
		return found, in, err
	}
	found, in, err = byName(tree.Name(), rest)
	if errors.Is(err, fs.ErrNotExist) || behind == "" && isDamage(err) {
		return byName(first, behind)
	}
	return found, in, err
}

// looksNamed reports whether the first element of a path is rather what a bare file is called than something in it.
func looksNamed(ctx context.Context, file stream.File, first, behind string) (bool, error) {
	if !isContainer(extension(first)) || behind != "" {
		return isContainer(extension(first)), nil
	}
	switch ending, err := endingOf(ctx, file); ending {
	case "zip", "7z": // their lists are at hand
		return false, err
	default:
		return true, err
	}
}

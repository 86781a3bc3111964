package web

import (
	"context"
	"errors"
	"io/fs"
	"iter"

	"github.com/zeronetscript/universal_p2p/archive"
	"github.com/zeronetscript/universal_p2p/stream"
)

// Archives finds the members of archives. An *archive.Library does.
type Archives interface {
	Lookup(ctx context.Context, p archive.Place, path string) (m *archive.Member, rest string, err error)
	Members(ctx context.Context, p archive.Place) iter.Seq2[*archive.Member, error]
}

// maxDepth is how many archives a path may lead through: one in a torrent, one in that, and one more.
const maxDepth = 3

// find returns the file that a path leads to: one of the tree, or a member of an archive in it. req is what the tree is of.
func (h *Handler) find(ctx context.Context, tree stream.Tree, req stream.Request, path string) (stream.File, error) {
	file, _, err := h.locate(ctx, tree, req, path)
	return file, err
}

// locate is find that also says which archive the file is in, or would be; nil is the tree itself.
func (h *Handler) locate(ctx context.Context, tree stream.Tree, req stream.Request, path string) (file, in stream.File, err error) {
	file, rest, err := tree.Lookup(ctx, path)
	switch {
	case err != nil:
		return file, nil, err
	case isBare(tree):
		return h.locateBare(ctx, tree, req, file, rest)
	}
	return h.inside(ctx, tree, req, file, rest)
}

// inside is locate from a file on.
func (h *Handler) inside(ctx context.Context, tree stream.Tree, req stream.Request, from stream.File, rest string) (file, in stream.File, err error) {
	file = from
	for depth := 0; err == nil && rest != ""; depth++ {
		if h.cfg.Archives == nil || depth == maxDepth {
			return nil, nil, errInFile
		}
		in = file
		var m *archive.Member
		if m, rest, err = h.cfg.Archives.Lookup(ctx, placeOf(tree, req, in), rest); err == nil {
			file = memberOf(in, m)
		}
	}
	if errors.Is(err, archive.ErrNotArchive) {
		return nil, nil, errInFile
	}
	return file, in, err
}

// refused is why a file cannot be read, as far as that is known before anybody does.
func refused(file stream.File) error {
	if c, ok := file.(calledFile); ok {
		file = c.File
	}
	if m, ok := file.(*archive.Member); ok {
		return m.Err()
	}
	return nil
}

// members yields what is in the archive at a path.
func (h *Handler) members(ctx context.Context, tree stream.Tree, req stream.Request, path string) iter.Seq2[stream.File, error] {
	return func(yield func(stream.File, error) bool) {
		file, err := h.find(ctx, tree, req, path)
		if err == nil && h.cfg.Archives == nil {
			err = errNoArchive
		}
		if err != nil {
			yield(nil, err)
			return
		}
		h.membersOf(ctx, tree, req, file)(yield)
	}
}

// membersOf yields what is in an archive.
func (h *Handler) membersOf(ctx context.Context, tree stream.Tree, req stream.Request, file stream.File) iter.Seq2[stream.File, error] {
	return func(yield func(stream.File, error) bool) {
		for m, err := range h.cfg.Archives.Members(ctx, placeOf(tree, req, file)) {
			if errors.Is(err, archive.ErrNotArchive) {
				err = errNoArchive
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(memberOf(file, m), nil) {
				return
			}
		}
	}
}

// placeOf says where an archive lies: in a file of the tree, with the other volumes beside it, or in another archive.
func placeOf(tree stream.Tree, req stream.Request, file stream.File) archive.Place {
	if c, ok := file.(calledFile); ok {
		file = c.File
	}
	if m, ok := file.(*archive.Member); ok {
		return m.Place()
	}
	return archive.Place{
		Root: req.Protocol + "/" + req.Version + "/" + tree.ID(),
		File: file,
		Sibling: func(ctx context.Context, path string) (archive.Source, error) {
			f, rest, err := tree.Lookup(ctx, path)
			if err == nil && (rest != "" || f.Path() != path) {
				err = fs.ErrNotExist
			}
			if err != nil {
				return nil, err
			}
			return f, nil
		},
	}
}

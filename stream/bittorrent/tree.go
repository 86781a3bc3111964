package bittorrent

import (
	"context"
	"io"
	"io/fs"
	"iter"
	"strings"
	"sync"
	"time"

	"github.com/zeronetscript/universal_p2p/stream"
)

// A tree is one use of a swarm.
type tree struct {
	s     *swarm
	close func() // gives the swarm back, once
}

var _ stream.Tree = (*tree)(nil)

func newTree(s *swarm, release func()) *tree {
	return &tree{s: s, close: sync.OnceFunc(release)}
}

func (t *tree) ID() string   { return t.s.id }
func (t *tree) Name() string { return t.s.list.name }

// Lookup finds a path with or without the torrent's name in front of it, and names that are not UTF-8 also by their raw bytes.
func (t *tree) Lookup(_ context.Context, path string) (stream.File, string, error) {
	f, rest, err := t.s.list.lookup(path)
	if err != nil {
		return nil, "", err
	}
	return f, rest, nil
}

func (t *tree) Files(ctx context.Context) iter.Seq2[stream.File, error] {
	return func(yield func(stream.File, error) bool) {
		for _, f := range t.s.list.files {
			if err := ctx.Err(); err != nil {
				yield(nil, err)
				return
			}
			if !yield(f, nil) {
				return
			}
		}
	}
}

func (t *tree) Close() error {
	t.close()
	return nil
}

// A file is one file of a torrent.
type file struct {
	s      *swarm
	path   string
	offset int64 // of its first byte in the torrent
	size   int64
}

var _ stream.EarlyFile = (*file)(nil)

func (f *file) Path() string       { return f.path }
func (f *file) Size() int64        { return f.size }
func (f *file) ModTime() time.Time { return time.Time{} } // BEP 3 has none

func (f *file) Open(ctx context.Context) (io.ReadSeekCloser, error) {
	return newReader(ctx, f, false), nil
}

func (f *file) OpenEarly(ctx context.Context) (io.ReadSeekCloser, error) {
	return newReader(ctx, f, true), nil
}

// Verified implements stream.EarlyFile.
func (f *file) Verified(off, n int64) bool {
	if off < 0 || n < 0 || off > f.size || n > f.size-off {
		return false
	}
	if n == 0 {
		return true
	}
	from, _ := f.s.layout.piece(f.offset + off)
	to, _ := f.s.layout.piece(f.offset + off + n - 1)
	return f.s.obj.HasAll(from, to+1)
}

// A fileList is the files of a torrent, less padding, under names that are valid and unique.
type fileList struct {
	name   string // of the torrent
	files  []*file
	byPath map[string]*file
	raw    map[string]*file // by the bytes of the torrent, where they are no UTF-8; whole paths only
}

func (l *fileList) lookup(path string) (*file, string, error) {
	if path == "" {
		if f, ok := stream.Biggest(l.files); ok {
			return f, "", nil
		}
		return nil, "", fs.ErrNotExist
	}
	if f := l.raw[path]; f != nil {
		return f, "", nil
	}
	if f, rest, err := stream.Find(l.byPath, path); err == nil {
		return f, rest, nil
	}
	if inner, ok := strings.CutPrefix(path, l.name+"/"); ok {
		if f, rest, err := stream.Find(l.byPath, inner); err == nil {
			return f, rest, nil
		}
	}
	return nil, "", fs.ErrNotExist
}

package streamtest_test

import (
	"context"
	"io"
	"iter"

	"github.com/zeronetscript/universal_p2p/stream"
)

// The planted types hand every call on to a Mem, except where their fault has something to say.

type planted struct {
	stream.Backend
	fault
	stuck   bool
	forever chan struct{} // closed when the test is over
}

func (p planted) Open(ctx context.Context, root stream.Root) (stream.Tree, error) {
	open := p.fault.backend
	if open == nil {
		open = func(p planted, ctx context.Context, root stream.Root) (stream.Tree, error) {
			return p.Backend.Open(ctx, root)
		}
	}
	t, err := open(p, ctx, root)
	if err != nil {
		return nil, err
	}
	return plantedTree{t, p, new(bool)}, nil
}

func (p planted) Close() error {
	if p.fault.close != nil {
		return p.fault.close(p)
	}
	return p.Backend.Close()
}

type plantedTree struct {
	stream.Tree
	planted
	closed *bool
}

func (p plantedTree) ID() string {
	if p.id != nil {
		return p.id()
	}
	return p.Tree.ID()
}

func (p plantedTree) Lookup(ctx context.Context, path string) (stream.File, string, error) {
	if p.lookup != nil {
		return p.lookup(p, ctx, path)
	}
	f, rest, err := p.Tree.Lookup(ctx, path)
	return p.file(f), rest, err
}

func (p plantedTree) Files(ctx context.Context) iter.Seq2[stream.File, error] {
	files := p.Tree.Files
	if p.files != nil {
		files = func(ctx context.Context) iter.Seq2[stream.File, error] { return p.files(p, ctx) }
	}
	return func(yield func(stream.File, error) bool) {
		for f, err := range files(ctx) {
			if !yield(p.file(f), err) {
				return
			}
		}
	}
}

func (p plantedTree) Close() error {
	if p.closeT != nil {
		return p.closeT(p)
	}
	return p.Tree.Close()
}

func (p plantedTree) file(f stream.File) stream.File {
	switch {
	case f == nil:
		return nil
	case p.early:
		return plantedEarlyFile{plantedFile{f, p.planted}}
	}
	return plantedFile{f, p.planted}
}

type plantedFile struct {
	stream.File
	planted
}

func (p plantedFile) Size() int64 {
	if p.size != nil {
		return p.size(p.File.Size())
	}
	return p.File.Size()
}

func (p plantedFile) Open(ctx context.Context) (io.ReadSeekCloser, error) {
	open := p.open
	if open == nil {
		open = func(p plantedFile, ctx context.Context) (io.ReadSeekCloser, error) { return p.File.Open(ctx) }
	}
	r, err := open(p, ctx)
	if err != nil {
		return nil, err
	}
	pr := plantedReader{r, p, ctx}
	if p.expect {
		return &plantedExpecter{plantedReader: pr, off: -1}, nil
	}
	return pr, nil
}

type plantedEarlyFile struct{ plantedFile }

func (p plantedEarlyFile) OpenEarly(ctx context.Context) (io.ReadSeekCloser, error) {
	return p.Open(ctx)
}

func (p plantedEarlyFile) Verified(off, n int64) bool {
	return off >= 0 && n >= 0 && off <= p.Size() && n <= p.Size()-off
}

type plantedReader struct {
	io.ReadSeekCloser
	plantedFile
	ctx context.Context
}

func (p plantedReader) Read(b []byte) (int, error) {
	if p.read != nil {
		return p.read(p, b)
	}
	return p.ReadSeekCloser.Read(b)
}

func (p plantedReader) Seek(off int64, whence int) (int64, error) {
	if p.seek != nil {
		return p.seek(p, off, whence)
	}
	return p.ReadSeekCloser.Seek(off, whence)
}

func (p plantedReader) Close() error { return p.ReadSeekCloser.Close() }

type plantedExpecter struct {
	plantedReader
	off, end int64
}

func (p *plantedExpecter) Expect(off, n int64) { p.off, p.end = off, off+n }

func (p *plantedExpecter) Read(b []byte) (int, error) {
	if at, err := p.Seek(0, io.SeekCurrent); err == nil && p.off >= 0 && (at < p.off || at >= p.end) {
		return 0, io.EOF
	}
	return p.plantedReader.Read(b)
}

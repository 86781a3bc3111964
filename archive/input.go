package archive

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"path"
	"sync"
)

// An input is the files of one archive under one context. It is closed by who made it, when nobody reads from it any more.
type input struct {
	ctx     context.Context
	limits  Limits
	file    Source
	sibling func(ctx context.Context, path string) (Source, error)
	output  func(run int) (io.ReaderAt, error)

	mu      sync.Mutex
	volumes map[string]*sourceAt
	closed  bool
}

func newInput(ctx context.Context, p Place, l Limits) *input {
	return &input{ctx: ctx, limits: l, file: p.File, sibling: p.Sibling, volumes: make(map[string]*sourceAt)}
}

// Context ends when nobody wants the result any more.
func (in *input) Context() context.Context { return in.ctx }

// Limits are the bounds of the library.
func (in *input) Limits() Limits { return in.limits }

// File is the file that was asked for.
func (in *input) File() volume {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.volume(in.file.Path(), in.file)
}

// Beside returns the path of another file in the folder of File.
func (in *input) Beside(name string) string { return path.Join(path.Dir(in.file.Path()), name) }

// Output is what a run of the archive is unpacked to.
func (in *input) Output(run int) (io.ReaderAt, error) { return in.output(run) }

// Open returns the file at path. It reads nothing.
func (in *input) Open(path string) (volume, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if v := in.volumes[path]; v != nil {
		return v, nil
	}
	if path == in.file.Path() {
		return in.volume(path, in.file), nil
	}
	if in.sibling == nil || !fs.ValidPath(path) {
		return nil, fmt.Errorf("archive: volume %s: %w", path, fs.ErrNotExist)
	}
	src, err := in.sibling(in.ctx, path)
	if err != nil {
		return nil, fmt.Errorf("archive: volume %s: %w", path, err)
	}
	return in.volume(path, src), nil
}

// volume returns the one volume of path. The caller has locked mu.
func (in *input) volume(path string, src Source) *sourceAt {
	v := in.volumes[path]
	if v == nil {
		v = &sourceAt{in: in, src: src}
		in.volumes[path] = v
	}
	return v
}

// Close closes the readers of all volumes. No ReadAt is under way.
func (in *input) Close() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.closed = true
	for _, v := range in.volumes {
		v.close()
	}
}

// An expecter is a reader that fetches better when it knows what it is for, as stream.Expecter says.
type expecter interface{ Expect(off, n int64) }

// sourceAt reads a Source at any place.
type sourceAt struct {
	in  *input
	src Source

	mu     sync.Mutex
	r      io.ReadSeekCloser // nil until the first read
	at     int64             // its offset, -1 when not known
	closed bool
}

func (v *sourceAt) Size() int64  { return v.src.Size() }
func (v *sourceAt) Path() string { return v.src.Path() }

// ReadAt implements io.ReaderAt. An error of the source is a sourceError.
func (v *sourceAt) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("archive: %s: read at %d: %w", v.Path(), off, fs.ErrInvalid)
	}
	left := v.Size() - off
	if left <= 0 {
		return 0, io.EOF
	}
	short := int64(len(p)) > left
	if short {
		p = p[:left]
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	n, err := v.readFull(p, off)
	if err == nil && short {
		err = io.EOF
	}
	return n, err
}

func (v *sourceAt) readFull(p []byte, off int64) (int, error) {
	if v.closed {
		return 0, sourceError{fs.ErrClosed}
	}
	if err := v.in.ctx.Err(); err != nil {
		return 0, sourceError{err}
	}
	if v.r == nil {
		r, err := v.src.Open(v.in.ctx)
		if err != nil {
			return 0, sourceError{err}
		}
		v.r, v.at = r, -1
	}
	if v.at != off { // who goes on where it was gets more ahead of it than it asks for, as any reader of the source
		if x, ok := v.r.(expecter); ok {
			x.Expect(off, int64(len(p)))
		}
		v.at = -1
		if _, err := v.r.Seek(off, io.SeekStart); err != nil {
			return 0, sourceError{err}
		}
	}
	n, err := io.ReadFull(v.r, p)
	v.at = off + int64(n)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF // the source is shorter than it said
	}
	if err != nil {
		return n, sourceError{err}
	}
	return n, nil
}

func (v *sourceAt) close() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.closed = true
	if v.r != nil {
		v.r.Close()
		v.r = nil
	}
}

// A sourceError is what a source failed with: no fault of the archive, and passed on as it is.
type sourceError struct{ err error }

func (e sourceError) Error() string { return e.err.Error() }
func (e sourceError) Unwrap() error { return e.err }

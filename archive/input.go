package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"sync"
	"sync/atomic"
)

// An input is the files of one archive under one context. It is closed by who made it, when nobody reads from it any more.
type input struct {
	ctx    context.Context
	limits Limits
	leases *leases
	path   string // of the file that was asked for
	size   int64
	output func(run int) (io.ReaderAt, error)
	read   atomic.Int64 // bytes
	failed atomic.Pointer[sourceError]

	mu      sync.Mutex
	volumes map[string]*sourceAt
}

// newInput returns an input of the archive at p, read by any of ls.
func newInput(ctx context.Context, ls *leases, p Place, l Limits) *input {
	in := &input{ctx: ctx, limits: l, leases: ls, path: p.File.Path(), size: p.File.Size(), volumes: make(map[string]*sourceAt)}
	in.output = func(int) (io.ReaderAt, error) { return nil, fmt.Errorf("%w: a run inside a run", ErrCorrupt) }
	return in
}

// Context ends when nobody wants the result any more.
func (in *input) Context() context.Context { return in.ctx }

// Limits are the bounds of the library.
func (in *input) Limits() Limits { return in.limits }

// File is the file that was asked for.
func (in *input) File() volume { return in.volume(in.path, in.size) }

// Beside returns the path of another file in the folder of File.
func (in *input) Beside(name string) string { return path.Join(path.Dir(in.path), name) }

// Output is what a run of the archive is unpacked to.
func (in *input) Output(run int) (io.ReaderAt, error) { return in.output(run) }

// Open returns the file at path. It reads nothing.
func (in *input) Open(path string) (volume, error) {
	in.mu.Lock()
	v := in.volumes[path]
	in.mu.Unlock()
	if v != nil {
		return v, nil
	}
	if path == in.path {
		return in.volume(path, in.size), nil
	}
	for {
		l, err := in.leases.get(in.ctx)
		if err != nil {
			return nil, in.fail(err)
		}
		src, err := l.source(path)
		if err != nil && l.ctx.Err() != nil {
			continue
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("archive: volume %s: %w", path, err)
		}
		if err != nil {
			return nil, in.fail(fmt.Errorf("archive: volume %s: %w", path, err))
		}
		return in.volume(path, src.Size()), nil
	}
}

// source finds a file of the archive.
func (l *lease) source(path string) (Source, error) {
	switch p := l.place; {
	case path == p.File.Path():
		return p.File, nil
	case p.Sibling == nil || !fs.ValidPath(path):
		return nil, fs.ErrNotExist
	default:
		return p.Sibling(l.ctx, path)
	}
}

// volume returns the one volume of path.
func (in *input) volume(path string, size int64) *sourceAt {
	in.mu.Lock()
	defer in.mu.Unlock()
	v := in.volumes[path]
	if v == nil {
		v = &sourceAt{in: in, path: path, size: size}
		in.volumes[path] = v
	}
	return v
}

// Failed returns what a source has failed with since Forgive, or nil if err is no fault of a source. Not every decoder passes
// on the error that it gets.
func (in *input) Failed(err error) error {
	var source sourceError
	if errors.As(err, &source) {
		return source.err
	}
	if s := in.failed.Load(); s != nil && err != nil && err != io.EOF {
		return s.err
	}
	return nil
}

// Forgive forgets failures.
func (in *input) Forgive() { in.failed.Store(nil) }

// fail makes a sourceError of what a source has failed with.
func (in *input) fail(err error) error {
	e := sourceError{err}
	in.failed.Store(&e)
	return e
}

// Rest closes the readers of all volumes, to be opened again when they are needed. No ReadAt is under way.
func (in *input) Rest() {
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, v := range in.volumes {
		v.mu.Lock()
		v.drop()
		v.mu.Unlock()
	}
}

// Close is Rest for good.
func (in *input) Close() {
	in.Rest()
	in.mu.Lock()
	defer in.mu.Unlock()
	clear(in.volumes)
}

// An expecter is a reader that fetches better when it knows what it is for, as stream.Expecter says.
type expecter interface{ Expect(off, n int64) }

// sourceAt reads a file of an archive at any place.
type sourceAt struct {
	in   *input
	path string
	size int64

	mu sync.Mutex
	r  io.ReadSeekCloser // nil until the first read
	by *lease            // that r was opened by
	at int64             // offset of r, -1 when not known
}

func (v *sourceAt) Size() int64  { return v.size }
func (v *sourceAt) Path() string { return v.path }

// ReadAt implements io.ReaderAt. An error of the source is a sourceError.
func (v *sourceAt) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, fmt.Errorf("%w: read at %d", ErrCorrupt, off)
	}
	left := v.size - off
	if left <= 0 {
		return 0, io.EOF
	}
	short := int64(len(p)) > left
	if short {
		p = p[:left]
	}
	for n < len(p) {
		l, err := v.in.leases.get(v.in.ctx)
		if err != nil {
			return n, v.in.fail(err)
		}
		m, by, err := v.readBy(l, p[n:], off+int64(n))
		n += m
		if err != nil && by.ctx.Err() == nil { // else there is another one, or will be
			return n, v.in.fail(err)
		}
	}
	if short {
		return n, io.EOF
	}
	return n, nil
}

// readBy fills p from off, by l if there is no reader yet, and says by which lease.
func (v *sourceAt) readBy(l *lease, p []byte, off int64) (n int, by *lease, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.r == nil {
		if err := v.open(l); err != nil {
			return 0, l, err
		}
	}
	by = v.by
	if v.at != off { // who goes on where it was gets more ahead of it than it asks for, as any reader of the source
		if x, ok := v.r.(expecter); ok {
			x.Expect(off, int64(len(p)))
		}
		v.at = -1
		if _, err := v.r.Seek(off, io.SeekStart); err != nil {
			return 0, by, err
		}
	}
	n, err = v.readFull(p)
	v.in.read.Add(int64(n))
	v.at = off + int64(n)
	if err != nil {
		v.drop() // it may be of a lease that has ended
	}
	return n, by, err
}

// readFull is io.ReadFull that notices the end of the input.
func (v *sourceAt) readFull(p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		if err = v.in.ctx.Err(); err != nil {
			return n, err
		}
		var m int
		m, err = v.r.Read(p[n:])
		n += m
	}
	switch {
	case n == len(p):
		return n, nil
	case err == io.EOF:
		return n, io.ErrUnexpectedEOF // the source is shorter than it said
	}
	return n, err
}

// open opens a reader by l. The caller has locked mu.
func (v *sourceAt) open(l *lease) error {
	src, err := l.source(v.path)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(l.ctx)
	stop := context.AfterFunc(v.in.ctx, cancel)
	r, err := src.Open(ctx)
	if err != nil {
		stop()
		cancel()
		return err
	}
	if v.r, v.by, v.at = (&inputReader{r, stop, cancel}), l, -1; !l.note(v) {
		v.drop()
		return context.Canceled // l has ended meanwhile
	}
	return nil
}

// drop closes the reader. The caller has locked mu.
func (v *sourceAt) drop() {
	if v.r != nil {
		v.r.Close() // it was only read from
		v.by.forget(v)
		v.r, v.by = nil, nil
	}
}

// leave drops the reader if it is by l.
func (v *sourceAt) leave(l *lease) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.by == l {
		v.drop()
	}
}

// An inputReader is a reader of a source under two contexts.
type inputReader struct {
	io.ReadSeekCloser
	stop   func() bool
	cancel context.CancelFunc
}

func (r *inputReader) Expect(off, n int64) {
	if x, ok := r.ReadSeekCloser.(expecter); ok {
		x.Expect(off, n)
	}
}

func (r *inputReader) Close() error {
	r.stop()
	r.cancel()
	return r.ReadSeekCloser.Close()
}

// A sourceError is what a source failed with: no fault of the archive, and passed on as it is.
type sourceError struct{ err error }

func (e sourceError) Error() string { return e.err.Error() }
func (e sourceError) Unwrap() error { return e.err }

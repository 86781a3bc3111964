package ipfs

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"sync"

	"github.com/zeronetscript/universal_p2p/stream"
)

// The window of a reader: it begins small, so that a player that looks here and there does not fetch what it will not read, and
// doubles with each piece that is read on.
const (
	firstWindow = 1 << 20 // bytes
	maxWindow   = 6 << 20
)

// A reader reads one file.
type reader struct {
	f    *file
	ctx  context.Context
	size int64

	off    int64
	until  int64 // Expect: nobody will read from here on
	window int64
	run    *run
	cur    *fetched // the piece that the run is at
	closed bool

	mu sync.Mutex
	at int64 // for those who look on
}

var (
	_ io.ReadSeekCloser = (*reader)(nil)
	_ stream.Expecter   = (*reader)(nil)
)

func newReader(ctx context.Context, f *file) *reader {
	r := &reader{f: f, ctx: ctx, size: f.size, until: f.size, window: firstWindow}
	d := f.t.d
	d.mu.Lock()
	d.readers[r] = struct{}{}
	d.mu.Unlock()
	return r
}

// Expect implements stream.Expecter.
func (r *reader) Expect(off, n int64) {
	r.off0(off)
	if n >= 0 && off >= 0 && n <= r.size-off {
		r.until = off + n
	}
}

func (r *reader) off0(off int64) {
	r.mu.Lock()
	r.at = off
	r.mu.Unlock()
}

// Seek implements io.Seeker. It fetches nothing.
func (r *reader) Seek(off int64, whence int) (int64, error) {
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		off += r.off
	case io.SeekEnd:
		off += r.size
	default:
		return r.off, errors.New("ipfs: seek: no such whence")
	}
	if off < 0 {
		return r.off, errors.New("ipfs: seek: before the start")
	}
	r.off = off
	return off, nil
}

// Read implements io.Reader.
func (r *reader) Read(p []byte) (int, error) {
	if r.closed {
		return 0, fs.ErrClosed
	}
	d := r.f.t.d
	if d.b.life.Err() != nil {
		return 0, stream.ErrClosed
	}
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	if r.off >= r.size {
		return 0, io.EOF
	}
	if len(p) == 0 {
		return 0, nil
	}
	if err := r.reach(); err != nil {
		r.end()
		return 0, d.b.closedOr(err)
	}
	n := copy(p, r.cur.data[r.off-r.cur.off:])
	r.off += int64(n)
	r.off0(r.off)
	return n, nil
}

// reach makes the piece that holds r.off the current one, and waits for its bytes.
func (r *reader) reach() error {
	if r.cur != nil && r.off >= r.cur.off && r.off < r.cur.off+r.cur.n {
		return nil
	}
	if r.run != nil && r.cur != nil && (r.off < r.cur.off || r.off > r.cur.off+r.cur.n+r.window) {
		r.end() // somewhere else
		r.window = firstWindow
	}
	for fresh := false; ; {
		if r.run == nil {
			end := r.until
			if r.off >= end {
				end = r.size
			}
			r.run, fresh = newRun(r.ctx, r.f, r.off, end, r.window), true
		}
		g, err := r.next()
		switch {
		case err == io.EOF && !fresh: // behind what was expected
			r.end()
			continue
		case err == io.EOF:
			return io.ErrUnexpectedEOF
		case err != nil:
			return err
		}
		if r.off >= g.off && r.off < g.off+g.n {
			return nil
		}
		if r.off < g.off {
			r.end()
			if fresh {
				return malformed("no piece of the file has the byte at %d", r.off)
			}
		}
	}
}

// next makes the next piece of the run the current one.
func (r *reader) next() (*fetched, error) {
	if r.cur != nil {
		r.window = min(2*r.window, r.maxWindow())
		r.run.give(r.cur.n, r.window)
		r.cur = nil
	}
	var g *fetched
	var ok bool
	select {
	case g, ok = <-r.run.pieces:
	case <-r.ctx.Done():
		return nil, r.ctx.Err()
	}
	if !ok {
		return nil, r.run.err
	}
	select {
	case <-g.done:
	case <-r.ctx.Done():
		return nil, r.ctx.Err()
	}
	if g.err != nil {
		return nil, g.err
	}
	r.cur = g
	return g, nil
}

// maxWindow is less when the store is so small that it could not hold what is fetched.
func (r *reader) maxWindow() int64 {
	return max(firstWindow, min(maxWindow, r.f.t.d.b.cfg.Store.Quota()/4))
}

// end stops fetching ahead.
func (r *reader) end() {
	if r.run != nil {
		r.run.stop()
		r.run, r.cur = nil, nil
	}
}

// Close implements io.Closer.
func (r *reader) Close() error {
	if r.closed {
		return nil
	}
	r.closed = true
	r.end()
	d := r.f.t.d
	d.mu.Lock()
	delete(d.readers, r)
	d.mu.Unlock()
	return nil
}

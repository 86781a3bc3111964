package streamtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"
	"time"

	"github.com/zeronetscript/universal_p2p/stream"
)

// A MemFile is one file of a [Mem], seen by the test that made it. As made, every byte is here and verified. Its methods may be
// called at any time, also while readers wait.
type MemFile struct {
	m    *Mem
	path string
	data []byte

	// Guarded by m.mu.
	here     int64 // bytes before this offset have arrived
	verified int64 // bytes before this offset are verified, as far as they are here
	failAt   int64 // reads of this offset fail with failErr, if that is not nil
	failErr  error
	corrupt  int64 // the byte here arrives wrong; -1: none does
	delay    time.Duration
	chunk    int // bytes that a Read returns at most; 0: as many as fit
	early    bool
	at       int64 // behind the last byte that a reader returned
	report   FileReport
}

// FileReport says what readers did with a file.
type FileReport struct {
	Opens      int    // calls of Open
	EarlyOpens int    // calls of OpenEarly
	Readers    int    // open now
	Read       int64  // bytes returned
	Expected   []Span // arguments of Expect
}

// A Span is a run of bytes in a file.
type Span struct{ Off, N int64 }

func newMemFile(m *Mem, path string, data []byte) *MemFile {
	size := int64(len(data))
	return &MemFile{m: m, path: path, data: data, here: size, verified: size, corrupt: -1}
}

// Hold lets only the bytes before off be here; readers of the others wait until a later Hold lets go.
func (f *MemFile) Hold(off int64) { f.m.change(func() { f.here = off }) }

// Verify lets only the bytes before off be verified; the others are for OpenEarly.
func (f *MemFile) Verify(off int64) { f.m.change(func() { f.verified = off }) }

// Fail makes reads at off fail with err; the bytes before are fine. A nil err ends it.
func (f *MemFile) Fail(off int64, err error) { f.m.change(func() { f.failAt, f.failErr = off, err }) }

// Corrupt makes the byte at off arrive wrong. OpenEarly passes it on, and the Read after that fails; it is never verified.
func (f *MemFile) Corrupt(off int64) { f.m.change(func() { f.corrupt = off }) }

// Slow makes every Read take so long and return at most chunk bytes. Zeros end it.
func (f *MemFile) Slow(delay time.Duration, chunk int) {
	f.m.change(func() { f.delay, f.chunk = delay, chunk })
}

// Early makes the file a [stream.EarlyFile] from the next Open of its tree on.
func (f *MemFile) Early() { f.m.change(func() { f.early = true }) }

// Report returns what readers did so far.
func (f *MemFile) Report() FileReport {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	r := f.report
	r.Expected = slices.Clone(r.Expected)
	return r
}

// limit returns where a reader has to stop, under the lock.
func (f *MemFile) limit(early bool) int64 {
	limit := f.here
	if !early {
		limit = min(limit, f.verified)
		if f.corrupt >= 0 {
			limit = min(limit, f.corrupt)
		}
	} else if f.corrupt >= 0 {
		limit = min(limit, f.corrupt+1)
	}
	if f.failErr != nil {
		limit = min(limit, f.failAt)
	}
	return limit
}

// A memFile is a MemFile as one use of its tree hands it out.
type memFile struct {
	f *MemFile
	h *memHandle
}

// A memEarlyFile is a memFile that can pass on bytes early.
type memEarlyFile struct{ *memFile }

var (
	_ stream.File      = (*memFile)(nil)
	_ stream.EarlyFile = memEarlyFile{}
)

func (f *memFile) as() stream.File {
	f.f.m.mu.Lock()
	defer f.f.m.mu.Unlock()
	if f.f.early {
		return memEarlyFile{f}
	}
	return f
}

func (f *memFile) Path() string     { return f.f.path }
func (f *memFile) Size() int64      { return int64(len(f.f.data)) }
func (*memFile) ModTime() time.Time { return time.Time{} }

func (f *memFile) Open(ctx context.Context) (io.ReadSeekCloser, error) { return f.open(ctx, false) }

func (f memEarlyFile) OpenEarly(ctx context.Context) (io.ReadSeekCloser, error) {
	return f.open(ctx, true)
}

func (f memEarlyFile) Verified(off, n int64) bool {
	f.f.m.mu.Lock()
	defer f.f.m.mu.Unlock()
	return off >= 0 && n >= 0 && off <= f.Size() && n <= f.Size()-off && (n == 0 || off+n <= f.f.limit(false))
}

func (f *memFile) open(ctx context.Context, early bool) (io.ReadSeekCloser, error) {
	if err := f.f.m.wait(ctx, func() bool { return true }); err != nil {
		return nil, err
	}
	f.f.m.change(func() {
		f.f.m.counts.Readers++
		f.h.readers++
		f.f.report.Readers++
		if early {
			f.f.report.EarlyOpens++
		} else {
			f.f.report.Opens++
		}
	})
	return &memReader{ctx: ctx, f: f.f, h: f.h, early: early}, nil
}

// A memReader serves one goroutine; busy is there to catch who forgets.
type memReader struct {
	ctx    context.Context
	f      *MemFile
	h      *memHandle
	early  bool
	pos    int64
	wrong  bool // a corrupt byte has been returned
	closed bool
	busy   atomic.Bool
}

var _ stream.Expecter = (*memReader)(nil)

func (r *memReader) Read(p []byte) (int, error) {
	r.enter("Read")
	defer r.leave()
	if r.closed {
		return 0, fmt.Errorf("%s: read after close", r.f.path)
	}
	if err := r.pause(); err != nil {
		return 0, err
	}
	n, err := 0, error(nil)
	if werr := r.f.m.wait(r.ctx, func() (ready bool) { n, err, ready = r.take(p); return ready }); werr != nil {
		return 0, fmt.Errorf("%s: %w", r.f.path, werr)
	}
	return n, err
}

// take reads what there is at pos, under the lock. It is not ready while nothing has come.
func (r *memReader) take(p []byte) (n int, err error, ready bool) {
	f := r.f
	if r.wrong {
		return 0, fmt.Errorf("%s: %w", f.path, stream.ErrCorrupt), true
	}
	if len(p) == 0 {
		return 0, nil, true
	}
	if r.pos >= int64(len(f.data)) {
		return 0, io.EOF, true
	}
	if f.failErr != nil && r.pos >= f.failAt {
		return 0, fmt.Errorf("%s: %w", f.path, f.failErr), true
	}
	limit := f.limit(r.early)
	if r.early && f.corrupt >= 0 && r.pos > f.corrupt {
		limit = f.here // a reader that has jumped over the wrong byte
	}
	if r.pos >= limit {
		return 0, nil, false
	}
	if f.chunk > 0 {
		p = p[:min(len(p), f.chunk)]
	}
	n = copy(p, f.data[r.pos:limit])
	if r.early && r.pos <= f.corrupt && f.corrupt < r.pos+int64(n) {
		p[f.corrupt-r.pos] ^= 0xff
		r.wrong = true
	}
	r.pos += int64(n)
	f.at = r.pos
	f.report.Read += int64(n)
	f.m.counts.Read += int64(n)
	return n, nil, true
}

// pause is what makes a Read slow.
func (r *memReader) pause() error {
	r.f.m.mu.Lock()
	delay := r.f.delay
	r.f.m.mu.Unlock()
	if delay == 0 {
		return nil
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-r.ctx.Done():
		return r.ctx.Err()
	}
}

func (r *memReader) Seek(offset int64, whence int) (int64, error) {
	r.enter("Seek")
	defer r.leave()
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		offset += r.pos
	case io.SeekEnd:
		offset += int64(len(r.f.data))
	default:
		return 0, errors.New("streamtest: bad whence")
	}
	if offset < 0 {
		return 0, errors.New("streamtest: seek before the start")
	}
	r.pos = offset
	return offset, nil
}

func (r *memReader) Expect(off, n int64) {
	r.enter("Expect")
	defer r.leave()
	r.f.m.change(func() { r.f.report.Expected = append(r.f.report.Expected, Span{off, n}) })
}

func (r *memReader) Close() error {
	r.enter("Close")
	defer r.leave()
	if !r.closed {
		r.closed = true
		r.f.m.change(func() { r.f.m.counts.Readers--; r.h.readers--; r.f.report.Readers-- })
	}
	return nil
}

// enter notes that a call has begun, and misuse where it may not; leave ends the call.
func (r *memReader) enter(call string) {
	why := ""
	switch {
	case !r.busy.CompareAndSwap(false, true):
		why = " in a second goroutine at once"
	case r.closed && call != "Close":
		why = " after Close"
	default:
		return
	}
	r.f.m.change(func() { r.f.m.misuse = append(r.f.m.misuse, call+" of "+r.f.path+why) })
}

func (r *memReader) leave() { r.busy.Store(false) }

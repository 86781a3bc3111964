package archive

import (
	"context"
	"fmt"
	"io"
	"sync"
)

const (
	readAhead    = 8 << 20  // bytes that a run is unpacked ahead of a reader
	stepBytes    = 64 << 10 // that it goes on at once
	checkpointed = 8 << 20  // bytes between the places that a run can be entered at

	// windowChunks of the large ones are held for a reader: what is unpacked ahead of it, and where it is.
	windowBytes = readAhead + largeChunk
)

// An unpacking is a run on its way out of the archive, for all who read of it. One goroutine unpacks, see produce, and only while
// somebody wants what is not there yet. Readers take what they can from the chunks, and the newest from the buffer.
//
// What is damaged is told from what is right: a member that is wrong has a fault of its own, and its bytes are in no chunk on
// disk. What the decoder cannot get over is the fault of all that is behind it.
type unpacking struct {
	a     *archive
	run   int
	key   string
	refs  int // Library.mu
	store *chunks
	poke  chan struct{} // a reader wants something else
	tail  sync.Once

	mu        sync.Mutex
	changed   chan struct{} // closed and replaced when something that is said here has changed
	readers   map[*runReader]struct{}
	turn      int64 // counts waiting readers
	producing bool
	from, pos int64  // of the decoder: it has unpacked [from, pos) since it began
	buf       []byte // chunk that pos is in, up to pos; nil when there is no decoder
	end       int64  // of the run, unknownSize before it was seen
	fault     error  // of all from faultAt on
	faultAt   int64
}

// A runReader is one who reads of a run.
type runReader struct {
	hold window
	e    *entry // that it reads, nil: all of the run

	// The rest is guarded by unpacking.mu.
	at     int64 // where it is in the run
	limit  int64 // it reads nothing from here on
	turn   int64 // who has waited for longest has the lowest; 0: it does not wait
	looked bool  // for a checkpoint
	err    error // what the decoder has failed with while it waited
}

func newUnpacking(a *archive, run int, key string) *unpacking {
	size, title := int64(unknownSize), a.place.File.Path()
	if l := a.index().layout(run); len(l.entries) > 0 && !l.solid {
		size = max(l.entries[0].Size, 0)
		title += " " + l.entries[0].Raw
	}
	return &unpacking{
		a: a, run: run, key: key, store: newChunks(a.lib, key, title, size), poke: make(chan struct{}, 1),
		changed: make(chan struct{}), readers: make(map[*runReader]struct{}), end: unknownSize,
	}
}

// loadTail finds the end of the run, if it was found in another life.
func (u *unpacking) loadTail() {
	if t := u.store.loadTail(); t != nil && t.final {
		u.mu.Lock()
		defer u.mu.Unlock()
		if u.end < 0 {
			u.end = t.off + int64(len(t.data))
		}
	}
}

// reader adds a reader of [at, limit), to leave. e is the member that it reads, if that is known.
func (u *unpacking) reader(e *entry, at, limit int64) *runReader {
	r := &runReader{e: e, at: at, limit: limit}
	r.hold.c = u.store
	u.mu.Lock()
	defer u.mu.Unlock()
	u.readers[r] = struct{}{}
	return r
}

func (u *unpacking) leave(r *runReader) {
	r.hold.release()
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.readers, r)
}

// read reads up to len(p) bytes at off, at least one, and waits for them until ctx is done. io.EOF: the run ends before.
func (u *unpacking) read(ctx context.Context, r *runReader, p []byte, off int64) (n int, err error) {
	chunk := u.store.chunk
	i := off / chunk
	p = p[:min(int64(len(p)), (i+1)*chunk-off)]
	u.tail.Do(u.loadTail)
	r.hold.set(i, windowBytes/chunk)
	defer u.settle(r)
	for {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		u.mu.Lock()
		r.at = off
		changed, failed := u.changed, r.err
		r.err = nil
		err := u.a.fault(r.e)
		if err == nil {
			n = u.newest(p, off)
		}
		if err == nil && n == 0 {
			if p, err = u.clip(p, off); err == nil {
				err = failed
			}
		}
		u.mu.Unlock()
		if n > 0 || err != nil {
			return n, err
		}
		ok, err := u.store.read(i, p, off-i*chunk)
		if err != nil {
			return 0, err
		}
		if ok {
			return len(p), nil
		}
		if !u.wait(r) {
			return 0, ErrClosed
		}
		select {
		case <-changed:
		case <-ctx.Done():
		case <-u.a.lib.ctx.Done():
			return 0, ErrClosed
		}
	}
}

// newest reads at off what the decoder has just unpacked. The caller has locked mu.
func (u *unpacking) newest(p []byte, off int64) int {
	chunk := u.store.chunk
	if u.buf == nil || off >= u.pos || off/chunk != u.bufChunk() {
		return 0
	}
	return copy(p, u.buf[off%chunk:])
}

// bufChunk is the chunk that buf is part of. It stays there when it is full, until the next byte. The caller has locked mu.
func (u *unpacking) bufChunk() int64 {
	return (u.pos - int64(len(u.buf))) / u.store.chunk
}

// clip cuts p off at the end of the run, if it is known. The caller has locked mu.
func (u *unpacking) clip(p []byte, off int64) ([]byte, error) {
	switch {
	case u.fault != nil && off >= u.faultAt:
		return nil, u.fault
	case u.end >= 0 && off >= u.end:
		return nil, io.EOF
	case u.end >= 0:
		p = p[:min(int64(len(p)), u.end-off)]
	}
	return p, nil
}

// wait notes that r waits, and sees to it that somebody unpacks.
func (u *unpacking) wait(r *runReader) (ok bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if r.turn == 0 {
		u.turn++
		r.turn, r.looked = u.turn, false
	}
	if u.producing {
		u.wake()
		return true
	}
	u.producing = u.a.lib.startFor(u)
	return u.producing
}

func (u *unpacking) wake() {
	select {
	case u.poke <- struct{}{}:
	default:
	}
}

// settle notes that r waits no more, and wakes the decoder when r comes close to where it rests.
func (u *unpacking) settle(r *runReader) {
	u.mu.Lock()
	defer u.mu.Unlock()
	r.turn = 0
	if u.producing && r.at >= u.from && r.at+readAhead/2 > u.pos && r.limit > u.pos {
		u.wake()
	}
}

// expect says that r reads nothing from there on, for now.
func (u *unpacking) expect(r *runReader, limit int64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	r.limit = limit
}

// broadcast tells all who wait. The caller has locked mu.
func (u *unpacking) broadcast() {
	close(u.changed)
	u.changed = make(chan struct{})
}

// turns is how many have waited so far.
func (u *unpacking) turns() int64 {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.turn
}

// fail tells those who have waited since before a turn that the decoder has failed, for a reason that is not the archive's fault.
// Who came later may have better luck.
func (u *unpacking) fail(err error, before int64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for r := range u.readers {
		if r.turn != 0 && r.turn <= before {
			r.err, r.turn = err, 0
		}
	}
	u.broadcast()
}

// breakOff says that nothing comes from at on.
func (u *unpacking) breakOff(at int64, err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.fault == nil || at < u.faultAt {
		u.fault, u.faultAt = fmt.Errorf("%s: %w", u.a.place.File.Path(), err), at
	}
	u.broadcast()
}

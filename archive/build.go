package archive

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"
	"sync/atomic"
	"time"
)

// An archive is what a library knows of one. There is only one for each key.
type archive struct {
	lib    *Library
	key    string
	place  Place // for its path and size only: its files may be gone
	leases *leases
	recent *list.Element // Library.mu

	load sync.Once
	poke chan struct{} // there is work for build

	ix atomic.Pointer[index]

	mu       sync.Mutex
	format   format // nil: not known yet
	building bool
	waiters  map[*waiter]struct{}
	turn     int64 // counts them
	located  map[*entry][]extent
	faults   map[*entry]error // of members that turned out to be wrong when they were unpacked
}

// A waiter wants to know more of an archive.
type waiter struct {
	done  func() bool // whether it knows enough now
	turn  int64
	ready chan struct{}
	err   error // set before ready is closed
}

func newArchive(l *Library, key string, p Place) *archive {
	a := &archive{
		lib: l, key: key, place: p, leases: newLeases(l.ctx, idleTime), poke: make(chan struct{}, 1),
		waiters: make(map[*waiter]struct{}), located: make(map[*entry][]extent), faults: make(map[*entry]error),
	}
	a.ix.Store(newIndex("", false, l.limits))
	return a
}

func (a *archive) index() *index { return a.ix.Load() }

func (a *archive) size() int64 { return a.index().size() + 1<<10 }

// fault is what is known to be wrong with a member.
func (a *archive) fault(e *entry) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.faults[e]
}

func (a *archive) setFault(e *entry, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.faults[e] == nil {
		a.faults[e] = err
	}
}

// want waits until done says yes, or until all of the archive is known. err is the fault of the archive then, or what
// stopped the look, or ctx's error.
func (a *archive) want(ctx context.Context, done func() bool) (ok bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	a.load.Do(a.loadIndex)
	_, complete, fault := a.index().status()
	switch {
	case done():
		return true, nil
	case complete:
		return false, fault
	}
	w := &waiter{done: done, ready: make(chan struct{})}
	if !a.join(w) {
		return false, ErrClosed
	}
	defer a.leave(w)
	select {
	case <-w.ready:
	case <-ctx.Done():
		return false, ctx.Err()
	case <-a.lib.ctx.Done():
		return false, ErrClosed
	}
	if w.err != nil {
		return false, w.err
	}
	if done() {
		return true, nil
	}
	_, _, fault = a.index().status()
	return false, fault
}

// join adds w, and starts to build if nobody does.
func (a *archive) join(w *waiter) (ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.turn++
	w.turn = a.turn
	a.waiters[w] = struct{}{}
	if !a.building {
		a.building = a.lib.start(a.build)
		return a.building
	}
	select {
	case a.poke <- struct{}{}:
	default:
	}
	return true
}

func (a *archive) leave(w *waiter) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.waiters, w)
}

// loadIndex takes up the kept index, if there is one.
func (a *archive) loadIndex() {
	data, err := a.lib.cache.Load(a.key, "index")
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			a.lib.log.Warn("the kept list of an archive cannot be read", "archive", a.place.File.Path(), "err", err)
		}
		return
	}
	ix, err := decodeIndex(data, a.lib.limits)
	if err != nil {
		a.lib.log.Debug("a kept list is made anew", "archive", a.place.File.Path(), "err", err)
		return
	}
	f := a.lib.formatCalled(ix.format)
	if f == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.format = f
	a.ix.Store(ix)
}

// A builder makes the index of one archive, as far as somebody waits for it. It serves one goroutine.
type builder struct {
	a       *archive
	ctx     context.Context
	in      *input
	w       walker // nil: not begun, or broken off
	outputs map[int]*unpacking
	saved   int // entries when the index was last kept
}

// build is the goroutine that looks through the archive. It ends when nobody has waited for a while.
func (a *archive) build() {
	ctx, cancel := context.WithCancel(a.lib.ctx)
	defer cancel()
	b := &builder{a: a, ctx: ctx, outputs: make(map[int]*unpacking)}
	b.in = newInput(ctx, a.leases, a.place, a.lib.limits)
	b.in.output = b.output
	defer b.close()
	b.saved, _, _ = a.index().status()
	for b.work() {
		before := a.turns()
		if err := b.step(); err != nil {
			b.w = nil
			if !errors.Is(err, errIdle) {
				a.fail(err, before)
			}
		}
	}
}

func (b *builder) close() {
	b.save()
	b.in.Close()
	for _, u := range b.outputs {
		b.a.lib.release(u)
	}
}

// work waits until there is some. Not ok: it is time to end.
func (b *builder) work() (ok bool) {
	if b.a.pending(false) {
		return true
	}
	if b.grown() {
		b.save()
	}
	end := time.NewTimer(idleTime)
	defer end.Stop()
	rest := time.NewTimer(restTime)
	defer rest.Stop()
	for {
		select {
		case <-b.a.poke:
			if b.a.pending(false) {
				return true
			}
		case <-rest.C:
			b.in.Rest()
		case <-end.C:
			if !b.a.pending(true) {
				return false
			}
			return true
		case <-b.ctx.Done():
			b.a.fail(ErrClosed, b.a.turns())
			b.a.pending(true)
			return false
		}
	}
}

// pending lets all those go who wait no longer, and reports whether any is left. With end, the builder ends if not.
func (a *archive) pending(end bool) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	_, complete, _ := a.index().status()
	for w := range a.waiters {
		if complete || w.done() {
			close(w.ready)
			delete(a.waiters, w)
		}
	}
	if end && len(a.waiters) == 0 {
		a.building = false
	}
	return len(a.waiters) > 0
}

// turns is how many have waited so far.
func (a *archive) turns() int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.turn
}

// fail tells those who have waited since before a turn. Who came later may have better luck.
func (a *archive) fail(err error, before int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for w := range a.waiters {
		if w.turn > before {
			continue
		}
		w.err = err
		close(w.ready)
		delete(a.waiters, w)
	}
}

// output opens what a run is unpacked to, for a walk in it.
func (b *builder) output(run int) (io.ReaderAt, error) {
	u := b.outputs[run]
	if u == nil {
		var err error
		if u, err = b.a.lib.unpacking(b.a, run); err != nil {
			return nil, sourceError{err}
		}
		b.outputs[run] = u
	}
	return outputAt{b.ctx, u}, nil
}

// step finds one more entry, or all of them where that costs no more. An error is of the source or the cache, and the next
// step begins where this one did.
func (b *builder) step() error {
	b.in.Forgive()
	err := b.guarded()
	switch source := b.in.Failed(err); {
	case err == nil:
		return nil
	case source != nil:
		return source
	case err == io.EOF:
		err = nil
	case !isFault(err) && !errors.Is(err, ErrNotArchive):
		err = fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	b.w = nil
	b.a.index().finish(err)
	return nil
}

// guarded is advance that survives what strangers have made to break it.
func (b *builder) guarded() (err error) {
	defer func() {
		if p := recover(); p != nil {
			b.a.lib.log.Warn("an archive broke its reader", "archive", b.a.place.File.Path(), "panic", p)
			err = fmt.Errorf("%w: %v", ErrCorrupt, p)
		}
	}()
	return b.advance()
}

func (b *builder) advance() error {
	if b.w == nil {
		if err := b.begin(); err != nil {
			return err
		}
	}
	ix := b.a.index()
	for {
		e, err := b.w.next()
		if err != nil {
			return err
		}
		if err := ix.add(e); err != nil {
			return err
		}
		state := b.w.state()
		ix.went(state, b.w.volumes())
		if state != nil {
			return nil
		}
	}
}

// begin starts a walk where the last one was left, or at the start.
func (b *builder) begin() error {
	a := b.a
	if from := a.index().from(); from != nil && a.format != nil {
		w, err := a.format.walk(b.in, from)
		if err == nil || b.in.Failed(err) != nil {
			b.w = w
			return err
		}
	}
	return b.detect()
}

// took notes that the archive is of a format, and begins its index.
func (b *builder) took(f format, w walker) {
	b.w = w
	b.saved = 0
	b.a.mu.Lock()
	defer b.a.mu.Unlock()
	b.a.format = f
	b.a.ix.Store(newIndex(f.name(), w.state() == nil, b.a.lib.limits))
}

// grown reports whether it is worth it to keep the index.
func (b *builder) grown() bool {
	n, complete, _ := b.a.index().status()
	return complete && n >= b.saved && b.saved >= 0 || n >= b.saved+b.saved/8+16
}

// save keeps the index, if there is more in it than is kept.
func (b *builder) save() {
	ix := b.a.index()
	n, complete, fault := ix.status()
	if b.saved < 0 || n == b.saved && !complete || ix.format == "" || errors.Is(fault, ErrNotArchive) {
		return
	}
	if b.saved = n; complete {
		b.saved = -1 // that is all
	}
	data := ix.encode()
	err := fmt.Errorf("archive: the list takes %d bytes", len(data))
	if len(data) <= MaxBlob {
		err = b.a.lib.cache.Save(b.a.key, "index", data)
	}
	if err != nil {
		b.a.lib.log.Warn("the list of an archive cannot be kept", "archive", b.a.place.File.Path(), "err", err)
	}
}

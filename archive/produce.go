package archive

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"time"
)

// produce is the goroutine that unpacks. It rests when nobody wants more, and ends when that goes on for a while.
func (u *unpacking) produce() {
	defer u.a.lib.release(u)
	var d *decoding
	defer func() { d.close() }()
	for {
		job, ok := u.next(d)
		if !ok {
			return
		}
		before := u.turns()
		var err error
		if d, err = u.follow(d, job); err != nil {
			d.close()
			d = nil
			u.forget()
			if !errors.Is(err, errIdle) {
				u.fail(err, before)
			}
		}
	}
}

// A job is what the decoder has to do next: to go on, or first to be where it can get at a place.
type job struct {
	place int64 // unknownSize: go on
}

// next says what to do next, and waits until there is something. Not ok: it is time to end.
func (u *unpacking) next(d *decoding) (j job, ok bool) {
	var rest, end <-chan time.Time
	for {
		if u.a.lib.ctx.Err() != nil {
			u.stop(true)
			return j, false
		}
		if j, ok := u.wanted(d); ok {
			if d != nil {
				d.grant.wake()
				d.given.Store(false)
			}
			return j, true
		}
		if d == nil || d.over || d.given.Load() {
			if u.stop(false) {
				return j, false
			}
			continue
		}
		if rest == nil {
			t := time.NewTimer(restTime)
			defer t.Stop()
			e := time.NewTimer(idleTime)
			defer e.Stop()
			rest, end = t.C, e.C
			d.grant.rest(func() {
				d.given.Store(true)
				u.wake()
			})
		}
		select {
		case <-u.poke:
		case <-rest:
			d.in.Rest()
		case <-end:
			d.given.Store(true)
		case <-u.a.lib.ctx.Done():
		}
	}
}

// stop ends the decoder unless somebody waits; with always, in any case.
func (u *unpacking) stop(always bool) (ok bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if w := u.oldest(); w != nil && !always {
		return false
	}
	u.producing, u.buf = false, nil
	u.from, u.pos = 0, 0
	u.broadcast()
	return true
}

// forget notes that there is no decoder.
func (u *unpacking) forget() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.from, u.pos, u.buf = 0, 0, nil
}

// wanted returns what readers want, if anything.
func (u *unpacking) wanted(d *decoding) (job, bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if w := u.oldest(); w != nil {
		if d == nil {
			return job{w.at}, true
		}
		if w.at < u.pos || w.at-u.pos > checkpointed && !w.looked {
			// Whoever can be served on the way goes first, or two readers would drag the decoder to and fro.
			if other := u.ahead(); other != nil && u.pos-u.from < checkpointed {
				return job{unknownSize}, true
			}
			w.looked = true
			return job{w.at}, true
		}
		return job{unknownSize}, true
	}
	if d == nil {
		return job{}, false
	}
	chunk := u.store.chunk
	if u.pos%chunk == 0 && u.store.has(u.pos/chunk) {
		return job{}, false // it has been here before; nobody waits for what comes next
	}
	for r := range u.readers {
		if r.at >= u.from && u.pos < min(r.at+readAhead, r.limit) && r.at < u.pos && !u.over() {
			return job{unknownSize}, true
		}
	}
	return job{}, false
}

// over reports whether the decoder has nothing more to give. The caller has locked mu.
func (u *unpacking) over() bool {
	return u.fault != nil && u.pos >= u.faultAt || u.end >= 0 && u.pos >= u.end
}

// oldest returns the reader who has waited for longest for what is not here. The caller has locked mu.
func (u *unpacking) oldest() (oldest *runReader) {
	for r := range u.readers {
		if u.waits(r) && (oldest == nil || r.turn < oldest.turn) {
			oldest = r
		}
	}
	return oldest
}

// ahead returns a reader who waits for what comes next. The caller has locked mu.
func (u *unpacking) ahead() *runReader {
	for r := range u.readers {
		if u.waits(r) && r.at >= u.pos {
			return r
		}
	}
	return nil
}

// waits reports whether r waits for what is not here, and may come. The caller has locked mu.
func (u *unpacking) waits(r *runReader) bool {
	chunk := u.store.chunk
	switch {
	case r.turn == 0, u.a.fault(r.e) != nil, u.fault != nil && r.at >= u.faultAt, u.end >= 0 && r.at >= u.end:
		return false
	case u.buf != nil && r.at < u.pos && r.at/chunk == u.bufChunk():
		return false
	}
	return !u.store.has(r.at / chunk)
}

// follow does a job with d, which may be nil, and returns the decoding that did it, also with an error. Errors are not of the
// archive: those are noted.
func (u *unpacking) follow(d *decoding, j job) (_ *decoding, err error) {
	if j.place >= 0 {
		if d, err = u.enter(d, j.place); err != nil || d.over {
			return d, err
		}
	}
	d.in.Forgive()
	err = d.guarded()
	if source := d.in.Failed(err); source != nil {
		return d, source
	}
	var room cacheError
	if errors.As(err, &room) {
		return d, room.err
	}
	if err != nil {
		if !isFault(err) {
			err = fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
		u.breakOff(d.pos, err)
		d.over = true
	}
	return d, nil
}

// A cacheError is what the cache failed with: no fault of the archive.
type cacheError struct{ err error }

func (e cacheError) Error() string { return e.err.Error() }
func (e cacheError) Unwrap() error { return e.err }

// publish makes what was unpacked up to pos known, in the chunk that buf is part of.
func (u *unpacking) publish(buf []byte, pos int64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.buf, u.pos = buf, pos
	u.broadcast()
}

// finish notes the end of the run.
func (u *unpacking) finish(end int64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.end = end
	u.broadcast()
}

// spoil notes that a member is wrong, which is at [from, to) of the run, and forgets what was kept of it.
func (u *unpacking) spoil(e *entry, from, to int64, err error) {
	u.a.setFault(e, fmt.Errorf("%s: %s: %w", u.a.place.File.Path(), e.Raw, err))
	chunk := u.store.chunk
	for i := from / chunk; i*chunk < to; i++ {
		u.store.discard(i, i*chunk < from)
	}
}

// crc continues a CRC-32 as zip has it.
func crc(sum uint32, p []byte) uint32 { return crc32.Update(sum, crc32.IEEETable, p) }

// atEnd reports whether r has nothing more to give. An error is its own.
func atEnd(r io.Reader) (bool, error) {
	var one [1]byte
	for range 100 {
		n, err := r.Read(one[:])
		switch {
		case n > 0:
			return false, nil
		case err == io.EOF:
			return true, nil
		case err != nil:
			return false, err
		}
	}
	return false, io.ErrNoProgress
}

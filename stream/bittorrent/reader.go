package bittorrent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/zeronetscript/universal_p2p/stream"
	"github.com/zeronetscript/universal_p2p/stream/store"
)

// wakeEvery is how many bytes a reader moves on before the picker looks at its window again.
const wakeEvery = 128 << 10

// A reader reads one file. It takes verified bytes from the store, or with early also those that have just come in, and waits
// for what is missing; the picker sees what it needs.
type reader struct {
	f      *file
	ctx    context.Context
	need   *need // registered with the swarm from the first Read on
	pos    int64 // in the file
	expect int64 // behind the last byte the caller will read, in the file; 0: not said
	told   int64 // pos when the picker was last told
	early  bool
	joined bool
	closed bool
}

var (
	_ io.ReadSeekCloser = (*reader)(nil)
	_ stream.Expecter   = (*reader)(nil)
)

func newReader(ctx context.Context, f *file, early bool) *reader {
	return &reader{f: f, ctx: ctx, early: early}
}

// Expect implements stream.Expecter.
func (r *reader) Expect(off, n int64) {
	if off >= 0 && n >= 0 && off <= r.f.size {
		r.expect = off + min(n, r.f.size-off)
	}
}

// Seek never blocks: what is at the new place is fetched once it is read.
func (r *reader) Seek(off int64, whence int) (int64, error) {
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		off += r.pos
	case io.SeekEnd:
		off += r.f.size
	default:
		return 0, fmt.Errorf("bittorrent: seek: bad whence %d", whence)
	}
	if off < 0 {
		return 0, fmt.Errorf("bittorrent: seek to %d", off)
	}
	r.pos = off
	return off, nil
}

// Read returns at most what is left of a piece.
func (r *reader) Read(p []byte) (int, error) {
	if r.closed || r.f.s.life.Err() != nil {
		return 0, fmt.Errorf("bittorrent: %s: %w", r.f.path, stream.ErrClosed)
	}
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	if r.pos >= r.f.size {
		return 0, io.EOF
	}
	if len(p) == 0 {
		return 0, nil
	}
	if err := r.join(); err != nil {
		return 0, err
	}
	l := r.f.s.layout
	i, in := l.piece(r.f.offset + r.pos)
	p = p[:min(int64(len(p)), r.f.size-r.pos, l.size(i)-in)]
	for {
		n, err := r.take(i, p, in)
		if err == nil && r.ends(n) && r.pending() {
			// The last chance to say that something was wrong, and it is not long until that is known.
			if err := r.wait(func() bool { return !r.pending() }); err != nil {
				return 0, err
			}
			continue
		}
		if err == nil {
			r.moved(n)
			return n, nil
		}
		if !errors.Is(err, store.ErrMissing) {
			if r.f.s.life.Err() != nil {
				err = stream.ErrClosed // the store's object is closed after us
			}
			return 0, fmt.Errorf("bittorrent: %s: %w", r.f.path, spaceError(err))
		}
		if err := r.wait(func() bool { return r.here(i, in) }); err != nil {
			return 0, err
		}
	}
}

// join registers the reader's need, or moves it after a Seek.
func (r *reader) join() error {
	s := r.f.s
	at := r.f.offset + r.pos
	if !r.joined {
		r.need = &need{
			file: r.f, early: r.early, pos: at, end: max(at, r.f.offset+r.expect), said: r.expect > r.pos,
			wake: make(chan struct{}, 1), served: make(map[int]struct{}),
		}
		s.add(r.need)
		r.joined, r.told = true, r.pos
		s.set.signal()
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.need.err != nil {
		return r.need.err
	}
	if r.need.pos != at {
		r.need.pos, r.need.end, r.need.run = at, max(at, r.f.offset+r.expect), 0
		r.need.said = r.expect > r.pos
		r.told = r.pos
		s.adopt(r.need)
		s.set.signal()
	}
	return nil
}

// take reads from the store: verified bytes, else with early those written so far.
func (r *reader) take(i int, p []byte, in int64) (int, error) {
	s := r.f.s
	n, err := s.obj.ReadAt(i, p, in)
	if err == nil || !r.early || !errors.Is(err, store.ErrMissing) {
		return n, err
	}
	failures, ours := s.filling(i)
	if !ours {
		return 0, err
	}
	if n, err = s.obj.ReadFilling(i, p, in); err != nil {
		return 0, err
	}
	if n == 0 || !s.passOn(r.need, i, failures) {
		return 0, store.ErrMissing
	}
	return n, nil
}

// moved notes that n bytes were read.
func (r *reader) moved(n int) {
	s := r.f.s
	r.pos += int64(n)
	s.mu.Lock()
	r.need.pos += int64(n)
	r.need.run += int64(n)
	s.mu.Unlock()
	if r.pos-r.told >= wakeEvery {
		r.told = r.pos
		s.set.signal()
	}
}

// ends reports whether nothing is left to read behind n bytes more, as far as the caller has said.
func (r *reader) ends(n int) bool {
	to := r.pos + int64(n)
	return r.early && (to == r.f.size || r.need.said && r.f.offset+to == r.need.end)
}

// pending reports whether a piece is all here and about to be verified, of which bytes were passed on.
func (r *reader) pending() bool {
	s := r.f.s
	s.mu.Lock()
	served := slices.Collect(maps.Keys(r.need.served))
	s.mu.Unlock()
	return slices.ContainsFunc(served, s.obj.Filled)
}

// wait waits until ready may report true.
func (r *reader) wait(ready func() bool) error {
	s, n := r.f.s, r.need
	s.mu.Lock()
	n.blocked = true
	s.mu.Unlock()
	if r.early {
		s.waiting.Add(1)
	}
	defer func() {
		if r.early {
			s.waiting.Add(-1)
		}
		s.mu.Lock()
		n.blocked = false
		s.mu.Unlock()
	}()
	if ready() { // it came before we said that we wait for it
		return nil
	}
	s.set.signal()
	select {
	case <-n.wake:
	case <-r.ctx.Done():
		return r.ctx.Err()
	case <-s.life.Done():
		return stream.ErrClosed
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return n.err
}

// here reports whether the byte at in of piece i can be read.
func (r *reader) here(i int, in int64) bool {
	if r.f.s.obj.Has(i) {
		return true
	}
	if !r.early {
		return false
	}
	if _, ours := r.f.s.filling(i); !ours {
		return false
	}
	var one [1]byte
	n, _ := r.f.s.obj.ReadFilling(i, one[:], in)
	return n == 1
}

// Close ends the need. The reader's Read has returned.
func (r *reader) Close() error {
	if r.closed {
		return nil
	}
	r.closed = true
	if r.joined {
		r.f.s.remove(r.need)
	}
	return nil
}

func corruptError(id string, piece int) error {
	return fmt.Errorf("bittorrent: %s: piece %d: %w", id, piece, stream.ErrCorrupt)
}

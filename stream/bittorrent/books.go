package bittorrent

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/zeronetscript/universal_p2p/stream/store"
)

const (
	spaceTime = 3 * time.Second        // a reader waits for the disk or for space on it before it fails
	pauseTime = 500 * time.Millisecond // a piece is left alone when the store could not take a block of it

	// What a closed reader has passed on early is still verified, for so long and so many pieces at most.
	debtTime = time.Minute
	maxDebts = 16
)

// books is what a swarm remembers of pieces that are on their way. The swarm's mutex guards it.
type books struct {
	// begun has the pieces that the picker has begun in the store, until they are verified or gone. What else the store has of a
	// piece that is not verified comes from an earlier visit: the library does not know of it, so that nobody would find it wrong.
	begun map[int]bool

	// owed has the pieces of which readers have passed on bytes before they were verified.
	owed map[int]*debt

	// failures counts what makes unverified bytes void: a reader that has read some looks whether it grew before it passes them on.
	failures int64

	troubles map[int]*trouble // pieces that the store has trouble with
	logged   time.Time        // when that was last said
	wrong    []int            // pieces that have failed their hash, and the picker does not know yet
	lost     []int            // pieces whose bytes are gone, and the picker does not know yet
}

// A debt is that a piece has to be fetched to its end, kept until then and verified: somebody got bytes of it before.
type debt struct {
	hold  *store.Hold
	until time.Time // when it is given up; zero while one of its readers is open
}

// A trouble is a row of failures of the store with one piece.
type trouble struct{ since, last time.Time }

// begin notes that the piece has been begun in the store.
func (k *books) begin(piece int) {
	if k.begun == nil {
		k.begun = make(map[int]bool)
	}
	k.begun[piece] = true
}

// settle ends what is owed for a piece, and reports whether only closed readers owed it.
func (k *books) settle(piece int) (late bool) {
	d := k.owed[piece]
	if d == nil {
		return false
	}
	d.hold.Release()
	delete(k.owed, piece)
	return !d.until.IsZero()
}

// owe notes that n passes on bytes of the piece now.
func (s *swarm) owe(n *need, piece int) {
	if _, ok := n.served[piece]; ok {
		return
	}
	n.served[piece] = struct{}{}
	if d := s.books.owed[piece]; d != nil {
		d.until = time.Time{}
		return
	}
	h := s.obj.Hold()
	h.Set(piece, piece+1)
	if s.books.owed == nil {
		s.books.owed = make(map[int]*debt)
	}
	s.books.owed[piece] = &debt{hold: h}
}

// filling reports whether what the store has of the piece, unverified, is of this swarm, and how much was void so far.
func (s *swarm) filling(piece int) (failures int64, ours bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.books.failures, s.books.begun[piece]
}

// passOn notes that n passes on bytes of the piece that it has just read, unless something has become void meanwhile: then they
// may be the wrong ones.
func (s *swarm) passOn(n *need, piece int, failures int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.books.failures != failures:
		return false
	case s.books.begun[piece]: // else it was verified meanwhile
		s.owe(n, piece)
	}
	return true
}

// bequeath leaves to the swarm what a closed reader owes.
func (s *swarm) bequeath(n *need, now time.Time) {
	for i := range n.served {
		d := s.books.owed[i]
		if d == nil || slices.ContainsFunc(s.needs, func(o *need) bool { _, ok := o.served[i]; return ok }) {
			continue
		}
		d.until = now.Add(debtTime)
	}
	s.dropDebts(func(d *debt) bool { return false }, maxDebts)
}

// dropDebts gives up debts of closed readers: those that ok accepts, and the oldest of them while there are more than most.
func (s *swarm) dropDebts(ok func(*debt) bool, most int) {
	var late []int
	for i, d := range s.books.owed {
		switch {
		case d.until.IsZero():
		case ok(d):
			s.books.settle(i)
		default:
			late = append(late, i)
		}
	}
	if len(late) <= most {
		return
	}
	slices.SortFunc(late, func(a, b int) int { return s.books.owed[a].until.Compare(s.books.owed[b].until) })
	for _, i := range late[:len(late)-most] {
		s.books.settle(i)
	}
}

// owedViews lists the pieces that have to be verified and are in none of the windows.
func (s *swarm) owedViews(now time.Time, windows ...[]view) (owed []view) {
	s.dropDebts(func(d *debt) bool { return now.After(d.until) }, maxDebts)
	for i := range s.books.owed {
		from := int64(i) * s.layout.pieceLength
		in := func(v view) bool { return v.to > v.from && v.reaches(s.layout, i) }
		if !slices.ContainsFunc(windows, func(vs []view) bool { return slices.ContainsFunc(vs, in) }) {
			owed = append(owed, view{from: from, to: from + s.layout.size(i), owed: true})
		}
	}
	slices.SortFunc(owed, func(a, b view) int { return int(min(max(a.from-b.from, -1), 1)) })
	return owed
}

// abandon notes that the piece is given up unverified, unless somebody has passed on bytes of it: then it has to be verified.
func (s *swarm) abandon(piece int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.books.owed[piece] != nil {
		return false
	}
	delete(s.books.begun, piece)
	s.books.failures++
	return true
}

// settled ends what is owed for a piece that is verified.
func (s *swarm) settled(piece int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle(piece)
}

func (s *swarm) settle(piece int) (late bool) {
	for _, n := range s.needs {
		if _, ok := n.served[piece]; ok {
			delete(n.served, piece)
			n.notify() // it may wait for that, at its end
		}
	}
	return s.books.settle(piece)
}

// noteBegun notes that the picker has begun the piece in the store.
func (s *swarm) noteBegun(piece int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.books.begin(piece)
}

func (s *swarm) hasBegun(piece int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.books.begun[piece]
}

// paused reports whether the piece is left alone for a moment, since the store could not take a block of it.
func (s *swarm) paused(piece int, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.books.troubles[piece]
	return t != nil && now.Sub(t.last) < pauseTime
}

// takeVoid returns the pieces that have failed their hash and those that were lost since it was last called.
func (s *swarm) takeVoid() (wrong, lost []int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	wrong, lost = s.books.wrong, s.books.lost
	s.books.wrong, s.books.lost = nil, nil
	return wrong, lost
}

var _ pieceEvents = (*swarm)(nil)

// blockWritten wakes early readers that wait for the block. There are up to 25,000 blocks a second: it takes the mutex only
// if somebody waits.
func (s *swarm) blockWritten(piece int, off, n int64) {
	if s.waiting.Load() == 0 {
		return
	}
	from := int64(piece)*s.layout.pieceLength + off
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.needs {
		if r.blocked && r.early && r.pos >= from && r.pos < from+n {
			r.notify()
		}
	}
}

// blockFailed has the picker leave the piece alone for a moment, else it would ask for the block at once and again and again.
func (s *swarm) blockFailed(piece int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trouble(piece, err)
	s.set.signal()
}

// pieceVerified wakes the readers that wait for the piece.
func (s *swarm) pieceVerified(piece int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.books.begun, piece)
	delete(s.books.troubles, piece)
	s.settle(piece)
	for _, r := range s.needs {
		if i, _ := s.layout.piece(r.pos); r.blocked && i == piece {
			r.notify()
		}
	}
	s.set.signal()
}

// pieceFailed fails the readers that have passed on bytes of the piece.
func (s *swarm) pieceFailed(piece int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.books.wrong = append(s.books.wrong, piece)
	s.void(piece, corruptError(s.id, piece))
}

// pieceLost fails the readers that have passed on bytes of the piece too: now nobody can say whether they were right.
func (s *swarm) pieceLost(piece int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if errors.Is(err, store.ErrMissing) && !s.books.begun[piece] {
		return // a late block of what nobody wants any more
	}
	s.books.lost = append(s.books.lost, piece)
	s.void(piece, fmt.Errorf("bittorrent: %s: piece %d was lost before it was verified: %w", s.id, piece, spaceError(err)))
	if !errors.Is(err, store.ErrMissing) {
		s.trouble(piece, err)
	}
}

// void notes that the bytes of the piece are gone, and fails the readers that have passed some on.
func (s *swarm) void(piece int, err error) {
	delete(s.books.begun, piece)
	s.books.failures++
	for _, r := range s.needs {
		if _, ok := r.served[piece]; ok {
			r.fail(err)
		}
	}
	if s.settle(piece) {
		s.log.Warn("bytes that were sent early cannot be vouched for", "root", s.id, "err", err)
	}
	s.set.signal()
}

// trouble notes that the store has failed with a piece, and fails those who have waited for it long enough.
func (s *swarm) trouble(piece int, err error) {
	now := time.Now()
	t := s.books.troubles[piece]
	if now.Sub(s.books.logged) > time.Minute {
		s.books.logged = now
		s.log.Warn("a piece cannot be stored", "root", s.id, "piece", piece, "err", err)
	}
	if t == nil || now.Sub(t.last) > 2*spaceTime {
		t = &trouble{since: now}
		if s.books.troubles == nil {
			s.books.troubles = make(map[int]*trouble)
		}
		s.books.troubles[piece] = t
	}
	t.last = now
	if now.Sub(t.since) < spaceTime {
		return
	}
	delete(s.books.troubles, piece) // the next reader waits as long
	for _, r := range s.needs {
		if i, _ := s.layout.piece(r.pos); i == piece {
			r.fail(fmt.Errorf("bittorrent: %s: piece %d: %w", s.id, piece, spaceError(err)))
		}
	}
}

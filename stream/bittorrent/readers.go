package bittorrent

import (
	"fmt"
	"slices"
	"time"
)

// What the readers of a swarm, its picker and its storage tell each other. Everything here takes the swarm's mutex.

// add registers what a new reader needs. It goes on where a closed one ended, if it starts there.
func (s *swarm) add(n *need) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n.hold = s.obj.Hold()
	s.needs = append(s.needs, n)
	s.adopt(n)
}

// adopt takes over the glow that n continues, and ends those of its file that a jump has left behind.
func (s *swarm) adopt(n *need) {
	s.glows = slices.DeleteFunc(s.glows, func(g glow) bool {
		if g.file != n.file {
			return false
		}
		if g.follows(n.pos) {
			n.run = max(n.run, g.run)
		}
		return true
	})
}

// remove takes back what a reader needed.
func (s *swarm) remove(n *need) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.Index(s.needs, n)
	if i < 0 {
		return
	}
	s.needs = slices.Delete(s.needs, i, i+1)
	n.hold.Release()
	s.bequeath(n, time.Now())
	// One that was closed before its end has been left: its client is gone, or plays elsewhere.
	if n.pos >= n.end && n.run >= minAhead && n.pos < n.file.offset+n.file.size {
		s.glows = append(s.glows, glow{n.file, n.pos, n.run, n.early, time.Now().Add(glowTime)})
	}
	s.set.signal()
}

// views is what is wanted now: by readers, by what closed ones have left behind, and to verify what was passed on early. When it is
// tight, readers want no more than the piece that each stands at, and closed ones nothing.
func (s *swarm) views(now time.Time, rate float64, tight bool) (needs, glows, owed []view) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.glows = slices.DeleteFunc(s.glows, func(g glow) bool { return now.After(g.until) })
	if tight {
		for _, n := range s.needs {
			_, in := s.layout.piece(n.pos)
			needs = append(needs, n.window(s.layout.pieceLength-in))
		}
		s.dropDebts(func(*debt) bool { return true }, 0)
		return needs, nil, s.owedViews(now, needs)
	}
	if len(s.needs)+len(s.glows) > 0 {
		limit := aheadLimit(rate, s.b.store.Quota(), s.layout.pieceLength, len(s.needs)+len(s.glows))
		for _, n := range s.needs {
			needs = append(needs, n.window(limit))
		}
		for _, g := range s.glows {
			to := min(g.pos+min(g.run, limit), g.file.offset+g.file.size)
			glows = append(glows, view{from: g.pos, to: to, early: g.early})
		}
	}
	return needs, glows, s.owedViews(now, needs, glows)
}

// hold keeps the pieces [from, to) of a reader's window in the store.
func (s *swarm) hold(n *need, from, to int) {
	if n == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.Contains(s.needs, n) {
		n.hold.Set(from, to)
	}
}

// noSpace fails the reader n, which has waited for disk space for too long.
func (s *swarm) noSpace(n *need, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n.fail(fmt.Errorf("bittorrent: %s: %w", s.id, spaceError(err)))
}

// pieceDropped notes that the store has recycled a piece. The store may be in the middle of anything.
func (s *swarm) pieceDropped(piece int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone == nil {
		s.gone = make(map[int]bool)
	}
	s.gone[piece] = true
	s.set.signal()
}

// takeGone returns the pieces that were recycled since it was last called.
func (s *swarm) takeGone() map[int]bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	gone := s.gone
	s.gone = nil
	return gone
}

// releaseHolds lets go of all windows when the picker stops.
func (s *swarm) releaseHolds() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.needs {
		n.hold.Set(0, 0)
	}
	for i := range s.books.owed {
		s.books.settle(i)
	}
}

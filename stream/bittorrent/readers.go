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
	// One that was closed before its end has been left: its client is gone, or plays elsewhere.
	if n.pos >= n.end && n.run >= minAhead && n.pos < n.file.offset+n.file.size {
		s.glows = append(s.glows, glow{n.file, n.pos, n.run, n.early, time.Now().Add(glowTime)})
	}
	s.set.signal()
}

// views is what is wanted now.
func (s *swarm) views(now time.Time, rate float64) (needs, glows []view) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.glows = slices.DeleteFunc(s.glows, func(g glow) bool { return now.After(g.until) })
	if len(s.needs)+len(s.glows) == 0 {
		return nil, nil
	}
	limit := aheadLimit(rate, s.b.store.Usage().Quota, s.layout.pieceLength, len(s.needs)+len(s.glows))
	for _, n := range s.needs {
		needs = append(needs, n.window(limit))
	}
	for _, g := range s.glows {
		to := min(g.pos+min(g.run, limit), g.file.offset+g.file.size)
		glows = append(glows, view{from: g.pos, to: to, early: g.early})
	}
	return needs, glows
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

// noSpace notes that there is no room for the window of v, and fails its reader if it has waited for that.
func (s *swarm) noSpace(v view, now time.Time, err error) {
	if v.need == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if v.need.blocked && now.Sub(v.need.since) > spaceTime {
		v.need.err = fmt.Errorf("bittorrent: %s: %w", s.id, spaceError(err))
		v.need.notify()
	}
}

// takeWrong returns the pieces that have failed their hash since it was last called.
func (s *swarm) takeWrong() []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	wrong := s.wrong
	s.wrong = nil
	return wrong
}

// pieceDropped notes that the store has recycled a piece. The store may be in the middle of anything.
func (s *swarm) pieceDropped(piece int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone == nil {
		s.gone = make(map[int]bool)
	}
	s.gone[piece] = true
}

// takeGone returns the pieces that were recycled since it was last called.
func (s *swarm) takeGone() map[int]bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	gone := s.gone
	s.gone = nil
	return gone
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

// pieceVerified wakes the readers that wait for the piece.
func (s *swarm) pieceVerified(piece int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.needs {
		delete(r.served, piece)
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
	s.wrong = append(s.wrong, piece)
	for _, r := range s.needs {
		if _, ok := r.served[piece]; ok {
			r.err = corruptError(s.id, piece)
			r.notify()
		}
	}
	s.set.signal()
}

// releaseHolds lets go of all windows when the picker stops.
func (s *swarm) releaseHolds() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.needs {
		n.hold.Set(0, 0)
	}
}

package web

import (
	"context"
	"slices"
	"sync"
)

// slots bounds the requests for content that are answered at the same time, and those that wait for their turn to as many
// again. One site gets half of either at most, so that one that asks for everything leaves something to the others. How much a
// site may have at all is not decided here but by the gate.
type slots struct {
	most int // in all

	mu    sync.Mutex
	inUse int
	taken map[string]int // by site
	queue []*waiter      // oldest first; whoever could have a free slot is not here any more
}

type waiter struct {
	site string
	turn chan struct{} // closed when the slot is there
}

func newSlots(most int) *slots {
	return &slots{most: most, taken: make(map[string]int)}
}

// share is how many slots a site gets at most.
func (s *slots) share() int { return (s.most + 1) / 2 }

// take waits for a slot until ctx is done, and not at all when too many wait. Without an error the slot is to be given back
// with release.
func (s *slots) take(ctx context.Context, site string) error {
	s.mu.Lock()
	if s.inUse < s.most && s.taken[site] < s.share() {
		s.grant(site)
		s.mu.Unlock()
		return nil
	}
	if len(s.queue) >= s.most || s.waiting(site) >= s.share() {
		s.mu.Unlock()
		return errBusy
	}
	w := &waiter{site, make(chan struct{})}
	s.queue = append(s.queue, w)
	s.mu.Unlock()

	select {
	case <-w.turn:
		return nil
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := slices.Index(s.queue, w); i >= 0 {
		s.queue = slices.Delete(s.queue, i, i+1)
		return errBusy
	}
	return nil // it came at the last moment
}

// release gives a slot back, and on to the oldest waiter that may have one.
func (s *slots) release(site string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inUse--
	if s.taken[site]--; s.taken[site] == 0 {
		delete(s.taken, site)
	}
	i := slices.IndexFunc(s.queue, func(w *waiter) bool { return s.taken[w.site] < s.share() })
	if i < 0 {
		return
	}
	w := s.queue[i]
	s.queue = slices.Delete(s.queue, i, i+1)
	s.grant(w.site)
	close(w.turn)
}

func (s *slots) grant(site string) {
	s.inUse++
	s.taken[site]++
}

func (s *slots) waiting(site string) (n int) {
	for _, w := range s.queue {
		if w.site == site {
			n++
		}
	}
	return n
}

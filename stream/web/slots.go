package web

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"sync"
)

// slots bounds the requests for content that are answered at the same time, and those that wait for their turn to as many
// again. One origin gets half of either at most, so that a page that asks for everything leaves something to the others.
type slots struct {
	most int // in all

	mu    sync.Mutex
	inUse int
	taken map[string]int // by origin
	queue []*waiter      // oldest first; whoever could have a free slot is not here any more
}

type waiter struct {
	origin string
	turn   chan struct{} // closed when the slot is there
}

func newSlots(most int) *slots {
	return &slots{most: most, taken: make(map[string]int)}
}

// share is how many slots an origin gets at most.
func (s *slots) share(origin string) int {
	if origin == hiddenPage {
		return (s.most + 3) / 4
	}
	return (s.most + 1) / 2
}

// take waits for a slot until ctx is done, and not at all when too many wait. Without an error the slot is to be given back
// with release.
func (s *slots) take(ctx context.Context, origin string) error {
	s.mu.Lock()
	if s.inUse < s.most && s.taken[origin] < s.share(origin) {
		s.grant(origin)
		s.mu.Unlock()
		return nil
	}
	if len(s.queue) >= s.most || s.waiting(origin) >= s.share(origin) {
		s.mu.Unlock()
		return errBusy
	}
	w := &waiter{origin, make(chan struct{})}
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
func (s *slots) release(origin string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inUse--
	if s.taken[origin]--; s.taken[origin] == 0 {
		delete(s.taken, origin)
	}
	i := slices.IndexFunc(s.queue, func(w *waiter) bool { return s.taken[w.origin] < s.share(w.origin) })
	if i < 0 {
		return
	}
	w := s.queue[i]
	s.queue = slices.Delete(s.queue, i, i+1)
	s.grant(w.origin)
	close(w.turn)
}

func (s *slots) grant(origin string) {
	s.inUse++
	s.taken[origin]++
}

func (s *slots) waiting(origin string) (n int) {
	for _, w := range s.queue {
		if w.origin == origin {
			n++
		}
	}
	return n
}

// hiddenPage stands for all pages that do not let the browser say who they are.
const hiddenPage = "null"

// originOf returns the origin that asks, as far as the browser says it; hiddenPage where it only says that there is a page; and ""
// for all that say nothing, which are players outside of browsers.
func originOf(header http.Header) string {
	if o := header.Get("Origin"); o != "" && o != "null" {
		return o
	}
	u, err := url.Parse(header.Get("Referer"))
	switch {
	case err == nil && u.Host != "":
		return u.Scheme + "://" + u.Host
	case header.Get("Origin") != "" || fromPage(header.Get("Sec-Fetch-Site")):
		return hiddenPage
	}
	return ""
}

// fromPage reports whether Sec-Fetch-Site says that a page asks, and not the user by the address bar ("none").
func fromPage(site string) bool { return site != "" && site != "none" }

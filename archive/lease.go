package archive

import (
	"context"
	"errors"
	"sync"
	"time"
)

// A lease is the right to read the files of one archive, for as long as one request lasts: its Place is of a tree that is closed
// afterwards. What goes on for several requests (a walk, a run) reads by the lease of any of them.
type lease struct {
	place Place
	ctx   context.Context // ends with the lease, not with the request
	end   context.CancelFunc
	of    *leases

	mu     sync.Mutex
	ended  bool
	opened map[*sourceAt]struct{} // with a reader by this lease
}

// leases are those of one archive.
type leases struct {
	ctx  context.Context // of the library
	idle time.Duration   // how long a reader waits for a lease

	mu    sync.Mutex
	all   []*lease
	added chan struct{} // closed when there is one again
}

func newLeases(ctx context.Context, idle time.Duration) *leases {
	return &leases{ctx: ctx, idle: idle, added: make(chan struct{})}
}

// take adds a lease, to be released.
func (ls *leases) take(p Place) *lease {
	l := &lease{place: p, of: ls, opened: make(map[*sourceAt]struct{})}
	l.ctx, l.end = context.WithCancel(ls.ctx)
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if ls.all = append(ls.all, l); len(ls.all) == 1 {
		close(ls.added)
	}
	return l
}

// release ends the lease and returns once nothing is read by it any more. A second release does nothing.
func (l *lease) release() {
	l.of.drop(l)
	l.end()
	l.mu.Lock()
	l.ended = true
	opened := l.opened
	l.opened = nil
	l.mu.Unlock()
	for v := range opened {
		v.leave(l)
	}
}

func (ls *leases) drop(l *lease) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	for i, other := range ls.all {
		if other != l {
			continue
		}
		ls.all = append(ls.all[:i:i], ls.all[i+1:]...)
		if len(ls.all) == 0 {
			ls.added = make(chan struct{})
		}
		return
	}
}

// errIdle ends what nobody reads for any more. No reader sees it.
var errIdle = errors.New("archive: nobody reads")

// get returns the newest lease, and waits for one when there is none: nobody is there then to read for.
func (ls *leases) get(ctx context.Context) (*lease, error) {
	var timeout <-chan time.Time
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		ls.mu.Lock()
		if n := len(ls.all); n > 0 {
			defer ls.mu.Unlock()
			return ls.all[n-1], nil
		}
		added := ls.added
		ls.mu.Unlock()
		if timeout == nil {
			t := time.NewTimer(ls.idle)
			defer t.Stop()
			timeout = t.C
		}
		select {
		case <-added:
		case <-ctx.Done():
		case <-timeout:
			return nil, errIdle
		}
	}
}

// note says that v has a reader by this lease. Not ok: it has ended.
func (l *lease) note(v *sourceAt) (ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.ended {
		l.opened[v] = struct{}{}
	}
	return !l.ended
}

func (l *lease) forget(v *sourceAt) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.opened, v)
}

package store

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

const (
	saveAfter    = time.Minute      // object.json of a root that was used
	saveNewAfter = time.Second      // of a new one
	surveyAfter  = time.Minute      // when the program has started, and the system too
	syncAfter    = 30 * time.Second // chunks: by then the system has written most of them, and some are gone
)

// keeper is the one goroutine of a Store. It sleeps until something is due, and for ever when nothing is.
type keeper struct {
	cancel context.CancelFunc
	done   chan struct{}
	poke   chan struct{}

	mu      sync.Mutex // after Store.mu
	trimDue time.Time  // zero: nothing to do
	saveDue time.Time
	syncDue time.Time
	lookDue time.Time

	unsynced  []*chunk // committed since the last round; Store.mu guards this and the next
	compactAt int      // when it is so long, forget those that have gone
}

// stop ends the goroutine and waits for it.
func (k *keeper) stop() {
	k.cancel()
	<-k.done
}

// wake makes something due in a while, unless it is due before.
func (k *keeper) wake(due *time.Time, in time.Duration) {
	at := time.Now().Add(in)
	k.mu.Lock()
	sooner := due.IsZero() || at.Before(*due)
	if sooner {
		*due = at
	}
	k.mu.Unlock()
	if sooner {
		select {
		case k.poke <- struct{}{}:
		default:
		}
	}
}

// next is the time of what is due first, zero when nothing is.
func (k *keeper) next() (first time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, t := range []time.Time{k.trimDue, k.saveDue, k.syncDue, k.lookDue} {
		if !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	return first
}

// take reports whether something is due now, and makes it not due.
func (k *keeper) take(due *time.Time) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if due.IsZero() || due.After(time.Now()) {
		return false
	}
	*due = time.Time{}
	return true
}

// keep does what is due until the store is closed.
func (s *Store) keep(ctx context.Context) {
	k := &s.keeper
	defer close(k.done)
	for {
		var timer <-chan time.Time
		if at := k.next(); !at.IsZero() {
			timer = time.After(time.Until(at))
		}
		select {
		case <-ctx.Done():
			return
		case <-k.poke:
			continue
		case <-timer:
		}
		if k.take(&k.trimDue) {
			s.trim() // what is still held comes back here when it is let go
			s.tell()
		}
		if k.take(&k.saveDue) {
			if err := s.saveRoots(ctx); err != nil && ctx.Err() == nil {
				s.log.Warn("cannot save what was used when", "err", err)
				k.wake(&k.saveDue, saveAfter)
			}
		}
		if k.take(&k.syncDue) {
			s.syncChunks(ctx)
		}
		if k.take(&k.lookDue) {
			s.survey(ctx)
		}
	}
}

// saveRoots writes every object.json that is behind.
func (s *Store) saveRoots(ctx context.Context) error {
	s.mu.Lock()
	var dirty []*root
	for _, r := range s.roots {
		if r.dirty {
			dirty = append(dirty, r)
		}
	}
	s.mu.Unlock()
	var errs []error
	for _, r := range dirty {
		if ctx.Err() != nil {
			break
		}
		errs = append(errs, s.saveRoot(r))
	}
	return errors.Join(errs...)
}

// toSync notes that c was committed; s.mu is held.
func (s *Store) toSync(c *chunk) {
	k := &s.keeper
	if len(k.unsynced) >= k.compactAt {
		k.unsynced = slices.DeleteFunc(k.unsynced, func(c *chunk) bool { return c.state == gone })
		k.compactAt = max(1024, 2*len(k.unsynced))
	}
	k.unsynced = append(k.unsynced, c)
	s.keeper.wake(&s.keeper.syncDue, syncAfter)
}

// syncChunks brings to the disk what was committed since the last time and still exists, then the names in the folders.
func (s *Store) syncChunks(ctx context.Context) {
	s.mu.Lock()
	chunks := s.keeper.unsynced
	s.keeper.unsynced = nil
	s.mu.Unlock()
	folders := make(map[string]bool)
	for _, c := range chunks {
		if ctx.Err() != nil {
			return
		}
		if s.use(c) != nil {
			continue
		}
		err := syncFile(c)
		c.io.RUnlock()
		if err != nil { // then nobody knows what is on the disk
			s.log.Warn("cannot write a chunk to the disk", "root", c.root.key, "chunk", c.i, "err", err)
			c.io.Lock()
			c.trusted = false
			c.io.Unlock()
			continue
		}
		folders[c.root.shardDir(int(c.i))] = true
	}
	for dir := range folders {
		if ctx.Err() != nil {
			return
		}
		syncDir(dir) // the folder may be gone; if it cannot be synced, a crash loses names, and what they name is fetched again
	}
}

package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

const (
	sideShare = 8                // roots that are nothing but side files go first once they have more than this part of the quota
	busyWait  = time.Millisecond // between looks at chunks that are in use
	busyTries = 1000
	fullTries = 64 // chunks to evict for one write that the disk refuses
)

// claim books n bytes for r, and a place in its folder for chunk i unless i is negative, after evicting others until that
// fits the quota and the reserve. Nothing is evicted for what can never fit. The caller holds at most the io of a chunk that
// is in no list, and r.files. An heir may get the file of what was evicted.
func (s *Store) claim(r *root, n int64, i int, h *heir) error {
	if ok, err := s.tryClaim(r, n, i); ok || err != nil {
		return err
	}
	s.room.Lock()
	defer s.room.Unlock()
	for {
		s.askDisk()
		if ok, err := s.tryClaim(r, n, i); ok || err != nil {
			return err
		}
		if _, err := s.evictFor(n, h); err != nil {
			return err
		}
	}
}

// An heir is a chunk that is about to be made. The file of a chunk of the same size that is evicted for it becomes its own: at
// a full quota every new chunk takes the place of an old one, and ext4 for one is slow to make files in the minutes after many
// were deleted (half a millisecond each instead of a twentieth: it looks for an inode that was not in use lately). What is in
// the file is never read before it is written over, since reads ask fill. A file with a second name, by a hard link of somebody
// else, is not inherited.
type heir struct {
	path  string // of its .part
	size  int64
	taken bool // the file is there
}

// inherit makes path the file of h, if it fits, and reports whether it did.
func (h *heir) inherit(path string, size int64) bool {
	if h == nil || h.taken || h.size != size || !soleName(path) {
		return false
	}
	err := os.Rename(path, h.path)
	if errors.Is(err, fs.ErrNotExist) && os.MkdirAll(filepath.Dir(h.path), 0o700) == nil {
		err = os.Rename(path, h.path)
	}
	h.taken = err == nil
	return h.taken
}

// tryClaim is claim without evicting: ok is false when room has to be made first.
func (s *Store) tryClaim(r *root, n int64, i int) (ok bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false, fs.ErrClosed
	}
	if i >= 0 {
		n += s.placeCost(r, i)
	}
	if n+s.base+s.keptBytes > s.quota {
		return false, fmt.Errorf("%w: %d bytes of %d", ErrFull, n, s.quota)
	}
	if s.used+n > s.quota || s.now() >= s.diskNext || s.diskFree-n < s.reserve {
		return false, nil
	}
	if i >= 0 {
		n -= s.placeCost(r, i)
		s.enter(r, i)
	}
	s.book(r, n)
	return true, nil
}

// askDisk looks how much space is free, unless it did so a moment ago. Since then the sums are ours alone.
func (s *Store) askDisk() {
	s.mu.Lock()
	due := s.now() >= s.diskNext
	s.mu.Unlock()
	if !due {
		return
	}
	free, _, err := s.avail()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.diskNext = s.now() + diskFresh; err != nil {
		s.log.Warn("the disk does not say what is free", "err", err)
		free = 1 << 62
	}
	s.diskFree = free - s.filling.bytes // which may not have been written yet
}

// trim evicts until the store is inside its limits.
func (s *Store) trim() error {
	s.room.Lock()
	defer s.room.Unlock()
	for {
		s.askDisk()
		s.mu.Lock()
		over := !s.closed && (s.used > s.quota || s.diskFree < s.reserve)
		s.mu.Unlock()
		if !over {
			return nil
		}
		if _, err := s.evict(0); err != nil {
			return err
		}
	}
}

// withRoom calls f, and again each time something was evicted, while the disk has no space for it.
func (s *Store) withRoom(f func() error) error {
	for tries := 0; ; tries++ {
		err := f()
		if err == nil || !noSpace(err) || errors.Is(err, ErrFull) {
			return err
		}
		s.mu.Lock()
		s.diskNext = 0 // others take space too
		s.mu.Unlock()
		if tries == fullTries {
			return fmt.Errorf("%w: %w", ErrFull, err)
		}
		s.room.Lock()
		_, evictErr := s.evict(0)
		s.room.Unlock()
		if evictErr != nil {
			return fmt.Errorf("%w: %w", evictErr, err)
		}
	}
}

// evict is evictFor without an heir.
func (s *Store) evict(n int64) (freed int64, err error) { return s.evictFor(n, nil) }

// evictFor drops one chunk, or a root of which only side files are left, to make room for n bytes, and returns the bytes freed.
// Nothing to drop is ErrFull. s.room is held.
func (s *Store) evictFor(n int64, h *heir) (freed int64, err error) {
	failed, stuck := 0, false
	for range busyTries {
		s.mu.Lock()
		if s.diskFree-n < s.reserve {
			s.diskNext = s.now() + diskTrust
		}
		var c *chunk
		busy, sideFiles := false, s.bareBytes > s.quota/sideShare && !stuck
		if !sideFiles {
			if c, busy = s.victim(); c != nil {
				s.beginDrop(c)
			}
		}
		s.mu.Unlock()

		switch {
		case c != nil:
			freed, err = s.finishDrop(c, h)
			c.io.Unlock()
			if err == nil {
				s.tidy(c.root)
				return freed, nil
			}
			if failed++; failed == 10 {
				return 0, err
			}
			s.log.Warn("cannot delete", "root", c.root.key, "chunk", c.i, "err", err)
		case busy:
			time.Sleep(busyWait)
		default:
			if freed = s.evictRoot(); freed > 0 {
				return freed, nil
			}
			if !sideFiles {
				return 0, ErrFull
			}
			stuck = true // somebody is writing there: then chunks
		}
	}
	return 0, fmt.Errorf("%w: all that could go is in use", ErrFull)
}

// victim returns the chunk to drop next, with its io locked, or nil; busy says that only a reader of the moment is in the way.
// s.mu is held.
func (s *Store) victim() (c *chunk, busy bool) {
	now := s.now()
	idle := func(c *chunk, d time.Duration) bool { return now-c.used >= d && !c.root.held(int(c.i)) }
	abandoned := func(c *chunk) bool {
		return len(c.root.handles) == 0 || idle(c, fillStale)
	}
	if c, busy = s.filling.oldest(abandoned); c != nil {
		return c, false
	}
	for _, l := range []*list{&s.disposable, &s.ordinary} {
		// What is held is in use: it moves to the front, so that it is not looked at each time. What is dear does once, so that it
		// takes two rounds to be sure that nothing can go.
		for range 2 * l.n {
			c := l.back
			if c.root.loose && c.i >= Dear && !c.spared {
				c.spared, c.used = true, now
				l.toFront(c)
				continue
			}
			if !c.root.held(int(c.i)) {
				if c.io.TryLock() {
					return c, false
				}
				busy = true
			}
			c.used = now
			l.toFront(c)
		}
	}
	c, b := s.filling.oldest(func(c *chunk) bool { return idle(c, fillGrace) })
	return c, b || busy
}

// oldest returns the least recently used chunk of the list that ok accepts and nobody is using, with its io locked.
func (l *list) oldest(ok func(*chunk) bool) (c *chunk, busy bool) {
	for c := l.back; c != nil; c = c.prev {
		if !ok(c) {
			continue
		}
		if c.io.TryLock() {
			return c, false
		}
		busy = true
	}
	return nil, busy
}

// evictRoot deletes the root unused for longest of which only side files are left, and returns the bytes freed, 0 when there
// is none.
func (s *Store) evictRoot() (freed int64) {
	s.mu.Lock()
	var oldest *root
	if s.bareBytes > 0 {
		for _, r := range s.roots {
			if r.bare && !r.gone && (oldest == nil || r.access.Before(oldest.access)) {
				oldest = r
			}
		}
	}
	s.mu.Unlock()
	if oldest == nil || !oldest.files.TryLock() {
		return 0
	}
	defer oldest.files.Unlock()
	return s.removeRoot(oldest, true)
}

// tidy deletes the folder of r when nothing is left of it.
func (s *Store) tidy(r *root) {
	s.mu.Lock()
	empty := s.empty(r)
	s.mu.Unlock()
	if empty && r.files.TryLock() {
		s.removeRoot(r, false)
		r.files.Unlock()
	}
}

package store

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// state of a chunk; one without a record is absent.
type state uint8

const (
	making   state = iota // room is being made for it: wait for io
	filling               // there is a .part
	verified              // there is a file that was committed, by us or before
	gone                  // being dropped: wait for io, then look again
)

// stamp is how a file looks from outside.
type stamp struct{ mtime, size int64 } // nanoseconds, bytes

// want is how the file of c should look.
func (c *chunk) want() stamp { return stamp{c.mtime, c.size} }

// chunk is the record of a chunk that is on disk. There may be very many, so it is kept small.
type chunk struct {
	root *root
	size int64 // bytes of content
	cost int64 // bytes booked for it

	// Store.mu guards the places and the time of the last use, as age of the store.
	prev, next *chunk
	in         *list
	used       time.Duration
	spared     bool // it was the next to go, and was not used since

	// io guards what follows. state changes under both io and Store.mu, so either is enough to read it.
	io      sync.RWMutex
	file    *os.File // nil while closed
	fill    *fill    // nil unless filling
	mtime   int64    // of the file when it was last known to be right
	slot    int32    // in openFiles, whose mu guards it
	i       int32
	sum     uint32 // CRC-32C, when summed
	state   state
	summed  bool
	trusted bool // this process committed or checked it
	hot     atomic.Bool
}

// use returns with c.io read-locked and c.file open, or unlocked with an error, which is ErrMissing when c has gone.
func (s *Store) use(c *chunk) error {
	for {
		c.io.RLock()
		if c.state != filling && c.state != verified {
			c.io.RUnlock()
			return ErrMissing
		}
		if c.file != nil {
			if !c.hot.Load() {
				c.hot.Store(true)
			}
			return nil
		}
		c.io.RUnlock()
		if err := s.reopen(c); err != nil {
			return err
		}
	}
}

// reopen opens the file of c. A .part that somebody has deleted is dropped; a chunk in its place is for verify to judge.
func (s *Store) reopen(c *chunk) error {
	c.io.Lock()
	defer c.io.Unlock()
	err := s.openFile(c)
	if c.state != filling || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	s.mu.Lock()
	s.beginDrop(c)
	s.mu.Unlock()
	if _, err := s.finishDrop(c, nil); err != nil {
		return err
	}
	return ErrMissing
}

// openFile opens the file of c unless it is open. c.io is held exclusively.
func (s *Store) openFile(c *chunk) (err error) {
	flag := os.O_RDONLY
	switch {
	case c.file != nil:
		return nil
	case c.state == filling:
		flag = os.O_RDWR
	case c.state != verified:
		return ErrMissing
	}
	s.mu.Lock()
	closed := s.closed
	s.mu.Unlock()
	if closed {
		return fs.ErrClosed
	}
	if c.file, err = os.OpenFile(c.path(), flag, 0); err != nil {
		return err
	}
	if s.files.add(c); c.file == nil { // the store was closed meanwhile
		return fs.ErrClosed
	}
	return nil
}

// create makes room for c, which is in state making with c.io held exclusively, and its .part.
func (s *Store) create(c *chunk) error {
	h := &heir{path: c.path(), size: c.size}
	err := s.claim(c.root, c.cost, int(c.i), h)
	if err != nil {
		h.disown()
		return err
	}
	err = s.withRoom(func() (err error) {
		c.file, err = h.open()
		return err
	})
	if err != nil {
		h.disown()
		s.mu.Lock()
		s.book(c.root, -c.cost)
		s.mu.Unlock()
		s.leave(c.root, int(c.i))
		return err
	}
	s.files.add(c)
	c.fill = new(fill)
	return nil
}

// open opens the file that h has inherited, or creates one of its final size, so that file systems do not set space aside
// for a file that seems to grow.
func (h *heir) open() (*os.File, error) {
	flags := os.O_RDWR | os.O_CREATE | os.O_TRUNC
	if h.taken {
		flags = os.O_RDWR | os.O_CREATE
	}
	f, err := os.OpenFile(h.path, flags, 0o600)
	// The folder may go, with its last chunk, between these two.
	for tries := 0; errors.Is(err, fs.ErrNotExist) && tries < 10; tries++ {
		if err := os.MkdirAll(filepath.Dir(h.path), 0o700); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		f, err = os.OpenFile(h.path, flags, 0o600)
	}
	if err != nil {
		return nil, err
	}
	if err := f.Truncate(h.size); err != nil {
		f.Close()
		removeFile(h.path)
		return nil, err
	}
	return f, nil
}

// disown deletes what h has inherited, when it will not be made.
func (h *heir) disown() {
	if h.taken {
		removeFile(h.path)
		os.Remove(filepath.Dir(h.path)) // stays if there is a chunk in it
	}
}

// commit turns the complete .part of c into a chunk. c.io is held exclusively.
func (s *Store) commit(c *chunk) error {
	if have := c.fill.have(); have != c.size {
		return fmt.Errorf("%d of %d bytes: %w", have, c.size, ErrMissing)
	}
	s.mu.Lock()
	loose := c.root.loose                   // then sum is the tag
	c.summed = loose || c.root.check == nil // nothing else will tell later whether the content is right
	s.mu.Unlock()
	if c.summed && !loose {
		err := s.openFile(c)
		if err == nil {
			c.sum, err = s.checksum(c)
		}
		if err != nil {
			return err
		}
	}
	if !keepOpen {
		s.files.close(c)
	}
	if err := s.withRoom(func() error { return rename(c.pathAs(true), c.pathAs(false)) }); err != nil {
		return err
	}
	s.mu.Lock()
	c.state = verified
	c.in.remove(c)
	c.used = s.now()
	s.listFor(c.root).pushFront(c)
	s.toSync(c)
	s.mu.Unlock()
	c.fill = nil
	s.trust(c)
	return nil
}

// trust notes how the file of c looks now that its content is known to be right. c.io is held exclusively. If the file does
// not even say how it looks, the next read checks it.
func (s *Store) trust(c *chunk) {
	c.trusted = false
	if err := s.openFile(c); err != nil {
		return
	}
	now, err := stampOf(c.file)
	c.mtime, c.trusted = now.mtime, err == nil && now.size == c.size
}

func (s *Store) checksum(c *chunk) (uint32, error) {
	h := crc32.New(crc32.MakeTable(crc32.Castagnoli))
	buf := s.buffers.Get().(*[]byte)
	defer s.buffers.Put(buf)
	n, err := io.CopyBuffer(h, io.NewSectionReader(c.file, 0, c.size), *buf)
	if err == nil && n != c.size {
		err = io.ErrUnexpectedEOF
	}
	return h.Sum32(), err
}

// verify makes sure that c is what was committed, and drops it otherwise: then it is ErrMissing. With force it does not
// believe the stamp.
func (s *Store) verify(c *chunk, force bool) error {
	c.io.Lock()
	defer c.io.Unlock()
	if c.state != verified {
		return ErrMissing
	}
	err := s.openFile(c)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err // too many open files, and the like: says nothing about the content
	}
	if err == nil {
		var before, after stamp
		if before, err = stampOf(c.file); err != nil {
			return err
		}
		if c.trusted && !force && before == c.want() {
			return nil // somebody else was here while we waited
		}
		if err = s.inspect(c, before); err == nil {
			if after, err = stampOf(c.file); err == nil && after == before {
				c.mtime, c.trusted = after.mtime, true
				return nil
			}
		}
		if err == nil {
			err = errors.New("changed while it was being checked")
		}
	}
	s.log.Warn("dropped a chunk that is damaged on disk", "root", c.root.key, "chunk", c.i, "err", err)
	s.mu.Lock()
	s.beginDrop(c)
	s.mu.Unlock()
	if _, err := s.finishDrop(c, nil); err != nil {
		s.log.Warn("cannot delete a damaged chunk", "root", c.root.key, "chunk", c.i, "err", err)
	}
	return ErrMissing
}

// inspect reads all of c and says what is wrong with it.
func (s *Store) inspect(c *chunk, now stamp) error {
	if now.size != c.size {
		return fmt.Errorf("it has %d bytes, not %d", now.size, c.size)
	}
	s.mu.Lock()
	check, loose := c.root.check, c.root.loose
	s.mu.Unlock()
	switch {
	case check != nil:
		return check(int(c.i), io.NewSectionReader(c.file, 0, c.size))
	case c.summed && !loose:
		sum, err := s.checksum(c)
		if err == nil && sum != c.sum {
			err = fmt.Errorf("checksum %08x, not %08x", sum, c.sum)
		}
		return err
	}
	return errors.New("nothing to check it by")
}

// beginDrop takes c out of sight. c.io is held exclusively, and s.mu.
func (s *Store) beginDrop(c *chunk) {
	if c.state == verified {
		for _, o := range c.root.handles {
			if o.dropped != nil {
				s.notices = append(s.notices, notice{o.dropped, int(c.i)})
				s.hasNotices.Store(true)
			}
		}
	}
	c.in.remove(c)
	c.state = gone
}

// finishDrop deletes the file of c after beginDrop, or leaves it to h, and returns the bytes freed. c.io is held exclusively.
// A file that cannot be deleted is back in its list as if just used, and not trusted: it still counts, and it is tried again
// some time.
func (s *Store) finishDrop(c *chunk, h *heir) (freed int64, err error) {
	s.files.close(c)
	path := c.pathAs(c.fill != nil)
	if !h.inherit(path, c.size) {
		err = removeFile(path)
	}
	if err != nil {
		s.mu.Lock()
		c.used = s.now()
		if c.trusted = false; c.fill != nil {
			c.state, c.fill = filling, new(fill)
			s.filling.pushFront(c)
		} else {
			c.state = verified
			s.listFor(c.root).pushFront(c)
		}
		s.mu.Unlock()
		return 0, err
	}
	freed = c.cost + s.leave(c.root, int(c.i))
	s.mu.Lock()
	s.book(c.root, -c.cost)
	if c.fill == nil {
		s.diskFree -= c.cost - s.blocks(c.size)*s.unit // the disk gets back what the file had, not what it might have had
	}
	c.fill = nil
	delete(c.root.chunks, int(c.i)) // last, so that the root does not go before its folders are counted
	s.setBare(c.root)
	s.mu.Unlock()
	return freed, nil
}

// removeFile deletes path, if it is there.
func removeFile(path string) error {
	err := retry(func() error { return os.Remove(path) })
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// retry calls f, which deletes or renames a file, and on Windows again: a virus scanner may have it open for a moment.
func retry(f func() error) (err error) {
	for tries := range 20 {
		if err = f(); err == nil || errors.Is(err, fs.ErrNotExist) || runtime.GOOS != "windows" {
			break
		}
		time.Sleep(time.Duration(tries) * time.Millisecond)
	}
	return err
}

package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"
)

// Reserve makes room for all of chunk i, by evicting others, and creates its file. It does nothing when the chunk is filling
// or verified. ErrFull: everything else is kept, held, or being filled, or the disk is full of what is not ours.
func (o *Object) Reserve(i int) error {
	_, err := o.Begin(i)
	return err
}

// Begin is Reserve for a caller who remembers what it has written: anew says that the chunk was not there, so that all that was
// ever written to it is gone.
func (o *Object) Begin(i int) (anew bool, err error) {
	defer o.store.tell()
	if err := o.ready(i, 0, 0); err != nil {
		return false, err
	}
	if o.loose {
		return false, o.fail(i, errLoose)
	}
	if _, anew, err = o.reserve(i, o.ChunkSize(i)); err != nil {
		return false, o.fail(i, err)
	}
	return anew, nil
}

// reserve returns the record of chunk i, which is filling or verified, and whether it has made it.
func (o *Object) reserve(i int, size int64) (c *chunk, anew bool, err error) {
	if c := o.find(i); c != nil {
		return c, false, nil
	}
	s, r := o.store, o.root
	for {
		s.mu.Lock()
		c := r.chunks[i]
		switch {
		case o.closed.Load():
			s.mu.Unlock()
			return nil, false, fs.ErrClosed
		case c == nil:
			c = &chunk{root: r, i: int32(i), size: size, cost: s.cost(size), state: making}
			c.io.Lock() // nobody knows it yet
			r.chunks[i] = c
			s.setBare(r)
			s.mu.Unlock()
			return c, true, o.begin(c)
		case c.state == filling || c.state == verified:
			s.mu.Unlock()
			return c, false, nil
		}
		s.mu.Unlock()
		c.wait()
	}
}

// wait returns when nobody makes or drops c.
func (c *chunk) wait() {
	c.io.RLock()
	defer c.io.RUnlock()
}

// begin turns c from making to filling, or forgets it. It unlocks c.io.
func (o *Object) begin(c *chunk) error {
	defer c.io.Unlock()
	s, now := o.store, time.Now()
	err := s.create(c)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		c.state = gone
		delete(c.root.chunks, int(c.i))
		s.setBare(c.root)
		return err
	}
	c.state, c.used = filling, now.Sub(s.start)
	s.filling.pushFront(c)
	s.touch(c.root, now)
	return nil
}

// WriteAt writes p at off of chunk i, after reserving it when needed; errors are those of [Object.Reserve]. Writing to a
// verified chunk does nothing, since its bytes are known already; one that comes from before is checked first, and dropped and
// reserved anew when it is damaged. ErrMissing: it is damaged and cannot be deleted.
func (o *Object) WriteAt(i int, p []byte, off int64) error {
	return o.write(i, p, off, func() (*chunk, error) {
		if o.loose {
			return nil, errLoose
		}
		c, _, err := o.reserve(i, o.ChunkSize(i))
		return c, err
	})
}

// Fill is WriteAt that reserves nothing: ErrMissing when the chunk is not there, because nobody has reserved it or it was
// evicted or dropped since.
func (o *Object) Fill(i int, p []byte, off int64) error {
	return o.write(i, p, off, func() (*chunk, error) {
		if c := o.find(i); c != nil {
			return c, nil
		}
		return nil, errAbsent
	})
}

// errAbsent is ErrMissing that trying again does not mend.
var errAbsent = fmt.Errorf("%w: nobody has reserved it", ErrMissing)

func (o *Object) write(i int, p []byte, off int64, get func() (*chunk, error)) error {
	if err := o.ready(i, off, int64(len(p))); err != nil {
		return err
	}
	defer o.store.tell()
	if err := o.store.withRoom(func() error { return o.writeAt(p, off, get) }); err != nil {
		return o.fail(i, err)
	}
	return nil
}

func (o *Object) writeAt(p []byte, off int64, get func() (*chunk, error)) error {
	s := o.store
	for damaged := 0; ; {
		c, err := get()
		if err != nil {
			return err
		}
		if err = s.use(c); err == nil {
			if c.state == filling || c.trusted {
				return c.write(p, off)
			}
			c.io.RUnlock()
		}
		if err == nil || errors.Is(err, fs.ErrNotExist) { // then so is the file of a verified one
			if err = s.verify(c, false); errors.Is(err, ErrMissing) {
				damaged++
			}
		}
		if err != nil && (!errors.Is(err, ErrMissing) || damaged == 3) { // else it was dropped since
			return err
		}
	}
}

// write writes p at off, unless c is verified, and unlocks c.io.
func (c *chunk) write(p []byte, off int64) error {
	defer c.io.RUnlock()
	if c.state == verified {
		return nil
	}
	_, err := c.file.WriteAt(p, off)
	if err == nil {
		c.fill.add(off, off+int64(len(p)))
	}
	return err
}

// Commit makes chunk i verified: the caller has checked its content, all of which was written. A verified chunk is checked
// by the store itself unless that was done before, since nobody knows whether the caller has seen what is on the disk.
// ErrMissing: not all of it was written, or it was dropped meanwhile, or is damaged and dropped now.
func (o *Object) Commit(i int) error {
	if err := o.ready(i, 0, 0); err != nil {
		return err
	}
	defer o.store.tell()
	c := o.find(i)
	if c == nil {
		return o.fail(i, ErrMissing)
	}
	err := ErrMissing
	c.io.Lock()
	state := c.state
	if state == filling {
		err = o.store.commit(c)
	}
	c.io.Unlock()
	if state == verified {
		err = o.store.verify(c, false)
	}
	if err != nil {
		return o.fail(i, err)
	}
	return nil
}

// Discard drops chunk i, filling or verified: its content is wrong. A chunk that is absent is not an error.
func (o *Object) Discard(i int) error {
	if err := o.ready(i, 0, 0); err != nil {
		return err
	}
	defer o.store.tell()
	if c := o.find(i); c != nil {
		if _, err := o.store.drop(c, false); err != nil {
			return o.fail(i, err)
		}
	}
	return nil
}

// ReadAt reads len(p) bytes at off of chunk i, which is verified, and checks it first when it comes from before. All of p or
// an error: ErrMissing when the chunk is not here, or turns out to be damaged, and has to be fetched.
func (o *Object) ReadAt(i int, p []byte, off int64) (int, error) {
	if err := o.ready(i, off, int64(len(p))); err != nil {
		return 0, err
	}
	c := o.find(i)
	if c == nil {
		return 0, o.fail(i, ErrMissing)
	}
	s := o.store
	for tries := 0; tries < 3; tries++ {
		err := s.use(c)
		if err == nil {
			if c.state != verified {
				c.io.RUnlock()
				return 0, o.fail(i, ErrMissing)
			}
			good := c.trusted
			if good {
				var now stamp
				if _, err = c.file.ReadAt(p, off); err == nil {
					now, err = stampOf(c.file) // after the read, so that a change before or during it shows
				}
				good = err == nil && now == c.want()
			}
			c.io.RUnlock()
			if good {
				return len(p), nil
			}
		}
		if errors.Is(err, ErrMissing) || errors.Is(err, fs.ErrClosed) {
			return 0, o.fail(i, err)
		}
		err = s.verify(c, err != nil)
		s.tell()
		if err != nil {
			return 0, o.fail(i, err)
		}
	}
	return 0, o.fail(i, fmt.Errorf("%w: it changes all the time", ErrMissing))
}

// ReadFilling reads what has been written of chunk i so far, though nobody has checked it: from off up to len(p) bytes of one
// run. ErrMissing when the byte at off was not written yet. A verified chunk is read as by [Object.ReadAt]. At the end of the
// chunk it is io.EOF.
func (o *Object) ReadFilling(i int, p []byte, off int64) (int, error) {
	if err := o.ready(i, off, 0); err != nil {
		return 0, err
	}
	switch left := o.ChunkSize(i) - off; {
	case len(p) == 0:
		return 0, nil
	case left == 0:
		return 0, io.EOF
	default:
		p = p[:min(int64(len(p)), left)]
	}
	c := o.find(i)
	if c == nil {
		return 0, o.fail(i, ErrMissing)
	}
	if err := o.store.use(c); err != nil {
		return 0, o.fail(i, err)
	}
	if c.state == verified {
		c.io.RUnlock()
		return o.ReadAt(i, p, off)
	}
	defer c.io.RUnlock()
	p = p[:max(0, min(int64(len(p)), c.fill.end(off)-off))]
	if len(p) == 0 {
		return 0, o.fail(i, ErrMissing)
	}
	n, err := c.file.ReadAt(p, off)
	if err != nil {
		return n, o.fail(i, err)
	}
	return n, nil
}

// Filled reports whether all of chunk i has been written and nobody has checked it yet.
func (o *Object) Filled(i int) bool {
	if o.ready(i, 0, 0) != nil {
		return false
	}
	c := o.find(i)
	if c == nil || o.store.use(c) != nil {
		return false
	}
	defer c.io.RUnlock()
	return c.state != verified && c.fill.end(0) == c.size
}

// WriteChunkTo writes the bytes of chunk i to w, for hashing: nobody has checked them, even if the chunk is verified.
// ErrMissing when not all of them were written.
func (o *Object) WriteChunkTo(i int, w io.Writer) (n int64, err error) {
	if err := o.ready(i, 0, 0); err != nil {
		return 0, err
	}
	c := o.find(i)
	if c == nil {
		return 0, o.fail(i, ErrMissing)
	}
	buf := o.store.buffers.Get().(*[]byte)
	defer o.store.buffers.Put(buf)
	for n < c.size {
		p := (*buf)[:min(int64(len(*buf)), c.size-n)]
		if err := o.store.readRaw(c, p, n); err != nil {
			return n, o.fail(i, err)
		}
		m, err := w.Write(p)
		if n += int64(m); err != nil {
			return n, o.fail(i, err)
		}
	}
	return n, nil
}

// readRaw fills p from off of c, which is filling and has all of it, or verified.
func (s *Store) readRaw(c *chunk, p []byte, off int64) error {
	if err := s.use(c); err != nil {
		return err
	}
	defer c.io.RUnlock()
	if c.state == filling && c.fill.end(off) < off+int64(len(p)) {
		return ErrMissing
	}
	_, err := c.file.ReadAt(p, off)
	return err
}

package store

import (
	"errors"
	"fmt"
	"io/fs"
)

// Dear is the number from which the chunks of a loose object are dear: when space is needed and one of them is the least recently
// used, it is spared once. It is for what is small and leads to the rest.
const Dear = maxChunks / 2

// errLoose is what a caller gets who would write a chunk of a loose object bit by bit.
var errLoose = errors.New("the chunks of a loose object are written by Put")

// looseSize is the number of bytes of chunk i of a loose object, -1 when it is not here.
func (o *Object) looseSize(i int) int64 {
	o.store.mu.Lock()
	defer o.store.mu.Unlock()
	if c := o.root.chunks[i]; c != nil && c.state != making {
		return c.size
	}
	return -1
}

// Put writes p as chunk i of a loose object; the caller has checked it. The tag is for finding it again, see [Store.Tags]. A
// chunk i that is here already is fs.ErrExist, and stays. ErrFull as for [Object.Reserve].
func (o *Object) Put(i int, tag uint32, p []byte) error {
	switch {
	case o.closed.Load():
		return o.fail(i, fs.ErrClosed)
	case !o.loose || i < 0 || i >= maxChunks || len(p) == 0 || int64(len(p)) > o.chunk:
		return o.fail(i, fmt.Errorf("%d bytes cannot be put there: %w", len(p), fs.ErrInvalid))
	}
	defer o.store.tell()
	c, anew, err := o.reserve(i, int64(len(p)))
	if err == nil && !anew {
		err = fs.ErrExist
	}
	if err != nil {
		return o.fail(i, err)
	}
	err = o.store.withRoom(func() error {
		if err := o.store.use(c); err != nil {
			return err
		}
		return c.write(p, 0)
	})
	if err == nil {
		c.io.Lock()
		if err = ErrMissing; c.state == filling {
			c.sum = tag
			err = o.store.commit(c)
		}
		c.io.Unlock()
	}
	if err != nil {
		o.store.drop(c, false)
		return o.fail(i, err)
	}
	return nil
}

// ReadChunk returns all of chunk i, as [Object.ReadAt] does. The slice is the caller's.
func (o *Object) ReadChunk(i int) ([]byte, error) {
	n := o.ChunkSize(i)
	if n < 0 {
		return nil, o.fail(i, ErrMissing)
	}
	p := make([]byte, n)
	if _, err := o.ReadAt(i, p, 0); err != nil {
		return nil, err
	}
	return p, nil
}

// Kept reports whether the object is kept, see [Store.Keep].
func (o *Object) Kept() bool {
	o.store.mu.Lock()
	defer o.store.mu.Unlock()
	return o.root.keep
}

// Stored is how many bytes of the object are here and verified.
func (o *Object) Stored() (n int64) {
	o.store.mu.Lock()
	defer o.store.mu.Unlock()
	for _, c := range o.root.chunks {
		if c.state == verified {
			n += c.size
		}
	}
	return n
}

// A Tag is a chunk of a loose object with the tag that it was put under.
type Tag struct {
	ID    string // of the object
	Chunk int
	Tag   uint32
}

// Tags lists the verified chunks of all loose objects of a space, in no order. It reads nothing from the disk.
func (s *Store) Tags(space string) []Tag {
	s.mu.Lock()
	defer s.mu.Unlock()
	var tags []Tag
	for k, r := range s.roots {
		if k.space != space || r.gone {
			continue
		}
		for i, c := range r.chunks {
			if c.state == verified && c.summed {
				tags = append(tags, Tag{k.id, i, c.sum})
			}
		}
	}
	return tags
}

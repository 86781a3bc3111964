package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"
)

// A Spec says what an object is. Everyone who opens the same Space and ID says the same sizes.
type Spec struct {
	Space string // the protocol or other owner: [a-z0-9._-]
	ID    string // unique in its Space: the same alphabet
	Name  string // for people; not a path
	Size  int64  // bytes of the whole object
	Chunk int64  // bytes of each chunk but the last, which may be shorter

	// Sizes, when set, has the bytes of every chunk, none more than Chunk: not only the last is shorter. Size is their sum then.
	// It is the caller's and does not change.
	Sizes []int32

	// Loose objects have chunks that come one by one, each of any size up to Chunk, under whatever number the caller gives them:
	// see [Object.Put]. Size is for people then. Chunks from [Dear] on are spared once when space is needed.
	Loose bool

	// Disposable objects can be made again without the network, and go first when space is needed.
	Disposable bool
	// Check reads chunk i to its end and returns an error when its content is wrong. It is asked about what was on the disk
	// before, and blocks the readers of that chunk meanwhile. It must not use the store, and be safe for concurrent use.
	// Without it, the store keeps a checksum of its own, which finds what a failing disk does.
	Check func(i int, r io.Reader) error
	// Dropped, when set, is told of each verified chunk that has gone: evicted, recycled, or found damaged. It is called by
	// the goroutine that made it go, maybe late: by then the chunk may be there again, so look with Has. No lock of the store
	// is held, but who called the store may hold any: take the note and return.
	Dropped func(i int)
}

// An Object is a handle to one object. Its methods are safe for concurrent use. A chunk that does not exist, or a range that
// is not inside its chunk, is an error of the caller.
type Object struct {
	store       *Store
	root        *root
	size, chunk int64
	sizes       []int32 // nil: all chunks but the last are full
	loose       bool
	dropped     func(i int)
	closed      atomic.Bool
}

// Object opens an object, and creates it when there is none. All handles of an object share its chunks; the caller closes each
// handle. Chunks on the disk that do not fit the sizes are dropped. ErrFull: no room even for its folder.
func (s *Store) Object(spec Spec) (*Object, error) {
	if err := spec.valid(); err != nil {
		return nil, err
	}
	defer s.tell()
	k := key{spec.Space, spec.ID}
	r, err := s.acquire(k, true)
	if err != nil {
		return nil, fmt.Errorf("store: %s: %w", k, err)
	}
	o := &Object{store: s, root: r, size: spec.Size, chunk: spec.Chunk, sizes: spec.Sizes, loose: spec.Loose, dropped: spec.Dropped}
	s.mu.Lock()
	uneven := spec.Sizes != nil || spec.Loose
	changed := r.size != spec.Size && !spec.Loose || r.chunkSize != spec.Chunk || r.uneven != uneven || r.loose != spec.Loose
	if changed && len(r.handles) > 0 {
		size, chunk := r.size, r.chunkSize
		s.mu.Unlock()
		s.release(r)
		return nil, fmt.Errorf("store: %s is open with size %d and chunks of %d, not %d and %d", k, size, chunk, spec.Size, spec.Chunk)
	}
	var doubtful []*chunk
	if changed || r.uneven && !r.loose && len(r.handles) == 0 { // object.json does not have the sizes of each
		for _, c := range r.chunks {
			doubtful = append(doubtful, c)
		}
	}
	name := shortName(spec.Name)
	if changed || name != "" && r.name != name || r.disposable != spec.Disposable || spec.Loose && spec.Size > 0 && spec.Size != r.size {
		r.chunkSize, r.uneven, r.loose, r.disposable = spec.Chunk, uneven, spec.Loose, spec.Disposable
		if !spec.Loose || spec.Size > 0 {
			r.size = spec.Size
		}
		if name != "" {
			r.name = name
		}
		s.relist(r)
		s.markDirty(r)
	}
	if spec.Check != nil {
		r.check = spec.Check
	}
	r.handles = append(r.handles, o)
	s.touch(r, time.Now())
	s.mu.Unlock()
	for _, c := range doubtful {
		o.doubt(c)
	}
	return o, nil
}

func (spec *Spec) valid() error {
	if err := errors.Join(checkName("a space", spec.Space), checkName("an object", spec.ID)); err != nil {
		return err
	}
	sum := spec.Size
	for _, n := range spec.Sizes {
		if sum -= int64(n); n <= 0 || int64(n) > spec.Chunk {
			return fmt.Errorf("store: %s/%s cannot have a chunk of %d bytes, of %d at most", spec.Space, spec.ID, n, spec.Chunk)
		}
	}
	if !validSizes(spec.Size, spec.Chunk) || len(spec.Sizes) > maxChunks || spec.Sizes != nil && (sum != 0 || spec.Loose) {
		return fmt.Errorf("store: %s/%s cannot have %d bytes in chunks of %d", spec.Space, spec.ID, spec.Size, spec.Chunk)
	}
	return nil
}

func validSizes(size, chunk int64) bool {
	return size >= 0 && chunk > 0 && size <= 1<<60 && chunk <= 1<<40 && chunkCount(size, chunk) <= maxChunks
}

// shortName makes a name fit for object.json, which has a block for itself.
func shortName(name string) string {
	const limit = 512
	name = strings.ToValidUTF8(name, "\uFFFD")
	if len(name) > limit {
		cut := limit
		for !utf8.RuneStart(name[cut]) {
			cut--
		}
		name = name[:cut]
	}
	return name
}

// doubt drops c if it does not fit the object, and has it checked before it is read otherwise.
func (o *Object) doubt(c *chunk) {
	c.io.Lock()
	c.trusted = false
	c.io.Unlock()
	if c.size == o.ChunkSize(int(c.i)) {
		return
	}
	o.store.log.Warn("dropped a chunk of another size", "root", c.root.key, "chunk", c.i)
	if _, err := o.store.drop(c, false); err != nil {
		o.store.log.Warn("cannot delete a chunk", "root", c.root.key, "chunk", c.i, "err", err)
	}
}

// Close ends the use of the handle; its holds are released. Filling chunks stay for who opens the object next, and are the
// first to go. A second Close does nothing.
func (o *Object) Close() error {
	if o.closed.Swap(true) {
		return nil
	}
	s, r := o.store, o.root
	s.mu.Lock()
	r.handles = slices.DeleteFunc(r.handles, func(h *Object) bool { return h == o })
	r.holds = slices.DeleteFunc(r.holds, func(h *Hold) bool { return h.object == o })
	if len(r.handles) == 0 {
		r.check = nil
	}
	s.mu.Unlock()
	s.release(r)
	return nil
}

// Chunks is the number of chunks of the whole object.
func (o *Object) Chunks() int {
	if o.sizes != nil {
		return len(o.sizes)
	}
	return chunkCount(o.size, o.chunk)
}

// ChunkSize is the number of bytes of chunk i, or -1 when the object has no such chunk. Of a loose object that is one which is
// not here.
func (o *Object) ChunkSize(i int) int64 {
	switch {
	case o.loose:
		return o.looseSize(i)
	case o.sizes == nil:
		return sizeOf(o.size, o.chunk, i)
	case i < 0 || i >= len(o.sizes):
		return -1
	}
	return int64(o.sizes[i])
}

// Has reports whether chunk i is here and verified, as far as is known without reading it.
func (o *Object) Has(i int) bool { return o.HasAll(i, i+1) }

// HasAll is Has for all of [from, to).
func (o *Object) HasAll(from, to int) bool {
	o.store.mu.Lock()
	defer o.store.mu.Unlock()
	for i := from; i < to; i++ {
		if c := o.root.chunks[i]; c == nil || c.state != verified {
			return false
		}
	}
	return true
}

// A Hold is the window of a reader: its chunks are not evicted. They need not be here yet.
type Hold struct {
	object   *Object
	from, to int // Store.mu
}

// Hold returns a hold of nothing.
func (o *Object) Hold() *Hold {
	h := &Hold{object: o}
	o.store.mu.Lock()
	defer o.store.mu.Unlock()
	if !o.closed.Load() {
		o.root.holds = append(o.root.holds, h)
	}
	return h
}

// Set moves the hold to the chunks [from, to).
func (h *Hold) Set(from, to int) {
	s := h.object.store
	s.mu.Lock()
	h.from, h.to = from, to
	over := s.used > s.quota
	s.mu.Unlock()
	if over {
		s.keeper.wake(&s.keeper.trimDue, 0)
	}
}

// Release ends the hold. A second Release does nothing.
func (h *Hold) Release() {
	h.Set(0, 0)
	s, r := h.object.store, h.object.root
	s.mu.Lock()
	r.holds = slices.DeleteFunc(r.holds, func(x *Hold) bool { return x == h })
	s.mu.Unlock()
}

// fail adds the nouns to an error about chunk i.
func (o *Object) fail(i int, err error) error {
	return fmt.Errorf("store: chunk %d of %s: %w", i, o.root.key, err)
}

// ready reports what is wrong with using n bytes at off of chunk i at all.
func (o *Object) ready(i int, off, n int64) error {
	if o.closed.Load() {
		return o.fail(i, fs.ErrClosed)
	}
	size := o.ChunkSize(i)
	if size < 0 && o.loose && i >= 0 && i < maxChunks {
		return o.fail(i, ErrMissing)
	}
	if size < 0 || off < 0 || off > size || n > size-off {
		return o.fail(i, fmt.Errorf("no bytes %d to %d in it: %w", off, off+n, fs.ErrInvalid))
	}
	return nil
}

// find returns the record of chunk i, used now, or nil when there is none to read.
func (o *Object) find(i int) *chunk {
	s, now := o.store, time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	c := o.root.chunks[i]
	if c == nil || c.state != filling && c.state != verified {
		return nil
	}
	c.used, c.spared = now.Sub(s.start), false
	c.in.toFront(c)
	s.touch(o.root, now)
	return c
}

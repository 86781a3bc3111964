package store

import (
	"cmp"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// root is one <space>/<id>: an object's chunks, its side files, and who uses them.
type root struct {
	key
	dir string

	// files serialises writing the side files and object.json, and the end of the folder.
	files sync.Mutex

	// Store.mu guards the rest.
	name       string
	size       int64 // bytes of the whole object
	chunkSize  int64 // 0 while nobody has said how the object is cut
	uneven     bool  // any chunk may be shorter than chunkSize
	loose      bool  // see Spec.Loose; then uneven too
	disposable bool
	keep       bool
	access     time.Time
	check      func(i int, r io.Reader) error
	chunks     map[int]*chunk
	shards     map[int]*shard
	metas      map[string]int64 // cost of each side file
	pins       int              // handles, and calls under way: the root does not go
	handles    []*Object
	holds      []*Hold
	bytes      int64 // booked for all of it
	bare       bool  // counted in Store.bareBytes
	gone       bool  // being deleted: wait for files, look again
	dirty      bool  // object.json is behind
	saved      bool  // object.json exists
}

// shard is the folder of up to shardSize chunks.
type shard struct {
	n    int // chunks in it
	peak int // since it was made: folders do not shrink while there is anything in them
}

// cost is what a file of size bytes takes, at most. Beside the data that is, on extent-based file systems, a block for every
// 340 extents once there are more than four, and a file that is written in pieces may end up with an extent for each block.
func (s *Store) cost(size int64) int64 {
	blocks := s.blocks(size)
	if s.unit == 4<<10 && blocks > 4 {
		blocks += (blocks + 339) / 340
	}
	return blocks * s.unit
}

func (s *Store) blocks(size int64) int64 { return (size + s.unit - 1) / s.unit }

// shardCost is what a folder takes that held up to n files.
func (s *Store) shardCost(n int) int64 {
	if n == 0 {
		return 0
	}
	const entry = 80 // bytes, in a folder whose blocks are half empty
	return s.blocks(int64(n)*entry)*s.unit + 2*entry
}

// rootCost is what a root takes without chunks and side files: its folder, object.json, its line in the folder above.
func (s *Store) rootCost() int64 { return 2*s.unit + 512 }

// emptyCost is what the store takes when it is empty: its folders, and files that are about to replace others.
func (s *Store) emptyCost() int64 { return 16 * s.unit }

// book adds n bytes to what r costs; s.mu is held.
func (s *Store) book(r *root, n int64) {
	s.used += n
	r.bytes += n
	if r.keep {
		s.keptBytes += n
	}
	if r.bare {
		s.bareBytes += n
	}
	s.diskFree -= n
}

// enter counts a new chunk i in its folder; s.mu is held. placeCost says before what it will cost.
func (s *Store) enter(r *root, i int) {
	s.book(r, s.placeCost(r, i))
	d := r.shards[i/shardSize]
	if d == nil {
		d = new(shard)
		r.shards[i/shardSize] = d
	}
	d.n++
	d.peak = max(d.peak, d.n)
}

func (s *Store) placeCost(r *root, i int) int64 {
	d := r.shards[i/shardSize]
	if d == nil {
		return s.shardCost(1)
	}
	return s.shardCost(max(d.peak, d.n+1)) - s.shardCost(d.peak)
}

// leave forgets a chunk in its folder, deletes the folder with the last one, and returns the bytes that frees. A writer that
// wants the folder back makes it anew.
func (s *Store) leave(r *root, i int) (freed int64) {
	s.mu.Lock()
	d := r.shards[i/shardSize]
	d.n--
	empty := d.n == 0
	s.mu.Unlock()
	if !empty {
		return 0
	}
	if err := os.Remove(r.shardDir(i)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if d.n > 0 || r.shards[i/shardSize] != d {
		return 0
	}
	freed = s.shardCost(d.peak)
	s.book(r, -freed)
	delete(r.shards, i/shardSize)
	return freed
}

func (s *Store) newRoot(k key) *root {
	return &root{
		key: k, dir: filepath.Join(s.dir, k.space, k.id), access: time.Now(),
		chunks: make(map[int]*chunk), shards: make(map[int]*shard), metas: make(map[string]int64),
	}
}

// acquire returns the root called k, pinned; the caller releases it. When there is none it is made, which may evict, or with
// create unset it is fs.ErrNotExist.
func (s *Store) acquire(k key, create bool) (*root, error) {
	var fresh *root
	for {
		s.mu.Lock()
		r := s.roots[k]
		switch {
		case s.closed:
			s.mu.Unlock()
			return nil, fs.ErrClosed
		case r != nil && r.gone:
			s.mu.Unlock()
			r.wait()
			continue
		case r == nil && fresh == nil:
			s.mu.Unlock()
			if !create {
				return nil, fs.ErrNotExist
			}
			fresh = s.newRoot(k)
			if err := s.claim(fresh, s.rootCost(), -1, nil); err != nil {
				return nil, err
			}
			continue
		case r == nil:
			r, fresh = fresh, nil
			s.roots[k] = r
			s.markDirty(r)
		}
		if fresh != nil { // another goroutine was faster
			s.book(fresh, -fresh.bytes)
		}
		r.pins++
		s.setBare(r)
		s.mu.Unlock()
		return r, nil
	}
}

// wait returns when nobody works on the folder.
func (r *root) wait() {
	r.files.Lock()
	defer r.files.Unlock()
}

// release undoes one acquire. A root of which nothing is left is deleted, and the bytes that frees are returned.
func (s *Store) release(r *root) (freed int64) {
	s.mu.Lock()
	r.pins--
	s.setBare(r)
	over := s.used > s.quota
	empty := s.empty(r)
	s.mu.Unlock()
	if empty {
		r.files.Lock()
		freed = s.removeRoot(r, false)
		r.files.Unlock()
	}
	if over {
		s.keeper.wake(&s.keeper.trimDue, 0)
	}
	return freed
}

// setBare keeps bareBytes right after a change of what r has; s.mu is held.
func (s *Store) setBare(r *root) {
	bare := r.pins == 0 && len(r.chunks) == 0 && !r.keep
	if bare == r.bare {
		return
	}
	if r.bare = bare; bare {
		s.bareBytes += r.bytes
	} else {
		s.bareBytes -= r.bytes
	}
}

// empty reports whether r has nothing that is worth a folder; s.mu is held.
func (s *Store) empty(r *root) bool { return r.bare && len(r.metas) == 0 }

// removeRoot deletes the folder of a bare root, with withMetas even if there are side files, and returns the bytes freed.
// The caller holds r.files.
func (s *Store) removeRoot(r *root, withMetas bool) (freed int64) {
	s.mu.Lock()
	if r.gone || s.closed || !r.bare || !withMetas && !s.empty(r) {
		s.mu.Unlock()
		return 0
	}
	r.gone = true // from here on nobody else changes it
	s.mu.Unlock()

	names := []string{recordFile, recordFile + tempSuffix}
	for name := range r.metas {
		names = append(names, name+metaSuffix)
	}
	var errs []error
	for _, name := range names {
		if err := os.Remove(filepath.Join(r.dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	for n := range r.shards { // left behind when a writer was about to use them
		os.Remove(r.shardDir(n * shardSize))
	}
	os.Remove(r.dir) // stays when there is a stranger in it

	s.mu.Lock()
	defer s.mu.Unlock()
	if err := errors.Join(errs...); err != nil {
		s.log.Warn("cannot delete", "root", r.key, "err", err)
		r.gone = false // it is on disk, so it counts; the next one who wants room tries again
		r.access = time.Now()
		return 0
	}
	freed = r.bytes
	s.book(r, -freed)
	r.bare = false
	delete(s.roots, r.key)
	return freed
}

// listFor is the list for verified chunks of r; s.mu is held.
func (s *Store) listFor(r *root) *list {
	switch {
	case r.keep:
		return &s.kept
	case r.disposable:
		return &s.disposable
	}
	return &s.ordinary
}

// relist moves the verified chunks of r to the list where they belong now, by age; s.mu is held.
func (s *Store) relist(r *root) {
	var moving []*chunk
	for _, c := range r.chunks {
		if c.state == verified && c.in != s.listFor(r) {
			c.in.remove(c)
			moving = append(moving, c)
		}
	}
	slices.SortFunc(moving, func(a, b *chunk) int { return cmp.Compare(a.used, b.used) })
	s.listFor(r).merge(moving)
}

// touch notes that r is used now; s.mu is held.
func (s *Store) touch(r *root, now time.Time) {
	r.access = now
	if !r.dirty {
		s.markDirty(r)
	}
}

// markDirty sees to it that object.json is written, soon when there is none yet; s.mu is held.
func (s *Store) markDirty(r *root) {
	r.dirty = true
	if r.saved {
		s.keeper.wake(&s.keeper.saveDue, saveAfter)
	} else {
		s.keeper.wake(&s.keeper.saveDue, saveNewAfter)
	}
}

// held reports whether chunk i is in the window of a reader; s.mu is held.
func (r *root) held(i int) bool {
	for _, h := range r.holds {
		if h.from <= i && i < h.to {
			return true
		}
	}
	return false
}

// isHeld reports whether any reader has a window; s.mu is held.
func (r *root) isHeld() bool {
	return slices.ContainsFunc(r.holds, func(h *Hold) bool { return h.from < h.to })
}

// heldBytes is what the chunks of r cost that readers hold, each counted once; s.mu is held.
func (s *Store) heldBytes(r *root) (n int64) {
	if !r.isHeld() {
		return 0
	}
	for i, c := range r.chunks {
		if r.held(i) {
			n += c.cost
		}
	}
	return n
}

// chunkCount is the number of chunks of a whole object.
func chunkCount(size, chunk int64) int { return int((size + chunk - 1) / chunk) }

// sizeOf is the number of bytes of chunk i, or -1 when there is no such chunk.
func sizeOf(size, chunk int64, i int) int64 {
	if i < 0 || i >= chunkCount(size, chunk) {
		return -1
	}
	return min(chunk, size-int64(i)*chunk)
}

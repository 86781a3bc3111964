package ipfs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"

	"github.com/zeronetscript/universal_p2p/stream/store"
)

// space is our part of the store.
const space = "ipfs"

// maxHash is the longest multihash that a block is kept under, in bytes: 64 of digest and what says so.
const maxHash = 72

// maxChunk is the largest chunk: a block behind its multihash.
const maxChunk = 1 + maxHash + maxBlock

// shelves are the blocks in the store. Each root has an object of its own with the blocks that were fetched for it, so that people
// see what a root takes, and recycle or keep it; a block that several roots share is where it was first fetched for, and counts
// once, but a root that is kept has all of its own (gather.go). A block is a chunk: its multihash, with the length in front, then its bytes. So a file of the store says what it has to
// be, and is checked by that; the index is only a way to find it, and never believed.
type shelves struct {
	st *store.Store

	mu     sync.Mutex
	loaded bool
	index  map[uint32][]place // by the tag of the multihash
	byID   map[string]*shelf
	coming map[string]bool // multihashes of blocks that are being put

	notes sync.Mutex // taken last of all, by the store's notices; guards what follows
	gone  []place    // chunks that are not there any more
}

// A place is where a block may be.
type place struct {
	shelf *shelf
	chunk int32
}

// A shelf is the blocks of one root. Shelves.mu guards it.
type shelf struct {
	all    *shelves
	id     string
	object *store.Object // nil until a block of it is read or written
	users  int           // trees that are open
	free   [2][]int32    // chunk numbers that were given back: of leaves, of inner nodes
	next   [2]int32      // the first number that was never used
}

// tagOf is the tag under which a block is put: a part of its digest.
func tagOf(h multihash.Multihash) uint32 {
	if len(h) < 4 {
		return 0
	}
	return binary.BigEndian.Uint32(h[len(h)-4:])
}

// load reads what the store has. s.mu is held.
func (s *shelves) load() {
	if s.loaded {
		return
	}
	s.loaded, s.index, s.byID = true, make(map[uint32][]place), make(map[string]*shelf)
	used := make(map[*shelf][2][]int32)
	for _, t := range s.st.Tags(space) {
		sh := s.shelf(t.ID)
		s.index[t.Tag] = append(s.index[t.Tag], place{sh, int32(t.Chunk)})
		u := used[sh]
		kind := kindOf(int32(t.Chunk))
		u[kind] = append(u[kind], int32(t.Chunk))
		used[sh] = u
	}
	for sh, kinds := range used {
		for kind, taken := range kinds {
			slices.Sort(taken)
			for _, i := range taken {
				for ; sh.next[kind] < i && len(sh.free[kind]) < 4096; sh.next[kind]++ {
					sh.free[kind] = append(sh.free[kind], sh.next[kind])
				}
				sh.next[kind] = i + 1
			}
		}
	}
}

// unload forgets the index, unless a root is in use, and closes the objects that were opened for their blocks.
func (s *shelves) unload() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sh := range s.byID {
		if sh.users > 0 {
			return
		}
	}
	for _, sh := range s.byID {
		if sh.object != nil {
			sh.object.Close()
		}
	}
	s.loaded, s.index, s.byID = false, nil, nil
	s.notes.Lock()
	s.gone = nil
	s.notes.Unlock()
}

// shelf returns the shelf called id. s.mu is held.
func (s *shelves) shelf(id string) *shelf {
	sh := s.byID[id]
	if sh == nil {
		sh = &shelf{all: s, id: id, next: [2]int32{0, store.Dear}}
		s.byID[id] = sh
	}
	return sh
}

// kindOf tells the numbers of leaves (0) from those of inner nodes (1), which stay longer.
func kindOf(chunk int32) int {
	if chunk >= store.Dear {
		return 1
	}
	return 0
}

// use returns the shelf of a root, to be released.
func (s *shelves) use(id string) *shelf {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.load()
	sh := s.shelf(id)
	sh.users++
	return sh
}

func (sh *shelf) release() {
	sh.all.mu.Lock()
	sh.users--
	sh.all.mu.Unlock()
}

// open returns the object of the shelf, with a name and a size for people where they are known.
func (sh *shelf) open(name string, size int64) (*store.Object, error) {
	sh.all.mu.Lock()
	defer sh.all.mu.Unlock()
	if sh.object != nil && name == "" && size == 0 {
		return sh.object, nil
	}
	o, err := sh.all.st.Object(store.Spec{
		Space: space, ID: sh.id, Name: name, Size: size, Chunk: maxChunk, Loose: true, Check: checkChunk, Dropped: sh.dropped,
	})
	if err != nil {
		return nil, err
	}
	if sh.object != nil {
		o.Close() // it was for the name
		return sh.object, nil
	}
	sh.object = o
	return o, nil
}

// leave closes the object of a root that nobody has open, so that it can be removed.
func (s *shelves) leave(id string) {
	s.mu.Lock()
	var o *store.Object
	if sh := s.byID[id]; sh != nil && sh.users == 0 {
		o, sh.object = sh.object, nil
	}
	s.mu.Unlock()
	if o != nil {
		o.Close()
	}
}

// stored is how many bytes of the root are here.
func (sh *shelf) stored() int64 {
	sh.all.mu.Lock()
	o := sh.object
	sh.all.mu.Unlock()
	if o == nil {
		return 0
	}
	return o.Stored()
}

// close closes all objects, for good.
func (s *shelves) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sh := range s.byID {
		if sh.object != nil {
			sh.object.Close()
		}
	}
}

// hold marks a block as in use, and with it the root that it is kept for. Nil when it is not here.
func (sh *shelf) hold(h multihash.Multihash) (hold *store.Hold) {
	sh.all.find(h, func(p place, o *store.Object) (bool, error) {
		i := int(p.chunk)
		if !o.Has(i) {
			return false, store.ErrMissing
		}
		hold = o.Hold()
		hold.Set(i, i+1)
		return true, nil
	})
	return hold
}

// dropped takes note that a chunk has gone. The store calls it, whatever is locked.
func (sh *shelf) dropped(i int) {
	sh.all.notes.Lock()
	sh.all.gone = append(sh.all.gone, place{sh, int32(i)})
	sh.all.notes.Unlock()
}

// giveBack makes the numbers of chunks that have gone free. s.mu is held.
func (s *shelves) giveBack() {
	s.notes.Lock()
	gone := s.gone
	s.gone = nil
	s.notes.Unlock()
	for _, p := range gone {
		if p.shelf.object != nil && p.shelf.object.Has(int(p.chunk)) {
			continue // it is there again
		}
		p.shelf.free[kindOf(p.chunk)] = append(p.shelf.free[kindOf(p.chunk)], p.chunk)
	}
}

// number takes a free chunk number.
func (sh *shelf) number(inner bool) int32 {
	sh.all.mu.Lock()
	defer sh.all.mu.Unlock()
	sh.all.giveBack()
	kind := 0
	if inner {
		kind = 1
	}
	if n := len(sh.free[kind]); n > 0 {
		i := sh.free[kind][n-1]
		sh.free[kind] = sh.free[kind][:n-1]
		return i
	}
	i := sh.next[kind]
	sh.next[kind]++
	return i
}

// put keeps a block, which was verified, unless it is here.
func (sh *shelf) put(c cid.Cid, data []byte) error {
	h := c.Hash()
	if len(h) > maxHash || len(data) > maxBlock {
		return fmt.Errorf("ipfs: block %s of %d bytes is too large to be kept", c, len(data))
	}
	if !sh.all.begin(h) {
		return nil // somebody else does
	}
	defer sh.all.end(h)
	if sh.all.has(h) {
		return nil
	}
	return sh.add(c, data)
}

// add writes a block. The caller has begun it.
func (sh *shelf) add(c cid.Cid, data []byte) error {
	h := c.Hash()
	o, err := sh.open("", 0)
	if err != nil {
		return err
	}
	chunk := make([]byte, 0, 1+len(h)+len(data))
	chunk = append(chunk, byte(len(h)))
	chunk = append(chunk, h...)
	chunk = append(chunk, data...)
	tag := tagOf(h)
	for range 8 {
		i := sh.number(c.Prefix().Codec == cid.DagProtobuf && len(data) < maxInner)
		if int(i) >= 2*store.Dear {
			return errors.New("ipfs: a root has too many blocks")
		}
		if err = o.Put(int(i), tag, chunk); errors.Is(err, fs.ErrExist) {
			continue
		}
		if err == nil {
			sh.all.mu.Lock()
			if sh.all.loaded {
				sh.all.index[tag] = append(sh.all.index[tag], place{sh, i})
			}
			sh.all.mu.Unlock()
			return nil
		}
		sh.all.mu.Lock()
		kind := kindOf(i)
		sh.free[kind] = append(sh.free[kind], i)
		sh.all.mu.Unlock()
		return err
	}
	return err
}

// begin reports whether nobody else puts a block now; then the caller does, until end.
func (s *shelves) begin(h multihash.Multihash) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.coming[string(h)] {
		return false
	}
	if s.coming == nil {
		s.coming = make(map[string]bool)
	}
	s.coming[string(h)] = true
	return true
}

func (s *shelves) end(h multihash.Multihash) {
	s.mu.Lock()
	delete(s.coming, string(h))
	s.mu.Unlock()
}

// maxInner tells inner nodes, which lead to others, from leaves in the same format, by their size in bytes.
const maxInner = 64 << 10

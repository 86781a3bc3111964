package ipfs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/multiformats/go-multihash"

	"github.com/zeronetscript/universal_p2p/stream/store"
)

// places returns where a block may be.
func (s *shelves) places(h multihash.Multihash) []place {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.load()
	return slices.Clone(s.index[tagOf(h)])
}

// forget takes a place out of the index.
func (s *shelves) forget(tag uint32, p place) {
	s.mu.Lock()
	defer s.mu.Unlock()
	left := slices.DeleteFunc(s.index[tag], func(q place) bool { return q == p })
	if len(left) == 0 {
		delete(s.index, tag)
	} else {
		s.index[tag] = left
	}
}

// find calls read for each place where the block may be, until read says that it is there. A place where there is nothing is
// forgotten. A block that has moved meanwhile is looked for once more.
func (s *shelves) find(h multihash.Multihash, read func(p place, o *store.Object) (bool, error)) bool {
	var before []place
	for range 3 {
		places := s.places(h)
		if slices.Equal(places, before) {
			break
		}
		for _, p := range places {
			o, err := p.shelf.open("", 0)
			if err != nil {
				continue
			}
			ok, err := read(p, o)
			switch {
			case ok:
				return true
			case errors.Is(err, store.ErrMissing):
				s.forget(tagOf(h), p)
			}
		}
		before = places
	}
	return false
}

// has reports whether a block is here.
func (s *shelves) has(h multihash.Multihash) bool {
	_, ok := s.size(h)
	return ok
}

// size is the number of bytes of a block.
func (s *shelves) size(h multihash.Multihash) (n int, ok bool) {
	head := make([]byte, 1+len(h))
	ok = s.find(h, func(p place, o *store.Object) (bool, error) {
		if n = int(o.ChunkSize(int(p.chunk))) - len(head); n < 0 {
			return false, store.ErrMissing
		}
		if _, err := o.ReadAt(int(p.chunk), head, 0); err != nil {
			return false, err
		}
		return isFor(head, h), nil
	})
	return n, ok
}

// get returns a block, nil when it is not here. It was checked, now or when it came; see [store.Object.ReadAt].
func (s *shelves) get(h multihash.Multihash) []byte {
	data, _ := s.read(h)
	return data
}

// read returns a block and the shelf that it lies on.
func (s *shelves) read(h multihash.Multihash) (data []byte, on *shelf) {
	s.find(h, func(p place, o *store.Object) (bool, error) {
		chunk, err := o.ReadChunk(int(p.chunk))
		if err != nil {
			return false, err
		}
		if !isFor(chunk, h) {
			return false, nil
		}
		data, on = chunk[1+len(h):], p.shelf
		return true, nil
	})
	return data, on
}

// remove takes a block from all shelves for which from says so.
func (s *shelves) remove(h multihash.Multihash, from func(sh *shelf, o *store.Object) bool) {
	head := make([]byte, 1+len(h))
	s.find(h, func(p place, o *store.Object) (bool, error) {
		if _, err := o.ReadAt(int(p.chunk), head, 0); err != nil {
			return false, err
		}
		if isFor(head, h) && from(p.shelf, o) {
			o.Discard(int(p.chunk))
		}
		return false, nil
	})
}

// isFor reports whether a chunk starts with the multihash h.
func isFor(chunk []byte, h multihash.Multihash) bool {
	return len(chunk) >= 1+len(h) && int(chunk[0]) == len(h) && bytes.Equal(chunk[1:1+len(h)], h)
}

// checkChunk is the check of the store: the bytes have to be what the multihash in front of them says.
func checkChunk(_ int, r io.Reader) error {
	chunk, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if len(chunk) == 0 || len(chunk) < 1+int(chunk[0]) {
		return errors.New("it has no multihash")
	}
	h := chunk[1 : 1+int(chunk[0])]
	return checkHash(h, chunk[1+len(h):])
}

// checkHash reports what is wrong with data, which should have the multihash h.
func checkHash(h multihash.Multihash, data []byte) error {
	d, err := multihash.Decode(h)
	if err != nil {
		return err
	}
	sum, err := multihash.Sum(data, d.Code, d.Length)
	if err != nil {
		return err
	}
	if !bytes.Equal(sum, h) {
		return fmt.Errorf("it has the multihash %s, not %s", sum, h)
	}
	return nil
}

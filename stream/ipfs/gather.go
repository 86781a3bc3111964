package ipfs

import (
	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"

	"github.com/zeronetscript/universal_p2p/stream/store"
)

// A block that several roots share goes with the one that it was fetched for. Of a root that the user keeps nothing may go with
// another: when it becomes kept, its blocks are gathered, and from then on each is taken over where it is read. From a root that
// is not kept it is taken away; of two that are kept each has its own.

// maxGathered bounds the blocks that are gone through for one root: of 256 KiB, as most are, for 64 GiB.
const maxGathered = 1 << 18

// Gather implements stream.Gatherer.
func (b *Backend) Gather(id string) {
	c, err := parseFS(id)
	if err != nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.closed {
		b.gathers.Go(func() { b.gather(c) })
	}
}

// gather goes through what is here of a root.
func (b *Backend) gather(root cid.Cid) {
	sh := b.shelves.use(canonical(root))
	defer func() {
		sh.release()
		b.mu.Lock()
		defer b.mu.Unlock()
		if len(b.dags) == 0 {
			b.shelves.unload()
		}
	}()
	seen := map[cid.Cid]struct{}{root: {}}
	for todo := []cid.Cid{root}; len(todo) > 0 && b.life.Err() == nil; {
		c := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		links, err := sh.gatherOne(c)
		if err != nil {
			b.log.Warn("a block that was fetched for another root does not stay", "root", sh.id, "block", c, "err", err)
			return
		}
		for _, l := range links {
			if _, again := seen[l.cid]; again || checkCID(l.cid) != nil {
				continue
			}
			if len(seen) == maxGathered {
				b.log.Warn("not all of a root is gathered: it has too many blocks", "root", sh.id)
				return
			}
			seen[l.cid] = struct{}{}
			todo = append(todo, l.cid)
		}
	}
}

// gatherOne takes over a block, if it is here, and returns where it leads.
func (sh *shelf) gatherOne(c cid.Cid) ([]link, error) {
	isLeaf := c.Prefix().Codec != cid.DagProtobuf
	var data []byte
	if c.Prefix().MhType == multihash.IDENTITY {
		if m, err := multihash.Decode(c.Hash()); err == nil {
			data = m.Digest
		}
	} else {
		if isLeaf && sh.hasOwn(c.Hash()) {
			return nil, nil
		}
		var on *shelf
		data, on = sh.all.read(c.Hash())
		if data != nil && on != sh {
			if err := sh.adopt(c, data); err != nil {
				return nil, err
			}
		}
	}
	if isLeaf || data == nil {
		return nil, nil
	}
	n, err := decode(c, data)
	if err != nil {
		return nil, nil // nobody can read it
	}
	return n.links, nil
}

// get returns a block, nil when it is not here. Where the root of the shelf is kept, it is taken over.
func (sh *shelf) get(c cid.Cid) []byte {
	data, on := sh.all.read(c.Hash())
	if data != nil && on != sh {
		if o, err := sh.open("", 0); err == nil && o.Kept() {
			sh.adopt(c, data) // without room it stays where it is
		}
	}
	return data
}

// hasOwn reports whether a block lies on this shelf.
func (sh *shelf) hasOwn(h multihash.Multihash) bool {
	head := make([]byte, 1+len(h))
	return sh.all.find(h, func(p place, o *store.Object) (bool, error) {
		if p.shelf != sh {
			return false, nil
		}
		_, err := o.ReadAt(int(p.chunk), head, 0)
		return err == nil && isFor(head, h), err
	})
}

// adopt puts a block on the shelf that lies on others, and takes it from those whose roots are not kept.
func (sh *shelf) adopt(c cid.Cid, data []byte) error {
	h := c.Hash()
	if !sh.all.begin(h) {
		return nil // the next time
	}
	defer sh.all.end(h)
	if !sh.hasOwn(h) {
		if err := sh.add(c, data); err != nil {
			return err
		}
	}
	sh.all.remove(h, func(on *shelf, o *store.Object) bool { return on != sh && !o.Kept() })
	return nil
}

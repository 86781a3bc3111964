package ipfs

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"

	"github.com/zeronetscript/universal_p2p/stream"
	"github.com/zeronetscript/universal_p2p/stream/store"
)

// A target is what a root names: a node, and what people call it.
type target struct {
	cid  cid.Cid
	name string
}

// A dag is one root in use, shared by all who have it open: where its blocks are kept, and a session with the peers that have it.
type dag struct {
	b     *Backend
	id    string // canonical
	cid   cid.Cid
	shelf *shelf

	life   context.Context // ends with the dag
	cancel context.CancelFunc

	refs int         // trees, and Opens that wait; the backend's mutex guards it
	idle *time.Timer // and this

	received atomic.Int64 // bytes of blocks

	mu      sync.Mutex
	session *session
	heard   time.Time // when a block came last
	root    *fsNode   // nil while it is searched for
	hold    *store.Hold
	name    string
	size    int64 // bytes of all files, as far as is known
	readers map[*reader]struct{}
}

func newDag(b *Backend, id string, c cid.Cid) *dag {
	d := &dag{b: b, id: id, cid: c, shelf: b.shelves.use(id), readers: make(map[*reader]struct{})}
	d.life, d.cancel = context.WithCancel(b.life)
	return d
}

// end stops all that goes on for the dag. It does not wait: its sessions end with it, and those who read fail.
func (d *dag) end() {
	d.cancel()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.hold != nil {
		d.hold.Release()
		d.hold = nil
	}
}

// open returns the root node, once it is here.
func (d *dag) open(ctx context.Context) (*fsNode, error) {
	d.mu.Lock()
	n := d.root
	d.mu.Unlock()
	if n != nil {
		return n, d.b.closedOr(ctx.Err())
	}
	n, err := d.load(ctx, d.cid)
	if err != nil {
		return nil, err
	}
	d.found(n)
	return n, nil
}

// found takes note of the root node.
func (d *dag) found(n *fsNode) {
	size := int64(n.size)
	if !n.isFile() {
		for _, l := range n.links {
			size = min(size+int64(min(l.size, maxFile)), maxFile)
		}
	}
	d.shelf.open("", size) // for people; without room it has no name in the store
	hold := d.shelf.hold(d.cid.Hash())
	d.mu.Lock()
	defer d.mu.Unlock()
	if hold != nil && (d.root != nil || d.life.Err() != nil) {
		hold.Release()
		hold = nil
	}
	if d.root == nil {
		d.root, d.size, d.hold = n, size, hold
	}
}

// load returns the node c, from the disk or from the network.
func (d *dag) load(ctx context.Context, c cid.Cid) (*fsNode, error) {
	data, err := d.block(ctx, c)
	if err != nil {
		return nil, err
	}
	return decode(c, data)
}

// block returns the bytes of c, from the disk or from the network. They are shared: nobody writes to them.
func (d *dag) block(ctx context.Context, c cid.Cid) ([]byte, error) {
	if err := ctx.Err(); err != nil { // also for what is in its CID: there may be no end of such links
		return nil, d.b.closedOr(err)
	}
	if err := checkCID(c); err != nil {
		return nil, malformed("a link: %v", err)
	}
	if c.Prefix().MhType == multihash.IDENTITY {
		m, err := multihash.Decode(c.Hash())
		if err != nil {
			return nil, malformed("a link: %v", err)
		}
		return m.Digest, nil
	}
	if data := d.shelf.get(c); data != nil {
		return data, nil
	}
	data, err := d.fetch(ctx, c)
	if err != nil {
		return nil, d.b.closedOr(err)
	}
	return data, nil
}

// fetch gets a block from the network, and keeps it if there is room.
func (d *dag) fetch(ctx context.Context, c cid.Cid) ([]byte, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(d.life, cancel)()
	n, release, err := d.b.waker.hold(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	block, err := d.ask(ctx, n, c)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("ipfs: block %s: %w", c, err)
	}
	data := block.RawData()
	if len(data) > 2*maxBlock {
		return nil, malformed("a block of %d bytes", len(data))
	}
	d.received.Add(int64(len(data)))
	d.mu.Lock()
	d.heard = time.Now()
	d.mu.Unlock()
	if err := d.shelf.put(c, data); err != nil {
		d.b.log.Debug("a block is not kept", "root", d.id, "err", err) // it was fetched, and can be again
	}
	return data, nil
}

// setSize takes note of how many bytes all files together have.
func (d *dag) setSize(n int64) {
	d.mu.Lock()
	d.size = n
	d.mu.Unlock()
}

// search reports how the search for the root goes.
func (d *dag) search() stream.Search {
	s := d.b.peers()
	d.mu.Lock()
	s.Found = d.root != nil
	d.mu.Unlock()
	return s
}

// peers tells how many peers there are, for any root.
func (b *Backend) peers() (s stream.Search) {
	if n := b.waker.awake(); n != nil {
		s.Peers = len(n.host.Network().Peers())
		s.Known = max(s.Peers, len(n.host.Peerstore().PeersWithAddrs()))
	}
	return s
}

package ipfs

import (
	"context"

	"github.com/ipfs/boxo/blockstore"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
	"golang.org/x/time/rate"

	"github.com/zeronetscript/universal_p2p/stream/store"
)

// A blockStore is the shelves as the libraries want them. What is put without a root in the context is not kept: nobody could
// tell what it is for.
type blockStore struct {
	shelves *shelves
	limit   *rate.Limiter // bytes a second that Get gives out; nil is no limit
}

var _ blockstore.Blockstore = blockStore{}

// Has implements blockstore.Blockstore.
func (b blockStore) Has(_ context.Context, c cid.Cid) (bool, error) {
	return b.shelves.has(c.Hash()), nil
}

// Get implements blockstore.Blockstore.
func (b blockStore) Get(ctx context.Context, c cid.Cid) (blocks.Block, error) {
	var data []byte
	if d := dagOf(ctx); d != nil {
		data = d.shelf.get(c)
	} else {
		data = b.shelves.get(c.Hash())
	}
	if data == nil {
		return nil, ipld.ErrNotFound{Cid: c}
	}
	if b.limit != nil {
		if err := b.limit.WaitN(ctx, min(len(data), b.limit.Burst())); err != nil {
			return nil, err
		}
	}
	return blocks.NewBlockWithCid(data, c)
}

// GetSize implements blockstore.Blockstore.
func (b blockStore) GetSize(_ context.Context, c cid.Cid) (int, error) {
	n, ok := b.shelves.size(c.Hash())
	if !ok {
		return -1, ipld.ErrNotFound{Cid: c}
	}
	return n, nil
}

// Put implements blockstore.Blockstore. That there is no room is no failure: the block was fetched, and can be again.
func (b blockStore) Put(ctx context.Context, block blocks.Block) error {
	if d := dagOf(ctx); d != nil {
		d.shelf.put(block.Cid(), block.RawData())
	}
	return nil
}

// PutMany implements blockstore.Blockstore.
func (b blockStore) PutMany(ctx context.Context, blocks []blocks.Block) error {
	for _, block := range blocks {
		b.Put(ctx, block)
	}
	return nil
}

// DeleteBlock implements blockstore.Blockstore.
func (b blockStore) DeleteBlock(_ context.Context, c cid.Cid) error {
	b.shelves.remove(c.Hash(), func(*shelf, *store.Object) bool { return true })
	return nil
}

// AllKeysChan implements blockstore.Blockstore: there is nobody who would need it.
func (blockStore) AllKeysChan(context.Context) (<-chan cid.Cid, error) {
	none := make(chan cid.Cid)
	close(none)
	return none, nil
}

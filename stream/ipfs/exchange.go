package ipfs

import (
	"context"
	"errors"
	"sync"

	"github.com/ipfs/boxo/blockservice"
	"github.com/ipfs/boxo/blockstore"
	"github.com/ipfs/boxo/exchange"
	"github.com/ipfs/boxo/namesys"
	"github.com/ipfs/boxo/path"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
	"github.com/libp2p/go-libp2p/core/crypto"
)

// This file is our node as the libraries want it, for what they serve over it: boxo's gateway. Nothing in it wakes the node until
// a block or a name is needed that is not here.

// dagKey is where a context says which root blocks are fetched for.
type dagKey struct{}

// withDag returns a context in which blocks are fetched and kept for d, which the caller has acquired.
func withDag(ctx context.Context, d *dag) context.Context { return context.WithValue(ctx, dagKey{}, d) }

func dagOf(ctx context.Context) *dag {
	d, _ := ctx.Value(dagKey{}).(*dag)
	return d
}

// visit returns a context in which the block service fetches for root, and keeps what comes in the store under the name of root, until
// done is called. It waits for nobody.
func (b *Backend) visit(ctx context.Context, root cid.Cid) (_ context.Context, done func(), err error) {
	d, err := b.acquire(root)
	if err != nil {
		return nil, nil, err
	}
	return withDag(ctx, d), sync.OnceFunc(func() { b.release(d) }), nil
}

// blockService returns all blocks, here and in the network, for contexts of visit. In others it has what is here.
func (b *Backend) blockService() blockservice.BlockService {
	return blockservice.New(blockstore.NewIdStore(blockStore{shelves: b.shelves}), lazyExchange{})
}

// nameSystem resolves names of IPNS and DNSLink. It wakes the node.
func (b *Backend) nameSystem() namesys.NameSystem { return lazyNames{b} }

// lazyExchange fetches for the dag in the context.
type lazyExchange struct{}

var _ exchange.SessionExchange = lazyExchange{}

func (lazyExchange) GetBlock(ctx context.Context, c cid.Cid) (blocks.Block, error) {
	d := dagOf(ctx)
	if d == nil {
		return nil, ipld.ErrNotFound{Cid: c}
	}
	data, err := d.block(ctx, c)
	if err != nil {
		return nil, err
	}
	return blocks.NewBlockWithCid(data, c)
}

// getsAhead is how many blocks one GetBlocks asks for at the same time.
const getsAhead = 16

func (x lazyExchange) GetBlocks(ctx context.Context, cids []cid.Cid) (<-chan blocks.Block, error) {
	out := make(chan blocks.Block)
	todo := make(chan cid.Cid, len(cids))
	for _, c := range cids {
		todo <- c
	}
	close(todo)
	var wg sync.WaitGroup
	for range min(getsAhead, len(cids)) {
		wg.Go(func() {
			for c := range todo {
				block, err := x.GetBlock(ctx, c)
				if err != nil {
					continue // the caller sees that it does not come
				}
				select {
				case out <- block:
				case <-ctx.Done():
					return
				}
			}
		})
	}
	go func() {
		wg.Wait()
		close(out)
	}()
	return out, nil
}

func (x lazyExchange) NewSession(context.Context) exchange.Fetcher { return x }

func (lazyExchange) NotifyNewBlocks(context.Context, ...blocks.Block) error { return nil }

func (lazyExchange) Close() error { return nil }

// lazyNames resolves with the node of the moment.
type lazyNames struct{ b *Backend }

func (l lazyNames) Resolve(ctx context.Context, p path.Path, opts ...namesys.ResolveOption) (namesys.Result, error) {
	n, release, err := l.b.waker.hold(ctx)
	if err != nil {
		return namesys.Result{}, err
	}
	defer release()
	return n.names.Resolve(ctx, p, opts...)
}

func (l lazyNames) ResolveAsync(ctx context.Context, p path.Path, opts ...namesys.ResolveOption) <-chan namesys.AsyncResult {
	out := make(chan namesys.AsyncResult, 1)
	n, release, err := l.b.waker.hold(ctx)
	if err != nil {
		out <- namesys.AsyncResult{Err: err}
		close(out)
		return out
	}
	go func() {
		defer release()
		defer close(out)
		for r := range n.names.ResolveAsync(ctx, p, opts...) {
			select {
			case out <- r:
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}

func (lazyNames) Publish(context.Context, crypto.PrivKey, path.Path, ...namesys.PublishOption) error {
	return errors.New("ipfs: nothing is published from here")
}

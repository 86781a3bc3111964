// Package ipfs is the protocols ipfs/v0 and ipns/v0: files of IPFS, streamed while they are fetched.
//
// The network is boxo's and go-libp2p's: bitswap and trustless gateways as sources of blocks, the hash table and /routing/v1 to find
// them (node.go, routing.go). It sleeps: there is no goroutine and no socket until a block is needed that is not on the disk, and
// none again some minutes later (waker.go). Ours is what reads files: the decoder of UnixFS (unixfs.go), trees and folders (tree.go,
// dir.go), readers with a window of their own (walk.go, reader.go), and blocks in the one store of all protocols (shelf.go, find.go, gather.go).
//
// Every block is verified: the libraries compute its hash when it arrives, and the store when it comes from a disk that may have
// changed. What a verified block says is still the word of a stranger: sizes, names and depths are bounded, and no socket goes to a
// private address because of it (guard.go).
package ipfs

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/ipfs/go-cid"
	madns "github.com/multiformats/go-multiaddr-dns"
	"golang.org/x/time/rate"

	"github.com/zeronetscript/universal_p2p/stream"
	"github.com/zeronetscript/universal_p2p/stream/store"
)

const (
	defaultIdle = 3 * time.Minute // how long the node stays awake when no block is needed from the network
	maxDags     = 256             // roots in use at the same time
	maxUnused   = 32              // that are remembered, in case somebody comes back to them
)

// Config says how the backend takes part in the network. Store is required.
type Config struct {
	Store *store.Store // where blocks are kept; outlives the backend
	Log   *slog.Logger // nil: silent

	AllowLocalPeers bool // private, loopback and link-local addresses may be used

	Routers   []string // URLs of endpoints of /routing/v1
	Gateways  []string // URLs of trustless gateways that are asked for any block
	Bootstrap []string // multiaddrs of peers to join the hash table by; none: it is not used
	Share     bool     // give blocks to peers that we are connected to
	ShareRate int64    // bytes a second; 0: no limit

	GatewayHosts []string // hosts, besides our own, that answer with what IPFS has: names without a port

	Idle   time.Duration // how long the node stays awake unused; 0: three minutes
	Rested func()        // called when the node has fallen asleep, and once more a minute later: what it took can be given back. May be nil

	resolver madns.BasicResolver // for DNSLink; nil is the system's
}

// A Backend is our IPFS node.
type Backend struct {
	cfg     Config
	log     *slog.Logger
	shelves *shelves
	waker   *waker
	gateway func() (*gatewayServer, error) // made when it is needed
	hosts   map[string]bool                // that the user has given to it

	life   context.Context // ends with Close
	cancel context.CancelFunc

	gathers sync.WaitGroup // see Gather; begun with mu held

	mu     sync.Mutex // guards what follows
	dags   map[string]*dag
	unused []*dag // those that nobody has open, the least recently used first
	closed bool
	paused bool
}

var (
	_ stream.Backend       = (*Backend)(nil)
	_ stream.Searcher      = (*Backend)(nil)
	_ stream.Canonicalizer = (*Backend)(nil)
	_ stream.Pauser        = (*Backend)(nil)
)

// New returns a backend that sleeps. A list that makes no sense is an error at once.
func New(cfg Config) (*Backend, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Idle <= 0 {
		cfg.Idle = defaultIdle
	}
	g := guard{allowLocal: cfg.AllowLocalPeers, trusted: make(map[string]bool), bootstrap: make(map[string]bool)}
	for _, endpoint := range cfg.Gateways {
		_, hostPort, err := gatewayPeer(endpoint)
		if err != nil {
			return nil, err
		}
		g.trusted[hostPort] = true
	}
	peers, err := bootstrapPeers(cfg.Bootstrap)
	if err != nil {
		return nil, err
	}
	for _, p := range peers {
		for _, m := range p.Addrs {
			g.bootstrap[namedPeer(p.ID, m)] = true
		}
	}
	b := &Backend{cfg: cfg, log: cfg.Log, shelves: &shelves{st: cfg.Store}, dags: make(map[string]*dag)}
	b.life, b.cancel = context.WithCancel(context.Background())
	served := blockStore{shelves: b.shelves}
	if cfg.ShareRate > 0 {
		served.limit = rate.NewLimiter(rate.Limit(cfg.ShareRate), int(max(maxBlock, cfg.ShareRate)))
	}
	b.waker = newWaker(cfg.Idle, func() (*node, error) { return startNode(&b.cfg, g, served) }, cfg.Rested, cfg.Log)
	b.gateway = sync.OnceValues(func() (*gatewayServer, error) { return newGateway(b) })
	b.hosts = gatewayHosts(cfg.GatewayHosts)
	return b, nil
}

// Close implements stream.Backend.
func (b *Backend) Close() error {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return nil
	}
	b.closed = true
	b.cancel()
	for _, d := range b.dags {
		if d.refs == 0 {
			b.drop(d)
		} else {
			d.end()
		}
	}
	b.mu.Unlock()
	err := b.waker.close()
	b.gathers.Wait()
	b.shelves.close()
	return err
}

// Open implements stream.Backend. The ID is a CID of a file or a folder; of the hints, "filename" is the name of a file that has
// none, as gateways know it.
func (b *Backend) Open(ctx context.Context, root stream.Root) (stream.Tree, error) {
	c, err := parseFS(root.ID)
	if err != nil {
		return nil, err
	}
	return b.openTree(ctx, target{cid: c, name: root.Hints.Get(filenameHint)})
}

// openTree opens what t names.
func (b *Backend) openTree(ctx context.Context, t target) (*tree, error) {
	d, err := b.acquire(t.cid)
	if err != nil {
		return nil, err
	}
	n, err := d.open(ctx)
	if err != nil {
		b.release(d)
		return nil, err
	}
	return newTree(d, n, t.name), nil
}

// acquire returns the record of a root, which the caller releases.
func (b *Backend) acquire(t cid.Cid) (*dag, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, stream.ErrClosed
	}
	id := canonical(t)
	d := b.dags[id]
	if d == nil {
		if len(b.dags) >= maxDags {
			if len(b.unused) == 0 {
				return nil, fmt.Errorf("ipfs: %d roots are in use: %w", len(b.dags), stream.ErrBusy)
			}
			b.drop(b.unused[0])
		}
		d = newDag(b, id, fsCID(t))
		b.dags[id] = d
	}
	if d.refs == 0 {
		b.forgetUnused(d)
	}
	d.refs++
	return d, nil
}

// release gives back what acquire took. The root stays for a while: the next request of a page finds it, and the peers that have
// it.
func (b *Backend) release(d *dag) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if d.refs--; d.refs > 0 {
		return
	}
	if b.closed || b.paused {
		b.drop(d)
		return
	}
	d.idle = time.AfterFunc(b.cfg.Idle, func() { b.expire(d) })
	if b.unused = append(b.unused, d); len(b.unused) > maxUnused {
		b.drop(b.unused[0])
	}
}

func (b *Backend) expire(d *dag) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if d.refs == 0 && b.dags[d.id] == d {
		b.drop(d)
	}
}

// drop forgets a root that nobody has open. The backend is locked.
func (b *Backend) drop(d *dag) {
	b.forgetUnused(d)
	delete(b.dags, d.id)
	d.end()
	d.shelf.release()
	if len(b.dags) == 0 {
		b.shelves.unload()
	}
}

func (b *Backend) forgetUnused(d *dag) {
	if d.idle != nil {
		d.idle.Stop()
		d.idle = nil
	}
	for i, o := range b.unused {
		if o == d {
			b.unused = append(b.unused[:i:i], b.unused[i+1:]...)
			return
		}
	}
}

// Pause implements stream.Pauser.
func (b *Backend) Pause(on bool) {
	b.mu.Lock()
	b.paused = on
	if on && !b.closed {
		for _, d := range slices.Clone(b.unused) {
			b.drop(d)
		}
	}
	b.mu.Unlock()
	b.waker.pause(on)
}

// Leave implements stream.Leaver.
func (b *Backend) Leave(_ context.Context, id string) error {
	c, err := parseFS(id)
	if err != nil {
		return err
	}
	id = canonical(c)
	b.mu.Lock()
	defer b.mu.Unlock()
	if d := b.dags[id]; d != nil && d.refs == 0 && !b.closed {
		b.drop(d)
	}
	b.shelves.leave(id)
	return nil
}

// Search implements stream.Searcher.
func (b *Backend) Search(root stream.Root) (stream.Search, bool) {
	c, err := parseFS(root.ID)
	if err != nil {
		return stream.Search{}, false
	}
	b.mu.Lock()
	d := b.dags[canonical(c)]
	b.mu.Unlock()
	if d == nil {
		return stream.Search{}, false
	}
	return d.search(), true
}

// Canonical implements stream.Canonicalizer.
func (*Backend) Canonical(root stream.Root) (id string, ok bool) {
	c, err := parseFS(root.ID)
	if err != nil {
		return "", false
	}
	return canonical(c), true
}

// closedOr is err, or that the backend is closed, which is why it failed.
func (b *Backend) closedOr(err error) error {
	if b.life.Err() != nil {
		return stream.ErrClosed
	}
	return err
}

// Package bittorrent is the protocol bittorrent/v0: files of torrents, streamed while they are fetched.
//
// The swarm (connections, trackers, DHT, hashing, banning) is anacrolix/torrent's. Ours is what makes it a streamer: a
// picker that asks for the block a reader waits for from the peer that will send it first (picker.go, pace.go), readers that
// say what they need (need.go, reader.go), pieces kept in the one store of all protocols (pieces.go), and the life of a
// torrent (swarm.go): it joins the client with its first Open, and leaves it some minutes after the last Tree is closed.
//
// What a URL names may come from any web page. Its trackers, web seeds and peers are bounded in number, and none of our
// sockets goes to a private address for them (guard.go).
package bittorrent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/anacrolix/torrent"
	"golang.org/x/time/rate"

	"github.com/zeronetscript/universal_p2p/stream"
	"github.com/zeronetscript/universal_p2p/stream/store"
)

// space is our part of the store.
const space = "bittorrent"

// defaultGrace is how long a torrent stays in the client when nobody has it open any more.
const defaultGrace = 3 * time.Minute

// Config says how the backend takes part in swarms. Store and Dir are required.
type Config struct {
	Store *store.Store // where pieces are kept; outlives the backend
	Dir   string       // folder for what the backend itself remembers, made if missing
	Log   *slog.Logger // nil: silent

	AllowLocalPeers bool // private, loopback and link-local addresses may be used

	DHT          bool     // BEP 5
	DHTBootstrap []string // host:port of nodes to start from
	Trackers     []string // asked for every torrent that is not private (BEP 27)
	WebTorrent   bool     // peers in browsers, found by ws and wss trackers
	Port         int      // to listen on for peers, TCP and UDP; 0: any
	MaxPeers     int      // connections a torrent; 0: 50

	Upload       bool  // give pieces to other peers, while a torrent is in use
	UploadRate   int64 // bytes a second; 0: no limit
	DownloadRate int64 // bytes a second; 0: no limit

	Grace time.Duration // how long an unused torrent stays connected; 0: three minutes
}

// A Backend is our BitTorrent client.
type Backend struct {
	cfg      Config
	log      *slog.Logger
	store    *store.Store
	guard    guard
	hooks    hooks
	client   *torrent.Client
	registry *registry
	upRate   *rate.Limiter // bytes a second
	dht      *nodeKeeper

	announces chan struct{} // a place in it for each announce under way
	pressure  pressure

	mu      sync.Mutex                  // guards what follows; the client may be called under it, and never calls us back for it
	swarms  map[string]*swarm           // by each infohash they are known by
	owners  map[*torrent.Torrent]*swarm // all of them, also those that are being stopped
	unused  []*swarm                    // those that nobody has open, the least recently used first
	uploads int                         // .torrents that were added
	closed  bool
	paused  bool
	stops   sync.WaitGroup // swarms that are being stopped
}

var (
	_ stream.MetaBackend = (*Backend)(nil)
	_ stream.Searcher    = (*Backend)(nil)
	_ stream.Pauser      = (*Backend)(nil)
)

// New starts the client: it listens for peers and joins the DHT.
func New(cfg Config) (*Backend, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Grace <= 0 {
		cfg.Grace = defaultGrace
	}
	h, err := newHooks()
	if err != nil {
		return nil, err
	}
	b := &Backend{
		cfg: cfg, log: cfg.Log, store: cfg.Store, guard: guard{cfg.AllowLocalPeers, newNeighbours()}, hooks: h,
		registry: newRegistry(h), upRate: limiter(cfg.UploadRate), announces: make(chan struct{}, maxAnnounces),
		swarms: make(map[string]*swarm), owners: make(map[*torrent.Torrent]*swarm),
	}
	if b.client, err = newClient(cfg, b.guard, b.registry, b.upRate); err != nil {
		return nil, fmt.Errorf("bittorrent: %w", err)
	}
	if cfg.DHT {
		b.dht = keepNodes(b.client, cfg.Dir, cfg.Log)
	}
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
	var open []*swarm
	for _, s := range b.owners {
		if !s.leaving {
			open = append(open, s)
			s.cancel(stream.ErrClosed) // all at once, and then wait for each
		}
	}
	b.mu.Unlock()
	for _, s := range open {
		s.stop()
	}
	b.stops.Wait()
	if b.dht != nil {
		b.dht.close()
	}
	return closeClient(b.client)
}

// Open implements stream.Backend.
func (b *Backend) Open(ctx context.Context, root stream.Root) (stream.Tree, error) {
	tg, err := parseRoot(root)
	if err != nil {
		return nil, err
	}
	for {
		s, err := b.acquire(ctx, tg)
		if err != nil {
			return nil, err
		}
		if err = s.wait(ctx); err == nil {
			return newTree(s, func() { b.release(s) }), nil
		}
		b.release(s)
		if !errors.Is(err, errMoved) {
			return nil, err
		}
	}
}

// Search implements stream.Searcher.
func (b *Backend) Search(root stream.Root) (stream.Search, bool) {
	tg, err := parseRoot(root)
	if err != nil {
		return stream.Search{}, false
	}
	b.mu.Lock()
	s := b.find(tg)
	b.mu.Unlock()
	if s == nil {
		return stream.Search{}, false
	}
	return s.search(), true
}

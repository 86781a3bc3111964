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
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/anacrolix/torrent"

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
	hooks    hooks
	client   *torrent.Client
	registry *registry
	dht      *nodeKeeper

	announces chan struct{} // a place in it for each announce under way
	pressure  pressure

	mu     sync.Mutex // guards what follows; the client may be called under it, and never calls us back for it
	swarms map[string]*swarm
	closed bool
	stops  sync.WaitGroup // swarms that are being stopped
}

var (
	_ stream.MetaBackend = (*Backend)(nil)
	_ stream.Searcher    = (*Backend)(nil)
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
		cfg: cfg, log: cfg.Log, store: cfg.Store, hooks: h,
		registry: newRegistry(h), swarms: make(map[string]*swarm), announces: make(chan struct{}, maxAnnounces),
	}
	if b.client, err = newClient(cfg, b.registry); err != nil {
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
	open := make(map[*swarm]bool)
	for _, s := range b.swarms {
		open[s] = true
	}
	clear(b.swarms)
	b.mu.Unlock()
	for s := range open {
		b.stops.Go(s.stop)
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
	s, err := b.acquire(tg)
	if err != nil {
		return nil, err
	}
	if err := s.wait(ctx); err != nil {
		b.release(s)
		return nil, err
	}
	return newTree(s, func() { b.release(s) }), nil
}

// acquire returns the swarm of tg and joins it if need be. The caller releases it.
func (b *Backend) acquire(tg target) (*swarm, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, stream.ErrClosed
	}
	s := b.find(tg)
	if s == nil {
		s = b.join(tg)
	}
	s.refs++
	if s.idle != nil {
		s.idle.Stop()
	}
	s.addHints(tg)
	return s, nil
}

func (b *Backend) find(tg target) *swarm {
	if s := b.swarms[tg.v1]; s != nil && tg.v1 != "" {
		return s
	}
	if tg.v2 == "" {
		return nil
	}
	return b.swarms[tg.v2]
}

// join adds the torrent to the client. The backend is locked.
func (b *Backend) join(tg target) *swarm {
	opts := torrent.AddTorrentOpts{
		DisableInitialPieceCheck: true, // the store knows what it has
		DeferStorageOpen:         true,
	}
	var own target // sources of the .torrent
	if mi, info := b.keptMetainfo(tg); mi != nil {
		opts.InfoBytes = mi.InfoBytes
		if info.HasV2() {
			opts.PieceLayers = mi.PieceLayers
		}
		own = targetOf(mi, info)
		own.private = isPrivate(info)
		tg.v1, tg.v2 = own.v1, own.v2
	}
	opts.InfoHash = tg.hashV1()
	if h, ok := tg.hashV2(); ok {
		opts.InfoHashV2.Set(h)
	}
	s := &swarm{b: b, log: b.log, done: make(chan struct{}), ready: make(chan struct{}), infohashes: tg.short()}
	s.life, s.cancel = context.WithCancel(context.Background())
	s.announcer = newAnnouncer(s)
	s.t, _ = b.client.AddTorrentOpt(opts)
	clientLock(b.client)
	s.set = b.registry.set(s.t)
	clientUnlock(b.client)
	b.index(s, tg)
	s.addHints(own)
	s.private = own.private && len(own.trackers) > 0
	if !own.private {
		s.addTrackers(appendHints(nil, b.cfg.Trackers, maxTrackers, isTracker), true)
	}
	s.addPeers(b.keptPeers(tg.id()))
	go s.serve()
	return s
}

// index makes s known by the infohashes of tg. The backend is locked.
func (b *Backend) index(s *swarm, tg target) {
	for _, k := range []string{tg.v1, tg.v2} {
		if k != "" && b.swarms[k] == nil {
			b.swarms[k] = s
			s.keys = append(s.keys, k)
		}
	}
}

// release gives back what acquire took. The torrent stays for the grace, so that the next request of a page finds it.
func (b *Backend) release(s *swarm) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s.refs--; s.refs > 0 || b.closed {
		return
	}
	grace := b.cfg.Grace
	if s.failed() {
		grace = 0 // the next Open tries anew
	}
	if s.idle == nil {
		s.idle = time.AfterFunc(grace, func() { b.expire(s) })
	} else {
		s.idle.Reset(grace)
	}
}

// expire drops s if it is still unused.
func (b *Backend) expire(s *swarm) {
	b.mu.Lock()
	if s.refs > 0 || b.closed {
		b.mu.Unlock()
		return
	}
	for _, k := range s.keys {
		delete(b.swarms, k)
	}
	b.stops.Add(1)
	b.mu.Unlock()
	defer b.stops.Done()
	s.stop()
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

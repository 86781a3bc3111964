package bittorrent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/anacrolix/torrent"
	"github.com/anacrolix/torrent/types/infohash"

	"github.com/zeronetscript/universal_p2p/stream"
	"github.com/zeronetscript/universal_p2p/stream/store"
)

// A swarm is one torrent in the client, shared by all who have it open. It lives from the first Open until some time after
// the last Close of a Tree.
type swarm struct {
	b   *Backend
	log *slog.Logger
	t   *torrent.Torrent
	set *peerSet

	announcer *announcer
	private   bool // it came with trackers of its own, and what pages name beside them is not used (BEP 27)

	// The backend's mutex guards these.
	keys    []string // infohashes it is known by
	refs    int      // open trees and Opens that wait
	idle    *time.Timer
	leaving bool // it is being stopped, and takes nobody any more

	life   context.Context // ends with the swarm: serve, and all reads
	cancel context.CancelCauseFunc
	done   chan struct{} // serve has ended
	left   chan struct{} // the client has forgotten the torrent

	// ready is closed once the list of files is known, or err is set. What follows does not change after that.
	ready  chan struct{}
	err    error
	id     string
	list   *fileList
	layout layout
	obj    *store.Object

	waiting atomic.Int32 // early readers that wait for a block

	mu         sync.Mutex // guards what follows, and the needs; never held while the client or the store is called but for holds and the quota
	needs      []*need
	glows      []glow
	books      books
	infohashes []infohash.T // of 20 bytes

	gone  map[int]bool    // pieces that were recycled, and the library does not know yet
	known map[string]bool // addresses of peers that somebody named

	trackers, webSeeds []string // told to the library
}

// serve waits for the list of files and then asks for what the readers need, until the swarm's life ends. The id is the one that
// is known so far.
func (s *swarm) serve(id string) {
	defer close(s.done)
	s.addPeers(s.b.keptPeers(id))
	if s.awaitInfo() {
		s.err = s.prepare(s.life)
	}
	if s.obj == nil && s.err == nil {
		s.err = cmp.Or(context.Cause(s.life), stream.ErrClosed)
	}
	close(s.ready)
	if s.err != nil {
		return
	}
	s.mu.Lock()
	webSeeds := slices.Clone(s.webSeeds)
	s.mu.Unlock()
	s.useWebSeeds(webSeeds) // those named before the layout was known; the library knows the others
	newPicker(s, s.b.hooks, s.b.client).run(s.life)
}

// prepare makes the files readable once the library has the info dictionary.
func (s *swarm) prepare(ctx context.Context) error {
	info := s.t.Info()
	mi := s.t.Metainfo()
	tg := targetOf(&mi, info)
	s.b.claim(s, tg)
	l, err := newLayout(info)
	if err != nil {
		return fmt.Errorf("%w: %w", stream.ErrBadMetainfo, err)
	}
	s.id, s.layout = tg.id(), l
	s.mu.Lock()
	s.infohashes = tg.short()
	s.mu.Unlock()
	if isPrivate(info) {
		s.announcer.dropDefaults()
	}
	obj, err := s.b.store.Object(store.Spec{
		Space:   space,
		ID:      s.id,
		Name:    displayName(info.BestName()),
		Size:    l.content(),
		Chunk:   l.pieceLength,
		Sizes:   l.sizes,
		Check:   newChecker(&mi, info, l).check,
		Dropped: s.pieceDropped,
	})
	if err != nil {
		return fmt.Errorf("bittorrent: %s: %w", s.id, spaceError(err))
	}
	s.list = newFileList(s, info, s.b.encodingOf(s.id))
	if err := s.t.OpenStorage(ctx, &pieceStorage{obj: obj, layout: l, events: s}); err != nil {
		obj.Close()
		return fmt.Errorf("bittorrent: %s: opening storage: %w", s.id, err)
	}
	s.t.SetOnWriteChunkError(func(error) {}) // else it would stop downloading; we know from blockFailed
	s.obj = obj
	s.b.keepMetainfo(tg, mi)
	return nil
}

// wait blocks until the list of files is known.
func (s *swarm) wait(ctx context.Context) error {
	select {
	case <-s.ready:
		return s.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// failed reports whether the torrent turned out to be unusable.
func (s *swarm) failed() bool { return isClosed(s.ready) && s.err != nil }

// stop ends the swarm's goroutine and takes the torrent out of the client. No tree is open any more, or the backend closes.
func (s *swarm) stop() {
	s.cancel(stream.ErrClosed)
	<-s.done
	s.announcer.wait()
	if s.obj != nil {
		s.b.keepPeers(s.id, s.goodPeers())
		s.b.keepLayers(s)
	}
	s.b.registry.drop(s.t)
	if s.obj != nil {
		if err := s.obj.Close(); err != nil {
			s.log.Warn("closing the store's object", "root", s.id, "err", err)
		}
	}
}

// addHints makes use of what a URL said about where to look.
func (s *swarm) addHints(tg target) {
	if tg.name != "" {
		s.t.SetDisplayName(displayName(tg.name))
	}
	if s.private {
		return
	}
	s.addTrackers(s.news(&s.trackers, tg.trackers, 2*maxTrackers), false)
	if webSeeds := s.news(&s.webSeeds, tg.webSeeds, 2*maxWebSeeds); len(webSeeds) > 0 && s.prepared() {
		s.useWebSeeds(webSeeds)
	}
	s.addPeers(tg.peers)
}

// addTrackers announces to the trackers: the library to those of browsers, and we to the others.
func (s *swarm) addTrackers(urls []string, defaults bool) {
	var ws, others []string
	for _, u := range urls {
		if strings.HasPrefix(u, "ws:") || strings.HasPrefix(u, "wss:") {
			ws = append(ws, u)
		} else {
			others = append(others, u)
		}
	}
	if len(ws) > 0 {
		s.t.AddTrackers([][]string{ws})
	}
	s.announcer.add(others, defaults)
}

// hashes lists the infohashes by which trackers know the torrent.
func (s *swarm) hashes() []infohash.T {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.infohashes
}

// allTrackers lists the trackers that are announced to.
func (s *swarm) allTrackers() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return appendHints(slices.Clone(s.trackers), s.b.cfg.Trackers, 3*maxTrackers, isTracker)
}

// prepared reports whether the layout is known.
func (s *swarm) prepared() bool { return isClosed(s.ready) && s.err == nil }

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// useWebSeeds hands web seeds to the library, if it can do with them: it counts in whole blocks, and panics on a piece that is
// shorter than the others or stalls on one whose length is no multiple of a block.
func (s *swarm) useWebSeeds(urls []string) {
	if s.layout.sizes != nil || s.layout.pieceLength%blockSize != 0 {
		return
	}
	s.t.AddWebSeeds(urls)
}

// news returns the hints that are not in known yet, and adds them while there are less than limit: each request of a page
// brings hints along, the same or others.
func (s *swarm) news(known *[]string, hints []string, limit int) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(*known)
	*known = appendHints(*known, hints, limit, func(string) bool { return true })
	return slices.Clone((*known)[n:])
}

// addPeers dials the addresses, and again when a reader waits and nobody is connected.
func (s *swarm) addPeers(addrs []string) {
	if len(addrs) == 0 {
		return
	}
	s.mu.Lock()
	if s.known == nil {
		s.known = make(map[string]bool)
	}
	for _, a := range addrs {
		if len(s.known) < 4*maxPeers {
			s.known[a] = true
		}
	}
	s.mu.Unlock()
	s.t.AddPeers(peerInfos(addrs))
}

// redial tries all known addresses again: the library forgets an address once its connection has ended.
func (s *swarm) redial() {
	addrs := s.goodPeers()
	clientLock(s.b.client)
	addrs = slices.AppendSeq(addrs, maps.Keys(s.set.dialled))
	clientUnlock(s.b.client)
	s.mu.Lock()
	for a := range s.known {
		addrs = append(addrs, a)
	}
	s.mu.Unlock()
	if len(addrs) > 0 {
		s.t.AddPeers(peerInfos(addrs))
	}
}

func peerInfos(addrs []string) []torrent.PeerInfo {
	peers := make([]torrent.PeerInfo, len(addrs))
	for i, a := range addrs {
		peers[i] = torrent.PeerInfo{Addr: torrent.StringAddr(a), Source: torrent.PeerSourceDirect}
	}
	return peers
}

// goodPeers lists the addresses that gave us something, those that gave most first.
func (s *swarm) goodPeers() []string {
	clientLock(s.b.client)
	peers := slices.Clone(s.set.past)
	for _, p := range s.set.peers {
		if addr := p.dialAddr(); addr != "" && p.useful > 0 {
			peers = append(peers, pastPeer{addr, p.useful})
		}
	}
	clientUnlock(s.b.client)
	slices.SortStableFunc(peers, func(a, b pastPeer) int { return cmp.Compare(b.bytes, a.bytes) })
	var addrs []string
	for _, p := range peers {
		if len(addrs) < maxPeers && !slices.Contains(addrs, p.addr) {
			addrs = append(addrs, p.addr)
		}
	}
	return addrs
}

// search reports how the search for s goes.
func (s *swarm) search() stream.Search {
	st := s.t.Stats()
	return stream.Search{Peers: st.ActivePeers, Known: st.TotalPeers, Found: s.t.Info() != nil}
}

// spaceError translates the store's errors.
func spaceError(err error) error {
	if errors.Is(err, store.ErrFull) {
		return fmt.Errorf("%w: %w", stream.ErrNoSpace, err)
	}
	return err
}

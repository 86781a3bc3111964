package bittorrent

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/anacrolix/torrent"
	"github.com/anacrolix/torrent/metainfo"

	"github.com/zeronetscript/universal_p2p/stream"
)

// Which torrents are in the client, and how many. A page can name as many as it likes, and each costs some fifteen goroutines
// and the sockets of its peers.
const (
	maxSwarms = 256 // in all
	maxUnused = 32  // that stay, in case somebody comes back to them

	// searchGrace is how long a torrent stays that nobody has waited for until its list of files was there.
	searchGrace = 10 * time.Second
)

// errMoved ends a swarm that another one takes the place of: those who wait for it look again.
var errMoved = errors.New("bittorrent: the torrent is known by another name")

// kept is what the store has of a torrent.
type kept struct {
	mi      *metainfo.MetaInfo // nil: nothing
	info    *metainfo.Info
	uploads int // of the backend, when it was read
}

// acquire returns the swarm of tg and joins it if need be. It waits for one that is being stopped. The caller releases it.
func (b *Backend) acquire(ctx context.Context, tg target) (*swarm, error) {
	var k *kept
	for {
		s, again, err := b.use(tg, k)
		if s != nil || err != nil {
			return s, err
		}
		if again != nil {
			select {
			case <-again:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		// The disk may be slow, and others need the mutex.
		b.mu.Lock()
		k = &kept{uploads: b.uploads}
		b.mu.Unlock()
		k.mi, k.info = b.keptMetainfo(tg)
	}
}

// use takes the swarm of tg. It returns nil if k is missing or out of date, or has to be read anew once again is closed.
func (b *Backend) use(tg target, k *kept) (s *swarm, again <-chan struct{}, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, nil, stream.ErrClosed
	}
	if s = b.find(tg); s == nil {
		if k == nil || k.uploads != b.uploads {
			return nil, nil, nil
		}
		if s, again, err = b.join(tg, k); s == nil {
			return nil, again, err
		}
	}
	if s.leaving {
		return nil, s.left, nil
	}
	if s.refs == 0 {
		b.unused = slices.DeleteFunc(b.unused, func(o *swarm) bool { return o == s })
		if s.idle != nil {
			s.idle.Stop()
		}
	}
	s.refs++
	s.addHints(tg)
	return s, nil, nil
}

// find returns the swarm that is known by an infohash of tg, or nil. The backend is locked.
func (b *Backend) find(tg target) *swarm {
	for _, k := range tg.names() {
		if s := b.swarms[k]; s != nil {
			return s
		}
	}
	return nil
}

// join adds the torrent to the client. If there is no room it returns when to try again, if that can be known. The backend is
// locked.
func (b *Backend) join(tg target, k *kept) (s *swarm, again <-chan struct{}, err error) {
	opts := torrent.AddTorrentOpts{
		DisableInitialPieceCheck: true, // the store knows what it has
		DeferStorageOpen:         true,
	}
	var own target // sources of the .torrent
	if k.mi != nil {
		opts.InfoBytes = k.mi.InfoBytes
		if k.info.HasV2() {
			opts.PieceLayers = k.mi.PieceLayers
		}
		own = targetOf(k.mi, k.info)
		own.private = isPrivate(k.info)
		tg.v1, tg.v2 = own.v1, own.v2
		if s := b.find(tg); s != nil {
			b.index(s, tg)
			return s, nil, nil
		}
	}
	if again, err := b.makeRoom(); again != nil || err != nil {
		return nil, again, err
	}
	opts.InfoHash = tg.hashV1()
	if h, ok := tg.hashV2(); ok {
		opts.InfoHashV2.Set(h)
	}
	t, _ := b.client.AddTorrentOpt(opts)
	if s := b.owners[t]; s != nil { // the library has just learnt an infohash of it, and its swarm has not yet told us
		b.index(s, tg)
		return s, nil, nil
	}
	s = &swarm{
		b: b, log: b.log, t: t, infohashes: tg.short(),
		done: make(chan struct{}), ready: make(chan struct{}), left: make(chan struct{}),
	}
	s.life, s.cancel = context.WithCancelCause(context.Background())
	s.announcer = newAnnouncer(s)
	clientLock(b.client)
	s.set = b.registry.set(s.t)
	s.set.fail = s.cancel
	clientUnlock(b.client)
	b.owners[t] = s
	b.index(s, tg)
	s.addHints(own)
	s.private = own.private && len(own.trackers) > 0
	if !own.private {
		s.addTrackers(appendHints(nil, b.cfg.Trackers, maxTrackers, isTracker), true)
	}
	go s.serve(tg.id())
	return s, nil, nil
}

// makeRoom reports whether there is room for one torrent more. If not it returns when to look again, or an error if all are in
// use. The backend is locked.
func (b *Backend) makeRoom() (again <-chan struct{}, err error) {
	if len(b.owners) < maxSwarms {
		return nil, nil
	}
	for _, s := range b.owners {
		if s.leaving {
			return s.left, nil
		}
	}
	if len(b.unused) > 0 {
		return b.leave(b.unused[0]), nil
	}
	return nil, fmt.Errorf("bittorrent: %d torrents are in use: %w", len(b.owners), stream.ErrBusy)
}

// index makes s known by the infohashes of tg that nobody else is known by. The backend is locked.
func (b *Backend) index(s *swarm, tg target) {
	for _, k := range tg.names() {
		if b.swarms[k] == nil {
			b.swarms[k] = s
			s.keys = append(s.keys, k)
		}
	}
}

// claim makes s known by both infohashes of its torrent, of which one may be new. Another swarm that was found by that one ends:
// those who wait for it come over.
func (b *Backend) claim(s *swarm, tg target) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed || s.leaving {
		return
	}
	for _, k := range tg.names() {
		if other := b.swarms[k]; other != nil && other != s {
			for _, k := range other.keys {
				b.swarms[k] = s
			}
			s.keys = append(s.keys, other.keys...)
			other.keys = nil
			other.cancel(errMoved)
			b.leave(other)
		}
	}
	b.index(s, tg)
}

// release gives back what acquire took. The torrent stays for the grace, so that the next request of a page finds it.
func (b *Backend) release(s *swarm) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s.refs--; s.refs > 0 || b.closed || s.leaving {
		return
	}
	if b.paused || s.failed() {
		b.leave(s) // the next Open tries anew
		return
	}
	grace := b.cfg.Grace
	if !s.prepared() {
		grace = min(grace, searchGrace)
	}
	if s.idle == nil {
		s.idle = time.AfterFunc(grace, func() { b.expire(s) })
	} else {
		s.idle.Reset(grace)
	}
	if b.unused = append(b.unused, s); len(b.unused) > maxUnused {
		b.leave(b.unused[0])
	}
}

// expire drops s if it is still unused.
func (b *Backend) expire(s *swarm) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s.refs == 0 && !b.closed {
		b.leave(s)
	}
}

// Pause implements stream.Pauser. Only the DHT keeps its place in the network.
func (b *Backend) Pause(on bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.paused = on
	if on && !b.closed {
		for _, s := range slices.Clone(b.unused) {
			b.leave(s)
		}
	}
}

// Leave implements stream.Leaver.
func (b *Backend) Leave(ctx context.Context, id string) error {
	tg, err := parseRoot(stream.Root{ID: id})
	if err != nil {
		return err
	}
	b.mu.Lock()
	s := b.find(tg)
	var left <-chan struct{}
	if s != nil && s.refs == 0 && !b.closed {
		left = b.leave(s)
	}
	b.mu.Unlock()
	if left == nil {
		return nil
	}
	select {
	case <-left:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// leave begins to stop s. What it returns is closed once the client has forgotten the torrent; until then s stays known, so
// that nobody joins it a second time. The backend is locked, and not closed.
func (b *Backend) leave(s *swarm) (left <-chan struct{}) {
	if s.leaving {
		return s.left
	}
	s.leaving = true
	if s.idle != nil {
		s.idle.Stop()
	}
	b.unused = slices.DeleteFunc(b.unused, func(o *swarm) bool { return o == s })
	b.stops.Go(func() {
		s.stop()
		b.mu.Lock()
		delete(b.owners, s.t)
		for _, k := range s.keys {
			if b.swarms[k] == s {
				delete(b.swarms, k)
			}
		}
		b.mu.Unlock()
		close(s.left)
	})
	return s.left
}

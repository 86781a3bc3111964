package bittorrent

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/anacrolix/torrent/tracker"
	"github.com/anacrolix/torrent/types/infohash"
)

const (
	maxAnnounces    = 40               // under way at once, of all torrents
	announceTimeout = 20 * time.Second // for one
	farewellTimeout = time.Second      // for telling a tracker that we leave

	hurryAnnounce = 15 * time.Second // after an announce, when nobody is connected; twice as long each time
	minAnnounce   = time.Minute      // else, whatever the tracker says
	maxAnnounce   = time.Hour

	wantedPeers = 100 // a udp answer with more may not get through (https://github.com/anacrolix/torrent/issues/764)
)

// An announcer tells the http and udp trackers of one torrent that we are here, and gets the addresses of its peers (BEP 3,
// BEP 15). The library has one too, which keeps its intervals over the life of a torrent: who closes a page and comes back finds
// nobody for half an hour. The trackers of browsers, ws and wss, stay the library's.
type announcer struct {
	s  *swarm
	wg sync.WaitGroup

	mu      sync.Mutex
	known   map[string]bool               // URLs that are announced to
	ours    map[string]context.CancelFunc // those of them that are our defaults
	stopped bool                          // no new ones
}

func newAnnouncer(s *swarm) *announcer {
	return &announcer{s: s, known: make(map[string]bool), ours: make(map[string]context.CancelFunc)}
}

// add starts to announce to the trackers, until the swarm's life ends. Those that are only our defaults can be taken back.
func (a *announcer) add(urls []string, defaults bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, u := range urls {
		if a.known[u] || a.stopped || len(a.known) >= 3*maxTrackers {
			continue
		}
		a.known[u] = true
		ctx, cancel := context.WithCancel(a.s.life)
		if defaults {
			a.ours[u] = cancel
		}
		networks := []string{""}
		if strings.HasPrefix(u, "udp:") {
			networks = []string{"udp4", "udp6"}
		}
		var both sync.WaitGroup
		for _, network := range networks {
			both.Add(1)
			a.wg.Go(func() {
				defer both.Done()
				a.announceTo(ctx, u, network)
			})
		}
		a.wg.Go(func() {
			both.Wait()
			cancel()
		})
	}
}

// dropDefaults takes back the trackers that nobody but us has named. A private torrent has trackers of its own (BEP 27).
func (a *announcer) dropDefaults() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, cancel := range a.ours {
		cancel()
	}
}

// wait returns when nothing of a runs any more. The swarm's life has ended.
func (a *announcer) wait() {
	a.mu.Lock()
	a.stopped = true
	a.mu.Unlock()
	a.wg.Wait()
}

// announceTo announces to one tracker until ctx is done, and says goodbye if it has answered.
func (a *announcer) announceTo(ctx context.Context, u, network string) {
	event := tracker.Started
	hurry, failure := hurryAnnounce, hurryAnnounce
	for {
		interval, err := a.announce(ctx, u, network, event, announceTimeout)
		if ctx.Err() != nil {
			break
		}
		if err != nil {
			a.s.log.Debug("a tracker does not answer", "tracker", redacted(u), "network", network, "err", err)
			interval = failure
			failure = min(2*failure, maxAnnounce/2)
		} else {
			event, failure = tracker.None, hurryAnnounce
		}
		interval = max(min(interval, maxAnnounce), hurryAnnounce)
		if !a.pause(ctx, interval, hurry) {
			break
		}
		hurry = min(2*hurry, maxAnnounce)
	}
	if event == tracker.None {
		bye, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewellTimeout)
		defer cancel()
		a.announce(bye, u, network, tracker.Stopped, farewellTimeout) // it would find out by itself
	}
}

// pause waits for the interval, or only for hurry while nobody is connected. It reports whether ctx is still good.
func (a *announcer) pause(ctx context.Context, interval, hurry time.Duration) bool {
	jitter := time.Duration(rand.Int64N(int64(time.Second))) // not all trackers of a torrent at the same moment
	start := time.Now()
	wait := min(interval, hurry) + jitter
	for {
		t := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			t.Stop()
			return false
		case <-t.C:
		}
		since := time.Since(start)
		if since >= interval || since >= hurry && a.s.lonely() {
			return true
		}
		wait = min(interval-since+jitter, hurryAnnounce)
	}
}

// announce sends one announce for each infohash of the torrent, and returns after how long the tracker wants to hear of us again.
func (a *announcer) announce(ctx context.Context, u, network string, event tracker.AnnounceEvent, limit time.Duration) (interval time.Duration, err error) {
	select {
	case a.s.b.announces <- struct{}{}:
		defer func() { <-a.s.b.announces }()
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for _, hash := range a.s.hashes() {
		res, err := a.request(ctx, u, network, hash, event).Do()
		if err != nil {
			return 0, err
		}
		interval = max(interval, time.Duration(res.Interval)*time.Second, minAnnounce)
		if event != tracker.Stopped {
			a.s.addPeers(addresses(res.Peers))
		}
	}
	return interval, nil
}

func (a *announcer) request(ctx context.Context, u, network string, hash infohash.T, event tracker.AnnounceEvent) tracker.Announce {
	cl := a.s.b.client
	id, stats := cl.PeerID(), a.s.t.Stats()
	left := int64(-1) // not known
	if a.s.t.Info() != nil {
		left = max(1, a.s.t.BytesMissing()) // one who has everything is not told of others who have
	}
	parsed, err := url.Parse(u)
	if err != nil {
		parsed = new(url.URL) // isTracker has parsed it before
	}
	g := a.s.b.guard
	return tracker.Announce{
		Context:      ctx,
		TrackerUrl:   u,
		UdpNetwork:   network,
		HostHeader:   parsed.Host,
		ServerName:   parsed.Hostname(),
		UserAgent:    userAgent,
		DialContext:  g.dialTracker,
		ListenPacket: g.listenPacket,
		Slogger:      a.s.log,
		Request: tracker.AnnounceRequest{
			InfoHash:   hash,
			PeerId:     id,
			Port:       uint16(cl.LocalPort()),
			Event:      event,
			NumWant:    wantedPeers,
			Left:       left,
			Downloaded: stats.BytesReadUsefulData.Int64(),
			Uploaded:   stats.BytesWrittenData.Int64(),
			Key:        int32(binary.BigEndian.Uint32(id[16:])),
		},
	}
}

// addresses lists the peers of an answer as host:port.
func addresses(peers []tracker.Peer) (addrs []string) {
	for _, p := range peers {
		ip, ok := netip.AddrFromSlice(p.IP)
		if ok && p.Port > 0 && p.Port <= 65535 && len(addrs) < 2*wantedPeers {
			addrs = append(addrs, netip.AddrPortFrom(ip.Unmap(), uint16(p.Port)).String())
		}
	}
	return addrs
}

// redacted is the part of a tracker's URL that holds no passkey.
func redacted(u string) string {
	parsed, err := url.Parse(u)
	if err != nil {
		return "?"
	}
	return parsed.Scheme + "://" + parsed.Host
}

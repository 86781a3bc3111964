package bittorrent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/anacrolix/torrent"
	"github.com/anacrolix/torrent/types/infohash"
	"github.com/pion/webrtc/v4"
	"golang.org/x/time/rate"
)

// utpDelay is the head start of TCP over uTP when a peer is dialled by both. uTP reaches peers behind some NATs; this
// implementation of it moves a tenth of what TCP does at five times the work.
const utpDelay = 600 * time.Millisecond

// userAgent is who we are to trackers and web seeds.
const userAgent = "universal-p2p"

// newClient starts the library's client with the settings that make a streamer of it. upRate may be changed later on.
func newClient(cfg Config, g guard, reg *registry, upRate *rate.Limiter) (*torrent.Client, error) {
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, err
	}
	cc := torrent.NewDefaultClientConfig()
	cc.Slogger = slog.New(quiet{cfg.Log.Handler()})
	cc.ExtendedHandshakeClientVersion = "Universal P2P"
	cc.HTTPUserAgent = userAgent
	cc.Bep20 = "-UP0100-"
	cc.DefaultStorage = noStorage{}
	cc.ListenPort = cfg.Port
	cc.NoDefaultPortForwarding = true // nothing in the user's network is changed

	cc.IPBlocklist = g
	cc.TrackerDialContext = g.dialTracker
	cc.HTTPDialContext = g.dialContext
	// A web seed that accepts and says nothing must not keep its part of the torrent from the others.
	cc.WebTransport = &http.Transport{
		DialContext:           g.dialContext,
		TLSHandshakeTimeout:   10 * time.Second,
		ResponseHeaderTimeout: 10 * time.Second,
		MaxConnsPerHost:       10,
	}
	cc.TrackerListenPacket = g.listenPacket

	cc.NoDHT = !cfg.DHT
	cc.DhtStartingNodes = bootstrap(cfg.DHTBootstrap)
	cc.DisableWebtorrent = !cfg.WebTorrent
	if cfg.WebTorrent {
		installWebRTC(g)
		// To learn the address that browsers reach us at. They need it as much as we do.
		cc.ICEServerList = []webrtc.ICEServer{{URLs: []string{"stun:stun.l.google.com:19302", "stun:stun.cloudflare.com:3478"}}}
	}

	cc.NoUpload = !cfg.Upload
	cc.Seed = false // give while taking, no longer
	cc.UploadRateLimiter = upRate
	if cfg.DownloadRate > 0 {
		cc.DownloadRateLimiter = limiter(cfg.DownloadRate)
	}

	if cfg.MaxPeers > 0 {
		cc.EstablishedConnsPerTorrent = cfg.MaxPeers
	}
	// A viewer waits for the first peer that answers, so many are dialled at once. Some take ten seconds until they give
	// anything (Transmission's choker), and most addresses of a swarm are dead.
	cc.HalfOpenConnsPerTorrent = 50
	cc.TotalHalfOpenConns = 200
	cc.DialRateLimiter = rate.NewLimiter(50, 50)
	cc.NominalDialTimeout = 8 * time.Second
	// An obfuscated handshake costs a round trip more. It is tried second, for peers that take no other.
	cc.HeaderObfuscationPolicy = torrent.HeaderObfuscationPolicy{Preferred: false}
	cc.MaxUnverifiedBytes = 0 // the picker's windows bound it
	reg.install(&cc.Callbacks)
	cc.Callbacks.CompletedHandshake = func(pc *torrent.PeerConn, _ infohash.T) { expectNoReject(&pc.PeerID) }

	cc.DialForPeerConns = false
	cl, err := listen(cc, torrent.NewClient)
	if err != nil {
		return nil, err
	}
	reg.client = cl
	for _, l := range cl.Listeners() {
		if d, ok := l.(torrent.Dialer); ok {
			cl.AddDialer(notedDialer{headStart(d), reg.onDial})
		}
	}
	return cl, nil
}

// listen starts the client on the configured port, or on any if that one is taken: another program on it must not keep ours
// from working. Where no UDP can be had, as in some sandboxes and under Wine 8, TCP has to do: without uTP and the DHT. start is
// [torrent.NewClient].
func listen(cc *torrent.ClientConfig, start func(*torrent.ClientConfig) (*torrent.Client, error)) (*torrent.Client, error) {
	cl, err := start(cc)
	if err != nil && cc.ListenPort != 0 {
		cc.Slogger.Warn("the port for peers is taken, using another", "port", cc.ListenPort, "err", err)
		cc.ListenPort = 0
		cl, err = start(cc)
	}
	var op *net.OpError
	if errors.As(err, &op) && strings.HasPrefix(op.Net, "udp") && !cc.DisableUTP {
		cc.Slogger.Warn("no UDP can be had, so there is no uTP and no DHT", "err", err)
		cc.DisableUTP = true
		cl, err = start(cc)
	}
	return cl, err
}

func closeClient(cl *torrent.Client) error {
	if errs := cl.Close(); len(errs) > 0 {
		return fmt.Errorf("bittorrent: closing: %w", errors.Join(errs...))
	}
	return nil
}

// limiter allows bytesPerSecond, in bursts large enough for any message; 0 is no limit.
func limiter(bytesPerSecond int64) *rate.Limiter {
	if bytesPerSecond <= 0 {
		return rate.NewLimiter(rate.Inf, 0)
	}
	return rate.NewLimiter(rate.Limit(bytesPerSecond), int(max(bytesPerSecond, 256<<10)))
}

// expectNoReject has the library not wait for the answer to a cancel that some peers never give. BEP 6 asks for one, and until
// it is there the library does not ask that peer for the block again: a reader who comes back to it would wait for good.
// WebTorrent (bittorrent-protocol up to 5.0.9) forgets a cancelled request and says nothing, as Transmission did before 4.0.
// That one the library knows, by the only thing it looks at, so its id is what WebTorrent gets.
func expectNoReject(id *torrent.PeerID) {
	switch string(id[:3]) {
	case "-WW", "-WD": // in a page, on a desktop
		copy(id[:], "-TR3")
		id[7] = '-'
	}
}

// headStart delays d if it dials uTP.
func headStart(d torrent.Dialer) torrent.Dialer {
	if !strings.HasPrefix(d.DialerNetwork(), "udp") {
		return d
	}
	return delayedDialer{d, utpDelay}
}

// A notedDialer tells what is dialled.
type notedDialer struct {
	torrent.Dialer
	note func(addr string)
}

func (d notedDialer) Dial(ctx context.Context, addr string) (net.Conn, error) {
	d.note(addr)
	return d.Dialer.Dial(ctx, addr)
}

type delayedDialer struct {
	torrent.Dialer
	delay time.Duration
}

func (d delayedDialer) Dial(ctx context.Context, addr string) (net.Conn, error) {
	t := time.NewTimer(d.delay)
	defer t.Stop()
	select {
	case <-t.C:
		return d.Dialer.Dial(ctx, addr)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// quiet passes on what the library logs as debugging: what goes wrong with a peer is its daily life and no news for the user.
type quiet struct{ slog.Handler }

func (q quiet) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelInfo && q.Handler.Enabled(ctx, slog.LevelDebug)
}

func (q quiet) Handle(ctx context.Context, r slog.Record) error {
	r.Level = slog.LevelDebug
	return q.Handler.Handle(ctx, r)
}

func (q quiet) WithAttrs(a []slog.Attr) slog.Handler { return quiet{q.Handler.WithAttrs(a)} }
func (q quiet) WithGroup(n string) slog.Handler      { return quiet{q.Handler.WithGroup(n)} }

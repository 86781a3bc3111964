package bittorrent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	_ "unsafe" // linkname

	"github.com/pion/ice/v4"
	"github.com/pion/logging"
	"github.com/pion/transport/v3"
	"github.com/pion/transport/v3/stdnet"
	"github.com/pion/webrtc/v4"
)

const (
	// stunTime is how long a STUN server and its name have for an answer. An offer goes out when all of them have answered, so one
	// that is blocked where we are must not hold up the others.
	stunTime = time.Second

	// maxICESockets bounds what a tracker can make us open by sending offers: each takes one socket a network interface and
	// one a STUN server, for half a minute.
	maxICESockets = 256

	// Until then a better pair of addresses may still turn up. The library's own values, 0.5 s and 1 s, would be most of the
	// time that a viewer waits for the first byte.
	srflxWait = 100 * time.Millisecond
	prflxWait = 200 * time.Millisecond
)

// webrtcAPI is what the library makes its connections to browsers with. It has no setting for it, so there is one for all
// clients of the process: that of the last one made with WebTorrent. The mutex guards it. As for hooks.go, go.mod pins the version.
//
//go:linkname webrtcAPI github.com/anacrolix/torrent/webtorrent.api
var webrtcAPI *webrtc.API

//go:linkname webrtcMu github.com/anacrolix/torrent/webtorrent.newPeerConnectionMu
var webrtcMu sync.Mutex

// installWebRTC makes the guard hold for WebRTC too.
func installWebRTC(g guard) {
	var s webrtc.SettingEngine
	s.DetachDataChannels() // the library wants it
	s.LoggerFactory = &logging.DefaultLoggerFactory{Writer: io.Discard}
	s.SetNet(&iceNet{guard: g})
	s.SetIPFilter(g.reveals)
	s.DisableActiveTCP(true)                               // it would dial around the guard, and browsers do not listen
	s.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled) // finds private addresses only, and each connection would listen on port 5353
	s.SetSTUNGatherTimeout(stunTime)
	s.SetSrflxAcceptanceMinWait(srflxWait)
	s.SetPrflxAcceptanceMinWait(prflxWait)
	api := webrtc.NewAPI(webrtc.WithSettingEngine(s))
	webrtcMu.Lock()
	webrtcAPI = api
	webrtcMu.Unlock()
}

// reveals reports whether trackers and peers may learn that ip is ours. Those of private networks tell them where we live
// and are of no use to them; what browsers need is what the STUN servers see.
func (g guard) reveals(ip net.IP) bool {
	a, ok := netip.AddrFromSlice(ip)
	return ok && (g.allowLocal || isPublic(a)) // our own public address is on one of our links
}

// An iceNet is the network as WebRTC sees it: who we talk to comes from a tracker, which comes from a web page.
type iceNet struct {
	stdnet.Net
	guard   guard
	sockets atomic.Int64
}

var _ transport.Net = (*iceNet)(nil)

var errTooManySockets = errors.New("bittorrent: too many WebRTC connections are being made")

// Interfaces implements transport.Net. It is asked first for every connection, so this is where one too many fails.
func (n *iceNet) Interfaces() ([]*transport.Interface, error) {
	if n.sockets.Load() >= maxICESockets {
		return nil, errTooManySockets
	}
	now, err := stdnet.NewNet() // it remembers what it found, and a laptop moves
	if err != nil {
		return nil, err
	}
	return now.Interfaces()
}

// ListenUDP implements transport.Net.
func (n *iceNet) ListenUDP(network string, addr *net.UDPAddr) (transport.UDPConn, error) {
	c, err := n.Net.ListenUDP(network, addr)
	if err != nil {
		return nil, err
	}
	n.sockets.Add(1)
	return &iceConn{UDPConn: c, net: n}, nil
}

// ResolveUDPAddr implements transport.Net. It finds the STUN servers.
func (n *iceNet) ResolveUDPAddr(network, address string) (*net.UDPAddr, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), stunTime)
	defer cancel()
	p, err := net.DefaultResolver.LookupPort(ctx, network, port)
	if err != nil {
		return nil, err
	}
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, strings.Replace(network, "udp", "ip", 1), host)
	if err != nil {
		return nil, err
	}
	return net.UDPAddrFromAddrPort(netip.AddrPortFrom(addrs[0].Unmap(), uint16(p))), nil
}

// An iceConn sends to allowed addresses only.
type iceConn struct {
	transport.UDPConn
	net    *iceNet
	closed atomic.Bool
}

func (c *iceConn) WriteTo(b []byte, addr net.Addr) (int, error) {
	ua, ok := addr.(*net.UDPAddr)
	if !ok {
		return 0, fmt.Errorf("bittorrent: unexpected address %v", addr)
	}
	return c.WriteToUDP(b, ua)
}

func (c *iceConn) WriteToUDP(b []byte, addr *net.UDPAddr) (int, error) {
	if ap := addr.AddrPort(); !c.net.guard.allows(ap.Addr()) {
		return 0, fmt.Errorf("bittorrent: %s is not a public address", ap.Addr())
	}
	return c.UDPConn.WriteToUDP(b, addr)
}

func (c *iceConn) WriteMsgUDP([]byte, []byte, *net.UDPAddr) (n, oobn int, err error) {
	return 0, 0, errors.ErrUnsupported
}

func (c *iceConn) Close() error {
	if !c.closed.Swap(true) {
		c.net.sockets.Add(-1)
	}
	return c.UDPConn.Close()
}

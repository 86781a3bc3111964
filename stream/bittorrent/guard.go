package bittorrent

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"

	"github.com/anacrolix/torrent/iplist"
)

// A guard keeps our sockets out of private networks: a web page names trackers, web seeds and peers, and must not reach
// the router or the printer of its visitor through us. It judges the address that is about to be used, behind the name
// server and behind any redirect, so that neither can lead around it.
type guard struct {
	allowLocal bool // allow_local_peers
	near       *neighbours
}

var _ iplist.Ranger = guard{}

// Lookup implements iplist.Ranger: the addresses that the client neither connects to nor accepts.
func (g guard) Lookup(ip net.IP) (r iplist.Range, blocked bool) {
	a, ok := netip.AddrFromSlice(ip)
	if ok && g.allows(a) {
		return r, false
	}
	return iplist.Range{First: ip, Last: ip, Description: "not a public address"}, true
}

// NumRanges implements iplist.Ranger.
func (g guard) NumRanges() int { return 1 }

func (g guard) allows(a netip.Addr) bool {
	return g.allowLocal || isPublic(a) && !g.near.has(a)
}

// dialContext dials public addresses only. It serves HTTP and WebSocket trackers and web seeds.
func (g guard) dialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	d := net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second, Control: g.control}
	return d.DialContext(ctx, network, addr)
}

// maxTrackerBytes is what is read from one connection to a tracker. The library reads a message of a WebSocket tracker whole,
// however long, and this one may be a hostile page's. Well-behaved trackers need hours for it.
const maxTrackerBytes = 1 << 20

// trackerWriteTime is how long a tracker has to take what is written to it. The library writes to a WebSocket tracker under a lock
// that the client waits for, under its own, when it drops a torrent: one that does not read would stop everything.
const trackerWriteTime = 5 * time.Second

// dialTracker is dialContext for trackers.
func (g guard) dialTracker(ctx context.Context, network, addr string) (net.Conn, error) {
	c, err := g.dialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return &cappedConn{Conn: c, left: maxTrackerBytes}, nil
}

// A cappedConn fails after it has given a number of bytes, and when it does not take what is written to it.
type cappedConn struct {
	net.Conn
	left int // Read is not called concurrently
}

func (c *cappedConn) Read(b []byte) (int, error) {
	if c.left <= 0 && len(b) > 0 {
		return 0, fmt.Errorf("bittorrent: %s has sent %d bytes over one connection, enough for a tracker", c.RemoteAddr(), maxTrackerBytes)
	}
	n, err := c.Conn.Read(b[:min(len(b), c.left)])
	c.left -= n
	return n, err
}

func (c *cappedConn) Write(b []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(trackerWriteTime)); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}

func (g guard) control(_, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("bittorrent: address %q: %w", address, err)
	}
	if !g.allows(ap.Addr()) {
		return fmt.Errorf("bittorrent: %s is not a public address (allow_local_peers permits it)", ap.Addr())
	}
	return nil
}

// listenPacket opens a socket for UDP trackers that sends to public addresses only.
func (g guard) listenPacket(network, addr string) (net.PacketConn, error) {
	pc, err := net.ListenPacket(network, addr)
	if err != nil {
		return nil, err
	}
	return guardedPacketConn{pc, g}, nil
}

type guardedPacketConn struct {
	net.PacketConn
	guard guard
}

func (c guardedPacketConn) WriteTo(b []byte, addr net.Addr) (int, error) {
	ua, ok := addr.(*net.UDPAddr)
	if !ok {
		return 0, fmt.Errorf("bittorrent: unexpected address %v", addr)
	}
	if err := c.guard.control("", ua.AddrPort().String(), nil); err != nil {
		return 0, err
	}
	return c.PacketConn.WriteTo(b, addr)
}

// isPublic reports whether a is an address of the public Internet: in none of the special ranges that RFC 6890 lists, nor
// one of IPv6 that holds an IPv4 address of such a range.
func isPublic(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	if !a.IsValid() || a.IsUnspecified() || a.IsLoopback() || a.IsPrivate() || a.IsMulticast() || a.IsLinkLocalUnicast() {
		return false
	}
	for _, p := range specialRanges() {
		if p.Contains(a) {
			return false
		}
	}
	if v4, ok := embeddedV4(a); ok {
		return isPublic(v4)
	}
	return a.Is4() || v6Prefix(3, 0x20).Contains(a) // of IPv6 all that is given out so far (RFC 4291)
}

func specialRanges() [11]netip.Prefix {
	p := func(a, b, c, d byte, bits int) netip.Prefix {
		return netip.PrefixFrom(netip.AddrFrom4([4]byte{a, b, c, d}), bits)
	}
	return [...]netip.Prefix{
		p(0, 0, 0, 0, 8),                     // this network
		p(100, 64, 0, 0, 10),                 // carrier-grade NAT, RFC 6598
		p(192, 0, 0, 0, 24),                  // IETF protocol assignments
		p(192, 0, 2, 0, 24),                  // documentation
		p(198, 18, 0, 0, 15),                 // benchmarking, RFC 2544
		p(198, 51, 100, 0, 24),               // documentation
		p(203, 0, 113, 0, 24),                // documentation
		p(240, 0, 0, 0, 4),                   // reserved, and broadcast
		v6Prefix(23, 0x20, 0x01),             // IETF protocol assignments, Teredo is one
		v6Prefix(32, 0x20, 0x01, 0x0d, 0xb8), // documentation
		v6Prefix(20, 0x3f, 0xff),             // documentation, RFC 9637
	}
}

func v6Prefix(bits int, first ...byte) netip.Prefix {
	var b [16]byte
	copy(b[:], first)
	return netip.PrefixFrom(netip.AddrFrom16(b), bits)
}

// embeddedV4 returns the IPv4 address inside a 6to4 (RFC 3056) or NAT64 (RFC 6052) address.
func embeddedV4(a netip.Addr) (netip.Addr, bool) {
	if !a.Is6() {
		return a, false
	}
	b := a.As16()
	switch {
	case b[0] == 0x20 && b[1] == 0x02:
		return netip.AddrFrom4([4]byte(b[2:6])), true
	case [12]byte(b[:12]) == [12]byte{0, 0x64, 0xff, 0x9b}:
		return netip.AddrFrom4([4]byte(b[12:])), true
	}
	return a, false
}

package ipfs

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"

	"github.com/libp2p/go-libp2p/core/connmgr"
	"github.com/libp2p/go-libp2p/core/control"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// A guard keeps our sockets out of private networks: who asks for a CID decides who provides it, and the addresses of providers
// come from strangers. It judges the address that is about to be used, behind the name server.
type guard struct {
	allowLocal bool            // allow_local_peers
	trusted    map[string]bool // host:port of gateways that the user has named
	bootstrap  map[string]bool // addresses of peers that the user has named, with their ID
}

var _ connmgr.ConnectionGater = guard{}

// allows reports whether a socket may go to a.
func (g guard) allows(a netip.Addr) bool {
	if g.allowLocal {
		return true
	}
	m, err := manet.FromIP(net.IP(a.Unmap().WithZone("").AsSlice()))
	return err == nil && g.allowsAddr(m)
}

// allowsAddr is allows for an address of libp2p. Of a name nothing is known yet.
func (g guard) allowsAddr(m multiaddr.Multiaddr) bool {
	if g.allowLocal {
		return true
	}
	if ip, err := manet.ToIP(m); err == nil {
		a, ok := netip.AddrFromSlice(ip)
		if !ok {
			return false
		}
		if v4, ok := embeddedV4(a.Unmap()); ok {
			return g.allows(v4)
		}
		return manet.IsPublicAddr(m) && !isSpecial(a.Unmap())
	}
	return manet.IsPublicAddr(m)
}

// isSpecial knows ranges that no peer is in, beside those that the library takes for private: RFC 6890, RFC 6598, RFC 8215, RFC 9637.
func isSpecial(a netip.Addr) bool {
	if a.IsUnspecified() || a.IsLoopback() || a.IsPrivate() || a.IsMulticast() || a.IsLinkLocalUnicast() {
		return true
	}
	for _, s := range [...]string{"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "198.18.0.0/15", "240.0.0.0/4", "2001::/23", "2001:db8::/32", "3fff::/20", "64:ff9b:1::/48"} {
		if netip.MustParsePrefix(s).Contains(a) {
			return true
		}
	}
	return false
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

// dialContext dials public addresses, and what the user has named. It serves the block sources that speak HTTP.
func (g guard) dialContext(ctx context.Context, netw, addr string) (net.Conn, error) {
	d := net.Dialer{Timeout: 5 * time.Second, KeepAlive: 15 * time.Second}
	if !g.trusted[addr] {
		d.Control = g.control
	}
	return d.DialContext(ctx, netw, addr)
}

func (g guard) control(_, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("ipfs: address %q: %w", address, err)
	}
	if !g.allows(ap.Addr()) {
		return fmt.Errorf("ipfs: %s is not a public address (allow_local_peers permits it)", ap.Addr())
	}
	return nil
}

// InterceptAddrDial implements connmgr.ConnectionGater. A peer that the user has named may be a neighbour, at that very address.
func (g guard) InterceptAddrDial(p peer.ID, m multiaddr.Multiaddr) bool {
	return g.allowsAddr(m) || g.bootstrap[namedPeer(p, m)]
}

// namedPeer is a peer at an address, for [guard.bootstrap].
func namedPeer(p peer.ID, m multiaddr.Multiaddr) string { return m.String() + "/p2p/" + p.String() }

// InterceptPeerDial implements connmgr.ConnectionGater.
func (guard) InterceptPeerDial(peer.ID) bool { return true }

// InterceptAccept implements connmgr.ConnectionGater. We do not listen.
func (guard) InterceptAccept(network.ConnMultiaddrs) bool { return false }

// InterceptSecured implements connmgr.ConnectionGater.
func (guard) InterceptSecured(network.Direction, peer.ID, network.ConnMultiaddrs) bool { return true }

// InterceptUpgraded implements connmgr.ConnectionGater.
func (guard) InterceptUpgraded(network.Conn) (bool, control.DisconnectReason) { return true, 0 }

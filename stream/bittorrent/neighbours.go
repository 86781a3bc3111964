package bittorrent

import (
	"net"
	"net/netip"
	"sync"
	"time"
)

// neighboursTime is how old the list of our own networks may be: computers move.
const neighboursTime = 10 * time.Second

// neighbours are the addresses on the links of this computer. With IPv6 the router and the printer have public ones, and
// so they do in networks that have been given many addresses of IPv4. Its methods are safe for concurrent use.
type neighbours struct {
	addrs func() ([]net.Addr, error) // net.InterfaceAddrs

	mu    sync.Mutex
	links []netip.Prefix
	asked time.Time
}

func newNeighbours() *neighbours { return &neighbours{addrs: net.InterfaceAddrs} }

// has reports whether a is on one of our links. Nil has none.
func (n *neighbours) has(a netip.Addr) bool {
	if n == nil {
		return false
	}
	a = a.Unmap().WithZone("")
	n.mu.Lock()
	defer n.mu.Unlock()
	if now := time.Now(); n.asked.IsZero() || now.Sub(n.asked) > neighboursTime {
		n.asked = now
		n.links = n.look()
	}
	for _, p := range n.links {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// look asks the system. A link of one address has no neighbours, and one that is said to be larger than any is a tunnel's.
func (n *neighbours) look() (links []netip.Prefix) {
	addrs, err := n.addrs()
	if err != nil {
		return n.links // those of the last time are the best guess
	}
	for _, addr := range addrs {
		p, err := netip.ParsePrefix(addr.String())
		if err != nil || p.IsSingleIP() || p.Addr().Is4() && p.Bits() < 16 || p.Addr().Is6() && p.Bits() < 48 {
			continue
		}
		links = append(links, p.Masked())
	}
	return links
}

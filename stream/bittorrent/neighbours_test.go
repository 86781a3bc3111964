package bittorrent

import (
	"errors"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

// What has a public address is a neighbour all the same when it is on one of our links; and those change.
func TestNeighbours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var have []net.Addr
		var err error
		join := func(cidr string) {
			ip, n, err := net.ParseCIDR(cidr)
			if err != nil {
				t.Fatal(err)
			}
			have = append(have, &net.IPNet{IP: ip, Mask: n.Mask})
		}
		n := &neighbours{addrs: func() ([]net.Addr, error) { return have, err }}
		g := guard{near: n}
		check := func(when string, want map[string]bool) {
			t.Helper()
			for s, near := range want {
				if a := netip.MustParseAddr(s); n.has(a) != near || g.allows(a) == near {
					t.Errorf("%s, %s: near %v, allowed %v", when, s, n.has(a), g.allows(a))
				}
			}
		}
		check("without a network", map[string]bool{"2606:4700:1:2::1": false})
		join("2606:4700:1:2::abcd/64")
		join("8.8.4.200/24")
		join("2606:4700:ffff::1/16") // a tunnel
		join("45.0.0.1/32")
		check("still on the old list", map[string]bool{"2606:4700:1:2::1": false})
		time.Sleep(neighboursTime + time.Second)
		at := map[string]bool{
			"2606:4700:1:2::1": true, "2606:4700:1:3::1": false, "8.8.4.1": true, "::ffff:8.8.4.1": true, "8.8.5.1": false,
			"2606:4700:ffff::1": false, "45.0.0.1": false, "2606:4700:fffe::1": false,
		}
		check("on the link", at)
		err = errors.New("no such system call")
		time.Sleep(neighboursTime + time.Second)
		check("when the system says nothing", at)
		if (*neighbours)(nil).has(netip.MustParseAddr("8.8.8.8")) {
			t.Error("nobody has a neighbour")
		}
	})
}

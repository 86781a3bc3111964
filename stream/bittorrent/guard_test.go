package bittorrent

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"
)

// publicAddrs and privateAddrs are what isPublic decides about.
func publicAddrs() []string {
	return []string{
		"1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.1", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.1",
		"169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.1", "192.167.255.255", "192.169.0.0",
		"198.17.255.255", "198.20.0.0", "223.255.255.255",
		"2600::1", "2001:4860:4860::8888", "2a00:1450::1", "2001:200::1", "2001:db7::1", "3fee::1",
		"::ffff:8.8.8.8",   // v4-mapped
		"2002:808:808::1",  // 6to4 of 8.8.8.8
		"64:ff9b::8.8.8.8", // NAT64
		"2600::10.0.0.1",   // the bits of a private address where they mean nothing
		"2600::1%eth0", "1.0.0.0",
	}
}

func privateAddrs() []string {
	return []string{
		// RFC 1918, loopback, link-local, this network
		"10.0.0.0", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.0.1", "192.168.255.255",
		"127.0.0.1", "127.255.255.255", "169.254.0.1", "169.254.169.254", "0.0.0.0", "0.1.2.3",
		// RFC 6598, 6890, 5737, 2544, multicast, reserved, broadcast
		"100.64.0.1", "100.127.255.255", "192.0.0.1", "192.0.2.1", "198.51.100.1", "203.0.113.1", "198.18.0.1", "198.19.255.255",
		"224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
		// IPv6
		"::", "::1", "fe80::1", "fe80::1%eth0", "febf::1", "fec0::1", "fc00::1", "fd12:3456::1", "ff02::1", "ff0e::1",
		"100::1", "2001:db8::1", "3fff::1", "2001:2::1", "2001:10::1", "2001:20::1", "4000::1", "5f00::1", "8000::1", "1::1",
		// IPv4 inside
		"::ffff:127.0.0.1", "::ffff:192.168.1.1", "::ffff:0.0.0.0", "::ffff:127.0.0.1%eth0",
		"::127.0.0.1", "::10.0.0.1", "::8.8.8.8", // IPv4-compatible, deprecated
		"2002:7f00:1::1", "2002:a00:1::", "2002:c0a8:101::1", "2002:a9fe:a9fe::", "2002::", // 6to4
		"64:ff9b::127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b::169.254.169.254", "64:ff9b::", // NAT64
		"64:ff9b:1::8.8.8.8",                              // NAT64 of a local network, RFC 8215
		"2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", // Teredo
		"::ffff:0:127.0.0.1", // SIIT, RFC 7915
	}
}

func TestIsPublic(t *testing.T) {
	for _, s := range publicAddrs() {
		if !isPublic(netip.MustParseAddr(s)) {
			t.Errorf("%s is not public", s)
		}
	}
	for _, s := range privateAddrs() {
		if isPublic(netip.MustParseAddr(s)) {
			t.Errorf("%s is public", s)
		}
	}
	if isPublic(netip.Addr{}) {
		t.Error("no address at all is public")
	}
}

// The client asks the block list with net.IP of either length.
func TestGuardLookup(t *testing.T) {
	for _, s := range append(publicAddrs(), privateAddrs()...) {
		a := netip.MustParseAddr(s)
		want := !isPublic(a)
		ips := []net.IP{a.WithZone("").AsSlice(), net.ParseIP(a.WithZone("").String())}
		for _, ip := range ips {
			if _, blocked := (guard{}).Lookup(ip); blocked != want {
				t.Errorf("Lookup(%v) = %v, want %v", ip, blocked, want)
			}
			if _, blocked := (guard{allowLocal: true}).Lookup(ip); blocked {
				t.Errorf("Lookup(%v) is blocked where local peers are allowed", ip)
			}
		}
	}
	for _, ip := range []net.IP{nil, {}, {1, 2, 3}} {
		if r, blocked := (guard{}).Lookup(ip); !blocked || r.Description == "" {
			t.Errorf("Lookup(%v) is not blocked", []byte(ip))
		}
	}
	if n := (guard{}).NumRanges(); n == 0 {
		t.Error("a block list of no ranges is not asked")
	}
}

func TestGuardControl(t *testing.T) {
	for _, s := range publicAddrs() {
		if err := (guard{}).control("tcp", net.JoinHostPort(s, "80"), nil); err != nil {
			t.Errorf("%s: %v", s, err)
		}
	}
	for _, s := range privateAddrs() {
		address := net.JoinHostPort(s, "80")
		if err := (guard{}).control("tcp", address, nil); err == nil || !strings.Contains(err.Error(), "allow_local_peers") {
			t.Errorf("%s: %v, want a refusal that names the setting", s, err)
		}
		if err := (guard{allowLocal: true}).control("tcp", address, nil); err != nil {
			t.Errorf("%s where local peers are allowed: %v", s, err)
		}
	}
	for _, address := range []string{"", "1.2.3.4", "localhost:80", "8.8.8.8:http"} {
		if err := (guard{}).control("tcp", address, nil); err == nil {
			t.Errorf("control(%q) lets it pass", address)
		}
	}
}

// A name is judged by the address that it stands for.
func TestGuardDial(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for _, host := range []string{"127.0.0.1", "localhost", "::ffff:127.0.0.1", "::1", "0.0.0.0", ""} {
		c, err := guard{}.dialContext(ctx, "tcp", net.JoinHostPort(host, port))
		if err == nil {
			c.Close()
			t.Errorf("dialled %q", host)
		} else if !strings.Contains(err.Error(), "not a public address") {
			t.Logf("%q: %v", host, err) // no IPv6 here, or no such name
		}
	}
	c, err := guard{allowLocal: true}.dialContext(ctx, "tcp", net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		t.Fatalf("where local peers are allowed: %v", err)
	}
	c.Close()

	ctx, cancel = context.WithCancel(t.Context())
	cancel()
	if _, err := (guard{allowLocal: true}).dialContext(ctx, "tcp", net.JoinHostPort("127.0.0.1", port)); err == nil {
		t.Error("dialled in spite of a context that is done")
	}
}

func TestGuardPacket(t *testing.T) {
	to, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	from, err := guard{}.listenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	port := to.LocalAddr().(*net.UDPAddr).Port
	for _, addr := range []net.Addr{
		to.LocalAddr(),
		&net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port}, // 16 bytes
		&net.UDPAddr{IP: net.IPv4(127, 0, 0, 1).To4(), Port: port},
		&net.UDPAddr{IP: net.IPv6loopback, Port: port},
		&net.UDPAddr{IP: net.ParseIP("fe80::1"), Port: port, Zone: "lo"},
		&net.UDPAddr{Port: port}, // means this host
		&net.UDPAddr{IP: net.IP{1, 2}, Port: port},
		&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port},
		(*net.UDPAddr)(nil),
	} {
		if n, err := from.WriteTo([]byte("x"), addr); err == nil || n != 0 {
			t.Errorf("sent %d bytes to %v, %v", n, addr, err)
		}
	}

	open, err := guard{allowLocal: true}.listenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	if _, err := open.WriteTo([]byte("hello"), to.LocalAddr()); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 16)
	to.SetReadDeadline(time.Now().Add(10 * time.Second))
	if n, _, err := to.ReadFrom(b); err != nil || string(b[:n]) != "hello" {
		t.Errorf("received %q, %v: only what local peers are allowed for", b[:n], err)
	}
	if _, err := (guard{}).listenPacket("udp4", "192.0.2.1:0"); err == nil {
		t.Error("listens on an address that is not ours")
	}
}

// A tracker that does not read cannot hold a message back for ever: the library writes to those of browsers under a lock that the
// client waits for when it drops a torrent.
func TestTrackerThatDoesNotRead(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	c, err := guard{allowLocal: true}.dialTracker(t.Context(), "tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() {
		for err := error(nil); ; _, err = c.Write(make([]byte, 1<<20)) {
			if err != nil {
				done <- err
				return
			}
		}
	}()
	select {
	case err := <-done:
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error(err)
		}
		c.Close()
	case <-time.After(3 * trackerWriteTime):
		t.Error("it waits")
		c.Close()
		<-done
	}
}

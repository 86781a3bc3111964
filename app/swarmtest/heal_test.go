//go:build linux

package swarmtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zeronetscript/universal_p2p/app/swarmtest/relay"
)

// A peer that refuses the first connections (it is full, or still knows us from before) is tried again, also while it is the only one
// that could tell the list of files.
func TestRefusedAtFirst(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 7, 2*mib, 256*kib, nil)
	peer := seedLibtorrent(t, f)
	for _, known := range []bool{true, false} {
		t.Run(fmt.Sprintf("torrent known: %v", known), func(t *testing.T) {
			t.Parallel()
			turn(t)
			wire := behind(t, peer, relay.Wire{})
			wire.Refuse(3)
			p := start(t, settings{})
			if known {
				p.add(f.torrent)
			}
			got := whole(t, f.source, p.stream(f.hash, f.name, "tr", trackerOf(t, f.hash, wire.Addr())), 50*time.Second)
			t.Log(got)
			if got.First > 20*time.Second {
				t.Errorf("the first byte came after %v", got.First)
			}
		})
	}
}

// The only peer falls silent for a while, then goes on. The reader has waited, and nothing is lost or broken.
func TestSilenceEnds(t *testing.T) {
	t.Parallel()
	turn(t)
	f := newFixture(t, 120, 24*mib, 512*kib, nil)
	wire := behind(t, seedLibtorrent(t, f), relay.Wire{Rate: 6e6})
	p := start(t, settings{})
	p.add(f.torrent)
	time.AfterFunc(time.Second, func() { wire.Silence(true) })
	time.AfterFunc(9*time.Second, func() { wire.Silence(false) })
	got := whole(t, f.source, p.stream(f.hash, f.name, "x.pe", wire.Addr()), time.Minute)
	t.Log(got)
	if got.Gap < 6*time.Second {
		t.Errorf("the longest wait was %v: the peer was not missed, this run proves nothing", got.Gap)
	}
	if got.Gap > 15*time.Second {
		t.Errorf("the longest wait was %v, for a peer that was silent for 8 s", got.Gap)
	}
	if twice := wire.Down() - f.size - overhead(f.size, 4); twice > f.size/4 {
		t.Errorf("%d bytes came twice", twice)
	}
}

// The only peer goes away in the middle and comes back: the reader goes on by itself.
func TestPeerComesBack(t *testing.T) {
	t.Parallel()
	turn(t)
	f := newFixture(t, 121, 24*mib, 512*kib, nil)
	spec := lab{Torrents: []string{f.torrent}, Save: f.dir, Listen: []string{freeAddr(t)}}
	seed := libtorrent(t, spec)
	wire := behind(t, spec.Listen[0], relay.Wire{Rate: 6e6})
	p := start(t, settings{})
	p.add(f.torrent)
	done := make(chan error, 1)
	got := &fetch{URL: p.stream(f.hash, f.name, "x.pe", wire.Addr())}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	go func() { done <- got.do(ctx, f.checker(0)) }()
	eventually(t, 20*time.Second, "the download runs", func() bool { return wire.Down() > 4*mib })
	seed.kill()
	time.Sleep(4 * time.Second)
	libtorrent(t, spec)
	if err := <-done; err != nil || got.N != f.size {
		t.Fatalf("%v, %v", got, err)
	}
	t.Log(got)
	if got.Gap > 20*time.Second {
		t.Errorf("the longest wait was %v, for a peer that was gone for 4 s", got.Gap)
	}
}

// A peer that only uTP reaches (BEP 29), as behind a NAT.
func TestUTP(t *testing.T) {
	t.Parallel()
	turn(t)
	f := newFixture(t, 122, 6*mib, 256*kib, nil)
	spec := lab{Torrents: []string{f.torrent}, Save: f.dir, Listen: []string{freeAddr(t)}, UTP: true}
	libtorrent(t, spec)
	p := start(t, settings{})
	t.Log(whole(t, f.source, p.stream(f.hash, f.name, "x.pe", onlyUDP(t, spec.Listen[0])), time.Minute))
}

// onlyUDP passes datagrams on to target and its answers back to whoever sent last. Nothing listens on TCP there; libtorrent does,
// even if it is told to use uTP only.
func onlyUDP(t *testing.T, target string) (addr string) {
	t.Helper()
	front, err := net.ListenPacket("udp4", freeAddr(t))
	if err != nil {
		t.Fatal(err)
	}
	back, err := net.Dial("udp4", target)
	if err != nil {
		t.Fatal(err)
	}
	var client atomic.Pointer[net.Addr]
	var wg sync.WaitGroup
	t.Cleanup(func() {
		front.Close()
		back.Close()
		wg.Wait()
	})
	wg.Go(func() {
		buf := make([]byte, 64*kib)
		for {
			n, from, err := front.ReadFrom(buf)
			if err != nil {
				return
			}
			if from.String() == target {
				continue // it tries to reach us at the address that it believes is ours
			}
			client.Store(&from)
			back.Write(buf[:n])
		}
	})
	wg.Go(func() {
		buf := make([]byte, 64*kib)
		for {
			n, err := back.Read(buf)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if to := client.Load(); err == nil && to != nil {
				front.WriteTo(buf[:n], *to)
			}
		}
	})
	return front.LocalAddr().String()
}

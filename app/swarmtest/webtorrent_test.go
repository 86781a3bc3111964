//go:build linux

package swarmtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"testing"
	"time"
)

// Peers in browsers cannot be dialled. Both sides tell each other over a tracker's WebSocket how they can be reached, and then
// make a WebRTC connection. Here the program streams from a page in Chromium that seeds with the library WebTorrent, in a network
// namespace: WebRTC does not use loopback, and the public STUN servers that the program asks must stay out of it.
func TestWebTorrent(t *testing.T) {
	t.Parallel()
	inNamespace(t, func(t *testing.T) map[string]string {
		chromium(t)
		return map[string]string{webtorrentVariable: webtorrentBundle(t)}
	}, func(t *testing.T) {
		f := newFixture(t, 300, 24*mib+4321, 256*kib, nil)
		t.Run("seeder first", func(t *testing.T) { testWebSeederFirst(t, f) })
		t.Run("seeder last", func(t *testing.T) { testWebSeederLast(t, f) })
		t.Run("jumps", func(t *testing.T) { testWebSeederJumps(t, f) })
	})
}

// What the peer ids of the program and of the library WebTorrent start with.
const (
	ourPeerID = "-UP"
	webPeerID = "-WW"
)

// The program finds the seeder, with nothing but the infohash and a tracker: it offers, the page answers.
func testWebSeederFirst(t *testing.T, f *fixture) {
	tr := newWSTracker(t)
	page := openWebSeeder(t, f)
	page.seed(f, tr.url)
	eventually(t, 20*time.Second, "the page announces itself", func() bool { return tr.said("announce", webPeerID) > 0 })
	p := startWeb(t, settings{}, true)
	url := p.stream(f.hash, f.name, "tr", tr.url)
	r := part(t, f.source, url, 20*mib-100, mib, time.Minute)
	t.Logf("a range: %v", r)
	if r.First > 5*time.Second && !raced() {
		t.Errorf("first byte after %v: it waited for a STUN server, of which none can be reached here", r.First)
	}
	if tr.said("answer", webPeerID) == 0 {
		t.Error("the page answered no offer")
	}
	t.Logf("the whole: %v", whole(t, f.source, url, time.Minute))
	page.check(f)
}

// The seeder finds the program, which waits at a tracker of the configuration: the page offers, the program answers.
func testWebSeederLast(t *testing.T, f *fixture) {
	tr := newWSTracker(t)
	page := openWebSeeder(t, f)
	p := startWeb(t, settings{Trackers: []string{tr.url}}, true)
	p.add(f.torrent)
	url := p.stream(f.hash, f.name)
	done := make(chan error, 1)
	r := &fetch{URL: url}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	go func() { done <- r.do(ctx, f.checker(0)) }()
	eventually(t, 20*time.Second, "the program announces itself", func() bool { return tr.said("announce", ourPeerID) > 0 })
	page.seed(f, tr.url)
	if err := <-done; err != nil || r.SHA256 != f.sum(0, f.size) {
		t.Fatalf("%v, %v", r, err)
	}
	t.Logf("the whole: %v", r)
	if tr.said("answer", ourPeerID) == 0 {
		t.Error("the program answered no offer")
	}
	part(t, f.source, url, 7*mib+1, 3*mib, time.Minute)
	page.check(f)
}

// A viewer jumps around, each time leaving behind requests that are cancelled. WebTorrent does not answer a cancel, and yet
// what was cancelled must come when it is wanted after all.
func testWebSeederJumps(t *testing.T, f *fixture) {
	tr := newWSTracker(t)
	page := openWebSeeder(t, f)
	page.seed(f, tr.url)
	p := startWeb(t, settings{}, true)
	url := p.stream(f.hash, f.name, "tr", tr.url)
	for _, at := range []int64{0, 20, 4, 16, 8, 12, 2, 22, 6, 18} {
		glance(t, url, at*mib, 64*kib)
	}
	r := whole(t, f.source, url, time.Minute)
	t.Logf("the whole: %v", r)
	if r.Gap > 5*time.Second {
		t.Errorf("no byte for %v", r.Gap)
	}
	page.check(f)
}

// glance reads n bytes from off as a player would, and goes away.
func glance(t *testing.T, url string, off, n int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	f := &fetch{URL: url, Range: spanFrom(off)}
	resp, err := f.open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.CopyN(io.Discard, resp.Body, n); err != nil {
		t.Fatalf("%s %s: %v", url, f.Range, err)
	}
}

// With webtorrent = false nobody is told anything over a WebSocket, whoever names the tracker.
func TestWebTorrentOff(t *testing.T) {
	t.Parallel()
	inNamespace(t, nil, func(t *testing.T) {
		for want, on := range []bool{false, true} {
			t.Run(fmt.Sprint(on), func(t *testing.T) {
				hint, config := newWSTracker(t), newWSTracker(t)
				p := startWeb(t, settings{Trackers: []string{config.url}}, on)
				ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
				defer cancel()
				r := &fetch{URL: p.stream("1234567890123456789012345678901234567890", "a.mp4", "tr", hint.url)}
				if err := r.do(ctx, nil); !errors.Is(err, context.DeadlineExceeded) {
					t.Fatalf("%v, %v", r, err)
				}
				if a, b := hint.dialled(), config.dialled(); a != want || b != want {
					t.Errorf("%d and %d connections to the trackers, want %d", a, b, want)
				}
			})
		}
	})
}

// startWeb is start with the setting webtorrent.
func startWeb(t *testing.T, s settings, on bool) *program {
	t.Helper()
	p := prepare(t, s)
	config, err := os.OpenFile(p.config, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer config.Close()
	if _, err := fmt.Fprintf(config, "webtorrent = %v\n", on); err != nil { // the last table is that of bittorrent
		t.Fatal(err)
	}
	p.launch()
	return p
}

//go:build linux

package swarmtest

import (
	"context"
	"testing"
	"time"

	"github.com/zeronetscript/universal_p2p/app/swarmtest/relay"
)

// Four peers of 25 Mbit/s, 60 ms away; one of them falls silent while a film plays, and then the viewer jumps. The bench measures the
// same more strictly; here it must only be good enough on a machine that does other things too.
func TestSilentPeer(t *testing.T) {
	t.Parallel()
	alone(t)
	f := newFixture(t, 110, 64*mib, mib, nil)
	var seeds, hints []string
	for range 4 {
		seeds = append(seeds, freeAddr(t))
	}
	libtorrent(t, lab{Torrents: []string{f.torrent}, Save: f.dir, Listen: seeds})
	var wires []*relay.Relay
	for _, s := range seeds {
		w := behind(t, s, relay.Wire{Rate: relay.Mbit(25), Delay: 30 * time.Millisecond})
		wires = append(wires, w)
		hints = append(hints, "x.pe", w.Addr())
	}
	p := start(t, settings{})
	p.add(f.torrent)
	url := p.stream(f.hash, f.name, hints...)

	film := &film{f: f, url: url, rate: 2.5e6}
	film.watch(t, 2*time.Second)
	wires[0].Silence(true)
	film.watch(t, 3*time.Second)
	if film.wait > 5*time.Second {
		t.Errorf("the film stood still for %v", film.wait)
	}

	jump := &fetch{URL: url, Range: spanFrom(f.size * 7 / 10), Dest: "video"}
	if err := jump.do(t.Context(), f.checker(f.size*7/10)); err != nil {
		t.Fatal(err)
	}
	t.Logf("jump: %v; the longest wait of the film before was %v", jump, film.wait)
	first, most := 600*time.Millisecond, 2.
	if raced() { // everything takes several times as long
		first, most = 3*time.Second, 5
	}
	if jump.First > first {
		t.Errorf("the jump took %v", jump.First)
	}
	rest := whole(t, f.source, url, time.Minute)
	steady(t, "the rest", rest, 5*time.Second)
	var came int64
	for _, w := range wires {
		came += w.Down()
	}
	waste := 100 * float64(came-f.size) / float64(came)
	t.Logf("%.2f %% of %d MiB on the wire were no use", waste, came/mib)
	if waste > most {
		t.Errorf("%.1f %% of the traffic was wasted", waste)
	}
	if !raced() && rest.speed() < 2.5e6 {
		t.Errorf("three peers of 3 MB/s gave %.1f MB/s", rest.speed()/1e6)
	}
}

// A film is watched the way a media element does it: at its own speed, by one open range after the other.
type film struct {
	f    *fixture
	url  string
	rate float64 // bytes a second
	at   int64
	wait time.Duration // the longest wait for a byte
}

// watch plays on for a time and drops the connection then.
func (m *film) watch(t *testing.T, span time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), span)
	defer cancel()
	for ctx.Err() == nil {
		check := m.f.checker(m.at)
		r := &fetch{URL: m.url, Range: spanFrom(m.at), Dest: "video"}
		err := r.do(ctx, &paced{check, m.rate})
		m.at = check.off
		m.wait = max(m.wait, r.First, r.Gap)
		if err != nil && ctx.Err() == nil {
			t.Fatalf("%v: %v", r, err)
		}
	}
}

// paced takes bytes no faster than rate.
type paced struct {
	*checker
	rate float64
}

func (p *paced) Write(b []byte) (int, error) {
	n, err := p.checker.Write(b)
	time.Sleep(time.Duration(float64(n) / p.rate * float64(time.Second)))
	return n, err
}

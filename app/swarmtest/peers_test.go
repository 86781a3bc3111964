//go:build linux

package swarmtest

import (
	"context"
	"testing"
	"time"
)

// transmissionRechoke is how long transmission 3.00 may leave a new peer waiting: it unchokes every 10 s only.
const transmissionRechoke = 30 * time.Second

// Every seeder, the whole file and ranges of it, the .torrent known from the start.
func TestSeeders(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 2, 24*mib+777, 512*kib, nil)
	for name, seed := range seeders() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			turn(t)
			peer := seed(t, f)
			p := start(t, settings{})
			p.add(f.torrent)
			url := p.stream(f.hash, f.name, "x.pe", peer)
			// Ranges first, so that they are fetched and not found: the first and last bytes, one inside a piece, one over
			// the border of two, one over many.
			for _, r := range []struct{ off, n int64 }{
				{0, 2}, {f.size - 1, 1}, {f.size - 100000, 100000}, {5 * mib, 16 * kib}, {12*mib - 100, 200}, {7*mib + 1, 3 * mib},
			} {
				part(t, f.source, url, r.off, r.n, transmissionRechoke+30*time.Second)
			}
			t.Log(whole(t, f.source, url, time.Minute))
		})
	}
}

// Every seeder found by nothing but the infohash and a tracker: the list of files comes from the peer too.
func TestBareInfohash(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 3, 6*mib+1, 256*kib, nil)
	for name, seed := range seeders() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			turn(t)
			announce := trackerOf(t, f.hash, seed(t, f))
			p := start(t, settings{})
			t.Log(whole(t, f.source, p.stream(f.hash, f.name, "tr", announce), time.Minute))
		})
	}
}

// transmission 3.00 is slow by design (it answers requests twice a second) and stops for good when a peer asks for as much at once
// as it says it takes: after 16 MiB. So the file is bigger, and the speed is that of a seeder in good health.
func TestTransmissionSpeed(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 4, 96*mib, mib, nil)
	peer := seedTransmission(t, f)
	p := start(t, settings{})
	p.add(f.torrent)
	got := whole(t, f.source, p.stream(f.hash, f.name, "x.pe", peer), 2*time.Minute)
	t.Log(got)
	if !raced() && got.speed() < 8e6 {
		t.Errorf("%.1f MB/s after the first byte, want 8 or more", got.speed()/1e6)
	}
	if got.Gap > 5*time.Second {
		t.Errorf("no byte for %v", got.Gap)
	}
}

// Two peers are enough when one of them is slow to start.
func TestSlowStarterBesideGoodPeer(t *testing.T) {
	t.Parallel()
	turn(t)
	f := newFixture(t, 5, 4*mib, 256*kib, nil)
	slow, good := seedTransmission(t, f), seedLibtorrent(t, f)
	p := start(t, settings{})
	got := whole(t, f.source, p.stream(f.hash, "", "x.pe", slow, "x.pe", good), time.Minute)
	t.Log(got)
	if got.First > 5*time.Second && !raced() {
		t.Errorf("first byte after %v: it waited for the peer that chokes", got.First)
	}
}

// A player reads by open ranges and is answered in pieces of 2 MiB at most; put together they are the file.
func TestMediaElement(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 6, 11*mib+5, mib, nil)
	peer := seedLibtorrent(t, f)
	for _, verify := range []string{"media", "always"} {
		t.Run(verify, func(t *testing.T) {
			t.Parallel()
			turn(t)
			p := start(t, settings{Verify: verify})
			url := p.stream(f.hash, f.name, "x.pe", peer)
			for off := int64(0); off < f.size; {
				r := &fetch{URL: url, Range: spanFrom(off), Dest: "video"}
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				err := r.do(ctx, f.checker(off))
				cancel()
				if err != nil || r.Status != 206 || r.N == 0 {
					t.Fatalf("from %d: %v, %v", off, r, err)
				}
				if r.N > 2*mib {
					t.Errorf("%d bytes in one answer", r.N)
				}
				off += r.N
			}
		})
	}
}

//go:build linux

package swarmtest

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

const (
	smallQuota = 64 * mib
	quotaSlack = 32 * mib // what du may show above the quota
)

// A file several times the quota, read whole again and again, by two readers at once and back and forth: the disk stays bounded, the
// bytes right, and the speed what it was.
func TestQuota(t *testing.T) {
	t.Parallel()
	t.Run("libtorrent", func(t *testing.T) {
		t.Parallel()
		alone(t)
		f := newFixture(t, 50, 512*mib, mib, nil)
		small(t, f, seedLibtorrent(t, f), 16, 3*time.Second)
	})
	t.Run("transmission", func(t *testing.T) {
		t.Parallel()
		size := int64(160 * mib) // at a speed of 8 MB/s or so
		if long() {
			size = 512 * mib
		}
		f := newFixture(t, 51, size, mib, nil)
		small(t, f, seedTransmission(t, f), 6, 5*time.Second)
	})
	t.Run("big pieces", func(t *testing.T) {
		t.Parallel()
		alone(t)
		f := newFixture(t, 52, 256*mib, 8*mib, nil)
		small(t, f, seedLibtorrent(t, f), 6, 3*time.Second)
	})
}

// small reads f under the small quota. seeks is the number of jumps of the last part, still the longest wait for a byte.
func small(t *testing.T, f *fixture, peer string, seeks int, still time.Duration) {
	p := start(t, settings{Quota: fmt.Sprint(int64(smallQuota))})
	p.add(f.torrent)
	url := p.stream(f.hash, f.name, "x.pe", peer)
	m := measure(t, p.data)
	patience := 3 * time.Minute

	var passes []*fetch
	for i := range 3 {
		got := whole(t, f.source, url, patience)
		t.Logf("pass %d: %v", i+1, got)
		steady(t, fmt.Sprintf("pass %d", i+1), got, still)
		passes = append(passes, got)
		if got.speed() < passes[0].speed()/5 && !raced() {
			t.Fatalf("pass %d ran at %.1f MB/s, the first at %.1f", i+1, got.speed()/1e6, passes[0].speed()/1e6)
		}
	}
	if first, third := passes[0].speed(), passes[2].speed(); third < first/2 && !raced() {
		t.Errorf("the third pass ran at %.1f MB/s, the first at %.1f", third/1e6, first/1e6)
	}

	t.Run("two readers", func(t *testing.T) {
		for i := range 2 {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				got := whole(t, f.source, url, 2*patience)
				t.Log(got)
				steady(t, "one of two readers", got, still)
			})
		}
	})

	rnd := rand.New(rand.NewPCG(uint64(f.size), 1))
	var slowest time.Duration
	var at int64
	for range seeks {
		// Forward a little, back a little, and far away: what viewers do.
		switch rnd.IntN(3) {
		case 0:
			at = min(at+rnd.Int64N(32*mib), f.size-mib)
		case 1:
			at = max(at-rnd.Int64N(32*mib), 0)
		default:
			at = rnd.Int64N(f.size - mib)
		}
		got := part(t, f.source, url, at, mib, time.Minute)
		slowest = max(slowest, got.First)
	}
	t.Logf("%d seeks, the slowest took %v", seeks, slowest)
	if slowest > still {
		t.Errorf("a seek waited %v for its first byte", slowest)
	}
	if peak := m.end(); peak > smallQuota+quotaSlack {
		t.Errorf("the data directory took %d MiB at its peak; the quota is %d MiB", peak/mib, smallQuota/mib)
	} else {
		t.Logf("at most %.1f MiB on disk", float64(peak)/mib)
	}
	if s := p.status(); s.Used > smallQuota || s.Quota != smallQuota {
		t.Errorf("status says %d of %d bytes used, the quota is %d", s.Used, s.Quota, smallQuota)
	}
}

// steady fails when a transfer stood still for longer than limit.
func steady(t *testing.T, what string, f *fetch, limit time.Duration) {
	t.Helper()
	if raced() {
		limit *= 3
	}
	if f.Gap > limit {
		t.Errorf("%s: no byte for %v", what, f.Gap)
	}
}

// Many viewers of many torrents under one small quota: it is one quota for all.
func TestQuotaIsShared(t *testing.T) {
	t.Parallel()
	alone(t)
	p := start(t, settings{Quota: fmt.Sprint(int64(smallQuota))})
	m := measure(t, p.data)
	var wg sync.WaitGroup
	for i := range 4 {
		f := newFixture(t, int64(60+i), 48*mib, mib, nil)
		peer := seedLibtorrent(t, f)
		p.add(f.torrent)
		wg.Go(func() {
			got := &fetch{URL: p.stream(f.hash, f.name, "x.pe", peer)}
			if err := got.do(t.Context(), f.checker(0)); err != nil || got.N != f.size {
				t.Errorf("torrent %d: %v, %v", i, got, err)
			}
			steady(t, fmt.Sprintf("torrent %d", i), got, 5*time.Second)
		})
	}
	wg.Wait()
	if peak := m.end(); peak > smallQuota+quotaSlack {
		t.Errorf("the data directory took %d MiB at its peak; the quota is %d MiB", peak/mib, smallQuota/mib)
	}
}

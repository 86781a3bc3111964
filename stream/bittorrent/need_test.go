package bittorrent

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/zeronetscript/universal_p2p/stream/store"
)

func TestWindow(t *testing.T) {
	const k, m = 1 << 10, 1 << 20
	f := &file{offset: 1000, size: 100 * m}
	small := &file{offset: 7 * m, size: 5000}
	tests := []struct {
		name  string
		need  need
		limit int64
		want  int64 // bytes ahead
	}{
		{"a new reader that says nothing", need{file: f, pos: 1000, end: 1000}, 4 * m, minAhead},
		{"one that says what it wants", need{file: f, pos: 1000, end: 1000 + 2*m}, 4 * m, 2 * m},
		{"little, and nothing else", need{file: f, pos: 1000, end: 1002, said: true}, 4 * m, 2},
		{"that has it", need{file: f, pos: 1002, end: 1002, said: true, run: 2}, 4 * m, 0},
		{"and wants more after all", need{file: f, pos: 1002, end: 1002, said: true, run: 2, blocked: true}, 4 * m, minAhead},
		{"and has got more", need{file: f, pos: 1004, end: 1002, said: true, run: 4}, 4 * m, minAhead},
		{"much, and has it", need{file: f, pos: 1000 + 2*m, end: 1000 + 2*m, said: true, run: 2 * m}, 4 * m, 2 * m},
		{"more than the limit", need{file: f, pos: 1000, end: 1000 + 90*m}, 4 * m, 4 * m},
		{"one that has read on and on", need{file: f, pos: 1000 + 3*m, end: 1000, run: 3 * m}, 4 * m, 3 * m},
		{"for long", need{file: f, pos: 1000 + 50*m, end: 1000, run: 50 * m}, 32 * m, 32 * m},
		{"the larger of both", need{file: f, pos: 1000 + m, end: 1000 + 9*m, run: m}, 32 * m, 8 * m},
		{"near the end of the file", need{file: f, pos: 1000 + 100*m - 10, end: 1000 + 100*m, run: 50 * m}, 32 * m, 10},
		{"at the end", need{file: f, pos: 1000 + 100*m, end: 1000, run: 50 * m}, 32 * m, 0},
		{"a small file", need{file: small, pos: 7 * m, end: 7 * m}, 4 * m, 5000},
		{"a limit below the least", need{file: f, pos: 1000, end: 1000}, 16 * k, 16 * k},
	}
	for _, tt := range tests {
		v := tt.need.window(tt.limit)
		if v.from != tt.need.pos || v.to-v.from != tt.want || v.need != &tt.need {
			t.Errorf("%s: [%d, %d), %d ahead, want %d", tt.name, v.from, v.to, v.to-v.from, tt.want)
		}
	}
	n := need{file: f, pos: 1000, early: true, blocked: true}
	if v := n.window(m); !v.early || !v.blocked {
		t.Errorf("the view is early %v, blocked %v", v.early, v.blocked)
	}
}

func TestAheadLimit(t *testing.T) {
	const m = 1 << 20
	tests := []struct {
		name        string
		rate        float64
		quota       int64
		pieceLength int64
		readers     int
		want        int64
	}{
		{"unknown speed", 0, 10 << 30, m, 1, lowAhead},
		{"slow", 100e3, 10 << 30, m, 1, lowAhead},
		{"eight seconds", 1e6, 10 << 30, m, 1, 8e6},
		{"fast", 100e6, 10 << 30, m, 1, maxAhead},
		{"each of many readers", 1e6, 10 << 30, m, 20, 8e6},
		{"a quarter of a small store", 100e6, 64 * m, m, 1, 16 * m},
		{"shared by four readers", 100e6, 64 * m, m, 4, 4 * m},
		{"not even a piece, and it is allowed", 100e6, 8 * m, 4 * m, 8, 4 * m},
		{"no store at all", 100e6, 0, m, 1, m},
		{"tiny pieces", 100e6, 10 << 30, 16 << 10, 1, 4 * m},
		{"very tiny pieces", 100e6, 10 << 30, 100, 1, 25600},
		{"huge pieces", 0, 10 << 30, 64 * m, 1, 64 * m},
		{"nobody", 1e6, 10 << 30, m, 0, 8e6},
	}
	for _, tt := range tests {
		if got := aheadLimit(tt.rate, tt.quota, tt.pieceLength, tt.readers); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
}

func TestSpans(t *testing.T) {
	const k, m = 1 << 10, 1 << 20
	v1, err := newLayout(v1Info(40*m+5, m)) // 64 blocks a piece
	if err != nil {
		t.Fatal(err)
	}
	v2, err := newLayout(v2Info(64*k, 70*k, 5, 100*k)) // pieces of 4, 1, 1, 4 and 3 blocks, numbered from 0, 4, 8, 12, 16
	if err != nil {
		t.Fatal(err)
	}
	odd, err := newLayout(v1Info(100_000, 40_000)) // pieces of 3, 3 and 2 blocks
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name         string
		l            layout
		from, to     int64
		early        bool
		urgent, rest string
	}{
		{"verified, a byte", v1, 0, 1, false, "[{0 64}]", "[]"},
		{"verified, from inside a piece", v1, 5*m + 300*k, 5*m + 300*k + 1, false, "[{320 384}]", "[]"},
		{"verified, over three pieces", v1, 2*m - 1, 4*m + 1, false, "[{64 320}]", "[]"},
		{"verified, a whole piece", v1, 2 * m, 3 * m, false, "[{128 192}]", "[]"},
		{"verified, the last piece", v1, 40 * m, 40*m + 5, false, "[{2560 2561}]", "[]"},
		// What lies ahead, then what lies behind in the piece, and at last what completes it.
		{"early, from the start", v1, 0, 256 * k, true, "[{0 16} {0 0} {16 16}]", "[{16 64}]"},
		{"early, from inside a piece", v1, 5*m + 300*k, 5*m + 556*k, true, "[{338 355} {320 338} {355 355}]", "[{355 384}]"},
		{"early, a byte", v1, 16*k - 1, 16 * k, true, "[{0 1} {0 0} {1 1}]", "[{1 64}]"},
		{"early, two bytes in two blocks", v1, 16*k - 1, 16*k + 1, true, "[{0 2} {0 0} {2 2}]", "[{2 64}]"},
		{"early, far ahead", v1, m + 512*k, 9*m + 512*k, true, "[{96 352} {64 96} {352 608}]", "[{608 640}]"},
		{"early, just as far as the delay", v1, m, m + frontDelay, true, "[{64 320} {64 64} {320 320}]", "[{320 320}]"},
		{"early, to the end of the torrent", v1, 39*m + 512*k, 40*m + 5, true, "[{2528 2561} {2496 2528} {2561 2561}]", "[{2561 2561}]"},
		{"nothing", v1, 5, 5, true, "[]", "[]"},
		{"less than nothing", v1, 5, 4, false, "[]", "[]"},
		// Between the pieces of v2 files there are numbers that no block has. The picker passes over them.
		{"v2, verified", v2, 64*k + 5, 70 * k, false, "[{4 5}]", "[]"},
		{"v2, early", v2, 30 * k, 70 * k, true, "[{1 5} {0 1} {5 5}]", "[{5 5}]"},
		{"v2, another file", v2, 192*k + 10, 192*k + 50*k, true, "[{12 16} {12 12} {16 16}]", "[{16 16}]"},
		{"v2, the last piece", v2, 256 * k, 256*k + 1, true, "[{16 17} {16 16} {17 17}]", "[{17 19}]"},
		{"odd pieces, verified", odd, 39_999, 40_001, false, "[{0 6}]", "[]"},
		{"odd pieces, early", odd, 39_999, 40_001, true, "[{2 4} {0 2} {4 4}]", "[{4 6}]"},
	}
	for _, tt := range tests {
		v := view{from: tt.from, to: tt.to, early: tt.early}
		urgent, rest := v.urgent(tt.l), v.rest(tt.l)
		if fmt.Sprint(urgent) != tt.urgent || fmt.Sprint(rest) != tt.rest {
			t.Errorf("%s: %v, then %v, want %s, then %s", tt.name, urgent, rest, tt.urgent, tt.rest)
		}
	}
}

// Whatever the window, its spans are the blocks of its pieces, each once.
func TestSpansCover(t *testing.T) {
	for _, info := range []struct{ length, pieceLength int64 }{{1_000_000, 64 << 10}, {1_000_000, 100_000}, {30 << 20, 1 << 20}, {9 << 20, 16 << 10}} {
		l, err := newLayout(v1Info(info.length, info.pieceLength))
		if err != nil {
			t.Fatal(err)
		}
		step := info.length/40 + 7
		for from := int64(0); from < info.length; from += step {
			for to := from + 1; to <= info.length; to += 3*step + 1 {
				for _, early := range []bool{false, true} {
					v := view{from: from, to: to, early: early}
					count := make(map[block]int)
					for _, s := range slices.Concat(v.urgent(l), v.rest(l)) {
						for b := s.from; b < s.to; b++ {
							count[b]++
						}
					}
					p0, _ := l.piece(from)
					p1, _ := l.piece(to - 1)
					want := int(l.first(p1) + l.blocks(p1) - l.first(p0))
					if len(count) != want {
						t.Fatalf("[%d, %d), early %v: %d blocks, want %d", from, to, early, len(count), want)
					}
					for b, n := range count {
						if n != 1 || b < l.first(p0) || b >= l.endOf(to) {
							t.Fatalf("[%d, %d), early %v: block %d comes %d times", from, to, early, b, n)
						}
					}
				}
			}
		}
	}
}

func TestWaitsFor(t *testing.T) {
	const m = 1 << 20
	l, err := newLayout(v1Info(40*m, m))
	if err != nil {
		t.Fatal(err)
	}
	at := int64(5*m + 512<<10) // block 352 of piece 5, which has 320 to 383
	for _, tt := range []struct {
		early    bool
		from, to block
	}{{false, 320, 384}, {true, 352, 352 + hurryBytes/blockSize}} {
		v := view{from: at, to: at + 8*m, early: tt.early}
		for b := range block(l.pieces) * l.bpp {
			if got, want := l.waitsFor(v, b), b >= tt.from && b < tt.to; got != want {
				t.Fatalf("early %v: waitsFor(%d) = %v", tt.early, b, got)
			}
		}
	}
}

func TestGlowFollows(t *testing.T) {
	const k, m = 1 << 10, 1 << 20
	g := glow{pos: 10 * m, run: 2 * m}
	for pos, want := range map[int64]bool{
		10 * m:          true,
		10*m - 64*k:     true, // a player asks again for what it got half of
		10*m - 64*k - 1: false,
		0:               false,
		11 * m:          true, // and skips what it has no use for
		12 * m:          true,
		12*m + 1:        false,
		90 * m:          false,
	} {
		if got := g.follows(pos); got != want {
			t.Errorf("follows(%d) = %v", pos, got)
		}
	}
	long := glow{pos: 100 * m, run: 90 * m}
	if !long.follows(100*m+maxAhead) || long.follows(100*m+maxAhead+1) {
		t.Error("what is followed after a long run is not what is fetched ahead")
	}
}

// newNeedSwarm is a swarm without peers: what its readers need can be looked at.
func newNeedSwarm(t *testing.T) *swarm {
	t.Helper()
	b, _ := newMetaBackend(t, 1<<30)
	l, err := newLayout(v1Info(200<<20, 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	obj, err := b.store.Object(store.Spec{Space: space, ID: hash1, Name: "n", Size: 200 << 20, Chunk: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := obj.Close(); err != nil {
			t.Error(err)
		}
	})
	return &swarm{b: b, set: newPeerSet(), layout: l, obj: obj, id: hash1}
}

// Players ask for one range after the other. The second goes on where the first ended, with all of its readahead.
func TestGlow(t *testing.T) {
	const m = 1 << 20
	s := newNeedSwarm(t)
	f, other := &file{s: s, path: "f", size: 100 * m}, &file{s: s, path: "o", offset: 100 * m, size: 100 * m}
	newNeed := func(f *file, pos, n int64) *need {
		return &need{file: f, pos: pos, end: pos + n, wake: make(chan struct{}, 1), served: make(map[int]struct{})}
	}
	read := func(n *need, bytes int64) { n.pos += bytes; n.run += bytes }
	look := func() (needs, glows []view) { needs, glows, _ = s.views(time.Now(), 0, false); return needs, glows }

	first := newNeed(f, 0, 2*m)
	s.add(first)
	read(first, 2*m)
	s.remove(first)
	s.remove(first) // a second time means nothing
	needs, glows := look()
	if len(needs) != 0 || len(glows) != 1 || glows[0].need != nil || glows[0].from != 2*m || glows[0].to != 4*m {
		t.Fatalf("after the first range: needs %+v, glows %+v, want the 2 MiB behind it", needs, glows)
	}

	second := newNeed(f, 2*m, m)
	s.add(second)
	needs, glows = look()
	if len(needs) != 1 || len(glows) != 0 || needs[0].from != 2*m || needs[0].to != 4*m {
		t.Fatalf("with the second range: needs %+v, glows %+v", needs, glows)
	}
	read(second, m)
	s.remove(second)
	if _, glows = look(); len(glows) != 1 || glows[0].from != 3*m || glows[0].to != 6*m {
		t.Fatalf("after the second range: glows %+v, want what all of it has read, 3 MiB", glows)
	}

	// The other file is none of its business.
	elsewhere := newNeed(other, 103*m, m)
	s.add(elsewhere)
	if needs, glows = look(); len(needs) != 1 || len(glows) != 1 || needs[0].to != 104*m {
		t.Fatalf("with a reader of another file: needs %+v, glows %+v", needs, glows)
	}
	s.remove(elsewhere) // before it has read anything

	jump := newNeed(f, 90*m, m)
	s.add(jump)
	if needs, glows = look(); len(needs) != 1 || len(glows) != 0 || needs[0].to != 91*m {
		t.Fatalf("after a jump: needs %+v, glows %+v", needs, glows)
	}
	read(jump, 10*m)
	s.remove(jump)
	if needs, glows = look(); len(needs)+len(glows) != 0 {
		t.Fatalf("at the end of the file: needs %+v, glows %+v", needs, glows)
	}

	late := newNeed(f, 0, m)
	s.add(late)
	read(late, m)
	s.remove(late)
	if _, glows, _ = s.views(time.Now().Add(glowTime+time.Second), 0, false); len(glows) != 0 {
		t.Fatalf("a glow outlives its time: %+v", glows)
	}
}

func TestBitset(t *testing.T) {
	var s bitset
	members := []block{0, 1, 63, 64, 65, 1000, 1<<32 - 1}
	for range 2 {
		for _, b := range members {
			if s.has(b) {
				t.Errorf("%d is in the set before it was added", b)
			}
			s.add(b)
			s.add(b)
		}
		for _, b := range members {
			if !s.has(b) || b > 1 && b < 1<<31 && !slices.Contains(members, b+1) && s.has(b+1) {
				t.Errorf("the set is wrong about %d", b)
			}
		}
		s.clear()
	}
}

func TestMeter(t *testing.T) {
	var m meter
	now, count := time.Unix(1000, 0), int64(5_000_000) // what came before it looked says nothing
	run := func(d time.Duration, bytesPerSecond int64) {
		for end := now.Add(d); now.Before(end); now = now.Add(tick) {
			m.sample(now, count)
			count += bytesPerSecond / int64(time.Second/tick)
		}
	}
	near := func(want float64) {
		t.Helper()
		if m.bytesPerSecond < 0.9*want || m.bytesPerSecond > 1.1*want+1000 {
			t.Errorf("%.0f bytes a second, want about %.0f", m.bytesPerSecond, want)
		}
	}
	run(200*time.Millisecond, 1_000_000)
	near(0)
	run(10*time.Second, 1_000_000)
	near(1_000_000)
	run(10*time.Second, 5_000_000)
	near(5_000_000)
	now = now.Add(time.Hour) // nobody wanted anything: no reason to forget
	run(time.Second/2, 5_000_000)
	near(5_000_000)
	run(20*time.Second, 0)
	near(0)
}

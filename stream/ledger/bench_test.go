package ledger

import (
	"fmt"
	"net/http"
	"runtime"
	"testing"
)

// full is a ledger that has all the entries it may have: 20,000 of 100 sites.
func full(b testing.TB) *Ledger {
	l := open(b, b.TempDir(), Options{})
	for i := range 20_000 {
		l.note(site(b, fmt.Sprintf("https://%d.example", i%100)), numbered(i/4), fmt.Sprintf("season 1/episode %d.mp4", i%4), 1<<20)
	}
	if err := l.flush(); err != nil {
		b.Fatal(err)
	}
	return l
}

var pages = map[string]http.Header{
	"origin":  {"Origin": {publicPage}, "Sec-Fetch-Site": {"cross-site"}, "User-Agent": {chromium}},
	"referer": {"Referer": {zeroPage + "/1Site/index.html"}, "Sec-Fetch-Site": {"same-site"}, "User-Agent": {chromium}},
	"neither": {"Sec-Fetch-Site": {"cross-site"}, "User-Agent": {chromium}},
	"program": {"User-Agent": {"VLC/3.0.18 LibVLC/3.0.18"}},
}

func BenchmarkAttribute(b *testing.B) {
	for name, h := range pages {
		b.Run(name, func(b *testing.B) {
			own := []Site{site(b, "http://127.0.0.1:7788"), site(b, "http://localhost:7788")}
			b.ReportAllocs()
			for b.Loop() {
				Attribute(h, Clues{Own: own})
			}
		})
	}
	b.Run("tag", func(b *testing.B) {
		s := signer(b)
		tag, err := s.Tag(site(b, zeroPage+"/1HeLLo4uzjaLetFx6NH3PMwFP3qbRbTf3D"))
		if err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			tagged, err := s.VerifyTag(tag)
			if err != nil {
				b.Fatal(err)
			}
			Attribute(pages["neither"], Clues{Tagged: tagged})
		}
	})
}

// BenchmarkRequest is all that a request costs here, from its headers to its end, while the history is full and being written.
// "known" is a range of an item that is being played; "new" is another item each time, which another one has to make room for.
func BenchmarkRequest(b *testing.B) {
	for _, isNew := range []bool{false, true} {
		b.Run(map[bool]string{false: "known", true: "new"}[isNew], func(b *testing.B) {
			l := full(b)
			g := NewGate(l, GateOptions{})
			own := []Site{site(b, "http://127.0.0.1:7788"), site(b, "http://localhost:7788")}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				who := Attribute(pages["origin"], Clues{Own: own})
				a, err := g.Begin(who.Site, film)
				if err != nil {
					b.Fatal(err)
				}
				path := "film.mp4"
				if isNew {
					path = fmt.Sprint(i)
				}
				if err := a.Found(b.Context(), film, path); err != nil {
					b.Fatal(err)
				}
				a.Sent(2 << 20)
				a.End()
			}
		})
	}
}

func BenchmarkRequestParallel(b *testing.B) {
	l := full(b)
	g := NewGate(l, GateOptions{Local: Limits{Streams: 1000}})
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			a, err := g.Begin(OpenedDirectly(), film)
			if err != nil {
				b.Error(err)
				return
			}
			a.Found(b.Context(), film, "film.mp4")
			a.Sent(2 << 20)
			a.End()
		}
	})
}

func BenchmarkOpen(b *testing.B) {
	l := full(b)
	if err := l.Close(); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(l.size), "bytes")
	for b.Loop() {
		l, err := Open(l.dir, Options{})
		if err != nil {
			b.Fatal(err)
		}
		l.Close()
	}
}

func BenchmarkRewrite(b *testing.B) {
	l := full(b)
	for b.Loop() {
		l.disk.Lock()
		err := l.rewrite()
		l.disk.Unlock()
		if err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSites(b *testing.B) {
	l := full(b)
	for b.Loop() {
		for range l.Sites() {
		}
	}
}

// TestMemory: a history that is full, with names as long as they may be, stays small in memory.
func TestMemory(t *testing.T) {
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	l := open(t, t.TempDir(), Options{})
	for i := range 100_000 {
		l.note(site(t, fmt.Sprintf("https://%d.example", i%100)), numbered(i), fmt.Sprintf("%0*d", 1+i*7%1000, i), 1)
	}
	if err := l.flush(); err != nil {
		t.Fatal(err)
	}
	check(t, l)
	got := heap() - before
	t.Logf("%d entries take %d KiB of memory and %d KiB of disk", len(l.tree.nodes), got>>10, l.size>>10)
	if got > 24<<20 {
		t.Errorf("%d MiB of memory", got>>20)
	}
	runtime.KeepAlive(l)
}

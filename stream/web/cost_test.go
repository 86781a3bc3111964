package web

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/zeronetscript/universal_p2p/stream/ledger"
)

// askers are the ways of knowing who asks, by the headers that a request comes with.
var askers = map[string]http.Header{
	"program": {"User-Agent": {"VLC/3.0.18 LibVLC/3.0.18"}},
	"origin":  {"Origin": {"https://far.example"}, "Sec-Fetch-Site": {"cross-site"}, "Sec-Fetch-Dest": {"video"}, "User-Agent": {"Mozilla/5.0"}},
	"referer": {"Referer": {"http://127.0.0.1:43110/1Site/page.html"}, "Sec-Fetch-Site": {"same-site"}, "Sec-Fetch-Dest": {"video"}, "User-Agent": {"Mozilla/5.0"}},
	"tag":     {"Sec-Fetch-Site": {"cross-site"}, "Sec-Fetch-Dest": {"video"}, "User-Agent": {"Mozilla/5.0"}},
}

// firstByte has the Handler answer one request for one byte, without a network: all that stands between a request and the bytes of a
// backend is in it, which is the look at the host and at who asks, the gate, the ledger with its 20,000 entries, the slots, and the answer.
func firstByte(t testing.TB, asker string) (ask func()) {
	f := newFront(t)
	root := ledger.Root{Protocol: "mem/v0", ID: "tree1"}
	for i := range 20_000 {
		a, err := f.h.cfg.Gate.Begin(mustSite(t, fmt.Sprintf("https://%d.example", i%100)), root)
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Found(t.Context(), root, fmt.Sprintf("season/%d.mp4", i/100)); err != nil {
			t.Fatal(err)
		}
		a.End()
	}
	url := "http://" + f.addr + "/mem/v0/stream/tree1/video.mp4"
	if asker == "tag" {
		tag, err := f.signer.Tag(mustSite(t, "https://far.example"))
		if err != nil {
			t.Fatal(err)
		}
		url += "?" + tagKey + "=" + tag
	}
	req := httptest.NewRequestWithContext(t.Context(), "GET", url, nil)
	req.Header = askers[asker].Clone()
	req.Header.Set("Range", "bytes=3000000-3000000")
	return func() {
		w := &discard{header: make(http.Header)}
		f.h.ServeHTTP(w, req)
		if w.code != http.StatusPartialContent || w.n != 1 {
			t.Fatalf("%s: status %d, %d bytes", asker, w.code, w.n)
		}
	}
}

// discard is a response that goes nowhere.
type discard struct {
	header  http.Header
	code, n int
}

func (d *discard) Header() http.Header  { return d.header }
func (d *discard) WriteHeader(code int) { d.code = code }
func (d *discard) Flush()               {}

func (d *discard) Write(p []byte) (int, error) {
	d.n += len(p)
	return len(p), nil
}

// BenchmarkHandler is what a first byte costs here, apart from the network and from the swarm.
func BenchmarkHandler(b *testing.B) {
	for name := range askers {
		b.Run(name, func(b *testing.B) {
			ask := firstByte(b, name)
			b.ReportAllocs()
			for b.Loop() {
				ask()
			}
		})
	}
}

// TestHandlerCost: to know who asks, to decide and to note it takes less than a millisecond of the first byte.
func TestHandlerCost(t *testing.T) {
	for name := range askers {
		ask := firstByte(t, name)
		took := make([]time.Duration, 201)
		for i := range took {
			start := time.Now()
			ask()
			took[i] = time.Since(start)
		}
		slices.Sort(took)
		if median := took[len(took)/2]; median > time.Millisecond {
			t.Errorf("%s: a first byte takes %v", name, median)
		}
	}
}

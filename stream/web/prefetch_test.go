package web

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zeronetscript/universal_p2p/stream/ledger"
)

// TestPrefetch: what a page wants soon is read in the background, one after the other, what is urgent first.
func TestPrefetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newPipeFront(t)
		f.mem.Add("tree2", "", content)
		a := f.newPage("https://a.example", "")
		want := func(path, body string, code int) {
			t.Helper()
			if res := a.post("site/"+path, body); res.StatusCode != code {
				t.Errorf("%s %s: %s %q", path, body, res.Status, res.body)
			}
			synctest.Wait()
		}
		state := func() string {
			t.Helper()
			synctest.Wait()
			var b strings.Builder
			_, ahead := a.items()
			for _, p := range ahead {
				fmt.Fprintf(&b, "%s/%s %d+%d %d %v; ", p.Root, p.Path, p.Offset, p.Bytes, p.Done, p.Running)
			}
			return strings.TrimSuffix(b.String(), "; ")
		}
		expect := func(want string) {
			t.Helper()
			if got := state(); got != want {
				t.Errorf("%s\nwant %s", got, want)
			}
		}
		want("prefetch", `{"url":"http://`+f.addr+`/mem/v0/stream/tree1/sound.mp3"}`, 202)
		expect("")
		if r := f.tree.File("sound.mp3").Report(); r.Read != int64(len(content["sound.mp3"])) {
			t.Errorf("fetched %+v", r)
		}
		if items, _ := a.items(); len(items) != 1 || items[0].Requests != 1 || items[0].Sent != 0 {
			t.Errorf("%+v", items)
		}

		f.tree.File("video.mp4").Hold(1 << 20)
		want("prefetch", `{"url":"/mem/v0/stream/TREE1/video.mp4?tr=x","offset":100,"bytes":4000000}`, 202)
		want("prefetch", `{"url":"/mem/v0/stream/TREE1/video.mp4?tr=x","offset":100,"bytes":4000000}`, 202)
		want("prefetch", `{"url":"http://tree2.mem.localhost:7788/sound.mp3"}`, 202)
		expect("tree1/video.mp4 100+4000000 1048476 true; tree2/sound.mp3 0+16777216 0 false")
		want("prioritise", `{"protocol":"mem/v0","root":"tree2"}`, 200)
		expect("tree1/video.mp4 100+4000000 1048476 true")
		want("prioritise", `{"protocol":"mem/v0","root":"tree1"}`, 200)
		want("prioritise", `{"protocol":"mem/v0","root":"tree3"}`, 404)
		want("drop", `{"protocol":"mem/v0","root":"tree1"}`, 200)
		expect("")
		if items, _ := a.items(); len(items) != 1 || items[0].Root != "tree2" {
			t.Errorf("%+v", items)
		}

		for body, code := range map[string]int{
			`{"url":"http://evil.example/mem/v0/stream/tree1/sound.mp3"}`: 400,
			`{"url":"https://` + f.addr + `/mem/v0/stream/tree1"}`:        400,
			`{"url":"//evil.example/mem/v0/stream/tree1"}`:                400,
			`{"url":"http://u:p@` + f.addr + `/mem/v0/stream/tree1"}`:     400,
			`{"url":"%"}`:                    400,
			`{"url":""}`:                     400,
			`{}`:                             400,
			`{"url":"/tor/v0/stream/tree1"}`: 404,
			`{"url":"/mem/v0/files/tree1"}`:  404,
			`{"url":"/mem/v0/stream/tree1","bytes":-1}`:    400,
			`{"url":"/mem/v0/stream/tree1","offset":-1}`:   400,
			`{"url":"/mem/v0/stream/tree1","bytes":1e10}`:  400,
			`{"url":"/mem/v0/stream/t%20","bytes":1}`:      202, // nobody knows yet
			`{"url":"/mem/v0/stream/tree2/no","bytes":10}`: 202,
		} {
			want("prefetch", body, code)
		}
		expect("")

		// Too much of it is refused, what is blocked stops, and the rest ends with the program.
		f.tree.Silence(true)
		for i := range maxAheadOfSite {
			want("prefetch", fmt.Sprintf(`{"url":"/mem/v0/stream/tree1/%d"}`, i), 202)
		}
		want("prefetch", `{"url":"/mem/v0/stream/tree1/x"}`, 429)
		user := f.user("POST", "rule", `{"site":"https://a.example","rule":"block"}`)
		if user.StatusCode != 200 || len(f.h.ahead.list(mustSite(t, "https://a.example"))) != 0 {
			t.Errorf("after it was blocked: %s", user.Status)
		}
		f.user("POST", "rule", `{"site":"https://a.example","rule":"default"}`)
		want("prefetch", `{"url":"/mem/v0/stream/tree1/x"}`, 202)
	})
}

// TestPrefetchLimits: what is fetched ahead counts like what is shown: it waits until the site may have it.
func TestPrefetchLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newPipeFront(t, withGate(ledger.GateOptions{Site: ledger.Limits{Streams: 2, NewRoots: 60, Burst: 2}}))
		f.tree.File("video.mp4").Hold(0)
		a := f.newPage("https://a.example", "")
		if res := a.post("site/prefetch", `{"url":"/mem/v0/stream/tree1/video.mp4"}`); res.StatusCode != 202 {
			t.Fatal(res.Status)
		}
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { f.try(ctx, "GET", "/mem/v0/stream/tree1/video.mp4", nil, "Origin: https://a.example") })
		synctest.Wait()
		f.wantError(f.get("sound.mp3", "Origin: https://a.example"), http.StatusTooManyRequests)
		if res := a.post("site/prefetch", `{"url":"/mem/v0/stream/tree1/sound.mp3"}`); res.StatusCode != 429 || res.get("Retry-After") != "5" {
			t.Errorf("%s, %q", res.Status, res.get("Retry-After"))
		}
		cancel()
		wg.Wait()
		time.Sleep(f.h.cfg.MediaPatience)
		synctest.Wait()
		if _, ahead := a.items(); len(ahead) != 0 {
			t.Errorf("it waits for nobody for ever: %+v", ahead)
		}
	})
}

// TestManyPrefetches: sites, users and the end of the program come in any order.
func TestManyPrefetches(t *testing.T) {
	f := newFront(t)
	for i := range 5 {
		f.mem.Add(fmt.Sprint("t", i), "", content)
	}
	var wg sync.WaitGroup
	for i := range 4 {
		p := f.newPage(fmt.Sprintf("https://%d.example", i), "")
		wg.Go(func() {
			for j := range 40 {
				switch root := fmt.Sprint("t", j%5); j % 8 {
				case 5:
					p.post("site/prioritise", `{"protocol":"mem/v0","root":"`+root+`"}`)
				case 6:
					p.post("site/drop", `{"protocol":"mem/v0","root":"`+root+`"}`)
				case 7:
					p.items()
				default:
					p.post("site/prefetch", `{"url":"/mem/v0/stream/`+root+`/video.mp4"}`)
				}
			}
		})
	}
	wg.Wait()
	f.h.Close()
	if n := f.h.ahead.n; n != 0 {
		t.Errorf("%d are left", n)
	}
	p := f.newPage("https://a.example", "")
	if res := p.post("site/prefetch", `{"url":"/mem/v0/stream/t1/video.mp4"}`); res.StatusCode != 503 {
		t.Errorf("after the end: %s", res.Status)
	}
}

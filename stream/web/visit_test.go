package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zeronetscript/universal_p2p/stream/ledger"
)

// sites are those that the ledger knows, the last used first.
func (f *front) sites() (names []string, all string) {
	for use := range f.history.Sites() {
		names = append(names, use.Site.String())
	}
	return names, strings.Join(names, ", ")
}

// uses is all that a site did, as text.
func (f *front) uses(site ledger.Site) string {
	var b strings.Builder
	for root := range f.history.Roots(site) {
		for item := range f.history.Items(site, root.Root) {
			fmt.Fprintf(&b, "%s %s %q %d %d; ", root.Root.Protocol, root.Root.ID, item.Path, item.Requests, item.Bytes)
		}
	}
	return strings.TrimSuffix(b.String(), "; ")
}

func mustSite(t testing.TB, s string) ledger.Site {
	t.Helper()
	site, err := ledger.ParseSite(s)
	if err != nil {
		t.Fatal(err)
	}
	return site
}

// withGate makes a front with a gate of its own.
func withGate(o ledger.GateOptions) func(*Config) {
	return func(c *Config) { c.Gate = ledger.NewGate(c.Ledger, o) }
}

// TestAttribution: who asks, by what real browsers and players send (measured with Chromium 156 and Firefox 153).
func TestAttribution(t *testing.T) {
	f := newFront(t)
	label, err := mustSite(t, "http://127.0.0.1:43110").WithLabel("1Name")
	if err != nil {
		t.Fatal(err)
	}
	tag, err := f.signer.Tag(label)
	if err != nil {
		t.Fatal(err)
	}
	const browser = "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0"
	for i, tt := range []struct {
		query  string
		header []string
		want   string
	}{
		{"?s=" + tag, []string{browser, "Origin: null", "Sec-Fetch-Site: cross-site"}, "http://127.0.0.1:43110/1Name"},
		{"?s=" + tag, []string{browser, "Origin: https://a.example", "Sec-Fetch-Site: cross-site"}, "http://127.0.0.1:43110/1Name"},
		{"?tr=x&s=" + tag[1:], []string{browser, "Origin: https://a.example"}, "https://a.example"},
		{"", []string{browser, "Origin: https://a.example", "Referer: https://b.example/", "Sec-Fetch-Site: cross-site"}, "https://a.example"},
		{"", []string{browser, "Referer: https://b.example/x?y", "Sec-Fetch-Site: cross-site"}, "https://b.example"},
		{"", []string{browser, "Referer: http://127.0.0.1:43110/", "Sec-Fetch-Site: same-site"}, "http://127.0.0.1:43110"},
		{"", []string{browser, "Referer: http://127.0.0.1:43110/1Site/a.html", "Sec-Fetch-Site: same-site"}, "http://127.0.0.1:43110/1Site"},
		{"", []string{browser, "Origin: null", "Sec-Fetch-Site: cross-site"}, "unknown site"},
		{"", []string{browser, "Sec-Fetch-Site: cross-site"}, "unknown site"},
		{"", []string{browser, "Sec-Fetch-Site: none"}, "opened directly"},
		{"", []string{browser, "Sec-Fetch-Site: same-origin"}, "opened directly"},
		{"", []string{browser, "Origin: http://" + f.addr, "Sec-Fetch-Site: same-origin"}, "opened directly"},
		{"", []string{browser, "Origin: http://localhost" + f.addr[strings.LastIndexByte(f.addr, ':'):], "Sec-Fetch-Site: cross-site"}, "opened directly"},
		{"", []string{browser}, "unknown site"},
		{"", []string{"User-Agent: VLC/3.0.21 LibVLC/3.0.21"}, "program VLC"},
		{"", []string{"User-Agent: curl/8.14.1"}, "program curl"},
		{"", []string{browser, "Origin: http://abc.onion"}, "http://abc.onion"},
	} {
		if err := f.history.ForgetAll(); err != nil {
			t.Fatal(err)
		}
		command := []string{"stream", "files", "play", "torrent"}[i%4]
		path := "/mem/v0/" + command + "/tree1"
		if command == "stream" || command == "play" {
			path += "/sound.mp3"
		}
		if res := f.do("GET", path+tt.query, tt.header...); res.StatusCode != 200 {
			t.Errorf("%s: %s", path, res.Status)
		}
		f.released()
		site := mustSite(t, tt.want)
		if names, all := f.sites(); len(names) != 1 || all != site.Origin().String() {
			t.Errorf("%s %q: %s, want %s", tt.query, tt.header, all, tt.want)
		}
		if f.history.Site(site).Requests != 1 {
			t.Errorf("%s %q: %v", tt.query, tt.header, slices.Collect(f.history.SubSites(site.Origin())))
		}
	}
}

// TestNoted: what was used is noted under the canonical name of the root, and by the bytes that were sent.
func TestNoted(t *testing.T) {
	f := newFront(t)
	f.tree.File("video.mp4").Fail(1<<20, errBreaks)
	site := mustSite(t, "https://a.example")
	for _, tt := range []struct {
		method, path string
		header       string
		want         string
	}{
		{"GET", "stream/tree1/sound.mp3", "", `mem/v0 tree1 "sound.mp3" 1 200000`},
		{"GET", "stream/TREE1/sound.mp3", "Range: bytes=0-99", `mem/v0 tree1 "sound.mp3" 1 100`},
		{"HEAD", "stream/tree1/sound.mp3", "", `mem/v0 tree1 "sound.mp3" 1 0`},
		{"GET", "stream/tree1", "Range: bytes=5-9", `mem/v0 tree1 "" 1 5`},
		{"GET", "stream/tree1/nothing", "", `mem/v0 tree1 "" 1 0`},
		{"GET", "files/tree1", "", `mem/v0 tree1 "" 1 0`},
		{"GET", "play/tree1/sound.mp3", "", `mem/v0 tree1 "sound.mp3" 1 0`},
		{"GET", "torrent/tree1", "", `mem/v0 tree1 "" 1 0`},
		{"GET", "stream/%20/x", "", ``},
		{"GET", "nothing/tree1", "", ``},
	} {
		if err := f.history.ForgetAll(); err != nil {
			t.Fatal(err)
		}
		header := []string{"Origin: https://a.example"}
		if tt.header != "" {
			header = append(header, tt.header)
		}
		f.do(tt.method, "/mem/v0/"+tt.path, header...)
		f.released()
		if got := f.uses(site); got != tt.want {
			t.Errorf("%s %s: %s, want %s", tt.method, tt.path, got, tt.want)
		}
	}
	// What was sent before it broke counts.
	f.try(t.Context(), "GET", "/mem/v0/stream/tree1/video.mp4", nil, "Origin: https://b.example")
	f.released()
	if n := f.history.Site(mustSite(t, "https://b.example")).Bytes; n != 1<<20 {
		t.Errorf("%d bytes of a broken answer", n)
	}
}

// TestNeverFound: who looks for what nobody has is noted as well, for peers have heard the question.
func TestNeverFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newPipeFront(t)
		f.tree.Silence(true)
		f.wantError(f.get("sound.mp3", "Origin: https://a.example"), http.StatusGatewayTimeout)
		if got := f.uses(mustSite(t, "https://a.example")); got != `mem/v0 tree1 "" 1 0` {
			t.Error(got)
		}
	})
}

// TestBlocked: sites and roots that the user has blocked get nothing, by whatever name and command.
func TestBlocked(t *testing.T) {
	f := newFront(t)
	tag := f.get("sound.mp3").get("Etag")
	if err := f.history.Decide(mustSite(t, "https://a.example"), ledger.Block); err != nil {
		t.Fatal(err)
	}
	f.mem.Add("tree2", "", content)
	if err := f.history.BlockRoot(ledger.Root{Protocol: "mem/v0", ID: "tree2"}, true); err != nil {
		t.Fatal(err)
	}
	opens := f.mem.Counts().Opens
	for _, command := range []string{"stream", "files", "play", "torrent"} {
		for _, origin := range []string{"https://a.example", "http://a.example:8080", "https://www.a.example"} {
			f.wantError(f.do("GET", "/mem/v0/"+command+"/tree1", "Origin: "+origin), http.StatusForbidden)
		}
		if res := f.do("GET", "/mem/v0/"+command+"/tree1", "Origin: https://b.example"); res.StatusCode != 200 {
			t.Errorf("%s for another: %s", command, res.Status)
		}
		f.wantError(f.do("GET", "/mem/v0/"+command+"/tree2"), http.StatusForbidden)
		f.wantError(f.do("GET", "/mem/v0/"+command+"/TREE2"), http.StatusForbidden)
		f.wantError(f.do("HEAD", "/mem/v0/"+command+"/tree2"), http.StatusForbidden)
	}
	if n := f.mem.Counts().Opens - opens; n != 5 { // the command torrent asks twice
		t.Errorf("%d roots were looked for", n)
	}
	f.wantError(f.get("sound.mp3", "Origin: https://a.example", "If-None-Match: "+tag), http.StatusForbidden)
	f.wantError(f.do("GET", "/sound.mp3", f.host("tree2.mem.localhost")), http.StatusForbidden)
	if err := f.history.Decide(mustSite(t, "https://a.example"), ledger.Default); err != nil {
		t.Fatal(err)
	}
	f.want(f.get("sound.mp3", "Origin: https://a.example"), 200, content["sound.mp3"])
}

// TestAskNewSites: a new site waits for the user's yes, and what is no page does not.
func TestAskNewSites(t *testing.T) {
	var told []string
	var mu sync.Mutex
	f := newFront(t, withGate(ledger.GateOptions{AskNewSites: true, Notify: func(n ledger.Notice) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, n.Site.String()+" "+string(n.What))
	}}))
	for range 2 {
		f.wantError(f.get("sound.mp3", "Origin: https://a.example"), http.StatusForbidden)
	}
	f.want(f.get("sound.mp3"), 200, content["sound.mp3"])
	f.want(f.get("sound.mp3", "Sec-Fetch-Site: none"), 200, content["sound.mp3"])
	if err := f.history.Decide(mustSite(t, "https://a.example"), ledger.Allow); err != nil {
		t.Fatal(err)
	}
	f.want(f.get("sound.mp3", "Origin: https://a.example"), 200, content["sound.mp3"])
	mu.Lock()
	defer mu.Unlock()
	if !slices.Equal(told, []string{"https://a.example asking"}) {
		t.Errorf("the user was told %q", told)
	}
}

// TestOverlay: the user is told once when a page whose visitors mean to hide loads something.
func TestOverlay(t *testing.T) {
	var told []ledger.Notice
	f := newFront(t, withGate(ledger.GateOptions{Notify: func(n ledger.Notice) { told = append(told, n) }}))
	for range 2 {
		f.want(f.get("sound.mp3", "Origin: http://abc.i2p"), 200, content["sound.mp3"])
	}
	if len(told) != 1 || told[0].What != ledger.Exposed {
		t.Errorf("the user was told %v", told)
	}
}

// TestSiteLimits: a site that has its share is told to come back, when, and others are not.
func TestSiteLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newPipeFront(t, withGate(ledger.GateOptions{
			Site:    ledger.Limits{Streams: 3, NewRoots: 6, Burst: 2},
			Unknown: ledger.Limits{Streams: 1, NewRoots: 6, Burst: 9},
		}))
		for i := range 9 {
			f.mem.Add(fmt.Sprint("new", i), "", content)
		}
		f.tree.File("video.mp4").Hold(0)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		open := func(n int, header ...string) {
			for range n {
				wg.Go(func() {
					if _, err := f.try(ctx, "GET", "/mem/v0/stream/tree1/video.mp4", nil, header...); !errors.Is(err, context.Canceled) {
						t.Errorf("%v", err)
					}
				})
			}
			synctest.Wait()
		}
		refused := func(res response, retry string) {
			t.Helper()
			f.wantError(res, http.StatusTooManyRequests)
			if got := res.get("Retry-After"); got != retry {
				t.Errorf("Retry-After is %q, want %q", got, retry)
			}
		}
		const a, b = "Origin: https://a.example", "Origin: https://b.example"
		open(3, a)
		refused(f.get("sound.mp3", a), "5")
		refused(f.get("sound.mp3", "Referer: https://a.example/"), "5")
		f.want(f.get("sound.mp3", b), 200, content["sound.mp3"])
		open(1, "Sec-Fetch-Site: cross-site")
		refused(f.get("sound.mp3", "Origin: null"), "5")
		cancel()
		wg.Wait()
		synctest.Wait()
		f.want(f.get("sound.mp3", a), 200, content["sound.mp3"])

		root := func(i int) response { return f.do("GET", fmt.Sprintf("/mem/v0/stream/new%d/sound.mp3", i), a) }
		f.want(root(0), 200, content["sound.mp3"])
		refused(root(1), "11") // tree1 was the first
		f.want(root(0), 200, content["sound.mp3"])
		f.want(f.do("GET", "/mem/v0/stream/new1/sound.mp3", b), 200, content["sound.mp3"])
		time.Sleep(10 * time.Second)
		f.want(root(1), 200, content["sound.mp3"])
		refused(root(2), "11")
	})
}

// smallDisk is a disk of 100 bytes on which nothing can be recycled.
type smallDisk map[ledger.Root]int64

func (d smallDisk) Usage() (int64, map[ledger.Root]int64) { return 100, d }

func (smallDisk) Recycle(context.Context, ledger.Root) (int64, error) { return 0, nil }

// TestDiskShare: a site whose roots fill its share gets no new one, and others do.
func TestDiskShare(t *testing.T) {
	disk := smallDisk{{Protocol: "mem/v0", ID: "tree1"}: 60}
	f := newFront(t, withGate(ledger.GateOptions{Site: ledger.Limits{DiskShare: 50}, Disk: disk}))
	f.mem.Add("tree2", "", content)
	const a, b = "Origin: https://a.example", "Origin: https://b.example"
	f.want(f.get("sound.mp3", a), 200, content["sound.mp3"])
	res := f.do("GET", "/mem/v0/stream/tree2/sound.mp3", a)
	f.wantError(res, http.StatusRequestEntityTooLarge)
	if got := res.get("Retry-After"); got != "" {
		t.Errorf("Retry-After: %s", got)
	}
	f.want(f.get("sound.mp3", a), 200, content["sound.mp3"])
	f.want(f.do("GET", "/mem/v0/stream/tree2/sound.mp3", b), 200, content["sound.mp3"])
}

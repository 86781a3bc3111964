//go:build !noipfs

package app

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ipfs/go-cid"

	"github.com/zeronetscript/universal_p2p/stream/ledger"
	"github.com/zeronetscript/universal_p2p/stream/web"
)

// uses is all that a site used, as text.
func (f *gatewayFront) uses(site string) string {
	s, err := ledger.ParseSite(site)
	f.must(err)
	var list []string
	for range 100 { // the ledger is told when the answer is complete, which the client may know before
		list = nil
		for root := range f.history.Roots(s) {
			for item := range f.history.Items(s, root.Root) {
				list = append(list, fmt.Sprintf("%s/%s %q", root.Root.Protocol, root.Root.ID, item.Path))
			}
		}
		if list != nil {
			break
		}
		time.Sleep(2 * time.Millisecond)
	}
	return strings.Join(list, ", ")
}

// TestGatewayNoted: what is used at the addresses of IPFS is noted by its CID in one spelling, whatever it was asked by.
func TestGatewayNoted(t *testing.T) {
	f := newGatewayFront(t)
	root, old := f.root.Cid().String(), cid.NewCidV1(cid.DagProtobuf, f.oldFile.Cid().Hash()).String()
	const origin = "Origin: https://a.example"
	used := func(root, path string) string { return fmt.Sprintf("ipfs/v0/%s %q", root, path) }
	for _, tt := range []struct {
		ask, header string
		code        int
		want        string
	}{
		{"127.0.0.1: /ipfs/" + root + "/ascii.txt", "", 200, used(root, "ascii.txt")},
		{"HEAD 127.0.0.1: /ipfs/" + root + "/ascii.txt", "", 200, used(root, "ascii.txt")},
		{"127.0.0.1: /ipfs/" + root + "/%C4%85/%C4%99/", "", 200, used(root, "ą/ę")},
		{"127.0.0.1: /ipfs/" + root + "?format=car", "", 200, used(root, "")},
		{"127.0.0.1: /ipfs/" + root + "/ascii.txt?format=raw", "", 200, used(root, "ascii.txt")},
		{"127.0.0.1: /ipfs/" + root + "?format=tar", "", 200, used(root, "")},
		{"127.0.0.1: /ipfs/" + root + "/ascii.txt", "If-None-Match: *", 304, used(root, "ascii.txt")},
		{"127.0.0.1: /ipfs/" + root + "/nothing", "", 404, used(root, "")},
		{"127.0.0.1: /ipfs/" + f.oldFile.Cid().String(), "", 200, used(old, "")},
		{root + ".ipfs.localhost: /ascii.txt", "", 200, used(root, "ascii.txt")},
		{"127.0.0.1: /ipns/" + f.name.String() + "/ascii.txt", "", 200, used(root, "ascii.txt")},
		{f.name.String() + ".ipns.localhost: /ascii.txt", "", 200, used(root, "ascii.txt")},
		{"127.0.0.1: /ipns/" + rootDomain + "/ascii.txt", "", 200, used(root, "ascii.txt")},
		{rootDomain + " /ascii.txt", "", 200, used(root, "ascii.txt")},
		{"localhost: /ipfs/" + root + "/ascii.txt", "", 301, ""},
		{"127.0.0.1: /ipfs/nonsense", "", 400, ""},
	} {
		f.must(f.history.ForgetAll())
		header := []string{origin}
		if tt.header != "" {
			header = append(header, tt.header)
		}
		res := f.ask(tt.ask, header...)
		if got := f.uses("https://a.example"); res.StatusCode != tt.code || got != tt.want {
			t.Errorf("%s (%s): %s, %s, want %s", tt.ask, tt.header, res.Status, got, tt.want)
		}
	}
	// What a page out of IPFS asks of itself is its own.
	f.must(f.history.ForgetAll())
	f.ask(root+".ipfs.localhost: /ascii.txt", "Sec-Fetch-Site: same-origin")
	if got := f.uses("http://" + root + ".ipfs.localhost:" + f.port); got != used(root, "ascii.txt") {
		t.Errorf("a page out of IPFS: %s", got)
	}
}

// TestGatewayBlocked: a root that the user has blocked is given to nobody, by whatever name.
func TestGatewayBlocked(t *testing.T) {
	f := newGatewayFront(t)
	root := f.root.Cid().String()
	f.must(f.history.BlockRoot(ledger.Root{Protocol: "ipfs/v0", ID: root}, true))
	v0 := cid.NewCidV0(f.root.Cid().Hash()).String()
	for _, ask := range []string{
		"127.0.0.1: /ipfs/" + root + "/ascii.txt", "127.0.0.1: /ipfs/" + v0 + "/ascii.txt", "127.0.0.1: /ipfs/" + root + "?format=raw", "127.0.0.1: /ipfs/" + root + "?format=car",
		"127.0.0.1: /ipfs/" + root + "?format=tar", "127.0.0.1: /ipfs/" + root + "/", root + ".ipfs.localhost: /ascii.txt", "HEAD " + root + ".ipfs.localhost: /ascii.txt",
		"127.0.0.1: /ipns/" + f.name.String() + "/ascii.txt", "127.0.0.1: /ipns/" + f.name.String() + "?format=car", f.name.String() + ".ipns.localhost: /ascii.txt",
		"127.0.0.1: /ipns/" + rootDomain + "/", "127.0.0.1: /ipns/" + rootDomain + "/?format=raw", rootDomain + " /ascii.txt", keyDomain + " /ascii.txt",
	} {
		res := f.ask(ask)
		if res.StatusCode != http.StatusForbidden || bytes.Contains(res.body, []byte("hello")) || res.Header.Get("Etag") != "" {
			t.Errorf("%s: %s, %q, %v", ask, res.Status, res.body, res.Header)
		}
	}
	if res := f.ask("127.0.0.1: /ipfs/" + f.site.Cid().String() + "/one.html"); res.StatusCode != 200 {
		t.Errorf("another root: %s", res.Status)
	}

	// A rule of another root does not lead there.
	thief := f.dir(map[string]any{"_redirects": "/x/* /../" + root + "/:splat 200\n", "one.html": "mine"})
	if res := f.ask(thief.Cid().String() + ".ipfs.localhost: /x/ascii.txt"); res.StatusCode != http.StatusForbidden {
		t.Errorf("by a rule of another root: %s, %q", res.Status, res.body)
	}

	// The same bytes in another codec are the same root.
	bare := f.block(cid.Raw, []byte("blocked bytes"))
	f.must(f.history.BlockRoot(ledger.Root{Protocol: "ipfs/v0", ID: bare.String()}, true))
	for _, codec := range []uint64{cid.Raw, 0x0200, cid.DagCBOR} {
		if res := f.ask("127.0.0.1: /ipfs/" + cid.NewCidV1(codec, bare.Hash()).String() + "?format=raw"); res.StatusCode != http.StatusForbidden {
			t.Errorf("in codec %#x: %s, %q", codec, res.Status, res.body)
		}
	}

	// So is what a name leads to, at our own addresses.
	for _, ask := range []string{"/ipns/v0/stream/" + f.name.String() + "/ascii.txt", "/ipns/v0/stream/" + root + "/ascii.txt", "/ipfs/v0/stream/" + v0 + "/ascii.txt"} {
		if res := f.ask("127.0.0.1: " + ask); res.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %s, %q", ask, res.Status, res.body)
		}
	}
}

// TestGatewayLimits: a site is limited there as elsewhere.
func TestGatewayLimits(t *testing.T) {
	f := newGatewayFront(t, func(c *web.Config) {
		c.Gate = ledger.NewGate(c.Ledger, ledger.GateOptions{Site: ledger.Limits{Streams: 5, NewRoots: 1, Burst: 1, DiskShare: 100}})
	})
	const origin = "Origin: https://a.example"
	if res := f.ask("127.0.0.1: /ipfs/"+f.root.Cid().String()+"/ascii.txt", origin); res.StatusCode != 200 {
		t.Errorf("the first root: %s", res.Status)
	}
	if res := f.ask("localhost: /ipfs/"+f.root.Cid().String()+"/ascii.txt", origin); res.StatusCode != 301 {
		t.Errorf("the first root, on the way to its host: %s", res.Status)
	}
	for _, ask := range []string{"127.0.0.1: /ipfs/" + f.site.Cid().String() + "/one.html", f.site.Cid().String() + ".ipfs.localhost: /one.html"} {
		if res := f.ask(ask, origin); res.StatusCode != http.StatusTooManyRequests || res.Header.Get("Retry-After") == "" {
			t.Errorf("%s: %s %v", ask, res.Status, res.Header)
		}
	}
}

// TestGatewayDamage: what nobody has, and what somebody has forged, is waited for and never sent.
func TestGatewayDamage(t *testing.T) {
	f := newGatewayFront(t, func(c *web.Config) { c.Patience, c.MediaPatience = time.Second, time.Second })
	absent, forged := f.text("nobody has this"), f.text("somebody forges this")
	f.lose(absent.Cid())
	f.spoil(forged.Cid())
	var waits sync.WaitGroup
	for _, ask := range []string{"/ipfs/" + absent.Cid().String(), "/ipfs/" + absent.Cid().String() + "?format=raw", "/ipfs/" + forged.Cid().String(),
		"/ipfs/" + forged.Cid().String() + "?format=raw", "/ipns/k51qzi5uqu5dlvj2baxnqndepeb86cbk3ng7n3i46uzyxzyqj2xjonzllnv0v8/"} {
		waits.Go(func() {
			begin := time.Now()
			res := f.ask("127.0.0.1: " + ask)
			if took := time.Since(begin); res.StatusCode/100 != 5 || took > 10*time.Second || strings.Contains(string(res.body), "something else") {
				t.Errorf("%s: %s after %v, %q", ask, res.Status, took, res.body)
			}
			if strings.HasPrefix(ask, "/ipfs/") && (res.StatusCode != http.StatusGatewayTimeout || res.Header.Get("Retry-After") == "") {
				t.Errorf("%s: %s %v", ask, res.Status, res.Header)
			}
		})
	}
	waits.Wait()
}

// TestGatewayBreaksOff: an answer that cannot go on ends so that the client sees it, whatever its format.
func TestGatewayBreaksOff(t *testing.T) {
	f := newGatewayFront(t, func(c *web.Config) { c.Patience, c.MediaPatience = 2*time.Second, 2*time.Second })
	long := make([]byte, 4<<20)
	rand.NewChaCha8([32]byte{1}).Read(long)
	part := f.file(long, 1<<18, 1)
	f.lose(part.Links()[len(part.Links())-1].Cid) // the last leaf
	if res := f.ask("127.0.0.1: /ipfs/"+part.Cid().String(), "Range: bytes=0-99"); res.StatusCode != 206 || !bytes.Equal(res.body, long[:100]) {
		t.Errorf("a part that is there: %s", res.Status)
	}
	for _, query := range []string{"", "?format=car", "?format=tar"} {
		res := f.ask("127.0.0.1: /ipfs/" + part.Cid().String() + query)
		if res.StatusCode != 200 || res.err == nil || query == "" && !bytes.HasPrefix(long, res.body) {
			t.Errorf("%q: %s, %d bytes, %v", query, res.Status, len(res.body), res.err)
		}
	}
}

// TestGatewayFetchesLittle: a part of a file costs the blocks that it is in, those that lead there, and the one that says what it is.
func TestGatewayFetchesLittle(t *testing.T) {
	f := newGatewayFront(t)
	long := make([]byte, 16<<20)
	rand.NewChaCha8([32]byte{2}).Read(long)
	path := "127.0.0.1: /ipfs/" + f.file(long, 1<<18, 1).Cid().String()
	const off, n = 15 << 20, 64 << 10
	res := f.ask(path, fmt.Sprintf("Range: bytes=%d-%d", off, off+n-1))
	if res.StatusCode != http.StatusPartialContent || !bytes.Equal(res.body, long[off:off+n]) {
		t.Errorf("%s, %d bytes", res.Status, len(res.body))
	}
	if given := f.given.Load(); given > 3<<18 {
		t.Errorf("%d bytes were fetched for %d", given, n)
	}
}

// TestGatewayEnds: a client that leaves ends what was looked for, and so does the end of the node, which waits for nobody.
func TestGatewayEnds(t *testing.T) {
	f := newGatewayFront(t, func(c *web.Config) { c.Patience, c.MediaPatience = time.Minute, time.Minute })
	absent := f.text("nobody has this")
	f.lose(absent.Cid())
	streams := func(n int) bool {
		for range 500 {
			if f.front.Streams() == n {
				return true
			}
			time.Sleep(10 * time.Millisecond)
		}
		return false
	}
	ctx, cancel := context.WithCancel(t.Context())
	var left sync.WaitGroup
	for _, query := range []string{"", "?format=raw", "?format=car", "?format=tar"} {
		req, err := http.NewRequestWithContext(ctx, "GET", "http://127.0.0.1:"+f.port+"/ipfs/"+absent.Cid().String()+query, nil)
		f.must(err)
		left.Go(func() {
			if res, err := f.client.Do(req); err == nil {
				res.Body.Close()
				t.Errorf("%q: %s", query, res.Status)
			}
		})
	}
	if !streams(4) {
		t.Errorf("%d streams", f.front.Streams())
	}
	cancel()
	left.Wait()
	if !streams(0) {
		t.Errorf("%d streams go on", f.front.Streams())
	}

	left.Go(func() {
		if res := f.ask("127.0.0.1: /ipfs/" + absent.Cid().String()); res.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("when the node ends: %s, %q", res.Status, res.body)
		}
	})
	if !streams(1) {
		t.Errorf("%d streams", f.front.Streams())
	}
	begin := time.Now()
	f.must(f.backend.Close())
	left.Wait()
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
	if res := f.ask("127.0.0.1: /ipfs/" + f.root.Cid().String() + "/ascii.txt"); res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("after the end: %s, %q", res.Status, res.body)
	}
}

// A name that is blocked is so in each of its spellings, at our addresses and at those of the network; what it stands for is not.
func TestGatewayBlockedName(t *testing.T) {
	f := newGatewayFront(t)
	upper, dashed := strings.ToUpper(rootDomain), "a--listing-example-org"
	asks := []string{
		"127.0.0.1: /ipns/v0/stream/" + rootDomain + "/ascii.txt", "127.0.0.1: /ipns/v0/stream/" + upper + "/ascii.txt",
		"127.0.0.1: /ipns/v0/stream/" + rootDomain + "./ascii.txt", "127.0.0.1: /ipns/v0/stream/" + dashed + "/ascii.txt",
		"127.0.0.1: /ipns/" + rootDomain + "/ascii.txt", dashed + ".ipns.localhost: /ascii.txt",
	}
	for _, blocked := range []bool{false, true} {
		f.must(f.history.BlockRoot(ledger.Root{Protocol: "ipns/v0", ID: rootDomain}, blocked))
		for _, ask := range asks {
			if got := f.ask(ask).StatusCode; got == 403 != blocked || !blocked && got != 200 {
				t.Errorf("blocked: %v, %s: %d", blocked, ask, got)
			}
		}
	}
	for _, ask := range []string{"127.0.0.1: /ipfs/v0/stream/" + f.root.Cid().String() + "/ascii.txt", "127.0.0.1: /ipns/v0/stream/" + f.root.Cid().String() + "/ascii.txt"} {
		if got := f.ask(ask).StatusCode; got != 200 {
			t.Errorf("%s: %d", ask, got)
		}
	}
}

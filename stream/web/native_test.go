package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zeronetscript/universal_p2p/stream"
	"github.com/zeronetscript/universal_p2p/stream/ledger"
	"github.com/zeronetscript/universal_p2p/stream/streamtest"
)

// A nativeMem is a Mem whose network has addresses of its own: a root there is "key-" and letters.
type nativeMem struct {
	*streamtest.Mem
	serve func(w http.ResponseWriter, r *http.Request, found func(root, path string) error) error
}

var _ Native = (*nativeMem)(nil)

func (*nativeMem) NativeRoot(name string) (string, bool) {
	ok := regexp.MustCompile(`^key-[a-z]{1,60}(\.more)?$`).MatchString(name)
	return strings.TrimSuffix(name, ".more"), ok
}

func (*nativeMem) NativeHost(host string) bool {
	return host == "given.example" || host == "key-given.more"
}

func (n *nativeMem) ServeNative(w http.ResponseWriter, r *http.Request, found func(protocol, root, path string) error) error {
	return n.serve(w, r, func(root, path string) error { return found("mem/v0", root, path) })
}

// newNativeFront starts a front with a network that answers with what it was asked, as it came to it.
func newNativeFront(t testing.TB, start func(testing.TB, ...func(*Config)) *front, change ...func(*Config)) (*front, *nativeMem) {
	n := &nativeMem{serve: func(w http.ResponseWriter, r *http.Request, found func(root, path string) error) error {
		if r.Method == http.MethodOptions {
			w.WriteHeader(http.StatusNoContent)
			return nil
		}
		if err := found("key-x", "a/b"); err != nil {
			return err
		}
		_, err := fmt.Fprintf(w, "%s %s %s %s", r.Host, r.URL.EscapedPath(), r.URL.RawQuery, r.Header.Get("X-Forwarded-Host"))
		return err
	}}
	f := start(t, append(change, func(c *Config) {
		n.Mem = c.Protocols[0].Backend.(*streamtest.Mem)
		c.Protocols[0].Backend = n
		c.Home = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("home")) })
	})...)
	return f, n
}

// TestNativeAddresses: which requests are for a network's own addresses, and which are not.
func TestNativeAddresses(t *testing.T) {
	f, _ := newNativeFront(t, newFront)
	_, port, _ := strings.Cut(f.addr, ":")
	at := func(host string) string { return strings.TrimSuffix(strings.ToLower(host)+":"+port, "-:"+port) }
	const own, moved = "own", "moved"
	for _, tt := range []struct {
		host, path string // a host that ends with a dash has no port
		code       int
		what       string // is own, or leads elsewhere
	}{
		{"127.0.0.1", "/mem/key-a/b", 200, own},
		{"127.0.0.1", "/mem/key-a", 200, own},
		{"127.0.0.1", "/mem/no-root/b", 200, own}, // which is for the network to say
		{"127.0.0.1", "/mem/", 200, own},
		{"127.0.0.1", "/mem/v1/stream/tree1/sound.mp3", 200, own},
		{"127.0.0.1", "/mem/v0/stream/tree1/sound.mp3", 200, ""},
		{"127.0.0.1", "/mem/%76%30/stream/tree1/sound.mp3", 200, ""},
		{"127.0.0.1", "/mem/v0", 400, ""},
		{"127.0.0.1", "/mem", 400, ""},
		{"127.0.0.1", "/mem/%zz", 400, ""},
		{"127.0.0.1", "/other/key-a/b/c", 404, ""},
		{"localhost", "/mem/key-a/b", 200, own},
		{"LocalHost", "/mem/key-a/b", 200, own},
		{"localhost", "/mem/v0/stream/tree1/sound.mp3", 307, moved},
		{"localhost", "/", 200, ""},
		{"[::1]", "/mem/key-a/b", 307, moved},
		{"key-a.mem.localhost", "/b", 200, own},
		{"Key-A.mem.localhost", "/", 200, own},
		{"key-a.more.mem.localhost", "/mem/v0/stream/tree1/sound.mp3", 200, own},
		{"key-" + strings.Repeat("a", 60) + ".mem.localhost", "/", 200, own}, // too long for a host, but the network has to say so
		{"tree1.mem.localhost", "/", 421, ""},
		{"key-1.mem.localhost", "/", 421, ""},
		{"mem.localhost", "/", 421, ""},
		{"key-a.mem", "/", 421, ""},
		{"key-a.other.localhost", "/", 421, ""},
		{"key-a.mem.localhost.evil.example", "/", 421, ""},
		{"key-a.mem.localhost-", "/", 421, ""},
		{"key-a.mem.localhost:1-", "/", 421, ""},
		{"evil.example", "/mem/key-a/b", 421, ""},
		{"evil.example-", "/mem/key-a/b", 421, ""},
		{"x.given.example", "/", 421, ""},
		{"given.example-", "/mem/key-a/b", 200, own},
		{"given.example", "/b", 200, own},
		{"GIVEN.example:80-", "/api/v0/ping", 200, own},
		{"key-given.more", "/mem/v0/stream/tree1/sound.mp3", 200, own},
	} {
		res := f.do("GET", tt.path, "Host: "+at(tt.host))
		isOwn := strings.HasPrefix(string(res.body), at(tt.host)+" ")
		if res.StatusCode != tt.code || isOwn != (tt.what == own) || (res.get("Location") != "") != (tt.what == moved) {
			t.Errorf("%s on %s: %s, %.60q to %q", tt.path, tt.host, res.Status, res.body, res.get("Location"))
		}
	}
	// What the network gets to see.
	tag, err := f.signer.Tag(mustSite(t, "https://a.example"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ host, path, header, want string }{
		{"127.0.0.1", "/mem/key-a/%C3%A9?s=x&y=1", "X-Forwarded-Host: evil.example", "127.0.0.1:" + port + " /mem/key-a/%C3%A9 s=x&y=1 "},
		{"localhost", "/mem/key-a/b?s=" + tag + "&y=1", "Sec-Fetch-Mode: navigate", "localhost:" + port + " /mem/key-a/b y=1 "},
		{"given.example-", "/b", "X-Forwarded-Host: localhost", "given.example /b  localhost"},
	} {
		if res := f.do("GET", tt.path, "Host: "+at(tt.host), tt.header); string(res.body) != tt.want {
			t.Errorf("%s on %s: %q, want %q", tt.path, tt.host, res.body, tt.want)
		}
	}
}

// TestNativeGuards: what may be asked of a network's own addresses, and what the answers may do.
func TestNativeGuards(t *testing.T) {
	f, n := newNativeFront(t, newFront)
	var typ string
	plain := n.serve
	n.serve = func(w http.ResponseWriter, r *http.Request, found func(root, path string) error) error {
		header := w.Header()
		header.Set("Content-Type", typ)
		header.Set("Set-Cookie", "a=b")
		header.Set("Content-Security-Policy", "default-src *")
		header.Set("Cache-Control", "public, immutable")
		header.Set("Cross-Origin-Resource-Policy", "same-origin")
		return plain(w, r, found)
	}
	const path, site = "/mem/key-a/b", "key-a.mem.localhost"
	for _, tt := range []struct {
		method, host, header string
		code                 int
	}{
		{"POST", "127.0.0.1", "", 405}, {"PUT", "localhost", "", 405}, {"DELETE", site, "", 405}, {"CONNECT", "127.0.0.1", "", 405},
		{"HEAD", "127.0.0.1", "", 200}, {"OPTIONS", "127.0.0.1", "", 204}, {"OPTIONS", site, "", 204},
		{"GET", "127.0.0.1", "Sec-Fetch-Dest: script", 403}, {"GET", "127.0.0.1", "Sec-Fetch-Dest: style", 403}, {"GET", "127.0.0.1", "Sec-Fetch-Dest: worker", 403},
		{"GET", "127.0.0.1", "Sec-Fetch-Dest: embed", 403}, {"GET", "127.0.0.1", "Service-Worker: script", 403}, {"GET", "localhost", "Sec-Fetch-Dest: script", 403},
		{"GET", "127.0.0.1", "Sec-Fetch-Dest: image", 200}, {"GET", "127.0.0.1", "Sec-Fetch-Dest: document", 200}, {"GET", "given.example", "Sec-Fetch-Dest: script", 403},
		{"GET", site, "Sec-Fetch-Dest: script\nSec-Fetch-Site: same-origin", 200}, {"GET", site, "Sec-Fetch-Dest: script\nSec-Fetch-Site: cross-site", 403},
		{"GET", site, "Sec-Fetch-Dest: script\nSec-Fetch-Site: same-site", 403}, {"GET", site, "Sec-Fetch-Dest: serviceworker\nSec-Fetch-Site: same-origin", 403},
		{"GET", site, "Sec-Fetch-Dest: object\nSec-Fetch-Site: same-origin", 403}, {"GET", site, "Sec-Fetch-Dest: document\nSec-Fetch-Site: cross-site", 200},
	} {
		header := append([]string{f.host(tt.host)}, strings.Split(tt.header, "\n")...)
		if tt.header == "" {
			header = header[:1]
		}
		if res := f.do(tt.method, path, header...); res.StatusCode != tt.code {
			t.Errorf("%s on %s (%s): %s, want %d", tt.method, tt.host, tt.header, res.Status, tt.code)
		}
	}
	acting := f.h.policy(new(website))
	for _, tt := range []struct{ host, path, typ, want string }{
		{"127.0.0.1", path, "text/html", sandbox}, {"127.0.0.1", path, "", sandbox}, {"127.0.0.1", path, "image/svg+xml", sandbox},
		{"127.0.0.1", path, "application/pdf", sandbox}, {"127.0.0.1", path, "text/xml; charset=utf-8", sandbox}, {"127.0.0.1", path, "image/x-new", sandbox},
		{"127.0.0.1", path, "IMAGE/PNG; a=b", ""}, {"127.0.0.1", path, "image/jpeg", ""},
		{"127.0.0.1", path, "video/mp4", unframed}, {"127.0.0.1", path, "audio/mpeg", unframed},
		{"localhost", path, "text/html", sandbox}, {"given.example", path, "text/html", sandbox},
		{site, "/", "text/html", acting}, {site, "/", "image/png", acting}, {site, "/", "video/mp4", acting}, {"given.example", "/", "text/html", acting},
	} {
		typ = tt.typ
		res := f.do("GET", tt.path, f.host(tt.host))
		if got := res.get("Content-Security-Policy"); got != tt.want || res.StatusCode != 200 {
			t.Errorf("%s %s as %q: %s, %q", tt.host, tt.path, tt.typ, res.Status, got)
		}
		want := map[string]string{"Set-Cookie": "", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cross-Origin-Resource-Policy": "cross-origin",
			"Cache-Control": "public, immutable", "Cross-Origin-Opener-Policy": "", "Cross-Origin-Embedder-Policy": "", "Origin-Agent-Cluster": ""}
		if tt.host == "localhost" {
			want["Cache-Control"] = "no-store"
		}
		if tt.want == acting {
			want["Cross-Origin-Opener-Policy"], want["Cross-Origin-Embedder-Policy"], want["Origin-Agent-Cluster"] = "same-origin", "require-corp", "?1"
		}
		for k, v := range want {
			if got := res.get(k); got != v {
				t.Errorf("%s %s: %s is %q, want %q", tt.host, tt.path, k, got, v)
			}
		}
	}
	if res := f.do("GET", "/x", f.host(site), "Cookie: a=b"); res.get("Clear-Site-Data") != `"cookies"` {
		t.Errorf("cookies stay: %v", res.Header)
	}
	// Media elements get a part.
	var got string
	n.serve = func(w http.ResponseWriter, r *http.Request, found func(root, path string) error) error {
		got = r.Header.Get("Range")
		return plain(w, r, found)
	}
	for asked, want := range map[string]string{
		"bytes=0-": "bytes=0-2097151", "bytes=100-": "bytes=100-2097151", "bytes=0-99999999": "bytes=0-2097151", "bytes=3000000-": "bytes=3000000-5046271",
		"bytes=0-1": "bytes=0-1", "bytes=-5": "bytes=-5", "bytes=-50000000": "bytes=-50000000", "bytes=0-1,5-6": "bytes=0-1,5-6", "x": "x",
		"bytes=9223372036854775800-": "bytes=9223372036854775800-",
	} {
		if f.do("GET", path, "Sec-Fetch-Dest: video", "Range: "+asked); got != want {
			t.Errorf("a player asks for %s and gets %s, want %s", asked, got, want)
		}
		if f.do("GET", path, "Range: "+asked); got != asked {
			t.Errorf("somebody asks for %s and gets %s", asked, got)
		}
	}
}

// TestNativeGate: a network's own addresses are noted, limited and blocked as all content.
func TestNativeGate(t *testing.T) {
	f, n := newNativeFront(t, newFront)
	plain := n.serve
	const origin = "Origin: https://a.example"
	site, root := mustSite(t, "https://a.example"), ledger.Root{Protocol: "mem/v0", ID: "key-x"}
	path := map[string]string{"127.0.0.1": "/mem/key-a/b", "key-a.mem.localhost": "/b", "given.example": "/mem/key-a/b"}
	for host := range path {
		if err := f.history.ForgetAll(); err != nil {
			t.Fatal(err)
		}
		res := f.do("GET", path[host], f.host(host), origin)
		f.released()
		if want := fmt.Sprintf("mem/v0 key-x %q 1 %d", "a/b", len(res.body)); f.uses(site) != want {
			t.Errorf("%s: %s, want %s", host, f.uses(site), want)
		}
	}
	// What a page on the host of a root asks for is that site's.
	f.do("GET", "/b", f.host("key-a.mem.localhost"), "Sec-Fetch-Site: same-origin")
	f.released()
	_, port, _ := strings.Cut(f.addr, ":")
	if got := f.uses(mustSite(t, "http://key-a.mem.localhost:"+port)); !strings.HasPrefix(got, "mem/v0 key-x") {
		t.Errorf("a page of the root: %q", got)
	}

	for name, tt := range map[string]struct {
		serve func(w http.ResponseWriter, r *http.Request, found func(root, path string) error) error
		code  int
		want  string
	}{
		"leads elsewhere": {func(w http.ResponseWriter, r *http.Request, _ func(root, path string) error) error {
			http.Redirect(w, r, "/there", http.StatusMovedPermanently)
			return nil
		}, 301, ""},
		"is nothing": {func(w http.ResponseWriter, r *http.Request, _ func(root, path string) error) error {
			http.NotFound(w, r)
			return nil
		}, 404, ""},
		"says nothing": {func(http.ResponseWriter, *http.Request, func(root, path string) error) error { return nil }, 200, ""},
		"is not found": {func(http.ResponseWriter, *http.Request, func(root, path string) error) error {
			return stream.ErrNoSpace
		}, 507, `mem/v0 key-a "" 1 0`},
		"fails by itself": {func(w http.ResponseWriter, _ *http.Request, _ func(root, path string) error) error {
			w.WriteHeader(502)
			return nil
		}, 502, `mem/v0 key-a "" 1 0`},
		"is closed": {func(http.ResponseWriter, *http.Request, func(root, path string) error) error { return stream.ErrClosed }, 503, `mem/v0 key-a "" 1 0`},
	} {
		if err := f.history.ForgetAll(); err != nil {
			t.Fatal(err)
		}
		n.serve = tt.serve
		res := f.do("GET", "/mem/key-a/b", origin)
		f.released()
		if got := f.uses(site); res.StatusCode != tt.code || got != tt.want {
			t.Errorf("what %s: %s, %q", name, res.Status, got)
		}
	}
	n.serve = plain

	// Blocked by what it turns out to be, and by what it is called.
	for _, blocked := range []ledger.Root{root, {Protocol: "mem/v0", ID: "key-a"}} {
		if err := f.history.BlockRoot(blocked, true); err != nil {
			t.Fatal(err)
		}
		for host := range path {
			f.wantError(f.do("GET", path[host], f.host(host), origin), http.StatusForbidden)
		}
		f.wantError(f.do("GET", "/mem/key-a.more/b", origin), http.StatusForbidden)
		if err := f.history.BlockRoot(blocked, false); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.history.Decide(site, ledger.Block); err != nil {
		t.Fatal(err)
	}
	f.wantError(f.do("GET", "/mem/key-a/b", origin), http.StatusForbidden)
}

// TestNativeLimits: a site has so many requests at a time there as elsewhere.
func TestNativeLimits(t *testing.T) {
	f, n := newNativeFront(t, newFront, withGate(ledger.GateOptions{Site: ledger.Limits{Streams: 1, NewRoots: 100, Burst: 100, DiskShare: 100}}))
	inside, leave := make(chan struct{}), make(chan struct{})
	plain := n.serve
	n.serve = func(w http.ResponseWriter, r *http.Request, found func(root, path string) error) error {
		if r.URL.Path == "/mem/key-slow" {
			close(inside)
			<-leave
		}
		return plain(w, r, found)
	}
	done := make(chan response)
	go func() {
		res, _ := f.try(t.Context(), "GET", "/mem/key-slow", nil, "Origin: https://a.example")
		done <- res
	}()
	<-inside
	if f.h.Streams() != 1 {
		t.Errorf("%d streams", f.h.Streams())
	}
	f.wantError(f.do("GET", "/mem/key-a", "Origin: https://a.example"), http.StatusTooManyRequests)
	f.wantError(f.do("GET", "/b", f.host("key-b.mem.localhost"), "Origin: https://a.example"), http.StatusTooManyRequests)
	if res := f.do("GET", "/mem/key-a", "Origin: https://b.example"); res.StatusCode != 200 {
		t.Errorf("another site: %s", res.Status)
	}
	close(leave)
	if res := <-done; res.Response == nil || res.StatusCode != 200 {
		t.Errorf("the first: %+v", res)
	}
}

// TestNativeWaits: the network has so much time for the first byte, and for each after it; a client that takes its time costs none
// of that.
func TestNativeWaits(t *testing.T) {
	wait := func(r *http.Request, d time.Duration) error {
		select {
		case <-time.After(d):
			return nil
		case <-r.Context().Done():
			return context.Cause(r.Context())
		}
	}
	for name, tt := range map[string]struct {
		serve func(w http.ResponseWriter, r *http.Request) error
		code  int
		cut   bool
		took  time.Duration
	}{
		"in time": {func(w http.ResponseWriter, r *http.Request) error {
			wait(r, 59*time.Second)
			io.WriteString(w, "a")
			wait(r, 59*time.Second)
			io.WriteString(w, "b")
			return wait(r, 59*time.Second)
		}, 200, false, 177 * time.Second},
		"never": {func(_ http.ResponseWriter, r *http.Request) error { return wait(r, time.Hour) }, 504, false, time.Minute},
		"in disguise": {func(w http.ResponseWriter, r *http.Request) error {
			wait(r, time.Hour)
			http.Error(w, "mine", 500)
			return nil
		}, 504, false, time.Minute},
		"stops": {func(w http.ResponseWriter, r *http.Request) error { io.WriteString(w, "a"); return wait(r, time.Hour) }, 200, true, time.Minute},
		"stops mutely": {func(w http.ResponseWriter, r *http.Request) error {
			io.WriteString(w, "a")
			wait(r, time.Hour)
			return nil
		}, 200, true, time.Minute},
		"breaks off": {func(w http.ResponseWriter, _ *http.Request) error {
			io.WriteString(w, "a")
			return errors.New("broken")
		}, 200, true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, n := newNativeFront(t, newPipeFront)
				n.serve = func(w http.ResponseWriter, r *http.Request, found func(root, path string) error) error {
					if err := found("key-x", ""); err != nil {
						return err
					}
					return tt.serve(w, r)
				}
				begin := time.Now()
				res := f.do("GET", "/mem/key-a", "Sec-Fetch-Dest: image")
				if took := time.Since(begin); res.StatusCode != tt.code || (res.err != nil) != tt.cut || took != tt.took {
					t.Errorf("%s after %v, want %d after %v; %q %v", res.Status, took, tt.code, tt.took, res.body, res.err)
				}
				if tt.code == 504 {
					f.wantError(res, tt.code)
				}
			})
		})
	}
}

// TestNativePaused: a player that takes nothing for minutes is no reason to give up, and one that never comes back is.
func TestNativePaused(t *testing.T) {
	for _, tt := range []struct {
		pause time.Duration
		whole bool
	}{{9 * time.Minute, true}, {11 * time.Minute, false}} {
		synctest.Test(t, func(t *testing.T) {
			f, n := newNativeFront(t, newPipeFront)
			n.serve = func(w http.ResponseWriter, _ *http.Request, found func(root, path string) error) error {
				if err := found("key-x", ""); err != nil {
					return err
				}
				_, err := io.Copy(w, bytes.NewReader(make([]byte, 1<<20)))
				return err
			}
			req, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+f.addr+"/mem/key-a", nil)
			if err != nil {
				t.Fatal(err)
			}
			res, err := f.client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			time.Sleep(tt.pause)
			data, err := io.ReadAll(res.Body)
			if whole := len(data) == 1<<20 && err == nil; whole != tt.whole {
				t.Errorf("after %v: %d bytes, %v", tt.pause, len(data), err)
			}
		})
	}
}

// TestNativeClientLeaves: a client that has gone ends the request, at once and without an answer.
func TestNativeClientLeaves(t *testing.T) {
	f, n := newNativeFront(t, newFront)
	inside, ended := make(chan struct{}), make(chan error, 1)
	n.serve = func(_ http.ResponseWriter, r *http.Request, _ func(root, path string) error) error {
		close(inside)
		<-r.Context().Done()
		ended <- r.Context().Err()
		return r.Context().Err()
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-inside
		cancel()
	}()
	if _, err := f.try(ctx, "GET", "/mem/key-a", nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	select {
	case err := <-ended:
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("the network goes on")
	}
	f.released()
}

// FuzzNativeAddress: whatever the Host and the path are, nobody but a host of ours, or one that was given, is answered; what is ours
// stays ours; and a host of a root is of that root alone.
func FuzzNativeAddress(f *testing.F) {
	for _, host := range []string{"127.0.0.1:7788", "localhost:7788", "key-a.mem.localhost:7788", "given.example", "key-a.mem.localhost.evil:7788", "[::1]:7788", "a:b:c", ""} {
		for _, path := range []string{"/mem/key-a/b", "/mem/v0/stream/tree1", "/mem/%76%30/x", "/mem//", "//mem/key-a", "/", ""} {
			f.Add(host, path)
		}
	}
	h := New(Config{Addr: "127.0.0.1:7788", Protocols: []Protocol{{Name: "mem", Version: "v0", Backend: new(nativeMem)}, {Name: "off", Version: "v0"}}})
	f.Cleanup(h.Close)
	f.Fuzz(func(t *testing.T, host, path string) {
		u, err := url.ParseRequestURI(path)
		if err != nil {
			return
		}
		a, ok := h.nativeAddress(&http.Request{Host: host, URL: u})
		if !ok {
			return
		}
		lower := strings.ToLower(host)
		name, _, _ := strings.Cut(lower, ":")
		second := ""
		if elems := strings.Split(u.Path, "/"); len(elems) > 2 {
			second = elems[2]
		}
		switch {
		case a.foreign != (name == "given.example" || name == "key-given.more"):
			t.Errorf("%q %q: foreign %v", host, path, a.foreign)
		case a.foreign:
		case a.site == nil && (!isOurs(host, "7788") || second == "v0" && strings.HasPrefix(u.EscapedPath(), "/mem/v0/")):
			t.Errorf("%q %q is for the network", host, path)
		case a.site != nil && (!strings.HasSuffix(lower, ".mem.localhost:7788") || !strings.HasPrefix(lower, a.root)):
			t.Errorf("%q is the host of %q", host, a.root)
		}
	})
}

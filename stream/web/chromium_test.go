package web

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// A chromium is a real browser, and a page for it on another port of the loopback interface than the front: a neighbour. The same
// page is on public as https://public.example, which the browser takes for a host on the internet.
type chromium struct {
	*front
	ctx          context.Context
	page, public *httptest.Server

	mu   sync.Mutex
	body string // of the page
	seen []seen
}

// seen is a request that the front got, and what it answered.
type seen struct {
	http.ResponseWriter
	path, dest, rng, cache string
	code                   int
	bytes                  int64
}

func newChromium(t *testing.T, change ...func(*Config)) *chromium {
	path := findChromium(t)
	b := &chromium{front: newFront(t, change...)}
	around := b.watch
	b.observe.Store(&around)
	page := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.mu.Lock()
		defer b.mu.Unlock()
		w.Header().Set("Content-Type", "text/html")
		if r.URL.Path == "/isolated" {
			w.Header().Set("Cross-Origin-Embedder-Policy", "require-corp")
			w.Header().Set("Cross-Origin-Opener-Policy", "same-origin")
		}
		io.WriteString(w, "<!doctype html><title>A neighbour</title>"+b.body)
	})
	b.page, b.public = httptest.NewServer(page), httptest.NewUnstartedServer(page)
	t.Cleanup(b.page.Close)
	b.public.Config.ErrorLog = log.New(io.Discard, "", 0) // the browser hangs up while it makes up its mind about the certificate
	b.public.StartTLS()
	t.Cleanup(b.public.Close)

	// Not t.TempDir: Chromium may write there for a moment after it has been ended.
	profile, err := os.MkdirTemp("", "up2p-chromium-*")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(profile) })
	opts := []chromedp.ExecAllocatorOption{chromedp.ExecPath(path), chromedp.UserDataDir(profile), chromedp.Flag("headless", "new"),
		chromedp.Flag("autoplay-policy", "no-user-gesture-required"), chromedp.Flag("host-resolver-rules", "MAP rebind.example 127.0.0.1, MAP public.example 127.0.0.1"),
		chromedp.Flag("ip-address-space-overrides", b.public.Listener.Addr().String()+"=public"), chromedp.Flag("ignore-certificate-errors", true)}
	for _, flag := range []string{"no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking",
		"disable-component-update", "disable-sync", "disable-dev-shm-usage", "mute-audio"} {
		opts = append(opts, chromedp.Flag(flag, true))
	}
	ctx, stop := chromedp.NewExecAllocator(context.Background(), opts...)
	t.Cleanup(stop)
	b.ctx, stop = chromedp.NewContext(ctx)
	t.Cleanup(stop)
	// The browser lives as long as the context of the first action: no deadline for this one.
	if err := chromedp.Do(b.ctx, chromedp.Navigate("about:blank")); err != nil {
		t.Fatalf("%s does not start: %v", path, err)
	}
	return b
}

// findChromium skips the test where there is none; where real programs are required, it fails.
func findChromium(t *testing.T) string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("UP2P_REQUIRE_PEERS") == "1" {
		t.Fatal("no Chromium in PATH, and UP2P_REQUIRE_PEERS=1")
	}
	t.Skip("no Chromium in PATH")
	return ""
}

// url returns the URL of a file on the front.
func (b *chromium) url(path string) string { return "http://" + b.addr + "/mem/v0/stream/" + path }

// publicOrigin is the origin of the page that is on the internet.
func (b *chromium) publicOrigin() string {
	_, port, _ := net.SplitHostPort(b.public.Listener.Addr().String())
	return "https://public.example:" + port
}

// show opens a page with that body.
func (b *chromium) show(body string) {
	b.t.Helper()
	b.showAt(b.page.URL, body)
}

func (b *chromium) showAt(url, body string) {
	b.t.Helper()
	b.mu.Lock()
	b.body = body
	b.mu.Unlock()
	b.visit(url)
}

func (b *chromium) visit(url string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 30*time.Second)
	defer cancel()
	if err := chromedp.Do(ctx, chromedp.Navigate(url)); err != nil {
		b.t.Fatalf("%s: %v", url, err)
	}
}

// run runs the body of an async function in the page and returns what it returns, as text.
func (b *chromium) run(js string) string {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, time.Minute)
	defer cancel()
	js = "(async () => {" + helpers + js + "})().then(String, e => 'failed: ' + e)"
	got, err := chromedp.Run(ctx, chromedp.Evaluate[string](js, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatal(err)
	}
	return got
}

// helpers is what the scripts of the tests share.
const helpers = `
	const sleep = ms => new Promise(r => setTimeout(r, ms));
	const until = async (what, f) => {
		for (const start = performance.now(); !f(); await sleep(20))
			if (performance.now() - start > 20000) throw new Error('never ' + what());
	};
	const image = src => new Promise((ok, no) => {
		const i = new Image(), start = performance.now();
		i.onload = () => ok(performance.now() - start);
		i.onerror = () => no(new Error('the image did not load'));
		i.src = src;
	});
	const plays = async v => { // from the beginning, from far on, and from before that
		const state = () => 'at ' + v.currentTime + ', ready ' + v.readyState + ', error ' + (v.error && v.error.message);
		v.play().catch(() => {});
		await until(() => 'played: ' + state(), () => v.currentTime > 0.3);
		const far = v.duration - 1.75, near = v.duration / 4;
		v.currentTime = far;
		await until(() => 'sought: ' + state(), () => !v.seeking && v.currentTime > far + 0.15);
		v.currentTime = near;
		await until(() => 'sought back: ' + state(), () => !v.seeking && v.currentTime > near + 0.1 && v.currentTime < far - 1);
		return [v.videoWidth, v.videoHeight, Math.round(v.duration), v.seekable.length, v.error].join(' ');
	};
`

// watch notes what the front is asked.
func (b *chromium) watch(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := &seen{ResponseWriter: w, path: r.URL.Path, dest: r.Header.Get("Sec-Fetch-Dest"), rng: r.Header.Get("Range")}
		if purpose := r.Header.Get("Sec-Purpose"); purpose != "" {
			s.dest = purpose
		}
		defer func() {
			s.cache = w.Header().Get("Cache-Control")
			b.mu.Lock()
			defer b.mu.Unlock()
			b.seen = append(b.seen, *s)
		}()
		next.ServeHTTP(s, r)
	})
}

func (s *seen) Unwrap() http.ResponseWriter { return s.ResponseWriter }

func (s *seen) WriteHeader(code int) {
	s.code = code
	s.ResponseWriter.WriteHeader(code)
}

func (s *seen) Write(p []byte) (int, error) {
	n, err := s.ResponseWriter.Write(p)
	s.bytes += int64(n)
	return n, err
}

// asked returns what the front was asked so far, and forgets it.
func (b *chromium) asked() []seen {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := b.seen
	b.seen = nil
	return all
}

package web

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zeronetscript/universal_p2p/stream/ledger"
)

// A driver drives a tab of a real browser.
type driver interface {
	// navigate opens a page, and returns once all of it has loaded.
	navigate(ctx context.Context, url string) error
	// evaluate runs a script in the page that gives a promise of a text, and returns the text.
	evaluate(ctx context.Context, js string) (string, error)
	// internet is where the page of the tab is as well, on what the browser takes for hosts on the internet.
	internet() *internet
	// allow decides for the user whether pages of an origin may connect to this computer: "granted", "denied", or "prompt" for not
	// yet (https://wicg.github.io/local-network-access/).
	allow(ctx context.Context, origin, setting string) error
}

// A tab is one of a real browser, with a page in it that is on another port of the loopback interface than the front: a
// neighbour.
type tab struct {
	*front
	browser driver
	page    *httptest.Server

	mu    sync.Mutex
	body  string // of the page
	frame string // of what is at /frame
	seen  []seen
	under int // requests that are being answered
}

// seen is a request that the front got, and what it answered.
type seen struct {
	http.ResponseWriter
	path, dest, rng, cache string
	code                   int
	bytes                  int64
}

// An internet is two servers for names below .example, on https and http.
type internet struct{ secure, plain *httptest.Server }

func newInternet(t *testing.T, page http.HandlerFunc) *internet {
	n := &internet{httptest.NewUnstartedServer(page), httptest.NewServer(page)}
	t.Cleanup(n.plain.Close)
	n.secure.Config.ErrorLog = log.New(io.Discard, "", 0) // a browser hangs up while it makes up its mind about the certificate
	n.secure.StartTLS()
	t.Cleanup(n.secure.Close)
	return n
}

// addrs are the addresses that have to count as public, with something behind each.
func (n *internet) addrs(suffix string) string {
	return n.secure.Listener.Addr().String() + suffix + "," + n.plain.Listener.Addr().String() + suffix
}

// origin is that of a page of a host.
func (n *internet) origin(scheme, name string) string {
	s := n.plain
	if scheme == "https" {
		s = n.secure
	}
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	return scheme + "://" + name + ".example:" + port
}

// An opener opens a tab for a new front.
type opener func(t *testing.T, change ...func(*Config)) *tab

// newTab starts a front and a neighbour. The caller sets the browser.
func newTab(t *testing.T, change ...func(*Config)) *tab {
	b := &tab{front: newFront(t, change...)}
	around := b.watch
	b.observe.Store(&around)
	b.page = httptest.NewServer(http.HandlerFunc(b.serve))
	t.Cleanup(b.page.Close)
	return b
}

// serve is the neighbour.
func (b *tab) serve(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	w.Header().Set("Content-Type", "text/html")
	if r.URL.Path == "/isolated" {
		w.Header().Set("Cross-Origin-Embedder-Policy", "require-corp")
		w.Header().Set("Cross-Origin-Opener-Policy", "same-origin")
	}
	body := b.body
	if r.URL.Path == "/frame" {
		body = b.frame
	}
	io.WriteString(w, "<!doctype html><title>A neighbour</title>"+body)
}

// url returns the URL of a file on the front.
func (b *tab) url(path string) string { return "http://" + b.addr + "/mem/v0/stream/" + path }

// show opens a page with that body.
func (b *tab) show(body string) {
	b.t.Helper()
	b.showAt(b.page.URL, body)
}

func (b *tab) showAt(url, body string) {
	b.t.Helper()
	b.mu.Lock()
	b.body = body
	b.mu.Unlock()
	b.visit(url)
}

func (b *tab) visit(url string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := b.browser.navigate(ctx, url); err != nil {
		b.t.Fatalf("%s: %v", url, err)
	}
}

// publicOrigin is the origin of the page that is on the internet.
func (b *tab) publicOrigin() string { return b.browser.internet().origin("https", "public") }

// allow decides for the user whether that page may connect to this computer.
func (b *tab) allow(setting string) {
	b.t.Helper()
	b.allowFor(b.publicOrigin(), setting)
}

func (b *tab) allowFor(origin, setting string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := b.browser.allow(ctx, origin, setting); err != nil {
		b.t.Fatal(err)
	}
}

// run runs the body of an async function in the page and returns what it returns, as text.
func (b *tab) run(js string) string {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	got, err := b.browser.evaluate(ctx, "(async () => {"+helpers+js+"})().then(String, e => 'failed: ' + e)")
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
			if (performance.now() - start > 20000) throw new Error('never ' + (what.call ? what() : what));
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
func (b *tab) watch(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := &seen{ResponseWriter: w, path: r.URL.Path, dest: r.Header.Get("Sec-Fetch-Dest"), rng: r.Header.Get("Range")}
		if purpose := r.Header.Get("Sec-Purpose"); purpose != "" {
			s.dest = purpose
		}
		b.mu.Lock()
		b.under++
		b.mu.Unlock()
		defer func() {
			s.cache = w.Header().Get("Cache-Control")
			b.mu.Lock()
			defer b.mu.Unlock()
			b.under--
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

// asked returns what the front was asked so far, and forgets it. A page has its answer a moment before the front is done with it.
func (b *tab) asked() []seen {
	for range 30 {
		b.mu.Lock()
		under := b.under
		b.mu.Unlock()
		if under == 0 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	all := b.seen
	b.seen = nil
	return all
}

// asks are the sites that have asked for tree1 since the last call.
func (b *tab) asks() string {
	b.t.Helper()
	b.released()
	var names []string
	for use := range b.history.Users(ledger.Root{Protocol: "mem/v0", ID: "tree1"}) {
		names = append(names, use.Site.String())
	}
	if err := b.history.ForgetAll(); err != nil {
		b.t.Fatal(err)
	}
	return strings.Join(names, ", ")
}

package web

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zeronetscript/universal_p2p/stream/ledger"
	"github.com/zeronetscript/universal_p2p/stream/streamtest"
)

// A front is a running server in front of a Mem, with the tree "tree1" in it.
type front struct {
	t    testing.TB
	h    *Handler
	mem  *streamtest.Mem
	tree *streamtest.MemTree
	addr string

	history *ledger.Ledger
	signer  *ledger.Signer

	log    *lockedBuffer
	dial   func(ctx context.Context, network, addr string) (net.Conn, error)
	client *http.Client

	observe atomic.Pointer[func(next http.Handler) http.Handler] // around the Handler, if set
}

// ServeHTTP is what the server calls.
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var next http.Handler = f.h
	if around := f.observe.Load(); around != nil {
		next = (*around)(next)
	}
	defer func() {
		// Other ports of this computer would be sent them (RFC 6265 section 8.5). To forget one that a web site has set, it has to be named.
		for _, cookie := range w.Header()["Set-Cookie"] {
			if c, err := http.ParseSetCookie(cookie); r.Header.Get("Cookie") == "" || err != nil || c.Value != "" || c.MaxAge >= 0 {
				f.t.Errorf("%s %s sets a cookie: %q", r.Method, r.URL, cookie)
			}
		}
	}()
	next.ServeHTTP(w, r)
}

const token = "s3cret"

// content is what is in tree1.
var content = map[string][]byte{
	"video.mp4":     random(5<<20 + 12345),
	"sound.mp3":     random(200_000),
	"d/picture.png": random(10_000),
	"d/a.zip":       random(30_000),
	"page.html":     []byte("<script>alert(1)</script>"),
	"empty.txt":     {},
	"мир 100%.srt":  []byte("1\n00:00:00,000 --> 00:00:01,000\nHi\n"),
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{byte(n)}).Read(b)
	return b
}

// newFront starts a front over loopback.
func newFront(t testing.TB, change ...func(*Config)) *front {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return startFront(t, l, new(net.Dialer).DialContext, change...)
}

// newPipeFront starts a front without a network, for a bubble of testing/synctest.
func newPipeFront(t testing.TB, change ...func(*Config)) *front {
	l := &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
	return startFront(t, l, l.dial, change...)
}

func startFront(t testing.TB, l net.Listener, dial func(context.Context, string, string) (net.Conn, error), change ...func(*Config)) *front {
	f := &front{t: t, mem: streamtest.NewMem(), addr: l.Addr().String(), dial: dial, log: new(lockedBuffer)}
	f.tree = f.mem.Add("tree1", "A tree", content)
	log := slog.New(slog.NewTextHandler(f.log, nil))
	history, err := ledger.Open(t.TempDir(), ledger.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { history.Close() })
	signer, err := ledger.OpenSigner(filepath.Join(t.TempDir(), "key"))
	if err != nil {
		t.Fatal(err)
	}
	f.history, f.signer = history, signer
	cfg := Config{
		Ledger:    history,
		Gate:      ledger.NewGate(history, ledger.GateOptions{}),
		Signer:    signer,
		Addr:      f.addr,
		Protocols: []Protocol{{Name: "mem", Version: "v0", Backend: f.mem}},
		Early:     true,
		Token:     token,
		Log:       log,
	}
	for _, c := range change {
		c(&cfg)
	}
	f.h = New(cfg)
	srv := NewServer(f, log)
	var wg sync.WaitGroup
	wg.Go(func() { srv.Serve(l) })
	transport := &http.Transport{DialContext: dial, DisableCompression: true}
	f.client = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		srv.Close()
		wg.Wait()
		f.h.Close()
		f.released()
		if bad := f.mem.Misuse(); bad != nil {
			t.Errorf("misuse of the backend: %q", bad)
		}
		if strings.Contains(f.log.String(), "panic") {
			t.Errorf("log: %s", f.log)
		}
	})
	return f
}

// released checks that everything that a request has opened is closed, within a second.
func (f *front) released() {
	f.t.Helper()
	var c streamtest.Counts
	for range 100 {
		if c = f.mem.Counts(); c.Trees+c.Readers+c.Waiting+f.h.Streams()+f.h.slots.busy() == 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	f.t.Errorf("after a second: %+v, %d streams, %d slots in use", c, f.h.Streams(), f.h.slots.busy())
}

// A response is an answer with its body.
type response struct {
	*http.Response
	body []byte
	err  error // of reading the body
}

func (r response) get(key string) string { return r.Header.Get(key) }

// do sends a request. Header lines are given as "Key: value"; Host among them sets the host.
func (f *front) do(method, path string, header ...string) response {
	f.t.Helper()
	res, err := f.try(f.t.Context(), method, path, nil, header...)
	if err != nil {
		f.t.Fatalf("%s %s: %v", method, path, err)
	}
	return res
}

func (f *front) try(ctx context.Context, method, path string, body io.Reader, header ...string) (response, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://"+f.addr, body)
	if err != nil {
		return response{}, err
	}
	path, req.URL.RawQuery, _ = strings.Cut(path, "?")
	req.URL.Opaque = path // as it is, also if malformed
	for _, h := range header {
		k, v, _ := strings.Cut(h, ": ")
		if k == "Host" {
			req.Host = v
		} else {
			req.Header.Add(k, v)
		}
	}
	res, err := f.client.Do(req)
	if err != nil {
		return response{}, err
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	return response{res, data, err}, nil
}

// host is the header line that sends a request to one of our names.
func (f *front) host(name string) string {
	_, port, _ := net.SplitHostPort(f.addr)
	return "Host: " + name + ":" + port
}

// get is do for a file of tree1.
func (f *front) get(path string, header ...string) response {
	f.t.Helper()
	return f.do("GET", "/mem/v0/stream/tree1/"+path, header...)
}

// want checks status and body.
func (f *front) want(res response, code int, body []byte) {
	f.t.Helper()
	if res.StatusCode != code || res.err != nil || !bytes.Equal(res.body, body) {
		f.t.Errorf("got %s, %d bytes (%.80q), %v; want %d, %d bytes", res.Status, len(res.body), res.body, res.err, code, len(body))
	}
}

// wantError checks an error of content: its status, that it has one plain sentence, and that any page may read it.
func (f *front) wantError(res response, code int) {
	f.t.Helper()
	sentence := string(res.body)
	if res.StatusCode != code || res.err != nil {
		f.t.Errorf("got %s, %q, %v; want %d", res.Status, sentence, res.err, code)
	}
	if res.Request.Method != "HEAD" && (len(sentence) < 20 || strings.Count(sentence, "\n") != 1 || !strings.HasSuffix(sentence, ".\n")) {
		f.t.Errorf("%s: %q is not one sentence", res.Status, sentence)
	}
	for k, v := range map[string]string{
		"Content-Type":                "text/plain; charset=utf-8",
		"Access-Control-Allow-Origin": "*",
		"X-Content-Type-Options":      "nosniff",
		"Cache-Control":               "no-store",
		"Etag":                        "",
		"Content-Disposition":         "",
	} {
		if got := res.get(k); got != v {
			f.t.Errorf("%s: %s is %q, want %q", res.Status, k, got, v)
		}
	}
}

// A pipeListener accepts what dial makes.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *pipeListener) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case l.conns <- there:
		return here, nil
	case <-l.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return pipeAddr{} }

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "127.0.0.1:7788" }

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

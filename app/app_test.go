package app

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zeronetscript/universal_p2p/stream"
	"github.com/zeronetscript/universal_p2p/stream/store"
	"github.com/zeronetscript/universal_p2p/stream/streamtest"
	"github.com/zeronetscript/universal_p2p/stream/web"
)

// A trial is a Run in a test.
type trial struct {
	addr string
	dir  string
	stop context.CancelFunc
	done chan error // gets what Run returned
}

// try starts Run and waits until it answers. It is stopped when the test ends.
func try(t *testing.T, dir string, change func(*Options)) *trial {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	r := &trial{dir: dir, stop: stop, done: make(chan error, 1)}
	o := options(t, dir)
	if change != nil {
		change(&o)
	}
	ready := make(chan string, 1)
	o.Ready = func(addr string) { ready <- addr }
	go func() { r.done <- Run(ctx, o) }()
	t.Cleanup(func() { r.end(t) })
	select {
	case r.addr = <-ready:
	case err := <-r.done:
		t.Fatalf("Run ended with %v", err)
	case <-time.After(30 * time.Second):
		t.Fatal("Run does not get ready")
	}
	return r
}

// end stops Run, if nothing else has, and waits for it.
func (r *trial) end(t *testing.T) {
	t.Helper()
	r.stop()
	select {
	case err := <-r.done:
		if err != nil {
			t.Errorf("Run ended with %v", err)
		}
		r.done <- nil // for a second end
	case <-time.After(30 * time.Second):
		t.Fatalf("Run does not end:\n%v", extra(nil, goroutines()))
	}
}

// options runs on any free port, with no protocol.
func options(t *testing.T, dir string) Options {
	c := DefaultConfig()
	c.Addr = "127.0.0.1:0"
	c.Quota = 64 << 20
	c.Reserve = 0
	return Options{Config: c, DataDir: dir, Version: "v9.9.9", Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
}

// get asks for a path and returns the status and the body. It leaves no connection behind.
func get(t *testing.T, addr, path string) (int, string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get("http://" + addr + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// inMemory is a protocol with one tree, "abc", that has a file "hello.txt".
func inMemory() (*streamtest.Mem, Protocol) {
	m := streamtest.NewMem()
	m.Add("abc", "greeting", map[string][]byte{"hello.txt": []byte("hello, world\n")})
	return m, Protocol{Name: "mem", Version: "v0", Start: func(context.Context, Env) (stream.Backend, error) { return m, nil }}
}

func TestRun(t *testing.T) {
	checkGoroutines(t)
	dir := filepath.Join(t.TempDir(), "data")
	m, p := inMemory()
	r := try(t, dir, func(o *Options) { o.Protocols = []Protocol{p} })

	if code, body := get(t, r.addr, "/mem/v0/stream/abc/hello.txt"); code != 200 || body != "hello, world\n" {
		t.Errorf("content: %d %q", code, body)
	}
	if code, body := get(t, r.addr, "/"); code != 200 || !strings.Contains(body, r.addr) {
		t.Errorf("home: %d %q", code, body)
	}
	if _, port, _ := net.SplitHostPort(r.addr); hasIPv6() {
		if code, _ := get(t, "[::1]:"+port, "/"); code != 200 {
			t.Errorf("home by IPv6: %d", code)
		}
	}

	if info, err := os.Stat(controlFile(dir)); err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("control file: %v, %v", info.Mode(), err)
	}
	c, err := Dial(dir)
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.Status(t.Context())
	if err != nil || s.Addr != r.addr || s.Version != "v9.9.9" || s.PID != os.Getpid() || s.Quota != 64<<20 || len(s.Problems) != 0 {
		t.Errorf("status: %+v, %v", s, err)
	}
	if _, err := c.Recycle(t.Context(), web.Recycle{All: true}); err != nil {
		t.Errorf("recycle: %v", err)
	}
	if page, err := c.Page(t.Context()); err != nil || !strings.HasPrefix(page, "http://localhost:") {
		t.Errorf("page: %q, %v", page, err)
	}

	if err := c.Quit(t.Context()); err != nil {
		t.Errorf("quit: %v", err)
	}
	r.end(t)
	if _, err := Dial(dir); !errors.Is(err, ErrNotRunning) {
		t.Errorf("after the end: %v", err)
	}
	if _, err := c.Status(t.Context()); !errors.Is(err, ErrNotRunning) {
		t.Errorf("status after the end: %v", err)
	}
	if n := m.Counts(); n.Trees != 0 || n.Readers != 0 || len(m.Misuse()) != 0 {
		t.Errorf("left open: %+v, %q", n, m.Misuse())
	}
	if _, err := m.Open(t.Context(), stream.Root{ID: "abc"}); !errors.Is(err, stream.ErrClosed) {
		t.Errorf("the backend was not closed: %v", err)
	}
	try(t, dir, nil).end(t) // the folder can be used again
}

func hasIPv6() bool {
	l, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		return false
	}
	l.Close()
	return true
}

// An answer that waits for a silent swarm does not keep the program from ending, and nobody is left waiting.
func TestRunCancelled(t *testing.T) {
	checkGoroutines(t)
	m, p := inMemory()
	m.Add("abc", "greeting", map[string][]byte{"hello.txt": nil}).Silence(true)
	r := try(t, t.TempDir(), func(o *Options) { o.Protocols = []Protocol{p} })
	answered := make(chan error, 1)
	go func() {
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		resp, err := client.Get("http://" + r.addr + "/mem/v0/stream/abc/hello.txt")
		if err == nil {
			resp.Body.Close()
			err = errors.New(resp.Status)
		}
		answered <- err
	}()
	for m.Counts().Waiting == 0 {
		time.Sleep(time.Millisecond)
	}
	start := time.Now()
	r.end(t)
	if d := time.Since(start); d < grace || d > grace+2*time.Second {
		t.Errorf("it took %v to end, want the grace of %v", d, grace)
	}
	if err := <-answered; err == nil || strings.HasPrefix(err.Error(), "2") {
		t.Errorf("the request ended with %v", err)
	}
	if n := m.Counts(); n.Waiting != 0 {
		t.Errorf("left behind: %+v", n)
	}
}

// A context that has ended before the start: nothing is left, and it is no failure.
func TestRunCancelledBefore(t *testing.T) {
	checkGoroutines(t)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	dir := t.TempDir()
	err := Run(ctx, options(t, dir))
	if err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("Run: %v", err)
	}
	if _, err := os.Stat(controlFile(dir)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("control file: %v", err)
	}
}

// A protocol that does not start is told to the user, in full, and to pages, without the reason. The others work.
func TestRunProtocolFails(t *testing.T) {
	checkGoroutines(t)
	_, works := inMemory()
	fails := Protocol{Name: "lame", Version: "v0", Start: func(context.Context, Env) (stream.Backend, error) {
		return nil, errors.New("open /home/me/secret: no such file")
	}}
	r := try(t, t.TempDir(), func(o *Options) { o.Protocols = []Protocol{fails, works} })
	code, body := get(t, r.addr, "/lame/v0/stream/abc")
	if code != 503 || strings.Contains(body, "secret") || !strings.Contains(body, "status") {
		t.Errorf("its prefix: %d %q", code, body)
	}
	if code, _ := get(t, r.addr, "/mem/v0/stream/abc/hello.txt"); code != 200 {
		t.Errorf("the other one: %d", code)
	}
	c, err := Dial(r.dir)
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.Status(t.Context())
	if err != nil || len(s.Problems) != 1 || s.Problems[0] != "lame/v0 does not work: open /home/me/secret: no such file." {
		t.Errorf("problems: %q, %v", s.Problems, err)
	}
}

// What fails on the way up is undone.
func TestRunRefuses(t *testing.T) {
	checkGoroutines(t)
	dir := t.TempDir()
	running := try(t, dir, nil)
	if err := Run(t.Context(), options(t, dir)); !errors.Is(err, ErrRunning) {
		t.Errorf("a second Run on the folder: %v", err)
	}

	for _, c := range []struct{ name, addr, want string }{
		{"taken", running.addr, "taken by another program"},
		{"everywhere", "0.0.0.0:0", "not on this machine alone"},
		{"by name", "example.com:80", "not on this machine alone"},
		{"no port", "127.0.0.1", "has no port"},
	} {
		o := options(t, t.TempDir())
		o.Config.Addr = c.addr
		err := Run(t.Context(), o)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", c.name, err)
		}
		if _, err := os.Stat(controlFile(o.DataDir)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: control file: %v", c.name, err)
		}
		o.Config.Addr = "127.0.0.1:0"
		try(t, o.DataDir, nil).end(t) // the lock is free again
	}

	o := options(t, t.TempDir())
	if err := os.WriteFile(storeDir(o.DataDir), nil, 0o600); err != nil { // a file where the folder goes
		t.Fatal(err)
	}
	if err := Run(t.Context(), o); err == nil || !strings.HasPrefix(err.Error(), "store: ") {
		t.Errorf("a store that cannot be opened: %v", err)
	}
}

// The program as it is built, with every protocol, but with nobody to talk to: it starts, stops, starts again on what it left,
// and leaves no goroutine.
func TestRunAll(t *testing.T) {
	checkGoroutines(t)
	dir := t.TempDir()
	silent, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for range 2 {
		r := try(t, dir, func(o *Options) {
			o.Protocols = Protocols()
			o.Config.AllowLocalPeers = true
			o.Config.BitTorrent.DHTBootstrap = []string{silent.LocalAddr().String()}
			o.Config.BitTorrent.Trackers = nil
		})
		for _, p := range Protocols() {
			if code, body := get(t, r.addr, "/"+p.Name+"/"+p.Version+"/stream/x"); code != 400 {
				t.Errorf("%s: a malformed root: %d %q", p.Name, code, body)
			}
		}
		r.end(t)
	}
}

// The first start's choice holds, whatever the disk says later.
func TestFirstQuota(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		file        string // before, "" for none
		offer, want int64
	}{
		{"", 1 << 30, 1 << 30},
		{"1073741824\n", 1 << 20, 1 << 30},
		{"garbage", 2 << 30, 2 << 30},
		{"-5", 3 << 30, 3 << 30},
	} {
		if c.file != "" {
			if err := os.WriteFile(quotaFile(dir), []byte(c.file), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		got, err := firstQuota(dir, func() (int64, error) { return c.offer, nil })
		if err != nil || got != c.want {
			t.Errorf("with %q there: %d, %v; want %d", c.file, got, err, c.want)
		}
	}
	if q, err := store.DefaultQuota(dir); err != nil || q < 512<<20 || q > 10<<30 {
		t.Errorf("the rule says %d, %v", q, err)
	}
	if _, err := firstQuota(t.TempDir(), func() (int64, error) { return 0, errors.New("no disk") }); err == nil {
		t.Error("no error without a quota")
	}
}

// It listens on the loopback interface alone.
func TestListen(t *testing.T) {
	ls, addr, err := listen(t.Context(), "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	defer closeListeners(ls)
	if !strings.HasPrefix(addr, "127.0.0.1:") {
		t.Errorf("bound to %s", addr)
	}
	for _, l := range ls {
		if a := l.Addr().(*net.TCPAddr); !a.IP.IsLoopback() || !strings.HasSuffix(addr, ":"+portOf(a)) {
			t.Errorf("listens on %v, and says %s", a, addr)
		}
	}
	if len(ls) == 2 { // whoever holds the port on one of the two, it is taken
		port := portOf(ls[0].Addr().(*net.TCPAddr))
		ls[0].Close()
		if _, _, err := listen(t.Context(), "127.0.0.1:"+port); err == nil || !strings.Contains(err.Error(), "taken") {
			t.Errorf("with [::1] taken: %v", err)
		}
	}
}

func portOf(a *net.TCPAddr) string {
	_, port, _ := net.SplitHostPort(a.String())
	return port
}

package ipfs_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"

	"github.com/zeronetscript/universal_p2p/stream"
	"github.com/zeronetscript/universal_p2p/stream/ipfs"
	"github.com/zeronetscript/universal_p2p/stream/ipfs/ipfspeer"
)

// random returns bytes that are the same for the same seed.
func random(seed byte, n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{seed}).Read(b)
	return b
}

// addFile puts a file into p.
func addFile(t testing.TB, p *ipfspeer.Peer, data []byte, o ipfspeer.Options) string {
	t.Helper()
	c, err := p.AddFile(context.Background(), data, o)
	if err != nil {
		t.Fatal(err)
	}
	return c.String()
}

// until waits for ok.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(15 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not in time: %s", what)
		}
	}
}

// networkGoroutines returns the stacks of goroutines that the libraries of the network have.
func networkGoroutines() (stacks []string) {
	buf := make([]byte, 4<<20)
	for stack := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		for _, lib := range []string{"go-libp2p", "ipfs/boxo", "quic-go", "stream/ipfs.("} {
			if strings.Contains(stack, lib) {
				stacks = append(stacks, stack)
				break
			}
		}
	}
	return stacks
}

// sockets counts the sockets of this process.
func sockets(t *testing.T) (n int) {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("no /proc/self/fd")
	}
	for _, fd := range fds {
		if to, err := os.Readlink(filepath.Join("/proc/self/fd", fd.Name())); err == nil && strings.HasPrefix(to, "socket:") {
			n++
		}
	}
	return n
}

// The node wakes with the first block that is needed, in no time, and sleeps again: no goroutine, no socket.
func TestSleep(t *testing.T) {
	fresh := newStore(t, t.TempDir(), 64<<20)
	until(t, "what other tests have left ends", func() bool { return len(networkGoroutines()) == 0 })
	before := sockets(t)
	b := newBackend(t, fresh, nil, func(c *ipfs.Config) {
		c.Idle = 100 * time.Millisecond
		c.Bootstrap = []string{"/ip4/127.0.0.1/tcp/1/p2p/QmNnooDu7bfjPFoTZYxMNLWUQJyrVwtbZg5gBMjTezGAJN"} // nobody there
	})
	if left := networkGoroutines(); len(left) > 0 {
		t.Fatalf("a backend that nobody has used has goroutines:\n%s", strings.Join(left, "\n\n"))
	}
	for range 3 {
		took, err := b.Wake(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("awake after %v", took)
		if took > 100*time.Millisecond && !raced {
			t.Errorf("it took %v to wake up", took)
		}
		until(t, "the node sleeps", func() bool { return !b.Awake() })
		until(t, "no goroutine is left", func() bool { return len(networkGoroutines()) == 0 })
		until(t, "no socket is left", func() bool { return sockets(t) <= before })
	}
}

// In a pause nothing is held that nobody has open, and the node sleeps.
func TestPause(t *testing.T) {
	p := newPeer(t)
	id := addFile(t, p, random(1, 1<<20), ipfspeer.Options{Chunk: 64 << 10})
	_, url := newRouter(t, p)
	b := newBackend(t, newStore(t, t.TempDir(), 64<<20), []string{url}, func(c *ipfs.Config) { c.Idle = time.Hour })
	open(t, b, id).Close()
	if !b.Awake() {
		t.Fatal("the node sleeps in the middle of its time")
	}
	b.Pause(true)
	until(t, "the node sleeps", func() bool { return !b.Awake() })
	open(t, b, id).Close()
	until(t, "the node sleeps again", func() bool { return !b.Awake() })
	b.Pause(false)
	open(t, b, id).Close()
}

// A node that is used again while it falls asleep wakes again, and what was open goes on.
func TestWakeAgain(t *testing.T) {
	p := newPeer(t)
	data := random(1, 3<<20)
	id := addFile(t, p, data, ipfspeer.Options{Chunk: 64 << 10})
	_, url := newRouter(t, p)
	b := newBackend(t, newStore(t, t.TempDir(), 64<<20), []string{url}, func(c *ipfs.Config) { c.Idle = 20 * time.Millisecond })
	tree := open(t, b, id)
	f, _, err := tree.Lookup(context.Background(), "")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 12 {
		r, err := f.Open(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		off := int64(i) * 200_000
		r.(stream.Expecter).Expect(off, 1000)
		got := make([]byte, 1000)
		r.Seek(off, io.SeekStart)
		if _, err := io.ReadFull(r, got); err != nil || !bytes.Equal(got, data[off:off+1000]) {
			t.Errorf("after sleep %d: %v", i, err)
		}
		r.Close()
		time.Sleep(time.Duration(i*5) * time.Millisecond)
	}
}

// A small range pulls the blocks that it needs and no others.
func TestRangePullsLittle(t *testing.T) {
	p := newPeer(t)
	data := random(2, 30<<20)
	id := addFile(t, p, data, ipfspeer.Options{Links: 20})
	_, url := newRouter(t, p)
	b := newBackend(t, newStore(t, t.TempDir(), 64<<20), []string{url}, nil)
	tree := open(t, b, id)
	f, _, err := tree.Lookup(context.Background(), "")
	if err != nil {
		t.Fatal(err)
	}
	r, err := f.Open(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	const off, n = 17<<20 + 100, 64 << 10
	r.(stream.Expecter).Expect(off, n)
	r.Seek(off, io.SeekStart)
	got := make([]byte, n)
	if _, err := io.ReadFull(r, got); err != nil || !bytes.Equal(got, data[off:off+n]) {
		t.Fatal(err)
	}
	leaves, inner := 0, 0
	for c := range p.Sent() {
		if strings.HasPrefix(c, "bafkrei") {
			leaves++
		} else {
			inner++
		}
	}
	if leaves != 1 || inner > 3 { // the root, the node on the way, and the one behind it
		t.Errorf("%d leaves and %d inner nodes were sent for 64 KiB", leaves, inner)
	}
}

// What is on the disk needs no network, in the next process as well; what was damaged there is fetched again.
func TestRestart(t *testing.T) {
	dir := t.TempDir()
	p := newPeer(t)
	data := random(3, 2<<20)
	id := addFile(t, p, data, ipfspeer.Options{})
	_, url := newRouter(t, p)
	st := newStore(t, dir, 64<<20)
	b := newBackend(t, st, []string{url}, nil)
	if !bytes.Equal(content(t, open(t, b, id), ""), data) {
		t.Fatal("other bytes")
	}
	roots := st.Roots()
	if len(roots) != 1 || roots[0].ID != id || roots[0].Size != int64(len(data)) || roots[0].Bytes < int64(len(data)) {
		t.Errorf("roots in the store: %+v", roots)
	}
	if err := errors.Join(b.Close(), st.Close()); err != nil {
		t.Fatal(err)
	}

	st = newStore(t, dir, 64<<20)
	b = newBackend(t, st, nil, nil)
	if !bytes.Equal(content(t, open(t, b, id), ""), data) {
		t.Fatal("other bytes from the disk")
	}
	if b.Awake() {
		t.Error("the node woke up for what is on the disk")
	}
	if err := errors.Join(b.Close(), st.Close()); err != nil {
		t.Fatal(err)
	}

	damaged := 0
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() && strings.Contains(e.Name(), "-") && damaged < 3 {
			f, err := os.OpenFile(path, os.O_RDWR, 0)
			if err != nil {
				return err
			}
			damaged++
			_, err = f.WriteAt([]byte("damage"), 4000)
			return errors.Join(err, f.Close())
		}
		return err
	})
	if err != nil || damaged != 3 {
		t.Fatalf("%d files damaged, %v", damaged, err)
	}
	sent := len(p.Sent())
	b = newBackend(t, newStore(t, dir, 64<<20), []string{url}, nil)
	if !bytes.Equal(content(t, open(t, b, id), ""), data) {
		t.Fatal("damage was served")
	}
	again := 0
	for _, n := range p.Sent() {
		if n > 1 {
			again++
		}
	}
	if again != 3 || len(p.Sent()) != sent {
		t.Errorf("%d blocks were fetched again, 3 were damaged", again)
	}
}

// A file that is much bigger than the quota is read whole, and the quota holds.
func TestEviction(t *testing.T) {
	size, quota := 300<<20, int64(8<<20)
	if raced || testing.Short() {
		size = 40 << 20
	}
	p := newPeer(t)
	data := random(4, size)
	id := addFile(t, p, data, ipfspeer.Options{})
	_, url := newRouter(t, p)
	st := newStore(t, t.TempDir(), quota)
	b := newBackend(t, st, []string{url}, nil)
	f, _, err := open(t, b, id).Lookup(context.Background(), "")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	r, err := f.Open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	begin := time.Now()
	buf := make([]byte, 128<<10)
	for off := 0; off < size; {
		n, err := r.Read(buf)
		if err != nil || !bytes.Equal(buf[:n], data[off:off+n]) {
			t.Fatalf("at %d: %v", off, err)
		}
		off += n
		if used := st.Usage().Used; used > quota {
			t.Fatalf("%d bytes used", used)
		}
	}
	t.Logf("%.1f MB/s", float64(size)/1e6/time.Since(begin).Seconds())
	inner := 0
	for c, n := range p.Sent() {
		if n > 1 && !strings.HasPrefix(c, "bafkrei") {
			inner++
		}
	}
	if inner > 0 {
		t.Errorf("%d inner nodes were fetched more than once", inner)
	}
}

// A peer that sends wrong bytes is no harm: they never reach the reader or the disk, and another peer is asked.
func TestCorruptPeer(t *testing.T) {
	bad, good := newPeer(t), newPeer(t)
	data := random(5, 2<<20)
	id := addFile(t, bad, data, ipfspeer.Options{Chunk: 128 << 10})
	bad.Corrupt(func(c cid.Cid, data []byte) []byte {
		if c.Prefix().Codec != cid.Raw {
			return data
		}
		data = bytes.Clone(data)
		data[len(data)/2] ^= 1
		return data
	})
	r, url := newRouter(t, bad)
	st := newStore(t, t.TempDir(), 64<<20)
	b := newBackend(t, st, []string{url}, nil)
	tree := open(t, b, id)
	f, _, err := tree.Lookup(context.Background(), "")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	rd, err := f.Open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := rd.Read(make([]byte, 10)); n > 0 || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("wrong bytes: %d of them, %v", n, err)
	}
	rd.Close()
	for _, root := range st.Roots() {
		if root.Bytes > 100<<10 {
			t.Errorf("%d bytes of nothing but the root were stored", root.Bytes)
		}
	}
	addFile(t, good, data, ipfspeer.Options{Chunk: 128 << 10})
	r.Provide(good.Info(), false)
	if !bytes.Equal(content(t, open(t, b, id), ""), data) {
		t.Error("other bytes")
	}
}

// gateway serves the blocks of p as a trustless gateway does, each through change.
func gateway(t *testing.T, blocks map[string][]byte, change func([]byte) []byte) (url string, hits *atomic.Int64) {
	t.Helper()
	hits = new(atomic.Int64)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hits.Add(1)
		id := strings.TrimPrefix(r.URL.Path, "/ipfs/")
		if id == "bafkqaaa" {
			w.Header().Set("Content-Type", "application/vnd.ipld.raw")
			return
		}
		c, err := cid.Decode(id)
		if err != nil || blocks[string(c.Hash())] == nil {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/vnd.ipld.raw")
		w.Write(change(bytes.Clone(blocks[string(c.Hash())])))
	}))
	t.Cleanup(srv.Close)
	return srv.URL, hits
}

func rawBlock(data []byte) (cid.Cid, map[string][]byte) {
	c, err := cid.V1Builder{Codec: cid.Raw, MhType: 0x12}.Sum(data)
	if err != nil {
		panic(err)
	}
	return c, map[string][]byte{string(c.Hash()): data}
}

// A gateway that sends wrong, too many or no bytes is no harm beside one that is right.
func TestCorruptGateway(t *testing.T) {
	data := random(6, 100_000)
	c, blocks := rawBlock(data)
	for name, change := range map[string]func([]byte) []byte{
		"flipped":  func(b []byte) []byte { b[70] ^= 4; return b },
		"short":    func(b []byte) []byte { return b[:len(b)-1] },
		"long":     func(b []byte) []byte { return append(b, 0) },
		"endless":  func(b []byte) []byte { return make([]byte, 64<<20) },
		"empty":    func(b []byte) []byte { return nil },
		"anything": func(b []byte) []byte { return []byte("<html>") },
	} {
		t.Run(name, func(t *testing.T) {
			bad, badHits := gateway(t, blocks, change)
			st := newStore(t, t.TempDir(), 64<<20)
			b := newBackend(t, st, nil, func(cfg *ipfs.Config) { cfg.Gateways = []string{bad} })
			ctx, cancel := context.WithTimeout(context.Background(), 700*time.Millisecond)
			defer cancel()
			if tree, err := b.Open(ctx, stream.Root{ID: c.String()}); err == nil {
				tree.Close()
				t.Error("opened by wrong bytes")
			}
			if badHits.Load() == 0 {
				t.Error("the gateway was not asked")
			}
			if tags := st.Tags("ipfs"); len(tags) > 0 {
				t.Errorf("stored: %+v", tags)
			}
			good, _ := gateway(t, blocks, func(b []byte) []byte { return b })
			b = newBackend(t, newStore(t, t.TempDir(), 64<<20), nil, func(cfg *ipfs.Config) { cfg.Gateways = []string{bad, good} })
			if !bytes.Equal(content(t, open(t, b, c.String()), ""), data) {
				t.Error("other bytes")
			}
		})
	}
}

// A peer that is connected, and that nobody names as a provider, is asked all the same.
func TestConnectedPeer(t *testing.T) {
	p := newPeer(t)
	data := random(7, 500_000)
	id := addFile(t, p, data, ipfspeer.Options{})
	addr, err := p.Addr()
	if err != nil {
		t.Fatal(err)
	}
	b := newBackend(t, newStore(t, t.TempDir(), 64<<20), nil, func(c *ipfs.Config) { c.Bootstrap = []string{addr.String()} })
	if _, err := b.Wake(context.Background()); err != nil {
		t.Fatal(err)
	}
	until(t, "the peer is connected", func() bool { return p.Connections() > 0 })
	begin := time.Now()
	if !bytes.Equal(content(t, open(t, b, id), ""), data) {
		t.Error("other bytes")
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}

// No socket goes to a private address because a router, or the record of a provider, says so.
func TestGuard(t *testing.T) {
	p := newPeer(t)
	data := random(8, 50_000)
	c, blocks := rawBlock(data)
	p.AddBlock(c, data)
	web, hits := gateway(t, blocks, func(b []byte) []byte { return b })
	r, url := newRouter(t, p)
	addr := strings.Replace(strings.TrimPrefix(web, "http://"), ":", "/tcp/", 1)
	for _, m := range []string{"/ip4/" + addr + "/http", "/dns/localhost/" + addr[strings.Index(addr, "tcp/"):] + "/https", "/ip4/127.0.0.1/" + addr[strings.Index(addr, "tcp/"):] + "/https"} {
		a, err := multiaddr.NewMultiaddr(m)
		if err != nil {
			t.Fatal(err)
		}
		r.Provide(peer.AddrInfo{ID: p.Info().ID, Addrs: []multiaddr.Multiaddr{a}}, true)
	}
	b := newBackend(t, newStore(t, t.TempDir(), 64<<20), []string{url}, func(cfg *ipfs.Config) { cfg.AllowLocalPeers = false })
	ctx, cancel := context.WithTimeout(context.Background(), 1500*time.Millisecond)
	defer cancel()
	if tree, err := b.Open(ctx, stream.Root{ID: c.String()}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("opened: %v", err)
		if err == nil {
			tree.Close()
		}
	}
	if r.Asked() == 0 {
		t.Error("the router was not asked")
	}
	if p.Connections() > 0 || hits.Load() > 0 {
		t.Errorf("%d connections to a peer and %d requests to a gateway in a private network", p.Connections(), hits.Load())
	}
	// What the user has named is another matter. (For a minute, nothing more goes where a connection has failed.)
	web, _ = gateway(t, blocks, func(b []byte) []byte { return b })
	b = newBackend(t, newStore(t, t.TempDir(), 64<<20), nil, func(cfg *ipfs.Config) { cfg.AllowLocalPeers, cfg.Gateways = false, []string{web} })
	if !bytes.Equal(content(t, open(t, b, c.String()), ""), data) {
		t.Error("other bytes")
	}
}

// A peer that the user has named may be in a private network: at the address that was named, and nowhere else.
func TestNamedNeighbour(t *testing.T) {
	p, stranger := newPeer(t), newPeer(t)
	c := addFile(t, p, []byte("from next door"), ipfspeer.Options{})
	other := addFile(t, stranger, []byte("from elsewhere"), ipfspeer.Options{})
	r, url := newRouter(t, stranger)
	named, err := p.Addr()
	if err != nil {
		t.Fatal(err)
	}
	b := newBackend(t, newStore(t, t.TempDir(), 64<<20), []string{url}, func(cfg *ipfs.Config) {
		cfg.AllowLocalPeers, cfg.Bootstrap = false, []string{named.String()}
	})
	if got := string(content(t, open(t, b, c), "")); got != "from next door" {
		t.Errorf("%q", got)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if tree, err := b.Open(ctx, stream.Root{ID: other}); err == nil {
		tree.Close()
		t.Error("a peer that nobody has named was used")
	}
	if r.Asked() == 0 || stranger.Connections() > 0 {
		t.Errorf("the router was asked %d times; there are %d connections to a stranger", r.Asked(), stranger.Connections())
	}
}

// With Share, a peer that we are connected to gets what we have; without, it gets nothing.
func TestShare(t *testing.T) {
	for _, share := range []bool{false, true} {
		p := newPeer(t)
		data := random(9, 200_000)
		id := addFile(t, p, data, ipfspeer.Options{})
		_, url := newRouter(t, p)
		addr, err := p.Addr()
		if err != nil {
			t.Fatal(err)
		}
		own := random(10, 90_000)
		c, blocks := rawBlock(own)
		web, _ := gateway(t, blocks, func(b []byte) []byte { return b })
		b := newBackend(t, newStore(t, t.TempDir(), 64<<20), []string{url}, func(cfg *ipfs.Config) {
			cfg.Share, cfg.Gateways, cfg.Bootstrap = share, []string{web}, []string{addr.String()}
		})
		content(t, open(t, b, id), "")
		content(t, open(t, b, c.String()), "")
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		got, err := p.Fetch(ctx, c)
		cancel()
		if share && !bytes.Equal(got, own) {
			t.Errorf("a peer got nothing of what is shared: %v", err)
		}
		if !share && err == nil {
			t.Error("a peer got what is not shared")
		}
	}
}

// What is shared does not pass the rate for long: what is given at once is a block of the largest size.
func TestShareRate(t *testing.T) {
	const chunk, rate = 128 << 10, 64 << 10
	const free = ipfs.MaxBlock / chunk // blocks
	const more = 2
	for limit, least := range map[int64]time.Duration{0: 0, rate: more * chunk * time.Second / rate} {
		p, q := newPeer(t), newPeer(t)
		data := random(11, (free+more)*chunk)
		id := addFile(t, q, data, ipfspeer.Options{Chunk: chunk})
		_, url := newRouter(t, q)
		addr, err := p.Addr()
		if err != nil {
			t.Fatal(err)
		}
		b := newBackend(t, newStore(t, t.TempDir(), 64<<20), []string{url}, func(cfg *ipfs.Config) {
			cfg.Share, cfg.ShareRate, cfg.Bootstrap = true, limit, []string{addr.String()}
		})
		content(t, open(t, b, id), "")
		until(t, "the peer is connected", func() bool { return p.Connections() > 0 })
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		var first, last time.Time
		for at := 0; at < len(data); at += chunk {
			c, _ := rawBlock(data[at : at+chunk])
			got, err := p.Fetch(ctx, c)
			if err != nil || !bytes.Equal(got, data[at:at+chunk]) {
				t.Fatalf("the block at %d: %v", at, err)
			}
			if last = time.Now(); at == 0 {
				first = last
			}
		}
		took := last.Sub(first)
		t.Logf("limited to %d bytes a second, %d bytes took %v", limit, len(data), took)
		// The first block is not in the time.
		if took < least*9/10 || limit == 0 && took > 3*time.Second && !raced {
			t.Errorf("limited to %d bytes a second, %d bytes took %v", limit, len(data), took)
		}
	}
}

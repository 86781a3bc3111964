package bittorrent_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/anacrolix/torrent"
	"github.com/anacrolix/torrent/bencode"
	"github.com/anacrolix/torrent/metainfo"
	"golang.org/x/time/rate"

	"github.com/zeronetscript/universal_p2p/stream"
	"github.com/zeronetscript/universal_p2p/stream/bittorrent"
	"github.com/zeronetscript/universal_p2p/stream/store"
)

// A seed is a torrent that a client on loopback seeds: the library itself, with its own storage. Other implementations are
// tested against the built program.
type seed struct {
	files map[string][]byte // by path inside the torrent
	mi    metainfo.MetaInfo
	addr  string // of the seeder
	t     *torrent.Torrent
}

// root is the torrent's root with the seeder as a hint.
func (s *seed) root() stream.Root {
	return stream.Root{ID: s.mi.HashInfoBytes().HexString(), Hints: url.Values{"x.pe": {s.addr}}}
}

// newSeed starts a seeder of files; one file called name makes a torrent of a single file. A limit on its uploads may be nil.
func newSeed(tb testing.TB, name string, pieceLength int64, files map[string][]byte, uploads *rate.Limiter) *seed {
	tb.Helper()
	dir := tb.TempDir()
	path := filepath.Join(dir, name)
	for p, data := range files {
		full := path
		if p != name {
			full = filepath.Join(path, p)
		}
		if err := os.MkdirAll(filepath.Dir(full), 0o700); err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(full, data, 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	info := metainfo.Info{PieceLength: pieceLength}
	if err := info.BuildFromFilePath(path); err != nil {
		tb.Fatal(err)
	}
	s := &seed{files: files}
	var err error
	if s.mi.InfoBytes, err = bencode.Marshal(info); err != nil {
		tb.Fatal(err)
	}
	s.start(tb, dir, uploads)
	return s
}

// newFixtureSeed starts a seeder of a single file of testdata, as make-libtorrent.py has filled it.
func newFixtureSeed(tb testing.TB, fixture, name string, size int) *seed {
	tb.Helper()
	mi, err := metainfo.LoadFromFile(filepath.Join("testdata", fixture+".torrent"))
	if err != nil {
		tb.Fatal(err)
	}
	var data []byte
	for k := 0; len(data) < size; k++ {
		sum := sha256.Sum256(fmt.Appendf(nil, "%s/%d", name, k))
		data = append(data, sum[:]...)
	}
	data = data[:size]
	dir := tb.TempDir()
	// The library's storage looks for the file of a v2 torrent in a folder of its own.
	if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name, name), data, 0o600); err != nil {
		tb.Fatal(err)
	}
	s := &seed{files: map[string][]byte{name: data}, mi: *mi}
	s.start(tb, dir, nil)
	return s
}

// start seeds what is in dir.
func (s *seed) start(tb testing.TB, dir string, uploads *rate.Limiter) {
	tb.Helper()
	cfg := torrent.NewDefaultClientConfig()
	cfg.DataDir, cfg.Seed = dir, true
	cfg.ListenHost = func(string) string { return "127.0.0.1" }
	cfg.ListenPort = 0
	cfg.NoDHT, cfg.DisableTrackers, cfg.NoDefaultPortForwarding, cfg.DisableUTP, cfg.DisableIPv6 = true, true, true, true, true
	cfg.Slogger = slog.New(slog.DiscardHandler)
	if uploads != nil {
		cfg.UploadRateLimiter = uploads
	}
	cl, err := torrent.NewClient(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { cl.Close() })
	s.addr = net.JoinHostPort("127.0.0.1", strconv.Itoa(cl.LocalPort()))
	if s.t, err = cl.AddTorrent(&s.mi); err != nil {
		tb.Fatal(err)
	}
	if err := s.t.VerifyDataContext(tb.Context()); err != nil {
		tb.Fatal(err)
	}
}

// newBackend starts a backend that finds peers by hints only.
func newBackend(tb testing.TB, dir string, quota int64, change func(*bittorrent.Config)) (*bittorrent.Backend, *store.Store) {
	tb.Helper()
	st, err := store.Open(filepath.Join(dir, "store"), store.Options{Quota: quota})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { st.Close() })
	cfg := bittorrent.Config{Store: st, Dir: filepath.Join(dir, "bittorrent"), AllowLocalPeers: true}
	if os.Getenv("UP2P_TEST_LOG") != "" {
		cfg.Log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	if change != nil {
		change(&cfg)
	}
	b, err := bittorrent.New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { b.Close() })
	return b, st
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{1})
	r.Read(b)
	return b
}

func open(tb testing.TB, b *bittorrent.Backend, root stream.Root) stream.Tree {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), 30*time.Second)
	defer cancel()
	t, err := b.Open(ctx, root)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { t.Close() })
	return t
}

func lookup(tb testing.TB, t stream.Tree, path string) stream.EarlyFile {
	tb.Helper()
	f, rest, err := t.Lookup(tb.Context(), path)
	if err != nil || rest != "" {
		tb.Fatalf("Lookup(%q) = %v, rest %q, %v", path, f, rest, err)
	}
	return f.(stream.EarlyFile)
}

// readAll reads n bytes from off.
func readAll(tb testing.TB, f stream.EarlyFile, off, n int64, early bool) []byte {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), time.Minute)
	defer cancel()
	open := f.Open
	if early {
		open = f.OpenEarly
	}
	r, err := open(ctx)
	if err != nil {
		tb.Fatal(err)
	}
	defer r.Close()
	r.(stream.Expecter).Expect(off, n)
	if _, err := r.Seek(off, io.SeekStart); err != nil {
		tb.Fatal(err)
	}
	data := make([]byte, n)
	if k, err := io.ReadFull(r, data); err != nil {
		tb.Fatalf("%s: after %d of %d bytes from %d: %v", f.Path(), k, n, off, err)
	}
	return data
}

func TestStreams(t *testing.T) {
	data := randomBytes(24 << 20)
	s := newSeed(t, "video.mp4", 1<<20, map[string][]byte{"video.mp4": data}, nil)
	b, _ := newBackend(t, t.TempDir(), 512<<20, nil)
	tree := open(t, b, s.root())
	f := lookup(t, tree, "video.mp4")
	start := time.Now()
	if got := readAll(t, f, 20<<20, 1<<20, true); !bytes.Equal(got, data[20<<20:21<<20]) {
		t.Fatal("early range: wrong bytes")
	}
	t.Log("range", time.Since(start))
	start = time.Now()
	if got := readAll(t, f, 0, int64(len(data)), false); !bytes.Equal(got, data) {
		t.Fatal("wrong bytes")
	}
	t.Log("whole", time.Since(start))
}

package archive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"
)

const (
	blockBytes = 16 << 10
	pieceBytes = 1 << 20
)

// A source is a file that counts what is read of it, as a swarm would have to deliver it.
type source struct {
	path string
	r    io.ReaderAt
	size int64

	mu      sync.Mutex
	bytes   int64
	blocks  map[int64]bool
	pieces  map[int64]bool
	open    int
	opened  int
	expects []extent
	stuck   chan struct{} // reads wait for it, unless nil
	err     error
}

func newSource(path string, data []byte) *source {
	return &source{path: path, r: bytes.NewReader(data), size: int64(len(data))}
}

func (s *source) Path() string       { return s.path }
func (s *source) Size() int64        { return s.size }
func (s *source) ModTime() time.Time { return time.Time{} }

func (s *source) Open(ctx context.Context) (io.ReadSeekCloser, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open++
	s.opened++
	return &sourceReader{ctx: ctx, s: s}, nil
}

// touched returns what was read since the last time.
func (s *source) touched() (bytes int64, blocks, pieces int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	bytes, blocks, pieces = s.bytes, len(s.blocks), len(s.pieces)
	s.bytes, s.blocks, s.pieces = 0, nil, nil
	return bytes, blocks, pieces
}

func (s *source) openNow() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open
}

type sourceReader struct {
	ctx    context.Context
	s      *source
	at     int64
	closed bool
}

func (r *sourceReader) Expect(off, n int64) {
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	r.s.expects = append(r.s.expects, extent{Off: off, Len: n})
}

func (r *sourceReader) Read(p []byte) (int, error) {
	if r.closed {
		return 0, os.ErrClosed
	}
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	r.s.mu.Lock()
	stuck, err := r.s.stuck, r.s.err
	r.s.mu.Unlock()
	if err != nil {
		return 0, err
	}
	if stuck != nil {
		select {
		case <-stuck:
		case <-r.ctx.Done():
			return 0, r.ctx.Err()
		}
	}
	if r.at >= r.s.size {
		return 0, io.EOF
	}
	if len(p) == 0 {
		return 0, nil
	}
	p = p[:min(int64(len(p)), r.s.size-r.at, pieceBytes-r.at%pieceBytes)] // as a swarm does
	n, err := r.s.r.ReadAt(p, r.at)
	if n > 0 {
		err = nil
	}
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	if r.s.blocks == nil {
		r.s.blocks, r.s.pieces = make(map[int64]bool), make(map[int64]bool)
	}
	r.s.bytes += int64(n)
	for b := r.at / blockBytes; b <= (r.at+int64(n)-1)/blockBytes; b++ {
		r.s.blocks[b] = true
		r.s.pieces[b*blockBytes/pieceBytes] = true
	}
	r.at += int64(n)
	return n, err
}

func (r *sourceReader) Seek(off int64, whence int) (int64, error) {
	if whence != io.SeekStart || off < 0 {
		return 0, fs.ErrInvalid
	}
	r.at = off
	return off, nil
}

func (r *sourceReader) Close() error {
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	if !r.closed {
		r.closed = true
		r.s.open--
	}
	return nil
}

// place is where s lies, alone.
func (s *source) place() Place { return Place{Root: "test", File: s} }

// A memCache is a cache that a test looks into.
type memCache struct {
	mu     sync.Mutex
	blobs  map[string][]byte
	chunks map[string]map[int][]byte
	open   int
	err    error // of Write
	writes int
}

func newMemCache() *memCache {
	return &memCache{blobs: make(map[string][]byte), chunks: make(map[string]map[int][]byte)}
}

func (c *memCache) Load(key, name string) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	b, ok := c.blobs[key+"/"+name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return bytes.Clone(b), nil
}

func (c *memCache) Save(key, name string, data []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(key) > 64 || len(name) > 64 || len(data) > MaxBlob {
		return fs.ErrInvalid
	}
	c.blobs[key+"/"+name] = bytes.Clone(data)
	return nil
}

func (c *memCache) Spool(key, title string, size, chunk int64) (Spool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.chunks[key] == nil {
		c.chunks[key] = make(map[int][]byte)
	}
	c.open++
	return &memSpool{c: c, key: key, size: size, chunk: chunk}, nil
}

// evict drops all chunks.
func (c *memCache) evict() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, chunks := range c.chunks {
		clear(chunks)
	}
}

func (c *memCache) spools() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.open
}

func (c *memCache) kept() (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, chunks := range c.chunks {
		n += len(chunks)
	}
	return n
}

type memSpool struct {
	c           *memCache
	key         string
	size, chunk int64
	closed      bool
}

func (s *memSpool) Has(i int) bool {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	_, ok := s.c.chunks[s.key][i]
	return ok
}

func (s *memSpool) ReadAt(i int, p []byte, off int64) (int, error) {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	b, ok := s.c.chunks[s.key][i]
	if !ok {
		return 0, fs.ErrNotExist
	}
	if off+int64(len(p)) > int64(len(b)) {
		return 0, fmt.Errorf("spool: %d bytes at %d of %d: %w", len(p), off, len(b), fs.ErrInvalid)
	}
	return copy(p, b[off:]), nil
}

func (s *memSpool) Write(i int, p []byte) error {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	if want := min(s.chunk, s.size-int64(i)*s.chunk); int64(len(p)) != want {
		return fmt.Errorf("spool: chunk %d of %d bytes, not %d: %w", i, len(p), want, fs.ErrInvalid)
	}
	if s.c.err != nil {
		return s.c.err
	}
	s.c.writes++
	s.c.chunks[s.key][i] = bytes.Clone(p)
	return nil
}

func (s *memSpool) Discard(i int) error {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	delete(s.c.chunks[s.key], i)
	return nil
}

func (s *memSpool) Hold() SpoolHold { return memHold{} }

func (s *memSpool) Close() error {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	if !s.closed {
		s.closed = true
		s.c.open--
	}
	return nil
}

type memHold struct{}

func (memHold) Set(int, int) {}
func (memHold) Release()     {}

// library returns a library that is closed at the end, and has left nothing behind then.
func library(t testing.TB, cfg Config) *Library {
	t.Helper()
	l := New(cfg)
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// read returns all of a member.
func read(t testing.TB, l *Library, p Place, path string) ([]byte, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	m, rest, err := l.Lookup(ctx, p, path)
	if err != nil {
		return nil, err
	}
	if rest != "" {
		return nil, fmt.Errorf("rest %q", rest)
	}
	return readMember(ctx, m)
}

func readMember(ctx context.Context, m *Member) ([]byte, error) {
	r, err := m.Open(ctx)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err == nil && int64(len(b)) != m.Size() {
		err = fmt.Errorf("%d bytes of %d", len(b), m.Size())
	}
	return b, err
}

// contents reads all members.
func contents(t testing.TB, l *Library, p Place) (map[string][]byte, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	files := make(map[string][]byte)
	for m, err := range l.Members(ctx, p) {
		if err != nil {
			return files, err
		}
		b, err := readMember(ctx, m)
		if err != nil {
			return files, fmt.Errorf("%s: %w", m.Name(), err)
		}
		files[m.Name()] = b
	}
	return files, nil
}

// checkFiles holds what was read against what it should be.
func checkFiles(t testing.TB, got, want map[string][]byte) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if b, ok := got[name]; !ok {
			t.Errorf("%q is missing", name)
		} else if !bytes.Equal(b, want[name]) {
			t.Errorf("%q: %d bytes are not the %d right ones", name, len(b), len(want[name]))
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%q should not be there", name)
		}
	}
}

// noise returns n bytes that can be packed to about three quarters.
func noise(seed uint64, n int) []byte {
	rnd := rand.New(rand.NewPCG(seed, 1))
	b := make([]byte, n)
	for i := range b {
		b[i] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[rnd.Uint32()&63]
	}
	return b
}

// someFiles are what archives of the tests have in them.
func someFiles() map[string][]byte {
	return map[string][]byte{
		"a.txt":             []byte("The quick brown fox jumps over the lazy dog.\n"),
		"empty":             {},
		"dir/big.bin":       noise(1, 3<<20+12345),
		"dir/zeros":         make([]byte, 2<<20),
		"dir/deep/er/ä.txt": []byte("Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich.\n"),
		"one":               {1},
		"z/last.bin":        noise(2, 300_000),
	}
}

// inFolder writes files below a new folder.
func inFolder(t testing.TB, files map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for name, b := range files {
		p := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// needTool skips a test when a tool is not installed, unless all must be.
func needTool(t testing.TB, name string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		if os.Getenv("UP2P_REQUIRE_PEERS") == "1" {
			t.Fatalf("%s is missing, and UP2P_REQUIRE_PEERS=1", name)
		}
		t.Skipf("%s is not installed: not tested against it", name)
	}
}

// packed returns what a tool packs in dir, run with "OUT" replaced by where it should.
func packed(t testing.TB, dir, out string, args ...string) []byte {
	t.Helper()
	needTool(t, args[0])
	to := filepath.Join(t.TempDir(), out)
	for i := range args {
		if args[i] == "OUT" {
			args[i] = to
		}
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = dir
	if msg, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%q: %v\n%s", args, err, msg)
	}
	b, err := os.ReadFile(to)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// wantErr fails unless err is one of those wanted.
func wantErr(t testing.TB, what string, err error, want ...error) {
	t.Helper()
	for _, w := range want {
		if errors.Is(err, w) {
			return
		}
	}
	t.Errorf("%s: %v, want %v", what, err, want)
}

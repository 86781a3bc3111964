package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// logged is a log that a test can look at.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logged) count(s string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.b.String(), s)
}

func openLogged(t *testing.T, dir string, quota int64) (*Store, *logged) {
	t.Helper()
	l := new(logged)
	s, err := Open(dir, Options{Quota: quota, Log: slog.New(slog.NewTextHandler(l, nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, l
}

func chunkFile(o *Object, i int) string {
	o.store.mu.Lock()
	defer o.store.mu.Unlock()
	return o.root.chunks[i].pathAs(false)
}

// flip changes one byte of a file where it is, later than the clock of the file system ticks.
func flip(t *testing.T, path string, off int64) {
	t.Helper()
	time.Sleep(20 * time.Millisecond)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var b [1]byte
	if _, err := f.ReadAt(b[:], off); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 0x40
	if _, err := f.WriteAt(b[:], off); err != nil {
		t.Fatal(err)
	}
}

// TestDamage: whatever happens to the file of a chunk, while the store is open or before, no wrong byte is served; the chunk is
// missing, said so once, and can be fetched again.
func TestDamage(t *testing.T) {
	ways := map[string]func(t *testing.T, path string){
		"first byte":  func(t *testing.T, path string) { flip(t, path, 0) },
		"last byte":   func(t *testing.T, path string) { flip(t, path, mib-1) },
		"middle byte": func(t *testing.T, path string) { flip(t, path, mib/2) },
		"truncated":   func(t *testing.T, path string) { must(t, os.Truncate(path, mib/2)) },
		"longer":      func(t *testing.T, path string) { must(t, os.Truncate(path, mib+1)) },
		"empty":       func(t *testing.T, path string) { must(t, os.Truncate(path, 0)) },
		"zeros":       func(t *testing.T, path string) { must(t, os.WriteFile(path, make([]byte, mib), 0o600)) },
		"another's":   func(t *testing.T, path string) { must(t, os.WriteFile(path, content("x", 0, mib), 0o600)) },
		"same length, old time": func(t *testing.T, path string) {
			must(t, os.WriteFile(path, make([]byte, mib), 0o600))
			must(t, os.Chtimes(path, time.Time{}, time.Now().Add(-time.Hour)))
		},
	}
	for name, damage := range ways {
		for _, check := range []bool{true, false} {
			for _, stopped := range []bool{true, false} {
				t.Run(fmt.Sprintf("%s,check=%v,stopped=%v", name, check, stopped), func(t *testing.T) {
					testDamage(t, damage, check, stopped)
				})
			}
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func testDamage(t *testing.T, damage func(*testing.T, string), check, stopped bool) {
	dir := t.TempDir()
	s, log := openLogged(t, dir, 64*mib)
	spec := testSpec("film", 4*mib, mib)
	if !check {
		spec.Check = nil
	}
	var gone []int
	spec.Dropped = func(i int) { gone = append(gone, i) }
	o := openObject(t, s, spec)
	for i := range 3 {
		put(t, o, i)
		must(t, get(t, o, i))
	}
	path := chunkFile(o, 1)
	if stopped {
		o.Close()
		must(t, s.Close())
	}
	damage(t, path)
	if stopped {
		s, log = openLogged(t, dir, 64*mib)
		o = openObject(t, s, spec)
	}
	for range 2 {
		if err := get(t, o, 1); !errors.Is(err, ErrMissing) {
			t.Errorf("reading it: %v", err)
		}
	}
	if o.Has(1) {
		t.Error("it is still said to be here")
	}
	if n := log.count("dropped"); n != 1 {
		t.Errorf("logged %d times", n)
	}
	if n := len(gone); n > 1 || n == 0 && !stopped {
		t.Errorf("told %v", gone)
	}
	must(t, errors.Join(get(t, o, 0), get(t, o, 2)))
	put(t, o, 1)
	must(t, get(t, o, 1))
}

// TestDeleted: files that somebody deletes under the running store are missing, or written anew.
func TestDeleted(t *testing.T) {
	if !keepOpen {
		t.Skip("this system does not let anyone delete them")
	}
	dir := t.TempDir()
	s := openStore(t, dir, 64*mib)
	s.files.max = 1 // so that nothing stays open
	o := openObject(t, s, testSpec("film", 4*mib, mib))
	put(t, o, 0)
	must(t, o.WriteAt(1, make([]byte, 10), 0))
	put(t, o, 2)
	must(t, os.RemoveAll(filepath.Join(dir, "objects")))
	if err := get(t, o, 0); !errors.Is(err, ErrMissing) {
		t.Errorf("reading: %v", err)
	}
	put(t, o, 0)
	put(t, o, 1)
	must(t, errors.Join(get(t, o, 0), get(t, o, 1)))
	must(t, s.WriteMeta("test", "film", "info", []byte("x")))
}

// TestTouched: a chunk whose time has changed but not its content is checked once more, and stays.
func TestTouched(t *testing.T) {
	s := openStore(t, t.TempDir(), 64*mib)
	spec := testSpec("film", mib, mib)
	checks, inner := 0, spec.Check
	spec.Check = func(i int, r io.Reader) error { checks++; return inner(i, r) }
	o := openObject(t, s, spec)
	put(t, o, 0)
	must(t, os.Chtimes(chunkFile(o, 0), time.Time{}, time.Now().Add(-time.Hour)))
	must(t, errors.Join(get(t, o, 0), get(t, o, 0)))
	if checks != 1 {
		t.Errorf("%d checks", checks)
	}
}

// TestNoCheck: an object without a check survives a restart by its own checksums, and one that got its check later too.
func TestNoCheck(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir, 64*mib)
	spec := testSpec("member", 2*mib, mib)
	checked := spec
	spec.Check = nil
	o := openObject(t, s, spec)
	put(t, o, 0)
	put(t, o, 1)
	o.Close()
	must(t, s.Close())
	for _, spec := range []Spec{spec, checked} {
		s = openStore(t, dir, 64*mib)
		o = openObject(t, s, spec)
		must(t, errors.Join(get(t, o, 0), get(t, o, 1)))
		o.Close()
		must(t, s.Close())
	}
	// The other way round there is nothing to check by.
	s = openStore(t, dir, 64*mib)
	o = openObject(t, s, testSpec("film", mib, mib))
	put(t, o, 0)
	o.Close()
	must(t, s.Close())
	s = openStore(t, dir, 64*mib)
	spec = testSpec("film", mib, mib)
	spec.Check = nil
	if err := get(t, openObject(t, s, spec), 0); !errors.Is(err, ErrMissing) {
		t.Errorf("served without a check: %v", err)
	}
}

// TestGarbage: whatever stands in the folder, the store opens, serves what is right and counts the rest. What it did not
// write, it does not delete.
func TestGarbage(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir, 64*mib)
	for _, id := range []string{"good", "damaged", "bare"} {
		o := openObject(t, s, testSpec(id, 3*mib-5, mib))
		put(t, o, 0)
		put(t, o, 2)
		must(t, s.WriteMeta("test", id, "info", []byte("about "+id)))
		o.Close()
	}
	must(t, s.Close())

	objects := filepath.Join(dir, "objects")
	in := func(name string) string { return filepath.Join(objects, filepath.FromSlash(name)) }
	for name, size := range map[string]int{
		"test/good/0/1.part":         100,   // dropped
		"test/good/0/1":              77,    // wrong size: dropped
		"test/damaged/0/1":           0,     // the same
		"test/good/0/2-00000000":     mib,   // twice: dropped, or the other one
		"test/good/object.json.tmp":  5,     // dropped
		"test/good/info.meta.tmp":    5,     // dropped
		"test/parts/0/7.part":        5_000, // dropped with the root
		"test/good/0/x":              100,   // these stay
		"test/good/0/1024":           100,
		"test/good/0/007":            100,
		"test/good/notes.txt":        100,
		"test/good/99999/3":          100,
		"test/.good/0/3":             100,
		"test/UPPER/0/3":             100,
		"test/file":                  100,
		"file":                       100,
		"Movies/holiday.mkv":         300_000,
		"ab/0123456789abcdef":        100,
		"test/good/0/17/nested":      100,
		"test/strange/deep/er/thing": 100,
	} {
		write(t, in(name), make([]byte, size))
	}
	write(t, in("test/damaged/object.json"), []byte("{\"version\":1,\"spa"))
	must(t, os.Remove(in("test/bare/object.json")))
	must(t, os.MkdirAll(in("test/folder/0"), 0o700))
	if err := os.Symlink(os.TempDir(), in("test/link")); err != nil {
		t.Log(err)
	}

	s, log := openLogged(t, dir, 64*mib)
	s.survey(t.Context())
	if u := s.Usage(); u.Used < du(t, dir) {
		t.Errorf("used %d, du says %d", u.Used, du(t, dir))
	}
	var ids []string
	for _, r := range s.Roots() {
		ids = append(ids, r.ID)
	}
	slices.Sort(ids)
	if !slices.Equal(ids, []string{"bare", "damaged", "good"}) {
		t.Errorf("roots: %v", ids)
	}
	for _, id := range []string{"good", "damaged", "bare"} {
		o := openObject(t, s, testSpec(id, 3*mib-5, mib))
		must(t, get(t, o, 0))
		if err := get(t, o, 2); err != nil && id != "good" {
			t.Errorf("%s: %v", id, err)
		}
		if o.Has(1) {
			t.Errorf("%s has chunk 1", id)
		}
		if b, err := s.ReadMeta("test", id, "info"); err != nil || string(b) != "about "+id {
			t.Errorf("%s: %q, %v", id, b, err)
		}
	}
	for _, name := range []string{"test/good/0/1.part", "test/good/0/1", "test/good/object.json.tmp", "test/good/info.meta.tmp",
		"test/parts", "test/folder"} {
		if _, err := os.Lstat(in(name)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is still there: %v", name, err)
		}
	}
	for _, name := range []string{"test/good/0/x", "test/good/notes.txt", "Movies/holiday.mkv", "ab/0123456789abcdef",
		"test/good/0/17/nested", "file"} {
		if _, err := os.Lstat(in(name)); err != nil {
			t.Errorf("a stranger was deleted: %v", err)
		}
	}
	if log.count("object.json") == 0 || log.count("left alone") == 0 {
		t.Error("nothing was said")
	}
	if _, err := s.Recycle(context.Background(), Want{All: true}); err != nil {
		t.Error(err)
	}
	if u := s.Usage(); u.Used < du(t, dir) {
		t.Errorf("after recycling: used %d, du says %d", u.Used, du(t, dir))
	}
	if _, err := os.Stat(in("test/good/notes.txt")); err != nil {
		t.Errorf("recycling deleted a stranger: %v", err)
	}
}

// TestOtherSizes: chunks that were cut in another way are dropped when the object is opened, and checked if they fit by chance.
func TestOtherSizes(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir, 64*mib)
	o := openObject(t, s, testSpec("film", 4*mib+100, mib))
	for i := range o.Chunks() {
		put(t, o, i)
	}
	o.Close()
	spec := testSpec("film", 3*mib+100, mib) // chunk 3 is shorter now, chunk 4 does not exist
	inner := spec.Check
	spec.Check = func(i int, r io.Reader) error {
		if i == 1 {
			return errors.New("not in this film")
		}
		return inner(i, r)
	}
	o = openObject(t, s, spec)
	if !slices.Equal(missing(o, 0, 4), []int{3}) {
		t.Errorf("missing %v", missing(o, 0, 4))
	}
	must(t, get(t, o, 2))
	if err := get(t, o, 1); !errors.Is(err, ErrMissing) {
		t.Errorf("a chunk of the film as it was is served: %v", err)
	}
	if n := len(o.root.chunks); n != 2 {
		t.Errorf("%d chunks", n)
	}
}

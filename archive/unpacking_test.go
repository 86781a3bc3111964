package archive

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// zipped packs files with deflate.
func zipped(t testing.TB, files map[string][]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for name, data := range files {
		f, err := w.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate})
		if err != nil {
			t.Fatal(err)
		}
		f.Write(data)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func runsOf(l *Library) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.runs)
}

// A decoder stops ahead of its readers, gives the source back when it rests, ends after a minute, and what was unpacked stands.
func TestDecoderRests(t *testing.T) {
	content := noise(3, 40<<20)
	archive := zipped(t, map[string][]byte{"big": content})
	synctest.Test(t, func(t *testing.T) {
		src := newSource("a.zip", archive)
		l := New(Config{Cache: newMemCache()})
		m := lookup(t, l, src.place(), "big")
		r, err := m.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		src.touched()
		got := make([]byte, 1000)
		if _, err := io.ReadFull(r, got); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		n, _, _ := src.touched()
		if n > readAhead || n < readAhead/2 {
			t.Errorf("for 1000 bytes %d were read, of 8 MiB unpacked", n)
		}
		if src.openNow() == 0 {
			t.Error("the source is given back at once")
		}
		time.Sleep(restTime + time.Second)
		synctest.Wait()
		if n := src.openNow(); n != 0 {
			t.Errorf("a decoder that rests has %d readers", n)
		}
		time.Sleep(idleTime)
		synctest.Wait()
		src.touched()
		rest, err := io.ReadAll(r)
		if err != nil || !bytes.Equal(append(got, rest...), content) {
			t.Errorf("after a rest: %d bytes, %v", len(rest), err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		time.Sleep(2 * idleTime)
		synctest.Wait()
		if n := runsOf(l); n != 0 {
			t.Errorf("%d runs are left when nobody reads", n)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
}

// Nothing is read by the files of a request that has ended, and the next one goes on where it was.
func TestReadersTakeTurns(t *testing.T) {
	content := noise(3, 24<<20)
	data := zipped(t, map[string][]byte{"big": content})
	l := library(t, Config{Cache: newMemCache()})
	var total int64
	for i := range 12 {
		src := newSource("a.zip", data)
		m := lookup(t, l, src.place(), "big")
		if i == 0 {
			src.touched()
		}
		r, err := m.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		off := int64(i) * (2 << 20)
		if _, err := r.Seek(off, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, 2<<20)
		if _, err := io.ReadFull(r, got); err != nil || !bytes.Equal(got, content[off:off+2<<20]) {
			t.Errorf("part %d: %v", i, err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		if n := src.openNow(); n != 0 {
			t.Errorf("request %d has ended, and %d readers of it are open", i, n)
		}
		n, _, _ := src.touched()
		total += n
	}
	if limit := int64(len(data)) + int64(len(data))/50; total > limit {
		t.Errorf("one after the other they have read %d bytes of %d", total, len(data))
	}
}

// Many readers of many members in any order see the right bytes, also while what was unpacked goes all the time.
func TestManyReaders(t *testing.T) {
	files := map[string][]byte{"a": noise(1, 2<<20), "b": noise(2, 4<<20+17), "c": noise(3, 700_000), "d": []byte("small")}
	for _, c := range []struct {
		name string
		data []byte
	}{
		{"a.zip", zipped(t, files)},
		{"a.tar.gz", packed(t, inFolder(t, files), "a.tar.gz", "tar", "-czf", "OUT", "a", "b", "c", "d")},
		{"a.tar.xz", packed(t, inFolder(t, files), "a.tar.xz", "tar", "-I", "xz -0", "-cf", "OUT", "a", "b", "c", "d")},
	} {
		for _, evict := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s evict=%v", c.name, evict), func(t *testing.T) {
				cache := newMemCache()
				l := library(t, Config{Cache: cache})
				var wg sync.WaitGroup
				for i := range 8 {
					wg.Go(func() {
						rnd := rand.New(rand.NewPCG(uint64(i), 5))
						src := newSource(c.name, c.data)
						for range 4 {
							name := []string{"a", "b", "c", "d"}[rnd.IntN(4)]
							m, _, err := l.Lookup(t.Context(), src.place(), name)
							if err != nil {
								t.Error(err)
								return
							}
							r, err := m.Open(t.Context())
							if err != nil {
								t.Error(err)
								return
							}
							off := rnd.Int64N(m.Size())
							n := 1 + rnd.Int64N(min(m.Size()-off, 2<<20))
							r.Seek(off, io.SeekStart)
							got := make([]byte, n)
							if _, err := io.ReadFull(r, got); err != nil || !bytes.Equal(got, files[name][off:off+n]) {
								t.Errorf("%s: %d bytes at %d: %v", name, n, off, err)
							}
							r.Close()
							if evict && rnd.IntN(3) == 0 {
								cache.evict()
							}
						}
					})
				}
				wg.Wait()
			})
		}
	}
}

// A reader that waits fails at once when its request ends, and so does a look-up; the others go on.
func TestCancel(t *testing.T) {
	data := zipped(t, map[string][]byte{"big": noise(3, 3<<20)})
	l := library(t, Config{Cache: newMemCache()})
	src := newSource("a.zip", data)
	src.stuck = make(chan struct{})
	ended := func(what string, f func(ctx context.Context) error) {
		t.Helper()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- f(ctx) }()
		select {
		case err := <-done:
			t.Errorf("%s does not wait: %v", what, err)
		case <-time.After(50 * time.Millisecond):
		}
		cancel()
		select {
		case err := <-done:
			wantErr(t, what, err, context.Canceled)
		case <-time.After(time.Second):
			t.Fatalf("%s still waits when its request has ended", what)
		}
		if n := src.openNow(); n != 0 {
			t.Errorf("%s has left %d readers", what, n)
		}
	}
	ended("Lookup", func(ctx context.Context) error {
		_, _, err := l.Lookup(ctx, src.place(), "big")
		return err
	})
	ended("Members", func(ctx context.Context) error {
		for _, err := range l.Members(ctx, src.place()) {
			return err
		}
		return nil
	})
	close(src.stuck)
	m := lookup(t, l, src.place(), "big")
	src.mu.Lock()
	src.stuck = make(chan struct{})
	src.mu.Unlock()
	ended("Read", func(ctx context.Context) error {
		r, err := m.Open(ctx)
		if err != nil {
			return err
		}
		defer r.Close()
		_, err = r.Read(make([]byte, 10))
		return err
	})
	close(src.stuck)
	if _, err := readMember(t.Context(), m); err != nil {
		t.Errorf("after all that: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	r, err := m.Open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := r.Read(make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	cancel()
	_, err = r.Read(make([]byte, 10)) // which is there
	wantErr(t, "Read after the end", err, context.Canceled)
}

// Who leaves does not stop the look that another waits for.
func TestLookupSurvivesTheFirst(t *testing.T) {
	src := bigTar(t).source("a.tar")
	src.stuck = make(chan struct{})
	l := library(t, Config{})
	first, cancel := context.WithCancel(t.Context())
	failed, found := make(chan error), make(chan error)
	go func() {
		_, _, err := l.Lookup(first, src.place(), bigName(20))
		failed <- err
	}()
	time.Sleep(20 * time.Millisecond)
	other := bigTar(t).source("a.tar")
	go func() {
		_, _, err := l.Lookup(t.Context(), other.place(), bigName(20))
		found <- err
	}()
	time.Sleep(20 * time.Millisecond)
	cancel()
	wantErr(t, "the first", <-failed, context.Canceled)
	select {
	case err := <-found:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("the other still waits, by the file of the first")
	}
}

// What the source fails with is passed on, and not taken for a fault of the archive.
func TestSourceFails(t *testing.T) {
	files := map[string][]byte{"big": noise(3, 1<<20)}
	for name, data := range map[string][]byte{
		"a.zip":     zipped(t, files),
		"a.tar":     packed(t, inFolder(t, files), "a.tar", "tar", "-cf", "OUT", "big"),
		"a.tar.gz":  packed(t, inFolder(t, files), "a.tar.gz", "tar", "-czf", "OUT", "big"),
		"a.tar.bz2": packed(t, inFolder(t, files), "a.tar.bz2", "tar", "-I", "bzip2 -1", "-cf", "OUT", "big"),
		"a.tar.xz":  packed(t, inFolder(t, files), "a.tar.xz", "tar", "-I", "xz -0 --block-size=100KiB", "-cf", "OUT", "big"),
		"a.tar.zst": packed(t, inFolder(t, files), "a.tar.zst", "tar", "--zstd", "-cf", "OUT", "big"),
		"a.tar.lz4": packed(t, inFolder(t, files), "a.tar.lz4", "tar", "-I", "lz4 -B4", "-cf", "OUT", "big"),
		"a.tar.br":  packed(t, inFolder(t, files), "a.tar.br", "tar", "-I", "brotli", "-cf", "OUT", "big"),
	} {
		t.Run(name, func(t *testing.T) {
			broken := errors.New("the network is down")
			l := library(t, Config{Cache: newMemCache()})
			src := newSource(name, data)
			set := func(err error) {
				src.mu.Lock()
				defer src.mu.Unlock()
				src.err = err
			}
			set(broken)
			_, err := read(t, l, src.place(), "big")
			wantErr(t, "Lookup", err, broken)
			set(nil)
			m := lookup(t, l, src.place(), "big")
			r, err := m.Open(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			r.(expecter).Expect(0, 1000)
			if _, err := io.ReadFull(r, make([]byte, 1000)); err != nil {
				t.Fatal(err)
			}
			set(broken)
			_, err = io.ReadAll(r)
			wantErr(t, "Read", err, broken)
			set(nil)
			if b, err := readMember(t.Context(), m); err != nil || !bytes.Equal(b, files["big"]) {
				t.Errorf("when the network is up again: %v", err)
			}
		})
	}
}

// A cache without room is not the archive's fault either.
func TestCacheFails(t *testing.T) {
	content := noise(3, 5<<20)
	full := errors.New("no room")
	cache := newMemCache()
	cache.err = full
	l := library(t, Config{Cache: cache})
	src := newSource("a.zip", zipped(t, map[string][]byte{"big": content}))
	_, err := read(t, l, src.place(), "big")
	wantErr(t, "Read without room", err, full)
	cache.mu.Lock()
	cache.err = nil
	cache.mu.Unlock()
	if b, err := read(t, l, src.place(), "big"); err != nil || !bytes.Equal(b, content) {
		t.Errorf("with room again: %v", err)
	}
}

// A solid run is unpacked once for all its members, and each packed byte is read once.
func TestSolidRun(t *testing.T) {
	f := &fakeFormat{lazy: true}
	var want [][]byte
	for i := range 30 {
		want = append(want, noise(uint64(i), 300_000+i))
		f.member(fmt.Sprint("m", i), 7, want[i])
	}
	cache := newMemCache()
	l := library(t, Config{Cache: cache})
	l.formats = []format{f}
	src := fakeSource()
	for _, i := range []int{10, 3, 20, 0, 29, 15} {
		b, err := read(t, l, src.place(), fmt.Sprint("m", i))
		if err != nil || !bytes.Equal(b, want[i]) {
			t.Errorf("m%d: %v", i, err)
		}
		if i == 10 && (f.walked.Load() != 11 || f.unpacked.Load() > 11*301_000) {
			t.Errorf("for the 11th member %d were looked at, and %d bytes unpacked", f.walked.Load(), f.unpacked.Load())
		}
	}
	if n := f.opened.Load(); n != 1 {
		t.Errorf("the run was unpacked %d times", n)
	}
	l.Close()
	l = library(t, Config{Cache: cache})
	l.formats = []format{f}
	got, err := contents(t, l, src.place())
	if err != nil || len(got) != 30 {
		t.Errorf("in another life: %d members, %v", len(got), err)
	}
	for i := range want {
		if !bytes.Equal(got[fmt.Sprint("m", i)], want[i]) {
			t.Errorf("in another life m%d is wrong", i)
		}
	}
	if n := f.opened.Load(); n != 1 {
		t.Errorf("in another life the run was unpacked again")
	}
}

// Members that are wrong are told from those beside them, which are right.
func TestDamagedMembers(t *testing.T) {
	short := func(e *entry, r io.Reader) (io.Reader, error) {
		if e.Raw != "bad" {
			return r, nil
		}
		return io.LimitReader(r, e.Size/2), nil
	}
	for _, c := range []struct {
		name     string
		set      func(f *fakeFormat, bad *entry)
		onMember func(e *entry, r io.Reader) (io.Reader, error)
		rest     error // of what is behind it
	}{
		{name: "checksum", set: func(_ *fakeFormat, bad *entry) { bad.CRC++ }},
		{name: "short", onMember: short},
		{name: "long", set: func(f *fakeFormat, bad *entry) { f.data[bad] = append(f.data[bad], 1) }},
		{name: "error", onMember: func(e *entry, r io.Reader) (io.Reader, error) {
			if e.Raw != "bad" {
				return r, nil
			}
			return io.MultiReader(io.LimitReader(r, 1000), errReader{errors.New("bad code")}), nil
		}},
		{name: "method", onMember: func(e *entry, r io.Reader) (io.Reader, error) {
			if e.Raw != "bad" {
				return r, nil
			}
			return errReader{ErrMethod}, nil
		}},
		{name: "panic", onMember: func(e *entry, r io.Reader) (io.Reader, error) {
			if e.Raw != "bad" {
				return r, nil
			}
			return panicReader{}, nil
		}, rest: ErrCorrupt},
		{name: "end", onMember: func(e *entry, r io.Reader) (io.Reader, error) {
			if e.Raw != "bad" {
				return r, nil
			}
			return nil, errors.New("a broken header")
		}, rest: ErrCorrupt},
	} {
		for _, size := range []int{100, 300_000, 5 << 20} {
			t.Run(fmt.Sprint(c.name, " ", size), func(t *testing.T) {
				f := &fakeFormat{onMember: c.onMember}
				before, after := noise(1, 1<<20+7), noise(2, 2<<20+9)
				f.member("before", 0, before)
				bad := f.member("bad", 0, noise(3, size))
				f.member("after", 0, after)
				if c.set != nil {
					c.set(f, bad)
				}
				cache := newMemCache()
				for life := range 2 {
					l := library(t, Config{Cache: cache})
					l.formats = []format{f}
					src := fakeSource()
					for range 2 {
						if b, err := read(t, l, src.place(), "before"); err != nil || !bytes.Equal(b, before) {
							t.Errorf("life %d, before: %d bytes, %v", life, len(b), err)
						}
						_, err := read(t, l, src.place(), "bad")
						wantErr(t, "bad", err, ErrCorrupt, ErrMethod)
						b, err := read(t, l, src.place(), "after")
						if c.rest != nil {
							wantErr(t, "after", err, c.rest)
						} else if err != nil || !bytes.Equal(b, after) {
							t.Errorf("life %d, after: %d bytes, %v", life, len(b), err)
						}
					}
					l.Close()
				}
			})
		}
	}
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }

type panicReader struct{}

func (panicReader) Read([]byte) (int, error) { panic("a decoder") }

// What breaks a reader of archives is a fault of the archive, not the end of the program.
func TestPanics(t *testing.T) {
	for _, c := range []struct {
		name string
		set  func(f *fakeFormat)
	}{
		{"walk", func(f *fakeFormat) { f.onWalk = func() error { panic("walk") } }},
		{"next", func(f *fakeFormat) { f.onNext = func(i int) error { return []error(nil)[i] } }},
		{"unpack", func(f *fakeFormat) {
			f.onMember = func(*entry, io.Reader) (io.Reader, error) { panic(errors.New("unpack")) }
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := &fakeFormat{}
			f.member("a", 0, []byte("content"))
			c.set(f)
			l := library(t, Config{})
			l.formats = append([]format{f}, l.formats...)
			_, err := read(t, l, fakeSource().place(), "a")
			wantErr(t, "a", err, ErrCorrupt)
			src := newSource("a.zip", zipped(t, map[string][]byte{"x": []byte("y")}))
			if b, err := read(t, l, src.place(), "x"); err != nil || string(b) != "y" {
				t.Errorf("another archive: %q, %v", b, err)
			}
		})
	}
}

// Close ends all that is under way, and leaves no goroutine.
func TestCloseWhileReading(t *testing.T) {
	data := zipped(t, map[string][]byte{"big": noise(3, 3<<20)})
	l := New(Config{Cache: newMemCache()})
	src := newSource("a.zip", data)
	m := lookup(t, l, src.place(), "big")
	src.mu.Lock()
	src.stuck = make(chan struct{})
	src.mu.Unlock()
	failed := make(chan error, 2)
	go func() {
		_, err := readMember(context.Background(), m)
		failed <- err
	}()
	other := bigTar(t).source("b.tar")
	other.stuck = src.stuck
	go func() {
		_, _, err := l.Lookup(context.Background(), other.place(), "x")
		failed <- err
	}()
	time.Sleep(50 * time.Millisecond)
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	for range 2 {
		wantErr(t, "what was under way", <-failed, ErrClosed)
	}
	_, _, err := l.Lookup(context.Background(), src.place(), "big")
	wantErr(t, "Lookup after Close", err, ErrClosed)
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	buf := make([]byte, 1<<20)
	buf = buf[:runtime.Stack(buf, true)]
	for _, g := range strings.Split(string(buf), "\n\n") {
		if strings.Contains(g, "archive.(*Library).start") {
			t.Errorf("after Close:\n%s", g)
		}
	}
}

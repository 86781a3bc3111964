package archive

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
	"time"
)

// The bounds here are the figures of issue 3: what may be read of an archive of 1 GiB with 200 members.

// atMost fails when more was read since the last time.
func (s *source) atMost(t testing.TB, what string, bytes int64, pieces int) {
	t.Helper()
	n, blocks, p := s.touched()
	t.Logf("%-50s %11d bytes %6d blocks %5d pieces", what, n, blocks, p)
	if n > bytes || p > pieces {
		t.Errorf("%s: %d bytes of %d pieces were read, want at most %d of %d", what, n, p, bytes, pieces)
	}
}

func listAll(t testing.TB, l *Library, p Place) (n int) {
	t.Helper()
	for _, err := range l.Members(t.Context(), p) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}

func lookup(t testing.TB, l *Library, p Place, path string) *Member {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	m, rest, err := l.Lookup(ctx, p, path)
	if err != nil || rest != "" {
		t.Fatalf("Lookup of %q: rest %q, %v", path, rest, err)
	}
	return m
}

// checkRange reads as a request with a Range does, and holds what comes against the unit that all is made of.
func checkRange(t testing.TB, m *Member, unit []byte, off, n int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	r, err := m.Open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	r.(expecter).Expect(off, n)
	if _, err := r.Seek(off, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, n)
	if _, err := io.ReadFull(r, got); err != nil {
		t.Fatalf("%d bytes at %d of %s: %v", n, off, m.Path(), err)
	}
	for i := range got {
		if want := unit[(off+int64(i))%int64(len(unit))]; got[i] != want {
			t.Fatalf("%d bytes at %d of %s: wrong from %d on", n, off, m.Path(), i)
		}
	}
}

// checkStored holds ranges of a stored member of 512 MiB to the figures.
func checkStored(t *testing.T, src *source, m *Member, unit []byte) {
	t.Helper()
	for _, at := range []int64{90, 10, 50, 99, 0} {
		const n = 64 << 10
		checkRange(t, m, unit, m.Size()/100*at, n)
		src.atMost(t, fmt.Sprintf("64 KiB at %d%% of 512 MiB", at), n+64<<10, 3)
	}
	checkRange(t, m, unit, 12345, 20<<20)
	src.atMost(t, "20 MiB of 512 MiB", 20<<20+64<<10, 22)
}

// checkRestart looks at the archive by a new library, which knows it from the cache.
func checkRestart(t *testing.T, src *source, cache Cache) {
	t.Helper()
	l := library(t, Config{Cache: cache})
	listAll(t, l, src.place())
	lookup(t, l, src.place(), bigName(3))
	src.atMost(t, "list and look up after a restart", 0, 0)
}

func TestFiguresStored(t *testing.T) {
	unit := bigUnit()
	for _, c := range []struct {
		name string
		file *virtual
		list int64 // bytes
		p    int
	}{
		{"stored.zip", bigZip(t, zip.Store), 13_000 + 128<<10, 3},
		{"plain.tar", bigTar(t), bigMembers * blockBytes, bigMembers + 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			src, cache := c.file.source(c.name), newMemCache()
			l := library(t, Config{Cache: cache})
			if c.name == "plain.tar" {
				lookup(t, l, src.place(), bigName(49))
				src.atMost(t, "open by name, 50th member", 50*blockBytes, 51)
				lookup(t, l, src.place(), bigName(20))
				src.atMost(t, "open by name, one before", 0, 0)
			}
			if n := listAll(t, l, src.place()); n != bigMembers {
				t.Fatalf("%d members", n)
			}
			src.atMost(t, "list", c.list, c.p)
			listAll(t, l, src.place())
			src.atMost(t, "list again", 0, 0)
			m := lookup(t, l, src.place(), bigName(bigMiddle))
			src.atMost(t, "look up", 0, 0)
			checkStored(t, src, m, unit)
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			checkRestart(t, src, cache)
		})
	}
}

func TestFiguresDeflate(t *testing.T) {
	unit := bigUnit()
	packed, _ := deflated(t, unit)
	file := bigZip(t, zip.Deflate)
	src, cache := file.source("deflate.zip"), newMemCache()
	l := library(t, Config{Cache: cache})
	if n := listAll(t, l, src.place()); n != bigMembers {
		t.Fatalf("%d members", n)
	}
	src.atMost(t, "list", 13_000+128<<10, 3)
	m := lookup(t, l, src.place(), bigName(bigMiddle))
	const top = 100 << 20 // the furthest byte asked for
	prefix := int64(top) * int64(len(packed)) / int64(len(unit))
	rnd := rand.New(rand.NewPCG(1, 2))
	checkRange(t, m, unit, top-64<<10, 64<<10)
	for range 200 {
		off := rnd.Int64N(top - 200<<10)
		checkRange(t, m, unit, off, 1+rnd.Int64N(200<<10))
	}
	src.atMost(t, "200 ranges in the first 100 MiB, in any order", prefix+prefix/50, int(prefix>>20)+3)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = library(t, Config{Cache: cache})
	m = lookup(t, l, src.place(), bigName(bigMiddle))
	checkRange(t, m, unit, 50<<20, 64<<10)
	src.atMost(t, "a range that was unpacked before a restart", 0, 0)
}

// A page that shows the start of a member does not unpack all of it.
func TestFiguresProbe(t *testing.T) {
	unit := bigUnit()
	src := bigZip(t, zip.Deflate).source("deflate.zip")
	l := library(t, Config{Cache: newMemCache()})
	m := lookup(t, l, src.place(), bigName(bigMiddle))
	src.touched()
	checkRange(t, m, unit, 0, 64<<10)
	src.atMost(t, "64 KiB from the start", 256<<10, 3)
	r, err := m.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	got := make([]byte, 1000)
	if _, err := io.ReadFull(r, got); err != nil || !bytes.Equal(got, unit[:1000]) {
		t.Fatal("wrong bytes", err)
	}
	time.Sleep(500 * time.Millisecond) // to unpack ahead
	src.atMost(t, "a reader that stops after 1000 bytes", readAhead, 8)
}

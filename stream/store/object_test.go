package store

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

const mib = 1 << 20

func TestObject(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir, 64*mib)
	o := openObject(t, s, testSpec("film", 2*mib+5, mib))
	if o.Chunks() != 3 || o.ChunkSize(0) != mib || o.ChunkSize(2) != 5 || o.ChunkSize(3) != -1 || o.ChunkSize(-1) != -1 {
		t.Fatalf("%d chunks of %d, %d, ...", o.Chunks(), o.ChunkSize(0), o.ChunkSize(2))
	}
	if o.Has(0) || !slices.Equal(missing(o, 0, 3), []int{0, 1, 2}) {
		t.Error("a new object has chunks")
	}
	if err := get(t, o, 0); !errors.Is(err, ErrMissing) {
		t.Errorf("reading an absent chunk: %v", err)
	}
	put(t, o, 1)
	put(t, o, 2)
	if o.Has(0) || !o.HasAll(1, 3) || o.HasAll(1, 4) || !slices.Equal(missing(o, 0, 3), []int{0}) {
		t.Error("chunks 1 and 2 should be here")
	}
	for _, i := range []int{1, 2} {
		if err := get(t, o, i); err != nil {
			t.Error(err)
		}
	}
	if err := o.WriteAt(1, make([]byte, 9), 0); err != nil {
		t.Errorf("writing to a verified chunk: %v", err)
	}
	if err := get(t, o, 1); err != nil { // and it changed nothing
		t.Error(err)
	}
	for name, err := range map[string]error{
		"write past the end": o.WriteAt(2, make([]byte, 6), 0),
		"write before":       o.WriteAt(2, make([]byte, 1), -1),
		"write nowhere":      o.WriteAt(3, make([]byte, 1), 0),
		"reserve nowhere":    o.Reserve(-1),
		"read past the end":  second(o.ReadAt(2, make([]byte, 6), 0)),
		"read nowhere":       second(o.ReadAt(7, make([]byte, 6), 0)),
	} {
		if !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := o.Discard(1); err != nil || o.Has(1) {
		t.Errorf("discard: %v", err)
	}
	if err := o.Discard(1); err != nil {
		t.Errorf("discard of the absent: %v", err)
	}
	if err := o.Commit(1); !errors.Is(err, ErrMissing) {
		t.Errorf("commit of the absent: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }

// Begin tells who keeps books of what was written that they are void, and Fill writes nothing that the books do not have.
func TestBegin(t *testing.T) {
	s := openStore(t, t.TempDir(), 64*mib)
	o := openObject(t, s, testSpec("film", 3*mib, mib))
	begin := func(i int, want bool) {
		t.Helper()
		if anew, err := o.Begin(i); err != nil || anew != want {
			t.Fatalf("Begin(%d) = %v, %v, want %v", i, anew, err, want)
		}
	}
	data := content("film", 0, mib)
	if err := o.Fill(0, data, 0); !errors.Is(err, ErrMissing) {
		t.Errorf("filling what nobody has reserved: %v", err)
	}
	begin(0, true)
	begin(0, false)
	if err := o.Fill(0, data[:9], 0); err != nil {
		t.Fatal(err)
	}
	must(t, o.Discard(0))
	if err := o.Fill(0, data, 0); !errors.Is(err, ErrMissing) {
		t.Errorf("filling what was dropped: %v", err)
	}
	begin(0, true)
	must(t, errors.Join(o.Fill(0, data, 0), o.Commit(0)))
	begin(0, false)
	if err := errors.Join(o.Fill(0, data[:9], 9), get(t, o, 0)); err != nil {
		t.Errorf("filling what is verified: %v", err)
	}
	if _, err := o.Begin(3); err == nil {
		t.Error("there is no chunk 3 to begin")
	}
}

func TestFilling(t *testing.T) {
	s := openStore(t, t.TempDir(), 64*mib)
	o := openObject(t, s, testSpec("film", 3*mib, mib))
	data := content("film", 0, mib)
	for range 2 { // Reserve is idempotent
		if err := o.Reserve(0); err != nil {
			t.Fatal(err)
		}
	}
	p := make([]byte, 64<<10)
	if _, err := o.ReadFilling(0, p, 0); !errors.Is(err, ErrMissing) {
		t.Errorf("reading what was not written: %v", err)
	}
	w := func(off, n int) {
		t.Helper()
		if err := o.WriteAt(0, data[off:off+n], int64(off)); err != nil {
			t.Fatal(err)
		}
	}
	w(16<<10, 16<<10)
	w(48<<10, 16<<10)
	if n, err := o.ReadFilling(0, p, 20<<10); err != nil || n != 12<<10 || !bytes.Equal(p[:n], data[20<<10:32<<10]) {
		t.Errorf("ReadFilling in a run: %d, %v", n, err)
	}
	if _, err := o.ReadFilling(0, p, 32<<10); !errors.Is(err, ErrMissing) {
		t.Errorf("ReadFilling in a gap: %v", err)
	}
	if _, err := o.ReadAt(0, p[:9], 20<<10); !errors.Is(err, ErrMissing) {
		t.Errorf("ReadAt of a filling chunk: %v", err)
	}
	if err := o.Commit(0); !errors.Is(err, ErrMissing) {
		t.Errorf("Commit of a chunk with gaps: %v", err)
	}
	if _, err := o.WriteChunkTo(0, io.Discard); !errors.Is(err, ErrMissing) {
		t.Errorf("WriteChunkTo of a chunk with gaps: %v", err)
	}
	w(0, 16<<10)
	w(32<<10, 16<<10)
	w(64<<10, mib-64<<10)
	var b bytes.Buffer
	if n, err := o.WriteChunkTo(0, &b); err != nil || n != mib || !bytes.Equal(b.Bytes(), data) {
		t.Errorf("WriteChunkTo: %d bytes, %v", n, err)
	}
	if err := o.Commit(0); err != nil {
		t.Fatal(err)
	}
	if err := o.Commit(0); err != nil {
		t.Errorf("second Commit: %v", err)
	}
	if n, err := o.ReadFilling(0, p, mib-10); err != nil || n != 10 || !bytes.Equal(p[:n], data[mib-10:]) {
		t.Errorf("ReadFilling of a verified chunk: %d, %v", n, err)
	}
	if n, err := o.ReadFilling(0, p, mib); err != io.EOF || n != 0 {
		t.Errorf("ReadFilling at the end: %d, %v", n, err)
	}
	b.Reset()
	if n, err := o.WriteChunkTo(0, &b); err != nil || n != mib || !bytes.Equal(b.Bytes(), data) {
		t.Errorf("WriteChunkTo of a verified chunk: %d bytes, %v", n, err)
	}
}

func TestSpec(t *testing.T) {
	s := openStore(t, t.TempDir(), 64*mib)
	for name, change := range map[string]func(*Spec){
		"space":      func(s *Spec) { s.Space = "../x" },
		"id":         func(s *Spec) { s.ID = "A" },
		"size":       func(s *Spec) { s.Size = -1 },
		"chunk":      func(s *Spec) { s.Chunk = 0 },
		"many":       func(s *Spec) { s.Size, s.Chunk = 1<<40, 1 },
		"overflow":   func(s *Spec) { s.Size, s.Chunk = 1<<62, 1<<62 },
		"no id":      func(s *Spec) { s.ID = "" },
		"huge chunk": func(s *Spec) { s.Chunk = 1<<63 - 1 },
	} {
		spec := testSpec("film", mib, mib)
		change(&spec)
		if _, err := s.Object(spec); err == nil {
			t.Errorf("%s: accepted %+v", name, spec)
		}
	}
	if roots := s.Roots(); len(roots) != 0 {
		t.Errorf("left behind: %+v", roots)
	}
	empty := openObject(t, s, testSpec("empty", 0, mib))
	if empty.Chunks() != 0 || empty.Has(0) {
		t.Error("an empty object has chunks")
	}
	spec := testSpec("film", mib, mib)
	spec.Name = strings.Repeat("ä", 300) + "\xff"
	o := openObject(t, s, spec)
	if name := s.Roots()[0].Name; len(name) != 512 {
		t.Errorf("a name of %d bytes", len(name))
	}
	if _, err := s.Object(testSpec("film", mib, mib/2)); err == nil {
		t.Error("opened twice with different chunks")
	}
	o.Close()
	openObject(t, s, testSpec("film", mib, mib/2)).Close()
}

// TestSharedObject: several handles share the chunks; the last one that closes leaves nothing behind that has no bytes.
func TestSharedObject(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir, 64*mib)
	spec := testSpec("film", 4*mib, mib)
	a, b := openObject(t, s, spec), openObject(t, s, spec)
	put(t, a, 0)
	if err := get(t, b, 0); err != nil {
		t.Error(err)
	}
	a.Close()
	if err := a.Close(); err != nil {
		t.Error(err)
	}
	for name, err := range map[string]error{
		"ReadAt": second(a.ReadAt(0, make([]byte, 1), 0)), "WriteAt": a.WriteAt(1, make([]byte, 1), 0), "Commit": a.Commit(0),
		"Reserve": a.Reserve(1), "Discard": a.Discard(0), "ReadFilling": second(a.ReadFilling(0, make([]byte, 1), 0)),
		"WriteChunkTo": second(a.WriteChunkTo(0, io.Discard)),
	} {
		if !errors.Is(err, fs.ErrClosed) {
			t.Errorf("%s of a closed handle: %v", name, err)
		}
	}
	if err := get(t, b, 0); err != nil {
		t.Error(err)
	}
	if err := b.Discard(0); err != nil {
		t.Error(err)
	}
	b.Close()
	if roots := s.Roots(); len(roots) != 0 {
		t.Errorf("left behind: %+v", roots)
	}
	if _, err := os.Stat(filepath.Join(dir, "objects", "test", "film")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder is still there: %v", err)
	}
	if used := s.Usage().Used; used != s.base {
		t.Errorf("%d bytes are still booked", used-s.base)
	}
}

// TestReopen: what was committed survives, what was not does not, and a chunk is checked once.
func TestReopen(t *testing.T) {
	dir := t.TempDir()
	spec := testSpec("film", 3*mib+7, mib)
	s := openStore(t, dir, 64*mib)
	o := openObject(t, s, spec)
	put(t, o, 0)
	put(t, o, 3)
	if err := o.WriteAt(1, make([]byte, 100), 0); err != nil {
		t.Fatal(err)
	}
	o.Close()
	used := s.Usage().Used
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Object(spec); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("Object of a closed store: %v", err)
	}

	s = openStore(t, dir, 64*mib)
	r := s.Roots()
	if len(r) != 1 || r[0].Name != "The film" || r[0].Size != spec.Size || r[0].Space != "test" || r[0].ID != "film" {
		t.Errorf("roots: %+v", r)
	}
	if now := s.Usage().Used; now > used || now < used-2*mib {
		t.Errorf("used: %d before, %d after", used, now)
	}
	checks := 0
	inner := spec.Check
	spec.Check = func(i int, r io.Reader) error { checks++; return inner(i, r) }
	o = openObject(t, s, spec)
	if !slices.Equal(missing(o, 0, 4), []int{1, 2}) {
		t.Errorf("missing: %v", missing(o, 0, 4))
	}
	for range 3 {
		if err := errors.Join(get(t, o, 0), get(t, o, 3)); err != nil {
			t.Error(err)
		}
	}
	if checks != 2 {
		t.Errorf("%d checks, want one a chunk", checks)
	}
}

// TestOpenFiles: however many chunks are read, few files are open, and none after Close.
func TestOpenFiles(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("counts open files in /proc")
	}
	open := func() (n int) {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if target, _ := os.Readlink("/proc/self/fd/" + e.Name()); strings.Contains(target, "objects") {
				n++
			}
		}
		return n
	}
	s := openStore(t, t.TempDir(), 64*mib)
	o := openObject(t, s, testSpec("many", 400*4096, 4096))
	for i := range o.Chunks() {
		put(t, o, i)
	}
	for i := range o.Chunks() {
		if err := get(t, o, i); err != nil {
			t.Fatal(err)
		}
	}
	if n := open(); n > openLimit || n < openLimit/2 {
		t.Errorf("%d files are open, want at most %d", n, openLimit)
	}
	o.Close()
	s.Close()
	if n := open(); n > 0 {
		t.Errorf("%d files are still open", n)
	}
}

package app

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/zeronetscript/universal_p2p/archive"
	"github.com/zeronetscript/universal_p2p/stream/store"
)

// bytesFile is a file in memory that counts how much of it was read.
type bytesFile struct {
	path string
	data []byte
	read int
}

func (f *bytesFile) Path() string       { return f.path }
func (f *bytesFile) Size() int64        { return int64(len(f.data)) }
func (f *bytesFile) ModTime() time.Time { return time.Time{} }
func (f *bytesFile) Open(context.Context) (io.ReadSeekCloser, error) {
	return &bytesReader{bytes.NewReader(f.data), f}, nil
}

type bytesReader struct {
	*bytes.Reader
	f *bytesFile
}

func (r *bytesReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.f.read += n
	return n, err
}

func (r *bytesReader) Close() error { return nil }

// zipOf packs one member with deflate.
func zipOf(t *testing.T, name string, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	f, err := w.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	f.Write(data)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func half(n int) []byte {
	rnd := rand.NewChaCha8([32]byte{1})
	b := make([]byte, n)
	rnd.Read(b)
	for i := range b {
		b[i] &= 15
	}
	return b
}

func readThrough(t *testing.T, l *archive.Library, f archive.Source, name string, off int64, want []byte) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	m, rest, err := l.Lookup(ctx, archive.Place{Root: "test/v0/1", File: f}, name)
	if err != nil || rest != "" {
		return errors.Join(err, errors.New(rest))
	}
	r, err := m.Open(ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	if _, err := r.Seek(off, io.SeekStart); err != nil {
		return err
	}
	got := make([]byte, len(want))
	if _, err := io.ReadFull(r, got); err != nil {
		return err
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%d bytes of %s at %d are wrong", len(want), name, off)
	}
	return nil
}

// What was unpacked outlives the program, and is found again without the archive.
func TestArchiveCacheRestart(t *testing.T) {
	dir, data := t.TempDir(), half(5<<20)
	f := &bytesFile{path: "a.zip", data: zipOf(t, "big.bin", data)}
	for life := range 2 {
		st, err := store.Open(dir, store.Options{Quota: 64 << 20})
		if err != nil {
			t.Fatal(err)
		}
		l := newLibrary(st, slog.New(slog.DiscardHandler))
		f.read = 0
		if err := readThrough(t, l, f, "big.bin", 0, data); err != nil {
			t.Fatal(err)
		}
		if life == 1 && f.read > 0 {
			t.Errorf("after a restart %d bytes of the archive were read", f.read)
		}
		if err := errors.Join(l.Close(), st.Close()); err != nil {
			t.Fatal(err)
		}
	}
}

// A member that is larger than the quota still plays, and the store never passes its quota by more than a chunk or two.
func TestArchiveCacheSmallQuota(t *testing.T) {
	const quota = 24 << 20
	dir, data := t.TempDir(), half(60<<20)
	f := &bytesFile{path: "a.zip", data: zipOf(t, "big.bin", data)}
	st, err := store.Open(dir, store.Options{Quota: quota})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	l := newLibrary(st, slog.New(slog.DiscardHandler))
	defer l.Close()
	for off := 0; off < len(data); off += 6 << 20 {
		if err := readThrough(t, l, f, "big.bin", int64(off), data[off:off+6<<20]); err != nil {
			t.Fatal(err)
		}
		if u := st.Usage(); u.Used > quota+2<<20 {
			t.Errorf("the store takes %d of %d bytes", u.Used, quota)
		}
	}
	if err := readThrough(t, l, f, "big.bin", 0, data[:1<<20]); err != nil { // it has gone meanwhile
		t.Error(err)
	}
}

// A store without any room says so, and not that the archive is damaged.
func TestArchiveCacheFull(t *testing.T) {
	dir, data := t.TempDir(), half(5<<20)
	f := &bytesFile{path: "a.zip", data: zipOf(t, "big.bin", data)}
	st, err := store.Open(dir, store.Options{Quota: 128 << 10})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	l := newLibrary(st, slog.New(slog.DiscardHandler))
	defer l.Close()
	if err := readThrough(t, l, f, "big.bin", 0, data); !errors.Is(err, store.ErrFull) {
		t.Errorf("without room: %v, want %v", err, store.ErrFull)
	}
}

// A chunk that rots on the disk is unpacked again.
func TestArchiveCacheRots(t *testing.T) {
	dir, data := t.TempDir(), half(3<<20)
	f := &bytesFile{path: "a.zip", data: zipOf(t, "big.bin", data)}
	for life := range 2 {
		st, err := store.Open(dir, store.Options{Quota: 64 << 20})
		if err != nil {
			t.Fatal(err)
		}
		l := newLibrary(st, slog.New(slog.DiscardHandler))
		if err := readThrough(t, l, f, "big.bin", 0, data); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(l.Close(), st.Close()); err != nil {
			t.Fatal(err)
		}
		if life == 0 {
			chunks, err := filepath.Glob(filepath.Join(dir, "objects", archiveSpace, "*", "0", "*"))
			if err != nil || len(chunks) < 3 {
				t.Fatalf("chunks on disk: %q, %v", chunks, err)
			}
			for _, c := range chunks {
				b, err := os.ReadFile(c)
				if err != nil {
					t.Fatal(err)
				}
				b[len(b)/2] ^= 1
				if err := os.WriteFile(c, b, 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"path/filepath"
	"testing"
)

// content is what chunk i of the object id always has, so that a test can tell any byte from any other.
func content(id string, i int, size int64) []byte {
	b := make([]byte, (size+7)/8*8)
	seed := uint64(i+1) * 0x9E3779B97F4A7C15
	for _, c := range id {
		seed = seed*31 + uint64(c)
	}
	for j := 0; j < len(b); j += 8 {
		seed ^= seed << 13
		seed ^= seed >> 7
		seed ^= seed << 17
		binary.LittleEndian.PutUint64(b[j:], seed)
	}
	return b[:size]
}

// testSpec is an object whose check knows content.
func testSpec(id string, size, chunk int64) Spec {
	return Spec{Space: "test", ID: id, Name: "The " + id, Size: size, Chunk: chunk,
		Check: func(i int, r io.Reader) error {
			got, err := io.ReadAll(r)
			if err != nil {
				return err
			}
			if !bytes.Equal(got, content(id, i, int64(len(got)))) {
				return fmt.Errorf("chunk %d of %s has other bytes", i, id)
			}
			return nil
		}}
}

func openStore(t testing.TB, dir string, quota int64) *Store {
	t.Helper()
	s, err := Open(dir, Options{Quota: quota, Log: testLog(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func testLog(t testing.TB) *slog.Logger {
	if !testing.Verbose() {
		return nil
	}
	return slog.New(slog.NewTextHandler(t.Output(), nil))
}

func openObject(t testing.TB, s *Store, spec Spec) *Object {
	t.Helper()
	o, err := s.Object(spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { o.Close() })
	return o
}

// put fills and commits chunk i.
func put(t testing.TB, o *Object, i int) {
	t.Helper()
	if err := tryPut(o, i); err != nil {
		t.Fatal(err)
	}
}

func tryPut(o *Object, i int) error {
	data := content(o.root.id, i, o.ChunkSize(i))
	for off := 0; off < len(data); off += 16 << 10 {
		if err := o.WriteAt(i, data[off:min(len(data), off+16<<10)], int64(off)); err != nil {
			return err
		}
	}
	return o.Commit(i)
}

// get reads chunk i whole and compares it; an error of ReadAt is returned, a wrong byte ends the test.
func get(t testing.TB, o *Object, i int) error {
	t.Helper()
	want := content(o.root.id, i, o.ChunkSize(i))
	got := make([]byte, len(want))
	if _, err := o.ReadAt(i, got, 0); err != nil {
		return err
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("chunk %d of %s: wrong bytes were served", i, o.root.id)
	}
	return nil
}

// missing lists the chunks of [from, to) that are not here.
func missing(o *Object, from, to int) (list []int) {
	for i := from; i < to; i++ {
		if !o.Has(i) {
			list = append(list, i)
		}
	}
	return list
}

// du is what du says of dir, in bytes.
func du(t testing.TB, dir string) (n int64) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		var info fs.FileInfo
		if err == nil {
			info, err = e.Info()
		}
		if err == nil {
			n += allocated(info)
		}
		if errors.Is(err, fs.ErrNotExist) { // the store is at work
			return nil
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

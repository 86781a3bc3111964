package store

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
)

// looseSpec is a loose object. Each chunk begins with its number, and has it in every byte that follows.
func looseSpec(id string) Spec {
	return Spec{Space: "test", ID: id, Chunk: 1 << 20, Loose: true, Check: func(i int, r io.Reader) error {
		b, err := io.ReadAll(r)
		if err == nil && !bytes.Equal(b, looseChunk(i, len(b))) {
			err = fmt.Errorf("chunk %d has other bytes", i)
		}
		return err
	}}
}

func looseChunk(i, n int) []byte { return bytes.Repeat([]byte{byte(i), byte(i >> 8), 7}, n/3+1)[:n] }

// Chunks of a loose object come in any order and size, and are found again by their tags, also by the next process.
func TestLoose(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir, Options{Quota: 64 << 20})
	if err != nil {
		t.Fatal(err)
	}
	o, err := s.Object(looseSpec("a"))
	if err != nil {
		t.Fatal(err)
	}
	sizes := map[int]int{0: 1, 5: 1 << 20, 1023: 10, 1024: 70_000, Dear: 3000, 2*Dear - 1: 77}
	for i, n := range sizes {
		if err := o.Put(i, uint32(i)*3, looseChunk(i, n)); err != nil {
			t.Fatal(err)
		}
	}
	check := func() {
		t.Helper()
		var got []int
		for _, tag := range s.Tags("test") {
			if tag.ID != "a" || tag.Tag != uint32(tag.Chunk)*3 {
				t.Errorf("tag %+v", tag)
			}
			got = append(got, tag.Chunk)
		}
		if len(got) != len(sizes) {
			t.Errorf("tags of the chunks %d", got)
		}
		for i, n := range sizes {
			b, err := o.ReadChunk(i)
			if err != nil || !bytes.Equal(b, looseChunk(i, n)) {
				t.Errorf("chunk %d: %d bytes, %v", i, len(b), err)
			}
		}
	}
	check()
	for _, c := range []struct {
		i    int
		p    []byte
		want error
	}{
		{5, []byte{1}, fs.ErrExist}, {-1, []byte{1}, fs.ErrInvalid}, {2 * Dear, []byte{1}, fs.ErrInvalid}, {7, nil, fs.ErrInvalid},
		{7, make([]byte, 1<<20+1), fs.ErrInvalid},
	} {
		if err := o.Put(c.i, 0, c.p); !errors.Is(err, c.want) {
			t.Errorf("Put(%d, %d bytes): %v", c.i, len(c.p), err)
		}
	}
	if err := o.Reserve(8); err == nil {
		t.Error("a chunk of a loose object was reserved, of nobody knows what size")
	}
	if err := o.WriteAt(8, []byte{1}, 0); err == nil {
		t.Error("a chunk of a loose object was written bit by bit")
	}
	if _, err := o.ReadChunk(8); !errors.Is(err, ErrMissing) {
		t.Errorf("a chunk that is not here: %v", err)
	}
	if err := errors.Join(o.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}

	if s, err = Open(dir, Options{Quota: 64 << 20}); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if o, err = s.Object(looseSpec("a")); err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	check()
}

// What was damaged between two runs is noticed, dropped, and can be put again.
func TestLooseDamage(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir, Options{Quota: 64 << 20})
	if err != nil {
		t.Fatal(err)
	}
	o, err := s.Object(looseSpec("a"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		if err := o.Put(i, 9, looseChunk(i, 5000)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(o.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	path := func(i int) string {
		return filepath.Join(dir, "objects", "test", "a", "0", fmt.Sprintf("%d-%08x", i, 9))
	}
	if err := os.WriteFile(path(0), make([]byte, 5000), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path(1), 4000); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "objects", "test", "a", "object.json")); err != nil {
		t.Fatal(err)
	}
	s = openStore(t, dir, 64<<20)
	o = openObject(t, s, looseSpec("a"))
	if _, err := o.ReadChunk(0); !errors.Is(err, ErrMissing) {
		t.Errorf("other bytes: %v", err)
	}
	// A shorter chunk of the same bytes is right as far as this check can tell; of another object it would not be.
	if b, err := o.ReadChunk(1); err != nil || !bytes.Equal(b, looseChunk(1, 4000)) {
		t.Errorf("a shorter chunk: %v", err)
	}
	if b, err := o.ReadChunk(2); err != nil || !bytes.Equal(b, looseChunk(2, 5000)) {
		t.Errorf("a chunk without a mistake: %v", err)
	}
	if err := o.Put(0, 9, looseChunk(0, 6000)); err != nil {
		t.Errorf("putting a chunk again: %v", err)
	}
	if b, err := o.ReadChunk(0); err != nil || !bytes.Equal(b, looseChunk(0, 6000)) {
		t.Errorf("the chunk that was put again: %v", err)
	}
}

// Dear chunks outlive the others that were used at the same time, and go when there is nothing else.
func TestLooseDear(t *testing.T) {
	s := openStore(t, t.TempDir(), 2<<20)
	o := openObject(t, s, looseSpec("a"))
	for i := range 4 {
		if err := o.Put(Dear+i, 1, looseChunk(Dear+i, 4000)); err != nil {
			t.Fatal(err)
		}
	}
	next := 0
	fill := func(n int) {
		for range n {
			if err := o.Put(next, 2, looseChunk(next, 100_000)); err != nil {
				t.Fatal(err)
			}
			next++
		}
		if used := s.Usage().Used; used > 2<<20 {
			t.Errorf("%d bytes used", used)
		}
	}
	here := func() (n int) {
		for i := range 4 {
			if o.Has(Dear + i) {
				n++
			}
		}
		return n
	}
	fill(30)
	if here() != 4 {
		t.Errorf("%d of 4 dear chunks are left after one round", here())
	}
	fill(60)
	if here() != 0 {
		t.Errorf("%d dear chunks are left that nobody has used", here())
	}
	// When all that is there is dear, it goes at once.
	o2 := openObject(t, s, looseSpec("b"))
	for i := range 40 {
		if err := o2.Put(Dear+i, 1, looseChunk(Dear+i, 100_000)); err != nil {
			t.Fatal(err)
		}
	}
}

// Many put and read at once, in a store that is too small for all.
func TestLooseConcurrent(t *testing.T) {
	s := openStore(t, t.TempDir(), 1<<20)
	o := openObject(t, s, looseSpec("a"))
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 100 {
				i = i*4 + w
				if err := o.Put(i, 0, looseChunk(i, 20_000+i)); err != nil {
					t.Error(err)
					return
				}
				b, err := o.ReadChunk(i)
				if err != nil && !errors.Is(err, ErrMissing) {
					t.Error(err)
				}
				if err == nil && !bytes.Equal(b, looseChunk(i, 20_000+i)) {
					t.Errorf("chunk %d has other bytes", i)
				}
				if i%7 == 0 {
					o.Discard(i)
				}
				s.Tags("test")
			}
		})
	}
	wg.Wait()
	if n := o.Stored(); n <= 0 || n > 1<<20 {
		t.Errorf("%d bytes stored", n)
	}
	if !slices.ContainsFunc(s.Tags("test"), func(tag Tag) bool { return tag.ID == "a" }) {
		t.Error("nothing is left")
	}
}

package store

import (
	"errors"
	"math/rand/v2"
	"testing"
)

// make40k returns the folder of a store of 40,000 chunks of 16 KiB.
func make40k(b *testing.B) (dir string, spec Spec) {
	b.Helper()
	dir = b.TempDir()
	spec = testSpec("many", 40_000*(16<<10), 16<<10)
	s := openStore(b, dir, 10<<30)
	o := openObject(b, s, spec)
	for i := range o.Chunks() {
		put(b, o, i)
	}
	o.Close()
	s.Close()
	return dir, spec
}

// BenchmarkWriteRead: 1 MiB chunks as a download that is watched: 64 blocks in, commit, 16 reads out.
func BenchmarkWriteRead(b *testing.B) {
	s := openStore(b, b.TempDir(), 256<<20)
	o := openObject(b, s, testSpec("film", 4<<30, 1<<20))
	p := make([]byte, 64<<10)
	b.SetBytes(1 << 20)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		i = (i + 1) % o.Chunks()
		for off := int64(0); off < 1<<20; off += 16 << 10 {
			if err := o.WriteAt(i, p[:16<<10], off); err != nil {
				b.Fatal(err)
			}
		}
		if err := o.Commit(i); err != nil {
			b.Fatal(err)
		}
		for off := int64(0); off < 1<<20; off += 64 << 10 {
			if _, err := o.ReadAt(i, p, off); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkWrite16K is one block into a chunk that is filling.
func BenchmarkWrite16K(b *testing.B) {
	s := openStore(b, b.TempDir(), 256<<20)
	o := openObject(b, s, testSpec("film", 1<<30, 16<<20))
	p := make([]byte, 16<<10)
	b.SetBytes(int64(len(p)))
	b.ReportAllocs()
	off := int64(0)
	for b.Loop() {
		if err := o.WriteAt(0, p, off); err != nil {
			b.Fatal(err)
		}
		off = (off + 16<<10) % (16 << 20)
	}
}

// BenchmarkRandomRead is 64 KiB anywhere in 200 chunks of 1 MiB, more than stay open.
func BenchmarkRandomRead(b *testing.B) {
	s := openStore(b, b.TempDir(), 512<<20)
	o := openObject(b, s, testSpec("film", 200<<20, 1<<20))
	for i := range o.Chunks() {
		put(b, o, i)
	}
	p := make([]byte, 64<<10)
	b.SetBytes(int64(len(p)))
	b.ReportAllocs()
	r := rand.New(rand.NewPCG(1, 2))
	for b.Loop() {
		if _, err := o.ReadAt(r.IntN(o.Chunks()), p, int64(r.IntN(16))<<16); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkGet40k is 16 KiB, a whole chunk, anywhere in 40,000 chunks: nearly every read opens a file.
func BenchmarkGet40k(b *testing.B) {
	dir, spec := make40k(b)
	s := openStore(b, dir, 10<<30)
	o := openObject(b, s, spec)
	p := make([]byte, 16<<10)
	for i := range o.Chunks() { // checked once
		if _, err := o.ReadAt(i, p, 0); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(int64(len(p)))
	b.ReportAllocs()
	r := rand.New(rand.NewPCG(1, 2))
	for b.Loop() {
		if _, err := o.ReadAt(r.IntN(o.Chunks()), p, 0); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPutEvict40k puts a chunk of 16 KiB into a full store of 40,000, which evicts another.
func BenchmarkPutEvict40k(b *testing.B) {
	dir, spec := make40k(b)
	s := openStore(b, dir, 10<<30)
	if err := s.SetLimits(s.Usage().Used, 0); err != nil {
		b.Fatal(err)
	}
	spec.ID = "more"
	o := openObject(b, s, spec)
	b.ReportAllocs()
	p := make([]byte, 16<<10)
	i := 0
	for b.Loop() {
		if err := errors.Join(o.WriteAt(i, p, 0), o.Commit(i)); err != nil {
			b.Fatal(err)
		}
		if i = (i + 1) % o.Chunks(); i == 0 {
			b.StopTimer() // all new: start over
			if _, err := s.Remove("test", "more"); err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
		}
	}
}

// BenchmarkOpen40k opens a store of 40,000 chunks that the system has listed before.
func BenchmarkOpen40k(b *testing.B) {
	dir, _ := make40k(b)
	b.ReportAllocs()
	for b.Loop() {
		s, err := Open(dir, Options{Quota: 10 << 30})
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

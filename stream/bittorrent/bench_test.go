package bittorrent_test

import (
	"context"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/zeronetscript/universal_p2p/stream"
)

// The seeder runs in the same process, so that the figures hold its work too: they are for comparing changes. Those of the
// built program against other seeders and over a slow line come from the rig in app/swarmtest.

const benchSize = 128 << 20

// BenchmarkFirstByte joins a swarm by its bare infohash and reads one byte.
func BenchmarkFirstByte(b *testing.B) {
	s := newSeed(b, "video.mp4", 1<<20, map[string][]byte{"video.mp4": randomBytes(8 << 20)}, nil)
	for b.Loop() {
		b.StopTimer()
		be, _ := newBackend(b, b.TempDir(), 1<<30, nil)
		b.StartTimer()
		t := open(b, be, s.root())
		readAll(b, lookup(b, t, ""), 0, 1, true)
		b.StopTimer()
		be.Close()
		b.StartTimer()
	}
}

// BenchmarkThroughput downloads a whole file, verified.
func BenchmarkThroughput(b *testing.B) {
	s := newSeed(b, "video.mp4", 1<<20, map[string][]byte{"video.mp4": randomBytes(benchSize)}, nil)
	b.SetBytes(benchSize)
	for b.Loop() {
		b.StopTimer()
		be, _ := newBackend(b, b.TempDir(), 1<<30, nil)
		t := open(b, be, s.root())
		r, err := lookup(b, t, "").Open(context.Background())
		if err != nil {
			b.Fatal(err)
		}
		r.(stream.Expecter).Expect(0, benchSize)
		b.StartTimer()
		n, err := io.CopyBuffer(io.Discard, struct{ io.Reader }{r}, make([]byte, 128<<10))
		if err != nil || n != benchSize {
			b.Fatal(n, err)
		}
		b.StopTimer()
		r.Close()
		be.Close()
		b.StartTimer()
	}
}

// BenchmarkRandomReads reads 64 KiB at random places of a file that is here.
func BenchmarkRandomReads(b *testing.B) {
	s := newSeed(b, "video.mp4", 1<<20, map[string][]byte{"video.mp4": randomBytes(benchSize)}, nil)
	be, _ := newBackend(b, b.TempDir(), 1<<30, nil)
	f := lookup(b, open(b, be, s.root()), "")
	readAll(b, f, 0, benchSize, false)
	r, err := f.Open(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	buf := make([]byte, 64<<10)
	b.SetBytes(int64(len(buf)))
	for b.Loop() {
		if _, err := r.Seek(rand.Int64N(benchSize-int64(len(buf))), io.SeekStart); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(r, buf); err != nil {
			b.Fatal(err)
		}
	}
}

package inflate

import (
	"bytes"
	"compress/flate"
	"encoding/base64"
	"fmt"
	gobuild "go/build"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
)

// goroot returns a file of the Go distribution.
func goroot(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(gobuild.Default.GOROOT, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func noise(n int) []byte {
	p := make([]byte, n)
	r := rand.NewChaCha8([32]byte{})
	r.Read(p)
	return p
}

// program returns machine code: that of the test itself, up to n bytes.
func program(t testing.TB, n int) []byte {
	t.Helper()
	name, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b[:min(n, len(b))]
}

// A sample is something to compress.
type sample struct {
	name string
	data []byte
}

func samples(t testing.TB) []sample {
	text := goroot(t, "src/testdata/Isaac.Newton-Opticks.txt")
	bin := program(t, 1<<20)
	return []sample{
		{"nothing", nil},
		{"a byte", []byte{'x'}},
		{"gettysburg", goroot(t, "src/compress/testdata/gettysburg.txt")},
		{"e", goroot(t, "src/compress/testdata/e.txt")},
		{"pi", goroot(t, "src/compress/testdata/pi.txt")},
		{"text", text},
		{"program", bin},
		{"noise", noise(300_000)},
		{"zeros", make([]byte, 1_000_000)},
		{"base64", []byte(base64.StdEncoding.EncodeToString(noise(200_000)))},
		{"mixed", slices.Concat(text[:100_000], noise(70_000), bin[:200_000], make([]byte, 70_000), text[50_000:150_000])},
		{"periods", periods()},
	}
}

// periods repeats with each short period for a while, as pictures and tables do.
func periods() []byte {
	var b []byte
	for n := 1; n <= 40; n++ {
		b = append(b, noise(n)...)
		for range 1000 {
			b = append(b, b[len(b)-n])
		}
	}
	return b
}

var levels = []int{flate.HuffmanOnly, flate.NoCompression, 1, 2, 3, 4, 5, 6, 7, 8, 9}

func deflate(t testing.TB, data []byte, level int) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, level)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// A stream is deflated data.
type stream struct {
	name    string
	z, data []byte
}

var allStreams struct {
	sync.Once
	list []stream
}

// streams returns every sample at every level, and blocks that are not of a compressor.
func streams(t testing.TB) []stream {
	allStreams.Do(func() {
		for _, s := range samples(t) {
			for _, l := range levels {
				allStreams.list = append(allStreams.list, stream{fmt.Sprintf("%s at level %d", s.name, l), deflate(t, s.data, l), s.data})
			}
		}
		for seed := range uint64(4) {
			z, data := oneBlock(300_000, seed)
			allStreams.list = append(allStreams.list, stream{fmt.Sprintf("one block %d", seed), z, data})
		}
	})
	return allStreams.list
}

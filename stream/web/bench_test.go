package web

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"testing"
)

// BenchmarkFirstByte is one request over a kept connection: 64 KiB from somewhere in a file, until its first byte.
func BenchmarkFirstByte(b *testing.B) {
	f := newFront(b)
	get := f.benchGet(b)
	one := make([]byte, 1)
	b.ReportAllocs()
	for b.Loop() {
		res := get("bytes=3000000-3065535")
		if _, err := io.ReadFull(res.Body, one); err != nil {
			b.Fatal(err)
		}
		io.Copy(io.Discard, res.Body)
		res.Body.Close()
	}
}

// BenchmarkThroughput is a big file as a whole.
func BenchmarkThroughput(b *testing.B) {
	f := newFront(b)
	big := make([]byte, 256<<20)
	f.mem.Add("big", "", map[string][]byte{"big.bin": big})
	buf := make([]byte, 256<<10)
	b.SetBytes(int64(len(big)))
	b.ReportAllocs()
	for b.Loop() {
		res, err := f.client.Get("http://" + f.addr + "/mem/v0/stream/big")
		if err != nil {
			b.Fatal(err)
		}
		n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, res.Body, buf)
		if err != nil || n != int64(len(big)) {
			b.Fatal(n, err)
		}
		res.Body.Close()
	}
}

// BenchmarkRandomRanges is 64 KiB here and there.
func BenchmarkRandomRanges(b *testing.B) {
	f := newFront(b)
	get := f.benchGet(b)
	rnd := rand.New(rand.NewPCG(1, 2))
	const n = 64 << 10
	size := len(content["video.mp4"])
	b.SetBytes(n)
	b.ReportAllocs()
	for b.Loop() {
		off := rnd.IntN(size - n)
		res := get(fmt.Sprintf("bytes=%d-%d", off, off+n-1))
		if got, err := io.Copy(io.Discard, res.Body); got != n || err != nil {
			b.Fatal(got, err)
		}
		res.Body.Close()
	}
}

// benchGet returns a function that asks for a range of the video.
func (f *front) benchGet(b *testing.B) func(rng string) *http.Response {
	req, err := http.NewRequest("GET", "http://"+f.addr+"/mem/v0/stream/tree1/video.mp4", nil)
	if err != nil {
		b.Fatal(err)
	}
	return func(rng string) *http.Response {
		req.Header.Set("Range", rng)
		res, err := f.client.Do(req)
		if err != nil || res.StatusCode != http.StatusPartialContent {
			b.Fatal(res, err)
		}
		return res
	}
}

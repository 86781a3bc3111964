package inflate

import (
	"bytes"
	"compress/flate"
	"io"
	"testing"
)

// BenchmarkDecode compares with compress/flate on the same streams.
func BenchmarkDecode(b *testing.B) {
	for _, s := range samples(b) {
		if len(s.data) < 100_000 {
			continue
		}
		z := deflate(b, s.data, 6)
		b.Run(s.name+"/inflate", func(b *testing.B) {
			src := bytes.NewReader(nil)
			r := NewReader(src)
			measure(b, s.data, func() io.Reader {
				src.Reset(z)
				r.Reset(Checkpoint{}, src)
				return r
			})
		})
		b.Run(s.name+"/flate", func(b *testing.B) {
			src := bytes.NewReader(nil)
			r := flate.NewReader(src)
			measure(b, s.data, func() io.Reader {
				src.Reset(z)
				if err := r.(flate.Resetter).Reset(src, nil); err != nil {
					b.Fatal(err)
				}
				return r
			})
		})
	}
}

func measure(b *testing.B, data []byte, open func() io.Reader) {
	p := make([]byte, 32<<10)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		r := open()
		for {
			if _, err := r.Read(p); err == io.EOF {
				break
			} else if err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkCheckpoint measures what one costs, to say, to write and to go on from.
func BenchmarkCheckpoint(b *testing.B) {
	for _, s := range samples(b) {
		if s.name != "text" && s.name != "program" && s.name != "noise" {
			continue
		}
		z := deflate(b, s.data, 6)
		r := NewReader(bytes.NewReader(z))
		if _, err := io.CopyN(io.Discard, r, 200_000); err != nil {
			b.Fatal(err)
		}
		c := r.Checkpoint()
		blob, _ := c.MarshalBinary()
		b.Run(s.name+"/say", func(b *testing.B) {
			for b.Loop() {
				r.Checkpoint()
			}
		})
		b.Run(s.name+"/marshal", func(b *testing.B) {
			for b.Loop() {
				if _, err := c.MarshalBinary(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(len(blob)), "bytes")
		})
		b.Run(s.name+"/resume", func(b *testing.B) {
			var p [1]byte
			for b.Loop() {
				var c Checkpoint
				if err := c.UnmarshalBinary(blob); err != nil {
					b.Fatal(err)
				}
				if _, err := Resume(c, bytes.NewReader(z[c.InputOffset():])).Read(p[:]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

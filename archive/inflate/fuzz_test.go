package inflate

import (
	"bytes"
	"compress/flate"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
	"testing/iotest"
)

// fuzzLimit bounds the bytes that are decoded of one input.
const fuzzLimit = 1 << 20

// seeds adds streams of all kinds, and some that are cut or damaged.
func seeds(f *testing.F, add func(z []byte)) {
	text := goroot(f, "src/compress/testdata/gettysburg.txt")
	for _, l := range levels {
		add(deflate(f, text, l))
	}
	add(deflate(f, nil, 6))
	add(deflate(f, make([]byte, 3000), 6))
	add(smallBlocks(f, text[:200]))
	one, _ := oneBlock(1000, 5)
	add(one)
	add(one[:len(one)/2])
	bad := bytes.Clone(one)
	bad[len(bad)*3/4] ^= 4
	add(bad)
	add([]byte{1 | 3<<1})
}

// FuzzDecode compares with compress/flate: the same bytes, the same verdict.
func FuzzDecode(f *testing.F) {
	seeds(f, func(z []byte) { f.Add(z) })
	f.Fuzz(func(t *testing.T, z []byte) {
		src := bytes.NewReader(z)
		want, wantErr := io.ReadAll(io.LimitReader(flate.NewReader(src), fuzzLimit))
		end := len(z) - src.Len()
		for _, wrap := range []func(io.Reader) io.Reader{func(r io.Reader) io.Reader { return r }, iotest.OneByteReader} {
			r := NewReader(wrap(bytes.NewReader(z)))
			got, err := io.ReadAll(io.LimitReader(r, fuzzLimit))
			if len(got) == fuzzLimit && len(want) == fuzzLimit {
				err, wantErr = nil, nil // nobody has looked what follows
			} else if err == nil && r.InputOffset() != int64(end) {
				t.Fatalf("%d bytes read, want %d", r.InputOffset(), end)
			}
			if (err == nil) != (wantErr == nil) {
				t.Fatalf("%v, want %v", err, wantErr)
			}
			if err != nil && strings.HasSuffix(err.Error(), "a block that cannot end") {
				// compress/flate goes on until the input ends.
				if !bytes.HasPrefix(want, got) {
					t.Fatalf("%d bytes, want the first of %d", len(got), len(want))
				}
				continue
			}
			if err == io.ErrUnexpectedEOF && wantErr == err && len(got) > len(want) {
				// compress/flate wants as many bits as the end of the block has before it gives out a literal that has fewer.
				got = got[:len(want)]
			}
			if !bytes.Equal(got, want) {
				t.Fatalf("%d bytes, want %d (%v, want %v)", len(got), len(want), err, wantErr)
			}
			if err != nil && !errors.Is(err, ErrCorrupt) && err != io.ErrUnexpectedEOF {
				t.Fatalf("%v is neither corrupt nor cut", err)
			}
		}
	})
}

// FuzzCompressed decodes what compress/flate makes of anything.
func FuzzCompressed(f *testing.F) {
	f.Add([]byte("the quick brown fox jumps over the lazy dog, the quick brown fox"), uint8(6))
	f.Add(periods()[:3000], uint8(1))
	f.Add(noise(1000), uint8(0))
	f.Fuzz(func(t *testing.T, data []byte, level uint8) {
		z := deflate(t, data, levels[int(level)%len(levels)])
		if got, err := io.ReadAll(NewReader(bytes.NewReader(z))); err != nil || !bytes.Equal(got, data) {
			t.Fatalf("%d bytes of %d, %v", len(got), len(data), err)
		}
	})
}

// FuzzResume stops anywhere in anything, and goes on as if it had not.
func FuzzResume(f *testing.F) {
	seeds(f, func(z []byte) {
		for _, at := range []uint32{0, 1, 100, 700, math.MaxUint32} {
			f.Add(z, at, uint16(1))
			f.Add(z, at, uint16(1000))
		}
	})
	f.Fuzz(func(t *testing.T, z []byte, at uint32, portion uint16) {
		source := func(z []byte) io.Reader { return &portions{bytes.NewReader(z), 1 + int(portion)} }
		r := NewReader(source(z))
		io.CopyN(io.Discard, r, int64(at%fuzzLimit))
		c := through(t, r.Checkpoint())
		if c.InputOffset() > int64(len(z)) {
			t.Fatalf("input byte %d of %d", c.InputOffset(), len(z))
		}
		want, wantErr := io.ReadAll(io.LimitReader(r, fuzzLimit))
		again := Resume(c, source(z[c.InputOffset():]))
		got, err := io.ReadAll(io.LimitReader(again, fuzzLimit))
		if !bytes.Equal(got, want) || again.Offset() != r.Offset() {
			t.Fatalf("%d bytes, want %d (%v, want %v)", len(got), len(want), err, wantErr)
		}
		if (err == nil) != (wantErr == nil) || err != nil && err.Error() != wantErr.Error() {
			t.Fatalf("%v, want %v", err, wantErr)
		}
		if err == nil && len(got) < fuzzLimit && again.InputOffset() != r.InputOffset() {
			t.Fatalf("%d bytes read, want %d", again.InputOffset(), r.InputOffset())
		}
	})
}

// FuzzUnmarshal resumes from checkpoints that somebody else made. Its inputs have no sum, or few would ever be accepted.
func FuzzUnmarshal(f *testing.F) {
	seeds(f, func(z []byte) {
		for _, at := range []int64{0, 1, 100, 700} {
			r := NewReader(iotest.OneByteReader(bytes.NewReader(z)))
			io.CopyN(io.Discard, r, at)
			c := r.Checkpoint()
			b, _ := c.MarshalBinary()
			f.Add(b[:len(b)-4], z[c.InputOffset():])
		}
	})
	f.Fuzz(func(t *testing.T, blob, z []byte) {
		var c Checkpoint
		if err := c.UnmarshalBinary(sealed(bytes.Clone(blob)...)); err != nil {
			if err != ErrCheckpoint {
				t.Fatal(err)
			}
			return
		}
		c = through(t, c)
		r := Resume(c, bytes.NewReader(z))
		n, err := io.Copy(io.Discard, io.LimitReader(r, fuzzLimit))
		if err != nil && !errors.Is(err, ErrCorrupt) && err != io.ErrUnexpectedEOF {
			t.Fatal(err)
		}
		if r.Offset() != c.Offset()+n {
			t.Fatalf("at %d after %d bytes from %d on", r.Offset(), n, c.Offset())
		}
		through(t, r.Checkpoint())
	})
}

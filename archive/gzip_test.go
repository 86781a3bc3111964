package archive

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"
)

// A bytesVolume is a volume in memory, that counts.
type bytesVolume struct {
	*bytes.Reader
	read int
}

func newBytesVolume(b []byte) *bytesVolume { return &bytesVolume{Reader: bytes.NewReader(b)} }

func (v *bytesVolume) Path() string { return "a.gz" }
func (v *bytesVolume) ReadAt(p []byte, off int64) (int, error) {
	n, err := v.Reader.ReadAt(p, off)
	v.read += n
	return n, err
}

func gzipped(t testing.TB, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Name, w.Comment, w.Extra, w.ModTime = "name", "comment", []byte{'A', 'p', 2, 0, 1, 2}, time.Unix(1e9, 0)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func gunzipped(z []byte, state []byte) ([]byte, error) {
	r, err := newGzip(newBytesVolume(z), state)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

func TestGunzip(t *testing.T) {
	one, two := noise(1, 100_000), []byte("the second")
	z1, z2, z0 := gzipped(t, one), gzipped(t, two), gzipped(t, nil)
	both := slices.Concat(one, two)
	changed := func(z []byte, at int) []byte {
		if at < 0 {
			at += len(z)
		}
		z = bytes.Clone(z)
		z[at] ^= 0x40
		return z
	}
	withSum := func(sum uint16) []byte {
		h := append([]byte(gzipMagic), gzipHasSum, 0, 0, 0, 0, 0, 3)
		return slices.Concat(binary.LittleEndian.AppendUint16(h, sum), gzipped(t, two)[10+8+5+8:])
	}
	h := crc(0, append([]byte(gzipMagic), gzipHasSum, 0, 0, 0, 0, 0, 3))
	for _, c := range []struct {
		name string
		z    []byte
		want []byte
		err  error
	}{
		{"one", z1, one, nil},
		{"nothing in it", z0, nil, nil},
		{"two", slices.Concat(z1, z2), both, nil},
		{"with an empty one between", slices.Concat(z1, z0, z0, z2), both, nil},
		{"padding", slices.Concat(z1, make([]byte, 5000)), one, nil},
		{"a byte of padding", slices.Concat(z1, []byte{0}), one, nil},
		{"something else behind", slices.Concat(z1, z2, []byte("something else")), both, nil},
		{"sum of the header", withSum(uint16(h)), two, nil},
		{"wrong sum of the header", withSum(uint16(h) ^ 1), nil, ErrCorrupt},
		{"reserved flag", changed(z1, 3), nil, ErrCorrupt},
		{"another method", changed(z1, 2), nil, ErrCorrupt},
		{"nothing", nil, nil, ErrCorrupt},
		{"wrong checksum", changed(z1, -8), one, ErrCorrupt},
		{"wrong length", changed(z1, -1), one, ErrCorrupt},
		{"the second is cut", slices.Concat(z1, z2[:len(z2)-4]), both, io.ErrUnexpectedEOF},
		{"the second header is cut", slices.Concat(z1, z2[:15]), one, io.ErrUnexpectedEOF},
		{"an endless name", append(append([]byte(gzipMagic), gzipHasName, 0, 0, 0, 0, 0, 3), bytes.Repeat([]byte{'a'}, maxGzipText+1)...), nil, ErrLimit},
	} {
		got, err := gunzipped(c.z, nil)
		if !bytes.Equal(got, c.want) || !errors.Is(err, c.err) || (err == nil) != (c.err == nil) {
			t.Errorf("%s: %d bytes, %v", c.name, len(got), err)
		}
	}
	for cut := range z2 {
		if got, err := gunzipped(z2[:cut], nil); err == nil || !bytes.HasPrefix(two, got) {
			t.Errorf("cut after %d: %q, %v", cut, got, err)
		}
	}
}

// Many small members, as bgzip writes them: what was read of the next with the end of the last is not asked for twice.
func TestGunzipReadsOnce(t *testing.T) {
	var z, want []byte
	for i := range 300 {
		part := noise(uint64(i), 3000+10*i)
		want = append(want, part...)
		z = append(z, gzipped(t, part)...)
	}
	v := newBytesVolume(z)
	r, err := newGzip(v, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(r)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%d bytes of %d, %v", len(got), len(want), err)
	}
	if v.read > len(z)+len(z)/50 {
		t.Errorf("%d bytes were read of %d", v.read, len(z))
	}
}

func TestGunzipCheckpoint(t *testing.T) {
	want := slices.Concat(noise(1, 150_000), noise(2, 10), noise(3, 90_000))
	z := slices.Concat(gzipped(t, want[:150_000]), gzipped(t, want[150_000:150_010]), gzipped(t, want[150_010:]))
	for _, at := range []int{0, 1, 777, 65_536, 149_999, 150_000, 150_001, 150_010, 200_000, len(want) - 1, len(want)} {
		r, err := newGzip(newBytesVolume(z), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.CopyN(io.Discard, r, int64(at)); err != nil {
			t.Fatal(err)
		}
		state := r.checkpoint()
		for _, v := range [][]byte{z, slices.Concat(z, make([]byte, 100))} {
			if got, err := gunzipped(v, state); err != nil || !bytes.Equal(got, want[at:]) {
				t.Errorf("from %d: %d bytes of %d, %v", at, len(got), len(want)-at, err)
			}
		}
		// One that is damaged, or of a longer file, is noticed; else the checksum does it at the end.
		if _, err := newGzip(newBytesVolume(z[:20]), state); at > 65_536 && err == nil {
			t.Errorf("from %d: a file of 20 bytes is fine", at)
		}
		for _, i := range []int{0, len(state) / 2, len(state) - 1} {
			bad := bytes.Clone(state)
			bad[i] ^= 1
			if _, err := newGzip(newBytesVolume(z), bad); err == nil {
				t.Errorf("from %d: byte %d of the state may be anything", at, i)
			}
		}
		for i := range min(len(state), 30) {
			if _, err := newGzip(newBytesVolume(z), append([]byte{}, state[:i]...)); err == nil {
				t.Errorf("from %d: a state of %d bytes", at, i)
			}
		}
	}
}

func FuzzGunzip(f *testing.F) {
	small := gzipped(f, []byte("hello, hello, hello"))
	f.Add(small, uint16(7))
	f.Add(slices.Concat(small, small), uint16(20))
	f.Add(append(bytes.Clone(small), 0, 0, 0), uint16(1))
	long := slices.Concat([]byte{0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 0xff}, bytes.Repeat([]byte("E"), 600), []byte{0}, small[10:])
	f.Add(long, uint16(3))
	f.Add(slices.Concat(small, long), uint16(25))
	f.Fuzz(func(t *testing.T, z []byte, at uint16) {
		const limit = 1 << 20
		got, err := func() ([]byte, error) {
			r, err := newGzip(newBytesVolume(z), nil)
			if err != nil {
				return nil, err
			}
			return io.ReadAll(io.LimitReader(r, limit))
		}()
		var want []byte
		s, wantErr := gzip.NewReader(bytes.NewReader(z))
		if wantErr == nil {
			want, wantErr = io.ReadAll(io.LimitReader(s, limit))
		}
		// A reserved flag and a very long name are refused here only, and what follows the last member there only; a name of 512 bytes
		// ends it there too, wherever it stands.
		padded := errors.Is(wantErr, gzip.ErrHeader) || wantErr == io.ErrUnexpectedEOF
		named := errors.Is(wantErr, gzip.ErrHeader) && slices.ContainsFunc(bytes.Split(z, []byte{0}), func(b []byte) bool { return len(b) >= 512 })
		strict := errors.Is(err, ErrLimit) || errors.Is(err, ErrCorrupt) && strings.HasSuffix(err.Error(), "mean nothing")
		switch {
		case len(got) == limit && len(want) == limit:
			if !bytes.Equal(got, want) {
				t.Fatal("other bytes")
			}
		case err == nil && wantErr != nil && !padded, err != nil && wantErr == nil && !strict:
			t.Fatalf("%v, want %v", err, wantErr)
		case err == nil && named && bytes.HasPrefix(got, want):
		case err == nil && !bytes.Equal(got, want):
			t.Fatalf("%d bytes, want %d", len(got), len(want))
		}
		if err != nil {
			return
		}
		r, _ := newGzip(newBytesVolume(z), nil)
		n, _ := io.CopyN(io.Discard, r, int64(at))
		state := r.checkpoint()
		if state == nil {
			return
		}
		rest, err := newGzip(newBytesVolume(z), state)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(io.LimitReader(rest, limit-n)); err != nil || !bytes.Equal(b, got[n:]) {
			t.Fatalf("from %d: %d bytes of %d, %v", n, len(b), int64(len(got))-n, err)
		}
	})
}

// After what was unpacked has been recycled, also in another life, a range costs no more than the way from the last checkpoint.
func TestFiguresCheckpoints(t *testing.T) {
	unit := bigUnit()
	packed, _ := deflated(t, unit)
	z := bigZip(t, zip.Deflate).source("deflate.zip")
	const top = 64 << 20
	for _, c := range []struct {
		name string
		src  *source
		path string
	}{
		{"zip", z, bigName(bigMiddle)},
		{"tar.gz", bigTarGz(t).source("big.tar.gz"), "movie.mkv"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cache := newMemCache()
			l := library(t, Config{Cache: cache})
			m := lookup(t, l, c.src.place(), c.path)
			checkRange(t, m, unit, top-64<<10, 64<<10)
			c.src.touched()
			start := int64(0)
			if c.name == "tar.gz" {
				start = tarBlock
			}
			for i, off := range []int64{8 << 20, 16<<20 - 64<<10, 50 << 20, 56<<20 - 1<<10, 24<<20 + 1, 1 << 20} {
				if i%2 == 0 { // else the decoder is still at hand
					if err := l.Close(); err != nil {
						t.Fatal(err)
					}
					l = library(t, Config{Cache: cache})
					m = lookup(t, l, c.src.place(), c.path)
					c.src.touched()
				}
				cache.evict()
				checkRange(t, m, unit, off, 64<<10)
				decoded := (off+start+64<<10)%checkpointed + 128<<10
				if (off+start)/checkpointed != (off+start+64<<10)/checkpointed {
					decoded += checkpointed
				}
				bytes := decoded*int64(len(packed))/int64(len(unit)) + 64<<10
				c.src.atMost(t, fmt.Sprintf("64 KiB at %d, evicted", off), bytes, 10)
				if n := cache.kept(); n > 9 {
					t.Errorf("at %d: %d MiB were unpacked", off, n)
				}
			}
		})
	}
}

// bigTarGz returns a tar.gz with one member of about 77 MiB.
func bigTarGz(t testing.TB) *virtual {
	t.Helper()
	const times = 30
	unit := bigUnit()
	size := int64(len(unit) * times)
	var head bytes.Buffer
	if err := tar.NewWriter(&head).WriteHeader(&tar.Header{Name: "movie.mkv", Size: size, Mode: 0o644, ModTime: time.Unix(1e9, 0)}); err != nil {
		t.Fatal(err)
	}
	tail := make([]byte, roundTar(size)-size+2*tarBlock)
	sum := crc(0, head.Bytes())
	for range times {
		sum = crc(sum, unit)
	}
	sum = crc(sum, tail)
	v := new(virtual)
	v.add(append([]byte(gzipMagic), 0, 0, 0, 0, 0, 0, 3), 1)
	add := func(data []byte, times int) []byte {
		packed, end := deflated(t, data)
		v.add(packed, times)
		return end
	}
	add(head.Bytes(), 1)
	add(unit, times)
	v.add(add(tail, 1), 1)
	end := binary.LittleEndian.AppendUint32(nil, sum)
	v.add(binary.LittleEndian.AppendUint32(end, uint32(int64(head.Len())+size+int64(len(tail)))), 1)
	return v
}

package sevenz

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"

	"github.com/ulikunitz/xz/lzma"
)

// packLZMA packs with the encoder of ulikunitz/xz and returns the properties and the stream.
func packLZMA(t testing.TB, content []byte, p lzma.Properties, dict int) (props, packed []byte) {
	t.Helper()
	var b bytes.Buffer
	w, err := lzma.WriterConfig{Properties: &p, DictCap: dict, Size: int64(len(content)), SizeInHeader: true}.NewWriter(&b)
	if err == nil {
		_, err = w.Write(content)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()[:5], b.Bytes()[lzma.HeaderLen:]
}

// readOddly reads in pieces of all sizes.
func readOddly(r io.Reader, rnd *rand.Rand) ([]byte, error) {
	var all []byte
	buf := make([]byte, 9000)
	for {
		n, err := r.Read(buf[:1+rnd.IntN(len(buf))])
		all = append(all, buf[:n]...)
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return all, err
		}
	}
}

func TestLZMARoundTrip(t *testing.T) {
	rnd := random(1)
	for i := range 60 {
		content := []byte(text(rnd, 1+rnd.IntN(200_000)))
		p := lzma.Properties{LC: rnd.IntN(9), LP: rnd.IntN(5), PB: rnd.IntN(5)}
		dict := 4096 << rnd.IntN(8)
		if i%10 == 0 {
			content = []byte(noise(rnd, rnd.IntN(10_000)))
		}
		props, packed := packLZMA(t, content, p, dict)
		in := io.Reader(bytes.NewReader(packed))
		if i%2 == 0 {
			in = iotest.HalfReader(in)
		}
		r, err := newLZMA(props, int64(len(content)), in)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := readOddly(r, rnd); err != nil || !bytes.Equal(got, content) {
			t.Errorf("%+v, dictionary %d: %d bytes of %d, %v", p, dict, len(got), len(content), err)
		}
		// Without its end it is an error.
		if len(packed) < 100 {
			continue
		}
		r, err = newLZMA(props, int64(len(content)), bytes.NewReader(packed[:rnd.IntN(len(packed)-50)]))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := readOddly(r, rnd); !errors.Is(err, io.ErrUnexpectedEOF) || !bytes.HasPrefix(content, got) {
			t.Errorf("cut off: %d bytes, %v", len(got), err)
		}
	}
}

func TestLZMA2RoundTrip(t *testing.T) {
	rnd := random(2)
	for range 30 {
		var b, content bytes.Buffer
		w, err := lzma.Writer2Config{Properties: &lzma.Properties{LC: 3, LP: rnd.IntN(2), PB: rnd.IntN(5)}, DictCap: 64 << 10}.NewWriter2(&b)
		for err == nil && content.Len() < 300_000 {
			part := text(rnd, rnd.IntN(100_000))
			if rnd.IntN(3) == 0 {
				part = noise(rnd, rnd.IntN(100_000)) // becomes a stored chunk
			}
			content.WriteString(part)
			if _, err = io.WriteString(w, part); err == nil && rnd.IntN(2) == 0 {
				err = w.Flush()
			}
		}
		if err == nil {
			err = w.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
		r, err := newLZMA2([]byte{8}, int64(content.Len()), bytes.NewReader(b.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := readOddly(r, rnd); err != nil || !bytes.Equal(got, content.Bytes()) {
			t.Errorf("%d bytes of %d, %v", len(got), content.Len(), err)
		}
	}
}

func TestLZMA2Dictionary(t *testing.T) {
	for b, want := range map[byte]int64{0: 4 << 10, 1: 6 << 10, 2: 8 << 10, 24: 16 << 20, 37: 3 << 29, 40: 1<<32 - 1} {
		if got, err := lzma2Dict([]byte{b}); err != nil || got != want {
			t.Errorf("%d: %d, %v, want %d", b, got, err, want)
		}
	}
	for _, props := range [][]byte{nil, {41}, {255}, {1, 2}} {
		if _, err := lzma2Dict(props); err == nil {
			t.Errorf("%v was taken", props)
		}
	}
}

// The window against a slice that forgets nothing.
func TestWindow(t *testing.T) {
	for seed := range uint64(50) {
		rnd := random(seed)
		w := window{max: 4096 + rnd.IntN(4096)}
		w.buf = make([]byte, 1+rnd.IntN(w.max))
		var all []byte
		for range 2000 {
			w.room()
			begin := w.pos
			limit := begin + 1 + rnd.IntN(len(w.buf)-begin)
			if w.have == 0 || rnd.IntN(3) == 0 {
				b := byte(rnd.Uint32())
				w.put(b)
				all = append(all, b)
			} else {
				dist, n := 1+rnd.IntN(w.have), 2+rnd.IntN(272)
				left := w.copy(dist, n, limit)
				if left != max(0, n-(limit-begin)) {
					t.Fatalf("%d bytes left of %d", left, n)
				}
				for range n - left {
					all = append(all, all[len(all)-dist])
				}
			}
			if !bytes.HasSuffix(all, w.buf[begin:w.pos]) {
				t.Fatalf("seed %d: differs after %d bytes", seed, len(all))
			}
			if dist := 1 + rnd.IntN(w.have); w.back(dist) != all[len(all)-dist] || w.back(w.have+1) != 0 {
				t.Fatalf("seed %d: looks back to something else", seed)
			}
		}
		if len(w.buf) != w.max || w.have != w.max || w.total != uint64(len(all)) {
			t.Fatalf("a window of %d with %d and %d bytes, of %d", len(w.buf), w.have, w.total, w.max)
		}
	}
}

// Any input: where the other decoder gets through, this one does, with the same bytes.
func FuzzLZMA(f *testing.F) {
	for i := range 8 {
		content := []byte(text(random(uint64(i)), 3000*i))
		props, packed := packLZMA(f, content, lzma.Properties{LC: i % 5, LP: i % 3, PB: i % 4}, 4096<<i)
		f.Add(props[0], uint32(4096)<<i, uint32(len(content)), packed)
	}
	f.Fuzz(func(t *testing.T, model byte, dict, size uint32, packed []byte) {
		dict, size = dict%(1<<20), size%(1<<20)
		head := binary.LittleEndian.AppendUint32([]byte{model}, dict)
		r, err := newLZMA(head, int64(size), bytes.NewReader(packed))
		var got []byte
		if err == nil {
			got, err = io.ReadAll(r)
		}
		head = binary.LittleEndian.AppendUint64(head, uint64(size))
		var want []byte
		other, otherErr := lzma.NewReader(io.MultiReader(bytes.NewReader(head), bytes.NewReader(packed)))
		if otherErr == nil {
			want, otherErr = io.ReadAll(other)
		}
		if err := compare(got, err, want, otherErr); err != nil && size > 0 {
			t.Error(err)
		}
	})
}

func FuzzLZMA2(f *testing.F) {
	for i := range 4 {
		var b bytes.Buffer
		w, err := lzma.Writer2Config{DictCap: 64 << 10}.NewWriter2(&b)
		if err != nil {
			f.Fatal(err)
		}
		io.WriteString(w, text(random(uint64(i)), 3000*i))
		io.WriteString(w, noise(random(uint64(i)), 3000))
		w.Close()
		f.Add(b.Bytes())
	}
	f.Fuzz(func(t *testing.T, packed []byte) {
		r, err := newLZMA2([]byte{8}, 1<<40, bytes.NewReader(packed))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		var want []byte
		other, otherErr := lzma.Reader2Config{DictCap: 64 << 10}.NewReader2(bytes.NewReader(packed))
		if otherErr == nil {
			want, otherErr = io.ReadAll(other)
		}
		if err != nil && len(got) == len(want) {
			otherErr = err // a chunk that is cut off in its head it takes for the end
		}
		if err := compare(got, err, want, otherErr); err != nil {
			t.Error(err)
		}
	})
}

// compare holds got against what the other decoder made.
func compare(got []byte, err error, want []byte, otherErr error) error {
	n := min(len(got), len(want))
	if !bytes.Equal(got[:n], want[:n]) {
		return fmt.Errorf("the output differs in the first %d bytes", n)
	}
	if otherErr == nil && (err != nil || len(got) != len(want)) {
		return fmt.Errorf("%d bytes, %v; the other decoder had %d", len(got), err, len(want))
	}
	return nil
}

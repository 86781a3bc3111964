package inflate

import (
	"bytes"
	"compress/flate"
	"errors"
	"io"
	"testing"
	"testing/iotest"
)

func TestStreams(t *testing.T) {
	r := NewReader(nil)
	for _, s := range streams(t) {
		r.Reset(Checkpoint{}, bytes.NewReader(s.z))
		got, err := io.ReadAll(r)
		if err != nil || !bytes.Equal(got, s.data) {
			t.Errorf("%s: %d bytes, %v", s.name, len(got), err)
		}
		if r.InputOffset() != int64(len(s.z)) || r.Offset() != int64(len(s.data)) {
			t.Errorf("%s: %d bytes of %d, %d of %d", s.name, r.InputOffset(), len(s.z), r.Offset(), len(s.data))
		}
		if n, err := r.Read(make([]byte, 1)); n != 0 || err != io.EOF {
			t.Errorf("%s: behind the end %d, %v", s.name, n, err)
		}
	}
}

// The other decoder must agree that the blocks made here are right.
func TestStreamsAreRight(t *testing.T) {
	for _, s := range streams(t) {
		got, err := io.ReadAll(flate.NewReader(bytes.NewReader(s.z)))
		if err != nil || !bytes.Equal(got, s.data) {
			t.Errorf("%s: %d bytes, %v", s.name, len(got), err)
		}
	}
}

// However the input comes and however the output is taken, it is the same.
func TestPortions(t *testing.T) {
	sources := []struct {
		name string
		wrap func(io.Reader) io.Reader
	}{
		{"at once", func(r io.Reader) io.Reader { return r }},
		{"a byte at a time", iotest.OneByteReader},
		{"half", iotest.HalfReader},
		{"with the error", iotest.DataErrReader},
		{"a byte with the error", func(r io.Reader) io.Reader { return iotest.DataErrReader(iotest.OneByteReader(r)) }},
		{"5 bytes", func(r io.Reader) io.Reader { return &portions{r, 5} }},
		{"33 bytes", func(r io.Reader) io.Reader { return &portions{r, 33} }},
		{"1400 bytes", func(r io.Reader) io.Reader { return &portions{r, 1400} }},
		{"now and then nothing", func(r io.Reader) io.Reader { return &hesitant{r: r} }},
	}
	r := NewReader(nil)
	for i, s := range streams(t) {
		// Of the long ones a third, which has every level and every sample.
		if i%3 > 0 && len(s.data) > 50_000 {
			continue
		}
		for _, src := range sources {
			for _, sink := range []int{1, 7, 4096, 1 << 20} {
				if sink == 1 && len(s.data) > 100_000 {
					continue
				}
				r.Reset(Checkpoint{}, src.wrap(bytes.NewReader(s.z)))
				got, err := io.ReadAll(&portions{r, sink})
				if err != nil || !bytes.Equal(got, s.data) {
					t.Fatalf("%s, %s, in %d: %d bytes of %d, %v", s.name, src.name, sink, len(got), len(s.data), err)
				}
			}
		}
	}
}

// portions reads at most n bytes at a time.
type portions struct {
	r io.Reader
	n int
}

func (p *portions) Read(b []byte) (int, error) { return p.r.Read(b[:min(len(b), p.n)]) }

// hesitant has nothing two times of three.
type hesitant struct {
	r     io.Reader
	calls int
}

func (h *hesitant) Read(b []byte) (int, error) {
	if h.calls++; h.calls%3 != 0 {
		return 0, nil
	}
	return h.r.Read(b[:min(len(b), 1000)])
}

func TestReaderSuite(t *testing.T) {
	data := goroot(t, "src/compress/testdata/e.txt")
	if err := iotest.TestReader(NewReader(bytes.NewReader(deflate(t, data, 6))), data); err != nil {
		t.Error(err)
	}
}

// Whatever can be decoded is given out before the source is asked again, and behind the end it is not asked at all.
func TestNoNeedlessWait(t *testing.T) {
	text := goroot(t, "src/compress/testdata/gettysburg.txt")
	for _, level := range levels {
		var pipe bytes.Buffer
		w, err := flate.NewWriter(&pipe, level)
		if err != nil {
			t.Fatal(err)
		}
		r := NewReader(iotest.OneByteReader(&strict{t, &pipe}))
		for i, part := range [][]byte{text[:1], text[1:2], text[2:700], text[700:]} {
			if _, err := w.Write(part); err != nil {
				t.Fatal(err)
			}
			if err := w.Flush(); err != nil {
				t.Fatal(err)
			}
			got := make([]byte, len(part))
			if _, err := io.ReadFull(r, got); err != nil || !bytes.Equal(got, part) {
				t.Errorf("level %d, part %d: %q, %v", level, i, got, err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if n, err := r.Read(make([]byte, 1)); n != 0 || err != io.EOF {
			t.Errorf("level %d: at the end %d, %v", level, n, err)
		}
	}
	// Not only behind a flush: a literal is given out as soon as its last bit has come.
	w := new(bitWriter)
	w.bits(1|typeFixed<<1, 3)
	var pipe bytes.Buffer
	r := NewReader(&strict{t, &pipe})
	for i := range 300 {
		for len(w.b) == 0 {
			w.fixed(uint64(i & 127))
			pipe.Write(w.b)
		}
		w.b = nil
		if i == 0 {
			continue // its last bits are in the next byte
		}
		if n, err := r.Read(make([]byte, 1)); n != 1 || err != nil {
			t.Fatalf("literal %d: %d, %v", i, n, err)
		}
	}
}

// strict is a source that must not be asked for what it has not got.
type strict struct {
	t *testing.T
	b *bytes.Buffer
}

func (s *strict) Read(p []byte) (int, error) {
	if s.b.Len() == 0 {
		s.t.Fatal("the reader asks for input that is not needed")
	}
	return s.b.Read(p)
}

// The input is read no further ahead than one buffer.
func TestReadAhead(t *testing.T) {
	data := noise(1 << 20)
	z := deflate(t, data, 6)
	src := bytes.NewReader(z)
	r := NewReader(src)
	p := make([]byte, 1000)
	for {
		n, err := r.Read(p)
		if err == io.EOF {
			return
		} else if err != nil {
			t.Fatal(err)
		}
		if ahead := int64(len(z)-src.Len()) - r.InputOffset(); ahead > inputSize {
			t.Fatalf("%d bytes ahead", ahead)
		}
		// The data is stored: as much output as input.
		if ahead := r.InputOffset() - r.Offset() + int64(n); ahead > batchSize+2*inputSize {
			t.Fatalf("decoded %d bytes ahead", ahead)
		}
	}
}

func TestSourceFails(t *testing.T) {
	data := goroot(t, "src/compress/testdata/gettysburg.txt")
	z := deflate(t, data, 6)
	lost := errors.New("line lost")
	for cut := range z {
		for _, wrap := range []func(io.Reader) io.Reader{func(r io.Reader) io.Reader { return r }, iotest.OneByteReader} {
			r := NewReader(wrap(io.MultiReader(bytes.NewReader(z[:cut]), iotest.ErrReader(lost))))
			got, err := io.ReadAll(r)
			if err != lost || !bytes.HasPrefix(data, got) {
				t.Fatalf("after %d bytes: %q, %v", cut, got, err)
			}
			if _, err := r.Read(make([]byte, 1)); err != lost {
				t.Fatalf("after %d bytes, again: %v", cut, err)
			}
			// What was decoded is not lost, and the rest can be had from where it ended.
			c := through(t, r.Checkpoint())
			rest, err := io.ReadAll(Resume(c, bytes.NewReader(z[c.InputOffset():])))
			if err != nil || !bytes.Equal(append(got, rest...), data) {
				t.Fatalf("after %d bytes, resumed: %d+%d bytes, %v", cut, len(got), len(rest), err)
			}
		}
	}
	if _, err := NewReader(&hesitant{r: iotest.ErrReader(lost), calls: -1 << 40}).Read(make([]byte, 1)); err != lost {
		t.Errorf("a slow failure: %v", err)
	}
	if _, err := NewReader(nothing{}).Read(make([]byte, 1)); err != io.ErrNoProgress {
		t.Errorf("a source that says nothing: %v", err)
	}
}

// nothing never says anything.
type nothing struct{}

func (nothing) Read([]byte) (int, error) { return 0, nil }

// A stream that is cut short gives what is there and io.ErrUnexpectedEOF, wherever it is cut.
func TestCutShort(t *testing.T) {
	one, oneData := oneBlock(3000, 7)
	list := []stream{{"one block", one, oneData}}
	text := goroot(t, "src/compress/testdata/gettysburg.txt")
	for _, l := range levels {
		list = append(list, stream{"text", deflate(t, text, l), text})
	}
	r := NewReader(nil)
	for _, s := range list {
		before := 0
		for cut := range s.z {
			r.Reset(Checkpoint{}, bytes.NewReader(s.z[:cut]))
			got, err := io.ReadAll(r)
			if err != io.ErrUnexpectedEOF || !bytes.HasPrefix(s.data, got) || len(got) < before {
				t.Fatalf("%s after %d bytes: %d bytes, %v", s.name, cut, len(got), err)
			}
			before = len(got)
		}
	}
}

// A bomb is decoded at the highest ratio there is, in the memory of any other stream.
func TestBomb(t *testing.T) {
	const size = 256 << 20
	w := new(bitWriter)
	// Length 258 and distance 1 in one bit each: RFC 1951 allows no denser stream than 258 bytes in two bits.
	lit := make([]uint8, maxLit)
	lit[0], lit[endOfBlock], lit[285] = 2, 2, 1
	hl, hd := newHuffman(lit), newHuffman([]uint8{1})
	w.dynamic(1, lit, []uint8{1}).symbol(hl, 0)
	for range size / 258 {
		w.symbol(hl, 285).symbol(hd, 0)
	}
	z := w.symbol(hl, endOfBlock).bytes()
	r := NewReader(bytes.NewReader(z))
	p := make([]byte, 64<<10)
	zeros := make([]byte, len(p))
	allocs := testing.AllocsPerRun(1, func() {
		r.Reset(Checkpoint{}, bytes.NewReader(z))
		for {
			n, err := r.Read(p)
			if !bytes.Equal(p[:n], zeros[:n]) {
				t.Fatal("not only zeros")
			}
			if err == io.EOF {
				return
			} else if err != nil {
				t.Fatal(err)
			}
		}
	})
	if want := int64(size/258*258 + 1); r.Offset() != want {
		t.Errorf("%d bytes, want %d", r.Offset(), want)
	}
	if ratio := r.Offset() / r.InputOffset(); ratio < 1031 {
		t.Errorf("ratio %d", ratio)
	}
	if allocs > 1 { // the bytes.Reader
		t.Errorf("%v allocations", allocs)
	}
}

func TestNoAllocations(t *testing.T) {
	p := make([]byte, 32<<10)
	src := bytes.NewReader(nil)
	r := NewReader(src)
	for _, s := range streams(t) {
		allocs := testing.AllocsPerRun(1, func() {
			src.Reset(s.z)
			r.Reset(Checkpoint{}, src)
			for {
				if _, err := r.Read(p); err == io.EOF {
					return
				} else if err != nil {
					t.Fatal(err)
				}
			}
		})
		if allocs > 0 {
			t.Errorf("%s: %v allocations", s.name, allocs)
		}
	}
}

// What a reader decoded before must not come out of a stream that refers to before its start.
func TestResetForgets(t *testing.T) {
	r := NewReader(bytes.NewReader(deflate(t, noise(200_000), 6)))
	if _, err := io.Copy(io.Discard, r); err != nil {
		t.Fatal(err)
	}
	w := new(bitWriter)
	z := w.bits(1|typeFixed<<1, 3).fixed('a').fixed(257).code(1, 5).fixed(endOfBlock).bytes()
	r.Reset(Checkpoint{}, bytes.NewReader(z))
	got, err := io.ReadAll(r)
	if string(got) != "a" || !errors.Is(err, ErrCorrupt) {
		t.Errorf("%q, %v", got, err)
	}
}

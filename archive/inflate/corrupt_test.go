package inflate

import (
	"bytes"
	"compress/flate"
	"errors"
	"io"
	"testing"
)

// plainLens are the lengths of a complete code of 257 literals.
func plainLens() []uint8 {
	lit := bytes.Repeat([]byte{8}, 257)
	lit[255], lit[256] = 9, 9
	return lit
}

func (w *bitWriter) blockHeader(final uint64, nlit, ndist, ncode uint64) *bitWriter {
	return w.bits(final|typeDynamic<<1, 3).bits(nlit-257, 5).bits(ndist-1, 5).bits(ncode-4, 4)
}

// codeLens writes the lengths of the code for code lengths, by symbol.
func (w *bitWriter) codeLens(lens map[int]uint8) *bitWriter {
	for _, sym := range codeOrder {
		w.bits(uint64(lens[int(sym)]), 3)
	}
	return w
}

// Every way in which RFC 1951 is not kept, each behind a block that has three bytes, which must come out.
func TestCorrupt(t *testing.T) {
	lit := plainLens()
	hl := newHuffman(lit)
	// 0, 8, 16 and 18 in two bits each, in the order of their values.
	repeating := map[int]uint8{0: 2, 8: 2, 16: 2, 18: 2}
	cases := []struct {
		name    string
		lenient bool // of compress/flate, until the input ends
		write   func(w *bitWriter)
	}{
		{"reserved type", false, func(w *bitWriter) { w.bits(1|3<<1, 3).bits(0, 64) }},
		{"length of a stored block", false, func(w *bitWriter) { w.bits(1, 3).align().bits(5, 16).bits(5, 16).bits(0, 64) }},
		{"287 literals", false, func(w *bitWriter) { w.blockHeader(1, 287, 1, 19).bits(0, 64) }},
		{"288 literals", false, func(w *bitWriter) { w.blockHeader(1, 288, 1, 19).bits(0, 64) }},
		{"31 distances", false, func(w *bitWriter) { w.blockHeader(1, 257, 31, 19).bits(0, 64) }},
		{"32 distances", false, func(w *bitWriter) { w.blockHeader(1, 257, 32, 19).bits(0, 64) }},
		{"no code for lengths", false, func(w *bitWriter) { w.blockHeader(1, 257, 1, 19).codeLens(nil).bits(0, 64) }},
		{"too many codes for lengths", false, func(w *bitWriter) {
			w.blockHeader(1, 257, 1, 19).codeLens(map[int]uint8{0: 1, 1: 1, 2: 1}).bits(0, 64)
		}},
		{"too few codes for lengths", false, func(w *bitWriter) {
			w.blockHeader(1, 257, 1, 19).codeLens(map[int]uint8{0: 1, 1: 2}).bits(0, 64)
		}},
		{"the other code of one for lengths", false, func(w *bitWriter) {
			w.blockHeader(1, 257, 1, 19).codeLens(map[int]uint8{8: 1}).bits(1, 64)
		}},
		{"nothing to repeat", false, func(w *bitWriter) {
			w.blockHeader(1, 257, 1, 19).codeLens(repeating).code(2, 2).bits(0, 64)
		}},
		{"repeated beyond the end", false, func(w *bitWriter) {
			w.blockHeader(1, 257, 1, 19).codeLens(repeating).code(3, 2).bits(127, 7).code(3, 2).bits(127, 7).bits(0, 64)
		}},
		{"too many codes for literals", false, func(w *bitWriter) {
			bad := bytes.Clone(lit)
			bad[0] = 7
			w.dynamic(1, bad, []uint8{1}).bits(0, 64)
		}},
		{"too few codes for literals", false, func(w *bitWriter) {
			bad := bytes.Clone(lit)
			bad[0] = 9
			w.dynamic(1, bad, []uint8{1}).bits(0, 64)
		}},
		{"one code of two bits", false, func(w *bitWriter) {
			bad := make([]uint8, 257)
			bad[endOfBlock] = 2
			w.dynamic(1, bad, []uint8{1}).bits(0, 64)
		}},
		{"too many codes for distances", false, func(w *bitWriter) { w.dynamic(1, lit, []uint8{1, 1, 1}).bits(0, 64) }},
		{"too few codes for distances", false, func(w *bitWriter) { w.dynamic(1, lit, []uint8{2, 2, 2}).bits(0, 64) }},
		{"one distance of two bits", false, func(w *bitWriter) { w.dynamic(1, lit, []uint8{2}).bits(0, 64) }},
		{"no end of block", true, func(w *bitWriter) {
			bad := bytes.Repeat([]byte{8}, 257)
			bad[endOfBlock] = 0
			w.dynamic(1, bad, []uint8{1}).bits(0, 8)
		}},
		{"only half a code, the other half", false, func(w *bitWriter) {
			one := make([]uint8, 257)
			one[endOfBlock] = 1
			w.dynamic(1, one, []uint8{1}).bits(1, 1).bits(0, 64)
		}},
		{"length 286", false, func(w *bitWriter) { w.bits(1|typeFixed<<1, 3).fixed(286).bits(0, 64) }},
		{"length 287", false, func(w *bitWriter) { w.bits(1|typeFixed<<1, 3).fixed(287).bits(0, 64) }},
		{"distance 30", false, func(w *bitWriter) { w.bits(1|typeFixed<<1, 3).fixed(257).code(30, 5).bits(0, 64) }},
		{"distance 31", false, func(w *bitWriter) { w.bits(1|typeFixed<<1, 3).fixed(257).code(31, 5).bits(0, 64) }},
		{"a byte too far", false, func(w *bitWriter) { w.bits(1|typeFixed<<1, 3).fixed(257).code(3, 5).bits(0, 64) }},
		{"as far as can be", false, func(w *bitWriter) {
			w.bits(1|typeFixed<<1, 3).fixed(285).code(29, 5).bits(1<<13-1, 13).bits(0, 64)
		}},
		{"a match without distances", false, func(w *bitWriter) {
			with := deep(258)
			w.dynamic(1, with, []uint8{0}).symbol(newHuffman(with), 257).bits(0, 64)
		}},
		{"the other distance of one", false, func(w *bitWriter) {
			with := deep(258)
			w.dynamic(1, with, []uint8{1}).symbol(newHuffman(with), 257).bits(1, 1).bits(0, 64)
		}},
		{"in the second block", false, func(w *bitWriter) {
			w.dynamic(0, lit, []uint8{1}).symbol(hl, endOfBlock).bits(1|3<<1, 3).bits(0, 64)
		}},
	}
	for _, c := range cases {
		for _, far := range []int{0, 1000} { // with the fast loop, and with the careful one only
			w := new(bitWriter)
			w.stored(0, []byte("abc"))
			c.write(w)
			w.align()
			z := append(w.bytes(), make([]byte, far)...)
			got, err := io.ReadAll(NewReader(bytes.NewReader(z)))
			if string(got) != "abc" || !errors.Is(err, ErrCorrupt) {
				t.Errorf("%s, %d bytes more: %q, %v", c.name, far, got, err)
			}
			_, err = io.Copy(io.Discard, flate.NewReader(bytes.NewReader(z)))
			var corrupt flate.CorruptInputError
			if !errors.As(err, &corrupt) && !(c.lenient && err == io.ErrUnexpectedEOF) {
				t.Errorf("%s, %d bytes more: compress/flate says %v", c.name, far, err)
			}
		}
	}
}

// What looks odd, but is right.
func TestOdd(t *testing.T) {
	lit := plainLens()
	hl := newHuffman(lit)
	cases := []struct {
		name, want string
		write      func(w *bitWriter)
	}{
		{"empty stored", "", func(w *bitWriter) { w.stored(1, nil) }},
		{"empty fixed", "", func(w *bitWriter) { w.bits(1|typeFixed<<1, 3).fixed(endOfBlock) }},
		{"only the end has a code", "", func(w *bitWriter) {
			one := make([]uint8, 257)
			one[endOfBlock] = 1
			w.dynamic(1, one, []uint8{0}).bits(0, 1)
		}},
		{"no distances", "hi", func(w *bitWriter) {
			w.dynamic(1, lit, []uint8{0}).symbol(hl, 'h').symbol(hl, 'i').symbol(hl, endOfBlock)
		}},
		{"one distance", "aaaa", func(w *bitWriter) {
			with := deep(258)
			h := newHuffman(with)
			w.dynamic(1, with, []uint8{1}).symbol(h, 'a').symbol(h, 257).bits(0, 1).symbol(h, endOfBlock)
		}},
		{"one distance that is not the first", "ababa", func(w *bitWriter) {
			with := deep(258)
			h := newHuffman(with)
			w.dynamic(1, with, []uint8{0, 1}).symbol(h, 'a').symbol(h, 'b').symbol(h, 257).bits(0, 1).symbol(h, endOfBlock)
		}},
		{"all 30 distances", "x", func(w *bitWriter) {
			w.dynamic(1, lit, deep(maxDist)).symbol(hl, 'x').symbol(hl, endOfBlock)
		}},
		{"bits before a stored block", "abc", func(w *bitWriter) {
			w.bits(1, 3).bits(31, 5).bits(3, 16).bits(^uint64(3)&0xffff, 16).bits('a'|'b'<<8|'c'<<16, 24)
		}},
		{"length 258 in the long way", "a" + string(bytes.Repeat([]byte{'a'}, 258)), func(w *bitWriter) {
			w.bits(1|typeFixed<<1, 3).fixed('a').fixed(284).bits(31, 5).code(0, 5).fixed(endOfBlock)
		}},
	}
	for _, c := range cases {
		w := new(bitWriter)
		c.write(w)
		z := w.bytes()
		for _, more := range []int{0, 1000} {
			src := append(bytes.Clone(z), bytes.Repeat([]byte{0xff}, more)...)
			r := NewReader(bytes.NewReader(src))
			got, err := io.ReadAll(r)
			if string(got) != c.want || err != nil || r.InputOffset() != int64(len(z)) {
				t.Errorf("%s: %q, %v, %d bytes of %d", c.name, got, err, r.InputOffset(), len(z))
			}
		}
		if got, err := io.ReadAll(flate.NewReader(bytes.NewReader(z))); string(got) != c.want || err != nil {
			t.Errorf("%s: compress/flate says %q, %v", c.name, got, err)
		}
	}
}

// The error says where.
func TestCorruptSaysWhere(t *testing.T) {
	w := new(bitWriter)
	z := w.stored(0, noise(50_000)).bits(1|3<<1, 3).bytes()
	_, err := io.Copy(io.Discard, NewReader(bytes.NewReader(z)))
	if want := "corrupt deflate stream at input byte 50005: a block of the reserved type"; err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
}

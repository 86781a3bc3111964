package inflate

import (
	"math/bits"
	"math/rand/v2"
)

// A bitWriter makes streams that no compressor would make.
type bitWriter struct {
	b    []byte
	acc  uint64
	nacc uint
}

// bits writes the n lower bits of v, the lowest first.
func (w *bitWriter) bits(v uint64, n uint) *bitWriter {
	w.acc |= v << w.nacc
	for w.nacc += n; w.nacc >= 8; w.nacc -= 8 {
		w.b = append(w.b, byte(w.acc))
		w.acc >>= 8
	}
	return w
}

// code writes a Huffman code of n bits, the highest first.
func (w *bitWriter) code(v uint64, n uint) *bitWriter {
	return w.bits(bits.Reverse64(v)>>(64-n), n)
}

// align fills the byte with zeros.
func (w *bitWriter) align() *bitWriter {
	return w.bits(0, (8-w.nacc)%8)
}

func (w *bitWriter) bytes() []byte { return w.align().b }

// stored writes a stored block.
func (w *bitWriter) stored(final uint64, p []byte) *bitWriter {
	w.bits(final, 3).align()
	w.bits(uint64(len(p)), 16).bits(uint64(^uint16(len(p))), 16)
	w.b = append(w.b, p...)
	return w
}

// fixed writes a symbol of the fixed code for literals and lengths.
func (w *bitWriter) fixed(sym uint64) *bitWriter {
	switch {
	case sym < 144:
		return w.code(0x30+sym, 8)
	case sym < 256:
		return w.code(0x190+sym-144, 9)
	case sym < 280:
		return w.code(sym-256, 7)
	}
	return w.code(0xc0+sym-280, 8)
}

// A huffman is a code that is written with, the canonical one of its lengths.
type huffman struct {
	lens  []uint8
	codes []uint64
}

func newHuffman(lens []uint8) huffman {
	h := huffman{lens, make([]uint64, len(lens))}
	code := uint64(0)
	for n := uint8(1); n <= 15; n++ {
		for sym, l := range lens {
			if l == n {
				h.codes[sym] = code
				code++
			}
		}
		code <<= 1
	}
	return h
}

func (w *bitWriter) symbol(h huffman, sym int) *bitWriter {
	return w.code(h.codes[sym], uint(h.lens[sym]))
}

// dynamic writes the header of a block with the given lengths, each written as it is with a code of four bits.
func (w *bitWriter) dynamic(final uint64, lit, dist []uint8) *bitWriter {
	w.bits(final|typeDynamic<<1, 3).bits(uint64(len(lit)-257), 5).bits(uint64(len(dist)-1), 5).bits(maxCode-4, 4)
	plain := newHuffman([]uint8{4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 0, 0, 0})
	for _, sym := range codeOrder {
		w.bits(uint64(plain.lens[sym]), 3)
	}
	for _, l := range lit {
		w.symbol(plain, int(l))
	}
	for _, l := range dist {
		w.symbol(plain, int(l))
	}
	return w
}

// deep are lengths of a complete code for n symbols that is as uneven as can be: 1, 2, 3 bits, and 15 for many.
func deep(n int) []uint8 {
	lens := make([]uint8, n)
	// Splitting a code of l bits makes two of l+1. The shortest goes last as long as there are too few.
	count := [16]int{1: 2}
	for have := 2; have < n; have++ {
		l := 14
		for count[l] == 0 {
			l--
		}
		count[l]--
		count[l+1] += 2
	}
	i := 0
	for l, c := range count {
		for range c {
			lens[i] = uint8(l)
			i++
		}
	}
	return lens
}

// oneBlock returns a stream of one block that is at least size bytes long when decoded, and these. It has symbols of all kinds
// and all lengths of codes.
func oneBlock(size int, seed uint64) (stream, want []byte) {
	r := rand.New(rand.NewPCG(seed, 1))
	lit, dist := deep(maxLit), deep(maxDist)
	r.Shuffle(len(lit), func(i, j int) { lit[i], lit[j] = lit[j], lit[i] })
	r.Shuffle(len(dist), func(i, j int) { dist[i], dist[j] = dist[j], dist[i] })
	hl, hd := newHuffman(lit), newHuffman(dist)
	w := new(bitWriter)
	w.dynamic(1, lit, dist)
	for len(want) < size {
		sym := r.IntN(maxLit)
		if sym == endOfBlock {
			continue
		}
		if sym < endOfBlock {
			w.symbol(hl, sym)
			want = append(want, byte(sym))
			continue
		}
		dsym := r.IntN(maxDist)
		ls, ds := lengthSteps[sym-endOfBlock-1], distSteps[dsym]
		l, d := r.IntN(1<<ls.more), r.IntN(1<<ds.more)
		far := int(ds.least) + d
		if far > len(want) || sym == 284 && l == 31 { // 258 has a symbol of its own
			continue
		}
		w.symbol(hl, sym).bits(uint64(l), uint(ls.more)).symbol(hd, dsym).bits(uint64(d), uint(ds.more))
		for range int(ls.least) + l {
			want = append(want, want[len(want)-far])
		}
	}
	return w.symbol(hl, endOfBlock).bytes(), want
}

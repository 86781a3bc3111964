package sevenz

import "io"

// The range decoder of LZMA and BCJ2, as the LZMA specification (lzma-specification.txt of the LZMA SDK) has it. A probability is
// that of a zero bit, in 1/2048, and moves by 1/32 of the way with each bit.
const (
	probInit = 1 << 10
	probMax  = 1 << 11
	rangeTop = 1 << 24
)

// symbolMax is the most input in bytes that one symbol of LZMA takes.
const symbolMax = 20

// A rangeDecoder reads bits from in[at:], where the caller sees to it that there are always enough bytes.
type rangeDecoder struct {
	in         []byte
	at         int
	rng, code  uint32
	src        io.Reader // where fill finds more
	buf        []byte    // what in is a part of
	over       int       // zeros at the end of in that stand for no input
	sourceDone bool
}

// start takes the first five bytes of a stream. The first of them is always zero.
func (r *rangeDecoder) start() bool {
	b := r.in[r.at : r.at+5]
	r.at += 5
	r.rng = 1<<32 - 1
	r.code = uint32(b[1])<<24 | uint32(b[2])<<16 | uint32(b[3])<<8 | uint32(b[4])
	return b[0] == 0 && r.code != r.rng
}

// fill makes sure that another symbol can be read. At the end of the input it gives zeros, and io.ErrUnexpectedEOF once one of
// them has been used.
func (r *rangeDecoder) fill() error {
	left := len(r.in) - r.at
	if left < r.over {
		return io.ErrUnexpectedEOF
	}
	if left >= symbolMax {
		return nil
	}
	if r.buf == nil {
		r.buf = make([]byte, 32<<10)
	}
	left = copy(r.buf, r.in[r.at:])
	r.at = 0
	for tries := 0; left < symbolMax; {
		if r.sourceDone {
			clear(r.buf[left:symbolMax])
			r.over += symbolMax - left
			left = symbolMax
			break
		}
		n, err := r.src.Read(r.buf[left:])
		left += n
		if tries++; n > 0 {
			tries = 0
		}
		switch {
		case err == io.EOF:
			r.sourceDone = true
		case err != nil:
			r.in = r.buf[:left]
			return err
		case tries == 100:
			return io.ErrNoProgress
		}
	}
	r.in = r.buf[:left]
	return nil
}

// normalize takes a byte of input if the range has become small.
func (r *rangeDecoder) normalize() {
	if r.rng < rangeTop {
		r.rng <<= 8
		r.code = r.code<<8 | uint32(r.in[r.at])
		r.at++
	}
}

// bit decodes one bit and adapts its probability.
func (r *rangeDecoder) bit(p *uint16) uint32 {
	r.normalize()
	prob := uint32(*p)
	bound := (r.rng >> 11) * prob
	if r.code < bound {
		r.rng = bound
		*p = uint16(prob + (probMax-prob)>>5)
		return 0
	}
	r.rng -= bound
	r.code -= bound
	*p = uint16(prob - prob>>5)
	return 1
}

// tree decodes n bits, highest first, each with a probability that depends on the ones before it.
func (r *rangeDecoder) tree(probs []uint16, n int) uint32 {
	in, at, rng, code := r.in, r.at, r.rng, r.code
	sym := uint32(1)
	for range n {
		if rng < rangeTop {
			rng <<= 8
			code = code<<8 | uint32(in[at])
			at++
		}
		p := &probs[sym]
		prob := uint32(*p)
		bound := (rng >> 11) * prob
		if code < bound {
			rng = bound
			*p = uint16(prob + (probMax-prob)>>5)
			sym <<= 1
		} else {
			rng -= bound
			code -= bound
			*p = uint16(prob - prob>>5)
			sym = sym<<1 | 1
		}
	}
	r.at, r.rng, r.code = at, rng, code
	return sym - 1<<n
}

// treeLowFirst is tree for n bits that come lowest first.
func (r *rangeDecoder) treeLowFirst(probs []uint16, n int) uint32 {
	node, sym := uint32(1), uint32(0)
	for i := range n {
		bit := r.bit(&probs[node])
		node = node<<1 | bit
		sym |= bit << i
	}
	return sym
}

// direct decodes n bits that are as often 0 as 1, highest first.
func (r *rangeDecoder) direct(n int) uint32 {
	v := uint32(0)
	for range n {
		r.normalize()
		r.rng >>= 1
		r.code -= r.rng
		mask := 0 - r.code>>31 // all ones if that was too much: the bit is 0
		r.code += r.rng & mask
		v = v<<1 + mask + 1
	}
	return v
}

// matched decodes a literal where the byte at the last distance, match, is known to be wrong: its bits say which probabilities to use for as
// long as they are right.
func (r *rangeDecoder) matched(probs []uint16, match byte) byte {
	in, at, rng, code := r.in, r.at, r.rng, r.code
	sym, m, same := uint32(1), uint32(match), uint32(0x100)
	for sym < 0x100 {
		if rng < rangeTop {
			rng <<= 8
			code = code<<8 | uint32(in[at])
			at++
		}
		m <<= 1
		bit := m & same
		p := &probs[same+bit+sym]
		prob := uint32(*p)
		bound := (rng >> 11) * prob
		if code < bound {
			rng = bound
			*p = uint16(prob + (probMax-prob)>>5)
			sym <<= 1
			same &^= bit
		} else {
			rng -= bound
			code -= bound
			*p = uint16(prob - prob>>5)
			sym = sym<<1 | 1
			same &= bit
		}
	}
	r.at, r.rng, r.code = at, rng, code
	return byte(sym)
}

// resetProbs makes every bit as probable as its opposite.
func resetProbs(p []uint16) {
	for i := range p {
		p[i] = probInit
	}
}

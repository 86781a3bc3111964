package inflate

import "io"

// Types of blocks, RFC 1951, section 3.2.3.
const (
	typeStored = iota
	typeFixed
	typeDynamic
)

// The codes of a block, as the bits of each symbol's code. No literals stand for the fixed codes of RFC 1951, section 3.2.6.
type codes struct {
	nlit, ndist int
	lens        [maxLit + maxDist]uint8 // first of the literals and lengths, then of the distances
}

// header reads the header of a block and what belongs to it, up to the first symbol or stored byte.
func (r *Reader) header() error {
	if err := r.need(3); err != nil {
		return err
	}
	r.final = r.acc&1 != 0
	kind := r.acc >> 1 & 3
	r.take(3)
	switch kind {
	case typeStored:
		return r.storedHeader()
	case typeFixed:
		if r.codes.nlit != 0 {
			r.codes.nlit, r.codes.ndist, r.built = 0, 0, false
		}
	case typeDynamic:
		if err := r.dynamicHeader(); err != nil {
			return err
		}
	default:
		return r.corrupt("a block of the reserved type")
	}
	if !r.built && !r.build() {
		return r.corrupt("a code for literals or distances that is none")
	}
	r.place = inCodes
	return nil
}

func (r *Reader) storedHeader() error {
	r.take(r.nacc % 8) // the rest of the byte
	if err := r.need(32); err != nil {
		return err
	}
	n, check := uint16(r.acc), uint16(r.acc>>16)
	if n != ^check {
		return r.corrupt("a stored block whose length and its complement do not fit")
	}
	r.take(32)
	// The rest of acc goes back.
	r.pos -= int(r.nacc / 8)
	r.acc, r.nacc = 0, 0
	if n == 0 {
		return r.endBlock()
	}
	r.place, r.left = inStored, int(n)
	return nil
}

// stored copies what has come of a stored block. It returns whether more has to come.
func (r *Reader) stored() (more bool, err error) {
	n := min(r.left, r.end-r.pos, outLimit-r.w)
	copy(r.out[r.w:], r.input[r.pos:r.pos+n])
	r.pos += n
	r.w += n
	if r.left -= n; r.left == 0 {
		return false, r.endBlock()
	}
	return r.pos == r.end, nil
}

// direct reads what follows of a stored block from the source to where it belongs. All input is used up, and acc is empty.
func (r *Reader) direct() error {
	n, err := r.read(r.out[r.w : r.w+min(r.left, outLimit-r.w)])
	r.base += int64(n)
	r.w += n
	if r.left -= n; r.left == 0 && err == nil {
		return r.endBlock()
	}
	return err
}

func (r *Reader) endBlock() error {
	r.place = atHeader
	if r.final {
		return io.EOF
	}
	return nil
}

// dynamicHeader reads the codes of a block, RFC 1951, section 3.2.7.
func (r *Reader) dynamicHeader() error {
	if err := r.need(14); err != nil {
		return err
	}
	nlit, ndist, ncode := 257+int(r.acc&31), 1+int(r.acc>>5&31), 4+int(r.acc>>10&15)
	r.take(14)
	if nlit > maxLit || ndist > maxDist {
		return r.corrupt("a block with more symbols than there are")
	}
	var lens [maxCode]uint8
	for _, sym := range codeOrder[:ncode] {
		if err := r.need(3); err != nil {
			return err
		}
		lens[sym] = uint8(r.acc & 7)
		r.take(3)
	}
	// The table of distances has room for this one, and is made anew anyway.
	r.built = false
	if !build(r.dist[:codeSize], codeRoot, lens[:], codeEntry) {
		return r.corrupt("a code for code lengths that is none")
	}
	r.codes.nlit, r.codes.ndist = nlit, ndist
	if err := r.lengths(r.codes.lens[:nlit+ndist]); err != nil {
		return err
	}
	if r.codes.lens[endOfBlock] == 0 {
		return r.corrupt("a block that cannot end")
	}
	return nil
}

// How the three symbols above 15 repeat a length: at least so often, and so many bits of more.
var repeats = [3]step{{3, 2}, {3, 3}, {11, 7}}

// lengths reads the lengths of codes.
func (r *Reader) lengths(lens []uint8) error {
	for i := 0; i < len(lens); {
		var e entry
		for r.top(); ; {
			e = r.dist[r.acc%codeSize]
			if n := e.bits(); n <= r.nacc {
				r.take(n)
				break
			}
			if err := r.need(r.nacc + 1); err != nil {
				return err
			}
		}
		if e&entryStop != 0 {
			return r.corrupt("a code length that is none")
		}
		sym := e.value()
		if sym <= maxCodeLen {
			lens[i] = uint8(sym)
			i++
			continue
		}
		rep := repeats[sym-maxCodeLen-1]
		if err := r.need(uint(rep.more)); err != nil {
			return err
		}
		n := int(rep.least) + int(r.acc&(1<<rep.more-1))
		r.take(uint(rep.more))
		var again uint8
		if sym == maxCodeLen+1 {
			if i == 0 {
				return r.corrupt("no code length to repeat")
			}
			again = lens[i-1]
		}
		if n > len(lens)-i {
			return r.corrupt("more code lengths than symbols")
		}
		for range n {
			lens[i] = again
			i++
		}
	}
	return nil
}

// build makes the tables of r.codes.
func (r *Reader) build() bool {
	lit, dist := r.codes.lens[:r.codes.nlit], r.codes.lens[r.codes.nlit:][:r.codes.ndist]
	if r.codes.nlit == 0 {
		lit, dist = fixedCodes()
	}
	r.built = build(r.lit[:], litRoot, lit, litEntry) && build(r.dist[:], distRoot, dist, distEntry)
	if r.built {
		pair(&r.lit, lit[:endOfBlock])
	}
	return r.built
}

// fixedCodes are complete only with two lengths and two distances that must never occur.
func fixedCodes() (lit, dist []uint8) {
	lens := make([]uint8, fixedLit+fixedDist)
	for i := range lens {
		switch {
		case i < 144:
			lens[i] = 8
		case i < 256:
			lens[i] = 9
		case i < 280:
			lens[i] = 7
		case i < fixedLit:
			lens[i] = 8
		default:
			lens[i] = 5
		}
	}
	return lens[:fixedLit], lens[fixedLit:]
}

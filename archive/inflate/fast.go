package inflate

import "encoding/binary"

// What a loop over symbols stopped for.
type stop uint8

const (
	stopFull   stop = iota // the batch
	stopHungry             // the next symbol needs input
	stopEnd                // of the block
	stopSymbol             // one that must not occur
	stopFar                // a distance to before the start
)

// fastInput is more than one round of the fast loop takes of the input or looks at: three times eight bytes.
const fastInput = 32

// longMatch is how long a match must be for stores of 16 bytes to be worth setting up.
const longMatch = 96

// strides is how far a store of eight bytes gets that repeat every so many: the most that is a multiple.
var strides = [8]int{0, 8, 8, 6, 8, 5, 6, 7}

// refill returns acc, nacc and pos with 56 bits or more in acc. Above those it may leave a part of the next byte, which does
// no harm: when that byte is taken the same bits come to the same place.
func refill(in []byte, acc uint64, nacc uint, pos int) (uint64, uint, int) {
	acc |= binary.LittleEndian.Uint64(in[pos:]) << (nacc & 63)
	return acc, nacc | 56, pos + int((63-nacc)>>3)
}

// fast decodes symbols while there is so much input and room that it need not look: a round writes at most eight literals, or
// six and a match, which is rounded up to 16 bytes. It keeps everything in registers. The order is that of least waiting: acc
// is filled, and the next entry looked up, before the match is copied. A literal from the root takes at most 11 bits of the
// 56, so four fit, and three before a length of 15+5; a distance takes 15+13 of the next 56.
func (r *Reader) fast() stop {
	in, out, lit, dist := r.input[:r.end], &r.out, &r.lit, &r.dist
	acc, nacc, pos, w := r.acc, r.nacc, r.pos, r.w
	last := r.end - fastInput
	if pos > last {
		return stopHungry
	}
	why := stopFull
	acc, nacc, pos = refill(in, acc, nacc, pos)
	e := lit[acc&litMask]
	for w < outLimit {
		if pos > last {
			why = stopHungry
			break
		}
		if e.literal() {
			acc, nacc = acc>>e.bits(), nacc-e.bits()
			binary.LittleEndian.PutUint16(out[w:], e.bytes())
			w += e.literals()
			if e = lit[acc&litMask]; e.literal() {
				acc, nacc = acc>>e.bits(), nacc-e.bits()
				binary.LittleEndian.PutUint16(out[w:], e.bytes())
				w += e.literals()
				if e = lit[acc&litMask]; e.literal() {
					acc, nacc = acc>>e.bits(), nacc-e.bits()
					binary.LittleEndian.PutUint16(out[w:], e.bytes())
					w += e.literals()
					if e = lit[acc&litMask]; e.literal() {
						acc, nacc = acc>>e.bits(), nacc-e.bits()
						binary.LittleEndian.PutUint16(out[w:], e.bytes())
						w += e.literals()
						acc, nacc, pos = refill(in, acc, nacc, pos)
						e = lit[acc&litMask]
						continue
					}
				}
			}
		}
		if e&(entryStop|entryLink) != 0 {
			if e&entryLink != 0 {
				acc, nacc = acc>>litRoot, nacc-litRoot
				e = lit[e.second(acc)&(litSize-1)]
			}
			if e.literal() {
				acc, nacc = acc>>e.bits(), nacc-e.bits()
				out[w] = byte(e.value())
				w++
				acc, nacc, pos = refill(in, acc, nacc, pos)
				e = lit[acc&litMask]
				continue
			}
			if e&entryStop != 0 {
				acc, nacc = acc>>e.bits(), nacc-e.bits()
				why = e.why()
				break
			}
		}
		length := e.step(acc)
		acc, nacc = acc>>e.bits(), nacc-e.bits()
		acc, nacc, pos = refill(in, acc, nacc, pos)
		e = dist[acc&distMask]
		if e&(entryStop|entryLink) != 0 {
			if e&entryLink != 0 {
				acc, nacc = acc>>distRoot, nacc-distRoot
				e = dist[e.second(acc)&(distSize-1)]
			}
			if e&entryStop != 0 {
				why = stopSymbol
				break
			}
		}
		d := e.step(acc)
		acc, nacc = acc>>e.bits(), nacc-e.bits()
		from, end := w-d, w+length
		if from < 0 {
			why = stopFar
			break
		}
		acc, nacc, pos = refill(in, acc, nacc, pos)
		e = lit[acc&litMask]
		switch {
		case d >= 16:
			*(*[16]byte)(out[w:]) = *(*[16]byte)(out[from:])
			for length > 16 {
				w, from, length = w+16, from+16, length-16
				*(*[16]byte)(out[w:]) = *(*[16]byte)(out[from:])
			}
		case d >= 8:
			for ; w < end; w, from = w+8, from+8 {
				*(*[8]byte)(out[w:]) = *(*[8]byte)(out[from:])
			}
		default:
			v := binary.LittleEndian.Uint64(out[from:]) & (1<<(8*d) - 1)
			for n := 8 * d; n < 64; n *= 2 {
				v |= v << n
			}
			n := strides[d]
			if length >= longMatch {
				// As many bytes again, so that what is stored at once is twice as long.
				var twice [16]byte
				binary.LittleEndian.PutUint64(twice[:], v)
				binary.LittleEndian.PutUint64(twice[n:], v)
				for n *= 2; w < end; w += n {
					*(*[16]byte)(out[w:]) = twice
				}
			}
			for ; w < end; w += n {
				binary.LittleEndian.PutUint64(out[w:], v)
			}
		}
		w = end
	}
	r.acc, r.nacc, r.pos, r.w = acc, nacc, pos, w
	return why
}

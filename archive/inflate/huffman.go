package inflate

import "math/bits"

// The alphabets of RFC 1951, sections 3.2.5 and 3.2.7.
const (
	maxLit     = 286 // literals, the end of block and lengths that a dynamic block may name
	maxDist    = 30  // distances that a dynamic block may name
	maxCode    = 19  // the alphabet that code lengths are written in
	maxCodeLen = 15  // bits
	endOfBlock = 256

	// The fixed codes are complete only with a few symbols that must never be used.
	fixedLit  = 288
	fixedDist = 32
)

// A table is looked up with the next root bits of the input. A code that is longer leads on to a second table behind the first.
// The sizes are those of the worst complete code, rounded up to a power of two so that a mask stands in for a bounds check:
// 2342 entries for 288 symbols and a root of 11 bits, 402 for 32 symbols and 8 bits (examples/enough.c of zlib computes them).
const (
	litRoot  = 11
	distRoot = 8
	codeRoot = 7

	litMask  = 1<<litRoot - 1
	distMask = 1<<distRoot - 1

	litSize  = 4096
	distSize = 512
	codeSize = 1 << codeRoot
)

// An entry of a table is all that decoding a symbol needs, in one word:
//
//	bits 0-5    bits to consume: the code, and what follows it of a length or a distance
//	bits 8-11   bits of the code alone; of a link, how many bits the second table is looked up with
//	bits 12-13  how many literals it stands for
//	bit  14     entryStop: the end of the block or, with value 1, a code that must not occur
//	bit  15     entryLink: the value is where the second table begins, and the bits to consume are the root
//	bits 16-31  value: one or two literals, or the least length or distance
//
// In a second table, bits count from behind the root. Two literals are in one entry where the root has room for both codes;
// bits 8-11 are then those of the first, so that it can be had alone.
type entry uint32

const (
	entryStop entry = 1 << 14
	entryLink entry = 1 << 15
	entryNone       = 1<<valueShift | entryStop // must not occur

	bitsMask   entry = 63
	codeMask   entry = 15
	litsMask   entry = 3
	codeShift        = 8
	litsShift        = 12
	valueShift       = 16
)

func (e entry) bits() uint    { return uint(e & bitsMask) }
func (e entry) code() uint    { return uint(e >> codeShift & codeMask) }
func (e entry) literal() bool { return e&(litsMask<<litsShift) != 0 }
func (e entry) literals() int { return int(e >> litsShift & litsMask) }
func (e entry) bytes() uint16 { return uint16(e >> valueShift) }
func (e entry) value() int    { return int(e >> valueShift) }

// second is where the entry is that the link e leads to. The bits of the root are gone from acc.
func (e entry) second(acc uint64) int { return e.value() + int(acc&(1<<e.code()-1)) }

// step is the length or distance that e stands for. acc begins with its code.
func (e entry) step(acc uint64) int { return e.value() + int(acc&(1<<e.bits()-1)>>e.code()) }

// why is what a loop stops for when e has entryStop.
func (e entry) why() stop {
	if e.value() != 0 {
		return stopSymbol
	}
	return stopEnd
}

// coded is e with the code it belongs to, of n bits.
func (e entry) coded(n int) entry { return e + entry(n)<<codeShift + entry(n) }

// A step of lengths or distances: the least one, and how many more bits the input has.
type step struct{ least, more uint16 }

var lengthSteps = [...]step{
	{3, 0}, {4, 0}, {5, 0}, {6, 0}, {7, 0}, {8, 0}, {9, 0}, {10, 0}, {11, 1}, {13, 1}, {15, 1}, {17, 1}, {19, 2}, {23, 2}, {27, 2},
	{31, 2}, {35, 3}, {43, 3}, {51, 3}, {59, 3}, {67, 4}, {83, 4}, {99, 4}, {115, 4}, {131, 5}, {163, 5}, {195, 5}, {227, 5}, {258, 0},
}

var distSteps = [...]step{
	{1, 0}, {2, 0}, {3, 0}, {4, 0}, {5, 1}, {7, 1}, {9, 2}, {13, 2}, {17, 3}, {25, 3}, {33, 4}, {49, 4}, {65, 5}, {97, 5}, {129, 6},
	{193, 6}, {257, 7}, {385, 7}, {513, 8}, {769, 8}, {1025, 9}, {1537, 9}, {2049, 10}, {3073, 10}, {4097, 11}, {6145, 11},
	{8193, 12}, {12289, 12}, {16385, 13}, {24577, 13},
}

// codeOrder is the order in which the lengths of the code for code lengths are written.
var codeOrder = [maxCode]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// Each of these makes the entry of a symbol, still without the bits of its code.

func litEntry(sym uint16) entry {
	switch {
	case sym < endOfBlock:
		return entry(sym)<<valueShift | 1<<litsShift
	case sym == endOfBlock:
		return entryStop
	}
	return stepEntry(lengthSteps[:], int(sym)-endOfBlock-1)
}

func distEntry(sym uint16) entry { return stepEntry(distSteps[:], int(sym)) }

func codeEntry(sym uint16) entry { return entry(sym) << valueShift }

func stepEntry(steps []step, i int) entry {
	if i >= len(steps) {
		return entryNone
	}
	return entry(steps[i].least)<<valueShift | entry(steps[i].more)
}

// build fills table with the code whose lengths are given, one a symbol. It returns false if these are no code: too many of
// them, or too few, except that there may be a single symbol of one bit, or none at all; whether a code may be that small
// is for the caller to say.
func build(table []entry, root int, lens []uint8, symbol func(uint16) entry) bool {
	var count, next [maxCodeLen + 2]int
	for _, l := range lens {
		count[l]++
	}
	used := len(lens) - count[0]
	count[0] = 0
	left := 1 // codes of the length that are still free
	for l := 1; l <= maxCodeLen; l++ {
		if left = left<<1 - count[l]; left < 0 {
			return false
		}
		next[l+1] = next[l] + count[l]
	}
	if left > 0 && used > 1 || used == 1 && count[1] != 1 {
		return false
	}
	var sorted [fixedLit]uint16 // by length, then by value
	for sym, l := range lens {
		if l > 0 {
			sorted[next[l]] = uint16(sym)
			next[l]++
		}
	}
	if used < 2 {
		for i := range 1 << root {
			table[i] = entryNone.coded(1)
		}
		if used == 1 {
			for i := 0; i < 1<<root; i += 2 {
				table[i] = symbol(sorted[0]).coded(1)
			}
		}
		return true
	}

	// Codes come with their first bit lowest, so the table of one more bit is the same table twice, and the codes of that
	// length go where no shorter one begins.
	code, i, size := 0, 0, 1
	for l := 1; l <= root; l++ {
		copy(table[size:2*size], table[:size])
		size *= 2
		for range count[l] {
			table[code] = symbol(sorted[i]).coded(l)
			code = nextCode(code, l)
			i++
		}
	}
	link, start, second, width := -1, size, 0, 0
	for l := root + 1; i < used; l++ {
		for n := count[l]; n > 0; n-- {
			if code&(size-1) != link {
				link = code & (size - 1)
				start, width = start+second, l-root
				for free := 1<<width - n; free > 0; free = free<<1 - count[root+width] {
					width++
				}
				second = 1 << width
				table[link] = entry(start)<<valueShift | entryLink | entry(width)<<codeShift | entry(root)
			}
			e := symbol(sorted[i]).coded(l - root)
			for j := code >> root; j < second; j += 1 << (l - root) {
				table[start+j] = e
			}
			code = nextCode(code, l)
			i++
		}
	}
	return true
}

// nextCode returns the code of n bits after code. Both are written with their first bit lowest.
func nextCode(code, n int) int {
	free := ^code & (1<<n - 1)
	top := 1 << bits.Len(uint(free)) >> 1
	return code&(top-1) | top
}

// pair puts two literals into one entry of table wherever it can. lens are those of the literals. It takes some microseconds,
// so it is done only where at least a sixteenth of what the code expects are pairs: that is text, and streams without matches.
func pair(table *[litSize]entry, lens []uint8) {
	var count [maxCodeLen + 1]int
	for _, l := range lens {
		count[l]++
	}
	pairs := 0
	for a := 1; a < litRoot; a++ {
		for b := 1; a+b <= litRoot; b++ {
			pairs += count[a] * count[b] << (litRoot - a - b)
		}
	}
	if pairs < 1<<litRoot/16 {
		return
	}
	for i := 1<<litRoot - 1; i >= 0; i-- { // downwards, so that what lies below is single yet
		e := table[i]
		next := table[i>>e.bits()]
		if e.literal() && next.literal() && e.bits()+next.bits() <= litRoot {
			table[i] = e + next&(bitsMask|litsMask<<litsShift) + next>>valueShift<<(valueShift+8)
		}
	}
}

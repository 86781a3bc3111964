package sevenz

import (
	"encoding/binary"
	"fmt"
	"math/bits"
)

// A cursor goes through a header. Its first error stays, and from then on everything reads as zero, so that a run of reads is
// checked once at its end. Counts are checked when they are read: a loop over one is never longer than the header.
type cursor struct {
	rest []byte
	err  error
}

func (c *cursor) fail(kind error, format string, args ...any) {
	if c.err == nil {
		c.err = fmt.Errorf("%w: %s", kind, fmt.Sprintf(format, args...))
	}
	c.rest = nil
}

// bytes takes the next n bytes, or nil if there are not as many.
func (c *cursor) bytes(n uint64) []byte {
	if n > uint64(len(c.rest)) {
		c.fail(ErrCorrupt, "the header ends early")
		return nil
	}
	b := c.rest[:n:n]
	c.rest = c.rest[n:]
	return b
}

func (c *cursor) byte() byte {
	if b := c.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

func (c *cursor) uint32() uint32 {
	if b := c.bytes(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (c *cursor) uint64() uint64 {
	if b := c.bytes(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// number reads a number in 7z's own spelling: the ones at the top of the first byte count the bytes that follow, lowest first,
// and what is left of the first byte is the highest part.
func (c *cursor) number() uint64 {
	first := c.byte()
	more := bits.LeadingZeros8(^first)
	var n uint64
	for i, b := range c.bytes(uint64(more)) {
		n |= uint64(b) << (8 * i)
	}
	if more < 7 {
		n |= uint64(first&(0x7F>>more)) << (8 * more)
	}
	return n
}

// size reads a number of bytes.
func (c *cursor) size() int64 {
	n := c.number()
	if n > maxSize {
		c.fail(ErrCorrupt, "a size of %d bytes", n)
		return 0
	}
	return int64(n)
}

// maxSize keeps sums of two sizes from wrapping.
const maxSize = 1 << 60

// count reads how many of something follow, each of which takes at least a byte of the header.
func (c *cursor) count(what string) int {
	n := c.number()
	if n > uint64(len(c.rest)) {
		c.fail(ErrCorrupt, "%d %s in a header of %d more bytes", n, what, len(c.rest))
		return 0
	}
	return int(n)
}

// few reads how many of something there are, where more than maxStreams makes no sense.
func (c *cursor) few(what string) int {
	n := c.number()
	if n > maxStreams {
		c.fail(ErrCorrupt, "%d %s in a folder", n, what)
		return 0
	}
	return int(n)
}

// bools reads n bits, the highest of each byte first. It returns nil after an error.
func (c *cursor) bools(n int) []bool {
	b := c.bytes(uint64(n+7) / 8)
	if b == nil {
		return nil
	}
	v := make([]bool, n)
	for i := range v {
		v[i] = b[i/8]&(0x80>>(i%8)) != 0
	}
	return v
}

// defined reads which of n things have a value: all, or those with a bit. It returns nil after an error.
func (c *cursor) defined(n int) []bool {
	if c.byte() == 0 {
		return c.bools(n)
	}
	if c.err != nil {
		return nil
	}
	v := make([]bool, n)
	for i := range v {
		v[i] = true
	}
	return v
}

// internal checks that what follows stands here and not in a stream of its own, which no program writes.
func (c *cursor) internal() {
	if c.byte() != 0 {
		c.fail(ErrMethod, "a header in a stream of its own")
	}
}

// expect reads an id that must be here.
func (c *cursor) expect(id uint64) {
	if got := c.number(); got != id && c.err == nil {
		c.fail(ErrCorrupt, "id %#x in the header where %#x belongs", got, id)
	}
}

package rar

import "encoding/binary"

// A cursor reads numbers from a header. Behind the end of the header they are 0, and bad is set.
type cursor struct {
	b   []byte
	bad bool
}

var zeros [8]byte

func (c *cursor) take(n uint64) []byte {
	if n > uint64(len(c.b)) {
		c.b, c.bad = nil, true
		return nil
	}
	v := c.b[:n:n]
	c.b = c.b[n:]
	return v
}

// fixed returns n bytes, at most 8, that are there in any case.
func (c *cursor) fixed(n uint64) []byte {
	if v := c.take(n); v != nil {
		return v
	}
	return zeros[:n]
}

func (c *cursor) u8() uint8   { return c.fixed(1)[0] }
func (c *cursor) u16() uint16 { return binary.LittleEndian.Uint16(c.fixed(2)) }
func (c *cursor) u32() uint32 { return binary.LittleEndian.Uint32(c.fixed(4)) }
func (c *cursor) u64() uint64 { return binary.LittleEndian.Uint64(c.fixed(8)) }

// vint reads a number of RAR 5: 7 bits a byte, lowest first. It may have leading zeros, which are its last bytes, but at most
// 10 bytes and 64 bits.
func (c *cursor) vint() uint64 {
	var v uint64
	for i := range 10 {
		if i >= len(c.b) {
			break
		}
		d := c.b[i]
		if i == 9 && d > 1 {
			break
		}
		v |= uint64(d&0x7f) << (7 * i)
		if d < 0x80 {
			c.b = c.b[i+1:]
			return v
		}
	}
	c.b, c.bad = nil, true
	return 0
}

// size reads a vint that is a number of bytes in a file.
func (c *cursor) size() int64 {
	v := c.vint()
	if v > maxSize {
		c.bad = true
		return 0
	}
	return int64(v)
}

// maxSize is more than any file has, and so small that three of it can be added.
const maxSize = 1 << 61

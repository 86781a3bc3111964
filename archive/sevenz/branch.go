package sevenz

import (
	"encoding/binary"
	"io"
)

// Programs pack better when the target of a call is the same wherever the call stands. The branch filters made absolute
// addresses of relative ones; here they are made relative again. What each of them looks for is an instruction of one
// processor; the encodings are those of the LZMA SDK (Bra.c, Bra86.c, BraIA64.c) and of the xz file format's filters.

// A converter turns the instructions in b, which is at offset pos of the stream, back, and returns how many bytes it is done with. The
// others it wants to see again with more behind them.
type converter interface {
	convert(b []byte, pos uint32) int
}

// A convertFunc is a converter without a state.
type convertFunc func(b []byte, pos uint32) int

func (f convertFunc) convert(b []byte, pos uint32) int { return f(b, pos) }

// A branchReader runs a converter over a stream.
type branchReader struct {
	in   io.Reader
	conv converter
	buf  []byte // not yet handed out
	done int    // how much of buf has been converted
	pos  uint32 // of the first byte of buf that has not been
	back []byte // what buf is a part of
	err  error
}

func newBranch(in io.Reader, conv converter) io.Reader {
	return &branchReader{in: in, conv: conv, back: make([]byte, 16<<10)}
}

func (r *branchReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for r.done == 0 {
		if r.err != nil {
			return 0, r.err
		}
		// What is left over is shorter than an instruction.
		n := copy(r.back, r.buf)
		room := min(max(len(p), 64), len(r.back)-n)
		m, err := r.in.Read(r.back[n : n+room])
		r.buf = r.back[:n+m]
		r.done = r.conv.convert(r.buf, r.pos)
		if r.err = err; err == io.EOF {
			r.done = len(r.buf) // the last bytes are no whole instruction
		}
		r.pos += uint32(r.done)
		if m == 0 && err == nil {
			return 0, nil
		}
	}
	n := copy(p, r.buf[:r.done])
	r.buf = r.buf[n:]
	r.done -= n
	return n, nil
}

// words calls f for each four bytes of b.
func words(b []byte, pos uint32, order binary.ByteOrder, f func(v, pos uint32) uint32) int {
	i := 0
	for ; i+4 <= len(b); i += 4 {
		order.PutUint32(b[i:], f(order.Uint32(b[i:]), pos+uint32(i)))
	}
	return i
}

// arm: BL.
func arm(b []byte, pos uint32) int {
	return words(b, pos, binary.LittleEndian, func(v, pos uint32) uint32 {
		if v>>24 != 0xEB {
			return v
		}
		return 0xEB000000 | (v-(pos+8)>>2)&0x00FFFFFF
	})
}

// arm64: BL, and ADRP within 512 MiB.
func arm64(b []byte, pos uint32) int {
	return words(b, pos, binary.LittleEndian, func(v, pos uint32) uint32 {
		if v&0xFC000000 == 0x94000000 {
			return 0x94000000 | (v-pos>>2)&0x03FFFFFF
		}
		if v&0x9F000000 != 0x90000000 {
			return v
		}
		page := v>>29&3 | v>>3&0x1FFFFC
		if (page+0x020000)&0x1C0000 != 0 {
			return v
		}
		page -= pos >> 12
		return v&0x9000001F | page&3<<29 | page&0x03FFFC<<3 | (0-page&0x020000)&0xE00000
	})
}

// ppc: bl.
func ppc(b []byte, pos uint32) int {
	return words(b, pos, binary.BigEndian, func(v, pos uint32) uint32 {
		if v&0xFC000003 != 0x48000001 {
			return v
		}
		return 0x48000001 | (v-pos)&0x03FFFFFC
	})
}

// sparc: call within 16 MiB.
func sparc(b []byte, pos uint32) int {
	return words(b, pos, binary.BigEndian, func(v, pos uint32) uint32 {
		if top := v >> 22; top != 0x100 && top != 0x1FF {
			return v
		}
		to := v<<2 - pos
		return 0x40000000 | (0-to>>24&1)<<22&0x3FFFFFFF | to>>2&0x3FFFFF
	})
}

// armThumb: the pair of BL.
func armThumb(b []byte, pos uint32) int {
	i := 0
	for ; i+4 <= len(b); i += 2 {
		high, low := binary.LittleEndian.Uint16(b[i:]), binary.LittleEndian.Uint16(b[i+2:])
		if high&0xF800 != 0xF000 || low&0xF800 != 0xF800 {
			continue
		}
		to := uint32(high&0x7FF)<<11 | uint32(low&0x7FF)
		to -= (pos + uint32(i) + 4) >> 1
		binary.LittleEndian.PutUint16(b[i:], 0xF000|uint16(to>>11&0x7FF))
		binary.LittleEndian.PutUint16(b[i+2:], 0xF800|uint16(to&0x7FF))
		i += 2
	}
	return i
}

// ia64: br.call in bundles of 16 bytes, which have up to three instructions of 41 bits. Which of them may be branches says the
// template in the lowest five bits.
func ia64(b []byte, pos uint32) int {
	const branches = "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x04\x04\x06\x06\x00\x00\x07\x07\x04\x04\x00\x00\x04\x04\x00\x00"
	i := 0
	for ; i+16 <= len(b); i += 16 {
		for slot := range 3 {
			if branches[b[i]&0x1F]>>slot&1 == 0 {
				continue
			}
			bit := 5 + 41*slot
			at := b[i+bit/8:][:6]
			v := uint64(binary.LittleEndian.Uint32(at)) | uint64(binary.LittleEndian.Uint16(at[4:]))<<32
			ins := v >> (bit % 8)
			if ins>>37&0xF != 5 || ins>>9&7 != 0 {
				continue
			}
			to := uint32(ins>>13)&0xFFFFF | uint32(ins>>36)&1<<20
			to = (to<<4 - (pos + uint32(i))) >> 4
			ins = ins&^(0x8FFFFF<<13) | uint64(to&0xFFFFF)<<13 | uint64(to&0x100000)<<(36-20)
			v = v&(1<<(bit%8)-1) | ins<<(bit%8)
			binary.LittleEndian.PutUint32(at, uint32(v))
			binary.LittleEndian.PutUint16(at[4:], uint16(v>>32))
		}
	}
	return i
}

// x86 is the filter for CALL and JMP. Any byte may be the start of an instruction, so it keeps in mind where the last three
// bytes looked like one: bit 0 of before is the byte just passed.
type x86 struct {
	before uint32
}

// far reports whether the highest byte of an address means within 16 MiB, forward or back.
func far(b byte) bool { return b == 0 || b == 0xFF }

func (x *x86) convert(b []byte, pos uint32) int {
	i := 0
	for i+5 <= len(b) {
		if b[i]&0xFE != 0xE8 {
			x.before = x.before << 1 & 7
			i++
			continue
		}
		// An opcode that may be a byte of an address before it is only taken for one when that byte could not be the highest.
		mask := x.before
		if far(b[i+4]) && allowed(mask, b[i+1:i+5]) {
			to := binary.LittleEndian.Uint32(b[i+1:])
			binary.LittleEndian.PutUint32(b[i+1:], relative(to, pos+uint32(i)+5, mask))
			x.before = 0
			i += 5
			continue
		}
		x.before = (x.before<<1 | 1) & 7
		i++
	}
	return i
}

// allowed reports whether an opcode with opcodes before it, as mask says, counts.
func allowed(mask uint32, addr []byte) bool {
	switch mask {
	case 0:
		return true
	case 1, 2, 4:
		return !far(addr[3-doubt(mask)])
	}
	return false
}

// doubt is how many bytes lie from the top of the address to the one that the encoder looked at.
func doubt(mask uint32) int {
	switch mask {
	case 0:
		return 0
	case 1:
		return 1
	case 2, 3:
		return 2
	}
	return 3
}

// relative makes an address relative to next, in 25 bits with sign.
func relative(to, next, mask uint32) uint32 {
	v := to - next
	if shift := 24 - 8*doubt(mask); mask != 0 && far(byte(v>>shift)) {
		v = (v ^ (1<<(shift+8) - 1)) - next
	}
	return v&0x01FFFFFF | (0-v>>24&1)&0xFF000000
}

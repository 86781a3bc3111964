package rar

import (
	"context"
	"encoding/binary"
	"hash/crc32"
	"io"
	"math/bits"
)

// A decoder of RAR archives wants an archive. It gets one that holds the members of one run and nothing else, in one volume:
// headers are made here, of numbers that were checked, and the packed bytes come from where they lie. So each of them is read
// once and no other byte is, however deep in a set the run is, and no header of a stranger reaches the decoder.

// stream is that archive. It grows by a member at a time.
type stream struct {
	ctx    context.Context
	pieces []piece      // that were not read to their end
	off    int64        // in the first of them
	passed int64        // bytes so far
	limit  int64        // an error behind this many bytes; negative: no limit
	lead   []byte       // the first two packed bytes, when algorithm 29 is to unpack them; nil: another one is
	check  func() error // before more is read; nil: nothing
}

// A piece is made bytes, or bytes of a volume.
type piece struct {
	made []byte
	from Volume
	Extent
}

func (p *piece) size() int64 {
	if p.from == nil {
		return int64(len(p.made))
	}
	return p.Len
}

// Read returns bytes of one piece only, so that nothing is asked for before the decoder needs it.
func (s *stream) Read(p []byte) (int, error) {
	for len(s.pieces) > 0 && s.off == s.pieces[0].size() {
		s.pieces, s.off = s.pieces[1:], 0
	}
	if len(s.pieces) == 0 {
		return 0, io.EOF
	}
	if err := s.ctx.Err(); err != nil {
		return 0, volumeError{err}
	}
	if s.limit >= 0 && s.passed >= s.limit {
		return 0, corrupt("packed bytes go on behind the end of a member")
	}
	here := &s.pieces[0]
	if s.check != nil {
		if err := s.check(); err != nil {
			return 0, err
		}
		p = p[:min(len(p), modelStep)]
	}
	p = p[:min(int64(len(p)), here.size()-s.off)]
	n, err := copy(p, here.made[min(s.off, int64(len(here.made))):]), error(nil)
	if here.from != nil {
		if n, err = here.from.ReadAt(p, here.Off+s.off); n == len(p) {
			err = nil
		} else if err == io.EOF || err == nil {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			err = volumeError{err}
		} else if err := s.look(p[:n]); err != nil {
			return 0, err
		}
	}
	s.off += int64(n)
	s.passed += int64(n)
	return n, err
}

// A volumeError is what a volume failed with, so that it is not taken for damage that the decoder found.
type volumeError struct{ err error }

func (e volumeError) Error() string { return e.err.Error() }
func (e volumeError) Unwrap() error { return e.err }

// archiveStart is the signature and the main header of a solid archive. The decoder never comes to its end.
func archiveStart(format int) []byte {
	if format == 4 {
		b := append([]byte(signature), 0)
		return append(b, header4(main4, solids4, make([]byte, 6))...)
	}
	b := append([]byte(signature), 1, 0)
	return append(b, header5(main5, 0, solids5)...)
}

// fileHeader is the header of a member of size bytes, or negative, that is packed bytes packed. Its window is at least window
// bytes.
func fileHeader(c *Coding, size, packed, window int64, solid bool) []byte {
	if c.Format == 4 {
		return fileHeader4(c, size, packed, solid)
	}
	// The size is said to be unknown, for else the decoder makes its window as small as the member, and a filter that is
	// as long as the window is taken for an empty one.
	info := uint64(1) | uint64(c.Method)<<7 | windowBits5(window)<<10
	if c.Algorithm == 50 {
		info |= 1 << 20
	}
	if solid {
		info |= 1 << 6
	}
	return header5(file5, packed, noSize5, uint64(max(size, 0)), 0, info, 1, 1, 'm')
}

// windowBits5 is the field of the smallest window of at least n bytes.
func windowBits5(n int64) uint64 {
	return uint64(max(bits.Len64(uint64(max(n-1, 0))), 17) - 17)
}

// header5 makes a header of RAR 5 out of numbers.
func header5(kind uint64, data int64, fields ...uint64) []byte {
	flags := uint64(0)
	if data > 0 {
		flags = hasData5
	}
	b := binary.AppendUvarint(nil, kind)
	b = binary.AppendUvarint(b, flags)
	if data > 0 {
		b = binary.AppendUvarint(b, uint64(data))
	}
	for _, f := range fields {
		b = binary.AppendUvarint(b, f)
	}
	b = append(binary.AppendUvarint(nil, uint64(len(b))), b...)
	return append(binary.LittleEndian.AppendUint32(nil, crc32.ChecksumIEEE(b)), b...)
}

// fileHeader4 says that the member is solid even when it is the first, for the same reason: the decoder then leaves the
// window as it is. Nothing is in it yet.
func fileHeader4(c *Coding, size, packed int64, solid bool) []byte {
	le := binary.LittleEndian
	b := le.AppendUint32(nil, uint32(packed))
	b = le.AppendUint32(b, uint32(size))
	b = append(b, hostUnix)
	b = le.AppendUint32(b, 0) // checksum of the content: it is not the decoder that looks
	b = le.AppendUint32(b, 0) // time
	b = append(b, byte(algorithm4(c.Algorithm)), byte(0x30+c.Method))
	b = le.AppendUint16(b, 1) // length of the name
	b = le.AppendUint32(b, 0) // attributes
	b = le.AppendUint32(b, uint32(packed>>32))
	b = le.AppendUint32(b, uint32(size>>32))
	b = append(b, 'm')
	flags := uint16(hasData4 | large4 | solid4)
	flags |= uint16(bits.Len64(uint64(c.Dictionary)>>16)-1) << 5 & window4
	return header4(file4, flags, b)
}

// algorithm4 leaves out what makes no difference to unpacking: 26 is 20 for large files, and 36 is 29 with other encryption.
func algorithm4(v int) int {
	switch v {
	case 26:
		return 20
	case 36:
		return 29
	}
	return v
}

func header4(kind byte, flags uint16, body []byte) []byte {
	le := binary.LittleEndian
	b := append([]byte{0, 0}, kind)
	b = le.AppendUint16(b, flags)
	b = le.AppendUint16(b, uint16(prefix+len(body)))
	b = append(b, body...)
	le.PutUint16(b, uint16(crc32.ChecksumIEEE(b[2:])))
	return b
}

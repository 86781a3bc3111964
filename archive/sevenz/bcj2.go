package sevenz

import (
	"bufio"
	"encoding/binary"
	"io"
)

// A bcj2Reader undoes BCJ2, the filter for x86 that moves the targets of CALL and JMP into streams of their own (Bcj2.c of the
// LZMA SDK). A bit from a range coder says of each opcode whether its target was moved.
type bcj2Reader struct {
	main    *bufio.Reader
	targets [2]*bufio.Reader // of CALL; of JMP and the conditional jumps
	rc      rangeDecoder
	started bool
	probs   [2 + 256]uint16 // of jumps, of JMP, of CALL by the byte before it
	prev    byte
	pos     uint32 // bytes that came out
	before  byte   // what stood before prev
	branch  bool   // prev ends an opcode whose bit has not been read
	rest    []byte // of a target that did not fit
	target  [4]byte
}

func newBCJ2(_ []byte, _ int64, in []io.Reader) (io.Reader, error) {
	r := &bcj2Reader{main: bufio.NewReader(in[0]), rc: rangeDecoder{src: in[3]}}
	r.targets = [2]*bufio.Reader{bufio.NewReader(in[1]), bufio.NewReader(in[2])}
	resetProbs(r.probs[:])
	return r, nil
}

func (r *bcj2Reader) Read(p []byte) (n int, err error) {
	if !r.started {
		if err := r.rc.fill(); err != nil {
			return 0, err
		}
		if !r.rc.start() {
			return 0, errRange
		}
		r.started = true
	}
	for n < len(p) && err == nil {
		if len(r.rest) > 0 {
			k := copy(p[n:], r.rest)
			r.rest = r.rest[k:]
			n += k
			continue
		}
		if r.branch {
			err = r.decide()
			continue
		}
		if n > 0 && r.main.Buffered() == 0 {
			break // rather than wait with bytes in hand
		}
		var k int
		k, err = r.plain(p[n:])
		n += k
	}
	if n > 0 {
		return n, nil
	}
	return 0, err
}

// plain passes on bytes up to the end of an opcode.
func (r *bcj2Reader) plain(p []byte) (n int, err error) {
	for n < len(p) {
		if n > 0 && r.main.Buffered() == 0 {
			break
		}
		b, err := r.main.ReadByte()
		if err != nil {
			return n, err
		}
		p[n] = b
		n++
		r.before, r.prev = r.prev, b
		if b&0xFE == 0xE8 || r.before == 0x0F && b&0xF0 == 0x80 {
			r.branch = true
			break
		}
	}
	r.pos += uint32(n)
	return n, nil
}

// decide reads whether the target of the opcode was moved, and then the target.
func (r *bcj2Reader) decide() error {
	prob, from := &r.probs[0], r.targets[1]
	switch r.prev {
	case 0xE8:
		prob, from = &r.probs[2+int(r.before)], r.targets[0]
	case 0xE9:
		prob = &r.probs[1]
	}
	if err := r.rc.fill(); err != nil {
		return err
	}
	r.branch = false
	if r.rc.bit(prob) == 0 {
		return nil
	}
	if _, err := io.ReadFull(from, r.target[:]); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return err
	}
	r.pos += 4
	binary.LittleEndian.PutUint32(r.target[:], binary.BigEndian.Uint32(r.target[:])-r.pos)
	r.rest, r.prev = r.target[:], r.target[3]
	return nil
}

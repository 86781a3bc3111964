package sevenz

import (
	"encoding/binary"
	"errors"
	"io"
)

// What the first byte of an LZMA2 chunk says. Compressed chunks have 0x80 set, and in the next two bits what is reset.
const (
	chunkEnd       = 0x00
	chunkRawReset  = 0x01 // stored, and the dictionary starts anew
	chunkRaw       = 0x02
	chunkLZMA      = 0x80
	chunkState     = 0xA0
	chunkProps     = 0xC0
	chunkAll       = 0xE0
	maxChunkPacked = 1 << 16
)

var errChunk = errors.New("wrong LZMA2 chunk")

// An lzma2Reader unpacks LZMA2: chunks of LZMA, of at most 2 MiB each, and stored ones in between.
type lzma2Reader struct {
	d         lzmaDecoder
	in        io.Reader
	left      int // what is left of the chunk, unpacked
	raw       bool
	needDict  bool // a dictionary reset must come first
	needProps bool // and then properties
	err       error
}

// lzma2Dict is the size of the dictionary that the property byte stands for.
func lzma2Dict(props []byte) (int64, error) {
	if len(props) != 1 || props[0] > 40 {
		return 0, errProps
	}
	if props[0] == 40 {
		return 1<<32 - 1, nil
	}
	return int64(2|props[0]&1) << (props[0]/2 + 11), nil
}

func newLZMA2(props []byte, size int64, in io.Reader) (io.Reader, error) {
	dict, err := lzma2Dict(props)
	if err != nil {
		return nil, err
	}
	r := &lzma2Reader{in: in, needDict: true, needProps: true}
	r.d.win.init(dict, size)
	r.d.rc.buf = make([]byte, maxChunkPacked+symbolMax)
	r.d.rc.sourceDone = true
	return r, nil
}

func (r *lzma2Reader) Read(p []byte) (int, error) {
	for r.err == nil && r.left == 0 {
		r.err = r.chunk()
	}
	if r.err != nil {
		return 0, r.err
	}
	p = p[:min(len(p), r.left)]
	var n int
	if r.raw {
		n, r.err = r.stored(p)
	} else {
		n, r.err = r.d.read(p)
	}
	r.left -= n
	if r.err == nil && !r.raw && (r.d.ended || r.left == 0 && !r.finished()) {
		r.err = errChunk
	}
	if n > 0 {
		return n, nil
	}
	return 0, r.err
}

// stored passes on a part of a stored chunk; later matches may refer to it.
func (r *lzma2Reader) stored(p []byte) (int, error) {
	w := &r.d.win
	w.room()
	n, err := r.in.Read(p[:min(len(p), len(w.buf)-w.pos)])
	copy(w.buf[w.pos:], p[:n])
	w.advance(n)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// finished reports whether a compressed chunk has ended as it should: all of its input used, and nothing left over.
func (r *lzma2Reader) finished() bool {
	rc := &r.d.rc
	rc.normalize()
	return r.d.pending == 0 && rc.code == 0 && len(rc.in)-rc.at == rc.over
}

// chunk reads the head of the next chunk, and all of its input if it is compressed. At the end it returns io.EOF.
func (r *lzma2Reader) chunk() error {
	var head [6]byte
	if err := r.full(head[:1]); err != nil {
		return err
	}
	control := head[0]
	if control == chunkEnd {
		return io.EOF
	}
	if control >= chunkAll || control == chunkRawReset {
		r.d.win.reset()
		r.needDict, r.needProps = false, true
	}
	if r.needDict {
		return errChunk
	}
	if err := r.full(head[1:3]); err != nil {
		return err
	}
	r.left = int(binary.BigEndian.Uint16(head[1:])) + 1
	if r.raw = control < chunkLZMA; r.raw {
		if control > chunkRaw {
			return errChunk
		}
		return nil
	}
	r.left += int(control&0x1F) << 16
	if err := r.full(head[3:5]); err != nil {
		return err
	}
	packed := int(binary.BigEndian.Uint16(head[3:])) + 1
	if err := r.model(control); err != nil {
		return err
	}
	rc := &r.d.rc
	if err := r.full(rc.buf[:packed]); err != nil {
		return err
	}
	clear(rc.buf[packed : packed+symbolMax])
	rc.in, rc.at, rc.over = rc.buf[:packed+symbolMax], 0, symbolMax
	if !rc.start() {
		return errRange
	}
	return nil
}

// model resets the model as far as a compressed chunk says.
func (r *lzma2Reader) model(control byte) error {
	if control >= chunkProps {
		var props [1]byte
		if err := r.full(props[:]); err != nil {
			return err
		}
		if err := r.d.setProps(props[0]); err != nil || r.d.lc+r.d.lp > 4 {
			return errProps
		}
		r.needProps = false
	}
	if r.needProps {
		return errChunk
	}
	if control >= chunkState {
		r.d.reset()
	}
	return nil
}

func (r *lzma2Reader) full(p []byte) error {
	_, err := io.ReadFull(r.in, p)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return err
}

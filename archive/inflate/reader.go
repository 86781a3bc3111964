// Package inflate decodes raw DEFLATE streams (RFC 1951), and can stop anywhere and go on later, elsewhere.
//
// The standard library can only decode a stream from its start. A member of an archive is often wanted from its middle, after
// what was unpacked before has been recycled. So a [Reader] can say a [Checkpoint] between any two reads: where the decoder is
// in the input, to the bit, the last 32 KiB of output, to which the input may refer back, and the Huffman codes of the block it
// is in. That is enough to go on, and it does not depend on where blocks begin: a stream can be a single block of gigabytes.
// zran.c of zlib has the same idea with checkpoints at block boundaries only.
//
// # How it decodes
//
// Output goes into a buffer that also holds the 32 KiB before it. Read gives out what is there; when all is given, the next
// batch is decoded behind it. A batch ends between two symbols, when the buffer is full or when the next symbol needs input
// that has not come yet, so that a slow source never holds back what can be decoded already. A checkpoint is the state at the
// start of the batch and how much of the batch was given out, so that it costs nothing until somebody asks for it.
//
// Most of the work is done by one loop that decodes without looking for the end of anything, because it stops well before the
// end of the input and of the buffer (see fast.go). What is left to do there is done by another one that looks at everything
// (see careful.go).
package inflate

import (
	"errors"
	"fmt"
	"io"
)

// ErrCorrupt is what every error of a stream that is not DEFLATE wraps. The error says at which byte of the input and why.
// A stream that is right as far as it goes, but ends too early, is io.ErrUnexpectedEOF instead.
var ErrCorrupt = errors.New("corrupt deflate stream")

const (
	windowSize = 32 << 10 // bytes back that a match may reach
	batchSize  = 64 << 10 // bytes of output decoded at once, more or less
	minBatch   = 16 << 10 // with less room than this left, the window moves back to the start of the buffer
	inputSize  = 32 << 10

	// outLimit is where a batch ends. Behind it there is room for what one round of the fast loop may write.
	outLimit = windowSize + batchSize
	outSize  = outLimit + 320

	// maxHeader is more than the bytes of any block header: 3+14 bits, 19 lengths of 3 bits, 316 lengths of at most 14 bits.
	maxHeader = 600

	maxEmptyReads = 100
)

// A place is what comes next in the input.
type place uint8

const (
	atHeader place = iota // of a block
	inStored              // bytes as they are
	inCodes               // symbols
)

// A state is where a decoder is, but for the window.
type state struct {
	in, out int64 // bytes of input and of output up to here
	bit     uint8 // bits of the byte at in that are used already
	place   place
	final   bool // the block is the last one
	left    int  // bytes to come of a stored block
	codes   codes
}

// A Reader decodes one stream. It serves one goroutine. It reads ahead, but never waits for input that it does not need.
type Reader struct {
	src    io.Reader
	srcErr error // what src said with its last bytes
	err    error // what Read says when the batch is given out

	// Input. The bits in acc were taken from input[:pos]; above them there may be the beginning of what follows.
	input    [inputSize]byte
	pos, end int
	base     int64 // offset in the stream of input[0]
	acc      uint64
	nacc     uint // bits in acc
	drop     uint // bits to skip before anything else

	// What comes next. The tables are those of the codes.
	place place
	final bool
	left  int
	codes codes
	built bool // tables are those of codes

	// Output: out[:start] was there before this batch, out[start:next] is given out, out[next:w] is not.
	out            [outSize]byte
	start, next, w int
	mark           state // at start
	given          int64 // bytes of output up to next

	lit  [litSize]entry
	dist [distSize]entry
}

// NewReader returns a reader of the stream that src delivers. It reads src in pieces of up to 32 KiB, not beyond its end,
// but beyond the end of the stream: InputOffset says where that was. It takes about 150 KiB of memory.
func NewReader(src io.Reader) *Reader { return Resume(Checkpoint{}, src) }

// Resume returns a reader that goes on where c was said. src must deliver the same stream from byte c.InputOffset on. The zero
// Checkpoint is the start of a stream.
func Resume(c Checkpoint, src io.Reader) *Reader {
	r := new(Reader)
	r.Reset(c, src)
	return r
}

// Reset makes r what Resume(c, src) returns, without allocating.
func (r *Reader) Reset(c Checkpoint, src io.Reader) {
	r.src, r.srcErr, r.err = src, nil, nil
	r.pos, r.end, r.base = 0, 0, c.in
	r.acc, r.nacc, r.drop = 0, 0, uint(c.bit)
	r.place, r.final, r.left = c.place, c.final, c.left
	r.codes, r.built = c.codes, false
	r.w = copy(r.out[:], c.window)
	r.start, r.next = r.w, r.w
	r.mark = c.state
	r.given = c.Offset()
}

// Read reads up to len(p) bytes of the decoded stream. It returns io.EOF behind the last of them, io.ErrUnexpectedEOF when the
// input ends before that, an error that wraps ErrCorrupt when the input is not DEFLATE, and whatever src failed with. Errors
// come after all bytes before them, and stay; Checkpoint tells how to go on after one of src.
func (r *Reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for r.next == r.w {
		if r.err != nil {
			return 0, r.err
		}
		r.fill()
	}
	n := copy(p, r.out[r.next:r.w])
	r.next += n
	r.given += int64(n)
	return n, nil
}

// Offset returns how many bytes of the decoded stream lie before the next Read.
func (r *Reader) Offset() int64 { return r.given }

// InputOffset returns how many bytes of the input were decoded, the last of them maybe in part. After io.EOF that is the
// length of the stream. Before, it is ahead of what Read has given out.
func (r *Reader) InputOffset() int64 { return (r.bitOffset() + 7) / 8 }

// bitOffset returns how many bits of the input are used.
func (r *Reader) bitOffset() int64 { return (r.base+int64(r.pos))*8 - int64(r.nacc) + int64(r.drop) }

// fill decodes the next batch. All of the last one must be given out. Afterwards there is something to give out, or r.err says
// why not, or both.
func (r *Reader) fill() {
	r.begin()
	if r.drop > 0 {
		r.err = r.skipBits()
	}
decode:
	for r.err == nil && r.w < outLimit {
		var more bool // input must be waited for
		switch r.place {
		case atHeader:
			// A header is read as a whole, so only while nobody waits for the batch.
			if r.w > r.start && r.end-r.pos < maxHeader && r.srcErr == nil {
				more = true
			} else {
				r.err = r.header()
			}
		case inStored:
			more, r.err = r.stored()
		case inCodes:
			more, r.err = r.symbols()
		}
		switch {
		case !more:
		case r.w > r.start:
			break decode // what there is comes first
		case r.place == inStored:
			r.err = r.direct()
		default:
			r.err = r.more()
		}
	}
	// A resumed reader starts somewhat before the place it is to go on from.
	r.next = r.start + int(min(r.given-r.mark.out, int64(r.w-r.start)))
}

// begin makes room for a batch and marks its start.
func (r *Reader) begin() {
	r.mark.out += int64(r.w - r.start)
	if outLimit-r.w < minBatch {
		r.w = copy(r.out[:], r.out[r.w-windowSize:r.w])
	}
	r.start = r.w
	at := r.bitOffset()
	r.mark.in, r.mark.bit = at/8, uint8(at%8)
	r.mark.place, r.mark.final, r.mark.left = r.place, r.final, r.left
	if r.place == inCodes {
		r.mark.codes = r.codes
	}
}

// skipBits passes over the bits of the first byte that were used before the checkpoint.
func (r *Reader) skipBits() error {
	err := r.need(uint(r.drop))
	if err == nil {
		r.take(uint(r.drop))
		r.drop = 0
	}
	return err
}

// more waits for input. It keeps what is left, and what acc holds too, since a stored block takes it from there again.
func (r *Reader) more() error {
	if old := r.pos - 8; old > 0 {
		copy(r.input[:], r.input[old:r.end])
		r.base += int64(old)
		r.pos -= old
		r.end -= old
	}
	n, err := r.read(r.input[r.end:])
	r.end += n
	return err
}

// read reads at least one byte from the source, or says why there are none. p must not be empty.
func (r *Reader) read(p []byte) (n int, err error) {
	for range maxEmptyReads {
		if r.srcErr == io.EOF {
			return 0, io.ErrUnexpectedEOF
		}
		if r.srcErr != nil {
			return 0, r.srcErr
		}
		if n, r.srcErr = r.src.Read(p); n > 0 {
			return n, nil
		}
	}
	return 0, io.ErrNoProgress
}

// need returns with n bits or more in acc, n at most 56.
func (r *Reader) need(n uint) error {
	for r.top(); r.nacc < n; r.top() {
		if err := r.more(); err != nil {
			return err
		}
	}
	return nil
}

// top fills acc with what has come.
func (r *Reader) top() {
	for r.nacc < 56 && r.pos < r.end {
		r.acc |= uint64(r.input[r.pos]) << r.nacc
		r.pos++
		r.nacc += 8
	}
}

// take uses up n bits of acc.
func (r *Reader) take(n uint) {
	r.acc >>= n
	r.nacc -= n
}

func (r *Reader) corrupt(why string) error {
	return fmt.Errorf("%w at input byte %d: %s", ErrCorrupt, r.bitOffset()/8, why)
}

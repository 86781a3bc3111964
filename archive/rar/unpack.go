package rar

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/nwaples/rardecode/v2"
)

// A Run is what an Unpacker unpacks: the members of one Coding.Run, in their order.
type Run interface {
	// Member returns member i, from 0. False: there is none, as far as is known now. It is asked for when it is needed.
	Member(i int) (Member, bool)
	// Volume opens the file that an Extent says, whose reads fail once the context of the Unpacker is done.
	Volume(i int) (Volume, error)
}

// A Member is what an Unpacker is told of one member of a run.
type Member struct {
	Size int64 // bytes unpacked; negative: not known
	Coding
}

const (
	// bufferSize is how much is read of a volume at a time.
	bufferSize = 32 << 10
	// tail is how many packed bytes may be left when all of a member is unpacked, besides those that the decoder has at hand: an
	// end mark is all that should be there. Without the bound, a tail could unpack into nothing for hours.
	tail = 16 << 10
	// minDictionary is the smallest window that the decoder has.
	minDictionary = 256 << 10
	// behind is how many bytes may be unpacked behind the end of a member. None should be; a few bytes can become gigabytes.
	behind = 64 << 10
)

// An Unpacker unpacks the members of one run in their order. It serves one goroutine.
type Unpacker struct {
	ctx   context.Context
	run   Run
	limit int64 // bytes of the window
	src   *stream
	dec   *rardecode.Reader
	i     int   // the member that is being read; -1 before the first
	kind  kind  // that all members are of
	left  int64 // bytes of it that were not read; negative: not known
	err   error // what ended the run

	asked, total int64 // bytes of the window that members so far want, and that they can unpack into
}

// A kind is what a decoder is made for.
type kind struct{ format, algorithm int }

// NewUnpacker unpacks a run from its first member on. The decoder takes a window of up to maxDictionary bytes; 0 is 256 MiB.
func NewUnpacker(ctx context.Context, run Run, maxDictionary int64) *Unpacker {
	if maxDictionary <= 0 {
		maxDictionary = defaultDictionary
	}
	return &Unpacker{ctx: ctx, run: run, limit: maxDictionary, i: -1}
}

// Next goes to the next member of the run, and unpacks what is left of the one before. It returns the member's place. io.EOF: there
// is none, for now.
//
// ErrMethod: nobody here knows how it is packed. ErrLimit: the decoder would need too large a window. ErrCorrupt: what is left of
// the run cannot be unpacked.
func (u *Unpacker) Next() (int, error) {
	if u.err != nil {
		return 0, u.err
	}
	m, ok := u.run.Member(u.i + 1)
	if !ok {
		return 0, io.EOF
	}
	if u.i >= 0 {
		io.Copy(io.Discard, onlyReader{u}) // what is wrong with that member alone does not matter here
		if u.err != nil {
			return 0, u.err
		}
	}
	if err := m.Check(u.run.Volume); errors.Is(err, ErrCorrupt) {
		return 0, u.fail(err)
	} else if err != nil {
		return 0, u.fail(volumeError{err})
	}
	if err := u.append(&m); err != nil {
		return 0, u.fail(err)
	}
	if err := u.advance(); err != nil {
		return 0, u.fail(err)
	}
	u.i++
	u.left = m.Size
	return u.i, nil
}

// append puts a member behind what the decoder reads.
func (u *Unpacker) append(m *Member) error {
	k := kind{m.Format, algorithm4(m.Algorithm)}
	if u.src == nil {
		u.kind = k
		u.src = &stream{ctx: u.ctx, pieces: []piece{{made: archiveStart(m.Format)}}, limit: -1}
		if k == (kind{4, 29}) {
			u.src.lead, u.src.check = make([]byte, 0, 2), u.checkModel
		}
	}
	if !m.Known() || k != u.kind {
		return fmt.Errorf("%w: %d of RAR %d", ErrMethod, m.Algorithm, m.Format)
	}
	window := u.window(m)
	if window > u.limit {
		return fmt.Errorf("%w: unpacking takes a window of %d bytes", ErrLimit, window)
	}
	u.src.pieces = append(u.src.pieces, piece{made: fileHeader(&m.Coding, m.Size, sum(m.Extents), window, u.i >= 0)})
	for _, x := range m.Extents {
		v, err := u.run.Volume(x.Volume)
		if err != nil {
			return volumeError{err}
		}
		if x.Off < 0 || x.Len < 0 || x.Off > v.Size() || x.Len > v.Size()-x.Off {
			return corrupt("packed bytes are said to lie outside of the volume")
		}
		u.src.pieces = append(u.src.pieces, piece{from: v, Extent: x})
	}
	return nil
}

// maxRatio is more than the bytes that one packed byte of RAR 5 can become: 8 matches, each a bit, of 4100 bytes.
const maxRatio = 1 << 16

// window returns the window that it takes to unpack m behind those before it. Nothing can be copied from further back than there is
// anything, so that a small run does well with less than it asks for, and the window grows with the run.
func (u *Unpacker) window(m *Member) int64 {
	u.asked = max(u.asked, m.Dictionary, minDictionary)
	if m.Format == 4 {
		return u.asked
	}
	most := min(sum(m.Extents), maxSize/maxRatio) * maxRatio
	if m.Size >= 0 {
		most = min(most, m.Size)
	}
	u.total = min(u.total+most, maxSize)
	// One more than there is: a filter must be shorter than the window.
	return minWindow5 << windowBits5(max(minDictionary, min(u.asked, u.total+1)))
}

// advance takes the decoder to the next header. It decodes what is left of a member then, which should be nothing.
func (u *Unpacker) advance() (err error) {
	defer caught(&err)
	if u.i >= 0 {
		u.src.limit = u.src.passed + tail
		defer func() { u.src.limit = -1 }()
		n, err := io.CopyN(io.Discard, u.dec, behind)
		if n == behind {
			return corrupt("a member goes on behind its end")
		}
		if v := (volumeError{}); errors.As(err, &v) { // what else is wrong comes again below, or does not matter
			return err
		}
	}
	if u.dec == nil {
		u.dec, err = rardecode.NewReader(u.src, rardecode.SkipCheck, rardecode.BufferSize(bufferSize), rardecode.MaxDictionarySize(u.limit))
		if err != nil {
			return err
		}
	}
	_, err = u.dec.Next()
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// Read reads the unpacked bytes of the member that Next went to. A member that is shorter than it is said to be is ErrCorrupt;
// whether its bytes are the right ones is for the caller to check, with the CRC of its Entry.
func (u *Unpacker) Read(p []byte) (int, error) {
	if u.err != nil {
		return 0, u.err
	}
	if u.i < 0 || u.left == 0 {
		return 0, io.EOF
	}
	if len(p) == 0 {
		return 0, nil
	}
	if u.left > 0 {
		p = p[:min(int64(len(p)), u.left)]
	}
	n, err := u.decode(p)
	if u.left > 0 {
		u.left -= int64(n)
	}
	switch {
	case (err == io.EOF || errors.Is(err, rardecode.ErrShortFile)) && u.left > 0:
		err = corrupt("a member ends %d bytes before it should", u.left)
		u.left = 0 // the next one may be right
		return n, err
	case err == io.EOF:
		u.left = 0
		return n, io.EOF
	case err != nil:
		return n, u.fail(err)
	}
	return n, nil
}

// decode reads at least one byte, or says why it cannot.
func (u *Unpacker) decode(p []byte) (n int, err error) {
	defer caught(&err)
	for range 1 << 14 { // filters may make nothing of something
		if err := u.ctx.Err(); err != nil {
			return 0, err
		}
		n, err = u.dec.Read(p)
		if tooLarge := u.checkModel(); tooLarge != nil {
			return 0, tooLarge
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
	return 0, io.ErrNoProgress
}

// fail ends the run. What the decoder says is damage of the archive, but not what a volume or the context failed with.
func (u *Unpacker) fail(err error) error {
	var v volumeError
	switch {
	case errors.As(err, &v):
		err = v.err
	case u.ctx.Err() != nil:
		err = u.ctx.Err()
	case errors.Is(err, ErrCorrupt), errors.Is(err, ErrMethod), errors.Is(err, ErrLimit):
	case errors.Is(err, rardecode.ErrUnknownDecoder), errors.Is(err, rardecode.ErrUnsupportedDecoder), errors.Is(err, rardecode.ErrMultipleDecoders):
		err = fmt.Errorf("%w: %w", ErrMethod, err)
	case errors.Is(err, rardecode.ErrDictionaryTooLarge):
		err = fmt.Errorf("%w: %w", ErrLimit, err)
	default:
		err = fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	u.err = err
	u.dec, u.src = nil, nil // which may be large
	return err
}

// caught turns a panic of the decoder into an error.
func caught(err *error) {
	if r := recover(); r != nil {
		*err = corrupt("the decoder gave up: %v", r)
	}
}

// onlyReader hides everything else.
type onlyReader struct{ io.Reader }

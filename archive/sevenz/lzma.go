package sevenz

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// This is a decoder of its own, and not that of github.com/ulikunitz/xz/lzma, because that one returns no byte before it has
// unpacked a whole dictionary: up to 256 MiB for the first image of a solid folder, fetched from peers. This one unpacks no
// more than it is asked for. The tests compare the two.

// Sizes of the model; the names are those of the LZMA specification.
const (
	states      = 12
	posStates   = 1 << 4
	lenStates   = 4 // of the distance by the length of the match
	slotModels  = 14
	alignBits   = 4
	minMatch    = 2
	endOfStream = math.MaxUint32 // a distance
	literals    = 0x300          // probabilities of a literal in one context
)

// A lengthDecoder has the probabilities of the lengths of matches.
type lengthDecoder struct {
	choice [2]uint16
	low    [posStates][8]uint16
	middle [posStates][8]uint16
	high   [256]uint16
}

func (l *lengthDecoder) reset() {
	resetProbs(l.choice[:])
	for i := range l.low {
		resetProbs(l.low[i][:])
		resetProbs(l.middle[i][:])
	}
	resetProbs(l.high[:])
}

// decode returns a length less minMatch.
func (l *lengthDecoder) decode(r *rangeDecoder, posState uint32) uint32 {
	if r.bit(&l.choice[0]) == 0 {
		return r.tree(l.low[posState][:], 3)
	}
	if r.bit(&l.choice[1]) == 0 {
		return 8 + r.tree(l.middle[posState][:], 3)
	}
	return 16 + r.tree(l.high[:], 8)
}

// An lzmaDecoder is the state of LZMA between two symbols.
type lzmaDecoder struct {
	rc  rangeDecoder
	win window

	lc, lp, pb uint32
	state      uint32
	rep        [4]uint32 // the last distances, less 1
	pending    int       // what is left of a match that did not fit
	ended      bool      // the end was marked

	isMatch    [states][posStates]uint16
	isRep      [states]uint16
	isRepG0    [states]uint16
	isRepG1    [states]uint16
	isRepG2    [states]uint16
	isRep0Long [states][posStates]uint16
	slots      [lenStates][64]uint16
	special    [1 + 128 - slotModels]uint16
	align      [1 << alignBits]uint16
	length     lengthDecoder
	repLength  lengthDecoder
	literal    []uint16
}

var (
	errProps    = errors.New("wrong properties")
	errDistance = errors.New("a match from before the start")
	errRange    = errors.New("wrong start of the range coder")
)

// setProps takes the byte that packs lc, lp and pb.
func (d *lzmaDecoder) setProps(b byte) error {
	if b >= 9*5*5 {
		return errProps
	}
	d.lc, d.lp, d.pb = uint32(b%9), uint32(b/9%5), uint32(b/9/5)
	if n := literals << (d.lc + d.lp); cap(d.literal) < n {
		d.literal = make([]uint16, n)
	} else {
		d.literal = d.literal[:n]
	}
	return nil
}

// reset makes the model forget all it has learnt. The window stays.
func (d *lzmaDecoder) reset() {
	d.state, d.rep, d.pending, d.ended = 0, [4]uint32{}, 0, false
	for i := range states {
		resetProbs(d.isMatch[i][:])
		resetProbs(d.isRep0Long[i][:])
	}
	for _, p := range []*[states]uint16{&d.isRep, &d.isRepG0, &d.isRepG1, &d.isRepG2} {
		resetProbs(p[:])
	}
	for i := range d.slots {
		resetProbs(d.slots[i][:])
	}
	resetProbs(d.special[:])
	resetProbs(d.align[:])
	d.length.reset()
	d.repLength.reset()
	resetProbs(d.literal)
}

// run unpacks into the window until it is filled up to limit or the end is marked.
func (d *lzmaDecoder) run(limit int) error {
	w, rc := &d.win, &d.rc
	if d.pending > 0 {
		d.pending = w.copy(int(d.rep[0])+1, d.pending, limit)
	}
	posMask := uint64(1)<<d.pb - 1
	for w.pos < limit {
		if len(rc.in)-rc.at < symbolMax+rc.over {
			if err := rc.fill(); err != nil {
				return err
			}
		}
		posState := uint32(w.total & posMask)
		if rc.bit(&d.isMatch[d.state][posState]) == 0 {
			d.literalByte()
			continue
		}
		n, err := d.match(posState)
		if err != nil || d.ended {
			return err
		}
		dist := int64(d.rep[0]) + 1
		if dist > int64(w.have) {
			return errDistance
		}
		d.pending = w.copy(int(dist), n, limit)
	}
	return nil
}

// literalByte decodes a byte that is not part of a match.
func (d *lzmaDecoder) literalByte() {
	w := &d.win
	context := (uint32(w.total)&(1<<d.lp-1))<<d.lc + uint32(w.back(1))>>(8-d.lc)
	probs := d.literal[literals*context:][:literals]
	if d.state < 7 {
		w.put(byte(d.rc.tree(probs[:0x100], 8)))
	} else {
		w.put(d.rc.matched(probs, w.back(int(d.rep[0])+1)))
	}
	switch {
	case d.state < 4:
		d.state = 0
	case d.state < 10:
		d.state -= 3
	default:
		d.state -= 6
	}
}

// match decodes a match: how long it is; rep[0] then has the distance.
func (d *lzmaDecoder) match(posState uint32) (int, error) {
	rc, state := &d.rc, d.state
	after := func(short, long uint32) {
		if state < 7 {
			d.state = short
		} else {
			d.state = long
		}
	}
	if rc.bit(&d.isRep[state]) == 0 {
		d.rep[3], d.rep[2], d.rep[1] = d.rep[2], d.rep[1], d.rep[0]
		n := d.length.decode(rc, posState)
		d.rep[0] = d.distance(n)
		d.ended = d.rep[0] == endOfStream
		after(7, 10)
		return int(n) + minMatch, nil
	}
	if d.win.have == 0 {
		return 0, errDistance
	}
	if rc.bit(&d.isRepG0[state]) == 0 {
		if rc.bit(&d.isRep0Long[state][posState]) == 0 {
			after(9, 11)
			return 1, nil
		}
	} else {
		which := 1
		if rc.bit(&d.isRepG1[state]) != 0 {
			which = 2 + int(rc.bit(&d.isRepG2[state]))
		}
		dist := d.rep[which]
		copy(d.rep[1:which+1], d.rep[:which])
		d.rep[0] = dist
	}
	after(8, 11)
	return int(d.repLength.decode(rc, posState)) + minMatch, nil
}

// distance decodes the distance of a match less 1; n is its length less minMatch.
func (d *lzmaDecoder) distance(n uint32) uint32 {
	slot := d.rc.tree(d.slots[min(n, lenStates-1)][:], 6)
	if slot < 4 {
		return slot
	}
	bits := int(slot>>1) - 1
	dist := (2 | slot&1) << bits
	if slot < slotModels {
		return dist + d.rc.treeLowFirst(d.special[dist-slot:], bits)
	}
	dist += d.rc.direct(bits-alignBits) << alignBits
	return dist + d.rc.treeLowFirst(d.align[:], alignBits)
}

// An lzmaReader unpacks LZMA whose size is known.
type lzmaReader struct {
	d       lzmaDecoder
	left    int64
	started bool
	err     error
}

// lzmaProps takes the five bytes that come with LZMA apart.
func lzmaProps(props []byte) (model byte, dict int64, err error) {
	if len(props) != 5 || props[0] >= 9*5*5 {
		return 0, 0, errProps
	}
	return props[0], int64(binary.LittleEndian.Uint32(props[1:])), nil
}

func newLZMA(props []byte, size int64, in io.Reader) (io.Reader, error) {
	model, dict, err := lzmaProps(props)
	if err != nil {
		return nil, err
	}
	r := &lzmaReader{left: size}
	r.d.rc.src = in
	r.d.win.init(dict, size)
	if err := r.d.setProps(model); err != nil {
		return nil, err
	}
	r.d.reset()
	return r, nil
}

func (r *lzmaReader) Read(p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	if r.left == 0 || len(p) == 0 {
		return 0, io.EOF
	}
	if !r.started {
		if r.err = r.d.rc.fill(); r.err == nil && !r.d.rc.start() {
			r.err = errRange
		}
		if r.err != nil {
			return 0, r.err
		}
		r.started = true
	}
	n, err := r.d.read(p[:min(int64(len(p)), r.left)])
	r.left -= int64(n)
	if err == nil && r.d.ended {
		err = fmt.Errorf("the end is marked %d bytes too early: %w", r.left, io.ErrUnexpectedEOF)
	}
	if r.err = err; n > 0 {
		return n, nil
	}
	return 0, err
}

// read unpacks into p as much as is wanted, but stops where the window ends.
func (d *lzmaDecoder) read(p []byte) (int, error) {
	d.win.room()
	begin := d.win.pos
	err := d.run(min(begin+len(p), len(d.win.buf)))
	return copy(p, d.win.buf[begin:d.win.pos]), err
}

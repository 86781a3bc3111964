package inflate

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"slices"
)

// ErrCheckpoint is what UnmarshalBinary returns for bytes that are no checkpoint of this version, or a damaged one.
var ErrCheckpoint = errors.New("not a checkpoint")

// A Checkpoint is a place in a stream to go on from, see Resume. It does not change and shares nothing with its Reader. It holds
// up to 32 KiB of the decoded stream. The zero Checkpoint is the start.
type Checkpoint struct {
	state         // of the decoder, up to a batch before given
	given  int64  // bytes of output before it
	window []byte // the output up to state.out that may be referred to: all of it, or windowSize
}

// Checkpoint says where r is: a reader that resumes from it reads what the next Read of r would. It may be called between any
// two reads, and after one that failed; after a failure of the source it says how to go on. It copies 32 KiB.
func (r *Reader) Checkpoint() Checkpoint {
	c := Checkpoint{state: r.mark, given: r.given}
	c.window = bytes.Clone(r.out[max(0, r.start-windowSize):r.start])
	if c.place != inCodes {
		c.codes = codes{}
	}
	clear(c.codes.lens[c.codes.nlit+c.codes.ndist:])
	return c
}

// Offset returns how many bytes of the decoded stream lie before c.
func (c Checkpoint) Offset() int64 { return c.given }

// InputOffset returns at which byte the input of a reader that resumes from c has to start.
func (c Checkpoint) InputOffset() int64 { return c.in }

// The form of a checkpoint in bytes. A byte of version and one of flags; in, out, and what was given beyond out as uvarints. In a
// stored block, what is left as a uvarint. In a block with codes of its own, the numbers of literals less 257 and of distances
// less one, a byte each, and their lengths, two a byte, the first one lower. Then the window, as a deflate stream if that is
// shorter. Last the CRC-32C of all that, four bytes, the lowest first.
const (
	version = 1

	flagPlace  = 3 // the place
	flagFinal  = 1 << 2
	flagBit    = 3 // shift of three bits
	flagCodes  = 1 << 6
	flagPacked = 1 << 7
)

// minPacked is from how many bytes on a window is worth a compressor, which takes more memory than all else here.
const minPacked = 1 << 10

// maxOffset keeps sums of offsets, and offsets in bits, in an int64.
const maxOffset = 1 << 59

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// MarshalBinary returns c as bytes for UnmarshalBinary, also of another process: at most 33 KiB, for text half of that.
// It takes a few hundred microseconds, and never fails.
func (c Checkpoint) MarshalBinary() ([]byte, error) { return c.AppendBinary(nil) }

// AppendBinary appends what MarshalBinary returns to b.
func (c Checkpoint) AppendBinary(b []byte) ([]byte, error) {
	start := len(b)
	window, flags := c.window, byte(c.place)|c.bit<<flagBit
	if c.final {
		flags |= flagFinal
	}
	if c.codes.nlit > 0 {
		flags |= flagCodes
	}
	if len(window) >= minPacked {
		if packed := pack(window); len(packed) < len(window) {
			window, flags = packed, flags|flagPacked
		}
	}
	b = slices.Grow(b, len(window)+256)
	b = append(b, version, flags)
	b = binary.AppendUvarint(b, uint64(c.in))
	b = binary.AppendUvarint(b, uint64(c.out))
	b = binary.AppendUvarint(b, uint64(c.given-c.out))
	if c.place == inStored {
		b = binary.AppendUvarint(b, uint64(c.left))
	}
	if c.codes.nlit > 0 {
		b = append(b, byte(c.codes.nlit-257), byte(c.codes.ndist-1))
		for i := 0; i < c.codes.nlit+c.codes.ndist; i += 2 {
			b = append(b, c.codes.lens[i]|c.codes.lens[i+1]<<4)
		}
	}
	b = append(b, window...)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b[start:], castagnoli)), nil
}

// pack returns p as a deflate stream.
func pack(p []byte) []byte {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestSpeed)
	if err != nil {
		panic(err) // there is no such level
	}
	// A buffer takes everything.
	w.Write(p)
	w.Close()
	return b.Bytes()
}

// UnmarshalBinary makes c what MarshalBinary was called on. It believes nothing: a reader may resume from any checkpoint that
// it accepts, even one made by an enemy, and then reads wrong bytes at worst. Whatever is wrong is ErrCheckpoint, and c is as before.
func (c *Checkpoint) UnmarshalBinary(data []byte) error {
	body := len(data) - 4
	if body < 2 || binary.LittleEndian.Uint32(data[body:]) != crc32.Checksum(data[:body], castagnoli) || data[0] != version {
		return ErrCheckpoint
	}
	p := parser{rest: data[2:body]}
	flags := data[1]
	n := Checkpoint{state: state{place: place(flags & flagPlace), final: flags&flagFinal != 0, bit: flags >> flagBit & 7}}
	n.in = p.number(maxOffset)
	n.out = p.number(maxOffset)
	n.given = n.out + p.number(outSize)
	switch n.place {
	case atHeader, inCodes:
	case inStored:
		n.left = int(p.number(1<<16 - 1))
		p.failed = p.failed || n.left == 0 || n.bit != 0
	default:
		return ErrCheckpoint
	}
	var r Reader // its tables check the codes
	if flags&flagCodes != 0 {
		n.codes = p.codes()
		r.codes = n.codes
		p.failed = p.failed || n.place != inCodes || n.codes.lens[endOfBlock] == 0 || !r.build()
	}
	size := int(min(n.out, windowSize))
	if p.failed || n.final && n.place == atHeader {
		return ErrCheckpoint
	}
	var ok bool
	if flags&flagPacked != 0 {
		n.window, ok = unpack(&r, p.rest, size)
	} else {
		n.window, ok = bytes.Clone(p.rest), len(p.rest) == size
	}
	if !ok {
		return ErrCheckpoint
	}
	*c = n
	return nil
}

// unpack returns the bytes that the deflate stream p has. Not ok: they are not size bytes, or p has anything else.
func unpack(r *Reader, p []byte, size int) (b []byte, ok bool) {
	r.Reset(Checkpoint{}, bytes.NewReader(p))
	b, err := io.ReadAll(io.LimitReader(r, int64(size)+1))
	return b, err == nil && len(b) == size && r.InputOffset() == int64(len(p))
}

// A parser takes a checkpoint apart.
type parser struct {
	rest   []byte
	failed bool
}

// number takes a uvarint of at most limit.
func (p *parser) number(limit uint64) int64 {
	v, n := binary.Uvarint(p.rest)
	if n <= 0 || v > limit {
		p.failed = true
		return 0
	}
	p.rest = p.rest[n:]
	return int64(v)
}

func (p *parser) codes() codes {
	var c codes
	if len(p.rest) < 2 {
		p.failed = true
		return c
	}
	c.nlit, c.ndist = 257+int(p.rest[0]), 1+int(p.rest[1])
	p.rest = p.rest[2:]
	n := c.nlit + c.ndist
	if c.nlit > maxLit || c.ndist > maxDist || len(p.rest) < (n+1)/2 {
		p.failed = true
		return codes{}
	}
	for i := range n {
		c.lens[i] = p.rest[i/2] >> (i % 2 * 4) & 15
	}
	p.rest = p.rest[(n+1)/2:]
	return c
}

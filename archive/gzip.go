package archive

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/zeronetscript/universal_p2p/archive/inflate"
)

const (
	gzipMagic = "\x1f\x8b\x08" // and the method deflate

	// maxGzipText bounds a file name or a comment, of which nothing is used.
	maxGzipText = 64 << 10

	gzipHasSum     = 1 << 1
	gzipHasExtra   = 1 << 2
	gzipHasName    = 1 << 3
	gzipHasComment = 1 << 4
	gzipReserved   = 7 << 5

	gunzipState = 1 // version of a checkpoint
)

// errNotGzip ends a file behind a member: what follows is none.
var errNotGzip = errors.New("no gzip header")

// A gunzip reads a file of gzip members, one behind the other, as RFC 1952 has it. What follows the last and is no member is
// padding, as for other tools. It can go on from the middle.
type gunzip struct {
	in   lookback
	out  *inflate.Reader
	base int64  // of the deflate stream of this member
	sum  uint32 // CRC-32 of what came of it
	err  error
}

// newGzip reads all of v, from the start or where a checkpoint says.
func newGzip(v volume, state []byte) (*gunzip, error) {
	z := &gunzip{in: lookback{r: v, size: v.Size()}}
	var c inflate.Checkpoint
	if state != nil {
		var err error
		if c, err = z.parse(state); err != nil {
			return nil, err
		}
		z.in.at = z.base + c.InputOffset()
	} else if err := z.header(); err != nil {
		if err == errNotGzip {
			err = fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
		return nil, err
	}
	z.out = inflate.Resume(c, &z.in)
	return z, nil
}

// checkpoint implements checkpointer: a version, where the deflate stream begins, the sum so far, and where that stream is.
func (z *gunzip) checkpoint() []byte {
	b := []byte{gunzipState}
	b = binary.AppendUvarint(b, uint64(z.base))
	b = binary.LittleEndian.AppendUint32(b, z.sum)
	b, err := z.out.Checkpoint().AppendBinary(b)
	if err != nil || z.err != nil {
		return nil
	}
	return b
}

func (z *gunzip) parse(state []byte) (c inflate.Checkpoint, err error) {
	if len(state) == 0 || state[0] != gunzipState {
		return c, errCheckpoint
	}
	base, n := binary.Uvarint(state[1:])
	if n <= 0 || base > uint64(z.in.size) || len(state) < 1+n+4 {
		return c, errCheckpoint
	}
	state = state[1+n:]
	z.base, z.sum = int64(base), binary.LittleEndian.Uint32(state)
	if err := c.UnmarshalBinary(state[4:]); err != nil {
		return c, err
	}
	if c.InputOffset() > z.in.size-z.base {
		return c, errCheckpoint
	}
	return c, nil
}

func (z *gunzip) Read(p []byte) (n int, err error) {
	for z.err == nil && n == 0 && len(p) > 0 {
		n, err = z.out.Read(p)
		z.sum = crc(z.sum, p[:n])
		if err == io.EOF {
			err = z.endMember()
		}
		z.err = err
	}
	if n > 0 {
		return n, nil
	}
	return 0, z.err
}

func (z *gunzip) Close() error { return nil }

// endMember checks what came, and goes to the next member. io.EOF: there is none.
func (z *gunzip) endMember() error {
	z.in.at = z.base + z.out.InputOffset()
	var b [8]byte
	if _, err := io.ReadFull(&z.in, b[:]); err != nil {
		return cutShort(err)
	}
	le := binary.LittleEndian
	switch {
	case le.Uint32(b[:]) != z.sum:
		return fmt.Errorf("%w: the checksum of gzip is wrong", ErrCorrupt)
	case le.Uint32(b[4:]) != uint32(z.out.Offset()):
		return fmt.Errorf("%w: gzip says another length", ErrCorrupt)
	}
	if err := z.header(); err != nil {
		if err == errNotGzip {
			return io.EOF
		}
		return err
	}
	z.sum = 0
	z.out.Reset(inflate.Checkpoint{}, &z.in)
	return nil
}

// header reads the header of a member. errNotGzip: there is none.
func (z *gunzip) header() error {
	var h [10]byte
	n, err := io.ReadFull(&z.in, h[:])
	if n < len(gzipMagic) || string(h[:len(gzipMagic)]) != gzipMagic {
		if err == nil || err == io.EOF || err == io.ErrUnexpectedEOF {
			err = errNotGzip
		}
		return err
	}
	if err != nil {
		return err
	}
	sum := crc(0, h[:])
	flags := h[3]
	if flags&gzipReserved != 0 {
		return fmt.Errorf("%w: gzip with flags that mean nothing", ErrCorrupt)
	}
	if flags&gzipHasExtra != 0 {
		var size [2]byte
		if _, err := io.ReadFull(&z.in, size[:]); err != nil {
			return cutShort(err)
		}
		extra := make([]byte, binary.LittleEndian.Uint16(size[:]))
		if _, err := io.ReadFull(&z.in, extra); err != nil {
			return cutShort(err)
		}
		sum = crc(crc(sum, size[:]), extra)
	}
	for _, f := range []byte{gzipHasName, gzipHasComment} {
		if flags&f != 0 {
			if sum, err = z.text(sum); err != nil {
				return err
			}
		}
	}
	if flags&gzipHasSum != 0 {
		var b [2]byte
		if _, err := io.ReadFull(&z.in, b[:]); err != nil {
			return cutShort(err)
		}
		if binary.LittleEndian.Uint16(b[:]) != uint16(sum) {
			return fmt.Errorf("%w: the checksum of a gzip header is wrong", ErrCorrupt)
		}
	}
	z.base = z.in.at
	return nil
}

// text reads over a string, and continues sum over it.
func (z *gunzip) text(sum uint32) (uint32, error) {
	var one [1]byte
	for range maxGzipText {
		if _, err := io.ReadFull(&z.in, one[:]); err != nil {
			return 0, cutShort(err)
		}
		sum = crc(sum, one[:])
		if one[0] == 0 {
			return sum, nil
		}
	}
	return 0, fmt.Errorf("%w: gzip with a name of more than %d bytes", ErrLimit, maxGzipText)
}

// cutShort says that the end of a file came too early.
func cutShort(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// A lookback reads a file in pieces that are worth asking for, and can go back a little without asking again: a decoder
// reads on behind what it needs, and what is there is needed too.
type lookback struct {
	r    io.ReaderAt
	size int64
	at   int64 // of the next read

	buf []byte // what was read last
	off int64  // where that is
}

const lookbackBytes = 32 << 10

func (l *lookback) Read(p []byte) (int, error) {
	if l.at >= l.size {
		return 0, io.EOF
	}
	if l.at < l.off || l.at >= l.off+int64(len(l.buf)) {
		if l.buf == nil {
			l.buf = make([]byte, lookbackBytes)
		}
		b := l.buf[:min(lookbackBytes, l.size-l.at)] // its capacity stays
		n, err := l.r.ReadAt(b, l.at)
		l.off, l.buf = l.at, b[:n]
		if n == 0 {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF // it is shorter than it said
			}
			return 0, err
		}
	}
	n := copy(p, l.buf[l.at-l.off:])
	l.at += int64(n)
	return n, nil
}

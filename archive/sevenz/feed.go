package sevenz

import (
	"context"
	"io"
)

// A feed is what all packed streams of a folder have in common: the source, the context, and the first error of either, which
// says more than what the decoders make of it.
type feed struct {
	ctx context.Context
	src io.ReaderAt
	err error
}

// packedBuffer is how much of a packed stream is read at a time, in bytes.
const packedBuffer = 32 << 10

// A packedReader reads a packed stream, each byte once.
type packedReader struct {
	*feed
	at, end int64
	buf     []byte // read and not yet used
	back    []byte
	short   bool // somebody has wanted more than there is
}

// fill reads into an empty buffer.
func (r *packedReader) fill() error {
	if r.err != nil {
		return r.err
	}
	if r.at >= r.end {
		r.short = true
		return io.EOF
	}
	if r.back == nil {
		r.back = make([]byte, min(packedBuffer, r.end-r.at))
	}
	b := r.back[:min(int64(len(r.back)), r.end-r.at)]
	if r.err = readFull(r.ctx, r.src, b, r.at); r.err != nil {
		return r.err
	}
	r.at += int64(len(b))
	r.buf = b
	return nil
}

func (r *packedReader) Read(p []byte) (int, error) {
	if len(r.buf) == 0 {
		if err := r.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, r.buf)
	r.buf = r.buf[n:]
	return n, nil
}

// ReadByte keeps decoders from buffering a second time.
func (r *packedReader) ReadByte() (byte, error) {
	if len(r.buf) == 0 {
		if err := r.fill(); err != nil {
			return 0, err
		}
	}
	b := r.buf[0]
	r.buf = r.buf[1:]
	return b, nil
}

// An exactReader makes sure that a coder gives as many bytes as the archive says: no more, and an error if fewer.
type exactReader struct {
	in   io.Reader
	left int64
}

func (r *exactReader) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	if len(p) == 0 {
		return 0, nil
	}
	p = p[:min(int64(len(p)), r.left)]
	for range 100 {
		n, err := r.in.Read(p)
		r.left -= int64(n)
		switch {
		case n > 0:
			return n, nil
		case err == io.EOF:
			return 0, io.ErrUnexpectedEOF
		case err != nil:
			return 0, err
		}
	}
	return 0, io.ErrNoProgress
}

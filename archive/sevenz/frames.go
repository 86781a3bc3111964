package sevenz

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/andybalholm/brotli"
	"github.com/pierrec/lz4/v4"
)

// A brotliReader reads brotli as 7-Zip ZS packs it: in frames, each behind 16 bytes that say how long it is. (The other methods
// of that program have such frames too, but there they are part of the format, and every decoder knows them.)
type brotliReader struct {
	in    io.Reader
	frame io.LimitedReader
	dec   *brotli.Reader
	plain bool // one stream without frames
}

func newBrotli(_ []byte, _ int64, in io.Reader) (io.Reader, error) {
	return &brotliReader{in: in}, nil
}

func (r *brotliReader) Read(p []byte) (int, error) {
	for {
		if r.dec == nil {
			if err := r.next(); err != nil {
				return 0, err
			}
		}
		n, err := r.dec.Read(p)
		if n > 0 || err != io.EOF {
			return n, err
		}
		if r.plain {
			return 0, io.EOF
		}
		if r.frame.N > 0 {
			return 0, fmt.Errorf("brotli: %d bytes behind the end of a frame", r.frame.N)
		}
		r.dec = nil
	}
}

// next reads the head of a frame.
func (r *brotliReader) next() error {
	var head [16]byte
	n, err := io.ReadFull(r.in, head[:])
	if err != nil && err != io.ErrUnexpectedEOF {
		return err
	}
	le := binary.LittleEndian
	framed := n == len(head) && le.Uint32(head[:]) == 0x184D2A50 && le.Uint32(head[4:]) == 8 && string(head[12:14]) == "BR"
	switch {
	case framed:
		r.frame = io.LimitedReader{R: r.in, N: int64(le.Uint32(head[8:]))}
		r.dec = brotli.NewReader(&r.frame)
	case r.frame.R == nil:
		r.plain = true
		r.dec = brotli.NewReader(io.MultiReader(bytes.NewReader(head[:n]), r.in))
	default:
		return errors.New("brotli: no frame where one should be")
	}
	return nil
}

func newLZ4(_ []byte, _ int64, in io.Reader) (io.Reader, error) {
	return lz4.NewReader(in), nil
}

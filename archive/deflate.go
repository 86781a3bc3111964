package archive

import (
	"errors"
	"io"

	"github.com/zeronetscript/universal_p2p/archive/inflate"
)

// errCheckpoint says that a checkpoint does not belong to the archive, so that the run is unpacked from its start.
var errCheckpoint = errors.New("archive: a checkpoint of something else")

// inflated is a deflate stream that can go on from the middle.
type inflated struct{ *inflate.Reader }

// newDeflate reads the n bytes of v from off as RFC 1951 has it, from the start or where a checkpoint says.
func newDeflate(v volume, off, n int64, state []byte) (decompressor, error) {
	var c inflate.Checkpoint
	if state != nil {
		if err := c.UnmarshalBinary(state); err != nil {
			return nil, err
		}
		if c.InputOffset() > n {
			return nil, errCheckpoint
		}
	}
	return inflated{inflate.Resume(c, io.NewSectionReader(v, off+c.InputOffset(), n-c.InputOffset()))}, nil
}

// checkpoint implements checkpointer.
func (d inflated) checkpoint() []byte {
	b, err := d.Checkpoint().MarshalBinary()
	if err != nil {
		return nil
	}
	return b
}

func (d inflated) Close() error { return nil }

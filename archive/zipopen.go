package archive

import (
	"encoding/binary"
	"fmt"
	"io"
)

// data finds the bytes of e behind its local header.
func (zipFormat) data(in *input, e *entry) (extent, error) {
	f := in.File()
	var h [zipLocalLen]byte
	if e.At < 0 {
		return extent{}, fmt.Errorf("%w: a member outside of the file", ErrCorrupt)
	}
	if _, err := f.ReadAt(h[:], e.At); err != nil {
		return extent{}, err
	}
	if string(h[:4]) != zipLocalSig {
		return extent{}, fmt.Errorf("%w: no member where the directory says that there is one", ErrCorrupt)
	}
	le := binary.LittleEndian
	off := e.At + zipLocalLen + int64(le.Uint16(h[26:])) + int64(le.Uint16(h[28:]))
	if off > f.Size() || e.Packed > f.Size()-off {
		return extent{}, fmt.Errorf("%w: a member that goes on behind the end of the file", ErrCorrupt)
	}
	want := uint16(zipStore)
	if len(e.Data) > 0 {
		want = uint16(e.Data[0])
	}
	if got := le.Uint16(h[8:]); got != want {
		return extent{}, fmt.Errorf("%w: a member has two compression methods, %d and %d", ErrCorrupt, want, got)
	}
	return extent{Off: off, Len: e.Packed}, nil
}

// locate implements locator for stored members.
func (z zipFormat) locate(in *input, e *entry, _ []string) ([]extent, error) {
	if e.Size != e.Packed {
		return nil, fmt.Errorf("%w: a stored member of %d bytes in %d", ErrCorrupt, e.Size, e.Packed)
	}
	x, err := z.data(in, e)
	return []extent{x}, err
}

func (z zipFormat) unpack(in *input, r *run) (unpacker, error) {
	return z.open(in, r, nil)
}

// resume implements resumer.
func (z zipFormat) resume(in *input, r *run, state []byte) (unpacker, error) {
	return z.open(in, r, state)
}

func (z zipFormat) open(in *input, r *run, state []byte) (unpacker, error) {
	e := r.entries()[0]
	x, err := z.data(in, e)
	if err != nil {
		return nil, err
	}
	if len(e.Data) == 0 {
		return nil, fmt.Errorf("%w: a packed member without a method", ErrCorrupt)
	}
	var d decompressor
	switch e.Data[0] {
	case zipDeflate:
		d, err = newDeflate(in.File(), x.Off, x.Len, state)
	case zipBzip2:
		d, err = newBzip2(in.section(in.File(), x.Off, x.Len))
	case zipZstd, zipZstdOld:
		d, err = newZstd(in.section(in.File(), x.Off, x.Len), in.Limits())
	case zipXZ:
		d, err = newXZ(in.section(in.File(), x.Off, x.Len), in.Limits())
	default:
		err = fmt.Errorf("%w: %s", ErrMethod, e.Method)
	}
	if err != nil {
		return nil, err
	}
	return &single{decompressor: d}, nil
}

// single is the unpacker of a run of one.
type single struct {
	decompressor
	begun bool
}

func (s *single) next() (int, io.Reader, error) {
	if s.begun {
		return 0, nil, io.EOF
	}
	s.begun = true
	return 0, s.decompressor, nil
}

func (s *single) close() error { return s.Close() }

// checkpoint implements checkpointer, for what can.
func (s *single) checkpoint() []byte {
	if c, ok := s.decompressor.(checkpointer); ok {
		return c.checkpoint()
	}
	return nil
}

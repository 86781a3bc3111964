package sevenz

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"
	"strings"
)

// A Folder is one compressed stream: a small graph of coders, read from the packed streams in the source.
type Folder struct {
	Coders []Coder
	Bonds  []Bond
	Packed []Packed
	Size   int64  // bytes that come out
	CRC    uint32 // of all that comes out, if HasCRC
	HasCRC bool
}

// A Coder is one step of unpacking. Inputs are counted through all coders of a folder; every coder has one output.
type Coder struct {
	Method uint64 // the number that 7-Zip gives it, as a big-endian number
	Inputs int
	Props  []byte
	Size   int64 // bytes that come out
}

// A Bond says that the input In reads the output of the coder Out.
type Bond struct{ In, Out int }

// A Packed is what the input In reads from the source.
type Packed struct {
	In           int
	Offset, Size int64
}

// Check reports whether the folder can be unpacked: nil, or ErrEncrypted, ErrMethod or ErrCorrupt. It reads nothing.
func (f *Folder) Check() error {
	if f.encrypted() {
		return ErrEncrypted
	}
	inputs := 0
	for _, c := range f.Coders {
		m, ok := lookup(c.Method)
		if !ok {
			return fmt.Errorf("%w: %s", ErrMethod, f.methods())
		}
		if c.Inputs != m.inputs {
			return fmt.Errorf("%w: %s with %d inputs", ErrCorrupt, m.name, c.Inputs)
		}
		inputs += c.Inputs
		if m.memory == nil {
			continue
		}
		if _, err := m.memory(c.Props, c.Size); err != nil {
			return fmt.Errorf("%w: %s: %w", ErrCorrupt, m.name, err)
		}
	}
	if len(f.Packed)+len(f.Bonds) != inputs {
		return fmt.Errorf("%w: %d coders that do not fit together", ErrCorrupt, len(f.Coders))
	}
	if n := f.Memory(); n > MaxMemory {
		return fmt.Errorf("%w: %s needs %d bytes of memory, more than %d", ErrLimit, f.methods(), n, MaxMemory)
	}
	return nil
}

// Memory is about what unpacking the folder takes in bytes: the dictionaries of all its decoders.
func (f *Folder) Memory() int64 {
	var sum int64
	for _, c := range f.Coders {
		if m, ok := lookup(c.Method); ok && m.memory != nil {
			if n, err := m.memory(c.Props, c.Size); err == nil {
				sum += n
			}
		}
	}
	return sum
}

// encrypted reports whether a password is needed.
func (f *Folder) encrypted() bool {
	return slices.ContainsFunc(f.Coders, func(c Coder) bool { return c.Method == idAES })
}

// methods names the coders as 7-Zip does, the one that the data met first being first.
func (f *Folder) methods() string {
	var names []string
	for _, c := range slices.Backward(f.Coders) {
		if m, ok := lookup(c.Method); ok {
			names = append(names, m.name)
		} else {
			names = append(names, fmt.Sprintf("%02X", c.Method))
		}
	}
	return strings.Join(names, " ")
}

// stored reports whether the output is the packed stream itself.
func (f *Folder) stored() bool {
	return len(f.Coders) == 1 && f.Coders[0].Method == idCopy && len(f.Packed) == 1 && f.Packed[0].Size == f.Size
}

// output returns the coder whose output is the folder's, or -1 if there is not exactly one.
func (f *Folder) output() int {
	var bound uint64 // a bit for each coder; there are at most maxStreams
	for _, b := range f.Bonds {
		bound |= 1 << b.Out
	}
	free := ^bound & (1<<len(f.Coders) - 1)
	if bits.OnesCount64(free) != 1 {
		return -1
	}
	return bits.TrailingZeros64(free)
}

// AppendBinary writes the folder down for [ParseFolder]: as in a header, with its sizes and the places of its packed streams
// behind it.
func (f *Folder) AppendBinary(b []byte) ([]byte, error) {
	b = appendNumber(b, uint64(len(f.Coders)))
	for _, c := range f.Coders {
		id := binary.BigEndian.AppendUint64(nil, c.Method)
		b = append(b, 0x30|byte(len(id)))
		b = append(b, id...)
		b = append(appendNumber(b, uint64(c.Inputs)), 1)
		b = append(appendNumber(b, uint64(len(c.Props))), c.Props...)
	}
	for _, p := range f.Bonds {
		b = append(b, byte(p.In), byte(p.Out))
	}
	if len(f.Packed) > 1 {
		for _, p := range f.Packed {
			b = append(b, byte(p.In))
		}
	}
	for _, c := range f.Coders {
		b = appendNumber(b, uint64(c.Size))
	}
	for _, p := range f.Packed {
		b = appendNumber(appendNumber(b, uint64(p.Offset)), uint64(p.Size))
	}
	return b, nil
}

// ParseFolder reads what AppendBinary wrote, all but the CRC. It takes b for as hostile as an archive.
func ParseFolder(b []byte) (*Folder, error) {
	c := cursor{rest: b}
	f := c.folder()
	for i := range f.Coders {
		f.Coders[i].Size = c.size()
	}
	for i := range f.Packed {
		f.Packed[i].Offset, f.Packed[i].Size = c.size(), c.size()
	}
	if out := f.output(); out >= 0 {
		f.Size = f.Coders[out].Size
	} else {
		c.fail(ErrCorrupt, "a folder has not one output")
	}
	if len(c.rest) > 0 {
		c.fail(ErrCorrupt, "%d bytes behind a folder", len(c.rest))
	}
	if c.err != nil {
		return nil, c.err
	}
	return &f, nil
}

// appendNumber writes a number as cursor.number reads it.
func appendNumber(b []byte, n uint64) []byte {
	more := 0
	for more < 8 && n>>(7*(more+1)) != 0 {
		more++
	}
	first := ^byte(0xFF >> more) // as many ones as bytes follow
	if more < 7 {
		first |= byte(n >> (8 * more))
	}
	b = append(b, first)
	for i := range more {
		b = append(b, byte(n>>(8*i)))
	}
	return b
}

package sevenz

import (
	"compress/bzip2"
	"encoding/binary"
	"io"
	"math"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/zstd"
	"github.com/stangelandcl/ppmd"
)

// The numbers of the methods: DOC/Methods.txt of 7-Zip, and for those from F71101 on of 7-Zip ZS.
const (
	idCopy    = 0x00
	idAES     = 0x06F10701
	idUnknown = math.MaxUint64
)

// A method is what a coder can be.
type method struct {
	name   string
	inputs int
	// memory is what the decoder may need in bytes, if that is more than some buffers. It checks the properties.
	memory func(props []byte, size int64) (int64, error)
	open   func(props []byte, size int64, in []io.Reader) (io.Reader, error)
}

// lookup finds a method by its number. AES is known by name only.
func lookup(id uint64) (method, bool) {
	switch id {
	case idCopy:
		return simple("Copy", func(_ []byte, _ int64, in io.Reader) (io.Reader, error) { return in, nil }), true
	case idAES:
		return method{name: "AES"}, true
	case 0x21:
		m := simple("LZMA2", newLZMA2)
		m.memory = func(props []byte, size int64) (int64, error) {
			dict, err := lzma2Dict(props)
			return windowSize(dict, size), err
		}
		return m, true
	case 0x030101:
		m := simple("LZMA", newLZMA)
		m.memory = func(props []byte, size int64) (int64, error) {
			_, dict, err := lzmaProps(props)
			return windowSize(dict, size), err
		}
		return m, true
	case 0x030401:
		m := simple("PPMD", newPPMd)
		m.memory = ppmdMemory
		return m, true
	case 0x040108:
		return simple("Deflate", func(_ []byte, _ int64, in io.Reader) (io.Reader, error) { return flate.NewReader(in), nil }), true
	case 0x040202:
		m := simple("BZip2", func(_ []byte, _ int64, in io.Reader) (io.Reader, error) { return bzip2.NewReader(in), nil })
		return m.needs(4 << 20), true
	case 0x04F71101:
		return simple("ZSTD", newZstd).needs(zstdWindow), true
	case 0x04F71102:
		return simple("BROTLI", newBrotli).needs(16 << 20), true
	case 0x04F71104:
		return simple("LZ4", newLZ4).needs(8 << 20), true
	}
	return lookupFilter(id)
}

// lookupFilter finds the methods that make data no shorter. Some have two numbers.
func lookupFilter(id uint64) (method, bool) {
	switch id {
	case 0x03:
		return simple("Delta", newDelta), true
	case 0x04, 0x03030103:
		return simple("BCJ", func(_ []byte, _ int64, in io.Reader) (io.Reader, error) { return newBranch(in, new(x86)), nil }), true
	case 0x0303011B:
		return method{name: "BCJ2", inputs: 4, open: newBCJ2}, true
	case 0x05, 0x03030205:
		return branch("PPC", ppc), true
	case 0x06, 0x03030401:
		return branch("IA64", ia64), true
	case 0x07, 0x03030501:
		return branch("ARM", arm), true
	case 0x08, 0x03030701:
		return branch("ARMT", armThumb), true
	case 0x09, 0x03030805:
		return branch("SPARC", sparc), true
	case 0x0A:
		return branch("ARM64", arm64), true
	case 0x020302:
		return branch("SWAP2", swap(2)), true
	case 0x020304:
		return branch("SWAP4", swap(4)), true
	}
	return method{}, false
}

// simple is a method with one input.
func simple(name string, open func(props []byte, size int64, in io.Reader) (io.Reader, error)) method {
	return method{name: name, inputs: 1, open: func(props []byte, size int64, in []io.Reader) (io.Reader, error) {
		return open(props, size, in[0])
	}}
}

// needs sets how much memory the decoder takes at most, whatever the archive says.
func (m method) needs(bytes int64) method {
	m.memory = func([]byte, int64) (int64, error) { return bytes, nil }
	return m
}

// branch is a method that is a converter without properties.
func branch(name string, conv convertFunc) method {
	return simple(name, func(_ []byte, _ int64, in io.Reader) (io.Reader, error) { return newBranch(in, conv), nil })
}

// zstdWindow is what zstd uses at most, with all its options for small output.
const zstdWindow = 128 << 20

func newZstd(_ []byte, _ int64, in io.Reader) (io.Reader, error) {
	return zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(zstdWindow))
}

// ppmdMemory is the size of PPMd's model, which its properties give behind the order.
func ppmdMemory(props []byte, _ int64) (int64, error) {
	if len(props) != 5 || props[0] < 2 || props[0] > 64 {
		return 0, errProps
	}
	n := binary.LittleEndian.Uint32(props[1:])
	if n < 1<<11 || n > math.MaxUint32-12*3 {
		return 0, errProps
	}
	return int64(n), nil
}

// A ppmdReader puts right that the library goes on with nonsense when its input has ended.
type ppmdReader struct {
	model ppmd.Reader
	in    *endReader
}

func newPPMd(props []byte, size int64, in io.Reader) (io.Reader, error) {
	memory, err := ppmdMemory(props, size)
	if err != nil {
		return nil, err
	}
	r := &ppmdReader{in: &endReader{in: in}}
	r.model, err = ppmd.NewH7zReader(r.in, int(props[0]), int(memory), int(size))
	return r, err
}

func (r *ppmdReader) Read(p []byte) (int, error) {
	n, err := r.model.Read(p[:min(len(p), 4<<10)])
	if r.in.err != nil {
		return 0, r.in.err
	}
	return n, err
}

// An endReader keeps in mind that its input had no more.
type endReader struct {
	in  io.Reader
	err error
}

func (r *endReader) Read(p []byte) (int, error) {
	n, err := io.ReadFull(r.in, p)
	if n < len(p) {
		if r.err = err; err == io.EOF {
			r.err = io.ErrUnexpectedEOF
		}
	}
	return n, err
}

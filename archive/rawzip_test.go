package archive

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"io"
	"testing"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// A rawMember is a member of a zip as its headers have it, be it true or not.
type rawMember struct {
	name, extra   string
	flags, method uint16
	host          byte
	attributes    uint32
	content       string // what it unpacks to
	packed        []byte // nil: content as it is
	size          uint64 // in place of the true one, unless 0
	again         bool   // its header is that of the member before it
}

// rawZip makes a zip of members, as APPNOTE describes it. With zip64 all numbers stand where those do that are too large elsewhere.
func rawZip(zip64 bool, members ...rawMember) []byte {
	le := binary.LittleEndian
	var out, dir []byte
	at := uint64(0)
	for _, m := range members {
		packed, size := m.packed, uint64(len(m.content))
		if packed == nil {
			packed = []byte(m.content)
		}
		if m.size > 0 {
			size = m.size
		}
		head := le.AppendUint16(nil, 45) // version that is needed
		for _, v := range []uint16{m.flags, m.method, 0, 0x21} {
			head = le.AppendUint16(head, v)
		}
		head = le.AppendUint32(head, crc32.ChecksumIEEE([]byte(m.content)))
		extra := m.extra
		if !m.again {
			at = uint64(len(out))
		}
		numbers := []uint64{size, uint64(len(packed)), at}
		if zip64 || size > 1<<32-2 {
			field := []byte{1, 0, 24, 0}
			for i, n := range numbers {
				field, numbers[i] = le.AppendUint64(field, n), 1<<32-1
			}
			extra += string(field)
		}
		head = le.AppendUint32(head, uint32(numbers[1]))
		head = le.AppendUint32(head, uint32(numbers[0]))
		head = le.AppendUint16(head, uint16(len(m.name)))
		head = le.AppendUint16(head, uint16(len(extra)))
		if !m.again {
			out = append(append(out, zipLocalSig...), head...)
			out = append(append(append(out, m.name...), extra...), packed...)
		}
		dir = append(append(dir, zipCentralSig...), 45, m.host)
		dir = append(append(dir, head...), make([]byte, 6)...) // comment, disk, kind of text
		dir = le.AppendUint32(dir, m.attributes)
		dir = le.AppendUint32(dir, uint32(numbers[2]))
		dir = append(append(dir, m.name...), extra...)
	}
	return append(append(out, dir...), rawZipEnd(zip64, len(members), len(dir), len(out))...)
}

// rawZipEnd is what comes behind a directory.
func rawZipEnd(zip64 bool, entries, size, start int) (b []byte) {
	le := binary.LittleEndian
	if zip64 {
		b = le.AppendUint64([]byte(zipEnd64Sig), zipEnd64Len-12)
		b = append(b, 45, 3, 45, 0)
		b = append(b, make([]byte, 8)...)
		for _, n := range []int{entries, entries, size, start} {
			b = le.AppendUint64(b, uint64(n))
		}
		b = append(append(b, zipFind64Sig...), 0, 0, 0, 0)
		b = le.AppendUint64(b, uint64(start+size))
		b = le.AppendUint32(b, 1)
		entries, size, start = 1<<16-1, 1<<32-1, 1<<32-1
	}
	b = append(append(b, zipEndSig...), 0, 0, 0, 0)
	b = le.AppendUint16(b, uint16(entries))
	b = le.AppendUint16(b, uint16(entries))
	b = le.AppendUint32(b, uint32(size))
	b = le.AppendUint32(b, uint32(start))
	return append(b, 0, 0)
}

// deflated is s, packed.
func deflate(t testing.TB, s string) []byte {
	return through(t, s, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, 9) })
}

// through is what a packer makes of s.
func through(t testing.TB, s string, packer func(io.Writer) (io.WriteCloser, error)) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := packer(&b)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, s); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// hello is what bzippedHello unpacks to: the library has no packer, so that it is of bzip2 1.0.8.
const hello = "hello, hello, hello"

const bzippedHello = "QlpoOTFBWSZTWZxFPtMAAAORAEAEAkSgACEiMDAGUifkVFhdyRThQkJxFPtM"

// everyMethod is a zip with a member of each method that is unpacked here, called as it is.
func everyMethod(t testing.TB) []byte {
	t.Helper()
	bzipped, err := base64.StdEncoding.DecodeString(bzippedHello)
	if err != nil {
		t.Fatal(err)
	}
	zstded := through(t, hello, func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w) })
	xzed := through(t, hello, func(w io.Writer) (io.WriteCloser, error) { return xz.NewWriter(w) })
	return rawZip(false,
		rawMember{name: "store", content: hello},
		rawMember{name: "deflate", content: hello, method: zipDeflate, packed: deflate(t, hello)},
		rawMember{name: "bzip2", content: hello, method: zipBzip2, packed: bzipped},
		rawMember{name: "zstd", content: hello, method: zipZstd, packed: zstded},
		rawMember{name: "zstd-old", content: hello, method: zipZstdOld, packed: zstded},
		rawMember{name: "xz", content: hello, method: zipXZ, packed: xzed},
	)
}

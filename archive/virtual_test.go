package archive

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/flate"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"sort"
	"strings"
	"testing"
	"time"
)

// A virtual is a file that is put together when it is read: parts one behind the other, each of some bytes over and over.
type virtual struct {
	parts []virtualPart
	size  int64
}

type virtualPart struct {
	off, size int64
	data      []byte
}

func (v *virtual) add(data []byte, times int) {
	if n := int64(len(data)) * int64(times); n > 0 {
		v.parts = append(v.parts, virtualPart{v.size, n, data})
		v.size += n
	}
}

func (v *virtual) ReadAt(p []byte, off int64) (n int, err error) {
	i := sort.Search(len(v.parts), func(i int) bool { return v.parts[i].off+v.parts[i].size > off })
	for ; n < len(p) && i < len(v.parts); i++ {
		part := v.parts[i]
		for n < len(p) && off < part.off+part.size {
			at := (off - part.off) % int64(len(part.data))
			m := copy(p[n:], part.data[at:])
			n += m
			off += int64(m)
		}
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (v *virtual) source(path string) *source { return &source{path: path, r: v, size: v.size} }

// The archive of the figures: 200 members of some 2.7 MB, but for the one in the middle, which has 512 MiB. What is in them
// can be packed to three quarters.
const (
	bigMembers = 200
	bigMiddle  = 100
)

func bigName(i int) string {
	if i == bigMiddle {
		return "video/movie.mkv"
	}
	return fmt.Sprintf("photos/%03d.jpg", i)
}

// bigUnit returns what members are made of, and how many times.
func bigUnit() []byte { return noise(7, 2_700_000) }

func bigTimes(i int) int {
	if i == bigMiddle {
		return 199
	}
	return 1
}

func repeatedCRC(data []byte, times int) uint32 {
	var sum uint32
	for range times {
		sum = crc32.Update(sum, crc32.IEEETable, data)
	}
	return sum
}

// deflated returns data packed so that it can stand behind itself, and what ends a stream of that.
func deflated(t testing.TB, data []byte) (packed, end []byte) {
	t.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, 6)
	if err != nil {
		t.Fatal(err)
	}
	w.Write(data)
	w.Flush()
	return b.Bytes(), []byte{3, 0}
}

// bigZip returns a zip of about 1 GiB.
func bigZip(t testing.TB, method uint16) *virtual {
	t.Helper()
	unit := bigUnit()
	packed, end := unit, []byte(nil)
	if method == zip.Deflate {
		packed, end = deflated(t, unit)
	}
	once, many := repeatedCRC(unit, 1), repeatedCRC(unit, bigTimes(bigMiddle))
	v := new(virtual)
	var dir bytes.Buffer
	for i := range bigMembers {
		h := &zip.FileHeader{Name: bigName(i), Method: method, CRC32: once, Modified: time.Date(2024, 1, 2, 3, 4, 6, 0, time.UTC)}
		if i == bigMiddle {
			h.CRC32 = many
		}
		h.UncompressedSize64 = uint64(len(unit) * bigTimes(i))
		h.CompressedSize64 = uint64(len(packed)*bigTimes(i) + len(end))
		at := v.size
		v.add(zipHeader(h, -1), 1)
		v.add(packed, bigTimes(i))
		v.add(end, 1)
		dir.Write(zipHeader(h, at))
	}
	at := v.size
	v.add(dir.Bytes(), 1)
	v.add(zipEndRecord(bigMembers, dir.Len(), at), 1)
	return v
}

// zipHeader is the local header of h, or with an offset the one of the directory.
func zipHeader(h *zip.FileHeader, at int64) []byte {
	le := binary.LittleEndian
	var b []byte
	if at < 0 {
		b = append(b, zipLocalSig...)
	} else {
		b = append(b, zipCentralSig...)
		b = le.AppendUint16(b, h.CreatorVersion)
	}
	b = le.AppendUint16(b, 20)
	b = le.AppendUint16(b, h.Flags)
	b = le.AppendUint16(b, h.Method)
	b = append(b, 0, 0, 0x21, 0x28) // 2000-01-01
	b = le.AppendUint32(b, h.CRC32)
	b = le.AppendUint32(b, uint32(h.CompressedSize64))
	b = le.AppendUint32(b, uint32(h.UncompressedSize64))
	b = le.AppendUint16(b, uint16(len(h.Name)))
	b = le.AppendUint16(b, uint16(len(h.Extra)))
	if at >= 0 {
		b = append(b, 0, 0, 0, 0, 0, 0)
		b = le.AppendUint32(b, h.ExternalAttrs)
		b = le.AppendUint32(b, uint32(at))
	}
	return append(append(b, h.Name...), h.Extra...)
}

func zipEndRecord(entries, size int, at int64) []byte {
	le := binary.LittleEndian
	b := append([]byte(zipEndSig), 0, 0, 0, 0)
	b = le.AppendUint16(b, uint16(entries))
	b = le.AppendUint16(b, uint16(entries))
	b = le.AppendUint32(b, uint32(size))
	b = le.AppendUint32(b, uint32(at))
	return append(b, 0, 0)
}

// bigTar returns a tar of about 1 GiB.
func bigTar(t testing.TB) *virtual {
	t.Helper()
	unit := bigUnit()
	v := new(virtual)
	for i := range bigMembers {
		var b bytes.Buffer
		size := int64(len(unit) * bigTimes(i))
		w := tar.NewWriter(&b)
		if err := w.WriteHeader(&tar.Header{Name: bigName(i), Size: size, Mode: 0o644, ModTime: time.Unix(1e9, 0)}); err != nil {
			t.Fatal(err)
		}
		v.add(b.Bytes(), 1)
		v.add(unit, bigTimes(i))
		v.add(make([]byte, roundTar(size)-size), 1)
	}
	v.add(make([]byte, 2*tarBlock), 1)
	return v
}

func TestVirtualIsWhatItSays(t *testing.T) {
	v := new(virtual)
	v.add([]byte("ab"), 3)
	v.add([]byte("xyz"), 2)
	want := strings.Repeat("ab", 3) + strings.Repeat("xyz", 2)
	for off := range want {
		p := make([]byte, len(want)-off)
		if n, err := v.ReadAt(p, int64(off)); n != len(p) || err != nil || string(p) != want[off:] {
			t.Errorf("at %d: %q, %v", off, p[:n], err)
		}
	}
	z := bigZip(t, zip.Store)
	r, err := zip.NewReader(z, z.size)
	if err != nil || len(r.File) != bigMembers {
		t.Fatalf("the virtual zip: %v", err)
	}
	tr := tar.NewReader(io.NewSectionReader(bigTar(t), 0, 1<<40))
	for i := range 3 {
		if h, err := tr.Next(); err != nil || h.Name != bigName(i) {
			t.Fatalf("the virtual tar: %v", err)
		}
	}
}

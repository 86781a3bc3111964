package inflate

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// packed is a deflate stream that a tool wrote, and what the tool says of it.
type packed struct {
	z    []byte
	sum  uint32
	size int64
}

// What other people's compressors write, checked with the sum that stands beside it. It also goes on from everywhere.
func TestTools(t *testing.T) {
	names, err := filepath.Glob("testdata/*.*z*")
	if err != nil || len(names) < 7 {
		t.Fatalf("%d fixtures, %v", len(names), err)
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		p := ofGzip(data)
		if filepath.Ext(name) == ".zip" {
			p = ofZip(t, data)
		}
		// Something else follows, as in an archive.
		r := NewReader(bytes.NewReader(append(bytes.Clone(p.z), data...)))
		got, err := io.ReadAll(r)
		if err != nil || int64(len(got)) != p.size || crc32.ChecksumIEEE(got) != p.sum || r.InputOffset() != int64(len(p.z)) {
			t.Errorf("%s: %d bytes of %d, %v, %d of %d bytes read", name, len(got), p.size, err, r.InputOffset(), len(p.z))
			continue
		}
		for n := int64(0); n <= p.size; n += 1999 {
			if rest := resumed(t, at(t, p.z, n), p.z); !bytes.Equal(rest, got[n:]) {
				t.Errorf("%s from %d: %d bytes, want %d", name, n, len(rest), p.size-n)
			}
		}
	}
}

// ofGzip takes the only stream out of a file without names or comments, RFC 1952.
func ofGzip(data []byte) packed {
	sum := data[len(data)-8:]
	return packed{data[10 : len(data)-8], binary.LittleEndian.Uint32(sum), int64(binary.LittleEndian.Uint32(sum[4:]))}
}

func ofZip(t *testing.T, data []byte) packed {
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	f := z.File[0]
	raw, err := f.OpenRaw()
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(raw)
	if err != nil || f.Method != zip.Deflate {
		t.Fatalf("method %d, %v", f.Method, err)
	}
	return packed{b, f.CRC32, int64(f.UncompressedSize64)}
}

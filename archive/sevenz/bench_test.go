package sevenz

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ulikunitz/xz/lzma"
)

// headerSize is how many bytes of an archive are header, as its first 32 bytes and the packed header say.
func headerSize(t testing.TB, src Source) int64 {
	t.Helper()
	var b [startSize]byte
	if _, err := src.ReadAt(b[:], 0); err != nil {
		t.Fatal(err)
	}
	offset, size := int64(binary.LittleEndian.Uint64(b[12:])), int64(binary.LittleEndian.Uint64(b[20:]))
	end := make([]byte, size)
	if _, err := src.ReadAt(end, startSize+offset); err != nil {
		t.Fatal(err)
	}
	if end[0] != idEncodedHeader {
		return startSize + size
	}
	c := cursor{rest: end[1:]}
	return startSize + size + c.streams(startSize, startSize+offset).folders[0].Packed[0].Size
}

// Listing an archive of 200 members reads its header and little else, and of one stored member only that.
func TestListReadsHeader(t *testing.T) {
	tree := map[string]string{}
	for i := range 200 {
		tree[fmt.Sprintf("dir%d/image %03d.jpg", i%7, i)] = noise(random(uint64(i)), 100_000)
	}
	for _, options := range []string{"-mx0", "-mx1", "-mx1 -ms=off", "-mx0 -mhc=off"} {
		file := pack(t, tree, strings.Fields(options)...)
		checkList(t, strings.NewReader(file), 200)
	}
}

// checkList holds Parse against what it may read.
func checkList(t testing.TB, file Source, members int) *counter {
	t.Helper()
	src := count(file)
	a, err := Parse(t.Context(), src)
	if err != nil {
		t.Fatal(err)
	}
	files := 0
	for _, e := range a.Entries {
		if !e.Dir {
			files++
		}
	}
	if header := headerSize(t, file); src.bytes > header || len(src.pieces) > 3 || files != members {
		t.Errorf("%d members: %d bytes, %d blocks, %d pieces read; the header has %d bytes", files, src.bytes, len(src.blocks), len(src.pieces), header)
	}
	return src
}

// The archive of the requirement: 1 GiB in 200 members.
func BenchmarkList1GiB(b *testing.B) {
	dir := b.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "in"), 0o755); err != nil {
		b.Fatal(err)
	}
	for i := range 200 {
		name := filepath.Join(dir, "in", fmt.Sprintf("image %03d.jpg", i))
		if err := os.WriteFile(name, nil, 0o644); err != nil {
			b.Fatal(err)
		}
		if err := os.Truncate(name, 5<<20+int64(i)*2048); err != nil {
			b.Fatal(err)
		}
	}
	sevenZip(b, filepath.Join(dir, "in"), "a", "../a.7z", ".", "-mx0")
	file := openFile(b, filepath.Join(dir, "a.7z"))
	var src *counter
	for b.Loop() {
		src = checkList(b, file, 200)
	}
	b.ReportMetric(float64(src.bytes), "read-bytes")
	b.ReportMetric(float64(len(src.blocks)), "blocks")
	b.ReportMetric(float64(len(src.pieces)), "pieces")
}

func BenchmarkUnpack(b *testing.B) {
	tree := map[string]string{"text": text(random(1), 4<<20), "code": code(random(2), 1<<20)}
	for _, options := range []string{"-m0=lzma", "-m0=lzma2", "-mf=bcj", "-mf=bcj2", "-m0=ppmd", "-m0=bzip2", "-m0=deflate", "-m0=copy"} {
		b.Run(options, func(b *testing.B) {
			file := pack(b, tree, strings.Fields(options)...)
			a, err := Parse(b.Context(), strings.NewReader(file))
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(5 << 20)
			b.ReportAllocs()
			for b.Loop() {
				for i := range a.Folders {
					err := unpackFolder(b.Context(), a, strings.NewReader(file), i, func(_ *Entry, r io.Reader) error {
						_, err := io.Copy(io.Discard, r)
						return err
					})
					if err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

// Ours and the other decoder on the same stream.
func BenchmarkLZMA(b *testing.B) {
	content := []byte(text(random(1), 4<<20))
	props, packed := packLZMA(b, content, lzma.Properties{LC: 3, PB: 2}, 1<<20)
	b.Run("sevenz", func(b *testing.B) {
		b.SetBytes(int64(len(content)))
		for b.Loop() {
			r, err := newLZMA(props, int64(len(content)), bytes.NewReader(packed))
			if err != nil {
				b.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, r); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("ulikunitz", func(b *testing.B) {
		head := binary.LittleEndian.AppendUint64(props, uint64(len(content)))
		b.SetBytes(int64(len(content)))
		for b.Loop() {
			r, err := lzma.NewReader(io.MultiReader(bytes.NewReader(head), bytes.NewReader(packed)))
			if err != nil {
				b.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, r); err != nil {
				b.Fatal(err)
			}
		}
	})
}

package bittorrent

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/iotest"

	"github.com/anacrolix/torrent/metainfo"
)

// fixtures lists the torrents of testdata, by name without extension. make-libtorrent.py made them.
func fixtures() []string {
	var names []string
	for _, version := range []string{"v1", "v2", "hybrid"} {
		names = append(names, "libtorrent-"+version, "libtorrent-"+version+"-single")
	}
	return append(names, "libtorrent-v1-symlink", "libtorrent-hybrid-symlink", "libtorrent-hybrid-tail")
}

func readFixture(t testing.TB, name string) (*metainfo.MetaInfo, *metainfo.Info) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name+".torrent"))
	if err != nil {
		t.Fatal(err)
	}
	mi, info, err := readMetainfo(data)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return mi, info
}

// fixtureSize is the length of a file of the fixtures.
func fixtureSize(path string) int64 {
	return map[string]int64{"big.bin": 100_000, "single.bin": 100_000, "dir/two.bin": 64 << 10, "exact.bin": 32 << 10, "mid.bin": 20_000, "small.txt": 5}[path]
}

// fixtureFile is the content of a file of the fixtures.
func fixtureFile(path string) []byte {
	var b []byte
	size := fixtureSize(path)
	for k := 0; int64(len(b)) < size; k++ {
		sum := sha256.Sum256(fmt.Appendf(nil, "%s/%d", path, k))
		b = append(b, sum[:]...)
	}
	return b[:size]
}

// fixturePieces is the content of a torrent of the fixtures, piece by piece.
func fixturePieces(l layout, list *fileList) [][]byte {
	whole := make([]byte, int64(l.pieces)*l.pieceLength)
	for _, f := range list.files {
		copy(whole[f.offset:], fixtureFile(f.path))
	}
	pieces := make([][]byte, l.pieces)
	for i := range pieces {
		pieces[i] = whole[int64(i)*l.pieceLength:][:l.size(i)]
	}
	return pieces
}

func TestCheckTools(t *testing.T) {
	for _, name := range fixtures() {
		t.Run(name, func(t *testing.T) {
			mi, info := readFixture(t, name)
			l, err := newLayout(info)
			if err != nil {
				t.Fatal(err)
			}
			testCheck(t, newChecker(mi, info, l), fixturePieces(l, newFileList(nil, info, "")))
		})
	}
}

// testCheck checks that c takes the pieces as they are and in no other way.
func testCheck(t *testing.T, c *checker, pieces [][]byte) {
	t.Helper()
	for i, p := range pieces {
		if err := c.check(i, bytes.NewReader(p)); err != nil {
			t.Errorf("piece %d of %d, %d bytes: %v", i, len(pieces), len(p), err)
		}
		if err := c.check(i, iotest.OneByteReader(bytes.NewReader(p))); err != nil {
			t.Errorf("piece %d, byte by byte: %v", i, err)
		}
		if err := c.check(i, io.MultiReader(bytes.NewReader(p), bytes.NewReader(make([]byte, 9)))); err != nil {
			t.Errorf("piece %d with bytes behind it: %v", i, err)
		}
		for _, at := range []int{0, len(p) / 2, len(p) - 1} {
			bad := slices.Clone(p)
			bad[at] ^= 1 << (at % 8)
			if err := c.check(i, bytes.NewReader(bad)); !errors.Is(err, errWrongHash) {
				t.Errorf("piece %d with a wrong bit in byte %d: %v, want errWrongHash", i, at, err)
			}
		}
		if err := c.check(i, bytes.NewReader(p[:len(p)-1])); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("piece %d without its last byte: %v", i, err)
		}
		if err := c.check(i, iotest.ErrReader(os.ErrPermission)); !errors.Is(err, os.ErrPermission) {
			t.Errorf("piece %d that cannot be read: %v", i, err)
		}
		if other := pieces[(i+1)%len(pieces)]; len(pieces) > 1 && len(other) >= len(p) {
			if err := c.check(i, bytes.NewReader(other)); !errors.Is(err, errWrongHash) {
				t.Errorf("another piece in place of %d: %v", i, err)
			}
		}
	}
}

// Pieces need not be whole blocks in v1.
func TestCheckOddPieces(t *testing.T) {
	for _, pieceLength := range []int64{1, 1000, blockSize - 1, blockSize + 1, 40_000} {
		data := fixtureFile("big.bin")
		data = data[:min(int64(len(data)), 5*pieceLength+pieceLength/2+1)]
		info := &metainfo.Info{Name: "n", Length: int64(len(data)), PieceLength: pieceLength}
		err := info.GeneratePieces(func(metainfo.FileInfo) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil })
		if err != nil {
			t.Fatal(err)
		}
		l, err := newLayout(info)
		if err != nil {
			t.Fatal(err)
		}
		testCheck(t, newChecker(&metainfo.MetaInfo{}, info, l), slices.Collect(slices.Chunk(data, int(pieceLength))))
	}
}

// Without the layer of its file a v2 piece cannot be judged, and is fetched again.
func TestCheckMissingLayers(t *testing.T) {
	mi, info := readFixture(t, "libtorrent-v2")
	l, err := newLayout(info)
	if err != nil {
		t.Fatal(err)
	}
	pieces := fixturePieces(l, newFileList(nil, info, ""))
	big := info.FileTree.Dir["big.bin"].File.PiecesRoot
	for name, layer := range map[string]string{"no layer": "", "short layer": mi.PieceLayers[big][32:], "long layer": mi.PieceLayers[big] + mi.PieceLayers[big]} {
		layers := maps.Clone(mi.PieceLayers)
		layers[big] = layer
		if layer == "" {
			delete(layers, big)
		}
		c := newChecker(&metainfo.MetaInfo{PieceLayers: layers}, info, l)
		for i, p := range pieces {
			err := c.check(i, bytes.NewReader(p))
			if inBig := i < 4; inBig && !errors.Is(err, errWrongHash) || !inBig && err != nil {
				t.Errorf("%s: piece %d: %v", name, i, err)
			}
		}
		if err := c.check(0, bytes.NewReader(make([]byte, l.size(0)))); !errors.Is(err, errWrongHash) {
			t.Errorf("%s: zeros in place of piece 0: %v", name, err)
		}
	}
}

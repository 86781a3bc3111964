//go:build linux

package swarmtest

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

const (
	kib = 1 << 10
	mib = 1 << 20
)

// A source is pseudo-random content that any range of can be had without a file: AES in counter mode, the key is the seed.
type source struct {
	block cipher.Block
	size  int64
}

func newSource(seed, size int64) *source {
	key := make([]byte, 16)
	binary.BigEndian.PutUint64(key, uint64(seed))
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // 16 bytes are a key
	}
	return &source{block, size}
}

// from returns a reader of the content from off on.
func (s *source) from(off int64) io.Reader {
	iv := make([]byte, aes.BlockSize)
	binary.BigEndian.PutUint64(iv[8:], uint64(off/aes.BlockSize))
	stream := cipher.NewCTR(s.block, iv)
	skip := make([]byte, off%aes.BlockSize)
	stream.XORKeyStream(skip, skip)
	return io.LimitReader(cipher.StreamReader{S: stream, R: zeros{}}, s.size-off)
}

// sum is the SHA-256 of n bytes from off.
func (s *source) sum(off, n int64) string {
	h := sha256.New()
	io.CopyN(h, s.from(off), n)
	return hex.EncodeToString(h.Sum(nil))
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// A checker compares what is written to it with the content from off on. The first difference is an error.
type checker struct {
	want io.Reader
	off  int64 // of the next byte
	buf  []byte
}

func (s *source) checker(off int64) *checker { return &checker{want: s.from(off), off: off} }

func (c *checker) Write(p []byte) (int, error) {
	c.buf = slices.Grow(c.buf[:0], len(p))[:len(p)]
	if _, err := io.ReadFull(c.want, c.buf); err != nil {
		return 0, fmt.Errorf("more bytes than the file has at offset %d", c.off)
	}
	if !bytes.Equal(p, c.buf) {
		for i := range p {
			if p[i] != c.buf[i] {
				return i, fmt.Errorf("wrong byte at offset %d", c.off+int64(i))
			}
		}
	}
	c.off += int64(len(p))
	return len(p), nil
}

// A fixture is a torrent of one file and its content on disk.
type fixture struct {
	*source
	dir     string // the folder that has the content
	name    string
	piece   int64
	torrent string // path of the .torrent
	hash    string // v1 infohash in hex
}

// newFixture makes a file of size bytes. extra goes into the .torrent beside the info dictionary.
func newFixture(t *testing.T, seed, size, piece int64, extra map[string]any) *fixture {
	t.Helper()
	f := &fixture{source: newSource(seed, size), dir: t.TempDir(), name: "video.mp4", piece: piece}
	out, err := os.Create(filepath.Join(f.dir, f.name))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if _, err := io.CopyBuffer(struct{ io.Writer }{out}, f.from(0), make([]byte, mib)); err != nil {
		t.Fatal(err)
	}
	info := map[string]any{"name": f.name, "length": size, "piece length": piece, "pieces": pieces(t, f.from(0), piece)}
	f.torrent, f.hash = writeTorrent(t, f.dir, info, extra)
	return f
}

// pieces is the "pieces" value of an info dictionary: the SHA-1 of every piece, joined.
func pieces(t *testing.T, r io.Reader, length int64) string {
	t.Helper()
	var all []byte
	for {
		h := sha1.New()
		n, err := io.CopyN(h, r, length)
		if n > 0 {
			all = h.Sum(all)
		}
		if err == io.EOF {
			return string(all)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// writeTorrent writes a .torrent into dir and returns its path and infohash.
func writeTorrent(t *testing.T, dir string, info, extra map[string]any) (path, hash string) {
	t.Helper()
	meta := map[string]any{"info": info}
	maps.Copy(meta, extra)
	path = filepath.Join(dir, "a.torrent")
	if err := os.WriteFile(path, bencode(nil, meta), 0o600); err != nil {
		t.Fatal(err)
	}
	sum := sha1.Sum(bencode(nil, info))
	return path, hex.EncodeToString(sum[:])
}

// bencode appends v, made of strings, integers, lists and dictionaries, to b (BEP 3). It is our own so that the torrents of
// these tests do not come from the library under test.
func bencode(b []byte, v any) []byte {
	switch v := v.(type) {
	case string:
		b = fmt.Appendf(b, "%d:", len(v))
		return append(b, v...)
	case int64:
		return fmt.Appendf(b, "i%de", v)
	case []any:
		b = append(b, 'l')
		for _, e := range v {
			b = bencode(b, e)
		}
		return append(b, 'e')
	case map[string]any:
		b = append(b, 'd')
		for _, k := range slices.Sorted(maps.Keys(v)) {
			b = bencode(bencode(b, k), v[k])
		}
		return append(b, 'e')
	}
	panic(fmt.Sprintf("bencode: %T", v))
}

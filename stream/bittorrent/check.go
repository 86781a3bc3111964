package bittorrent

import (
	"crypto/sha1"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/anacrolix/torrent/merkle"
	"github.com/anacrolix/torrent/metainfo"
)

// A checker verifies pieces that are read from the disk again, after a restart or when a file was changed.
type checker struct {
	info   *metainfo.Info
	layout layout
	v2     [][sha256.Size]byte // expected root of each piece of a v2 torrent without v1 hashes; nil else
	whole  []bool              // the piece is its whole file: its root is not padded to the piece length
}

var errWrongHash = errors.New("bittorrent: wrong hash")

func newChecker(mi *metainfo.MetaInfo, info *metainfo.Info, l layout) *checker {
	c := &checker{info: info, layout: l}
	if !info.HasV1() {
		c.v2 = make([][sha256.Size]byte, l.pieces)
		c.whole = make([]bool, l.pieces)
		c.takeLayers(mi.PieceLayers)
	}
	return c
}

// takeLayers finds the expected roots: those of the piece layers, and for a file of one piece its own (BEP 52).
func (c *checker) takeLayers(layers map[string]string) {
	i := 0
	for fi := range c.info.UpvertedFilesIter() {
		n := int((fi.Length + c.layout.pieceLength - 1) / c.layout.pieceLength)
		if n == 0 {
			continue
		}
		root := fi.PiecesRoot.Value
		if n == 1 {
			c.v2[i], c.whole[i] = root, true
		} else if layer := layers[string(root[:])]; len(layer) == n*sha256.Size {
			for k := range n {
				copy(c.v2[i+k][:], layer[k*sha256.Size:])
			}
		}
		i += n
	}
}

// check reads piece i from r and returns an error if it is not what the torrent says.
func (c *checker) check(i int, r io.Reader) error {
	if c.v2 == nil {
		return c.checkV1(i, r)
	}
	h := merkle.NewHash()
	if err := copyPiece(h, r, c.layout.size(i)); err != nil {
		return err
	}
	var sum []byte
	if c.whole[i] {
		sum = h.Sum(nil)
	} else {
		sum = h.SumMinLength(nil, int(c.layout.pieceLength))
	}
	// A root that is not known, all zero, matches nothing: the piece is fetched again.
	return compare(i, sum, c.v2[i][:])
}

func (c *checker) checkV1(i int, r io.Reader) error {
	h := sha1.New()
	size := c.layout.size(i)
	if err := copyPiece(h, r, size); err != nil {
		return err
	}
	// In a hybrid torrent each file is padded with zeros to whole pieces for v1, but for the last of the torrent.
	if c.layout.sizes != nil {
		writeZeros(h, c.info.Piece(i).V1Length()-size)
	}
	return compare(i, h.Sum(nil), c.info.Pieces[i*sha1.Size:(i+1)*sha1.Size])
}

func copyPiece(h io.Writer, r io.Reader, size int64) error {
	n, err := io.Copy(h, io.LimitReader(r, size))
	if err == nil && n != size {
		err = io.ErrUnexpectedEOF
	}
	return err
}

func writeZeros(h hash.Hash, n int64) {
	var zeros [4096]byte
	for ; n > 0; n -= int64(len(zeros)) {
		h.Write(zeros[:min(n, int64(len(zeros)))])
	}
}

func compare(i int, got, want []byte) error {
	if string(got) != string(want) {
		return fmt.Errorf("piece %d: %w", i, errWrongHash)
	}
	return nil
}

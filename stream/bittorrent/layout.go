package bittorrent

import (
	"fmt"

	"github.com/anacrolix/torrent/metainfo"
)

// A layout is how the bytes of a torrent fall into pieces and blocks. Offsets are those of the torrent: its files one
// behind the other, in a v2 or hybrid torrent each starting with a piece of its own (BEP 52).
type layout struct {
	pieceLength int64 // bytes of a full piece
	pieces      int
	bpp         block   // blocks in a full piece
	sizes       []int32 // bytes of each piece, where not only the last is short; else nil
	lastSize    int64
}

// maxPieceLength bounds what a peer can make us reserve for one piece, in bytes. Torrents in use end at 64 MiB.
const maxPieceLength = 512 << 20

// maxPieces bounds what a few bytes of a v2 torrent can make us reserve for its pieces. Those of v1 name each by its hash, so
// that they end at a million where peers are asked for them (BEP 9).
const maxPieces = 2 << 20

func newLayout(info *metainfo.Info) (layout, error) {
	if err := validInfo(info); err != nil {
		return layout{}, fmt.Errorf("bittorrent: %w", err)
	}
	l := layout{pieceLength: info.PieceLength, pieces: info.NumPieces()}
	l.bpp = block((l.pieceLength + blockSize - 1) / blockSize)
	if int64(l.pieces)*int64(l.bpp) > 1<<32-1 {
		return layout{}, fmt.Errorf("bittorrent: %d pieces are more than can be counted", l.pieces)
	}
	if !info.FilesArePieceAligned() {
		l.lastSize = info.TotalLength() - int64(l.pieces-1)*l.pieceLength
		if l.lastSize <= 0 || l.lastSize > l.pieceLength {
			return layout{}, fmt.Errorf("bittorrent: the files do not fill the %d pieces", l.pieces)
		}
		return l, nil
	}
	l.sizes = make([]int32, 0, l.pieces)
	for fi := range info.UpvertedFilesIter() {
		for left := fi.Length; left > 0; left -= l.pieceLength {
			l.sizes = append(l.sizes, int32(min(left, l.pieceLength)))
		}
	}
	if len(l.sizes) != l.pieces {
		return layout{}, fmt.Errorf("bittorrent: the files fill %d pieces, not %d", len(l.sizes), l.pieces)
	}
	if info.HasV1() {
		return l, l.fitsV1(info)
	}
	return l, nil
}

// fitsV1 refuses a hybrid torrent whose v1 files end in another place than its v2 files. The library pads the last piece up
// to the end of the former, and panics if that is not there.
func (l layout) fitsV1(info *metainfo.Info) error {
	var end int64
	for fi := range info.UpvertedV1Files() {
		end = fi.TorrentOffset + fi.Length
	}
	last := l.pieces - 1
	if n := end - int64(last)*l.pieceLength; n < l.size(last) || n > l.pieceLength {
		return fmt.Errorf("bittorrent: the v1 files do not fill the %d pieces", l.pieces)
	}
	return nil
}

// size is the number of bytes in piece i.
func (l layout) size(i int) int64 {
	switch {
	case l.sizes != nil:
		return int64(l.sizes[i])
	case i == l.pieces-1:
		return l.lastSize
	}
	return l.pieceLength
}

// piece is the piece that holds the byte at off, and where in it.
func (l layout) piece(off int64) (i int, in int64) {
	return int(off / l.pieceLength), off % l.pieceLength
}

// block is the block that holds the byte at off.
func (l layout) block(off int64) block {
	i, in := l.piece(off)
	return block(i)*l.bpp + block(in/blockSize)
}

// first is the first block of piece i.
func (l layout) first(i int) block { return block(i) * l.bpp }

// blocks is the number of blocks in piece i.
func (l layout) blocks(i int) block { return block((l.size(i) + blockSize - 1) / blockSize) }

// pieceOf is the piece that b belongs to.
func (l layout) pieceOf(b block) int { return int(b / l.bpp) }

// content is the number of bytes in all pieces.
func (l layout) content() (n int64) {
	if l.sizes == nil {
		return int64(l.pieces-1)*l.pieceLength + l.lastSize
	}
	for _, size := range l.sizes {
		n += int64(size)
	}
	return n
}

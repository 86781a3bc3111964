package bittorrent

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/anacrolix/torrent/metainfo"
	"github.com/anacrolix/torrent/storage"

	"github.com/zeronetscript/universal_p2p/stream/store"
)

// pieceStorage keeps the pieces of one torrent as the chunks of an object in the store, for the library to write, hash and
// upload from. The events go to the swarm's readers.
type pieceStorage struct {
	obj    *store.Object
	layout layout
	events pieceEvents
	early  bool // the library's own readers may read what is not verified; ours do not go through here
}

// pieceEvents hears what happens to pieces. Its methods are called without any lock of ours and possibly at once.
type pieceEvents interface {
	blockWritten(piece int, off, n int64) // n bytes at off of the piece are in the store, unverified
	pieceVerified(piece int)
	pieceFailed(piece int) // its hash was wrong and its bytes are gone
}

var (
	_ storage.ClientImpl = (*pieceStorage)(nil)
	_ storage.PieceImpl  = pieceChunk{}
	_ io.WriterTo        = pieceChunk{}
)

// OpenTorrent implements storage.ClientImpl. The object is closed by the swarm, behind the library's back.
func (s *pieceStorage) OpenTorrent(context.Context, *metainfo.Info, metainfo.Hash) (storage.TorrentImpl, error) {
	return storage.TorrentImpl{
		Piece: func(p metainfo.Piece) storage.PieceImpl { return pieceChunk{s, p.Index()} },
	}, nil
}

// A pieceChunk is one piece.
type pieceChunk struct {
	s *pieceStorage
	i int
}

func (p pieceChunk) WriteAt(b []byte, off int64) (int, error) {
	if err := p.s.obj.WriteAt(p.i, b, off); err != nil {
		return 0, fmt.Errorf("piece %d: %w", p.i, err)
	}
	p.s.events.blockWritten(p.i, off, int64(len(b)))
	return len(b), nil
}

// ReadAt is for uploads, which are of verified pieces only. One that was recycled since is an error, and never io.EOF, which the
// library takes for a reason to mark the piece incomplete while it may be coming in again.
func (p pieceChunk) ReadAt(b []byte, off int64) (int, error) {
	n, err := p.s.obj.ReadAt(p.i, b, off)
	if p.s.early && errors.Is(err, store.ErrMissing) {
		n, err = p.s.obj.ReadFilling(p.i, b, off)
	}
	if err != nil {
		return n, fmt.Errorf("piece %d: %w", p.i, err)
	}
	return n, nil
}

// WriteTo gives the piece to the library's hasher.
func (p pieceChunk) WriteTo(w io.Writer) (int64, error) {
	n, err := p.s.obj.WriteChunkTo(p.i, w)
	if err != nil {
		// With an error the library blames no peer for a wrong hash.
		return n, fmt.Errorf("piece %d: %w", p.i, err)
	}
	return n, nil
}

func (p pieceChunk) MarkComplete() error {
	if err := p.s.obj.Commit(p.i); err != nil {
		p.s.events.pieceFailed(p.i)
		return fmt.Errorf("piece %d: %w", p.i, err)
	}
	p.s.events.pieceVerified(p.i)
	return nil
}

func (p pieceChunk) MarkNotComplete() error {
	err := p.s.obj.Discard(p.i)
	p.s.events.pieceFailed(p.i)
	if err != nil && !errors.Is(err, store.ErrMissing) {
		return fmt.Errorf("piece %d: %w", p.i, err)
	}
	return nil
}

func (p pieceChunk) Completion() storage.Completion {
	return storage.Completion{Ok: true, Complete: p.s.obj.Has(p.i)}
}

// noStorage stands where the library wants a default. Every torrent opens its own.
type noStorage struct{}

var _ storage.ClientImpl = noStorage{}

func (noStorage) OpenTorrent(context.Context, *metainfo.Info, metainfo.Hash) (storage.TorrentImpl, error) {
	return storage.TorrentImpl{}, errors.New("bittorrent: no storage")
}

package bittorrent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/anacrolix/torrent/metainfo"
	"github.com/anacrolix/torrent/storage"

	"github.com/zeronetscript/universal_p2p/stream/store"
)

// pieceStorage keeps the pieces of one torrent as the chunks of an object in the store, for the library to write, hash and
// upload from. The events go to the swarm's readers.
//
// The picker begins each piece in the store before it is asked for. A block that comes after its piece was recycled is refused:
// the library has a book of the blocks that are here, and would have that one in a piece whose others are gone.
type pieceStorage struct {
	obj    *store.Object
	layout layout
	events pieceEvents
	alone  bool // there is no picker, and the library's own readers read what is not verified

	mu     sync.Mutex
	unread map[int]error // pieces that could not be read to be hashed, and why, until the library tells what it makes of that
}

// pieceEvents hears what happens to pieces. Its methods are called without any lock of ours and possibly at once.
type pieceEvents interface {
	blockWritten(piece int, off, n int64) // n bytes at off of the piece are in the store, unverified
	blockFailed(piece int, err error)     // the store could not take a block of it; those it has taken are still there
	pieceVerified(piece int)              // it is in the store
	pieceFailed(piece int)                // its hash was wrong and its bytes are gone
	pieceLost(piece int, err error)       // its bytes are gone, or could not be read or kept, and nobody has seen them all
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
	write := p.s.obj.Fill
	if p.s.alone {
		write = p.s.obj.WriteAt
	}
	if err := write(p.i, b, off); err != nil {
		if errors.Is(err, store.ErrMissing) {
			p.s.events.pieceLost(p.i, err)
		} else {
			p.s.events.blockFailed(p.i, err)
		}
		return 0, fmt.Errorf("piece %d: %w", p.i, err)
	}
	p.s.events.blockWritten(p.i, off, int64(len(b)))
	return len(b), nil
}

// ReadAt is for uploads, which are of verified pieces only. One that was recycled since is an error, and never io.EOF, which the
// library takes for a reason to mark the piece incomplete while it may be coming in again.
func (p pieceChunk) ReadAt(b []byte, off int64) (int, error) {
	n, err := p.s.obj.ReadAt(p.i, b, off)
	if p.s.alone && errors.Is(err, store.ErrMissing) {
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
	p.s.noteUnread(p.i, err)
	if err != nil {
		// With an error the library blames no peer for a wrong hash.
		return n, fmt.Errorf("piece %d: %w", p.i, err)
	}
	return n, nil
}

func (s *pieceStorage) noteUnread(i int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		delete(s.unread, i)
		return
	}
	if s.unread == nil {
		s.unread = make(map[int]error)
	}
	s.unread[i] = err
}

func (s *pieceStorage) takeUnread(i int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.unread[i]
	delete(s.unread, i)
	return err
}

// MarkComplete is called when the hash is right. The library takes the piece for complete even if this fails, until it is asked
// to look again.
func (p pieceChunk) MarkComplete() error {
	if err := p.s.obj.Commit(p.i); err != nil {
		err = errors.Join(err, p.s.obj.Discard(p.i))
		p.s.events.pieceLost(p.i, err)
		return fmt.Errorf("piece %d: %w", p.i, err)
	}
	p.s.events.pieceVerified(p.i)
	return nil
}

// MarkNotComplete is called when the hash is wrong, or could not be computed.
func (p pieceChunk) MarkNotComplete() error {
	unread := p.s.takeUnread(p.i)
	err := p.s.obj.Discard(p.i)
	if unread != nil {
		p.s.events.pieceLost(p.i, unread)
	} else {
		p.s.events.pieceFailed(p.i)
	}
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

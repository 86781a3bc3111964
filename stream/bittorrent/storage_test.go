package bittorrent

import (
	"context"
	"testing"

	"github.com/anacrolix/torrent/metainfo"
	"github.com/anacrolix/torrent/storage"
	"github.com/anacrolix/torrent/test"

	"github.com/zeronetscript/universal_p2p/stream/store"
)

// TestLeecherStorage runs the suite that anacrolix/torrent has for storage on ours.
func TestLeecherStorage(t *testing.T) {
	test.TestLeecherStorage(t, test.LeecherStorageTestCase{Name: "store", Factory: func(dir string) storage.ClientImplCloser {
		st, err := store.Open(dir, store.Options{Quota: 64 << 20})
		if err != nil {
			t.Fatal(err)
		}
		return suiteStorage{st}
	}})
}

// suiteStorage opens torrents as swarm.prepare does, without a swarm.
type suiteStorage struct{ store *store.Store }

func (s suiteStorage) OpenTorrent(ctx context.Context, info *metainfo.Info, ih metainfo.Hash) (storage.TorrentImpl, error) {
	l, err := newLayout(info)
	if err != nil {
		return storage.TorrentImpl{}, err
	}
	obj, err := s.store.Object(store.Spec{Space: space, ID: ih.HexString(), Size: l.content(), Chunk: l.pieceLength, Sizes: l.sizes})
	if err != nil {
		return storage.TorrentImpl{}, err
	}
	impl, err := (&pieceStorage{obj: obj, layout: l, events: deaf{}, alone: true}).OpenTorrent(ctx, info, ih)
	impl.Close = obj.Close
	return impl, err
}

func (s suiteStorage) Close() error { return s.store.Close() }

type deaf struct{}

func (deaf) blockWritten(int, int64, int64) {}
func (deaf) pieceVerified(int)              {}
func (deaf) pieceFailed(int)                {}
func (deaf) blockFailed(int, error)         {}
func (deaf) pieceLost(int, error)           {}

// total is the highest offset a byte can have, plus one.
func (l layout) total() int64 { return int64(l.pieces-1)*l.pieceLength + l.size(l.pieces-1) }

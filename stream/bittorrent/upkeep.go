package bittorrent

import (
	"fmt"
	"reflect"
	"sync"
	"unsafe"

	"github.com/anacrolix/torrent"
	typedroaring "github.com/anacrolix/torrent/typed-roaring"
	"github.com/anacrolix/torrent/types/infohash"
)

// This file keeps the library's books straight where two of its habits break them. As for hooks.go, go.mod pins the version.
//
// One torrent, two names: a hybrid torrent has two infohashes, and nobody knows that they belong together before the info
// dictionary is there. The library then has two Torrents, writes the second name of the one that learns first over the entry of
// the other, and gives the other the same pieces as soon as it learns as well. Once one of them is dropped, the entry is gone
// for both, and a timer finds nothing where it expects a Torrent. So only one of them ever learns, and entries come back.
//
// Pieces without a hash: those of a v2 torrent have none until the piece layers arrive from peers. Until then all count as
// pending, and nothing takes out those that nobody wants when the hashes are there: connections are wanted for ever for
// nothing, and the library's own check of its books fails. So only what is wanted ever counts as pending.

//go:linkname dropTorrent github.com/anacrolix/torrent.(*Client).dropTorrent
func dropTorrent(*torrent.Client, *torrent.Torrent, *sync.WaitGroup)

//go:linkname eachShortInfohash github.com/anacrolix/torrent.(*Torrent).eachShortInfohash
func eachShortInfohash(t *torrent.Torrent, each func([20]byte))

//go:linkname setInfoBytes github.com/anacrolix/torrent.(*Torrent).setInfoBytesLocked
func setInfoBytes(t *torrent.Torrent, info []byte, layers map[string]string) error

//go:linkname addPieceLayers github.com/anacrolix/torrent.(*Torrent).addPieceLayersLocked
func addPieceLayers(t *torrent.Torrent, layers map[string]string) []error

// purePriority is how much a piece is wanted, whether it can be asked for or not.
//
//go:linkname purePriority github.com/anacrolix/torrent.Piece.purePriority
func purePriority(torrent.Piece) torrent.PiecePriority

// upkeep finds unexported fields.
type upkeep struct {
	byShortHash   uintptr // offset in torrent.Client
	pending       uintptr // offset in torrent.Torrent, as are the next two
	infoBytes     uintptr // what peers have told of the info dictionary
	infoPartsHere uintptr // which parts of it, of 16 KiB
}

func newUpkeep() (upkeep, error) {
	c, ok := reflect.TypeFor[torrent.Client]().FieldByName("torrentsByShortHash")
	if !ok || c.Type != reflect.TypeFor[map[infohash.T]*torrent.Torrent]() {
		return upkeep{}, fmt.Errorf("bittorrent: torrent.Client has no map torrentsByShortHash: this version of anacrolix/torrent is not supported")
	}
	p, ok := reflect.TypeFor[torrent.Torrent]().FieldByName("_pendingPieces")
	if !ok || p.Type != reflect.TypeFor[typedroaring.Bitmap[int]]() {
		return upkeep{}, fmt.Errorf("bittorrent: torrent.Torrent has no field _pendingPieces: this version of anacrolix/torrent is not supported")
	}
	b, ok := reflect.TypeFor[torrent.Torrent]().FieldByName("metadataBytes")
	if !ok || b.Type != reflect.TypeFor[[]byte]() {
		return upkeep{}, fmt.Errorf("bittorrent: torrent.Torrent has no field metadataBytes: this version of anacrolix/torrent is not supported")
	}
	h, ok := reflect.TypeFor[torrent.Torrent]().FieldByName("metadataCompletedChunks")
	if !ok || h.Type != reflect.TypeFor[[]bool]() {
		return upkeep{}, fmt.Errorf("bittorrent: torrent.Torrent has no field metadataCompletedChunks: this version of anacrolix/torrent is not supported")
	}
	return upkeep{c.Offset, p.Offset, b.Offset, h.Offset}, nil
}

// torrents is the client's map of infohashes, those of v2 cut to 20 bytes. The client is locked.
func (u upkeep) torrents(cl *torrent.Client) map[infohash.T]*torrent.Torrent {
	return *(*map[infohash.T]*torrent.Torrent)(unsafe.Add(unsafe.Pointer(cl), u.byShortHash))
}

// pendWanted takes all pieces that nobody wants out of those that are pending. The client is locked.
func (u upkeep) pendWanted(t *torrent.Torrent) {
	pending := (*typedroaring.Bitmap[int])(unsafe.Add(unsafe.Pointer(t), u.pending))
	var idle []int
	pending.Iterate(func(i int) bool {
		if purePriority(t.Piece(i)) == torrent.PiecePriorityNone {
			idle = append(idle, i)
		}
		return true
	})
	for _, i := range idle {
		pending.Remove(i)
	}
}

// drop takes t out of the client.
func (r *registry) drop(t *torrent.Torrent) {
	var wg sync.WaitGroup
	clientLock(r.client)
	dropTorrent(r.client, t, &wg)
	delete(r.sets, t)
	byHash := r.hooks.torrents(r.client)
	for other := range r.sets {
		if isClosed(other.Closed()) {
			continue
		}
		eachShortInfohash(other, func(h [20]byte) {
			if byHash[h] == nil {
				byHash[h] = other
			}
		})
	}
	clientUnlock(r.client)
	wg.Wait()
}

// setInfo gives t its info dictionary, unless another Torrent of the same content has it.
func (r *registry) setInfo(t *torrent.Torrent, info []byte, layers map[string]string) error {
	clientLock(r.client)
	defer clientUnlock(r.client)
	switch {
	case t.Info() != nil:
		r.hooks.pendWanted(t)
		addPieceLayers(t, layers)
		return nil
	case r.sets[t] == nil || r.superfluous(t):
		return nil
	}
	return setInfoBytes(t, info, layers)
}

// superfluous reports whether another Torrent has t's infohash for one of its own, and knows what t still looks for. The client is
// locked.
func (r *registry) superfluous(t *torrent.Torrent) bool {
	if t.Info() != nil {
		return false
	}
	other := r.hooks.torrents(r.client)[t.InfoHash()]
	return other != nil && other != t
}

package bittorrent

import (
	"fmt"
	"reflect"
	"sync/atomic"
	"unsafe"

	"github.com/anacrolix/torrent"
	typedroaring "github.com/anacrolix/torrent/typed-roaring"
)

// This file is the whole of our reach into the unexported side of anacrolix/torrent, and why there is one.
//
// The library asks a peer for more only once everything it asked before has arrived, and asks for the blocks of a piece
// from the first to the last. A player that jumps into the middle of a 16 MiB piece over a 50 Mbit/s line would wait seconds
// for the block it needs, and every round of requests costs a round trip in which the line is idle. No option changes
// either. So the picker of this package decides which block is asked of whom and when, and the library does all that is
// left: connections, bookkeeping, hashing, banning. These functions are the ones that make and cancel a request, with the
// lock that guards them. go.mod pins the version they were read from (v1.62.0, peerconn.go and torrent.go); a version that
// lacks one of them does not link, and one that lacks the field fails newHooks.

//go:linkname clientLock github.com/anacrolix/torrent.(*Client).lock
func clientLock(*torrent.Client)

//go:linkname clientUnlock github.com/anacrolix/torrent.(*Client).unlock
func clientUnlock(*torrent.Client)

// wantReceiveChunk reports whether the block is missing and its piece is wanted: not complete, not being hashed. The
// client is locked.
//
//go:linkname wantReceiveChunk github.com/anacrolix/torrent.(*Torrent).wantReceiveChunk
func wantReceiveChunk(*torrent.Torrent, torrent.RequestIndex) bool

// requestingPeer returns the connection that the block is requested from, or nil. The client is locked.
//
//go:linkname requestingPeer github.com/anacrolix/torrent.(*Torrent).requestingPeer
func requestingPeer(*torrent.Torrent, torrent.RequestIndex) *torrent.PeerConn

// cancelRequest takes back the request for the block, if there is one. The client is locked.
//
//go:linkname cancelRequest github.com/anacrolix/torrent.(*Torrent).cancelRequest
func cancelRequest(*torrent.Torrent, torrent.RequestIndex) *torrent.PeerConn

// peerHasPiece reports whether the peer is known to have the piece. The client is locked.
//
//go:linkname peerHasPiece github.com/anacrolix/torrent.(*Peer).peerHasPiece
func peerHasPiece(p *torrent.Peer, piece int) bool

// shouldRequest returns why the block cannot be asked of the connection, if so. It panics for a connection that chokes us,
// and for a block that wantReceiveChunk refuses. The client is locked.
//
//go:linkname shouldRequest github.com/anacrolix/torrent.(*PeerConn).shouldRequest
func shouldRequest(*torrent.PeerConn, torrent.RequestIndex) error

// requestBlock sends a request. shouldRequest has been asked before. It fails when more requests are outstanding than the
// library's own limit, see hooks.openPipeline. The client is locked.
//
//go:linkname requestBlock github.com/anacrolix/torrent.(*PeerConn).request
func requestBlock(*torrent.PeerConn, torrent.RequestIndex) (more bool, err error)

// pendAllBlocks has the library forget which blocks of the piece it has. The client is locked.
//
//go:linkname pendAllBlocks github.com/anacrolix/torrent.(*Torrent).pendAllChunkSpecs
func pendAllBlocks(t *torrent.Torrent, piece int)

// tickleWriter has the connection look for something to write. The hashes that are missing of a v2 torrent it asks for only then,
// and nothing else is to be written while those are waited for. The client is locked.
//
//go:linkname tickleWriter github.com/anacrolix/torrent.(*PeerConn).tickleWriter
func tickleWriter(*torrent.PeerConn)

// selfChecks is the counter by which the library chooses ever more rarely to check its own books, and to panic when two of them
// disagree. They do for a while in a sound program: pieces of a v2 torrent count as pending as long as their hash is not known,
// and nobody takes them out when it comes (Piece.setV2Hash in v1.62.0). The end of the program is too high a price for that.
//
//go:linkname selfChecks github.com/anacrolix/torrent/internal/amortize.global
var selfChecks struct {
	calls atomic.Int64
	shift atomic.Int32 // the next check is due after 1<<shift calls
}

// stopSelfChecks makes the next check due after 2^62 calls.
func stopSelfChecks() { selfChecks.shift.Store(62) }

// hooks knows the unexported fields we need.
type hooks struct {
	peakRequests uintptr // offset in torrent.Peer
	stats        uintptr // offset in torrent.Peer
	sentHaves    uintptr // offset in torrent.PeerConn
	halfOpen     uintptr // offset in torrent.Torrent
	halfOpenType reflect.Type
	v2           uintptr // offset in torrent.PeerConn
	upkeep
}

func newHooks() (hooks, error) {
	f, ok := reflect.TypeFor[torrent.Peer]().FieldByName("peakRequests")
	if !ok || f.Type.Kind() != reflect.Int {
		return hooks{}, fmt.Errorf("bittorrent: torrent.Peer has no field peakRequests of type int: this version of anacrolix/torrent is not supported")
	}
	s, ok := reflect.TypeFor[torrent.Peer]().FieldByName("_stats")
	if !ok || s.Type != reflect.TypeFor[torrent.ConnStats]() {
		return hooks{}, fmt.Errorf("bittorrent: torrent.Peer has no field _stats: this version of anacrolix/torrent is not supported")
	}
	h, ok := reflect.TypeFor[torrent.PeerConn]().FieldByName("sentHaves")
	if !ok || h.Type != reflect.TypeFor[typedroaring.Bitmap[int]]() {
		return hooks{}, fmt.Errorf("bittorrent: torrent.PeerConn has no field sentHaves: this version of anacrolix/torrent is not supported")
	}
	o, ok := reflect.TypeFor[torrent.Torrent]().FieldByName("halfOpen")
	if !ok || o.Type.Kind() != reflect.Map || o.Type.Key().Kind() != reflect.String {
		return hooks{}, fmt.Errorf("bittorrent: torrent.Torrent has no map halfOpen: this version of anacrolix/torrent is not supported")
	}
	v, ok := reflect.TypeFor[torrent.PeerConn]().FieldByName("v2")
	if !ok || v.Type.Kind() != reflect.Bool {
		return hooks{}, fmt.Errorf("bittorrent: torrent.PeerConn has no field v2 of type bool: this version of anacrolix/torrent is not supported")
	}
	u, err := newUpkeep()
	if err != nil {
		return hooks{}, err
	}
	stopSelfChecks()
	return hooks{f.Offset, s.Offset, h.Offset, o.Offset, o.Type, v.Offset, u}, nil
}

// askHashes has pc ask for the hashes of pieces that are missing. The torrent is of version 2 alone, so that the handshake was of its
// v2 infohash; the library does not know that of a connection that is older than the info dictionary, when the torrent was
// known by the first 20 bytes of it. The client is locked.
func (h hooks) askHashes(pc *torrent.PeerConn) {
	*(*bool)(unsafe.Add(unsafe.Pointer(pc), h.v2)) = true
	tickleWriter(pc)
}

// isDialling reports whether t waits for an answer from addr. The client is locked.
func (h hooks) isDialling(t *torrent.Torrent, addr string) bool {
	m := reflect.NewAt(h.halfOpenType, unsafe.Add(unsafe.Pointer(t), h.halfOpen)).Elem()
	return m.MapIndex(reflect.ValueOf(addr)).IsValid()
}

// hidePiece keeps the library from telling pc that we have the piece. The client is locked.
func (h hooks) hidePiece(pc *torrent.PeerConn, piece int) {
	(*typedroaring.Bitmap[int])(unsafe.Add(unsafe.Pointer(pc), h.sentHaves)).Add(piece)
}

// written is how many bytes pc has taken. Its own Stats wants the client's lock.
func (h hooks) written(pc *torrent.PeerConn) int64 {
	return (*torrent.ConnStats)(unsafe.Add(unsafe.Pointer(&pc.Peer), h.stats)).BytesWritten.Int64()
}

// openPipeline allows up to n outstanding requests on pc. The client is locked.
func (h hooks) openPipeline(pc *torrent.PeerConn, n int) {
	pc.PeerMaxRequests = n
	h.setPeak(pc, n)
}

// closePipeline leaves the library's own choice of blocks one request at a time, and that only while none is outstanding.
// The client is locked.
func (h hooks) closePipeline(pc *torrent.PeerConn) { h.setPeak(pc, 0) }

func (h hooks) setPeak(pc *torrent.PeerConn, n int) {
	*(*int)(unsafe.Add(unsafe.Pointer(&pc.Peer), h.peakRequests)) = n
}

package bittorrent

import (
	_ "unsafe"

	"github.com/anacrolix/torrent"
)

//go:linkname clientLock github.com/anacrolix/torrent.(*Client).lock
func clientLock(*torrent.Client)

//go:linkname clientUnlock github.com/anacrolix/torrent.(*Client).unlock
func clientUnlock(*torrent.Client)

//go:linkname requestingPeer github.com/anacrolix/torrent.(*Torrent).requestingPeer
func requestingPeer(*torrent.Torrent, torrent.RequestIndex) *torrent.PeerConn

//go:linkname wantReceiveChunk github.com/anacrolix/torrent.(*Torrent).wantReceiveChunk
func wantReceiveChunk(*torrent.Torrent, torrent.RequestIndex) bool

//go:linkname cancelRequest github.com/anacrolix/torrent.(*Torrent).cancelRequest
func cancelRequest(*torrent.Torrent, torrent.RequestIndex) *torrent.PeerConn

//go:linkname shouldRequest github.com/anacrolix/torrent.(*PeerConn).shouldRequest
func shouldRequest(*torrent.PeerConn, torrent.RequestIndex) error

//go:linkname request github.com/anacrolix/torrent.(*PeerConn).request
func request(*torrent.PeerConn, torrent.RequestIndex) (bool, error)

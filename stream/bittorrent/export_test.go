package bittorrent

import (
	"time"

	"github.com/anacrolix/torrent/metainfo"
)

// What the tests of the outside look at.

const (
	MaxSwarms = maxSwarms
	MaxUnused = maxUnused
)

// Torrents is how many torrents are in the library's client.
func (b *Backend) Torrents() int { return len(b.client.Torrents()) }

// Knows reports whether the client takes peers for an infohash.
func (b *Backend) Knows(h metainfo.Hash) bool {
	_, ok := b.client.Torrent(h)
	return ok
}

// Tighten is what a reader without room does to all others.
func (b *Backend) Tighten() { b.pressure.tighten(time.Now()) }

// Port is where the client listens for peers.
func (b *Backend) Port() int { return b.client.LocalPort() }

package bittorrent

import (
	"crypto/sha1"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"unsafe"

	"github.com/anacrolix/torrent"
	"github.com/anacrolix/torrent/bencode"
	"github.com/anacrolix/torrent/metainfo"
	pp "github.com/anacrolix/torrent/peer_protocol"
	"github.com/anacrolix/torrent/types/infohash"

	"github.com/zeronetscript/universal_p2p/stream"
)

// What peers may tell of a torrent. The library's work on an info dictionary grows with the number of its files times that of
// its pieces, under its lock, and it needs a hundred bytes a piece. An uploaded .torrent may be larger.
const (
	maxMetadata   = 2 << 20          // bytes of the info dictionary
	maxToldPieces = maxMetadata / 20 // v1 names no more in as many bytes, but v2 does in a hundred
)

// screen runs before the library acts on a message, and reports whether it had better not. The client is locked.
func (r *registry) screen(pc *torrent.PeerConn, m *pp.Message) (ignore bool) {
	t, p := pc.Torrent(), r.find(&pc.Peer)
	switch m.Type {
	case pp.Extended:
		return r.superfluous(t) || r.harmful(pc, m) || r.overcharges(p, m)
	case pp.Request, pp.Cancel, pp.HashRequest:
		return r.overcharges(p, m)
	case pp.Bitfield, pp.HaveAll, pp.HaveNone, pp.Port:
		return p.repeats(m.Type)
	case pp.Hashes:
		r.hooks.pendWanted(t)
	}
	return false
}

const (
	// maxAnswers bounds the answers to a peer that it has not taken, in bytes: the library keeps them all. There is room for the
	// largest info dictionary, of which some ask for all parts at once.
	maxAnswers = 2 * maxMetadata

	// maxRepeats is how often a peer may say what is said once, at the beginning. Each time is work in proportion to the pieces, or a
	// goroutine.
	maxRepeats = 8
)

// overcharges reports whether p would have us write more than it takes, if m were answered.
func (r *registry) overcharges(p *peer, m *pp.Message) bool {
	if p == nil {
		return false
	}
	written := r.hooks.written(p.conn)
	p.answers, p.written = max(0, p.answers-(written-p.written)), written
	n := answerSize(p.conn, m)
	if p.answers+n > maxAnswers {
		return true
	}
	p.answers += n
	return false
}

// answerSize is how many bytes the answer to m has, at most.
func answerSize(pc *torrent.PeerConn, m *pp.Message) int64 {
	const part = 16 << 10 // of the info dictionary
	switch m.Type {
	case pp.HashRequest:
		return 64 + sha256.Size*(int64(m.Length)+int64(m.ProofLayers))
	case pp.Extended:
		if name, _, _ := pc.LocalLtepProtocolMap.LookupId(m.ExtendedID); name == pp.ExtensionNameMetadata && pc.Torrent().Info() != nil {
			return part + 64
		}
	}
	return 64
}

// repeats reports whether p has said a thing too often.
func (p *peer) repeats(what pp.MessageType) bool {
	if p == nil {
		return false
	}
	if p.said == nil {
		p.said = make(map[pp.MessageType]int)
	}
	p.said[what]++
	return p.said[what] > maxRepeats
}

// harmful reports whether m completes an info dictionary that is the torrent's own and more than the library can do with. It ends
// the torrent then: no peer has another. The client is locked.
func (r *registry) harmful(pc *torrent.PeerConn, m *pp.Message) bool {
	t := pc.Torrent()
	s := r.sets[t]
	name, _, err := pc.LocalLtepProtocolMap.LookupId(m.ExtendedID)
	if err != nil || name != pp.ExtensionNameMetadata || t.Info() != nil || s == nil || s.fail == nil {
		return false
	}
	told := r.hooks.completeInfo(t, m.ExtendedPayload)
	if told == nil || !isInfoOf(t, told) {
		return false
	}
	if err = fitsPeers(told); err == nil {
		return false
	}
	s.fail(fmt.Errorf("%w: %w", stream.ErrBadMetainfo, err))
	return true
}

// completeInfo returns the info dictionary that peers have told, if payload is the part of it that was missing (BEP 9), or nil. It
// is not verified. The client is locked.
func (u upkeep) completeInfo(t *torrent.Torrent, payload []byte) []byte {
	var part pp.ExtendedMetadataRequestMsg
	err := bencode.Unmarshal(payload, &part)
	if _, data := err.(bencode.ErrUnusedTrailingBytes); err != nil && !data || part.Type != pp.DataMetadataExtensionMsgType {
		return nil
	}
	here := *(*[]bool)(unsafe.Add(unsafe.Pointer(t), u.infoPartsHere))
	from := len(payload) - part.PieceSize()
	if part.Piece < 0 || part.Piece >= len(here) || from < 0 || from > len(payload) {
		return nil
	}
	for i, ok := range here {
		if !ok && i != part.Piece {
			return nil
		}
	}
	info := slices.Clone(*(*[]byte)(unsafe.Add(unsafe.Pointer(t), u.infoBytes)))
	copy(info[part.Piece<<14:], payload[from:])
	return info
}

// isInfoOf reports whether info has an infohash of t. The client is locked.
func isInfoOf(t *torrent.Torrent, info []byte) (is bool) {
	v1, v2 := sha1.Sum(info), sha256.Sum256(info)
	eachShortInfohash(t, func(h [infohash.Size]byte) {
		is = is || h == v1 || h == [infohash.Size]byte(v2[:])
	})
	return is
}

// fitsPeers returns why an info dictionary is not taken from peers, if so.
func fitsPeers(infoBytes []byte) error {
	var info metainfo.Info
	if err := bencode.Unmarshal(infoBytes, &info); err != nil {
		return err
	}
	l, err := newLayout(&info)
	if err == nil && l.pieces > maxToldPieces {
		err = errors.New("bittorrent: it has more pieces than are taken from peers; a .torrent may have them")
	}
	return err
}

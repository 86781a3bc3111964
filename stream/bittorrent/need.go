package bittorrent

import (
	"time"

	"github.com/zeronetscript/universal_p2p/stream/store"
)

// How far ahead of a reader is fetched, in bytes.
const (
	minAhead = 256 << 10 // of a reader that has said nothing and read nothing
	maxAhead = 32 << 20
	lowAhead = 4 << 20 // the limit while the speed of the swarm is unknown

	maxAheadPieces = 256 // tiny pieces cost work each

	aheadTime = 8 * time.Second // of the swarm's speed

	// frontDelay is how many bytes ahead of an early reader come before the part of its piece that lies behind it. That part is
	// needed to verify the piece, not to play.
	frontDelay = 4 << 20

	glowTime = 15 * time.Second

	// hurryBytes is how far ahead of a waiting reader a late block is asked of somebody else.
	hurryBytes = 512 << 10
)

// A need is what one reader wants of a swarm. The swarm's mutex guards it.
type need struct {
	file  *file
	early bool
	pos   int64 // torrent offset of the next byte it wants
	end   int64 // torrent offset behind the last byte it said it will want
	said  bool  // it said so, and means that nothing else is fetched ahead of time
	run   int64 // bytes read up to pos without a jump, those of readers before it included

	blocked bool // its Read waits for the byte at pos
	wake    chan struct{}

	served map[int]struct{} // pieces it passed on bytes of before they were verified
	err    error            // the next Read fails with it

	hold *store.Hold // keeps its window in the store; used by the picker only
}

// notify wakes the Read that waits, if any.
func (n *need) notify() {
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// fail has the next Read return err, and that which waits. The first error stays.
func (n *need) fail(err error) {
	if n.err == nil {
		n.err = err
	}
	n.notify()
}

// A view is a need as the picker sees it in one round.
type view struct {
	need     *need // nil for a glow, and for what is owed
	from, to int64 // torrent offsets
	early    bool
	blocked  bool
	owed     bool // a piece that somebody got bytes of before it was verified
}

// reaches reports whether piece i is one of those that v's window touches.
func (v view) reaches(l layout, i int) bool {
	first, _ := l.piece(v.from)
	last, _ := l.piece(v.to - 1)
	return i >= first && i <= last
}

// window is what n wants fetched now, when limit bytes ahead are the most for any reader.
func (n *need) window(limit int64) view {
	ahead := n.end - n.pos
	if goesOn := n.pos > n.end || n.pos == n.end && n.blocked; !n.said || goesOn || n.run >= minAhead {
		ahead = max(ahead, n.run, minAhead)
	}
	return view{
		need:    n,
		from:    n.pos,
		to:      min(n.pos+min(ahead, limit), n.file.offset+n.file.size),
		early:   n.early,
		blocked: n.blocked,
	}
}

// A glow is what a closed reader leaves behind: media players ask for one range after the other, and what the next one will
// want is fetched on meanwhile, after all that readers want.
type glow struct {
	file  *file
	pos   int64
	run   int64
	early bool
	until time.Time
}

// follows reports whether a reader that starts at pos goes on where the glow's reader ended.
func (g glow) follows(pos int64) bool {
	const slack = 64 << 10
	return pos >= g.pos-slack && pos <= g.pos+min(g.run, maxAhead)
}

// aheadLimit is how many bytes ahead of each of n readers are fetched from a swarm that gives rate bytes a second, when the
// store takes quota bytes. Two pieces are always allowed, else a reader could not move.
func aheadLimit(rate float64, quota, pieceLength int64, n int) int64 {
	limit := max(lowAhead, min(int64(rate*aheadTime.Seconds()), maxAhead))
	limit = min(limit, quota/4/int64(max(n, 1)), maxAheadPieces*pieceLength)
	return max(limit, pieceLength)
}

// A span is a run of blocks [from, to).
type span struct{ from, to block }

// urgent lists the blocks of v in the order its reader needs them. A verified reader needs whole pieces. An early one needs the
// blocks ahead of it, and somewhat later those of its piece that lie behind it.
func (v view) urgent(l layout) []span {
	if v.to <= v.from || v.owed {
		return nil
	}
	p0, _ := l.piece(v.from)
	if !v.early {
		return []span{{l.first(p0), l.endOf(v.to)}}
	}
	at, last := l.block(v.from), l.block(v.to-1)+1
	near := last
	if v.to-v.from > frontDelay {
		near = l.block(v.from + frontDelay)
	}
	return []span{{at, near}, {l.first(p0), at}, {near, last}}
}

// rest lists the blocks of v that no reader has asked for, but without which its last piece cannot be verified and kept.
func (v view) rest(l layout) []span {
	if v.owed {
		return []span{{l.block(v.from), l.endOf(v.to)}}
	}
	if v.to <= v.from || !v.early {
		return nil
	}
	return []span{{l.block(v.to-1) + 1, l.endOf(v.to)}}
}

// endOf is the block behind the last of the piece that the byte before off is in.
func (l layout) endOf(off int64) block {
	i, _ := l.piece(off - 1)
	return l.first(i) + l.blocks(i)
}

// waitsFor reports whether the reader behind v cannot go on for long without b.
func (l layout) waitsFor(v view, b block) bool {
	at := l.block(v.from)
	if v.early {
		return b >= at && b < at+hurryBytes/blockSize
	}
	return l.pieceOf(b) == l.pieceOf(at)
}

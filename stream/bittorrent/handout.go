package bittorrent

import (
	"slices"
	"time"
)

// burst is how many blocks one reader gets before it is the next one's turn.
const burst = 16

// A handout is one pass of requests over the peers. The client is locked as long as it lasts.
type handout struct {
	*picker
	now   time.Time
	peers []*peer
	had   map[int]bool // whether anybody has the piece, as far as asked
}

// rank is which blocks of a view are handed out.
type rank int

const (
	urgent rank = iota // what the reader waits for, and then what it will read
	rest               // what its pieces need to be verified
)

// A cursor goes through the blocks of one view.
type cursor struct {
	view  view
	spans []span

	// The first span up to seen is here or asked for, as far as open is false; the picker remembers that until it forgets.
	first block
	seen  block
	open  bool
}

// serve hands out blocks of the views in turns and reports whether there is room left.
func (h *handout) serve(views []view, r rank) bool {
	var cursors []*cursor
	for _, v := range views {
		spans := v.urgent(h.s.layout)
		if r == rest {
			spans = v.rest(h.s.layout)
		}
		if len(spans) == 0 {
			continue
		}
		c := &cursor{view: v, spans: spans, first: spans[0].from}
		if r == urgent && v.need != nil {
			h.skipSeen(c)
			defer h.noteSeen(c)
		} else {
			c.open = true
		}
		cursors = append(cursors, c)
	}
	for len(cursors) > 0 {
		live := cursors[:0]
		for _, c := range cursors {
			if !h.turn(c) {
				return false
			}
			if len(c.spans) > 0 {
				live = append(live, c)
			}
		}
		cursors = live
	}
	return true
}

// turn hands out up to a burst of blocks of c and reports whether there is room left.
func (h *handout) turn(c *cursor) bool {
	for left := burst; left > 0 && len(c.spans) > 0; {
		s := &c.spans[0]
		if s.from >= s.to {
			c.spans = c.spans[1:]
			c.open = true
			continue
		}
		what, skip := h.ask(c.view, s.from)
		switch what {
		case sentNow:
			left--
		case nobody:
			if !h.room() {
				return false
			}
			c.open = true
		}
		s.from += skip
		if !c.open {
			c.seen = s.from
		}
	}
	return true
}

// skipSeen starts c behind the blocks that need no second look.
func (h *handout) skipSeen(c *cursor) {
	s := &c.spans[0]
	c.seen = s.from
	if seen, ok := h.seen[c.view.need]; ok && seen.from <= s.from && s.from < seen.to {
		c.first, c.seen = seen.from, seen.to
		s.from = min(seen.to, s.to)
	}
}

func (h *handout) noteSeen(c *cursor) { h.seen[c.view.need] = span{c.first, c.seen} }

func (h *handout) room() bool {
	for _, q := range h.peers {
		if q.room() > 0 {
			return true
		}
	}
	return false
}

// answer is what became of a block.
type answer int

const (
	settled answer = iota // here, asked for, or not wanted
	sentNow
	nobody // it is wanted, and nobody who has it has room
)

// ask sends a request for b if it is missing and somebody has room for it. skip is how many blocks to go on.
func (h *handout) ask(v view, b block) (what answer, skip block) {
	l := h.s.layout
	piece := l.pieceOf(b)
	in := b - l.first(piece)
	if _, ok := h.wanted[piece]; !ok || in >= l.blocks(piece) {
		return settled, l.bpp - in
	}
	if h.done.has(b) {
		return settled, 1
	}
	if holder := requestingPeer(h.t, b); holder != nil {
		return h.hurry(v, b, piece, h.set.peers[&holder.Peer]), 1
	}
	if !wantReceiveChunk(h.t, b) {
		h.done.add(b)
		return settled, 1
	}
	// Once for each peer: one that cannot be asked is not chosen again.
	for range h.peers {
		q := h.choose(piece, b)
		if q == nil {
			break
		}
		if h.send(q, b) {
			return sentNow, 1
		}
	}
	if !h.anybodyHas(piece) {
		return nobody, l.bpp - in
	}
	return nobody, 1
}

// anybodyHas reports whether one of the peers has the piece.
func (h *handout) anybodyHas(piece int) bool {
	has, ok := h.had[piece]
	if !ok {
		has = slices.ContainsFunc(h.peers, func(q *peer) bool { return peerHasPiece(&q.conn.Peer, piece) })
		h.had[piece] = has
	}
	return has
}

// choose is the peer to ask for b, nil when nobody has room. A piece that has failed its hash comes from one peer alone, so
// that if it fails again, it is known who sent what was wrong.
func (h *handout) choose(piece int, b block) *peer {
	alone, onParole := h.parole[piece]
	if !onParole {
		return h.best(piece, b, nil)
	}
	if alone == nil || h.set.peers[&alone.conn.Peer] != alone || alone.benched(h.now) || alone.choked && !alone.fast[piece] {
		alone = h.best(piece, b, alone)
		h.parole[piece] = alone
		return alone
	}
	if _, refused := alone.refused[b]; refused || alone.room() <= 0 {
		return nil
	}
	return alone
}

// hurry asks somebody else for a block that is late, where q is the peer that owes it.
func (h *handout) hurry(v view, b block, piece int, q *peer) answer {
	if q == nil {
		return settled
	}
	s, ok := q.inflight[b]
	if _, onParole := h.parole[piece]; !ok || onParole && !q.benched(h.now) {
		return settled
	}
	late := q.benched(h.now)
	if !late && v.blocked && h.s.layout.waitsFor(v, b) {
		late = h.now.Sub(s.at) > 2*q.pace.wait(s.queued)+150*time.Millisecond
	}
	if !late {
		return settled
	}
	other := h.best(piece, b, q)
	if other == nil || other.benched(h.now) || !wantReceiveChunk(h.t, b) {
		return settled
	}
	cancelRequest(h.t, b)
	if h.send(other, b) {
		return sentNow
	}
	return nobody
}

// best is the peer that would send b first, other than not. It is nil when nobody has room. A benched peer is taken only if
// there is no other.
func (h *handout) best(piece int, b block, not *peer) *peer {
	var best *peer
	var soonest time.Duration
	for _, q := range h.peers {
		if q == not || q.room() <= 0 || (q.choked && !q.fast[piece]) || !peerHasPiece(&q.conn.Peer, piece) {
			continue
		}
		if _, refused := q.refused[b]; refused {
			continue
		}
		wait := q.pace.wait(len(q.inflight))
		if q.benched(h.now) {
			wait += time.Hour
		}
		if best == nil || wait < soonest {
			best, soonest = q, wait
		}
	}
	return best
}

// send asks q for b and reports whether that went. It does not while q owes us the answer to a cancel (BEP 6), which some
// clients never give: then the only way to get b from it is a new connection.
func (h *handout) send(q *peer, b block) bool {
	if shouldRequest(q.conn, b) == nil {
		if _, err := requestBlock(q.conn, b); err == nil {
			delete(q.mute, b)
			return true
		}
	}
	q.refuse(b, h.now.Add(tick-refusedTime)) // for this round and a little longer
	if q.mute == nil {
		q.mute = make(map[block]time.Time)
	}
	if since, ok := q.mute[b]; !ok {
		q.mute[b] = h.now
	} else if h.now.Sub(since) > healTime {
		q.deaf = true
	}
	return false
}

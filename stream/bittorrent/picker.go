package bittorrent

import (
	"context"
	"time"

	"github.com/anacrolix/torrent"
)

const (
	// tick is how often the picker looks at stalled peers while a reader wants something. Everything else wakes it.
	tick = 100 * time.Millisecond

	burst       = 16              // blocks one reader gets before it is the next one's turn
	refusedTime = 5 * time.Second // how long a peer is not asked again for a block it rejected
	healTime    = 5 * time.Second // without any byte for a waiting reader, before everything is asked anew
	redialTime  = 2 * time.Second // between two tries to reach known peers again
	spaceTime   = 3 * time.Second // a reader waits for disk space before it fails
	doneTime    = 1 * time.Second // how long a block is remembered as not to be asked for
	probeTime   = 2 * time.Second // between two requests to a stalled peer
)

// A picker decides which block is asked of which peer. It is one goroutine for each torrent, and rests while nobody wants
// anything.
type picker struct {
	s      *swarm
	hooks  hooks
	client *torrent.Client
	t      *torrent.Torrent
	set    *peerSet

	wanted   map[int]bool // pieces we told the library to want; true: there is room for it in the store
	done     bitset       // blocks not to be asked for: here already or being hashed
	doneAt   time.Time    // when done was last cleared
	rate     meter
	healAt   time.Time
	healed   int64 // set.bytes at healAt
	redialAt time.Time
}

func newPicker(s *swarm, h hooks, client *torrent.Client) *picker {
	return &picker{s: s, hooks: h, client: client, t: s.t, set: s.set, wanted: make(map[int]bool)}
}

// run works until ctx is done.
func (p *picker) run(ctx context.Context) {
	timer := time.NewTimer(tick)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			p.s.releaseHolds()
			return
		case <-p.set.wake:
		case <-timer.C:
		}
		if p.round(time.Now()) {
			timer.Reset(tick)
		} else {
			timer.Stop() // only a reader or a peer can wake it now
		}
	}
}

// round looks at what is wanted and asks for it. It reports whether anybody wants anything.
func (p *picker) round(now time.Time) bool {
	needs, glows := p.s.views(now, p.rate.bytesPerSecond)
	if len(needs)+len(glows) == 0 && len(p.wanted) == 0 {
		return false
	}
	p.forgetDone(now)
	moved := p.want(needs, glows, now)
	clientLock(p.client)
	if moved {
		p.cancelUnwanted()
	}
	p.request(now, needs, glows)
	bytes, peers := p.set.bytes, len(p.set.peers)
	clientUnlock(p.client)
	p.rate.sample(now, bytes)
	p.heal(needs, now, bytes, peers)
	return len(needs)+len(glows) != 0
}

// forgetDone drops what is remembered of blocks now and then, and of pieces whose hash was wrong at once.
func (p *picker) forgetDone(now time.Time) {
	if len(p.s.takeWrong()) > 0 || now.Sub(p.doneAt) > doneTime {
		p.done.clear()
		p.doneAt = now
	}
}

// want tells the store and the library which pieces are in a window. It reports whether a piece has left all of them.
func (p *picker) want(needs, glows []view, now time.Time) (moved bool) {
	inWindow := make(map[int]bool, len(p.wanted)+1)
	for _, vs := range [][]view{needs, glows} {
		for _, v := range vs {
			p.wantView(v, inWindow, now)
		}
	}
	for i := range p.wanted {
		if !inWindow[i] {
			p.t.CancelPieces(i, i+1)
			delete(p.wanted, i)
			moved = moved || !p.s.obj.Has(i)
		}
	}
	return moved
}

func (p *picker) wantView(v view, inWindow map[int]bool, now time.Time) {
	if v.to <= v.from {
		return
	}
	l := p.s.layout
	i, _ := l.piece(v.from)
	last, _ := l.piece(v.to - 1)
	p.s.hold(v.need, i, last+1)
	for ; i <= last; i++ {
		if inWindow[i] || p.s.obj.Has(i) {
			continue
		}
		inWindow[i] = true
		if p.wanted[i] {
			continue
		}
		if err := p.s.obj.Reserve(i); err != nil {
			p.s.noSpace(v, now, err)
			delete(inWindow, i)
			return // what comes behind it is less urgent
		}
		// The library may believe that it has a piece that was recycled since.
		p.t.Piece(i).UpdateCompletion()
		p.t.DownloadPieces(i, i+1)
		p.wanted[i] = true
	}
}

// heal gets a reader going again that waits without any byte coming in, and dials known peers while there are none.
func (p *picker) heal(needs []view, now time.Time, bytes int64, peers int) {
	waiting := false
	for _, v := range needs {
		waiting = waiting || v.blocked
	}
	if !waiting || bytes != p.healed {
		p.healAt, p.healed = now, bytes
	}
	if waiting && peers == 0 && now.Sub(p.redialAt) > redialTime {
		p.redialAt = now
		p.s.redial()
	}
	if now.Sub(p.healAt) < healTime {
		return
	}
	p.healAt = now
	p.s.log.Debug("no byte for a waiting reader: asking anew", "root", p.s.id, "peers", peers)
	for i := range p.wanted {
		p.t.CancelPieces(i, i+1)
		delete(p.wanted, i)
	}
	p.done.clear()
	clientLock(p.client)
	for _, q := range p.set.peers {
		clear(q.refused)
	}
	clientUnlock(p.client)
	p.s.redial()
	p.set.signal()
}

// cancelUnwanted takes back requests for pieces that nobody wants any more. The client is locked.
func (p *picker) cancelUnwanted() {
	for _, q := range p.set.peers {
		for b := range q.inflight {
			if !p.wanted[p.s.layout.pieceOf(b)] && requestingPeer(p.t, b) == q.conn {
				cancelRequest(p.t, b)
			}
		}
	}
}

// request fills the room of all peers with blocks, the most urgent first. The client is locked.
func (p *picker) request(now time.Time, needs, glows []view) {
	peers := p.usable(now)
	if len(peers) == 0 {
		return
	}
	for _, q := range peers {
		p.hooks.openPipeline(q.conn, q.window())
	}
	defer func() {
		for _, q := range peers {
			p.hooks.closePipeline(q.conn)
		}
	}()
	h := handout{picker: p, now: now, peers: peers}
	urgent := func(v view) []span { s, _ := v.spans(p.s.layout); return s }
	rest := func(v view) []span { _, s := v.spans(p.s.layout); return s }
	_ = h.serve(needs, urgent) && h.serve(glows, urgent) && h.serve(needs, rest) && h.serve(glows, rest)
}

// usable lists the peers that can be asked for something.
func (p *picker) usable(now time.Time) []*peer {
	var usable []*peer
	for _, q := range p.set.peers {
		for b, at := range q.refused {
			if now.Sub(at) > refusedTime {
				delete(q.refused, b)
			}
		}
		if !q.choked || len(q.fast) > 0 {
			q.review(now)
			usable = append(usable, q)
		}
	}
	return usable
}

// A handout is one pass of requests over the peers.
type handout struct {
	*picker
	now   time.Time
	peers []*peer
}

// serve hands out blocks of the views in turns and reports whether there is room left.
func (h *handout) serve(views []view, spansOf func(view) []span) bool {
	type cursor struct {
		view  view
		spans []span
	}
	var cursors []*cursor
	for _, v := range views {
		if s := spansOf(v); len(s) > 0 {
			cursors = append(cursors, &cursor{v, s})
		}
	}
	for len(cursors) > 0 {
		live := cursors[:0]
		for _, c := range cursors {
			for left := burst; left > 0 && len(c.spans) > 0; {
				if c.spans[0].from >= c.spans[0].to {
					c.spans = c.spans[1:]
					continue
				}
				b := c.spans[0].from
				asked, skip := h.ask(c.view, b)
				c.spans[0].from = b + skip
				if asked {
					left--
				}
			}
			if len(c.spans) > 0 {
				live = append(live, c)
			}
			if !h.room() {
				return false
			}
		}
		cursors = live
	}
	return true
}

func (h *handout) room() bool {
	for _, q := range h.peers {
		if q.room() > 0 {
			return true
		}
	}
	return false
}

// ask sends a request for b if it is missing and somebody has room for it. skip is how many blocks to go on.
func (h *handout) ask(v view, b block) (asked bool, skip block) {
	l := h.s.layout
	piece := l.pieceOf(b)
	if in := b - l.first(piece); !h.wanted[piece] || in >= l.blocks(piece) {
		return false, l.bpp - in
	}
	if h.done.has(b) {
		return false, 1
	}
	if holder := requestingPeer(h.t, b); holder != nil {
		return h.hurry(v, b, piece, h.set.peers[&holder.Peer]), 1
	}
	if !wantReceiveChunk(h.t, b) {
		h.done.add(b)
		return false, 1
	}
	return h.send(h.best(piece, b, nil), b), 1
}

// hurry asks somebody else for a block that is late, where q is the peer that owes it.
func (h *handout) hurry(v view, b block, piece int, q *peer) bool {
	if q == nil {
		return false
	}
	s, ok := q.inflight[b]
	if !ok {
		return false
	}
	late := q.benched(h.now)
	if !late && v.blocked && h.s.layout.waitsFor(v, b) {
		late = h.now.Sub(s.at) > 2*q.pace.wait(s.queued)+150*time.Millisecond
	}
	if !late {
		return false
	}
	other := h.best(piece, b, q)
	if other == nil || other.benched(h.now) || !wantReceiveChunk(h.t, b) {
		return false
	}
	cancelRequest(h.t, b)
	return h.send(other, b)
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

func (h *handout) send(q *peer, b block) bool {
	if q == nil || shouldRequest(q.conn, b) != nil {
		return false
	}
	_, err := requestBlock(q.conn, b)
	return err == nil
}

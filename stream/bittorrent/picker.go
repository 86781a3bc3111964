package bittorrent

import (
	"context"
	"time"

	"github.com/anacrolix/torrent"
)

const (
	// tick is how often the picker looks at stalled peers while a reader wants something. Everything else wakes it.
	tick = 100 * time.Millisecond

	refusedTime = 5 * time.Second        // how long a peer is not asked again for a block it rejected
	healTime    = 3 * time.Second        // without any byte for a waiting reader, before everything is asked anew
	silentTime  = 6 * time.Second        // and before a connection that should give something is given up
	redialTime  = 500 * time.Millisecond // between two tries to reach known peers again
	spaceTime   = 3 * time.Second        // a reader waits for disk space before it fails
	fullTime    = 50 * time.Millisecond  // between two rounds that look at every block anew
)

// A picker decides which block is asked of which peer. It is one goroutine for each torrent, and rests while nobody wants
// anything.
type picker struct {
	s      *swarm
	hooks  hooks
	client *torrent.Client
	t      *torrent.Torrent
	set    *peerSet

	wanted   map[int]bool   // pieces we told the library to want, and the store has room for
	done     bitset         // blocks not to be asked for: here already or being hashed
	seen     map[*need]span // of the blocks a reader needs first: those that are here or asked for
	fullAt   time.Time      // when done and seen were last forgotten
	parole   map[int]*peer  // pieces that failed their hash, and who alone is asked for them now; nil: not chosen yet
	rate     meter
	healAt   time.Time
	healed   int64 // set.bytes at healAt
	redialAt time.Time
}

func newPicker(s *swarm, h hooks, client *torrent.Client) *picker {
	return &picker{
		s: s, hooks: h, client: client, t: s.t, set: s.set,
		wanted: make(map[int]bool), seen: make(map[*need]span), parole: make(map[int]*peer),
	}
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
		clear(p.seen)
		return false
	}
	p.forget(now)
	p.tellGone()
	moved := p.want(needs, glows, now)
	clientLock(p.client)
	if moved {
		p.cancelUnwanted()
	}
	p.request(now, needs, glows)
	bytes, peers := p.set.bytes, len(p.set.peers)
	deaf := p.set.pick(func(q *peer) bool { return q.deaf })
	clientUnlock(p.client)
	p.rate.sample(now, bytes)
	p.reconnect(deaf)
	p.heal(needs, now, bytes, peers)
	return len(needs)+len(glows) != 0
}

// forget drops what earlier rounds found out about blocks, now and then. The rounds between, hundreds a second on a fast line,
// need only look at blocks they have not seen.
func (p *picker) forget(now time.Time) {
	wrong := p.s.takeWrong()
	for _, i := range wrong {
		p.parole[i] = nil
	}
	if len(wrong) > 0 || now.Sub(p.fullAt) > fullTime {
		p.done.clear()
		clear(p.seen)
		p.fullAt = now
	}
}

// tellGone has the library look at pieces that were recycled. It would tell new peers that it has them, and a client that
// believes it has everything is hung up on by seeders: libtorrent and Transmission close connections between two of their kind.
func (p *picker) tellGone() {
	for i := range p.s.takeGone() {
		if !p.s.obj.Has(i) {
			p.t.Piece(i).UpdateCompletion()
		}
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
			if p.s.obj.Has(i) {
				delete(p.parole, i)
			} else {
				moved = true
			}
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
	p.fullAt = time.Time{}
	clientLock(p.client)
	for _, q := range p.set.peers {
		clear(q.refused)
	}
	silent := p.set.pick(func(q *peer) bool { return q.silent(now, silentTime) })
	clientUnlock(p.client)
	p.reconnect(silent)
	p.s.redial()
	p.set.signal()
}

// reconnect ends connections that are of no use any more and dials their peers anew.
func (p *picker) reconnect(peers []*peer) {
	for _, q := range peers {
		p.s.log.Debug("ending a connection that is stuck", "root", p.s.id, "peer", q.conn.RemoteAddr)
		q.conn.Close()
		if addr := q.dialAddr(); addr != "" {
			p.s.addPeers([]string{addr})
		}
	}
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
		for b, since := range q.mute {
			if now.Sub(since) > 6*healTime {
				delete(q.mute, b) // it came from elsewhere
			}
		}
		// A peer is told of each piece as it comes, and cannot be told that one was recycled. If it heard of all, it would
		// take us for a seed: Transmission then chokes us, and remembers it for our address. So it never hears of the last.
		p.hooks.hidePiece(q.conn, p.s.layout.pieces-1)
		if !q.choked || len(q.fast) > 0 {
			q.review(now)
			usable = append(usable, q)
		}
	}
	return usable
}

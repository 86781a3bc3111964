package bittorrent

import (
	"context"
	"slices"
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

	wanted   map[int]bool        // pieces we told the library to want, begun in the store; true: for a reader or a glow
	lacking  map[int]bool        // pieces that are missing, and cannot be asked for now
	full     map[*need]time.Time // readers that find no room for the piece they stand at, since when
	done     bitset              // blocks not to be asked for: here already or being hashed
	seen     map[*need]span      // of the blocks a reader needs first: those that are here or asked for
	fullAt   time.Time           // when done and seen were last forgotten
	parole   map[int]*peer       // pieces that failed their hash, and who alone is asked for them now; nil: not chosen yet
	rate     meter
	healAt   time.Time
	healed   int64 // useful bytes at healAt
	waits    map[*need]wait
	redialAt time.Time
	layered  bool     // its hashes come from peers
	unhashed bool     // some that are wanted now have not come yet
	again    []string // addresses to dial once their connection has ended
	againAt  time.Time
}

func newPicker(s *swarm, h hooks, client *torrent.Client) *picker {
	return &picker{
		s: s, hooks: h, client: client, t: s.t, set: s.set,
		wanted: make(map[int]bool), seen: make(map[*need]span), parole: make(map[int]*peer),
		layered: s.t.Info().HasV2() && !s.t.Info().HasV1(),
		full:    make(map[*need]time.Time), waits: make(map[*need]wait),
	}
}

// run works until ctx is done.
func (p *picker) run(ctx context.Context) {
	p.s.b.pressure.enter(p.set)
	defer p.s.b.pressure.leave(p.set)
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

// round looks at what is wanted and asks for it. It reports whether there is anything to look at again in a moment. A reader that
// has all of its window wants nothing until it moves.
func (p *picker) round(now time.Time) bool {
	tight := p.s.b.pressure.tight(now)
	needs, glows, owed := p.s.views(now, p.rate.bytesPerSecond, tight)
	if len(needs)+len(glows)+len(owed)+len(p.wanted)+len(p.again) == 0 {
		clear(p.seen)
		clear(p.full)
		clear(p.waits)
		return false
	}
	p.forget(now)
	p.tellGone()
	p.unhashed = false
	left := p.want(needs, glows, owed, tight, now)
	clientLock(p.client)
	if p.unhashed {
		for _, q := range p.set.peers {
			p.hooks.askHashes(q.conn)
		}
	}
	if left {
		p.cancelUnwanted()
	}
	p.request(now, needs, glows, owed)
	useful, bytes, peers := p.set.bytes-p.set.waste, p.set.bytes, len(p.set.peers)
	deaf := p.set.pick(func(q *peer) bool { return q.deaf })
	clientUnlock(p.client)
	p.rate.sample(now, bytes)
	p.dialAgain(now)
	p.reconnect(deaf, now)
	p.heal(needs, now, useful, peers)
	blocked := slices.ContainsFunc(needs, func(v view) bool { return v.blocked })
	return blocked || tight || len(p.wanted)+len(p.lacking)+len(p.again) > 0
}

// forget drops what earlier rounds found out about blocks, now and then. The rounds between, hundreds a second on a fast line,
// need only look at blocks they have not seen.
func (p *picker) forget(now time.Time) {
	wrong, lost := p.s.takeVoid()
	for _, i := range wrong {
		p.parole[i] = nil
	}
	for _, i := range slices.Concat(wrong, lost) {
		delete(p.wanted, i) // it has to be begun anew
		p.look(i)
	}
	if now.Sub(p.fullAt) > fullTime {
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

// cancelUnwanted takes back requests for pieces that nobody wants any more. The client is locked.
func (p *picker) cancelUnwanted() {
	for _, q := range p.set.peers {
		for b := range q.inflight {
			if _, ok := p.wanted[p.s.layout.pieceOf(b)]; !ok && requestingPeer(p.t, b) == q.conn {
				cancelRequest(p.t, b)
			}
		}
	}
}

// request fills the room of all peers with blocks, the most urgent first. The client is locked.
func (p *picker) request(now time.Time, needs, glows, owed []view) {
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
	h := handout{picker: p, now: now, peers: peers, had: make(map[int]bool)}
	_ = h.serve(needs, urgent) && h.serve(glows, urgent) && h.serve(needs, rest) && h.serve(owed, rest) && h.serve(glows, rest)
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

package bittorrent

import (
	"slices"
	"time"
)

// A wait is how long a reader has stood at one place, and how many blocks its piece lacked then.
type wait struct {
	pos     int64
	missing block
	since   time.Time
}

// heal gets a reader going again that waits without anything useful coming in, and dials known peers while there are none.
func (p *picker) heal(needs []view, now time.Time, useful int64, peers int) {
	waiting, stuck := p.stuck(needs, now)
	if !waiting || useful != p.healed {
		p.healAt, p.healed = now, useful
	}
	if waiting && peers == 0 && now.Sub(p.redialAt) > redialTime {
		p.redialAt = now
		p.s.redial()
	}
	patience := healTime
	if len(p.lacking) > 0 && len(p.wanted) == 0 {
		patience = 2 * silentTime // nothing can be asked for: no room, or the hashes of a v2 torrent are still coming
	}
	if !stuck && now.Sub(p.healAt) < patience {
		return
	}
	p.healAt = now
	p.s.log.Debug("nothing useful for a waiting reader: asking anew", "root", p.s.id, "peers", peers, "stuck", stuck)
	for i := range p.wanted {
		p.unwant(i)
	}
	p.fullAt = time.Time{}
	clientLock(p.client)
	for _, q := range p.set.peers {
		clear(q.refused)
	}
	silent := p.set.pick(func(q *peer) bool { return q.silent(now, silentTime) || patience > healTime && len(q.inflight) == 0 })
	clientUnlock(p.client)
	p.reconnect(silent, now)
	p.s.redial()
	p.set.signal()
}

// stuck reports whether any reader waits, and whether one of them has stood at its place for long while its piece got no block:
// others may get all that comes.
func (p *picker) stuck(needs []view, now time.Time) (waiting, stuck bool) {
	blocked := make(map[*need]bool)
	for _, v := range needs {
		if !v.blocked {
			continue
		}
		waiting, blocked[v.need] = true, true
		w, ok := p.waits[v.need]
		switch {
		case !ok || w.pos != v.from:
			w = wait{v.from, 0, now}
		case now.Sub(w.since) > 2*healTime:
			i, _ := p.s.layout.piece(v.from)
			if n := p.missing(i); n == w.missing && n > 0 {
				stuck = true
			} else {
				w.missing = n
			}
			w.since = now
		}
		p.waits[v.need] = w
	}
	for n := range p.waits {
		if !blocked[n] {
			delete(p.waits, n)
		}
	}
	return waiting, stuck
}

// missing counts the blocks that can still be asked for of piece i.
func (p *picker) missing(i int) (n block) {
	clientLock(p.client)
	defer clientUnlock(p.client)
	first := p.s.layout.first(i)
	for b := first; b < first+p.s.layout.blocks(i); b++ {
		if wantReceiveChunk(p.t, b) {
			n++
		}
	}
	return n
}

// reconnect ends connections that are of no use any more. Their peers are dialled anew once the library has forgotten them: it
// ignores the address of a connection it has.
func (p *picker) reconnect(peers []*peer, now time.Time) {
	for _, q := range peers {
		p.s.log.Debug("ending a connection that is stuck", "root", p.s.id, "peer", q.conn.RemoteAddr)
		q.conn.Close()
		if addr := q.dialAddr(); addr != "" && !slices.Contains(p.again, addr) {
			p.again, p.againAt = append(p.again, addr), now
		}
	}
}

// dialAgain dials the peers of connections that were ended a moment ago.
func (p *picker) dialAgain(now time.Time) {
	if len(p.again) > 0 && now.Sub(p.againAt) >= tick {
		p.s.addPeers(p.again)
		p.again = nil
	}
}

// hashless reports whether nobody knows the hash of piece i yet: a v2 torrent that came without its piece layers asks the peers
// for them, and until then the piece cannot be asked for.
func (p *picker) hashless(i int) bool {
	if !p.layered || !p.t.PieceState(i).MissingPieceLayerHash {
		return false
	}
	p.unhashed = true
	return true
}

package bittorrent

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/anacrolix/torrent"
)

// tightTime is how long all readers keep to the piece they stand at, after there was no room for that of one of them.
const tightTime = 5 * time.Second

// A pressure is shared by the swarms of a backend: while one of their readers has no room for the piece it stands at, nothing is
// fetched ahead for the others.
type pressure struct {
	until atomic.Pointer[time.Time] // nil: never yet

	mu   sync.Mutex
	sets map[*peerSet]bool
}

func (p *pressure) enter(s *peerSet) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.sets == nil {
		p.sets = make(map[*peerSet]bool)
	}
	p.sets[s] = true
}

func (p *pressure) leave(s *peerSet) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.sets, s)
}

func (p *pressure) tight(now time.Time) bool {
	until := p.until.Load()
	return until != nil && now.Before(*until)
}

// tighten wakes all pickers.
func (p *pressure) tighten(now time.Time) {
	until := now.Add(tightTime)
	p.until.Store(&until)
	p.mu.Lock()
	defer p.mu.Unlock()
	for s := range p.sets {
		s.signal()
	}
}

// A wanting is what one round wants.
type wanting struct {
	*picker
	now     time.Time
	pieces  map[int]bool // true: by a reader or a glow, false: only since bytes of it are owed
	lacking map[int]bool // pieces that are missing, and cannot be asked for now
}

// want tells the store and the library which pieces are to be fetched. It reports whether one that is not here has left them.
func (p *picker) want(needs, glows, owed []view, tight bool, now time.Time) (left bool) {
	w := wanting{p, now, make(map[int]bool, len(p.wanted)+1), make(map[int]bool)}
	for _, v := range needs {
		if first, behind := p.pieces(v); first < behind {
			p.s.hold(v.need, first, behind)
		}
	}
	// First the piece that each reader stands at. Without that it cannot go on at all.
	for _, v := range needs {
		if first, behind := p.pieces(v); first < behind {
			w.stand(v.need, first)
		}
	}
	for _, vs := range [][]view{needs, glows, owed} {
		for _, v := range vs {
			w.ahead(v)
		}
	}
	p.lacking = w.lacking
	for i, urgent := range p.wanted {
		if urgentNow, ok := w.pieces[i]; ok {
			p.wanted[i] = urgentNow
			continue
		}
		switch {
		case p.s.obj.Has(i):
			delete(p.parole, i)
		case tight && urgent && !w.lacking[i]:
			p.giveUp(i)
			left = true
		default:
			left = true
		}
		p.unwant(i)
	}
	return left
}

// pieces is the pieces [first, behind) that v's window touches.
func (p *picker) pieces(v view) (first, behind int) {
	if v.to <= v.from {
		return 0, 0
	}
	first, _ = p.s.layout.piece(v.from)
	last, _ := p.s.layout.piece(v.to - 1)
	return first, last + 1
}

// stand wants the piece that the reader n stands at. If there is no room, the others have to make some.
func (w *wanting) stand(n *need, i int) {
	err := w.piece(i, true)
	if err == nil {
		delete(w.full, n)
		return
	}
	since, ok := w.full[n]
	if !ok {
		since = w.now
		w.full[n] = since
	}
	if w.now.Sub(since) > spaceTime {
		w.s.noSpace(n, err)
		delete(w.full, n)
		return
	}
	w.s.b.pressure.tighten(w.now)
}

// ahead wants all pieces of v, as far as there is room: what comes behind one that finds none is less urgent.
func (w *wanting) ahead(v view) {
	first, behind := w.picker.pieces(v)
	for i := first; i < behind; i++ {
		if w.piece(i, !v.owed) != nil {
			return
		}
	}
}

// piece wants piece i. The error is the store's, when it has no room.
func (w *wanting) piece(i int, urgent bool) error {
	if already, ok := w.pieces[i]; ok {
		w.pieces[i] = already || urgent
		return nil
	}
	if w.lacking[i] {
		return nil
	}
	if w.s.obj.Has(i) {
		if !urgent {
			w.s.settled(i)
		}
		return nil
	}
	if _, ok := w.wanted[i]; !ok {
		if w.s.paused(i, w.now) || w.hashless(i) {
			w.lacking[i] = true
			return nil
		}
		if err := w.begin(i); err != nil {
			w.lacking[i] = true
			return err
		}
		w.wanted[i] = urgent
	} else if w.s.paused(i, w.now) {
		w.lacking[i] = true
		return nil
	}
	w.pieces[i] = urgent
	return nil
}

// begin makes room for piece i in the store, and has the library want it and forget what is gone of it.
func (p *picker) begin(i int) error {
	if !p.s.hasBegun(i) {
		if err := p.s.obj.Discard(i); err != nil {
			return err
		}
	}
	anew, err := p.s.obj.Begin(i)
	if err != nil {
		return err
	}
	if anew {
		p.look(i)
		clientLock(p.client)
		pendAllBlocks(p.t, i)
		clientUnlock(p.client)
	}
	p.s.noteBegun(i)
	// The library may believe that it has a piece that was recycled since. And it has those pending whose hash it did not know,
	// without having told the peers that we are interested.
	piece := p.t.Piece(i)
	piece.SetPriority(torrent.PiecePriorityNone)
	piece.UpdateCompletion()
	p.t.DownloadPieces(i, i+1)
	return nil
}

// look has the next handouts look at the blocks of piece i anew.
func (p *picker) look(i int) {
	first := p.s.layout.first(i)
	p.done.remove(first, first+p.s.layout.bpp)
	for n, seen := range p.seen {
		if seen.from < first+p.s.layout.bpp && first < seen.to {
			delete(p.seen, n)
		}
	}
}

// unwant has the library ask for no more blocks of piece i.
func (p *picker) unwant(i int) {
	p.t.CancelPieces(i, i+1)
	delete(p.wanted, i)
}

// giveUp drops what is here of piece i, to make room.
func (p *picker) giveUp(i int) {
	if !p.s.abandon(i) {
		return
	}
	if err := p.s.obj.Discard(i); err != nil {
		p.s.log.Warn("cannot make room", "root", p.s.id, "piece", i, "err", err)
	}
}

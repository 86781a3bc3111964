package ipfs

import (
	"context"
	"time"

	"github.com/ipfs/boxo/exchange"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
)

// stallTime is how long no block at all may come for a root before others are looked for who have it. The library would look after a
// minute: until then one peer that has promised and does not send, or sends something else, holds up everything.
const (
	stallTime = 2 * time.Second
	maxStall  = time.Minute
)

// A session is a bitswap session: it remembers who has the blocks of a root. The dag's mutex guards it.
type session struct {
	exchange.Fetcher
	node    *node
	end     context.CancelFunc
	users   int
	retired bool // another one has taken its place
	born    time.Time
	stall   time.Duration // after which another one will
}

// useSession returns the session of the dag with n, to be left. One that old is in has stalled, and is replaced if nothing has come
// for the dag since.
func (d *dag) useSession(n *node, old *session) *session {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.session
	now := time.Now()
	stall := stallTime
	switch {
	case s == nil || s.node != n:
	case s != old || now.Sub(later(s.born, d.heard)) < s.stall:
		s.users++
		return s
	default:
		stall = min(2*s.stall, maxStall)
	}
	if s != nil {
		s.retired = true
		if s.users == 0 {
			s.end()
		}
	}
	ctx, end := context.WithCancel(d.life)
	d.session = &session{Fetcher: n.swap.NewSession(ctx), node: n, end: end, users: 1, born: now, stall: stall}
	return d.session
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// leaveSession undoes one useSession.
func (d *dag) leaveSession(s *session) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s.users--; s.users == 0 && s.retired {
		s.end()
	}
}

// answer is what one session gave.
type answer struct {
	block blocks.Block
	err   error
}

// ask gets a block from the network: by the session of the root, and, when that stalls, by another one as well.
func (d *dag) ask(ctx context.Context, n *node, c cid.Cid) (blocks.Block, error) {
	ctx, cancel := context.WithCancel(ctx)
	asked := 0
	answers := make(chan answer)
	defer func() {
		cancel()
		for range asked {
			<-answers
		}
	}()
	add := func(s *session) {
		asked++
		go func() {
			b, err := s.GetBlock(ctx, c)
			d.leaveSession(s)
			answers <- answer{b, err}
		}()
	}
	s := d.useSession(n, nil)
	add(s)
	stalled := time.NewTicker(stallTime / 2)
	defer stalled.Stop()
	for {
		select {
		case a := <-answers:
			if asked--; a.err == nil || asked == 0 || ctx.Err() != nil {
				return a.block, a.err
			}
		case <-stalled.C:
			if next := d.useSession(n, s); next != s {
				s = next
				add(s)
			} else {
				d.leaveSession(next)
			}
		}
	}
}

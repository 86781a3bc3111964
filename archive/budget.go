package archive

import (
	"context"
	"sync"
)

// A budget is the memory that all decoders together may take. One that rests gives way to one that is wanted.
type budget struct {
	limit int64

	mu      sync.Mutex
	used    int64
	changed chan struct{} // closed and replaced when there is more
	resting map[*grant]func()
}

// A grant is a share of a budget.
type grant struct {
	b *budget
	n int64
}

func newBudget(limit int64) *budget {
	return &budget{limit: limit, changed: make(chan struct{}), resting: make(map[*grant]func())}
}

// take waits for n bytes. One decoder is always let in.
func (b *budget) take(ctx context.Context, n int64) (*grant, error) {
	n = max(n, 1)
	for {
		b.mu.Lock()
		if b.used == 0 || b.used+n <= b.limit {
			b.used += n
			b.mu.Unlock()
			return &grant{b, n}, nil
		}
		changed := b.changed
		for g, end := range b.resting {
			delete(b.resting, g)
			end()
			break
		}
		b.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// rest says that the holder of g can do without it: end is called when another needs it, once, and must not block.
func (g *grant) rest(end func()) {
	g.b.mu.Lock()
	defer g.b.mu.Unlock()
	g.b.resting[g] = end
	g.b.signal() // who waits looks again
}

// wake takes rest back.
func (g *grant) wake() {
	g.b.mu.Lock()
	defer g.b.mu.Unlock()
	delete(g.b.resting, g)
}

func (g *grant) release() {
	g.b.mu.Lock()
	defer g.b.mu.Unlock()
	delete(g.b.resting, g)
	g.b.used -= g.n
	g.b.signal()
}

func (b *budget) signal() {
	close(b.changed)
	b.changed = make(chan struct{})
}

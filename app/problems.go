package app

import (
	"slices"
	"sync"

	"github.com/zeronetscript/universal_p2p/stream/web"
)

// Problems is what is wrong with the program now, as far as somebody has to say it: that there is no tray, that the log cannot be
// written. The status and the interface show it until it is taken back. The zero value has none; its methods are safe for
// concurrent use, and so is a nil one, which keeps none.
type Problems struct {
	mu      sync.Mutex
	list    []web.Problem // in the order in which they came
	changed func()        // nil when nobody wants to know
}

// Set says that something is wrong, in one sentence for the user. A problem of the same id is replaced. The id is one that the
// interface may know a translation for, as "problem.<id>" in assets; values are the names and the values in that, by turns.
func (p *Problems) Set(id, text string, values ...string) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.tell()
	now := web.Problem{ID: id, Text: text}
	if len(values) > 0 {
		now.Values = make(map[string]any)
	}
	for i := 0; i+1 < len(values); i += 2 {
		now.Values[values[i]] = values[i+1]
	}
	if i := p.index(id); i >= 0 {
		p.list[i] = now
		return
	}
	p.list = append(p.list, now)
}

// Clear takes the problem of that id back. One that is not there is none.
func (p *Problems) Clear(id string) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.tell()
	if i := p.index(id); i >= 0 {
		p.list = slices.Delete(p.list, i, i+1)
	}
}

// All lists the problems. The list is the caller's.
func (p *Problems) All() []web.Problem {
	if p == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.list)
}

func (p *Problems) index(id string) int {
	return slices.IndexFunc(p.list, func(q web.Problem) bool { return q.ID == id })
}

// watch has changed called after every change from now on. It must not block.
func (p *Problems) watch(changed func()) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.changed = changed
}

// tell says that there was a change. p is locked.
func (p *Problems) tell() {
	if p.changed != nil {
		p.changed()
	}
}

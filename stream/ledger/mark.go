package ledger

import (
	"cmp"
	"iter"
	"maps"
	"slices"
	"time"
)

// A Mark is a word of up to 32 bytes about a site. It tells what the program has to remember, and decides nothing.
type Mark string

// The marks that a [Gate] makes.
const (
	Exposed Mark = "exposed" // a page of an overlay network has loaded something: peers can see this computer's address
	Asking  Mark = "asking"  // a page waits for the user's rule about its site
)

const (
	maxMark = 32             // bytes
	remark  = 24 * time.Hour // how often the time of a mark is brought up to date
)

type mark struct {
	site Site
	name Mark
}

// Mark marks a site, and reports whether it was not marked so before. It waits for no disk. Marks are bounded in number; the ones
// that were renewed longest ago go first, and those that were not renewed for as long as history is kept.
func (l *Ledger) Mark(site Site, word Mark) (first bool) {
	if site.Kind() == None || len(word) > maxMark || string(word) != cleanText(string(word)) {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	at, ok := l.decisions.marks[mark{site, word}]
	if ok && now().Sub(at) < remark {
		return false
	}
	l.decisions.mark(site, word, now())
	l.undecided = true
	l.wake()
	return !ok
}

// Unmark takes a mark from a site.
func (l *Ledger) Unmark(site Site, word Mark) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.decisions.marks[mark{site, word}]; ok && !l.closed {
		delete(l.decisions.marks, mark{site, word})
		l.undecided = true
		l.wake()
	}
}

// Marked are the sites with a mark, and when each was last marked so, to the day; the latest first.
func (l *Ledger) Marked(word Mark) iter.Seq2[Site, time.Time] {
	l.mu.Lock()
	marked := make(map[Site]time.Time)
	for m, at := range l.decisions.marks {
		if m.name == word {
			marked[m.site] = at
		}
	}
	l.mu.Unlock()
	return latest(marked, func(a, b Site) int { return cmp.Compare(a.name, b.name) })
}

// mark adds a mark. When there are too many, a quarter of them goes at once, so that a flood need not look for the oldest
// each time.
func (d *decisions) mark(site Site, word Mark, at time.Time) {
	d.marks[mark{site, word}] = at
	if len(d.marks) <= d.most {
		return
	}
	oldest := slices.SortedFunc(maps.Keys(d.marks), func(a, b mark) int { return d.marks[a].Compare(d.marks[b]) })
	for _, m := range oldest[:max(1, len(oldest)/4)] {
		if m != (mark{site, word}) {
			delete(d.marks, m)
		}
	}
}

// unmark takes all marks from a site and from those below it, and reports whether there were any.
func (d *decisions) unmark(site Site) (any bool) {
	before := len(d.marks)
	maps.DeleteFunc(d.marks, func(m mark, _ time.Time) bool {
		return m.site == site || m.site.Origin() == site
	})
	return len(d.marks) < before
}

// expire takes away the marks of before a time, and reports whether there were any.
func (d *decisions) expire(before time.Time) (any bool) {
	n := len(d.marks)
	maps.DeleteFunc(d.marks, func(_ mark, at time.Time) bool { return at.Before(before) })
	return len(d.marks) < n
}

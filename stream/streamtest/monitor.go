package streamtest

import (
	"net/url"
	"strings"

	"github.com/zeronetscript/universal_p2p/stream"
)

// Activities implements [stream.Monitor]: the trees that are open, and what is waited for. What readers have returned counts as
// received, and nothing as served.
func (m *Mem) Activities() []stream.Activity {
	m.mu.Lock()
	defer m.mu.Unlock()
	var as []stream.Activity
	for _, t := range m.roots {
		if t.open > 0 {
			as = append(as, t.activity())
		}
	}
	for id, n := range m.waiting {
		if t := m.roots[id]; n > 0 && (t == nil || t.open == 0) {
			as = append(as, stream.Activity{Root: id})
		}
	}
	return as
}

// activity reports on a tree that is open, under the lock.
func (t *MemTree) activity() stream.Activity {
	a := stream.Activity{Root: t.id, Name: t.name, Search: stream.Search{Peers: 1, Known: 1, Found: true}, Have: []uint8{}}
	for _, f := range t.files {
		a.Size += int64(len(f.data))
	}
	var before int64
	for _, f := range t.files {
		size := int64(len(f.data))
		a.Received += f.report.Read
		a.Readers += f.report.Readers
		for range f.report.Readers {
			a.Reading = append(a.Reading, float64(before+f.at)/float64(max(a.Size, 1)))
		}
		if here := min(f.limit(false), size); size > 0 && len(a.Have) < stream.MaxHave {
			a.Have = append(a.Have, uint8(here*255/size)) // one part a file: a test knows what to expect
		}
		before += size
	}
	return a
}

// Recognize implements [stream.Recognizer]. The network's own form of a link is "mem:" and an identifier, with hints as a query.
// Without the "mem:" an identifier is recognized only when there is such a tree: any word could be one.
func (m *Mem) Recognize(text string) (root stream.Root, path string, ok bool) {
	text, query, _ := strings.Cut(strings.TrimSpace(text), "?")
	link, isLink := strings.CutPrefix(text, "mem:")
	if isLink {
		text, path, _ = strings.Cut(link, "/")
	}
	id, err := memID(text)
	hints, bad := url.ParseQuery(query)
	if err != nil || bad != nil {
		return root, "", false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.roots[id] == nil && !isLink {
		return root, "", false
	}
	return stream.Root{ID: id, Hints: hints}, path, true
}

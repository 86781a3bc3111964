package ipfs

import (
	"github.com/zeronetscript/universal_p2p/stream"
)

var (
	_ stream.Monitor    = (*Backend)(nil)
	_ stream.Recognizer = (*Backend)(nil)
	_ stream.Leaver     = (*Backend)(nil)
	_ stream.Gatherer   = (*Backend)(nil)
)

// Activities implements stream.Monitor.
func (b *Backend) Activities() []stream.Activity {
	b.mu.Lock()
	dags := make([]*dag, 0, len(b.dags))
	for _, d := range b.dags {
		dags = append(dags, d)
	}
	b.mu.Unlock()
	as := make([]stream.Activity, 0, len(dags))
	for _, d := range dags {
		as = append(as, d.activity())
	}
	return as
}

func (d *dag) activity() stream.Activity {
	a := stream.Activity{Root: d.id, Search: d.search(), Received: d.received.Load()}
	if !a.Found {
		return a
	}
	stored := d.shelf.stored()
	d.mu.Lock()
	defer d.mu.Unlock()
	a.Name, a.Size = d.name, d.size
	for r := range d.readers {
		r.mu.Lock()
		a.Reading = append(a.Reading, min(1, float64(r.at)/float64(max(r.size, 1))))
		r.mu.Unlock()
	}
	a.Readers = len(a.Reading)
	// Which block stands for which part of a tree is known only where somebody has read it.
	here := uint8(min(255, stored*255/max(a.Size, 1)))
	if here == 0 && stored > 0 {
		here = 1
	}
	a.Have = []uint8{here}
	return a
}

// Recognize implements stream.Recognizer.
func (*Backend) Recognize(text string) (root stream.Root, path string, ok bool) {
	root, path, ok = recognize("ipfs", text)
	if !ok {
		return root, "", false
	}
	c, err := parseFS(root.ID)
	if err != nil {
		return stream.Root{}, "", false
	}
	root.ID = canonical(c)
	return root, path, true
}

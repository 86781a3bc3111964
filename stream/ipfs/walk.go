package ipfs

import (
	"context"
	"io"
	"sync"

	"github.com/ipfs/go-cid"
)

// maxFileDepth bounds the blocks above a piece of a file. With the fewest links that are in use, two, it is enough for any size.
const maxFileDepth = 48

// wholeUpTo is the size of a part of a file, in bytes, that is fetched as a whole, without a look at how it is made up: nearly
// always it is one block.
const wholeUpTo = 1 << 20

// What is held of a file's nodes at the same time, in bytes: by a walker, from the root of the file to where it is, and by a builder
// of a small part, of which a run has many. Honest files need a small part of it.
const (
	maxWalked = 16 << 20
	maxBuilt  = 4 << 20
)

// A piece is a part of a file that is fetched in one go.
type piece struct {
	off, n int64 // bytes, in the file
	cid    cid.Cid
	data   []byte // when it is known already
}

// A walker yields the pieces of a file in order. It loads the blocks above them as it comes to them.
type walker struct {
	d      *dag
	frames []frame
	held   int                                  // bytes of the nodes in frames
	ahead  func(cid.Cid) func() ([]byte, error) // asks for a block that will be loaded soon; nil: does not
	coming cid.Cid                              // the block that was asked for
	wait   func() ([]byte, error)               // for it
}

// A frame is a node on the way from the root of the file to where the walker is.
type frame struct {
	node *fsNode
	off  int64 // in the file, of what comes next
	next int   // link; -1 is the node's own data
	held int   // bytes of the node
}

// walk returns a walker that begins with the piece that holds the byte at off.
func (f *file) walk(ctx context.Context, off int64, ahead func(cid.Cid) func() ([]byte, error)) (*walker, error) {
	w := &walker{d: f.t.d, ahead: ahead}
	if f.root == nil {
		w.frames = []frame{{node: &fsNode{links: []link{{cid: f.cid}}, sizes: []uint64{uint64(f.size)}}}}
	} else {
		w.held = f.root.weight()
		w.frames = []frame{{node: f.root, next: -1, held: w.held}}
	}
	return w, w.seek(ctx, off)
}

// seek goes to the piece that holds off.
func (w *walker) seek(ctx context.Context, off int64) error {
	for {
		fr := &w.frames[len(w.frames)-1]
		if fr.next < 0 {
			if off < fr.off+int64(len(fr.node.data)) {
				return nil
			}
			fr.off += int64(len(fr.node.data))
			fr.next = 0
		}
		for fr.next < len(fr.node.links) && off >= fr.off+int64(fr.node.sizes[fr.next]) {
			fr.off += int64(fr.node.sizes[fr.next])
			fr.next++
		}
		if fr.next == len(fr.node.links) || isWhole(fr.node, fr.next) {
			return nil
		}
		if err := w.descend(ctx); err != nil {
			return err
		}
	}
}

// isWhole reports whether link i of n leads to what is fetched as one piece.
func isWhole(n *fsNode, i int) bool {
	return n.sizes[i] <= wholeUpTo || n.links[i].cid.Prefix().Codec == cid.Raw
}

// descend goes into the next link of the last frame.
func (w *walker) descend(ctx context.Context) error {
	if len(w.frames) >= maxFileDepth {
		return malformed("a file in more than %d levels", maxFileDepth)
	}
	fr := &w.frames[len(w.frames)-1]
	i := fr.next
	n, err := w.load(ctx, fr.node, i)
	if err != nil {
		return err
	}
	if w.ahead != nil && i+1 < len(fr.node.links) && !isWhole(fr.node, i+1) {
		// It stays in memory until it is needed, which may be long after the store has given it up.
		w.coming = fr.node.links[i+1].cid
		w.wait = w.ahead(w.coming)
	}
	held := n.weight()
	if w.held += held; w.held > maxWalked {
		return malformed("a file in blocks that take more than %d bytes at once", maxWalked)
	}
	off := fr.off
	fr.off += int64(fr.node.sizes[i])
	fr.next++
	w.frames = append(w.frames, frame{node: n, off: off, next: -1, held: held})
	return nil
}

// load loads link i of n, which may have been asked for already.
func (w *walker) load(ctx context.Context, n *fsNode, i int) (*fsNode, error) {
	if c := n.links[i].cid; w.wait != nil && c == w.coming {
		data, err := w.wait()
		w.wait = nil
		if err != nil {
			return nil, err
		}
		sub, err := decode(c, data)
		if err != nil {
			return nil, err
		}
		return checkPart(sub, n, i)
	}
	return w.d.part(ctx, n, i)
}

// part loads link i of n, a part of a file.
func (d *dag) part(ctx context.Context, n *fsNode, i int) (*fsNode, error) {
	sub, err := d.load(ctx, n.links[i].cid)
	if err != nil {
		return nil, err
	}
	return checkPart(sub, n, i)
}

// checkPart returns sub if it is what n says of its link i.
func checkPart(sub, n *fsNode, i int) (*fsNode, error) {
	if !sub.isFile() || sub.size != n.sizes[i] {
		return nil, malformed("a part of a file has %d bytes, and not the %d that it should", sub.size, n.sizes[i])
	}
	return sub, nil
}

// next returns the next piece, io.EOF behind the last.
func (w *walker) next(ctx context.Context) (p piece, err error) {
	for len(w.frames) > 0 {
		fr := &w.frames[len(w.frames)-1]
		switch {
		case fr.next < 0:
			p = piece{off: fr.off, n: int64(len(fr.node.data)), data: fr.node.data}
			fr.off += p.n
			fr.next = 0
			if p.n > 0 {
				return p, nil
			}
		case fr.next == len(fr.node.links):
			w.held -= fr.held
			*fr = frame{} // nothing of it stays behind the end of the slice
			w.frames = w.frames[:len(w.frames)-1]
		case fr.node.sizes[fr.next] == 0: // there may be any number of these, and nothing behind them
			fr.next++
		case isWhole(fr.node, fr.next):
			p = piece{off: fr.off, n: int64(fr.node.sizes[fr.next]), cid: fr.node.links[fr.next].cid}
			fr.off += p.n
			fr.next++
			return p, nil
		default:
			if err := w.descend(ctx); err != nil {
				return piece{}, err
			}
		}
	}
	return piece{}, io.EOF
}

// read returns the bytes of p. They are shared.
func (d *dag) read(ctx context.Context, p piece) ([]byte, error) {
	if p.data != nil {
		return p.data, nil
	}
	n := &fsNode{links: []link{{cid: p.cid}}, sizes: []uint64{uint64(p.n)}}
	sub, err := d.part(ctx, n, 0)
	if err != nil {
		return nil, err
	}
	if len(sub.links) == 0 {
		return sub.data, nil
	}
	// A small part that is in more than one block, as at the end of a file.
	b := builder{d: d, out: make([]byte, p.n), left: 4096}
	if err := b.fill(ctx, sub, 0, 0); err != nil {
		return nil, err
	}
	return b.out, nil
}

// A builder puts a part of a file together.
type builder struct {
	d    *dag
	out  []byte
	left int // blocks
	held int // bytes of the nodes that are being filled from
}

func (b *builder) fill(ctx context.Context, n *fsNode, off int64, depth int) error {
	if depth > maxFileDepth {
		return malformed("a file in more than %d levels", maxFileDepth)
	}
	held := n.weight()
	if b.held += held; b.held > maxBuilt {
		return malformed("%d bytes in blocks that take more than %d at once", len(b.out), maxBuilt)
	}
	defer func() { b.held -= held }()
	off += int64(copy(b.out[off:], n.data))
	cids := make([]cid.Cid, 0, len(n.links))
	for i, l := range n.links {
		if n.sizes[i] > 0 {
			cids = append(cids, l.cid)
		}
	}
	if b.left -= len(cids); b.left < 0 {
		return malformed("%d bytes in too many blocks", len(b.out))
	}
	for len(cids) > 0 {
		k := min(listAhead, len(cids))
		b.d.loadAhead(ctx, cids[:k])
		cids = cids[k:]
	}
	for i := range n.links {
		if n.sizes[i] == 0 {
			continue
		}
		sub, err := b.d.part(ctx, n, i)
		if err != nil {
			return err
		}
		if err := b.fill(ctx, sub, off, depth+1); err != nil {
			return err
		}
		off += int64(sub.size)
	}
	return nil
}

// A run is pieces that are fetched ahead of a reader, in order.
type run struct {
	d      *dag
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu     sync.Mutex
	moved  chan struct{} // closed and made anew when window or used changes
	window int64         // bytes that may be fetched, or wait to be read
	used   int64         // bytes of it

	pieces chan *fetched // in order; closed behind the last
	err    error         // why there are no more, io.EOF as a rule; set before pieces is closed
}

// A fetched piece has data or err once done is closed.
type fetched struct {
	piece
	done chan struct{}
	data []byte
	err  error
}

// newRun begins to fetch f from off on, up to the end, exclusive, and at most window bytes before they are read.
func newRun(ctx context.Context, f *file, off, end, window int64) *run {
	r := &run{d: f.t.d, window: window, moved: make(chan struct{}), pieces: make(chan *fetched, 64)}
	r.ctx, r.cancel = context.WithCancel(ctx)
	r.wg.Go(func() {
		defer close(r.pieces)
		r.err = r.plan(f, off, end)
	})
	return r
}

// plan starts to fetch piece after piece as the window allows.
func (r *run) plan(f *file, off, end int64) error {
	w, err := f.walk(r.ctx, off, r.ahead)
	if err != nil {
		return err
	}
	for {
		p, err := w.next(r.ctx)
		if err != nil {
			return err
		}
		if p.off >= end {
			return io.EOF
		}
		if err := r.take(p.n); err != nil {
			return err
		}
		g := &fetched{piece: p, done: make(chan struct{})}
		r.wg.Go(func() {
			defer close(g.done)
			g.data, g.err = r.d.read(r.ctx, g.piece)
		})
		select {
		case r.pieces <- g:
		case <-r.ctx.Done():
			return r.ctx.Err()
		}
	}
}

// ahead asks for a block above pieces before the walker gets there.
func (r *run) ahead(c cid.Cid) (wait func() ([]byte, error)) {
	var data []byte
	var err error
	done := make(chan struct{})
	r.wg.Go(func() {
		defer close(done)
		data, err = r.d.block(r.ctx, c)
	})
	return func() ([]byte, error) {
		<-done
		return data, err
	}
}

// take waits until n bytes fit into the window. The first always do.
func (r *run) take(n int64) error {
	for {
		r.mu.Lock()
		if r.used == 0 || r.used+n <= r.window {
			r.used += n
			r.mu.Unlock()
			return nil
		}
		moved := r.moved
		r.mu.Unlock()
		select {
		case <-moved:
		case <-r.ctx.Done():
			return r.ctx.Err()
		}
	}
}

// give takes note that n bytes were read, and sets the window.
func (r *run) give(n, window int64) {
	r.mu.Lock()
	r.used -= n
	r.window = window
	close(r.moved)
	r.moved = make(chan struct{})
	r.mu.Unlock()
}

// stop ends the run, and returns when nothing of it goes on.
func (r *run) stop() {
	r.cancel()
	r.wg.Wait()
}

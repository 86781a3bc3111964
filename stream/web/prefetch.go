package web

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zeronetscript/universal_p2p/stream"
	"github.com/zeronetscript/universal_p2p/stream/ledger"
)

// What sites want fetched ahead of time. It is read in the background and thrown away, so that it is in the store; it passes the
// gate like what a page shows. Each site has a queue, of which one is fetched at a time.
const (
	maxAhead       = 512       // of all sites
	maxAheadOfSite = 64        // of one
	aheadAtOnce    = 4         // of all sites
	aheadBytes     = 16 << 20  // of a file, when a page does not say how much
	maxAheadBytes  = 1 << 30   // at once
	aheadPatience  = time.Hour // with the limits of the site
)

// A prefetch is a part of a file that a site wants fetched ahead.
type prefetch struct {
	site    ledger.Site
	backend stream.Backend
	req     stream.Request
	root    stream.Root
	id      ledger.Root // as far as it is known before it is found
	off, n  int64

	done atomic.Int64 // bytes that are here

	// Guarded by ahead.mu.
	canonical string             // the root, once it is found
	cancel    context.CancelFunc // while it runs, else nil
	gone      bool               // out of the queue
	stopped   chan struct{}      // closed when it runs no more; made when it starts
}

// by reports whether a site has asked for it, or one below that; its token is good for both.
func (p *prefetch) by(site ledger.Site) bool { return p.site == site || p.site.Origin() == site }

// of reports whether it is of a root, by either of its names; ahead.mu is held.
func (p *prefetch) of(root ledger.Root) bool {
	return p.id == root || p.canonical == root.ID && contentOf(p.backend, p.id.Protocol) == root.Protocol
}

// ahead are the prefetches of all sites. It owns a goroutine for each site that has some; close ends them.
type ahead struct {
	h    *Handler
	turn chan struct{} // a place for each that runs

	ctx context.Context
	end context.CancelFunc
	wg  sync.WaitGroup

	mu     sync.Mutex
	queues map[ledger.Site][]*prefetch // by origin, the first is next; one that is here has its goroutine
	n      int
}

func newAhead(h *Handler) *ahead {
	a := &ahead{h: h, turn: make(chan struct{}, aheadAtOnce), queues: make(map[ledger.Site][]*prefetch)}
	a.ctx, a.end = context.WithCancel(context.Background())
	return a
}

// Close ends what goes on behind the requests, and waits for it. It is called after the last request.
func (h *Handler) Close() {
	h.ahead.mu.Lock()
	h.ahead.end()
	h.ahead.mu.Unlock()
	h.ahead.wg.Wait()
}

// add puts a prefetch into the queue of its site, or makes one longer that is there.
func (a *ahead) add(p *prefetch) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ctx.Err() != nil {
		return stream.ErrClosed
	}
	origin := p.site.Origin()
	queue, working := a.queues[origin]
	for _, have := range queue {
		if have.site == p.site && have.req == p.req && have.off == p.off && have.n >= p.n {
			return nil
		}
	}
	if a.n >= maxAhead || len(queue) >= maxAheadOfSite {
		return errBusy
	}
	a.n++
	a.queues[origin] = append(queue, p)
	if !working {
		a.wg.Go(func() { a.work(origin) })
	}
	return nil
}

// work fetches what is in the queue of a site, until nothing is.
func (a *ahead) work(origin ledger.Site) {
	for {
		a.mu.Lock()
		queue := a.queues[origin]
		if len(queue) == 0 {
			delete(a.queues, origin)
			a.mu.Unlock()
			return
		}
		p := queue[0]
		ctx, cancel := context.WithCancel(a.ctx)
		p.cancel, p.stopped = cancel, make(chan struct{})
		a.mu.Unlock()

		err := a.h.pause.wait(ctx)
		if err == nil {
			leave := a.h.pause.enter(func(error) { cancel() })
			err = a.fetch(ctx, p)
			leave()
		}
		overtaken := ctx.Err() != nil && a.ctx.Err() == nil // or paused: then it goes on later
		cancel()

		a.mu.Lock()
		p.cancel = nil
		close(p.stopped)
		if !overtaken {
			a.remove(p)
		}
		a.mu.Unlock()
		if err != nil && !overtaken {
			a.h.cfg.Log.Debug("not fetched ahead", "path", p.req.EscapedPath(), "err", err)
		}
	}
}

// remove takes a prefetch out of its queue; a.mu is held.
func (a *ahead) remove(p *prefetch) {
	if p.gone {
		return
	}
	p.gone = true
	a.n--
	origin := p.site.Origin()
	a.queues[origin] = slices.DeleteFunc(a.queues[origin], func(x *prefetch) bool { return x == p })
}

// fetch fetches a prefetch, when it is its turn and the gate lets it.
func (a *ahead) fetch(ctx context.Context, p *prefetch) error {
	select {
	case a.turn <- struct{}{}:
		defer func() { <-a.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	access, err := a.admit(ctx, p)
	if err != nil {
		return err
	}
	defer access.End()
	v := &visit{clock: newClock(ctx, a.h.cfg.MediaPatience), access: access, protocol: contentOf(p.backend, p.id.Protocol)}
	defer v.stop()
	err = a.read(v, p)
	if errors.Is(err, stream.ErrBadRoot) {
		access.Malformed()
	}
	return v.why(err)
}

// admit waits until the limits of the site let it have what it wants.
func (a *ahead) admit(ctx context.Context, p *prefetch) (*ledger.Access, error) {
	for start := time.Now(); ; {
		access, err := a.h.cfg.Gate.Begin(p.site, p.id)
		limit, ok := errors.AsType[*ledger.LimitError](err)
		if !ok || limit.RetryAfter <= 0 || time.Since(start) > aheadPatience {
			return access, err
		}
		select {
		case <-time.After(limit.RetryAfter):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// read reads what is wanted, and throws it away.
func (a *ahead) read(v *visit, p *prefetch) error {
	tree, err := p.backend.Open(v.ctx, p.root)
	if err != nil {
		return err
	}
	defer tree.Close()
	a.mu.Lock()
	p.canonical = tree.ID()
	a.mu.Unlock()
	if err := v.found(tree, p.req.Path); err != nil {
		return err
	}
	file, err := a.h.find(v.ctx, tree, p.req, p.req.Path)
	if err != nil {
		return err
	}
	v.reached(file, p.req.Path)
	off := p.off + p.done.Load()
	end := min(p.off+p.n, file.Size())
	if off >= end {
		return nil
	}
	body, err := file.Open(v.ctx)
	if err != nil {
		return err
	}
	defer body.Close()
	if _, err := body.Seek(off, io.SeekStart); err != nil {
		return err
	}
	if x, ok := body.(stream.Expecter); ok {
		x.Expect(off, end-off)
	}
	buf := a.h.buffers.Get().(*buffer)
	defer a.h.buffers.Put(buf)
	for off < end {
		v.timer.Reset(v.limit)
		n, err := v.read(body, buf[:min(end-off, int64(len(buf)))])
		if err != nil {
			return err
		}
		off += int64(n)
		p.done.Add(int64(n))
	}
	return nil
}

// first puts the prefetches of a root at the front of the queue of their site, and reports whether there are any. What runs
// instead begins again later, where it has come to.
func (a *ahead) first(site ledger.Site, root ledger.Root) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	mine := func(p *prefetch) bool { return p.by(site) && p.of(root) }
	queue := a.queues[site.Origin()]
	if !slices.ContainsFunc(queue, mine) {
		return false
	}
	running := queue[0]
	slices.SortStableFunc(queue, func(x, y *prefetch) int {
		switch mx, my := mine(x), mine(y); {
		case mx == my:
			return 0
		case mx:
			return -1
		}
		return 1
	})
	if !mine(running) && running.cancel != nil {
		running.cancel()
	}
	return true
}

// drop takes back the prefetches that which says, and returns when none of them runs; or with ctx's error. which is called with a.mu held.
func (a *ahead) drop(ctx context.Context, which func(p *prefetch) bool) (n int, err error) {
	var running []chan struct{}
	a.mu.Lock()
	for _, queue := range a.queues {
		for _, p := range slices.Clone(queue) {
			if !which(p) {
				continue
			}
			n++
			a.remove(p)
			if p.cancel != nil {
				p.cancel()
				running = append(running, p.stopped)
			}
		}
	}
	a.mu.Unlock()
	for _, stopped := range running {
		select {
		case <-stopped:
		case <-ctx.Done():
			return n, ctx.Err()
		}
	}
	return n, nil
}

// A prefetchStatus is a prefetch in the list that a site gets.
type prefetchStatus struct {
	Protocol string `json:"protocol"`
	Root     string `json:"root"`
	Path     string `json:"path"`
	Offset   int64  `json:"offset"` // bytes
	Bytes    int64  `json:"bytes"`  // wanted
	Done     int64  `json:"done"`   // of them here
	Running  bool   `json:"running"`
}

// list are the prefetches of a site and, if it has no label, of those below it; the next one first.
func (a *ahead) list(site ledger.Site) []prefetchStatus {
	a.mu.Lock()
	defer a.mu.Unlock()
	list := []prefetchStatus{}
	for _, p := range a.queues[site.Origin()] {
		if !p.by(site) {
			continue
		}
		root := p.canonical
		if root == "" {
			root = p.id.ID
		}
		list = append(list, prefetchStatus{p.id.Protocol, root, p.req.Path, p.off, p.n, p.done.Load(), p.cancel != nil})
	}
	return list
}

// apiPrefetch fetches ahead what a page is about to show. Its site has to be let in by the gate now, but not at once.
func (h *Handler) apiPrefetch(r *http.Request, site ledger.Site) (int, any, error) {
	var in struct {
		URL    string `json:"url"`
		Offset int64  `json:"offset"`
		Bytes  int64  `json:"bytes"`
	}
	if err := decode(r, &in); err != nil {
		return 0, nil, err
	}
	if in.Bytes == 0 {
		in.Bytes = aheadBytes
	}
	if in.Offset < 0 || in.Bytes < 0 || in.Bytes > maxAheadBytes {
		return 0, nil, badRequest(`"offset" and "bytes" are numbers of bytes, and "bytes" is 1073741824 at most.`)
	}
	p, err := h.prefetchOf(in.URL)
	if err != nil {
		return 0, nil, err
	}
	p.site, p.off, p.n = site, in.Offset, in.Bytes
	access, err := h.cfg.Gate.Begin(site, p.id)
	if err != nil {
		return 0, nil, err
	}
	access.Malformed() // nothing has been asked of anybody yet
	access.End()
	if err := h.ahead.add(p); err != nil {
		return 0, nil, err
	}
	return http.StatusAccepted, rootIn{p.id.Protocol, p.id.ID}, nil
}

// prefetchOf reads the URL of a file, as a page embeds it.
func (h *Handler) prefetchOf(raw string) (*prefetch, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, stream.ErrBadPath
	}
	escaped := u.EscapedPath()
	if site, ok := h.website(u.Host); ok {
		escaped = site.prefix + escaped
	} else if u.User != nil || u.Host != "" && !isOurs(u.Host, h.port) || u.Scheme != "" && u.Scheme != "http" {
		return nil, stream.ErrBadPath
	}
	req, err := stream.ParsePath(escaped)
	if err != nil {
		return nil, err
	}
	p, ok := h.protocols[req.Protocol+"/"+req.Version]
	switch {
	case !ok:
		return nil, errNoProtocol
	case p.Backend == nil:
		return nil, brokenProtocol{p.Err}
	case req.Command != "stream":
		return nil, errNoCommand
	}
	root := stream.Root{ID: req.Root, Hints: hints(u)}
	return &prefetch{backend: p.Backend, req: req, root: root, id: ledgerRoot(p.Backend, req, root.Hints)}, nil
}

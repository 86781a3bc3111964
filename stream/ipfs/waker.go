package ipfs

import (
	"context"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/zeronetscript/universal_p2p/stream"
)

// A waker has the node: it starts one when somebody needs it, and stops it when nobody has for a while.
type waker struct {
	start  func() (*node, error)
	after  time.Duration
	rested func() // may be nil
	log    *slog.Logger

	mu     sync.Mutex
	node   *node
	holds  int
	idle   *time.Timer   // until it sleeps
	rest   *time.Timer   // until its memory is given back
	ending chan struct{} // closed when the node that is being stopped has ended; nil: none is
	closed bool
	paused bool // who falls asleep does so at once
}

func newWaker(after time.Duration, start func() (*node, error), rested func(), log *slog.Logger) *waker {
	return &waker{start: start, after: after, rested: rested, log: log}
}

// hold returns the node, which stays awake until release is called, once. It waits for one that is falling asleep.
func (w *waker) hold(ctx context.Context) (n *node, release func(), err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.ending != nil {
		ending := w.ending
		w.mu.Unlock()
		select {
		case <-ending:
			w.mu.Lock()
		case <-ctx.Done():
			w.mu.Lock()
			return nil, nil, ctx.Err()
		}
	}
	if w.closed {
		return nil, nil, stream.ErrClosed
	}
	if w.node == nil {
		begin := time.Now()
		if w.node, err = w.start(); err != nil {
			w.node = nil
			return nil, nil, err
		}
		w.log.Debug("the node is awake", "took", time.Since(begin))
	}
	w.holds++
	w.stopTimers()
	return w.node, sync.OnceFunc(w.release), nil
}

func (w *waker) release() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.holds--; w.holds > 0 || w.closed || w.node == nil {
		return
	}
	n, after := w.node, w.after
	if w.paused {
		after = 0
	}
	w.rest = time.AfterFunc(restAfter, debug.FreeOSMemory)
	w.idle = time.AfterFunc(after, func() { w.sleep(n) })
}

// restAfter is how long nothing is asked of the network before what its buffers took is given back to the system. Go by itself would
// keep it for the next time, and that may never come.
const restAfter = 5 * time.Second

// settled is how long after the node fell asleep there is nothing left of what its end has stirred up.
const settled = time.Minute

// stopTimers stops what would happen after a while without use. w.mu is held.
func (w *waker) stopTimers() {
	for _, t := range []*time.Timer{w.idle, w.rest} {
		if t != nil {
			t.Stop()
		}
	}
	w.idle, w.rest = nil, nil
}

// sleep stops n, unless somebody holds it again.
func (w *waker) sleep(n *node) {
	w.mu.Lock()
	if w.node != n || w.holds > 0 || w.ending != nil {
		w.mu.Unlock()
		return
	}
	ending := make(chan struct{})
	w.node, w.ending = nil, ending
	w.mu.Unlock()
	if err := n.close(); err != nil {
		w.log.Debug("stopping the node", "err", err)
	}
	debug.FreeOSMemory()
	if w.rested != nil {
		w.rested()
	}
	w.log.Debug("the node sleeps")
	w.mu.Lock()
	w.ending = nil
	if w.rested != nil && !w.closed {
		w.rest = time.AfterFunc(settled, w.rested)
	}
	w.mu.Unlock()
	close(ending)
}

// pause lets a node that nobody holds fall asleep at once, now and until it is over.
func (w *waker) pause(on bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.paused = on
	if on && w.idle != nil {
		w.idle.Reset(0)
	}
}

// awake returns the node if there is one; it may fall asleep at any time.
func (w *waker) awake() *node {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.node
}

// close stops the node for ever, whoever holds it.
func (w *waker) close() error {
	w.mu.Lock()
	w.closed = true
	w.stopTimers()
	n, ending := w.node, w.ending
	w.node = nil
	w.mu.Unlock()
	if ending != nil {
		<-ending
	}
	if n == nil {
		return nil
	}
	return n.close()
}

package web

import (
	"context"
	"errors"
	"net/http"
	"sync"

	"github.com/zeronetscript/universal_p2p/stream"
)

// errPaused ends what the user has paused.
var errPaused = errors.New("web: paused by the user")

// A pause is the user's wish that nothing is fetched and nothing is sent for a while. The zero value is none.
type pause struct {
	mu    sync.Mutex
	over  chan struct{} // nil while there is none; closed when it is over
	next  int
	under map[int]context.CancelCauseFunc // what a pause ends
}

// set begins a pause, which ends all that is under way, or ends one. It reports whether that changes anything.
func (p *pause) set(on bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if on == (p.over != nil) {
		return false
	}
	if !on {
		close(p.over)
		p.over = nil
		return true
	}
	p.over = make(chan struct{})
	for _, cancel := range p.under {
		cancel(errPaused)
	}
	return true
}

// on reports whether there is a pause.
func (p *pause) on() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.over != nil
}

// enter lets a pause end what cancel cancels until leave is called, which is at once when there is one.
func (p *pause) enter(cancel context.CancelCauseFunc) (leave func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over != nil {
		cancel(errPaused)
		return func() {}
	}
	if p.under == nil {
		p.under = make(map[int]context.CancelCauseFunc)
	}
	id := p.next
	p.next++
	p.under[id] = cancel
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.under, id)
	}
}

// wait returns when there is no pause, or with ctx's error.
func (p *pause) wait(ctx context.Context) error {
	for {
		p.mu.Lock()
		over := p.over
		p.mu.Unlock()
		if over == nil {
			return ctx.Err()
		}
		select {
		case <-over:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Pause begins or ends a pause. In one, content is refused, answers under way are cut off, nothing is fetched ahead, and the backends
// that are a [stream.Pauser] part from their networks as soon as that has happened. The interface and the control API go on.
// Pause does not wait for the answers to end. It can be called by several at a time; the last one counts.
func (h *Handler) Pause(on bool) {
	h.pausing.Lock()
	defer h.pausing.Unlock()
	if !h.pause.set(on) {
		return
	}
	for _, p := range h.cfg.Protocols {
		if b, ok := p.Backend.(stream.Pauser); ok {
			b.Pause(on)
		}
	}
	h.cfg.Changed()
}

// Paused reports whether there is a pause.
func (h *Handler) Paused() bool { return h.pause.on() }

// apiPause begins or ends a pause.
func (h *Handler) apiPause(r *http.Request) (int, any, error) {
	var in struct {
		Paused *bool `json:"paused"`
	}
	if err := decode(r, &in); err != nil {
		return 0, nil, err
	}
	if in.Paused == nil {
		return 0, nil, badRequest(`Give "paused".`)
	}
	h.Pause(*in.Paused)
	return http.StatusOK, struct{}{}, nil
}

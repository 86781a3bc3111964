// Package relay is a wire between two TCP peers that can be slow, can be counted and can fall silent.
//
// Linux has this as tc netem; a kernel without that module, or a test without privileges, has not. The model is simple: each
// direction is one link with a rate shared by all connections, a fixed delay and a bounded buffer. Nothing is lost and
// nothing is reordered.
package relay

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// A Wire describes a link, the same in both directions.
type Wire struct {
	Rate  float64       // bytes a second, 0 for no limit
	Delay time.Duration // one way; the round trip takes twice that
}

// Mbit is a rate of n million bits a second, in bytes a second.
func Mbit(n float64) float64 { return n * 1e6 / 8 }

const (
	block  = 16 << 10 // bytes read at once: a BitTorrent block
	queued = 64       // blocks on the way in one direction of a connection: 1 MiB
)

// A Relay accepts connections and connects each to its target. Its methods are safe for concurrent use.
type Relay struct {
	target string
	wire   Wire
	ln     net.Listener
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	up, down link
	silent   gate
	refuse   atomic.Int64 // connections still to be refused
}

// Listen starts a relay on addr ("127.0.0.3:0" takes any free port) that connects to target, host:port, anew for each
// connection it accepts. The caller closes it.
func Listen(addr, target string, w Wire) (*Relay, error) {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("relay: %w", err)
	}
	r := &Relay{target: target, wire: w, ln: ln}
	r.up.rate, r.down.rate = w.Rate, w.Rate
	r.silent.open()
	r.ctx, r.cancel = context.WithCancel(context.Background())
	r.wg.Go(r.accept)
	return r, nil
}

// Addr is the host:port that peers connect to.
func (r *Relay) Addr() string { return r.ln.Addr().String() }

// Down is the number of bytes that came from the target and were passed on, over all connections.
func (r *Relay) Down() int64 { return r.down.passed.Load() }

// Up is the number of bytes passed on to the target, over all connections.
func (r *Relay) Up() int64 { return r.up.passed.Load() }

// Silence makes the target fall silent, or lets it speak again: connections stay open, and what it sends waits.
func (r *Relay) Silence(on bool) {
	if on {
		r.silent.shut()
	} else {
		r.silent.open()
	}
}

// Refuse makes the relay close the next n connections as soon as they are made.
func (r *Relay) Refuse(n int) { r.refuse.Store(int64(n)) }

// Close ends every connection and waits until nothing of the relay runs any more.
func (r *Relay) Close() error {
	r.cancel()
	err := r.ln.Close()
	r.wg.Wait()
	return err
}

func (r *Relay) accept() {
	for {
		c, err := r.ln.Accept()
		if err != nil {
			return // closed
		}
		r.wg.Go(func() { r.join(c) })
	}
}

// join connects the peer to the target and copies both ways until either side ends.
func (r *Relay) join(peer net.Conn) {
	defer peer.Close()
	if r.refuse.Add(-1) >= 0 || !sleep(r.ctx, 2*r.wire.Delay) { // the three-way handshake
		return
	}
	var d net.Dialer
	target, err := d.DialContext(r.ctx, "tcp", r.target)
	if err != nil {
		return
	}
	defer target.Close()
	ctx, cancel := context.WithCancel(r.ctx)
	defer cancel()
	var wg sync.WaitGroup
	wg.Go(func() { defer cancel(); r.pump(ctx, target, peer, &r.up, nil) })
	wg.Go(func() { defer cancel(); r.pump(ctx, peer, target, &r.down, &r.silent) })
	<-ctx.Done()
	peer.Close()
	target.Close()
	wg.Wait()
}

// A parcel is a block on its way.
type parcel struct {
	data []byte
	due  time.Time // when it arrives
}

// pump copies src to dst over l. A gate that is not nil holds up what would be passed on while it is shut.
func (r *Relay) pump(ctx context.Context, dst, src net.Conn, l *link, g *gate) {
	q := make(chan parcel, queued)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer src.Close() // ends the reading goroutine
	wg.Go(func() {
		defer close(q)
		for {
			buf := make([]byte, block)
			n, err := src.Read(buf)
			if n > 0 {
				left := l.take(n)
				if !sleep(ctx, time.Until(left)) { // the sender is held to the rate of the link
					return
				}
				select {
				case q <- parcel{buf[:n], left.Add(r.wire.Delay)}:
				case <-ctx.Done():
					return
				}
			}
			if err != nil {
				return
			}
		}
	})
	for p := range q {
		if !sleep(ctx, time.Until(p.due)) || (g != nil && !g.wait(ctx)) {
			return
		}
		l.passed.Add(int64(len(p.data))) // before the peer can have seen it
		if _, err := dst.Write(p.data); err != nil {
			return
		}
	}
}

// A link is one direction of the wire.
type link struct {
	rate   float64 // bytes a second, 0 for no limit
	passed atomic.Int64

	mu   sync.Mutex
	free time.Time // when the link has sent all it took
}

// take puts n bytes on the link and returns when the last of them has left.
func (l *link) take(n int) time.Time {
	now := time.Now()
	if l.rate == 0 {
		return now
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.free.Before(now) {
		l.free = now
	}
	l.free = l.free.Add(time.Duration(float64(n) / l.rate * float64(time.Second)))
	return l.free
}

// A gate is open or shut; those who wait at it pass when it is open.
type gate struct {
	mu   sync.Mutex
	pass chan struct{} // closed while the gate is open
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.pass == nil {
		g.pass = make(chan struct{})
	}
	select {
	case <-g.pass:
	default:
		close(g.pass)
	}
}

func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case <-g.pass:
		g.pass = make(chan struct{})
	default:
	}
}

func (g *gate) wait(ctx context.Context) bool {
	g.mu.Lock()
	pass := g.pass
	g.mu.Unlock()
	select {
	case <-pass:
		return true
	case <-ctx.Done():
		return false
	}
}

// sleep waits for d and reports whether it was allowed to.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

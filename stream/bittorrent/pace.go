package bittorrent

import "time"

const (
	blockSize = 16 << 10 // bytes a request asks for, the convention since BEP 3

	// How many blocks a peer is asked for while nothing is known of it. Enough for a line of 50 Mbit/s at 40 ms.
	firstWindow = 16
	minWindow   = 4
	maxWindow   = 900 // what the library's write buffer takes at once, less a margin

	// queueTime is how much more than the line itself holds may be in flight: it keeps the line busy between two rounds of
	// the picker. It is also what a jump has to wait for, so it is short.
	queueTime = 40 * time.Millisecond
)

// A pace finds how many requests to keep in flight to one peer: enough to fill the line, no more, since after a jump all of
// them arrive first. It is the model of BBR (Cardwell et al., "BBR: congestion-based congestion control", 2016): the
// bandwidth is the highest recent delivery rate, the delay of the line is the lowest recent delay, and what the line holds
// is their product.
type pace struct {
	delivered   int64     // bytes received so far
	deliveredAt time.Time // when the last of them came
	rate        windowed  // bytes a second, highest
	delay       windowed  // seconds, lowest
}

// A sent remembers how things stood when a request was sent.
type sent struct {
	at          time.Time
	delivered   int64
	deliveredAt time.Time
	queued      int // requests in flight before it
}

func (p *pace) onSend(now time.Time, inflight int) sent {
	if inflight == 0 {
		p.deliveredAt = now // an idle line says nothing about its rate
	}
	return sent{now, p.delivered, p.deliveredAt, inflight}
}

func (p *pace) onReceive(now time.Time, s sent, n int) {
	p.delivered += int64(n)
	p.deliveredAt = now
	p.delay.min(now, now.Sub(s.at).Seconds())
	if dt := now.Sub(s.deliveredAt).Seconds(); dt > 0 {
		p.rate.max(now, float64(p.delivered-s.delivered)/dt)
	}
}

// window is how many requests may be in flight. The peer takes reqq of them at most.
func (p *pace) window(reqq int) int {
	n := firstWindow
	if rate, delay := p.rate.best, p.delay.best; rate > 0 {
		// Twice the delay: the rate can double from one round to the next until it finds the line's limit.
		n = int(rate * (2*delay + queueTime.Seconds()) / blockSize)
	}
	return max(minWindow, min(n, reqq, maxWindow))
}

// wait is how long a request sent now would take with inflight requests before it.
func (p *pace) wait(inflight int) time.Duration {
	if p.rate.best == 0 {
		return 200*time.Millisecond + time.Duration(inflight)*10*time.Millisecond
	}
	return seconds(p.delay.best + float64(inflight+1)*blockSize/p.rate.best)
}

// bytesPerSecond is the peer's highest recent rate, 0 when unknown.
func (p *pace) bytesPerSecond() float64 { return p.rate.best }

// memory is how long a windowed value is remembered.
const memory = 10 * time.Second

// A windowed is the extreme of a value over the last 10 to 20 seconds: of the two halves of that time the better, so that
// it needs no list.
type windowed struct {
	best          float64
	current, last float64 // extremes of this half and the one before
	until         time.Time
	halves        int // 0: no value yet, 1: only current
}

func (w *windowed) max(now time.Time, v float64) {
	w.add(now, v, func(a, b float64) bool { return a > b })
}
func (w *windowed) min(now time.Time, v float64) {
	w.add(now, v, func(a, b float64) bool { return a < b })
}

func (w *windowed) add(now time.Time, v float64, better func(a, b float64) bool) {
	if w.halves == 0 || now.After(w.until) {
		w.last, w.current = w.current, v
		w.halves = min(w.halves+1, 2)
		w.until = now.Add(memory)
	} else if better(v, w.current) {
		w.current = v
	}
	w.best = w.current
	if w.halves == 2 && better(w.last, w.best) {
		w.best = w.last
	}
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

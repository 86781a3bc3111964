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
// is their product. A full window hides the delay of the line behind its own queue, so every ten seconds a probe keeps the
// window small until some blocks have come that did not wait in a queue of ours.
type pace struct {
	delivered   int64     // bytes received so far
	deliveredAt time.Time // when the last of them came
	rate        windowed  // bytes a second, highest
	delay       windowed  // seconds, lowest: of single blocks up to the end of the first probe, of probes from then on
	probe       probe
}

const (
	probeAfter = time.Second // the first block, and a rest: a jump needs the whole window
	probeCount = 4           // blocks
)

// A probe measures the delay of a line without a queue. It is the highest delay of a few blocks: a peer that looks at its
// requests only twice a second (Transmission) now and then answers one at once, and that one says nothing about the next.
type probe struct {
	on      bool
	ever    bool      // one is complete
	next    time.Time // when the next one starts
	left    int       // blocks to come
	highest float64   // seconds
}

// A sent remembers how things stood when a request was sent.
type sent struct {
	at          time.Time
	delivered   int64
	deliveredAt time.Time
	queued      int  // requests in flight before it
	probe       bool // it found no queue of ours
}

func (p *pace) onSend(now time.Time, inflight int) sent {
	if inflight == 0 {
		if now.Sub(p.deliveredAt) > probeAfter {
			p.probe.on = false
			p.probe.next = later(p.probe.next, now.Add(probeAfter))
		}
		p.deliveredAt = now // an idle line says nothing about its rate
	}
	return sent{now, p.delivered, p.deliveredAt, inflight, p.probe.on}
}

func (p *pace) onReceive(now time.Time, s sent, n int) {
	p.delivered += int64(n)
	p.deliveredAt = now
	if dt := now.Sub(s.deliveredAt).Seconds(); dt > 0 {
		p.rate.max(now, float64(p.delivered-s.delivered)/dt)
	}
	delay := now.Sub(s.at).Seconds()
	if !p.probe.ever {
		p.delay.min(now, delay)
	}
	if p.probe.add(now, s, delay) {
		if !p.probe.ever {
			p.probe.ever, p.delay = true, windowed{}
		}
		p.delay.min(now, p.probe.highest)
	}
}

// add takes the delay of one block and reports whether the probe is complete with it.
func (b *probe) add(now time.Time, s sent, delay float64) (complete bool) {
	if !b.on {
		if now.After(b.next) {
			b.on, b.left, b.highest = true, probeCount, 0
		}
		return false
	}
	if !s.probe {
		return false
	}
	b.highest = max(b.highest, delay)
	b.left--
	if b.left > 0 {
		return false
	}
	b.on, b.next = false, now.Add(memory)
	return true
}

// window is how many requests may be in flight. The peer takes reqq of them at most.
func (p *pace) window(reqq int) int {
	n, least := firstWindow, minWindow
	if rate, delay := p.rate.best, p.delay.best; rate > 0 {
		// Twice the delay: the rate can double from one round to the next until it finds the line's limit.
		n = int(rate * (2*delay + queueTime.Seconds()) / blockSize)
		if p.probe.on {
			n, least = int(rate*delay/2/blockSize), 2
		}
	}
	return max(least, min(n, reqq, maxWindow))
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

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

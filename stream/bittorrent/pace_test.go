package bittorrent

import (
	"container/heap"
	"fmt"
	"testing"
	"time"
)

// A line is a simulated peer and the way to it and back: a discrete event simulation without a clock, so that minutes pass in
// milliseconds.
type line struct {
	rate  float64       // bytes a second
	delay time.Duration // round trip, half of it each way
	pulse time.Duration // the peer reads its requests only this often; 0: at once
	phase time.Duration // of the pulse

	now    time.Time
	free   time.Time // when the line has sent what it was given so far
	events events
	seq    int

	pace     pace
	reqq     int
	inflight int
	got      int64 // bytes
	peak     int   // highest inflight
}

// An event is the arrival of a request at the peer, or of a block here.
type event struct {
	at    time.Time
	seq   int
	block bool
	sent  sent
}

type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	return e[i].at.Before(e[j].at) || e[i].at.Equal(e[j].at) && e[i].seq < e[j].seq
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	last := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return last
}

func newLine(mbit float64, delay time.Duration) *line {
	return &line{rate: mbit * 1e6 / 8, delay: delay, now: time.Unix(1000, 0), reqq: maxWindow}
}

func (l *line) push(e event) {
	l.seq++
	e.seq = l.seq
	heap.Push(&l.events, e)
}

// fill asks for as much as the window allows.
func (l *line) fill() {
	for l.inflight < l.pace.window(l.reqq) {
		s := l.pace.onSend(l.now, l.inflight)
		l.inflight++
		l.push(event{at: l.now.Add(l.delay / 2), sent: s})
	}
	l.peak = max(l.peak, l.inflight)
}

// run simulates the next d. Like the picker it fills the window again once a quarter of it is free, and at every tick.
func (l *line) run(d time.Duration) {
	for end := l.now.Add(d); l.now.Before(end); {
		l.fill()
		next := l.now.Add(tick)
		if next.After(end) {
			next = end
		}
		for len(l.events) > 0 && !l.events[0].at.After(next) {
			e := heap.Pop(&l.events).(event)
			l.now = e.at
			if !e.block {
				l.answer(e)
				continue
			}
			l.receive(e)
			if l.inflight <= l.pace.window(l.reqq)*3/4 {
				l.fill()
			}
		}
		l.now = next
	}
}

// rest lets arrive what is under way, and asks for nothing more.
func (l *line) rest() {
	for len(l.events) > 0 {
		e := heap.Pop(&l.events).(event)
		l.now = e.at
		if e.block {
			l.receive(e)
		} else {
			l.answer(e)
		}
	}
}

// answer is the peer: it sends the block behind all that it was asked for before.
func (l *line) answer(e event) {
	start := e.at
	if l.pulse > 0 {
		since := time.Duration(start.UnixNano()) - l.phase
		start = start.Add((l.pulse - since%l.pulse) % l.pulse)
	}
	if l.free.After(start) {
		start = l.free
	}
	l.free = start.Add(seconds(blockSize / l.rate))
	l.push(event{at: l.free.Add(l.delay / 2), block: true, sent: e.sent})
}

func (l *line) receive(e event) {
	l.inflight--
	l.got += blockSize
	l.pace.onReceive(l.now, e.sent, blockSize)
}

// throughput runs for d and returns the bytes a second of that time.
func (l *line) throughput(d time.Duration) float64 {
	before := l.got
	l.run(d)
	return float64(l.got-before) / d.Seconds()
}

// holds is how many blocks the line itself holds.
func (l *line) holds() float64 { return l.rate * l.delay.Seconds() / blockSize }

// limit is how many blocks may be in flight: twice the delay and the queue's time. The delay that can be seen ends with the
// last byte of a block, which a few others may have gone before.
func (l *line) limit() int {
	seen := 1.02*l.delay.Seconds() + 3*blockSize/l.rate
	return max(minWindow, 1+int(l.rate*(2*seen+queueTime.Seconds())/blockSize))
}

func TestPaceFillsLine(t *testing.T) {
	tests := []struct {
		mbit  float64
		delay time.Duration
	}{
		{50, 40 * time.Millisecond},
		{50, 5 * time.Millisecond},
		{50, 200 * time.Millisecond},
		{4, 5 * time.Millisecond},
		{4, 40 * time.Millisecond},
		{4, 200 * time.Millisecond},
		{0.4, 40 * time.Millisecond},
		{500, 5 * time.Millisecond},
		{300, 20 * time.Millisecond},
		{20, 600 * time.Millisecond},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%vMbit/%v", tt.mbit, tt.delay), func(t *testing.T) {
			l := newLine(tt.mbit, tt.delay)
			l.run(6 * tt.delay)
			if float64(l.peak) < l.holds() {
				t.Errorf("after 6 round trips: %d requests in flight, and the line holds %.1f", l.peak, l.holds())
			}
			if got := l.pace.bytesPerSecond(); got > 1.01*l.rate {
				t.Errorf("rate %.0f, of a line of %.0f", got, l.rate)
			}
			l.run(10 * time.Second)
			l.peak = 0
			// A minute matters: a pace that sees its own queue as the line's delay grows without end.
			if got := l.throughput(time.Minute); got < 0.93*l.rate {
				t.Errorf("%.0f bytes a second, of %.0f", got, l.rate)
			}
			if l.peak > l.limit() {
				t.Errorf("up to %d requests in flight, want at most %d", l.peak, l.limit())
			}
		})
	}
}

func TestPaceLimits(t *testing.T) {
	var p pace
	for _, tt := range []struct{ reqq, want int }{{500, firstWindow}, {8, 8}, {1, minWindow}} {
		if got := p.window(tt.reqq); got != tt.want {
			t.Errorf("window(%d) of an unknown peer = %d, want %d", tt.reqq, got, tt.want)
		}
	}
	if got := p.bytesPerSecond(); got != 0 {
		t.Errorf("rate of an unknown peer = %v", got)
	}
	l := newLine(1000, 200*time.Millisecond)
	l.run(5 * time.Second)
	if got := l.pace.window(maxWindow + 500); got != maxWindow {
		t.Errorf("window = %d, want %d", got, maxWindow)
	}
	if got := l.pace.window(238); got != 238 {
		t.Errorf("window(238) = %d", got)
	}
}

// Transmission answers what it was asked for every half second. All it is owed at that moment is what it gives until the
// next, so its own limit is the right window, wherever between two pulses the first request came.
func TestPaceOfPulses(t *testing.T) {
	for phase := time.Duration(0); phase < 500*time.Millisecond; phase += 20 * time.Millisecond {
		l := newLine(1000, time.Millisecond)
		l.pulse, l.phase, l.reqq = 500*time.Millisecond, phase, safeReqq(512)
		l.run(6 * time.Second)
		if got := l.pace.window(l.reqq); got != 500 {
			t.Errorf("phase %v: window %d after 6 s, want 500", phase, got)
		}
		want := float64(l.reqq*blockSize) / l.pulse.Seconds()
		if got := l.throughput(20 * time.Second); got < 0.85*want {
			t.Errorf("phase %v: %.1f MB/s, want %.1f", phase, got/1e6, want/1e6)
		}
	}
}

func TestPaceFollows(t *testing.T) {
	tests := []struct {
		name   string
		change func(*line)
		within time.Duration
	}{
		{"slower", func(l *line) { l.rate /= 5 }, 20 * time.Second},
		{"much slower", func(l *line) { l.rate /= 50 }, 30 * time.Second},
		{"faster", func(l *line) { l.rate *= 10 }, time.Second},
		{"longer", func(l *line) { l.delay += 200 * time.Millisecond }, 25 * time.Second},
		{"shorter", func(l *line) { l.delay -= 35 * time.Millisecond }, 15 * time.Second},
		{"hiccup", func(l *line) { l.free = l.now.Add(700 * time.Millisecond) }, 12 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := newLine(50, 40*time.Millisecond)
			l.run(15 * time.Second)
			tt.change(l)
			l.run(tt.within)
			if got := l.throughput(time.Minute); got < 0.93*l.rate {
				t.Errorf("%.0f bytes a second, of %.0f", got, l.rate)
			}
			l.peak = 0
			l.run(time.Minute)
			if l.peak > l.limit() {
				t.Errorf("up to %d requests in flight, want at most %d", l.peak, l.limit())
			}
		})
	}
}

// A reader that rests must not find the window small, or the rate forgotten, when it jumps.
func TestPaceAfterRest(t *testing.T) {
	for _, busy := range []time.Duration{500 * time.Millisecond, 1020 * time.Millisecond, 1050 * time.Millisecond, 30 * time.Second} {
		l := newLine(50, 40*time.Millisecond)
		l.run(busy)
		l.rest()
		for _, rest := range []time.Duration{2 * time.Second, time.Minute, time.Hour} {
			l.now = l.now.Add(rest)
			l.got = 0
			l.run(time.Second)
			if got := float64(l.got); got < 0.9*l.rate {
				t.Errorf("busy for %v, %v later: %.0f bytes in a second, of %.0f", busy, rest, got, l.rate)
			}
			l.rest()
		}
	}
}

func TestPaceWait(t *testing.T) {
	var p pace
	if a, b := p.wait(0), p.wait(10); a <= 0 || b <= a {
		t.Errorf("unknown peer: wait %v, behind 10 others %v", a, b)
	}
	l := newLine(50, 40*time.Millisecond)
	l.run(5 * time.Second)
	block := seconds(blockSize / l.rate)
	for _, queued := range []int{0, 1, 20} {
		got := l.pace.wait(queued)
		want := l.delay + time.Duration(queued+1)*block
		if got < want || got > want+4*block {
			t.Errorf("wait(%d) = %v, want about %v", queued, got, want)
		}
	}
}

func TestWindowed(t *testing.T) {
	type step struct {
		at   float64 // seconds
		v    float64
		want float64 // the extreme then
	}
	tests := []struct {
		name  string
		add   func(*windowed, time.Time, float64)
		steps []step
	}{
		{"highest", (*windowed).max, []step{
			{0, 5, 5}, {1, 3, 5}, {2, 7, 7}, {9, 1, 7},
			{10.5, 2, 7}, {20, 1, 7}, // the half before still counts
			{20.6, 1, 2}, // and now no more
			{31, 1, 1},
		}},
		{"lowest", (*windowed).min, []step{
			{0, 5, 5}, {1, 7, 5}, {2, 3, 3}, {9, 9, 3},
			{10.5, 8, 3}, {20, 9, 3},
			{20.6, 9, 8},
			{31, 9, 9},
		}},
		{"first values below zero and zero", (*windowed).max, []step{{0, -2, -2}, {11, -3, -2}, {22, -4, -3}}},
		{"after a rest the last half counts", (*windowed).max, []step{{0, 5, 5}, {3600, 1, 5}, {3611, 1, 1}}},
	}
	for _, tt := range tests {
		var w windowed
		start := time.Unix(0, 0)
		for _, s := range tt.steps {
			tt.add(&w, start.Add(seconds(s.at)), s.v)
			if w.best != s.want {
				t.Errorf("%s: after %v at %v s: %v, want %v", tt.name, s.v, s.at, w.best, s.want)
			}
		}
	}
}

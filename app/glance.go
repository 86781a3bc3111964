package app

import (
	"context"
	"sync"
	"time"

	"github.com/zeronetscript/universal_p2p/stream"
	"github.com/zeronetscript/universal_p2p/stream/store"
	"github.com/zeronetscript/universal_p2p/stream/web"
)

// A Glance is the program as one look shows it, for an icon on the desktop.
type Glance struct {
	Used, Quota int64 // bytes of content on disk, and how many there may be
	Streams     int   // files being sent
	Rate        int64 // bytes a second that come from peers
	Paused      bool
	Problems    []web.Problem // what is wrong now
}

func (g Glance) same(o Glance) bool {
	if len(g.Problems) != len(o.Problems) {
		return false
	}
	for i, p := range g.Problems {
		if p.ID != o.Problems[i].ID || p.Text != o.Problems[i].Text {
			return false
		}
	}
	return g.Used == o.Used && g.Quota == o.Quota && g.Streams == o.Streams && g.Rate == o.Rate && g.Paused == o.Paused
}

// How often a watcher looks: at most, when there is one reason after the other, and while something is streamed.
const (
	glanceGap   = 250 * time.Millisecond
	glanceEvery = time.Second
)

// A watcher tells of every change of what a Glance shows. It looks while something is streamed, and when it is poked; else it sleeps,
// and with it the processor.
type watcher struct {
	poked chan struct{}
}

func newWatcher() *watcher { return &watcher{make(chan struct{}, 1)} }

// poke says that there may be something new to see. It never waits.
func (w *watcher) poke() {
	select {
	case w.poked <- struct{}{}:
	default:
	}
}

// start watches until ctx ends; the caller waits for the returned group. tell is called with one Glance after the other.
func (w *watcher) start(ctx context.Context, look func() Glance, meter *meter, tell func(Glance)) *sync.WaitGroup {
	var wg sync.WaitGroup
	wg.Go(func() {
		var last Glance
		for first := true; ; first = false {
			g := look()
			g.Rate = meter.read(time.Now())
			if first || !g.same(last) {
				tell(g)
				last = g
			}
			if !wait(ctx, glanceGap, nil) {
				return
			}
			var tick time.Duration
			if g.Streams > 0 || g.Rate > 0 {
				tick = glanceEvery - glanceGap
			}
			if !wait(ctx, tick, w.poked) {
				return
			}
		}
	})
	return &wg
}

// wait returns after d, unless that is 0, or when there is something in c; false when ctx has ended.
func wait(ctx context.Context, d time.Duration, c <-chan struct{}) bool {
	var timeout <-chan time.Time
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		timeout = timer.C
	}
	select {
	case <-ctx.Done():
		return false
	case <-timeout:
	case <-c:
	}
	return true
}

// A meter measures what comes from all networks together. One goroutine may use it.
type meter struct {
	monitors []stream.Monitor
	at       time.Time
	rate     int64
	last     map[string]int64 // bytes received, by root
}

func newMeter(protocols []web.Protocol) *meter {
	m := new(meter)
	for _, p := range protocols {
		if b, ok := p.Backend.(stream.Monitor); ok {
			m.monitors = append(m.monitors, b)
		}
	}
	return m
}

// read returns bytes a second since the last time but one, when that was only a moment ago.
func (m *meter) read(now time.Time) int64 {
	passed := now.Sub(m.at)
	if !m.at.IsZero() && passed < glanceEvery*9/10 {
		return m.rate
	}
	got, sum := make(map[string]int64), int64(0)
	for i, b := range m.monitors {
		for _, a := range b.Activities() {
			key := string(rune('0'+i)) + a.Root
			got[key] = a.Received
			sum += max(a.Received-m.last[key], 0) // of a new one all: it has come since
		}
	}
	m.rate = int64(float64(sum) / passed.Seconds())
	if passed > 2*glanceEvery { // nobody looked
		m.rate = 0
	}
	m.at, m.last = now, got
	return m.rate
}

// A Note is something that the user should hear of without looking.
type Note struct {
	What  NoteKind
	Site  string // of NoteSiteWaits and NoteExposed
	Bytes int64  // freed, of NoteRecycled; left on the disk, of NoteDiskLow
}

// A NoteKind is what a Note is about.
type NoteKind string

// What a program tells by itself.
const (
	NoteSiteWaits NoteKind = "site"     // a new site waits to be allowed
	NoteExposed   NoteKind = "exposed"  // a page of an overlay network loads content: peers can see this computer's address
	NoteRecycled  NoteKind = "recycled" // very much was removed because nobody had used it
	NoteDiskLow   NoteKind = "disk"     // the disk has less left than the reserve
	NoteFull      NoteKind = "full"     // content failed because there is no room, and nothing that could go
)

// noteRecycled is how many bytes may go by themselves without the user hearing of it.
const noteRecycled = 1 << 30

// look returns what there is to see, without the rate.
func (d *desk) look(front *web.Handler) Glance {
	u := d.store.Usage()
	return Glance{Used: u.Used, Quota: u.Quota, Streams: front.Streams(), Paused: front.Paused(), Problems: d.problems(u)}
}

// diskLow reports whether the disk has less left than the reserve.
func diskLow(u store.Usage) bool { return u.Free >= 0 && u.Free < u.Reserve }

// diskFull reports whether it is the disk, and not the quota, that leaves less room.
func diskFull(u store.Usage) bool {
	return diskLow(u) || u.Free >= 0 && u.Free-u.Reserve < u.Quota-u.Used
}

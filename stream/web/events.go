package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/zeronetscript/universal_p2p/stream"
)

// How the interface stays up to date (https://html.spec.whatwg.org/#server-sent-events). Whoever looks has a request of its own,
// and nothing is computed for anybody else; a page that is hidden ends its request.
const (
	maxViewers   = 8
	nowEvery     = time.Second
	overviewTick = 5              // every so many of them
	viewTime     = 12 * time.Hour // then a page asks again
)

// nowView is what changes all the time.
type nowView struct {
	Streams int          `json:"streams"` // files being sent
	Paused  bool         `json:"paused"`
	Active  []activeView `json:"active"`
}

// activeView is what happens with one root now.
type activeView struct {
	Protocol string    `json:"protocol"`
	Root     string    `json:"root"`
	Name     string    `json:"name"`
	Play     string    `json:"play"` // its page
	Peers    int       `json:"peers"`
	Known    int       `json:"known"` // addresses of peers
	Found    bool      `json:"found"` // the list of files is known
	Readers  int       `json:"readers"`
	Reading  []float64 `json:"reading,omitempty"` // where: from 0 to 1
	Size     int64     `json:"size"`
	Down     int64     `json:"down"`           // bytes a second
	Up       int64     `json:"up"`             // bytes a second
	Have     []byte    `json:"have,omitempty"` // base64 in JSON; see stream.Activity
}

// A pulse makes speeds of counters. It serves one viewer.
type pulse struct {
	at   time.Time
	last map[string]stream.Activity
}

// maxActive bounds what is told of at once.
const maxActive = 50

// beat looks at what the backends do. The first time there are no speeds.
func (p *pulse) beat(h *Handler, now time.Time) nowView {
	v := nowView{Streams: h.Streams(), Paused: h.Paused(), Active: []activeView{}}
	seen := make(map[string]stream.Activity)
	seconds := now.Sub(p.at).Seconds()
	for _, protocol := range h.cfg.Protocols {
		m, ok := protocol.Backend.(stream.Monitor)
		if !ok {
			continue
		}
		for _, a := range m.Activities() {
			key := protocol.Name + "/" + protocol.Version + "/" + a.Root
			seen[key] = a
			_, play := h.serves(protocol.Name, a.Root)
			view := activeView{
				Protocol: protocol.Name, Root: a.Root, Name: a.Name, Play: play,
				Peers: a.Peers, Known: a.Known, Found: a.Found,
				Readers: a.Readers, Reading: a.Reading, Size: a.Size, Have: a.Have,
			}
			if before, ok := p.last[key]; ok && seconds > 0 {
				view.Down = perSecond(a.Received-before.Received, seconds)
				view.Up = perSecond(a.Served-before.Served, seconds)
			}
			v.Active = append(v.Active, view)
		}
	}
	p.at, p.last = now, seen
	slices.SortFunc(v.Active, func(a, b activeView) int { // those in use first, and otherwise the same order each time
		if (a.Readers > 0) != (b.Readers > 0) {
			return b.Readers - a.Readers
		}
		return strings.Compare(a.Protocol+a.Root, b.Protocol+b.Root)
	})
	v.Active = v.Active[:min(len(v.Active), maxActive)]
	return v
}

func perSecond(n int64, seconds float64) int64 {
	return int64(float64(max(n, 0)) / seconds)
}

// events answers GET /api/v0/events: what the interface shows, whenever it has changed, until the page leaves.
func (h *Handler) events(w http.ResponseWriter, r *http.Request) {
	if err := h.authorized(r); err != nil {
		h.refuse(w, r, err)
		return
	}
	select {
	case h.viewers <- struct{}{}:
		defer func() { <-h.viewers }()
	default:
		h.refuse(w, r, errBusy)
		return
	}
	header := w.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	e := &eventStream{out: newSink(w, answerTime), last: make(map[string][]byte)}
	var p pulse
	tick := time.NewTicker(nowEvery)
	defer tick.Stop()
	end := time.NewTimer(viewTime)
	defer end.Stop()
	for n := 0; h.authorized(r) == nil; n++ { // until somebody logs out, or the session ends
		if n%overviewTick == 0 {
			o, err := h.overview(r.Context())
			if err != nil {
				if r.Context().Err() == nil {
					h.cfg.Log.Warn("the interface has no overview", "err", err)
				}
				return
			}
			e.send("overview", o)
		}
		e.send("now", p.beat(h, time.Now()))
		if e.flush() != nil {
			return
		}
		select {
		case <-tick.C:
		case <-end.C:
			return
		case <-r.Context().Done():
			return
		case <-h.cfg.Stop:
			return
		}
	}
}

// An eventStream sends events, each kind only when it is other than before.
type eventStream struct {
	out  *sink
	buf  bytes.Buffer
	last map[string][]byte
	idle int
}

func (e *eventStream) send(kind string, v any) {
	data, err := json.Marshal(v)
	if err != nil || bytes.Equal(data, e.last[kind]) {
		return
	}
	e.last[kind] = data
	fmt.Fprintf(&e.buf, "event: %s\ndata: %s\n\n", kind, data)
}

// flush sends what there is, and now and then a comment, so that a viewer who has left without a word is noticed.
func (e *eventStream) flush() error {
	if e.buf.Len() == 0 {
		if e.idle++; e.idle < 15 {
			return nil
		}
		e.buf.WriteString(":\n\n")
	}
	e.idle = 0
	err := e.out.write(e.buf.Bytes(), true)
	e.buf.Reset()
	return err
}

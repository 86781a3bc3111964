//go:build linux

package swarmtest

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/coder/websocket"
)

// A wsTracker is a tracker for peers in browsers. Those cannot listen, so it passes the first words between them: an announce
// carries WebRTC offers, each of which goes to another peer of the swarm, and the answer comes back the same way
// (https://github.com/webtorrent/bittorrent-tracker). Everything it sees is counted.
type wsTracker struct {
	url string

	mu     sync.Mutex
	dials  int
	swarms map[string]map[string]*wsPeer // by infohash and peer id, both as the protocol writes them
	log    []wsEvent
}

// A wsPeer is one peer of one swarm.
type wsPeer struct {
	id   string
	conn *websocket.Conn
}

// A wsEvent is something a peer has said.
type wsEvent struct {
	what string // "announce" or "answer"
	from string // peer id
}

// wsMessage is every message of the protocol, in both directions. Infohashes and peer ids are strings of one character a byte.
type wsMessage struct {
	Action     string    `json:"action"`
	InfoHash   string    `json:"info_hash,omitempty"`
	PeerID     string    `json:"peer_id,omitempty"`
	ToPeerID   string    `json:"to_peer_id,omitempty"`
	Event      string    `json:"event,omitempty"`
	OfferID    string    `json:"offer_id,omitempty"`
	Offers     []wsOffer `json:"offers,omitempty"`
	Offer      *wsSDP    `json:"offer,omitempty"`
	Answer     *wsSDP    `json:"answer,omitempty"`
	Interval   int       `json:"interval,omitempty"` // seconds
	Complete   *int      `json:"complete,omitempty"`
	Incomplete *int      `json:"incomplete,omitempty"`
}

type wsOffer struct {
	OfferID string `json:"offer_id"`
	Offer   *wsSDP `json:"offer"`
}

type wsSDP struct {
	Type string `json:"type"`
	SDP  string `json:"sdp"`
}

// newWSTracker runs a tracker until the test ends.
func newWSTracker(t *testing.T) *wsTracker {
	t.Helper()
	tr := &wsTracker{swarms: map[string]map[string]*wsPeer{}}
	ctx, cancel := context.WithCancel(context.Background())
	var peers sync.WaitGroup
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		peers.Add(1)
		defer peers.Done()
		tr.serve(ctx, w, r)
	}))
	t.Cleanup(func() {
		cancel()
		srv.Close()
		peers.Wait()
	})
	tr.url = "ws" + strings.TrimPrefix(srv.URL, "http") + "/announce"
	return tr
}

// serve talks to one peer until it goes away.
func (tr *wsTracker) serve(ctx context.Context, w http.ResponseWriter, r *http.Request) {
	tr.mu.Lock()
	tr.dials++
	tr.mu.Unlock()
	c, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true}) // from any page
	if err != nil {
		return
	}
	defer c.CloseNow()
	defer tr.leave(c)
	c.SetReadLimit(mib)
	for {
		_, data, err := c.Read(ctx)
		if err != nil {
			return
		}
		var m wsMessage
		if json.Unmarshal(data, &m) != nil || m.Action != "announce" {
			continue
		}
		for _, out := range tr.handle(c, m) {
			data, err := json.Marshal(out.wsMessage)
			if err == nil {
				out.to.Write(ctx, websocket.MessageText, data) // a peer that is gone finds out by itself
			}
		}
	}
}

type wsLetter struct {
	to *websocket.Conn
	wsMessage
}

// handle takes note of m and returns what is to be sent because of it.
func (tr *wsTracker) handle(c *websocket.Conn, m wsMessage) (out []wsLetter) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	swarm := tr.swarms[m.InfoHash]
	if m.Answer != nil {
		tr.log = append(tr.log, wsEvent{"answer", m.PeerID})
		if to := swarm[m.ToPeerID]; to != nil {
			out = append(out, wsLetter{to.conn, wsMessage{
				Action: m.Action, InfoHash: m.InfoHash, PeerID: m.PeerID, OfferID: m.OfferID, Answer: m.Answer}})
		}
		return out
	}
	tr.log = append(tr.log, wsEvent{"announce", m.PeerID})
	if swarm == nil {
		swarm = map[string]*wsPeer{}
		tr.swarms[m.InfoHash] = swarm
	}
	swarm[m.PeerID] = &wsPeer{m.PeerID, c}
	if m.Event == "stopped" {
		delete(swarm, m.PeerID)
		m.Offers = nil
	}
	complete, incomplete := 0, len(swarm)
	out = append(out, wsLetter{c, wsMessage{Action: m.Action, InfoHash: m.InfoHash, Interval: 120, Complete: &complete, Incomplete: &incomplete}})
	for _, to := range swarm {
		if to.id == m.PeerID || len(m.Offers) == 0 {
			continue
		}
		o := m.Offers[0]
		m.Offers = m.Offers[1:]
		out = append(out, wsLetter{to.conn, wsMessage{
			Action: m.Action, InfoHash: m.InfoHash, PeerID: m.PeerID, OfferID: o.OfferID, Offer: o.Offer}})
	}
	return out
}

// leave takes the peers behind c out of every swarm.
func (tr *wsTracker) leave(c *websocket.Conn) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	for _, swarm := range tr.swarms {
		for id, p := range swarm {
			if p.conn == c {
				delete(swarm, id)
			}
		}
	}
}

// said returns how often the peers whose id starts with prefix have said that.
func (tr *wsTracker) said(what, prefix string) (n int) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	for _, e := range tr.log {
		if e.what == what && strings.HasPrefix(e.from, prefix) {
			n++
		}
	}
	return n
}

// dialled returns how many connections have come.
func (tr *wsTracker) dialled() int {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.dials
}

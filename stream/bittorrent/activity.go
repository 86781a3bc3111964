package bittorrent

import (
	"cmp"
	"net/url"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"github.com/zeronetscript/universal_p2p/stream"
)

var (
	_ stream.Monitor    = (*Backend)(nil)
	_ stream.Recognizer = (*Backend)(nil)
	_ stream.Leaver     = (*Backend)(nil)
)

// Activities implements stream.Monitor.
func (b *Backend) Activities() []stream.Activity {
	b.mu.Lock()
	swarms := make(map[*swarm]string, len(b.swarms)) // a hybrid torrent is in the map twice
	for _, s := range b.swarms {
		if !s.leaving {
			swarms[s] = s.keys[0]
		}
	}
	b.mu.Unlock()
	as := make([]stream.Activity, 0, len(swarms))
	for s, key := range swarms {
		if !s.failed() {
			as = append(as, s.activity(key))
		}
	}
	return as
}

// activity reports on s, which is known by key.
func (s *swarm) activity(key string) stream.Activity {
	st := s.t.Stats()
	a := stream.Activity{
		Root:     key,
		Name:     displayName(s.t.Name()),
		Search:   stream.Search{Peers: st.ActivePeers, Known: st.TotalPeers},
		Received: st.BytesReadUsefulData.Int64(),
		Served:   st.BytesWrittenData.Int64(),
	}
	if !s.prepared() {
		return a
	}
	a.Root, a.Name, a.Found = s.id, s.list.name, true
	a.Size, a.Have = s.layout.content(), s.obj.Coverage(stream.MaxHave)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.needs {
		a.Reading = append(a.Reading, float64(n.pos)/float64(max(a.Size, 1)))
	}
	now := time.Now()
	for _, g := range s.glows { // a player between two of its requests
		if now.Before(g.until) {
			a.Reading = append(a.Reading, float64(g.pos)/float64(max(a.Size, 1)))
		}
	}
	a.Readers = len(a.Reading)
	return a
}

// Recognize implements stream.Recognizer. What a .torrent that the user gave says of trackers and web seeds is part of the hints,
// unless it is private (BEP 27): then they hold a passkey. No magnet link has a path.
func (b *Backend) Recognize(text string) (root stream.Root, path string, ok bool) {
	tg, err := parseRoot(stream.Root{ID: strings.TrimSpace(text)})
	if err != nil {
		return root, "", false
	}
	if mi, info := b.keptMetainfo(tg); mi != nil && (info.Private == nil || !*info.Private) {
		own := targetOf(mi, info)
		tg.trackers = appendHints(tg.trackers, own.trackers, maxTrackers, isTracker)
		tg.webSeeds = appendHints(tg.webSeeds, own.webSeeds, maxWebSeeds, isWebSeed)
		tg.name = cmp.Or(tg.name, info.BestName())
	}
	hints := make(url.Values)
	for key, values := range map[string][]string{"tr": tg.trackers, "ws": tg.webSeeds, "x.pe": tg.peers} {
		if len(values) > 0 {
			hints[key] = values
		}
	}
	if tg.name != "" {
		hints.Set("dn", displayName(tg.name))
	}
	return stream.Root{ID: tg.id(), Hints: hints}, "", true
}

// SetUploadRate changes how much is uploaded in a second, in bytes, for all torrents together. 0 is no limit.
func (b *Backend) SetUploadRate(bytesPerSecond int64) {
	// The library panics on a request for more than the burst. Without a limit it takes requests of this many bytes.
	const most = 1 << 20
	burst, limit := most, rate.Inf
	if bytesPerSecond > 0 {
		burst, limit = int(max(most, bytesPerSecond)), rate.Limit(bytesPerSecond)
	}
	b.upRate.SetBurst(max(burst, b.upRate.Burst()))
	b.upRate.SetLimit(limit)
}

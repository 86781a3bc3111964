//go:build linux

package swarmtest

import (
	"encoding/binary"
	"encoding/hex"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
)

// A tracker answers announces with fixed peers (BEP 3, BEP 23).
type tracker struct {
	*httptest.Server
	mu        sync.Mutex
	peers     map[string][]string // by hex infohash
	announces map[string]int
}

func newTracker(t *testing.T) *tracker {
	t.Helper()
	tr := &tracker{peers: map[string][]string{}, announces: map[string]int{}}
	tr.Server = httptest.NewServer(tr)
	t.Cleanup(tr.Close)
	return tr
}

// trackerOf returns the announce URL of a tracker that knows these peers of one torrent.
func trackerOf(t *testing.T, hash string, peers ...string) string {
	t.Helper()
	tr := newTracker(t)
	tr.set(hash, peers...)
	return tr.announce()
}

func (tr *tracker) announce() string { return tr.URL + "/announce" }

// set makes peers the swarm of the torrent.
func (tr *tracker) set(hash string, peers ...string) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.peers[hash] = peers
}

// announced returns how many announces came for the torrent.
func (tr *tracker) announced(hash string) int {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.announces[hash]
}

func (tr *tracker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	hash := hex.EncodeToString([]byte(r.URL.Query().Get("info_hash")))
	tr.mu.Lock()
	peers := tr.peers[hash]
	tr.announces[hash]++
	tr.mu.Unlock()
	var compact []byte
	for _, p := range peers {
		host, port, err := net.SplitHostPort(p)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		n, _ := strconv.Atoi(port)
		compact = append(compact, net.ParseIP(host).To4()...)
		compact = binary.BigEndian.AppendUint16(compact, uint16(n))
	}
	w.Write(bencode(nil, map[string]any{
		"interval": int64(1800), "min interval": int64(60), "complete": int64(len(peers)), "incomplete": int64(0), "peers": string(compact),
	}))
}

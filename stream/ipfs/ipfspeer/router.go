package ipfspeer

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"

	"github.com/libp2p/go-libp2p/core/peer"
)

// A Router answers /routing/v1: whoever asks, for whatever block, is told the same providers.
// https://specs.ipfs.tech/routing/http-routing-v1/
type Router struct {
	mu        sync.Mutex
	providers []provider
	names     map[string][]byte
	asked     int
}

type provider struct {
	Schema    string
	ID        string
	Addrs     []string
	Protocols []string
}

// Provide adds a provider: a peer, or, with gateway, an address that speaks HTTP.
func (r *Router) Provide(p peer.AddrInfo, gateway bool) {
	e := provider{Schema: "peer", ID: p.ID.String(), Protocols: []string{"transport-bitswap"}}
	if gateway {
		e.Protocols = []string{"transport-ipfs-gateway-http"}
	}
	for _, a := range p.Addrs {
		e.Addrs = append(e.Addrs, a.String())
	}
	r.mu.Lock()
	r.providers = append(r.providers, e)
	r.mu.Unlock()
}

// SetName publishes a record of IPNS.
func (r *Router) SetName(name string, record []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.names == nil {
		r.names = make(map[string][]byte)
	}
	r.names[name] = record
}

// Asked is how many questions there were for providers.
func (r *Router) Asked() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.asked
}

// ServeHTTP implements http.Handler.
func (r *Router) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if name, ok := strings.CutPrefix(req.URL.Path, "/routing/v1/ipns/"); ok {
		record := r.names[name]
		if record == nil {
			http.NotFound(w, req)
			return
		}
		w.Header().Set("Content-Type", "application/vnd.ipfs.ipns-record")
		w.Write(record)
		return
	}
	if !strings.HasPrefix(req.URL.Path, "/routing/v1/providers/") {
		http.NotFound(w, req)
		return
	}
	r.asked++
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]any{"Providers": r.providers})
}

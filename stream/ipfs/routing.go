package ipfs

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/ipfs/boxo/ipns"
	rclient "github.com/ipfs/boxo/routing/http/client"
	"github.com/ipfs/boxo/routing/http/contentrouter"
	"github.com/ipfs/go-cid"
	dht "github.com/libp2p/go-libp2p-kad-dht"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/routing"
	"github.com/multiformats/go-multiaddr"
	"github.com/multiformats/go-multihash"

	"github.com/zeronetscript/universal_p2p/stream/ipfs/internal/p2p"
)

// A source can tell who has a block, and what a name stands for.
type source interface {
	routing.ContentDiscovery
	routing.ValueStore
}

// routers asks all sources at once: the first answer wins, and none waits for another.
type routers struct {
	sources  []source
	gateways []peer.AddrInfo // asked for any block
}

var (
	_ routing.ContentDiscovery = (*routers)(nil)
	_ routing.ValueStore       = (*routers)(nil)
)

// FindProvidersAsync implements routing.ContentDiscovery.
func (r *routers) FindProvidersAsync(ctx context.Context, c cid.Cid, n int) <-chan peer.AddrInfo {
	out := make(chan peer.AddrInfo)
	var wg sync.WaitGroup
	send := func(p peer.AddrInfo) bool {
		select {
		case out <- p:
			return true
		case <-ctx.Done():
			return false
		}
	}
	wg.Go(func() {
		for _, p := range r.gateways {
			if !send(p) {
				return
			}
		}
	})
	for _, s := range r.sources {
		wg.Go(func() {
			for p := range s.FindProvidersAsync(ctx, c, n) {
				if !send(p) {
					return // ctx is done, so that the source ends as well
				}
			}
		})
	}
	go func() {
		wg.Wait()
		close(out)
	}()
	return out
}

// GetValue implements routing.ValueStore.
func (r *routers) GetValue(ctx context.Context, key string, opts ...routing.Option) ([]byte, error) {
	values, err := r.SearchValue(ctx, key, opts...)
	if err != nil {
		return nil, err
	}
	if v, ok := <-values; ok {
		return v, nil
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return nil, routing.ErrNotFound
}

// SearchValue implements routing.ValueStore. There is one value at most, the newest of those that come in time; the sources have
// checked it. The library takes the last value there is, and waits until it knows that there is no other.
func (r *routers) SearchValue(ctx context.Context, key string, opts ...routing.Option) (<-chan []byte, error) {
	ctx, cancel := context.WithCancel(ctx)
	found := make(chan []byte)
	var wg sync.WaitGroup
	for _, s := range r.sources {
		wg.Go(func() {
			values, err := s.SearchValue(ctx, key, opts...)
			if err != nil {
				return
			}
			for v := range values {
				select {
				case found <- v:
				case <-ctx.Done():
					return
				}
			}
		})
	}
	go func() {
		wg.Wait()
		close(found)
	}()
	out := make(chan []byte, 1)
	go func() {
		defer close(out)
		defer cancel()
		if v := newest(ctx, found); v != nil {
			out <- v
		}
	}()
	return out, nil
}

// betterTime is how long a record waits for a newer one. Somebody who does not answer at all would else hold up every name.
const betterTime = 300 * time.Millisecond

// newest returns the newest of the records that come until betterTime after the first, or nil when none comes.
func newest(ctx context.Context, records <-chan []byte) (best []byte) {
	var late <-chan time.Time
	for {
		select {
		case v, ok := <-records:
			if !ok {
				return best
			}
			if best == nil {
				best, late = v, time.After(betterTime)
			} else if i, err := (ipns.Validator{}).Select("", [][]byte{best, v}); err == nil && i == 1 {
				best = v
			}
		case <-late:
			return best
		case <-ctx.Done():
			return best
		}
	}
}

// PutValue implements routing.ValueStore. We publish nothing.
func (*routers) PutValue(context.Context, string, []byte, ...routing.Option) error {
	return routing.ErrNotSupported
}

// httpProviders is what an endpoint of /routing/v1 is asked for: by default it would leave out those that serve blocks by HTTP.
func httpProviders() []string {
	return []string{"unknown", "transport-bitswap", "transport-ipfs-gateway-http"}
}

// newRouter is a source that asks an endpoint of /routing/v1. https://specs.ipfs.tech/routing/http-routing-v1/
func newRouter(endpoint string, tr *http.Transport) (source, error) {
	c, err := rclient.New(endpoint, rclient.WithProtocolFilter(httpProviders()), rclient.WithHTTPClient(&http.Client{
		Transport: &rclient.ResponseBodyLimitedTransport{RoundTripper: tr, LimitBytes: 1 << 20, UserAgent: p2p.UserAgent},
		Timeout:   30 * time.Second,
		// It could lead into a private network.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}))
	if err != nil {
		return nil, fmt.Errorf("ipfs: router %s: %w", endpoint, err)
	}
	return contentrouter.NewContentRoutingClient(c), nil
}

// A dhtSource is one of our hash tables as a source.
type dhtSource struct{ *dht.IpfsDHT }

// FindProvidersAsync waits, for a while, until there is anybody to ask: a table that has just been begun is empty, and would know at
// once that nobody has anything.
func (d dhtSource) FindProvidersAsync(ctx context.Context, c cid.Cid, n int) <-chan peer.AddrInfo {
	if d.peopled(ctx) {
		return d.IpfsDHT.FindProvidersAsync(ctx, c, n)
	}
	none := make(chan peer.AddrInfo)
	close(none)
	return none
}

// peopleTime is how long a new table is given to find somebody.
const peopleTime = 10 * time.Second

func (d dhtSource) peopled(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, peopleTime)
	defer cancel()
	for wait := 5 * time.Millisecond; d.RoutingTable().Size() == 0; wait = min(2*wait, 200*time.Millisecond) {
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// SearchValue looks for one good record only: the next lookup may find a better one.
func (d dhtSource) SearchValue(ctx context.Context, key string, opts ...routing.Option) (<-chan []byte, error) {
	if !d.peopled(ctx) {
		return nil, routing.ErrNotFound
	}
	return d.IpfsDHT.SearchValue(ctx, key, append(opts, dht.Quorum(1))...)
}

// gatewayPeer is what a trustless gateway is to the exchange: a peer with an address that speaks HTTP. Its ID is made up.
func gatewayPeer(endpoint string) (p peer.AddrInfo, hostPort string, err error) {
	u, err := url.Parse(endpoint)
	if err != nil {
		return p, "", fmt.Errorf("ipfs: gateway: %w", err)
	}
	port := u.Port()
	switch {
	case u.Host == "" || u.User != nil || u.RawQuery != "" || strings.Trim(u.Path, "/") != "":
		err = errors.New("want https://host or https://host:port")
	case u.Scheme == "https" && port == "":
		port = "443"
	case u.Scheme == "http" && port == "":
		port = "80"
	case u.Scheme != "https" && u.Scheme != "http":
		err = errors.New("it is neither https nor http")
	}
	if err != nil {
		return p, "", fmt.Errorf("ipfs: gateway %s: %w", endpoint, err)
	}
	host := "/dns/" + u.Hostname()
	if ip := net.ParseIP(u.Hostname()); ip != nil {
		if host = "/ip4/" + ip.String(); ip.To4() == nil {
			host = "/ip6/" + ip.String()
		}
	}
	addr := host + "/tcp/" + port + "/" + u.Scheme
	m, err := multiaddr.NewMultiaddr(addr)
	if err != nil {
		return p, "", fmt.Errorf("ipfs: gateway %s: %w", endpoint, err)
	}
	id, err := multihash.Sum([]byte(addr), multihash.SHA2_256, -1)
	if err != nil {
		return p, "", fmt.Errorf("ipfs: gateway %s: %w", endpoint, err)
	}
	return peer.AddrInfo{ID: peer.ID(id), Addrs: []multiaddr.Multiaddr{m}}, net.JoinHostPort(u.Hostname(), port), nil
}

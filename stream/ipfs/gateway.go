package ipfs

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/ipfs/boxo/blockservice"
	"github.com/ipfs/boxo/exchange/offline"
	"github.com/ipfs/boxo/gateway"
	"github.com/ipfs/boxo/ipns"
	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/routing"
	"github.com/prometheus/client_golang/prometheus"
)

// A gatewayServer answers on the addresses that all of IPFS knows: /ipfs/<cid>/…, /ipns/<name>/…, and the hosts
// <cid>.ipfs.localhost and <name>.ipns.localhost. The answers are the library's, which keeps to
// https://specs.ipfs.tech/http-gateways/; who may ask, and what an answer may do in a browser, is the business of the front.
type gatewayServer struct {
	handler http.Handler
}

// newGateway returns the gateway of a backend. It has nothing to be closed, and wakes nobody by itself.
func newGateway(b *Backend) (*gatewayServer, error) {
	blocks, names := b.blockService(), gateway.WithNameSystem(b.nameSystem())
	all, err := gateway.NewBlocksBackend(blocks, names, gateway.WithValueStore(lazyValues{b}))
	if err != nil {
		return nil, fmt.Errorf("ipfs: gateway: %w", err)
	}
	local := blocks.Blockstore()
	here, err := gateway.NewBlocksBackend(blockservice.New(local, offline.Exchange(local)), names)
	if err != nil {
		return nil, fmt.Errorf("ipfs: gateway: %w", err)
	}
	backend := &watched{all, here, blocks, b.visit}
	config := gateway.Config{
		DeserializedResponses: true,
		DisableHTMLErrors:     true,
		DeprecatedXIpfsPath:   true, // there are programs that still look at it
		// Only this host leads to others: 127.0.0.1 has none below it, so that there all roots share one origin.
		PublicGateways: map[string]*gateway.PublicGateway{"localhost": {
			Paths: []string{"/" + ipfsNamespace, "/" + ipnsNamespace}, UseSubdomains: true, InlineDNSLink: true, NoDNSLink: true, DeserializedResponses: true,
		}},
		// How long to wait for a byte, and for a client that takes none, is decided by the caller; this is for both together.
		MaxRequestDuration: 365 * 24 * time.Hour,
		MetricsRegistry:    prometheus.NewRegistry(), // which nobody reads
	}
	h := gateway.NewHostnameHandler(config, backend, gateway.NewHandler(config, backend))
	return &gatewayServer{gatewayHeaders().Wrap(h)}, nil
}

// gatewayHeaders lets any page read the answers and what is said about them.
func gatewayHeaders() *gateway.Headers {
	return gateway.NewHeaders(map[string][]string{
		"Access-Control-Allow-Headers":  {"If-None-Match", "If-Range"},
		"Access-Control-Expose-Headers": {"Accept-Ranges", "Etag", "Content-Location"},
		"Access-Control-Max-Age":        {"600"},
	}).WithDeprecatedXIpfsPath().ApplyCors()
}

// answerOptions answers OPTIONS, for which nobody has to be woken.
func answerOptions(w http.ResponseWriter, r *http.Request) {
	gatewayHeaders().Wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Allow", "GET, HEAD, OPTIONS")
		w.WriteHeader(http.StatusNoContent)
	})).ServeHTTP(w, r)
}

// serve answers a GET or HEAD. It calls found before it sends anything out of a root. An error is there instead of an answer, or
// says that what was sent is not all.
func (g *gatewayServer) serve(w http.ResponseWriter, r *http.Request, found func(protocol, root, path string) error) error {
	c := &call{found: found}
	defer c.end()
	out := &gatewayWriter{ResponseWriter: w, call: c, hasBody: r.Method == http.MethodGet}
	g.handler.ServeHTTP(out, r.WithContext(context.WithValue(r.Context(), callKey{}, c)))
	return out.outcome(r.Context())
}

// The namespaces, which are the names of our protocols too.
const (
	ipfsNamespace = "ipfs"
	ipnsNamespace = "ipns"
)

// lazyValues are the records that the node of the moment finds.
type lazyValues struct{ b *Backend }

func (l lazyValues) GetValue(ctx context.Context, key string, opts ...routing.Option) ([]byte, error) {
	n, release, err := l.b.waker.hold(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	return n.routers.GetValue(ctx, key, opts...)
}

// SearchValue implements routing.ValueStore. Nobody here searches, and one record is enough.
func (l lazyValues) SearchValue(ctx context.Context, key string, opts ...routing.Option) (<-chan []byte, error) {
	value, err := l.GetValue(ctx, key, opts...)
	if err != nil {
		return nil, err
	}
	values := make(chan []byte, 1)
	values <- value
	close(values)
	return values, nil
}

// PutValue implements routing.ValueStore. We publish nothing.
func (lazyValues) PutValue(context.Context, string, []byte, ...routing.Option) error {
	return routing.ErrNotSupported
}

// serveNative is what the front asks for at an address of IPFS.
func (b *Backend) serveNative(w http.ResponseWriter, r *http.Request, found func(protocol, root, path string) error) error {
	if r.Method == http.MethodOptions {
		answerOptions(w, r)
		return nil
	}
	g, err := b.gateway()
	if err != nil {
		return err
	}
	return b.closedOr(g.serve(w, r, found))
}

// NativeRoot returns the one spelling of a CID, in whatever codec.
func (*Backend) NativeRoot(name string) (id string, ok bool) {
	if len(name) > maxRoot {
		return "", false
	}
	c, err := cid.Decode(name)
	if err != nil {
		return "", false
	}
	return canonical(c), true
}

// NativeHost reports whether the user has given a host to IPFS.
func (b *Backend) NativeHost(host string) bool { return b.hosts[host] }

// ServeNative answers for /ipfs/<cid> and on <cid>.ipfs.localhost. See web.Native for what it promises.
func (b *Backend) ServeNative(w http.ResponseWriter, r *http.Request, found func(protocol, root, path string) error) error {
	return b.serveNative(w, r, found)
}

// NativeRoot is Backend.NativeRoot for names.
func (*Names) NativeRoot(name string) (id string, ok bool) { return nativeName(name) }

// NativeHost reports whether the user has given a host to IPFS.
func (n *Names) NativeHost(host string) bool { return n.b.NativeHost(host) }

// ServeNative answers for /ipns/<name> and on <name>.ipns.localhost.
func (n *Names) ServeNative(w http.ResponseWriter, r *http.Request, found func(protocol, root, path string) error) error {
	return n.b.serveNative(w, r, found)
}

// nativeName returns the one spelling of a name: of a key, or of a domain that has a DNSLink (https://dnslink.dev), also where it is
// written as one label of a host (https://specs.ipfs.tech/http-gateways/subdomain-gateway/#host-request-header). A key may say that
// it is something else, and a domain of a private network may have one label: the gateway knows both.
func nativeName(s string) (id string, ok bool) {
	if name, err := parseName(s); err == nil {
		return name, true
	}
	if len(s) > maxRoot {
		return "", false
	}
	if c, err := cid.Decode(s); err == nil {
		if name, err := ipns.NameFromCid(cid.NewCidV1(cid.Libp2pKey, c.Hash())); err == nil {
			return name.String(), true
		}
	}
	s = strings.ToLower(s)
	return s, isDomain(s + ".example")
}

// gatewayHosts are the hosts that the user has given to IPFS: those of the config, and the names that the environment maps to
// content, as all programs of IPFS know it: IPFS_NS_MAP="site.example:/ipfs/<cid>,…".
func gatewayHosts(config []string) map[string]bool {
	hosts := make(map[string]bool)
	for _, host := range config {
		hosts[strings.ToLower(strings.TrimSpace(host))] = true
	}
	for pair := range strings.SplitSeq(os.Getenv("IPFS_NS_MAP"), ",") {
		if name, _, ok := strings.Cut(pair, ":"); ok && name != "" {
			hosts[strings.ToLower(name)] = true
		}
	}
	return hosts
}

package ipfs

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"reflect"
	"sync"
	"time"
	"unsafe"

	"github.com/ipfs/boxo/bitswap"
	bsclient "github.com/ipfs/boxo/bitswap/client"
	bsnet "github.com/ipfs/boxo/bitswap/network"
	bsp2p "github.com/ipfs/boxo/bitswap/network/bsnet"
	"github.com/ipfs/boxo/bitswap/network/httpnet"
	"github.com/ipfs/boxo/blockstore"
	"github.com/ipfs/boxo/namesys"
	dht "github.com/libp2p/go-libp2p-kad-dht"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/multiformats/go-multiaddr"
	madns "github.com/multiformats/go-multiaddr-dns"

	"github.com/zeronetscript/universal_p2p/stream/ipfs/internal/p2p"
)

// searchDelay is how long a block is waited for from those that are connected before others are looked for. The library's own is
// a second, which with few peers is a second lost.
const searchDelay = 20 * time.Millisecond

// maxBlock is the largest block that is taken, in bytes: what the specification of bitswap allows.
// https://specs.ipfs.tech/bitswap-protocol/#block-sizes
const maxBlock = 2 << 20

// A node is our part of the network, from waking up to falling asleep.
type node struct {
	host    *p2p.Host
	dhts    []*dht.IpfsDHT
	routers *routers
	swap    *bitswap.Bitswap
	names   namesys.NameSystem
	cancel  context.CancelFunc
	started sync.WaitGroup // what goes on since the start in the background
	idleWeb []*http.Transport
}

// startNode starts a node. It waits for nobody.
func startNode(cfg *Config, g guard, blocks blockstore.Blockstore) (n *node, err error) {
	ctx, cancel := context.WithCancel(context.Background())
	n = &node{cancel: cancel, routers: new(routers)}
	defer func() {
		if err != nil {
			n.close()
			n = nil
		}
	}()
	for _, endpoint := range cfg.Gateways {
		p, _, err := gatewayPeer(endpoint)
		if err != nil {
			return n, err
		}
		n.routers.gateways = append(n.routers.gateways, p)
	}
	if n.host, err = p2p.NewHost(p2p.Options{Gater: g, Local: g.allowLocal}); err != nil {
		return n, err
	}
	bootstrap, err := bootstrapPeers(cfg.Bootstrap)
	if err != nil {
		return n, err
	}
	web := &http.Transport{DialContext: (&net.Dialer{Timeout: 10 * time.Second}).DialContext, ForceAttemptHTTP2: true, IdleConnTimeout: 30 * time.Second}
	n.idleWeb = append(n.idleWeb, web)
	for _, endpoint := range cfg.Routers {
		s, err := newRouter(endpoint, web)
		if err != nil {
			return n, err
		}
		n.routers.sources = append(n.routers.sources, s)
	}
	if len(bootstrap) > 0 {
		extensions := []protocol.ID{""}
		if g.allowLocal {
			extensions = append(extensions, "/lan") // where nodes of a private network keep what is theirs
		}
		for _, x := range extensions {
			if err := n.joinDHT(x, bootstrap); err != nil {
				return n, err
			}
		}
	}
	if err := n.startBitswap(ctx, cfg, g, blocks); err != nil {
		return n, err
	}
	for _, d := range n.dhts { // after bitswap, which would not notice who is connected before it
		if err := d.Bootstrap(ctx); err != nil {
			return n, fmt.Errorf("ipfs: hash table: %w", err)
		}
	}
	for _, p := range bootstrap {
		n.started.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
			defer cancel()
			n.host.Connect(ctx, p) // else the hash table tries again
		})
	}
	resolver := madns.BasicResolver(madns.DefaultResolver)
	if cfg.resolver != nil {
		resolver = cfg.resolver
	}
	n.names, err = namesys.NewNameSystem(n.routers, namesys.WithCache(256), namesys.WithMaxCacheTTL(time.Minute), namesys.WithDNSResolver(resolver))
	if err != nil {
		return n, fmt.Errorf("ipfs: names: %w", err)
	}
	return n, nil
}

func (n *node) joinDHT(extension protocol.ID, bootstrap []peer.AddrInfo) error {
	opts := []dht.Option{dht.Mode(dht.ModeClient), dht.BootstrapPeers(bootstrap...)}
	if extension != "" {
		opts = append(opts, dht.ProtocolExtension(extension))
	}
	d, err := dht.New(n.host, opts...)
	if err != nil {
		return fmt.Errorf("ipfs: hash table: %w", err)
	}
	n.dhts = append(n.dhts, d)
	n.routers.sources = append(n.routers.sources, dhtSource{d})
	return nil
}

func (n *node) startBitswap(ctx context.Context, cfg *Config, g guard, blocks blockstore.Blockstore) error {
	events := bsnet.NewConnectEventManager()
	web := httpnet.New(n.host, httpnet.WithConnectEventManager(events), httpnet.WithUserAgent(p2p.UserAgent),
		httpnet.WithMaxBlockSize(maxBlock), httpnet.WithHTTPWorkers(16), httpnet.WithMaxIdleConns(16))
	tr, err := guardWeb(web, g)
	if err != nil {
		return err
	}
	n.idleWeb = append(n.idleWeb, tr)
	both := bsnet.New(n.host.Peerstore(), bsp2p.NewFromIpfsHost(n.host, bsp2p.WithConnectEventManager(events)), web)
	n.swap = bitswap.New(ctx, both, n.routers, blocks,
		bitswap.WithServerEnabled(cfg.Share),
		bitswap.ProviderSearchDelay(searchDelay),
		bitswap.WithoutDuplicatedBlockStats(),
		bitswap.WithClientOption(bsclient.BroadcastControlEnable(true)),
		bitswap.EngineBlockstoreWorkerCount(4),
	)
	return nil
}

// guardWeb makes the HTTP client of the library dial through the guard. It has no option for that; a version in which the client
// stands elsewhere is refused.
func guardWeb(web bsnet.BitSwapNetwork, g guard) (*http.Transport, error) {
	unsupported := errors.New("ipfs: httpnet.Network has no HTTP client to be guarded: this version of boxo is not supported")
	v, ok := web.(*httpnet.Network)
	if !ok {
		return nil, unsupported
	}
	f, ok := reflect.TypeFor[httpnet.Network]().FieldByName("client")
	if !ok || f.Type != reflect.TypeFor[*http.Client]() {
		return nil, unsupported
	}
	client := *(**http.Client)(unsafe.Add(unsafe.Pointer(v), f.Offset))
	tr, ok := client.Transport.(*http.Transport)
	if !ok {
		return nil, unsupported
	}
	tr.DialContext, tr.Proxy = g.dialContext, nil // a proxy would be dialled in place of the peer
	return tr, nil
}

// bootstrapPeers parses multiaddrs that end in /p2p/ID.
func bootstrapPeers(addrs []string) ([]peer.AddrInfo, error) {
	ms := make([]multiaddr.Multiaddr, 0, len(addrs))
	for _, a := range addrs {
		m, err := multiaddr.NewMultiaddr(a)
		if err != nil {
			return nil, fmt.Errorf("ipfs: bootstrap peer %q: %w", a, err)
		}
		ms = append(ms, m)
	}
	infos, err := peer.AddrInfosFromP2pAddrs(ms...)
	if err != nil {
		return nil, fmt.Errorf("ipfs: bootstrap peers: %w", err)
	}
	return infos, nil
}

// close ends the node, and returns when nothing of it is left.
func (n *node) close() error {
	n.cancel()
	n.started.Wait()
	var errs []error
	if n.swap != nil {
		errs = append(errs, n.swap.Close())
	}
	for _, d := range n.dhts {
		errs = append(errs, d.Close())
	}
	if n.host != nil {
		errs = append(errs, n.host.Close())
	}
	for _, tr := range n.idleWeb {
		tr.CloseIdleConnections()
	}
	return errors.Join(errs...)
}

package bittorrent

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/anacrolix/dht/v2"
	"github.com/anacrolix/dht/v2/krpc"
	"github.com/anacrolix/torrent"
)

// saveNodes is how often the DHT's nodes are written down, so that the next start finds peers without the bootstrap nodes.
const saveNodes = 10 * time.Minute

// bootstrap returns the resolver of the nodes a DHT without nodes starts from. It never finds none: the library starts a search
// each minute as long as it has no nodes, and leaves a goroutine behind for each that has nowhere to start.
func bootstrap(hosts []string) func(network string) dht.StartingNodesGetter {
	return func(network string) dht.StartingNodesGetter {
		return func() ([]dht.Addr, error) {
			var addrs []dht.Addr
			for _, h := range hosts {
				if ua, err := net.ResolveUDPAddr(network, h); err == nil {
					addrs = append(addrs, dht.NewAddr(ua))
				}
			}
			if len(addrs) == 0 {
				addrs = append(addrs, dht.NewAddr(nowhere(network)))
			}
			return addrs, nil
		}
	}
}

// nowhere is a node that does not answer: the discard port of this machine, which the guard does not even let us ask.
func nowhere(network string) *net.UDPAddr {
	if network == "udp6" {
		return &net.UDPAddr{IP: net.IPv6loopback, Port: 9}
	}
	return &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9}
}

// A nodeKeeper keeps the nodes of the DHT in a file, in the compact form of BEP 5.
type nodeKeeper struct {
	client *torrent.Client
	file   string
	log    *slog.Logger
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

// keepNodes gives the client the nodes of last time and writes them down from now on, until close.
func keepNodes(cl *torrent.Client, dir string, log *slog.Logger) *nodeKeeper {
	ctx, cancel := context.WithCancel(context.Background())
	k := &nodeKeeper{client: cl, file: filepath.Join(dir, "dht.nodes"), log: log, cancel: cancel}
	k.load()
	k.wg.Go(func() {
		t := time.NewTicker(saveNodes)
		defer t.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-t.C:
				k.save()
			}
		}
	})
	return k
}

func (k *nodeKeeper) close() {
	k.cancel()
	k.wg.Wait()
	k.save()
}

func (k *nodeKeeper) servers() []*dht.Server {
	var servers []*dht.Server
	for _, s := range k.client.DhtServers() {
		if w, ok := s.(torrent.AnacrolixDhtServerWrapper); ok {
			servers = append(servers, w.Server)
		}
	}
	return servers
}

func (k *nodeKeeper) load() {
	nodes, err := dht.ReadNodesFromFile(k.file)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			k.log.Warn("the saved DHT nodes cannot be read, starting without", "file", k.file, "err", err)
		}
		return
	}
	for _, s := range k.servers() {
		for _, n := range nodes {
			s.AddNode(n) // one that does not suit this server's IP version is refused; so be it
		}
	}
}

// save replaces the file in one step. An empty table is no reason to forget the nodes of last time.
func (k *nodeKeeper) save() {
	var nodes []krpc.NodeInfo
	for _, s := range k.servers() {
		nodes = append(nodes, s.Nodes()...)
	}
	if len(nodes) == 0 {
		return
	}
	tmp := k.file + ".tmp"
	err := dht.WriteNodesToFile(nodes, tmp)
	if err == nil {
		err = os.Rename(tmp, k.file)
	}
	if err != nil {
		k.log.Warn("the DHT nodes cannot be saved", "file", k.file, "err", err)
	}
}

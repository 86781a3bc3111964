// Package ipfspeer is an IPFS peer with a little content in memory, that listens on this machine only: the demo and the tests fetch
// from it what the program would else fetch from strangers.
package ipfspeer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/ipfs/boxo/bitswap"
	"github.com/ipfs/boxo/bitswap/network/bsnet"
	"github.com/ipfs/boxo/blockservice"
	"github.com/ipfs/boxo/blockstore"
	chunker "github.com/ipfs/boxo/chunker"
	"github.com/ipfs/boxo/exchange/offline"
	"github.com/ipfs/boxo/ipld/merkledag"
	"github.com/ipfs/boxo/ipld/unixfs/importer/balanced"
	"github.com/ipfs/boxo/ipld/unixfs/importer/helpers"
	unixfs "github.com/ipfs/boxo/ipld/unixfs/io"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
	"github.com/libp2p/go-libp2p/core/control"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"
	"github.com/multiformats/go-multihash"

	"github.com/zeronetscript/universal_p2p/stream/ipfs/internal/p2p"
)

// A Peer is an IPFS peer. Its methods are safe for concurrent use.
type Peer struct {
	host  *p2p.Host
	swap  *bitswap.Bitswap
	dag   ipld.DAGService
	store *memory
}

// Options say how files are cut into blocks. The zero value is as kubo does it with version 1 of CIDs.
type Options struct {
	Chunk     int  // bytes of a leaf; 0 is 256 KiB
	Links     int  // of an inner node; 0 is 174
	V0        bool // CIDs of version 0, and leaves that are dag-pb
	ShardFrom int  // bytes of a folder from which it is a HAMT; 0 is 256 KiB
}

// Start starts a peer without content.
func Start() (*Peer, error) {
	h, err := p2p.NewHost(p2p.Options{Gater: openGate{}, Local: true, Listen: []string{"/ip4/127.0.0.1/tcp/0"}})
	if err != nil {
		return nil, err
	}
	p := &Peer{host: h, store: &memory{blocks: make(map[string][]byte)}}
	p.dag = merkledag.NewDAGService(blockservice.New(p.store, offline.Exchange(p.store)))
	p.swap = bitswap.New(context.Background(), bsnet.NewFromIpfsHost(h), nil, p.store)
	return p, nil
}

// Close ends the peer.
func (p *Peer) Close() error {
	return errors.Join(p.swap.Close(), p.host.Close())
}

// Info is where the peer is.
func (p *Peer) Info() peer.AddrInfo {
	return peer.AddrInfo{ID: p.host.ID(), Addrs: p.host.Addrs()}
}

// Addr is a multiaddr of the peer with its ID, as bootstrap peers are written.
func (p *Peer) Addr() (multiaddr.Multiaddr, error) {
	info := p.Info()
	all, err := peer.AddrInfoToP2pAddrs(&info)
	if err != nil || len(all) == 0 {
		return nil, errors.Join(err, errors.New("ipfs: the peer has no address"))
	}
	return all[0], nil
}

// Connections is how many peers are connected.
func (p *Peer) Connections() int { return len(p.host.Network().Peers()) }

// Fetch asks the peers that are connected for a block.
func (p *Peer) Fetch(ctx context.Context, c cid.Cid) ([]byte, error) {
	b, err := p.swap.GetBlock(ctx, c)
	if err != nil {
		return nil, err
	}
	return b.RawData(), nil
}

// Withhold sets which blocks the peer says nothing about though it has them. Nil is none.
func (p *Peer) Withhold(f func(c cid.Cid) bool) {
	p.store.mu.Lock()
	p.store.withhold = f
	p.store.mu.Unlock()
}

// Corrupt sets what is sent in place of a block. Nil is the block.
func (p *Peer) Corrupt(f func(c cid.Cid, data []byte) []byte) {
	p.store.mu.Lock()
	p.store.corrupt = f
	p.store.mu.Unlock()
}

// Sent is how often each block was sent, by its CID in version 1.
func (p *Peer) Sent() map[string]int {
	p.store.mu.Lock()
	defer p.store.mu.Unlock()
	return maps.Clone(p.store.sent)
}

// AddFile puts one file in and returns its CID.
func (p *Peer) AddFile(ctx context.Context, data []byte, o Options) (cid.Cid, error) {
	n, err := p.addFile(ctx, data, o)
	if err != nil {
		return cid.Undef, err
	}
	return n.Cid(), nil
}

func (p *Peer) addFile(ctx context.Context, data []byte, o Options) (ipld.Node, error) {
	chunk, links := o.Chunk, o.Links
	if chunk == 0 {
		chunk = 256 << 10
	}
	if links == 0 {
		links = 174
	}
	params := helpers.DagBuilderParams{Maxlinks: links, RawLeaves: !o.V0, CidBuilder: o.builder(), Dagserv: p.dag}
	b, err := params.New(chunker.NewSizeSplitter(bytes.NewReader(data), int64(chunk)))
	if err != nil {
		return nil, fmt.Errorf("ipfs: adding a file: %w", err)
	}
	n, err := balanced.Layout(b)
	if err != nil {
		return nil, fmt.Errorf("ipfs: adding a file: %w", err)
	}
	return n, p.dag.Add(ctx, n)
}

func (o Options) builder() cid.Builder {
	if o.V0 {
		return cid.V0Builder{}
	}
	return cid.V1Builder{Codec: cid.DagProtobuf, MhType: multihash.SHA2_256}
}

// AddFolder puts files in, path to content, and returns the CID of the folder that has them.
func (p *Peer) AddFolder(ctx context.Context, files map[string][]byte, o Options) (cid.Cid, error) {
	n, err := p.addFolder(ctx, files, o)
	if err != nil {
		return cid.Undef, err
	}
	return n.Cid(), nil
}

func (p *Peer) addFolder(ctx context.Context, files map[string][]byte, o Options) (ipld.Node, error) {
	dir, err := unixfs.NewDirectory(p.dag, unixfs.WithCidBuilder(o.builder()))
	if err != nil {
		return nil, fmt.Errorf("ipfs: adding a folder: %w", err)
	}
	if o.ShardFrom > 0 {
		dir.SetHAMTShardingSize(o.ShardFrom)
	}
	inner := make(map[string]map[string][]byte)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if top, rest, ok := strings.Cut(path.Clean(name), "/"); ok {
			if inner[top] == nil {
				inner[top] = make(map[string][]byte)
			}
			inner[top][rest] = files[name]
			continue
		}
		n, err := p.addFile(ctx, files[name], o)
		if err != nil {
			return nil, err
		}
		if err := dir.AddChild(ctx, name, n); err != nil {
			return nil, fmt.Errorf("ipfs: adding %s: %w", name, err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(inner)) {
		n, err := p.addFolder(ctx, inner[name], o)
		if err != nil {
			return nil, err
		}
		if err := dir.AddChild(ctx, name, n); err != nil {
			return nil, fmt.Errorf("ipfs: adding %s: %w", name, err)
		}
	}
	n, err := dir.GetNode()
	if err != nil {
		return nil, fmt.Errorf("ipfs: adding a folder: %w", err)
	}
	return n, p.dag.Add(ctx, n)
}

// AddBlock puts a block in as it is.
func (p *Peer) AddBlock(c cid.Cid, data []byte) {
	p.store.mu.Lock()
	p.store.blocks[string(c.Hash())] = data
	p.store.mu.Unlock()
}

// memory is a blockstore in memory.
type memory struct {
	mu       sync.Mutex
	blocks   map[string][]byte // by multihash
	sent     map[string]int
	withhold func(cid.Cid) bool
	corrupt  func(cid.Cid, []byte) []byte
}

var _ blockstore.Blockstore = (*memory)(nil)

func (m *memory) get(c cid.Cid) []byte {
	data := m.blocks[string(c.Hash())]
	if m.withhold != nil && m.withhold(c) {
		return nil
	}
	return data
}

func (m *memory) Has(_ context.Context, c cid.Cid) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.get(c) != nil, nil
}

func (m *memory) Get(_ context.Context, c cid.Cid) (blocks.Block, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	data := m.get(c)
	if data == nil {
		return nil, ipld.ErrNotFound{Cid: c}
	}
	if m.sent == nil {
		m.sent = make(map[string]int)
	}
	m.sent[cid.NewCidV1(c.Prefix().Codec, c.Hash()).String()]++
	if m.corrupt != nil {
		data = m.corrupt(c, data)
	}
	return blocks.NewBlockWithCid(data, c)
}

func (m *memory) GetSize(_ context.Context, c cid.Cid) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	data := m.get(c)
	if data == nil {
		return -1, ipld.ErrNotFound{Cid: c}
	}
	return len(data), nil
}

func (m *memory) Put(_ context.Context, b blocks.Block) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.blocks[string(b.Cid().Hash())] = append([]byte{}, b.RawData()...)
	return nil
}

func (m *memory) PutMany(ctx context.Context, bs []blocks.Block) error {
	for _, b := range bs {
		m.Put(ctx, b)
	}
	return nil
}

func (m *memory) DeleteBlock(_ context.Context, c cid.Cid) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.blocks, string(c.Hash()))
	return nil
}

func (m *memory) AllKeysChan(context.Context) (<-chan cid.Cid, error) {
	none := make(chan cid.Cid)
	close(none)
	return none, nil
}

// openGate lets every connection pass: this peer is here to be connected to, and dials nobody.
type openGate struct{}

func (openGate) InterceptPeerDial(peer.ID) bool                      { return true }
func (openGate) InterceptAddrDial(peer.ID, multiaddr.Multiaddr) bool { return true }
func (openGate) InterceptAccept(network.ConnMultiaddrs) bool         { return true }
func (openGate) InterceptSecured(network.Direction, peer.ID, network.ConnMultiaddrs) bool {
	return true
}
func (openGate) InterceptUpgraded(network.Conn) (bool, control.DisconnectReason) { return true, 0 }

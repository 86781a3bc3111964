//go:build !noipfs

package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ipfs/boxo/blockservice"
	"github.com/ipfs/boxo/blockstore"
	chunker "github.com/ipfs/boxo/chunker"
	"github.com/ipfs/boxo/exchange/offline"
	"github.com/ipfs/boxo/gateway"
	"github.com/ipfs/boxo/ipld/merkledag"
	"github.com/ipfs/boxo/ipld/unixfs"
	"github.com/ipfs/boxo/ipld/unixfs/importer/balanced"
	"github.com/ipfs/boxo/ipld/unixfs/importer/helpers"
	uio "github.com/ipfs/boxo/ipld/unixfs/io"
	"github.com/ipfs/boxo/ipns"
	ipath "github.com/ipfs/boxo/path"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	"github.com/ipfs/go-datastore"
	dssync "github.com/ipfs/go-datastore/sync"
	ipld "github.com/ipfs/go-ipld-format"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/routing"
	"github.com/multiformats/go-multihash"
	"github.com/prometheus/client_golang/prometheus"
)

// A dagBuilder makes the content that gateways are tested with, as the reference implementation would: with its importer.
type dagBuilder struct {
	t     testing.TB
	store blockstore.Blockstore
	dag   ipld.DAGService
	names map[string][]byte // records, by the routing key of their name
	given atomic.Int64      // bytes that serve has given
	bad   sync.Map          // of blocks, by multihash as text: what serve does instead of giving them, a func(http.ResponseWriter)
}

func newDAG(t testing.TB) *dagBuilder {
	store := blockstore.NewIdStore(blockstore.NewBlockstore(dssync.MutexWrap(datastore.NewMapDatastore())))
	return &dagBuilder{t, store, merkledag.NewDAGService(blockservice.New(store, offline.Exchange(store))), make(map[string][]byte), atomic.Int64{}, sync.Map{}}
}

func (b *dagBuilder) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// file adds a file in blocks of so many bytes, with the CIDs of version 1 that have raw leaves, or those of version 0.
func (b *dagBuilder) file(data []byte, size int64, version int) ipld.Node {
	prefix, err := merkledag.PrefixForCidVersion(version)
	b.must(err)
	links := helpers.DefaultLinksPerBlock
	if size < 1<<10 { // small files of several levels
		links = 4
	}
	p := helpers.DagBuilderParams{Dagserv: b.dag, Maxlinks: links, RawLeaves: version == 1, CidBuilder: prefix}
	db, err := p.New(chunker.NewSizeSplitter(bytes.NewReader(data), size))
	b.must(err)
	node, err := balanced.Layout(db)
	b.must(err)
	return node
}

func (b *dagBuilder) text(s string) ipld.Node { return b.file([]byte(s), 1<<18, 1) }

func (b *dagBuilder) symlink(to string) ipld.Node {
	data, err := unixfs.SymlinkData(to)
	b.must(err)
	node := merkledag.NodeWithData(data)
	b.must(node.SetCidBuilder(cid.V1Builder{Codec: cid.DagProtobuf, MhType: multihash.SHA2_256}))
	b.must(b.dag.Add(b.t.Context(), node))
	return node
}

// dir adds a folder with what is named in entries: a string is a text file, a map a folder, and a node is itself.
func (b *dagBuilder) dir(entries map[string]any) ipld.Node {
	d, err := uio.NewBasicDirectory(b.dag, uio.WithCidBuilder(cid.V1Builder{Codec: cid.DagProtobuf, MhType: multihash.SHA2_256}))
	b.must(err)
	return b.fill(d, entries)
}

// sharded is dir for a folder that is cut into a tree of blocks by the hashes of its names.
func (b *dagBuilder) sharded(entries map[string]any) ipld.Node {
	d, err := uio.NewHAMTDirectory(b.dag, 0, uio.WithCidBuilder(cid.V1Builder{Codec: cid.DagProtobuf, MhType: multihash.SHA2_256}))
	b.must(err)
	return b.fill(d, entries)
}

func (b *dagBuilder) fill(d uio.Directory, entries map[string]any) ipld.Node {
	for name, e := range entries {
		var node ipld.Node
		switch e := e.(type) {
		case string:
			node = b.text(e)
		case map[string]any:
			node = b.dir(e)
		case ipld.Node:
			node = e
		}
		b.must(d.AddChild(b.t.Context(), name, node))
	}
	node, err := d.GetNode()
	b.must(err)
	b.must(b.dag.Add(b.t.Context(), node))
	return node
}

// block adds a block of another codec as it is.
func (b *dagBuilder) block(codec uint64, data []byte) cid.Cid {
	h, err := multihash.Sum(data, multihash.SHA2_256, -1)
	b.must(err)
	block, err := blocks.NewBlockWithCid(data, cid.NewCidV1(codec, h))
	b.must(err)
	b.must(b.store.Put(b.t.Context(), block))
	return block.Cid()
}

// bytes returns a block.
func (b *dagBuilder) bytes(c cid.Cid) []byte {
	block, err := b.store.Get(b.t.Context(), c)
	b.must(err)
	return block.RawData()
}

// name publishes a path under a new key.
func (b *dagBuilder) name(to string, ttl time.Duration) (name ipns.Name, record []byte) {
	key, _, err := crypto.GenerateEd25519Key(rand.NewChaCha8([32]byte{byte(len(b.names))}))
	b.must(err)
	p, err := ipath.NewPath(to)
	b.must(err)
	r, err := ipns.NewRecord(key, p, 1, time.Now().Add(time.Hour), ttl)
	b.must(err)
	record, err = ipns.MarshalRecord(r)
	b.must(err)
	id, err := peer.IDFromPublicKey(key.GetPublic())
	b.must(err)
	name = ipns.NameFromPeer(id)
	b.names[string(name.RoutingKey())] = record
	return name, record
}

// GetValue implements routing.ValueStore.
func (b *dagBuilder) GetValue(_ context.Context, key string, _ ...routing.Option) ([]byte, error) {
	if record, ok := b.names[key]; ok {
		return record, nil
	}
	return nil, routing.ErrNotFound
}

// SearchValue implements routing.ValueStore.
func (b *dagBuilder) SearchValue(ctx context.Context, key string, _ ...routing.Option) (<-chan []byte, error) {
	out := make(chan []byte, 1)
	if record, err := b.GetValue(ctx, key); err == nil {
		out <- record
	}
	close(out)
	return out, nil
}

// PutValue implements routing.ValueStore.
func (*dagBuilder) PutValue(context.Context, string, []byte, ...routing.Option) error {
	return errors.New("nothing is published here")
}

// serve is the content as others have it: a trustless gateway, and an endpoint of /routing/v1 for the names.
func (b *dagBuilder) serve() *httptest.Server {
	backend, err := gateway.NewBlocksBackend(blockservice.New(b.store, offline.Exchange(b.store)), gateway.WithValueStore(b))
	b.must(err)
	trustless := gateway.NewHandler(gateway.Config{MetricsRegistry: prometheus.NewRegistry()}, backend)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, ok := strings.CutPrefix(r.URL.Path, "/routing/v1/ipns/")
		if !ok {
			id, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/ipfs/"), "/")
			if c, err := cid.Decode(id); err == nil {
				if instead, ok := b.bad.Load(c.Hash().B58String()); ok {
					instead.(func(http.ResponseWriter))(w)
					return
				}
			}
			trustless.ServeHTTP(counting{w, &b.given}, r)
			return
		}
		n, err := ipns.NameFromString(name)
		record := b.names[string(n.RoutingKey())]
		if err != nil || record == nil {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/vnd.ipfs.ipns-record")
		w.Header().Set("Cache-Control", "max-age=60")
		w.Write(record)
	}))
	b.t.Cleanup(srv.Close)
	return srv
}

// counting counts the bytes that are written.
type counting struct {
	http.ResponseWriter
	n *atomic.Int64
}

func (c counting) Write(p []byte) (int, error) {
	n, err := c.ResponseWriter.Write(p)
	c.n.Add(int64(n))
	return n, err
}

// lose makes others have a block no more.
func (b *dagBuilder) lose(c cid.Cid) {
	b.bad.Store(c.Hash().B58String(), func(w http.ResponseWriter) { w.WriteHeader(http.StatusNotFound) })
}

// spoil makes others give wrong bytes for a block.
func (b *dagBuilder) spoil(c cid.Cid) {
	b.bad.Store(c.Hash().B58String(), func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "application/vnd.ipld.raw")
		w.Write([]byte("something else"))
	})
}

// gatewayContent is what the gateway is asked for.
type gatewayContent struct {
	*dagBuilder
	root, site, plainSite, links, shards ipld.Node
	long                                 []byte
	longFile, oldFile                    ipld.Node // long in versions 1 and 0
	json, cbor                           cid.Cid
	name                                 ipns.Name // of root
	record                               []byte
	siteName                             ipns.Name // of site
}

// identity is "hello\n", which is all in its CID.
const identity = "bafkqabtimvwgy3yk"

func newGatewayContent(t testing.TB) *gatewayContent {
	c := &gatewayContent{dagBuilder: newDAG(t), long: make([]byte, 3000)}
	for i := range c.long {
		c.long[i] = byte(i % 251)
	}
	c.longFile, c.oldFile = c.file(c.long, 256, 1), c.file(c.long, 256, 0)
	many := make(map[string]any)
	for i := range 80 {
		many[fmt.Sprintf("%d.txt", i)] = fmt.Sprintf("number %d", i)
	}
	c.shards = c.sharded(many)
	c.links = c.dir(map[string]any{"foo": "content", "bar": c.symlink("foo")})
	c.json = c.block(cid.DagJSON, []byte(`{"hello":"world"}`))
	c.cbor = c.block(cid.DagCBOR, []byte("\xa1\x65hello\x65world"))
	c.root = c.dir(map[string]any{
		"ascii.txt": "hello application/vnd.ipld.car\n",
		"ą":         map[string]any{"ę": map[string]any{"file-źł.txt": "a file"}},
		"ipfs":      map[string]any{"file.txt": "I am a txt file", "ipns": map[string]any{"bar": "text-file-content"}},
		"long.bin":  c.longFile,
		"page.html": "<!doctype html><title>A page</title><script>document.title = 'acted'</script>",
		"code.js":   "window.ran = true",
		"a.png":     "\x89PNG\r\n\x1a\n",
		"film.mp4":  c.file(bytes.Repeat([]byte("film"), 1<<20), 1<<18, 1),
		"web":       map[string]any{"index.html": "<!doctype html><title>index</title>"},
		"100%25 é=": "odd",
	})
	c.site = c.dir(map[string]any{
		"index.html": "my index", "one.html": "my one", "404.html": "my 404", "410.html": "my 410", "451.html": "my 451",
		"_redirects": "/redirect-one /one.html\n/301-redirect-one /one.html 301\n/302-redirect-two /two.html 302\n/200-index /index.html 200\n" +
			"/posts/:year/:month/:day/:title /articles/:year/:month/:day/:title 301\n/splat/* /redirected-splat/:splat 301\n" +
			"/not-found/* /404.html 404\n/gone/* /410.html 410\n/unavail/* /451.html 451\n/* /index.html 200\n",
	})
	c.plainSite = c.dir(map[string]any{"_redirects": "/forced /one.html 301!\n", "one.html": "one"})
	c.name, c.record = c.dagBuilder.name("/ipfs/"+c.root.Cid().String(), 5*time.Minute)
	c.siteName, _ = c.dagBuilder.name("/ipfs/"+c.site.Cid().String(), 0)
	return c
}

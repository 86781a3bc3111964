package ipfs_test

import (
	"context"
	"io"
	"log/slog"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/zeronetscript/universal_p2p/stream"
	"github.com/zeronetscript/universal_p2p/stream/ipfs"
	"github.com/zeronetscript/universal_p2p/stream/ipfs/ipfspeer"
	"github.com/zeronetscript/universal_p2p/stream/store"
)

// newPeer starts a peer without content.
func newPeer(t testing.TB) *ipfspeer.Peer {
	t.Helper()
	p, err := ipfspeer.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Errorf("closing the peer: %v", err)
		}
	})
	return p
}

// newRouter starts an endpoint of /routing/v1 that names these peers, and returns its URL.
func newRouter(t testing.TB, peers ...*ipfspeer.Peer) (*ipfspeer.Router, string) {
	t.Helper()
	r := new(ipfspeer.Router)
	for _, p := range peers {
		r.Provide(p.Info(), false)
	}
	srv := httptest.NewServer(r)
	t.Cleanup(srv.Close)
	return r, srv.URL
}

// newStore opens a store in a folder of the test.
func newStore(t testing.TB, dir string, quota int64) *store.Store {
	t.Helper()
	st, err := store.Open(dir, store.Options{Quota: quota})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	return st
}

// newBackend starts a backend that finds peers by these routers.
func newBackend(t testing.TB, st *store.Store, routers []string, change func(*ipfs.Config)) *ipfs.Backend {
	t.Helper()
	cfg := ipfs.Config{Store: st, AllowLocalPeers: true, Routers: routers}
	if testing.Verbose() {
		cfg.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	if change != nil {
		change(&cfg)
	}
	b, err := ipfs.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Errorf("closing the backend: %v", err)
		}
	})
	return b
}

// open opens a tree, to be closed at the end of the test.
func open(t testing.TB, b stream.Backend, id string) stream.Tree {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	tree, err := b.Open(ctx, stream.Root{ID: id})
	if err != nil {
		t.Fatalf("Open(%s): %v", id, err)
	}
	t.Cleanup(func() { tree.Close() })
	return tree
}

// content returns what the file at path has.
func content(t testing.TB, tree stream.Tree, path string) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	f, rest, err := tree.Lookup(ctx, path)
	if err != nil || rest != "" {
		t.Fatalf("Lookup(%q): rest %q, %v", path, rest, err)
	}
	r, err := f.Open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("reading %q: %v", path, err)
	}
	return data
}

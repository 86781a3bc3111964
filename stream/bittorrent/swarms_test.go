package bittorrent_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/anacrolix/torrent/metainfo"
	infohashv2 "github.com/anacrolix/torrent/types/infohash-v2"

	"github.com/zeronetscript/universal_p2p/stream"
	"github.com/zeronetscript/universal_p2p/stream/bittorrent"
)

const fixtureSize = 100_000 // of single.bin

// names are the infohashes of a fixture: v1, v2, and the first 20 bytes of v2.
func (s *seed) names() (v1, v2, short string) {
	h := infohashv2.HashBytes(s.mi.InfoBytes)
	return s.mi.HashInfoBytes().HexString(), h.HexString(), h.HexString()[:40]
}

func (s *seed) rootBy(name string) stream.Root {
	return stream.Root{ID: name, Hints: url.Values{"x.pe": {s.addr}}}
}

// eventually waits until ok.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for start := time.Now(); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Since(start) > 20*time.Second {
			t.Fatalf("never: %s", what)
		}
	}
}

// A hybrid torrent that is waited for by both of its infohashes turns out to be one torrent. It stays one when those who came
// by one of them have left.
func TestHybridByBothNames(t *testing.T) {
	s := newFixtureSeed(t, "libtorrent-hybrid-single", "single.bin", fixtureSize)
	v1, v2, short := s.names()
	for i := range 12 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			b, _ := newBackend(t, t.TempDir(), 64<<20, func(c *bittorrent.Config) { c.Grace = 20 * time.Millisecond })
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			names := []string{v1, v2, short}
			trees := make([]stream.Tree, len(names))
			var wg sync.WaitGroup
			for k, name := range names { // they wait, and are separate
				wg.Go(func() {
					tree, err := b.Open(ctx, stream.Root{ID: name})
					if err != nil {
						t.Error(err)
					}
					trees[k] = tree
				})
			}
			eventually(t, "two torrents are searched", func() bool { return b.Torrents() == 2 })
			if i == 0 { // one swarm finds it, and the other has nobody
				open(t, b, s.rootBy(v2)).Close()
			} else { // each has somebody to ask, at the same time
				for _, name := range names {
					wg.Go(func() { open(t, b, s.rootBy(name)) })
				}
			}
			wg.Wait()
			if t.Failed() {
				t.FailNow()
			}
			if n := b.Torrents(); n != 1 {
				t.Fatalf("there are %d torrents in the client", n)
			}
			for k, tree := range trees {
				if tree.ID() != v1 {
					t.Errorf("by %s it is %s", names[k], tree.ID())
				}
				if k > 0 {
					tree.Close()
				}
			}
			time.Sleep(50 * time.Millisecond) // what is unused has left
			for _, name := range []string{v1, short} {
				if !b.Knows(metainfo.NewHashFromHex(name)) {
					t.Errorf("peers that look for %s are sent away", name)
				}
			}
			f := lookup(t, trees[0], "single.bin")
			if got := readAll(t, f, 0, fixtureSize, false); !bytes.Equal(got, s.files["single.bin"]) {
				t.Error("wrong bytes")
			}
			if n := b.Torrents(); n != 1 {
				t.Errorf("there are %d torrents in the client", n)
			}
		})
	}
}

// Whatever name a request comes by and whoever leaves meanwhile, it gets a torrent that works.
func TestOpenWhileLeaving(t *testing.T) {
	s := newFixtureSeed(t, "libtorrent-v2-single", "single.bin", fixtureSize)
	_, v2, short := s.names()
	b, _ := newBackend(t, t.TempDir(), 64<<20, func(c *bittorrent.Config) { c.Grace = time.Nanosecond })
	want := s.files["single.bin"]
	var wg sync.WaitGroup
	for _, name := range []string{v2, short, v2, short} {
		wg.Go(func() {
			for range 40 {
				start := time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				tree, err := b.Open(ctx, s.rootBy(name))
				cancel()
				if err != nil {
					t.Error(err)
					return
				}
				if tree.ID() != v2 {
					t.Errorf("by %s it is %s", name, tree.ID())
				}
				if got := readAll(t, lookup(t, tree, ""), fixtureSize-100, 100, false); !bytes.Equal(got, want[fixtureSize-100:]) {
					t.Error("wrong bytes")
				}
				tree.Close()
				if took := time.Since(start); took > 8*time.Second {
					t.Errorf("by %s it took %v", name, took)
				}
			}
		})
	}
	wg.Wait()
	eventually(t, "the torrent leaves", func() bool { return b.Torrents() == 0 })
}

// The short form of a v2 infohash is the torrent that is open by the whole of it.
func TestShortName(t *testing.T) {
	s := newFixtureSeed(t, "libtorrent-v2-single", "single.bin", fixtureSize)
	_, v2, short := s.names()
	for _, names := range [][]string{{v2, short}, {short, v2}} {
		b, _ := newBackend(t, t.TempDir(), 64<<20, func(c *bittorrent.Config) { c.Grace = time.Millisecond })
		first := open(t, b, s.rootBy(names[0]))
		second := open(t, b, s.rootBy(names[1]))
		first.Close()
		time.Sleep(50 * time.Millisecond)
		if got := readAll(t, lookup(t, second, ""), 0, fixtureSize, false); !bytes.Equal(got, s.files["single.bin"]) {
			t.Error("wrong bytes")
		}
		if n := b.Torrents(); n != 1 {
			t.Errorf("there are %d torrents in the client", n)
		}
	}
}

// A page can open thousands of torrents and go away.
func TestAbortedOpens(t *testing.T) {
	b, _ := newBackend(t, t.TempDir(), 64<<20, func(c *bittorrent.Config) { c.Grace = 2 * time.Second })
	before := runtime.NumGoroutine()
	most := 0
	for i := range 2000 {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := b.Open(ctx, stream.Root{ID: fmt.Sprintf("%040x", i+1)}); !errors.Is(err, context.Canceled) {
			t.Fatalf("%d: %v", i, err)
		}
		most = max(most, b.Torrents())
	}
	if most > bittorrent.MaxSwarms {
		t.Errorf("there were %d torrents at once", most)
	}
	eventually(t, "the aborted torrents leave", func() bool { return b.Torrents() <= bittorrent.MaxUnused })
	eventually(t, "the unused torrents leave", func() bool { return b.Torrents() == 0 })
	eventually(t, "their goroutines end", func() bool { return runtime.NumGoroutine() <= before+10 })
}

// More torrents than can be in use at once are refused, until one is free again.
func TestTooManyTorrents(t *testing.T) {
	b, _ := newBackend(t, t.TempDir(), 64<<20, nil)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	first, leave := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	for i := range bittorrent.MaxSwarms {
		ctx := ctx
		if i == 0 {
			ctx = first
		}
		wg.Go(func() { b.Open(ctx, stream.Root{ID: fmt.Sprintf("%040x", i+1)}) })
	}
	eventually(t, "all are open", func() bool { return b.Torrents() == bittorrent.MaxSwarms })
	another := stream.Root{ID: fmt.Sprintf("%040x", bittorrent.MaxSwarms+1)}
	if _, err := b.Open(ctx, another); !errors.Is(err, stream.ErrBusy) {
		t.Fatalf("one more: %v, want ErrBusy", err)
	}
	leave()
	wait, stop := context.WithTimeout(ctx, 200*time.Millisecond)
	defer stop()
	for {
		_, err := b.Open(wait, another)
		if errors.Is(err, context.DeadlineExceeded) {
			break // it was in
		}
		if !errors.Is(err, stream.ErrBusy) {
			t.Fatalf("after one has left: %v", err)
		}
		time.Sleep(time.Millisecond)
	}
	if n := b.Torrents(); n > bittorrent.MaxSwarms {
		t.Errorf("there are %d torrents in the client", n)
	}
}

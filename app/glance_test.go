package app

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zeronetscript/universal_p2p/stream"
	"github.com/zeronetscript/universal_p2p/stream/streamtest"
	"github.com/zeronetscript/universal_p2p/stream/web"
)

// A counter is a backend of which only the bytes that came matter.
type counter struct {
	*streamtest.Mem
	got atomic.Int64
}

func (c *counter) Activities() []stream.Activity {
	return []stream.Activity{{Root: "a", Received: c.got.Load()}}
}

// A watcher looks while something is streamed, once for many pokes, and not at all when nothing happens.
func TestWatcher(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var looks, streams atomic.Int64
		var mu sync.Mutex
		var told []Glance
		tell := func(g Glance) {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, g)
		}
		last := func() Glance {
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			return told[len(told)-1]
		}
		net := new(counter)
		look := func() Glance {
			looks.Add(1)
			return Glance{Used: 1, Quota: 2, Streams: int(streams.Load())}
		}
		w := newWatcher()
		wg := w.start(ctx, look, newMeter([]web.Protocol{{Name: "x", Backend: net}}), tell)
		synctest.Wait()
		if len(told) != 1 {
			t.Fatalf("told at the start: %+v", told)
		}
		time.Sleep(time.Hour)
		if looks.Load() != 1 {
			t.Errorf("looked %d times while nothing happened", looks.Load())
		}

		streams.Store(1)
		for range 100 {
			w.poke()
		}
		if g := last(); g.Streams != 1 || g.Rate != 0 {
			t.Errorf("when a stream begins: %+v", g)
		}
		if looks.Load() > 3 {
			t.Errorf("looked %d times for 100 pokes", looks.Load())
		}
		for range 5 {
			net.got.Add(1 << 20)
			time.Sleep(time.Second)
		}
		if g := last(); g.Rate < 900_000 || g.Rate > 1_200_000 {
			t.Errorf("at a MiB a second: %+v", g)
		}
		before := looks.Load()
		time.Sleep(10 * time.Second)
		if n := looks.Load() - before; n < 8 || n > 12 {
			t.Errorf("looked %d times in 10 s", n)
		}
		streams.Store(0)
		w.poke()
		time.Sleep(5 * time.Second)
		if g := last(); g.Streams != 0 || g.Rate != 0 {
			t.Errorf("in the end: %+v", g)
		}
		before = looks.Load()
		time.Sleep(time.Hour)
		if looks.Load() != before {
			t.Errorf("looked %d times afterwards", looks.Load()-before)
		}
		cancel()
		wg.Wait()
	})
}

// What a program shows follows what happens to it: problems, settings, pauses.
func TestGlance(t *testing.T) {
	checkGoroutines(t)
	var p Problems
	told := make(chan Glance, 100)
	file := t.TempDir() + "/config.toml"
	r := try(t, t.TempDir(), func(o *Options) { o.Problems, o.Glance, o.ConfigFile = &p, func(g Glance) { told <- g }, file })
	until := func(what string, ok func(Glance) bool) {
		t.Helper()
		for timeout := time.After(10 * time.Second); ; {
			select {
			case g := <-told:
				if ok(g) {
					return
				}
			case <-timeout:
				t.Fatalf("never told of: %s", what)
			}
		}
	}
	until("the start", func(g Glance) bool { return g.Quota > 0 && !g.Paused && len(g.Problems) == 0 })
	p.Set("tray", "There is no tray.")
	until("a problem", func(g Glance) bool {
		return slices.ContainsFunc(g.Problems, func(q web.Problem) bool { return q.ID == "tray" })
	})
	p.Clear("tray")
	until("its end", func(g Glance) bool { return len(g.Problems) == 0 })
	c, err := Dial(r.dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Pause(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	until("a pause", func(g Glance) bool { return g.Paused })
	if err := c.Set(t.Context(), "quota", "128MiB"); err != nil {
		t.Fatal(err)
	}
	until("another quota", func(g Glance) bool { return g.Quota == 128<<20 })
}

// The first load of a page of an overlay network is told of, and a site that waits, each once.
func TestNotes(t *testing.T) {
	for _, c := range []struct {
		ask    bool
		origin string
		want   Note
	}{
		{false, "http://example.i2p", Note{What: NoteExposed, Site: "http://example.i2p"}},
		{true, "https://example.org", Note{What: NoteSiteWaits, Site: "https://example.org"}},
	} {
		checkGoroutines(t)
		notes := make(chan Note, 10)
		mem := streamtest.NewMem()
		mem.Add("tree1", "", map[string][]byte{"a.txt": []byte("a")})
		r := try(t, t.TempDir(), func(o *Options) {
			o.Config.AskNewSites = c.ask
			o.Notify = func(n Note) { notes <- n }
			o.Protocols = []Protocol{{Name: "mem", Version: "v0", Start: func(context.Context, Env) (stream.Backend, error) { return mem, nil }}}
		})
		for range 2 {
			req, err := http.NewRequest(http.MethodGet, "http://"+r.addr+"/mem/v0/stream/tree1/a.txt", nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Origin", c.origin)
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
		}
		http.DefaultClient.CloseIdleConnections()
		if len(notes) != 1 || <-notes != c.want {
			t.Errorf("%s: not told of it once", c.origin)
		}
	}
}

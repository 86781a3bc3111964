package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zeronetscript/universal_p2p/stream/ledger"
	"github.com/zeronetscript/universal_p2p/stream/store"
)

// TestSitesAreRemembered: what a site used and what was decided about it outlives the program, and its tags do.
func TestSitesAreRemembered(t *testing.T) {
	checkGoroutines(t)
	dir := filepath.Join(t.TempDir(), "data")
	site, err := ledger.ParseSite("program Go-http-client")
	if err != nil {
		t.Fatal(err)
	}
	_, p := inMemory()
	r := try(t, dir, func(o *Options) { o.Protocols = []Protocol{p} })
	get(t, r.addr, "/mem/v0/stream/abc/hello.txt")
	c, err := Dial(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.BlockRoot(t.Context(), ledger.Root{Protocol: "mem/v0", ID: "bad"}, true); err != nil {
		t.Fatal(err)
	}
	r.end(t)
	key, err := os.ReadFile(keyFile(dir))
	if err != nil {
		t.Fatal(err)
	}

	_, p = inMemory()
	r = try(t, dir, func(o *Options) { o.Protocols = []Protocol{p} })
	if c, err = Dial(dir); err != nil {
		t.Fatal(err)
	}
	used, err := c.History(t.Context(), site)
	if err != nil || len(used.Used) != 1 || used.Used[0].Root != "abc" || used.Used[0].Files[0].Path != "hello.txt" || used.Sent != 13 {
		t.Errorf("%+v, %v", used, err)
	}
	if code, body := get(t, r.addr, "/mem/v0/stream/bad/x"); code != 403 {
		t.Errorf("a blocked root: %d %q", code, body)
	}
	if again, err := os.ReadFile(keyFile(dir)); err != nil || string(again) != string(key) {
		t.Errorf("another key, %v", err)
	}
	if err := c.Decide(t.Context(), site, ledger.Block); err != nil {
		t.Error(err)
	}
	if code, _ := get(t, r.addr, "/mem/v0/stream/abc/hello.txt"); code != 403 {
		t.Errorf("a blocked site: %d", code)
	}
	if err := c.Forget(t.Context(), ledger.Site{}); err != nil {
		t.Error(err)
	}
	if list, err := c.Sites(t.Context()); err != nil || len(list.Sites) != 1 || list.Sites[0].Rule != "block" || list.Sites[0].Requests != 0 {
		t.Errorf("%+v, %v", list, err)
	}
}

// TestLedgerUnusable: without a place for the ledger, or for the key, the program runs all the same and says so.
func TestLedgerUnusable(t *testing.T) {
	for _, name := range []string{"ledger", "site.key"} {
		t.Run(name, func(t *testing.T) {
			checkGoroutines(t)
			temp := t.TempDir()
			t.Setenv("TMPDIR", temp)
			t.Setenv("TMP", temp)
			dir := filepath.Join(t.TempDir(), "data")
			bad := filepath.Join(dir, name)
			if name == "site.key" {
				bad = filepath.Join(bad, "x") // a folder
			} else if err := os.MkdirAll(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.MkdirAll(filepath.Dir(bad), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(bad, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			_, p := inMemory()
			r := try(t, dir, func(o *Options) { o.Protocols = []Protocol{p} })
			if code, _ := get(t, r.addr, "/mem/v0/stream/abc/hello.txt"); code != 200 {
				t.Errorf("content: %d", code)
			}
			c, err := Dial(dir)
			if err != nil {
				t.Fatal(err)
			}
			s, err := c.Status(t.Context())
			if err != nil || len(s.Problems) != 1 || !strings.Contains(s.Problems[0], "not remembered") {
				t.Errorf("problems: %q, %v", s.Problems, err)
			}
			r.end(t)
			if left, err := os.ReadDir(temp); err != nil || len(left) != 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}

// TestDisk: the gate sees the roots of protocols, and frees what is neither kept nor in use.
func TestDisk(t *testing.T) {
	st, err := store.Open(t.TempDir(), store.Options{Quota: 64 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	for _, k := range []struct{ space, id string }{{"mem", "gone"}, {"mem", "kept"}, {"mem", "held"}, {"archive", "gone"}} {
		if err := st.WriteMeta(k.space, k.id, "info", make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
	}
	if err := st.Keep("mem", "kept", true); err != nil {
		t.Fatal(err)
	}
	o, err := st.Object(store.Spec{Space: "mem", ID: "held", Size: 100, Chunk: 100})
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	hold := o.Hold()
	defer hold.Release()
	hold.Set(0, 1)
	d := newDisk(st, []Protocol{{Name: "mem", Version: "v0"}})
	root := func(id string) ledger.Root { return ledger.Root{Protocol: "mem/v0", ID: id} }
	quota, roots := d.Usage()
	if quota != 64<<20 || len(roots) != 3 || roots[root("gone")] < 1000 {
		t.Errorf("quota %d, %v", quota, roots)
	}
	for id, want := range map[string]bool{"gone": true, "kept": false, "held": false, "nothing": false} {
		if freed, err := d.Recycle(t.Context(), root(id)); err != nil || (freed > 0) != want {
			t.Errorf("%s: %d freed, %v", id, freed, err)
		}
	}
	if _, roots := d.Usage(); len(roots) != 2 {
		t.Errorf("left: %v", roots)
	}
}

// TestGateOptions: no limit is none, and never the default by accident.
func TestGateOptions(t *testing.T) {
	c := DefaultConfig()
	g := c.gate()
	if g.Site != (ledger.Limits{Streams: 24, NewRoots: 30, Burst: 60, DiskShare: 50}) || g.Unknown != (ledger.Limits{Streams: 12, NewRoots: 10, Burst: 20, DiskShare: 20}) ||
		g.All.Streams != 48 || g.All.NewRoots != 120 || g.All.Burst != 240 {
		t.Errorf("%+v", g)
	}
	c.Sites = Sites{}
	g = c.gate()
	for _, l := range []ledger.Limits{g.Site, g.Unknown, g.All} {
		if l.Streams != 0 || l.NewRoots != 0 || l == (ledger.Limits{}) || l.DiskShare != 100 {
			t.Errorf("no limits are %+v", l)
		}
	}
	c.Sites = Sites{Streams: 100, NewRoots: 200}
	if g = c.gate(); g.All.Streams < 100 || g.All.NewRoots < 200 {
		t.Errorf("all together get less than one: %+v", g.All)
	}
}

package app

import (
	"slices"
	"sync"
	"testing"

	"github.com/zeronetscript/universal_p2p/stream/web"
)

func TestProblems(t *testing.T) {
	var p Problems
	text := func() (all []string) {
		for _, q := range p.All() {
			all = append(all, q.ID+": "+q.Text)
		}
		return all
	}
	p.Clear("tray")
	p.Set("tray", "There is no tray.")
	p.Set("log", "There is no log.")
	p.Set("tray", "There is no bus.")
	if got := text(); !slices.Equal(got, []string{"tray: There is no bus.", "log: There is no log."}) {
		t.Errorf("after three: %q", got)
	}
	p.All()[0] = web.Problem{} // the list is the caller's
	p.Clear("tray")
	if got := text(); !slices.Equal(got, []string{"log: There is no log."}) {
		t.Errorf("after one was taken back: %q", got)
	}

	var wg sync.WaitGroup
	for _, id := range []string{"a", "b", "c", "d"} {
		wg.Go(func() {
			for range 100 {
				p.Set(id, id)
				p.All()
				p.Clear(id)
			}
		})
	}
	wg.Wait()
	if got := text(); len(got) != 1 {
		t.Errorf("in the end: %q", got)
	}

	var none *Problems
	none.Set("a", "b")
	none.Clear("a")
	if none.All() != nil {
		t.Error("nobody keeps one")
	}
}

// What somebody says is wrong is in the status and in the interface, until it is taken back.
func TestProblemsAreShown(t *testing.T) {
	checkGoroutines(t)
	var p Problems
	p.Set("log", "The log cannot be written.")
	r := try(t, t.TempDir(), func(o *Options) { o.Problems = &p })
	c, err := Dial(r.dir)
	if err != nil {
		t.Fatal(err)
	}
	b := login(t, r)
	see := func(want ...string) {
		t.Helper()
		s, err := c.Status(t.Context())
		if err != nil || !slices.Equal(s.Problems, append([]string{}, want...)) {
			t.Errorf("status: %q, %v; want %q", s.Problems, err, want)
		}
		var shown []string
		for _, q := range b.overview().Problems {
			shown = append(shown, q.Text)
		}
		if !slices.Equal(shown, want) {
			t.Errorf("interface: %q, want %q", shown, want)
		}
	}
	see("The log cannot be written.")
	p.Set("tray", "There is no tray.")
	see("The log cannot be written.", "There is no tray.")
	p.Clear("log")
	see("There is no tray.")
	p.Clear("tray")
	see()
}

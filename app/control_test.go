package app

import (
	"errors"
	"io/fs"
	"slices"
	"testing"

	"github.com/zeronetscript/universal_p2p/stream"
	"github.com/zeronetscript/universal_p2p/stream/store"
	"github.com/zeronetscript/universal_p2p/stream/web"
)

// A gatherer takes note of what it is told to gather.
type gatherer struct {
	stream.Backend
	told []string
}

func (g *gatherer) Gather(id string) { g.told = append(g.told, id) }

// A protocol hears of its own roots that are kept, once they are.
func TestKeepGathers(t *testing.T) {
	st, err := store.Open(t.TempDir(), store.Options{Quota: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	for _, space := range []string{"mem", "other"} {
		if err := st.WriteMeta(space, "root", "what", []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	g := new(gatherer)
	c := &control{store: st, gather: gatherOf([]web.Protocol{{Name: "mem", Version: "v0", Backend: g}})}
	for _, k := range []struct {
		protocol, root string
		keep           bool
	}{{"mem", "root", true}, {"other", "root", true}, {"mem", "root", false}} {
		if err := c.Keep(t.Context(), k.protocol, k.root, k.keep); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Keep(t.Context(), "mem", "none", true); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what is not there is kept: %v", err)
	}
	if !slices.Equal(g.told, []string{"root"}) {
		t.Errorf("told %q", g.told)
	}
}

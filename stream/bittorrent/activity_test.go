package bittorrent_test

import (
	"context"
	"errors"
	"io"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/anacrolix/torrent/bencode"

	"github.com/zeronetscript/universal_p2p/stream"
	"github.com/zeronetscript/universal_p2p/stream/bittorrent"
)

func TestActivities(t *testing.T) {
	const piece = 64 << 10
	s := newSeed(t, "film.mp4", piece, map[string][]byte{"film.mp4": randomBytes(16 * piece)}, nil)
	b, _ := newBackend(t, t.TempDir(), 64<<20, nil)
	if got := b.Activities(); len(got) != 0 {
		t.Fatalf("before anything: %+v", got)
	}

	// A root that nobody has is searched for.
	nobody := strings.Repeat("ab", 20)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := b.Open(ctx, stream.Root{ID: nobody, Hints: url.Values{"dn": {"<img onerror>"}}})
		ended <- err
	}()
	a := activity(t, b, nobody, func(a stream.Activity) bool { return a.Name != "" })
	if a.Found || a.Have != nil || a.Name != "<img onerror>" || a.Size != 0 || a.Readers != 0 {
		t.Errorf("of a search: %+v", a)
	}
	cancel()
	<-ended
	if err := b.Leave(t.Context(), nobody); err != nil {
		t.Fatal(err)
	}

	tree, err := b.Open(t.Context(), s.root())
	if err != nil {
		t.Fatal(err)
	}
	f, _, err := tree.Lookup(t.Context(), "film.mp4")
	if err != nil {
		t.Fatal(err)
	}
	r, err := f.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(io.Discard, r, 8*piece); err != nil {
		t.Fatal(err)
	}
	a = activity(t, b, tree.ID(), func(a stream.Activity) bool { return a.Received >= 8*piece })
	if !a.Found || a.Name != "film.mp4" || a.Size != 16*piece || a.Readers != 1 || a.Reading[0] != 0.5 || a.Peers != 1 {
		t.Errorf("while it is read: %+v", a)
	}
	if len(a.Have) != 16 || slices.Contains(a.Have[:8], 0) {
		t.Errorf("what is here: %v", a.Have)
	}
	if err := b.Leave(t.Context(), tree.ID()); err != nil {
		t.Fatal(err)
	}
	activity(t, b, tree.ID(), func(a stream.Activity) bool { return a.Readers == 1 }) // it is open
	r.Close()
	activity(t, b, tree.ID(), func(a stream.Activity) bool { return a.Readers <= 1 })
	tree.Close()
	if err := b.Leave(t.Context(), tree.ID()); err != nil {
		t.Fatal(err)
	}
	if got := b.Activities(); len(got) != 0 {
		t.Errorf("after it was left: %+v", got)
	}
	if err := b.Leave(t.Context(), tree.ID()); err != nil {
		t.Errorf("a second time: %v", err)
	}
	if err := b.Leave(t.Context(), "nonsense"); !errors.Is(err, stream.ErrBadRoot) {
		t.Errorf("of no root: %v", err)
	}
	if tree, err = b.Open(t.Context(), s.root()); err != nil { // and back
		t.Fatal(err)
	}
	tree.Close()
}

// activity waits until the root with that ID is reported in the state that is asked for.
func activity(t *testing.T, b *bittorrent.Backend, id string, ok func(stream.Activity) bool) stream.Activity {
	t.Helper()
	var last []stream.Activity
	for range 500 {
		last = b.Activities()
		for _, a := range last {
			if a.Root == id && ok(a) {
				return a
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("never reported as wanted: %+v", last)
	return stream.Activity{}
}

func TestRecognize(t *testing.T) {
	b, _ := newBackend(t, t.TempDir(), 64<<20, nil)
	id := strings.Repeat("ab", 20)
	v2 := strings.Repeat("cd", 32)
	for text, want := range map[string]stream.Root{
		id:                               {ID: id, Hints: url.Values{}},
		" " + strings.ToUpper(id) + "\n": {ID: id, Hints: url.Values{}},
		v2:                               {ID: v2, Hints: url.Values{}},
		"magnet:?xt=urn:btih:" + id + "&dn=A%20film&tr=udp%3A%2F%2Ft.example%3A1&tr=nonsense&ws=http://w.example/&x.pe=1.2.3.4:5": {ID: id, Hints: url.Values{
			"dn": {"A film"}, "tr": {"udp://t.example:1"}, "ws": {"http://w.example/"}, "x.pe": {"1.2.3.4:5"}}},
	} {
		got, _, ok := b.Recognize(text)
		if !ok || got.ID != want.ID || got.Hints.Encode() != want.Hints.Encode() {
			t.Errorf("%q is %+v, %v", text, got, ok)
		}
	}
	for _, text := range []string{"", "film", strings.Repeat("0", 40), "magnet:?dn=x", "bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi"} {
		if got, _, ok := b.Recognize(text); ok {
			t.Errorf("%q is %+v", text, got)
		}
	}

	// What a .torrent names goes along, but for a private one.
	s := newSeed(t, "film.mp4", 64<<10, map[string][]byte{"film.mp4": randomBytes(100_000)}, nil)
	for private, tr := range map[bool]string{false: "udp://t.example:1", true: ""} {
		mi := s.mi
		mi.Announce = "udp://t.example:1"
		info, err := mi.UnmarshalInfo()
		if err != nil {
			t.Fatal(err)
		}
		info.Private = &private
		if mi.InfoBytes, err = bencode.Marshal(info); err != nil {
			t.Fatal(err)
		}
		data, err := bencode.Marshal(mi)
		if err != nil {
			t.Fatal(err)
		}
		id, err := b.AddMetainfo(t.Context(), data)
		if err != nil {
			t.Fatal(err)
		}
		if got, _, ok := b.Recognize(id); !ok || got.Hints.Get("tr") != tr || private == (got.Hints.Get("dn") == "film.mp4") {
			t.Errorf("private %v: %+v", private, got)
		}
	}
}

// TestUploadRate: nothing that the library took before may be more than the limiter lets through at once.
func TestUploadRate(t *testing.T) {
	b, _ := newBackend(t, t.TempDir(), 64<<20, func(c *bittorrent.Config) { c.UploadRate = 100 })
	for _, rate := range []int64{1 << 30, 0, 1, 512 << 10} {
		b.SetUploadRate(rate)
	}
}

// A paused backend is connected for nothing that nobody has open, and takes part again afterwards.
func TestPause(t *testing.T) {
	s := newSeed(t, "film.mp4", 64<<10, map[string][]byte{"film.mp4": randomBytes(4 * 64 << 10)}, nil)
	b, _ := newBackend(t, t.TempDir(), 64<<20, nil)
	open := func() stream.Tree {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		tree, err := b.Open(ctx, s.root())
		if err != nil {
			t.Fatal(err)
		}
		return tree
	}
	gone := func(when string) {
		t.Helper()
		for end := time.Now().Add(10 * time.Second); len(b.Activities()) > 0; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%s: still connected for %+v", when, b.Activities())
			}
		}
	}
	open().Close() // it stays for the grace
	if len(b.Activities()) != 1 {
		t.Fatalf("after use: %+v", b.Activities())
	}
	b.Pause(true)
	gone("what nobody had open")
	tree := open() // under way while the pause began
	tree.Close()
	gone("what was open")
	b.Pause(false)
	open().Close()
	if len(b.Activities()) != 1 {
		t.Errorf("after the pause: %+v", b.Activities())
	}
}

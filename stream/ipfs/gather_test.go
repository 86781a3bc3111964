package ipfs_test

import (
	"bytes"
	"context"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/ipfs/go-cid"

	"github.com/zeronetscript/universal_p2p/stream"
	"github.com/zeronetscript/universal_p2p/stream/ipfs"
	"github.com/zeronetscript/universal_p2p/stream/ipfs/ipfspeer"
	"github.com/zeronetscript/universal_p2p/stream/store"
)

// twoFolders are two folders with a film in common, and a song each.
type twoFolders struct {
	t          *testing.T
	st         *store.Store
	b          *ipfs.Backend
	film       []byte
	old, young string // CIDs

	end func() // of the peer
}

func newTwoFolders(t *testing.T) *twoFolders {
	t.Helper()
	p, err := ipfspeer.Start()
	if err != nil {
		t.Fatal(err)
	}
	f := &twoFolders{t: t, st: newStore(t, t.TempDir(), 64<<20), film: random(1, 3<<20)}
	f.end = sync.OnceFunc(func() { p.Close() })
	t.Cleanup(f.end)
	_, url := newRouter(t, p)
	f.b = newBackend(t, f.st, []string{url}, nil)
	folder := func(song byte) string {
		c, err := p.AddFolder(t.Context(), map[string][]byte{"film.mp4": f.film, "song.mp3": random(song, 300<<10)}, ipfspeer.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return cid.NewCidV1(c.Type(), c.Hash()).String()
	}
	f.old, f.young = folder(2), folder(3)
	return f
}

// read reads the film in a folder, and reports whether it is all here.
func (f *twoFolders) read(root string) bool {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), 5*time.Second)
	defer cancel()
	tree, err := f.b.Open(ctx, stream.Root{ID: root})
	if err != nil {
		return false
	}
	defer tree.Close()
	file, _, err := tree.Lookup(ctx, "film.mp4")
	if err != nil {
		return false
	}
	r, err := file.Open(ctx)
	if err != nil {
		return false
	}
	defer r.Close()
	got, err := io.ReadAll(r)
	if err == nil && !bytes.Equal(got, f.film) {
		f.t.Error("other bytes")
	}
	return err == nil
}

// bytes is what a root takes in the store.
func (f *twoFolders) bytes(root string) int64 {
	for _, r := range f.st.Roots() {
		if r.ID == root {
			return r.Bytes
		}
	}
	return 0
}

func (f *twoFolders) keep(root string, keep bool) {
	f.t.Helper()
	if err := f.st.Keep("ipfs", root, keep); err != nil {
		f.t.Fatal(err)
	}
	if keep {
		f.b.Gather(root)
	}
}

func (f *twoFolders) remove(root string) {
	f.t.Helper()
	if err := f.b.Leave(f.t.Context(), root); err != nil {
		f.t.Fatal(err)
	}
	if _, err := f.st.Remove("ipfs", root); err != nil {
		f.t.Fatal(err)
	}
}

// What the user keeps does not go with what it has blocks in common with.
func TestGather(t *testing.T) {
	f := newTwoFolders(t)
	if !f.read(f.old) || !f.read(f.young) {
		t.Fatal("not found")
	}
	if n := f.bytes(f.young); n > 1<<20 {
		t.Errorf("what two have in common is there twice: %d bytes", n)
	}
	f.keep(f.young, true)
	until(t, "the film is with what is kept, and only there", func() bool { return f.bytes(f.young) > 3<<20 && f.bytes(f.old) < 1<<20 })
	f.end()
	if !f.read(f.old) {
		t.Error("the old folder has lost it")
	}
	f.remove(f.old)
	if !f.read(f.young) {
		t.Error("what is kept went with the other folder")
	}
}

// A root that is kept before it is read takes what it needs, and of two that are kept each has its own.
func TestGatherWhenRead(t *testing.T) {
	f := newTwoFolders(t)
	tree := open(t, f.b, f.young)
	content(t, tree, "song.mp3")
	f.keep(f.young, true)
	if !f.read(f.old) {
		t.Fatal("not found")
	}
	f.keep(f.old, true)
	if !f.read(f.young) {
		t.Fatal("not found")
	}
	if o, y := f.bytes(f.old), f.bytes(f.young); o < 3<<20 || y < 3<<20 {
		t.Errorf("%d and %d bytes", o, y)
	}
	f.end()
	f.keep(f.old, false)
	f.remove(f.old)
	if !f.read(f.young) {
		t.Error("what is kept went with the other folder")
	}
}

// Blocks can be read while they move.
func TestGatherWhileRead(t *testing.T) {
	f := newTwoFolders(t)
	if !f.read(f.old) || !f.read(f.young) {
		t.Fatal("not found")
	}
	f.end() // nothing comes back from there
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for range 5 {
				if !f.read(f.old) {
					t.Error("a block was lost on its way")
				}
			}
		})
	}
	for range 3 {
		f.keep(f.young, true)
		until(t, "gathered", func() bool { return f.bytes(f.young) > 3<<20 })
		f.keep(f.young, false)
		f.keep(f.old, true)
		until(t, "gathered", func() bool { return f.bytes(f.old) > 3<<20 })
		f.keep(f.old, false)
	}
	readers.Wait()
}

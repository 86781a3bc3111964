package store

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// TestDamagedBefore: a chunk that was damaged while the store was closed is neither trusted by Commit nor in the way of
// WriteAt.
func TestDamagedBefore(t *testing.T) {
	ways := map[string]func(t *testing.T, path string){
		"flipped": func(t *testing.T, path string) { flip(t, path, 10) },
		"deleted": func(t *testing.T, path string) { must(t, os.Remove(path)) },
		"intact":  func(*testing.T, string) {},
	}
	for name, damage := range ways {
		for _, check := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s,check=%v", name, check), func(t *testing.T) {
				dir, spec := t.TempDir(), testSpec("x", 100_000, 50_000)
				if !check {
					spec.Check = nil
				}
				s := openStore(t, dir, 64*mib)
				o := openObject(t, s, spec)
				put(t, o, 0)
				put(t, o, 1)
				paths := []string{chunkFile(o, 0), chunkFile(o, 1)}
				o.Close()
				must(t, s.Close())
				for _, path := range paths {
					damage(t, path)
				}
				o = openObject(t, openStore(t, dir, 64*mib), spec)
				put(t, o, 0)
				must(t, get(t, o, 0))
				switch err := o.Commit(1); {
				case name == "intact":
					must(t, errors.Join(err, get(t, o, 1)))
				case !errors.Is(err, ErrMissing) || o.Has(1):
					t.Errorf("Commit of a damaged chunk: %v", err)
				}
				put(t, o, 1)
				must(t, get(t, o, 1))
			})
		}
	}
}

// TestDamagedMeanwhile: Commit does not take the file of a chunk as it is now for what was checked.
func TestDamagedMeanwhile(t *testing.T) {
	o := openObject(t, openStore(t, t.TempDir(), 64*mib), testSpec("x", 100_000, 50_000))
	put(t, o, 0)
	flip(t, chunkFile(o, 0), 10)
	if err := o.Commit(0); !errors.Is(err, ErrMissing) {
		t.Errorf("Commit: %v", err)
	}
	put(t, o, 0)
	must(t, get(t, o, 0))
}

// TestDamagedForGood: WriteAt gives up on a damaged chunk that cannot be deleted.
func TestDamagedForGood(t *testing.T) {
	dir, spec := t.TempDir(), testSpec("x", 100_000, 50_000)
	s := openStore(t, dir, 64*mib)
	o := openObject(t, s, spec)
	put(t, o, 0)
	path := chunkFile(o, 0)
	o.Close()
	must(t, s.Close())
	s = openStore(t, dir, 64*mib)
	o = openObject(t, s, spec)
	must(t, os.Remove(path))
	must(t, os.MkdirAll(filepath.Join(path, "full"), 0o700))
	if err := o.WriteAt(0, make([]byte, 9), 0); !errors.Is(err, ErrMissing) {
		t.Errorf("WriteAt: %v", err)
	}
	must(t, os.RemoveAll(path))
	put(t, o, 0)
	must(t, get(t, o, 0))
}

// TestHeirOfLink: a chunk that somebody has linked is not written over when it is evicted for another.
func TestHeirOfLink(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the store does not look for links on Windows")
	}
	dir := t.TempDir()
	s := openStore(t, filepath.Join(dir, "store"), 8*mib)
	o := openObject(t, s, testSpec("film", 64*mib, mib))
	put(t, o, 0)
	link := filepath.Join(dir, "mine")
	must(t, os.Link(chunkFile(o, 0), link))
	for i := 1; o.Has(0) && i < o.Chunks(); i++ {
		put(t, o, i)
	}
	if got, err := os.ReadFile(link); err != nil || !bytes.Equal(got, content("film", 0, mib)) {
		t.Errorf("the linked file has changed: %v", err)
	}
}

// TestCloseOvertakes: whoever is about to open a file when the store closes them all is told so.
func TestCloseOvertakes(t *testing.T) {
	spec := testSpec("x", 100_000, 50_000)
	spec.Check = nil // then Commit reads the file
	s := openStore(t, t.TempDir(), 64*mib)
	o := openObject(t, s, spec)
	put(t, o, 0)
	must(t, o.WriteAt(1, content("x", 1, 50_000), 0))
	s.files.closeAll()
	for name, err := range map[string]error{
		"ReadAt":  second(o.ReadAt(0, make([]byte, 9), 0)),
		"Commit":  o.Commit(1),
		"WriteAt": o.WriteAt(1, make([]byte, 9), 0),
	} {
		if !errors.Is(err, fs.ErrClosed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestSyncFile: a committed chunk can be brought to the disk, which does not make it look changed.
func TestSyncFile(t *testing.T) {
	s := openStore(t, t.TempDir(), 64*mib)
	o := openObject(t, s, testSpec("x", 100_000, 50_000))
	put(t, o, 0)
	c := o.find(0)
	must(t, s.use(c))
	defer c.io.RUnlock()
	must(t, syncFile(c))
	if now, err := stampOf(c.file); err != nil || now != c.want() {
		t.Errorf("%+v, want %+v, %v", now, c.want(), err)
	}
}

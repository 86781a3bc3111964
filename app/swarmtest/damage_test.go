//go:build linux

package swarmtest

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/zeronetscript/universal_p2p/app/swarmtest/relay"
)

// A stored run of content in some file of the data directory.
type stored struct {
	path string
	off  int64 // in that file
}

// findStored looks through dir for blocks of the content of src, whatever the layout: every block of 4 KiB is recognised by its
// beginning.
func findStored(t *testing.T, dir string, src *source) []stored {
	t.Helper()
	const step = 4 * kib
	known := map[[32]byte]bool{}
	r, block := src.from(0), make([]byte, step)
	for {
		if _, err := io.ReadFull(r, block); err != nil {
			break
		}
		known[[32]byte(block)] = true
	}
	var found []stored
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		for off := int64(0); ; off += step {
			if _, err := io.ReadFull(f, block); err != nil {
				return nil
			}
			if known[[32]byte(block)] {
				found = append(found, stored{path, off})
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// flip changes one bit. A silent flip is one that a failing disk makes: the file says nothing of a change.
func (s stored) flip(t *testing.T, silent bool) {
	t.Helper()
	f, err := os.OpenFile(s.path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 1)
	if _, err := f.ReadAt(b, s.off+100); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 0x10
	if _, err := f.WriteAt(b, s.off+100); err != nil {
		t.Fatal(err)
	}
	if silent {
		if err := os.Chtimes(s.path, info.ModTime(), info.ModTime()); err != nil {
			t.Fatal(err)
		}
	}
}

func flipThree(t *testing.T, all []stored, silent bool) {
	for _, i := range []int{0, len(all) / 3, len(all) - 1} {
		all[i].flip(t, silent)
	}
}

// Disks lie and users tidy up. Whatever happens to a file of the store: no wrong byte is served, and what is lost is fetched again.
func TestDamage(t *testing.T) {
	t.Parallel()
	flip := func(t *testing.T, all []stored) { flipThree(t, all, false) }
	rot := func(t *testing.T, all []stored) { flipThree(t, all, true) }
	cut := func(t *testing.T, all []stored) {
		s := all[len(all)/2]
		if err := os.Truncate(s.path, s.off+10); err != nil {
			t.Fatal(err)
		}
	}
	remove := func(t *testing.T, all []stored) {
		if err := os.Remove(all[len(all)/2].path); err != nil {
			t.Fatal(err)
		}
	}
	for i, c := range []struct {
		name    string
		damage  func(*testing.T, []stored)
		running bool
		again   int64 // pieces that have to be fetched again
	}{
		{"flipped while it is stopped", flip, false, 3},
		{"rotten while it is stopped", rot, false, 3},
		{"cut short while it is stopped", cut, false, 1},
		{"deleted while it is stopped", remove, false, 1},
		{"flipped while it runs", flip, true, 3},
		{"cut short while it runs", cut, true, 1},
		{"deleted while it runs", remove, true, 0}, // an open file can still be read
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			turn(t)
			// A torrent of its own: programs with the same one would find each other, and their ways to the peer.
			f := newFixture(t, int64(80+i), 16*mib, 512*kib, nil)
			wire := behind(t, seedLibtorrent(t, f), relay.Wire{})
			p := start(t, settings{})
			p.add(f.torrent)
			url := p.stream(f.hash, f.name, "x.pe", wire.Addr())
			whole(t, f.source, url, time.Minute)
			all := findStored(t, p.data, f.source)
			if len(all) < 3 {
				t.Fatalf("%d blocks of the content were found in the data directory", len(all))
			}
			if !c.running {
				p.stop()
			}
			c.damage(t, all)
			if !c.running {
				p.launch()
			}
			before := wire.Down()
			// Twice: a first reader may see the connection break in the middle, which tells it that something is wrong.
			got := &fetch{URL: url}
			if err := got.do(t.Context(), &verdict{f.checker(0), t}); err != nil {
				t.Logf("the first reader after the damage: %v", err)
			}
			whole(t, f.source, url, time.Minute)
			again := wire.Down() - before
			t.Logf("%d KiB were fetched again", again/kib)
			if again < c.again*f.piece {
				t.Errorf("only %d bytes were fetched again: the damage was not noticed", again)
			}
		})
	}
}

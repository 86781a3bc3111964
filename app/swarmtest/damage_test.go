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

// flip changes one bit behind the back of the file's owner: the time of its last change stays.
func (s stored) flip(t *testing.T) {
	t.Helper()
	info, err := os.Stat(s.path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(s.path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b := make([]byte, 1)
	if _, err := f.ReadAt(b, s.off+100); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 0x10
	if _, err := f.WriteAt(b, s.off+100); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(s.path, info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
}

// Disks lie and users tidy up. Whatever happens to a file of the store: no wrong byte is served, and what is lost is fetched again.
func TestDamage(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 80, 16*mib, 512*kib, nil)
	peer := seedLibtorrent(t, f)
	damages := map[string]func(*testing.T, []stored){
		"flipped bits": func(t *testing.T, all []stored) {
			for _, i := range []int{0, len(all) / 3, len(all) - 1} {
				all[i].flip(t)
			}
		},
		"cut short": func(t *testing.T, all []stored) {
			s := all[len(all)/2]
			if err := os.Truncate(s.path, s.off+10); err != nil {
				t.Fatal(err)
			}
		},
		"deleted": func(t *testing.T, all []stored) {
			if err := os.Remove(all[len(all)/2].path); err != nil {
				t.Fatal(err)
			}
		},
	}
	for name, damage := range damages {
		for _, running := range []bool{false, true} {
			when := " while it is stopped"
			if running {
				when = " while it runs"
			}
			t.Run(name+when, func(t *testing.T) {
				t.Parallel()
				turn(t)
				wire := behind(t, peer, relay.Wire{})
				p := start(t, settings{})
				p.add(f.torrent)
				url := p.stream(f.hash, f.name, "x.pe", wire.Addr())
				whole(t, f.source, url, time.Minute)
				all := findStored(t, p.data, f.source)
				if len(all) < 3 {
					t.Fatalf("%d blocks of the content were found in the data directory", len(all))
				}
				if !running {
					p.stop()
				}
				damage(t, all)
				if !running {
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
				if again < f.piece {
					t.Errorf("only %d bytes were fetched again: the damage was not noticed", again)
				}
			})
		}
	}
}

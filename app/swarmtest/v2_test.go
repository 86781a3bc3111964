//go:build linux

package swarmtest

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// makeTorrent lets libtorrent make a torrent of the fixture's file: "v2" or "hybrid" (BEP 52).
func makeTorrent(t *testing.T, f *fixture, kind string) (path, v1, v2 string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), kind+".torrent")
	out, err := exec.CommandContext(t.Context(), python(t), "rig/mktorrent.py", kind, filepath.Join(f.dir, f.name), "256", path).Output()
	if err != nil {
		t.Fatalf("mktorrent.py: %v", err)
	}
	var h struct{ V1, V2 string }
	if err := json.Unmarshal(out, &h); err != nil {
		t.Fatal(err)
	}
	return path, h.V1, h.V2
}

// Torrents of the second version, and those of both.
func TestV2(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 30, 5*mib+321, 256*kib, nil)
	v2only, _, v2hash := makeTorrent(t, f, "v2")
	hybrid, hybrid1, hybrid2 := makeTorrent(t, f, "hybrid")
	peer := freeAddr(t)
	libtorrent(t, lab{Torrents: []string{v2only, hybrid}, Save: f.dir, Listen: []string{peer}})
	for name, c := range map[string]struct{ torrent, root string }{
		"hybrid by its v1 hash":       {"", hybrid1},
		"hybrid by its v2 hash":       {"", hybrid2},
		"hybrid by .torrent, v1 hash": {hybrid, hybrid1},
		"hybrid by .torrent, v2 hash": {hybrid, hybrid2},
		"hybrid as magnet of both":    {"", "magnet:?xt=urn:btih:" + hybrid1 + "&xt=urn:btmh:1220" + hybrid2},
		"v2 by .torrent":              {v2only, v2hash},
		"v2 by its hash":              {"", v2hash},
		"v2 as magnet":                {"", "magnet:?xt=urn:btmh:1220" + v2hash},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			turn(t)
			p := start(t, settings{})
			if c.torrent != "" {
				p.add(c.torrent)
			}
			url := p.stream(c.root, f.name, "x.pe", peer)
			part(t, f.source, url, 4*mib-7, 300*kib, 45*time.Second)
			whole(t, f.source, url, 45*time.Second)
		})
	}
}

// Both names of a hybrid torrent are one torrent: its bytes are stored once.
func TestHybridIsOneTorrent(t *testing.T) {
	t.Parallel()
	turn(t)
	f := newFixture(t, 31, 5*mib, 256*kib, nil)
	path, v1, v2 := makeTorrent(t, f, "hybrid")
	peer := freeAddr(t)
	seed := libtorrent(t, lab{Torrents: []string{path}, Save: f.dir, Listen: []string{peer}})
	p := start(t, settings{})
	p.add(path)
	whole(t, f.source, p.stream(v1, f.name, "x.pe", peer), 30*time.Second)
	whole(t, f.source, p.stream(v2, f.name, "x.pe", peer), 30*time.Second)
	if sent := seed.stats(t)[0].Uploaded; sent > f.size*11/10 {
		t.Errorf("the peer sent %d bytes for a file of %d that was read by both names", sent, f.size)
	}
}

// A folder as libtorrent makes it for version 2: every file starts at a piece, and the padding is nobody's business.
func TestV2Folder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	folder := filepath.Join(dir, "album")
	sources := map[string]*source{"a.mp3": newSource(40, 700*kib+1), "b.mp3": newSource(41, 300*kib), "sub/c.txt": newSource(42, 10)}
	for i := range 9 { // files of one piece have no hashes that have to be asked for, and are in the way of those that have
		sources[fmt.Sprintf("%d.txt", i)] = newSource(int64(43+i), int64(10+i))
	}
	sources["z.mp3"] = newSource(52, 900*kib)
	for name, src := range sources {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(src.from(0))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, kind := range []string{"v2", "hybrid"} {
		path, _, v2 := makeTorrent(t, &fixture{dir: dir, name: "album"}, kind)
		peer := freeAddr(t)
		libtorrent(t, lab{Torrents: []string{path}, Save: dir, Listen: []string{peer}})
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			turn(t)
			p := start(t, settings{})
			if n := len(p.files(v2, "x.pe", peer).Files); n != len(sources) {
				t.Errorf("%d files are listed, want %d", n, len(sources))
			}
			for name, src := range sources {
				whole(t, src, p.stream(v2, name, "x.pe", peer), 45*time.Second)
			}
		})
	}
}

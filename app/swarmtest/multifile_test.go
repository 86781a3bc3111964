//go:build linux

package swarmtest

import (
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// A member is one file of a torrent of several.
type member struct {
	path []string // as in the torrent: bytes of any encoding
	utf8 []string // path.utf-8, when the torrent has it
	size int64
	pad  bool // a padding file (BEP 47)
}

// manyFiles makes a torrent called name. The content of member i is kept as dir/i, which rig/seeder.py calls by_index.
func manyFiles(t *testing.T, name string, piece int64, members []member) (f *fixture, sources []*source) {
	t.Helper()
	f = &fixture{dir: t.TempDir(), name: name, piece: piece}
	var files []any
	var content []io.Reader
	for i, m := range members {
		file := map[string]any{"length": m.size, "path": list(m.path)}
		if m.utf8 != nil {
			file["path.utf-8"] = list(m.utf8)
		}
		var src *source
		if m.pad {
			file["attr"] = "p"
			content = append(content, io.LimitReader(zeros{}, m.size))
		} else {
			src = newSource(int64(100+i), m.size)
			content = append(content, src.from(0))
			out, err := os.Create(filepath.Join(f.dir, strconv.Itoa(i)))
			if err != nil {
				t.Fatal(err)
			}
			_, err = io.Copy(out, src.from(0))
			if cerr := out.Close(); err != nil || cerr != nil {
				t.Fatal(err, cerr)
			}
		}
		sources = append(sources, src)
		files = append(files, file)
	}
	info := map[string]any{"name": name, "piece length": piece, "files": files, "pieces": pieces(t, io.MultiReader(content...), piece)}
	f.torrent, f.hash = writeTorrent(t, f.dir, info, nil)
	return f, sources
}

func list(elems []string) (l []any) {
	for _, e := range elems {
		l = append(l, e)
	}
	return l
}

// listing is the answer of the files command, as far as tests need it.
type listing struct {
	Name  string
	Files []struct {
		Path string
		Size int64
		URL  string
	}
}

func (p *program) files(root string, hints ...string) listing {
	p.t.Helper()
	got, body := get(p.t, p.url("files", root, "", hints...), 30*time.Second)
	var l listing
	if err := json.Unmarshal(body, &l); err != nil || got.Status != http.StatusOK {
		p.t.Fatalf("files: %d, %v\n%s", got.Status, err, body)
	}
	return l
}

// A torrent as people make them: folders, padding between the files, an empty file, names in an encoding of the past.
func TestManyFiles(t *testing.T) {
	t.Parallel()
	turn(t)
	const piece = 64 * kib
	pad := func(size int64) member {
		return member{path: []string{".pad", strconv.FormatInt((piece-size%piece)%piece, 10)}, size: (piece - size%piece) % piece, pad: true}
	}
	members := []member{
		{path: []string{"readme.txt"}, size: 1000}, pad(1000),
		{path: []string{"Season 1", "e 1 #?%.mp4"}, size: 3*mib + 17}, pad(3*mib + 17),
		{path: []string{"caf\xe9.jpg"}, size: 200 * kib}, pad(200 * kib),
		{path: []string{"na\xefve.png"}, utf8: []string{"naïve.png"}, size: 70 * kib}, pad(70 * kib),
		{path: []string{"empty.txt"}, size: 0},
		{path: []string{"日本語", "音楽.mp3"}, size: 123456},
	}
	f, sources := manyFiles(t, "A fine collection", piece, members)
	peer := freeAddr(t)
	libtorrent(t, lab{Torrents: []string{f.torrent}, Save: f.dir, Listen: []string{peer}, ByIndex: true})
	p := start(t, settings{})
	l := p.files(f.hash, "x.pe", peer)
	bySize := map[int64]int{}
	for i, e := range l.Files {
		bySize[e.Size] = i
		if !utf8.ValidString(e.Path) {
			t.Errorf("the path %q is not UTF-8", e.Path)
		}
		if strings.Contains(e.Path, ".pad") {
			t.Errorf("the padding %q is listed", e.Path)
		}
	}
	if len(l.Files) != 6 {
		t.Errorf("%d files are listed, want 6: %v", len(l.Files), l.Files)
	}
	for i, m := range members {
		if m.pad {
			continue
		}
		e, ok := bySize[m.size]
		if !ok {
			t.Errorf("a file of %d bytes is not listed", m.size)
			continue
		}
		t.Logf("%q is listed as %q", m.path, l.Files[e].Path)
		whole(t, sources[i], absolute(p, l.Files[e].URL), 30*time.Second)
	}
	for _, path := range []string{"readme.txt", "A fine collection/readme.txt"} {
		whole(t, sources[0], p.stream(f.hash, path), 30*time.Second)
	}
	whole(t, sources[2], p.stream(f.hash, "Season 1/e 1 #?%.mp4"), 30*time.Second)
	whole(t, sources[2], p.stream(f.hash, ""), 30*time.Second) // the biggest
	whole(t, sources[6], p.stream(f.hash, "naïve.png"), 30*time.Second)
	whole(t, sources[9], p.stream(f.hash, "日本語/音楽.mp3"), 30*time.Second)
	for _, path := range []string{"nothing.txt", "Season 1", "readme.txt.bak", ".pad/1"} {
		if got, body := get(t, p.stream(f.hash, path), 30*time.Second); got.Status != http.StatusNotFound {
			t.Errorf("%q: %d %s, want 404", path, got.Status, body)
		}
	}
}

// absolute makes a URL of a listing usable, whether it came with a host or without.
func absolute(p *program, u string) string {
	if strings.HasPrefix(u, "/") {
		return "http://" + p.addr + u
	}
	return u
}

// The torrent command gives back the torrent, complete enough for another program to use it.
func TestTorrentCommand(t *testing.T) {
	t.Parallel()
	turn(t)
	f := newFixture(t, 20, 2*mib, 128*kib, nil)
	peer := seedLibtorrent(t, f)
	p := start(t, settings{})
	got, data := get(t, p.url("torrent", f.hash, "", "x.pe", peer), 30*time.Second)
	if got.Status != http.StatusOK {
		t.Fatalf("%d %s", got.Status, data)
	}
	if ct := got.Header.Get("Content-Type"); ct != "application/x-bittorrent" {
		t.Errorf("Content-Type %q", ct)
	}
	at := strings.Index(string(data), "4:info")
	info := bencode(nil, map[string]any{"name": f.name, "length": f.size, "piece length": f.piece, "pieces": pieces(t, f.from(0), f.piece)})
	if at < 0 || !strings.HasPrefix(string(data[at+len("4:info"):]), string(info)) {
		t.Fatal("the info dictionary is not the one of the torrent")
	}
	if sum := sha1.Sum(info); hex.EncodeToString(sum[:]) != f.hash {
		t.Fatal("the fixture is wrong")
	}
	path := filepath.Join(t.TempDir(), "out.torrent")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	libtorrent(t, lab{Torrents: []string{path}, Save: f.dir, Listen: []string{freeAddr(t)}}) // fails when it cannot read it
}

// Several files of one torrent, asked for at once by a page full of pictures.
func TestGallery(t *testing.T) {
	t.Parallel()
	turn(t)
	var members []member
	for i := range 40 {
		members = append(members, member{path: []string{"pictures", strconv.Itoa(i) + ".jpg"}, size: int64(60000 + 7919*i)})
	}
	f, sources := manyFiles(t, "gallery", 256*kib, members)
	peer := freeAddr(t)
	libtorrent(t, lab{Torrents: []string{f.torrent}, Save: f.dir, Listen: []string{peer}, ByIndex: true})
	p := start(t, settings{})
	t.Run("page", func(t *testing.T) {
		for i, m := range members {
			t.Run(m.path[1], func(t *testing.T) {
				t.Parallel()
				whole(t, sources[i], p.stream(f.hash, strings.Join(m.path, "/"), "x.pe", peer), time.Minute)
			})
		}
	})
}

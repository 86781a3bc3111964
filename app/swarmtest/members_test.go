//go:build linux

package swarmtest

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/zeronetscript/universal_p2p/app/swarmtest/relay"
	"github.com/zeronetscript/universal_p2p/stream/ipfs/ipfspeer"
)

// A named is a file of a torrent, with its content.
type named struct {
	path string
	data []byte
}

// newFolder makes a torrent called name of the files. Their content is kept as dir/i, which rig/seeder.py calls by_index.
func newFolder(t *testing.T, name string, piece int64, files []named) *fixture {
	t.Helper()
	f := &fixture{dir: t.TempDir(), name: name, piece: piece}
	var list []any
	var content []io.Reader
	for i, file := range files {
		if err := os.WriteFile(filepath.Join(f.dir, strconv.Itoa(i)), file.data, 0o600); err != nil {
			t.Fatal(err)
		}
		var path []any
		for elem := range strings.SplitSeq(file.path, "/") {
			path = append(path, elem)
		}
		list = append(list, map[string]any{"length": int64(len(file.data)), "path": path})
		content = append(content, bytes.NewReader(file.data))
	}
	info := map[string]any{"name": name, "piece length": piece, "files": list, "pieces": pieces(t, io.MultiReader(content...), piece)}
	f.torrent, f.hash = writeTorrent(t, f.dir, info, nil)
	return f
}

// text is n bytes that can be packed to about a third.
func text(seed, n int64) []byte {
	raw, err := io.ReadAll(newSource(seed, n/2).from(0))
	if err != nil {
		panic(err) // it is memory
	}
	return []byte(hex.EncodeToString(raw))
}

// inZip packs the files, those with an even index compressed and the others stored.
func inZip(t *testing.T, files []named) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i, f := range files {
		out, err := w.CreateHeader(&zip.FileHeader{Name: f.path, Method: []uint16{zip.Deflate, zip.Store}[i%2]})
		if err != nil {
			t.Fatal(err)
		}
		out.Write(f.data)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func inTar(t *testing.T, files []named) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range files {
		if err := w.WriteHeader(&tar.Header{Name: f.path, Size: int64(len(f.data)), Mode: 0o644}); err != nil {
			t.Fatal(err)
		}
		w.Write(f.data)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func gzipped(data []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write(data)
	w.Close()
	return b.Bytes()
}

// packed has a program of someone else make an archive of the files and returns the files that it made, in order.
func packed(t *testing.T, files []named, glob string, program string, args ...string) (made []named) {
	t.Helper()
	dir, out := t.TempDir(), t.TempDir()
	for _, f := range files {
		path := filepath.Join(dir, f.path)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, f.data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for i, a := range args {
		args[i] = strings.ReplaceAll(a, "OUT", out)
	}
	cmd := exec.CommandContext(t.Context(), lookPath(t, program), append(args, ".")...)
	cmd.Dir = dir
	if msg, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", program, err, msg)
	}
	names, err := filepath.Glob(filepath.Join(out, glob))
	if err != nil || len(names) == 0 {
		t.Fatalf("%s made no %s: %v", program, glob, err)
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		made = append(made, named{filepath.Base(name), data})
	}
	return made
}

func sha(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// A shared is a folder that a program can fetch from a peer.
type shared struct {
	file func(path string) string // the address of a file
	list func(in string) string   // and of the list of an archive
}

// networks share a folder. What is in archives is the same on each.
var networks = map[string]func(t *testing.T, name string, files []named) shared{
	"bittorrent": func(t *testing.T, name string, files []named) shared {
		f := newFolder(t, name, 64*kib, files)
		peer := freeAddr(t)
		libtorrent(t, lab{Torrents: []string{f.torrent}, Save: f.dir, Listen: []string{peer}, ByIndex: true})
		return f.shared(start(t, settings{}), peer)
	},
	"ipfs": func(t *testing.T, _ string, files []named) shared {
		content := make(map[string][]byte)
		for _, f := range files {
			content[f.path] = f.data
		}
		peer, router := ipfsPeer(t)
		root, err := peer.AddFolder(t.Context(), content, ipfspeer.Options{})
		if err != nil {
			t.Fatal(err)
		}
		p := start(t, settings{IPFS: ipfsSettings{Routers: []string{router}}})
		return shared{
			file: func(path string) string { return p.ipfs("ipfs", root.String(), path) },
			list: func(in string) string {
				return "http://" + p.addr + "/ipfs/v0/files/" + root.String() + "?in=" + url.QueryEscape(in)
			},
		}
	},
}

// shared is the torrent as p fetches it from a peer.
func (f *fixture) shared(p *program, peer string) shared {
	return shared{
		file: func(path string) string { return p.stream(f.hash, path, "x.pe", peer) },
		list: func(in string) string { return p.url("files", f.hash, "", "in", in, "x.pe", peer) },
	}
}

// checkMembers fetches all of files below the archive, whole and a part, and compares them.
func checkMembers(t *testing.T, s shared, in string, files []named) {
	t.Helper()
	for _, file := range files {
		url := s.file(in + "/" + file.path)
		got, _ := get(t, url, 60*time.Second)
		if got.Status != http.StatusOK || got.SHA256 != sha(file.data) {
			t.Errorf("%s/%s: %v", in, file.path, got)
		}
		if n := len(file.data); n > 1000 {
			from, to := n*2/3, n*2/3+999
			one := &fetch{URL: url, Range: fmt.Sprintf("bytes=%d-%d", from, to)}
			if err := one.do(t.Context(), nil); err != nil || one.Status != http.StatusPartialContent || one.SHA256 != sha(file.data[from:to+1]) {
				t.Errorf("%s/%s, %s: %v, %v", in, file.path, one.Range, one, err)
			}
		}
	}
}

// Members of archives, from a peer: stored and compressed, alone and in one run with others, in an archive of an archive. Their lists are
// ready addresses.
func TestMembers(t *testing.T) {
	t.Parallel()
	files := []named{
		{"a/text.txt", text(200, 3*mib)},
		{"pictures/1.jpg", text(201, 300*kib)},
		{"日本語.txt", text(202, 10*kib)},
		{"film.mp4", text(203, 2*mib)},
		{"empty.txt", nil},
	}
	album := inZip(t, files)
	tarGz := gzipped(inTar(t, files))
	folder := []named{
		{"album.zip", album},
		{"sub/all.tar", inTar(t, files)},
		{"sub/all.tar.gz", tarGz},
		{"box.zip", inZip(t, []named{{"album.zip", album}, {"in/all.tar.gz", tarGz}})},
	}
	folder = append(folder, packed(t, files, "*", "7zz", "a", "-tzip", "-mm=bzip2", "OUT/bzip2.zip")...)
	folder = append(folder, packed(t, files, "*", "7zz", "a", "OUT/all.7z")...)
	folder = append(folder, packed(t, files, "*", "bsdtar", "--options", "zstd:compression-level=3", "--zstd", "-cf", "OUT/all.tar.zst")...)
	for network, share := range networks {
		t.Run(network, func(t *testing.T) {
			t.Parallel()
			turn(t)
			s := share(t, "A collection", folder)
			for _, in := range []string{
				"album.zip", "sub/all.tar", "sub/all.tar.gz", "box.zip/album.zip", "box.zip/in/all.tar.gz", "bzip2.zip", "all.7z", "all.tar.zst",
			} {
				checkMembers(t, s, in, files)
				got, body := get(t, s.list(in), 30*time.Second)
				for _, file := range files {
					if got.Status != http.StatusOK || !bytes.Contains(body, []byte(`"path":"`+in+"/"+file.path+`"`)) {
						t.Errorf("the list of %s lacks %s: %v %s", in, file.path, got, body)
					}
				}
			}
		})
	}
}

// What was read of an archive is kept: the list of its members, and what was unpacked, also over a restart.
func TestMembersAreKept(t *testing.T) {
	t.Parallel()
	turn(t)
	files := []named{{"text.txt", text(210, 4*mib)}, {"1.jpg", text(211, 300*kib)}}
	f := newFolder(t, "Kept", 256*kib, []named{{"big.bin", text(212, 4*mib)}, {"a.zip", inZip(t, files)}})
	peer := freeAddr(t)
	libtorrent(t, lab{Torrents: []string{f.torrent}, Save: f.dir, Listen: []string{peer}, ByIndex: true})
	wire := behind(t, peer, relay.Wire{})
	p := start(t, settings{})
	s := f.shared(p, wire.Addr())
	checkMembers(t, s, "a.zip", files)
	p.stop()
	p.launch()
	before := wire.Down()
	checkMembers(t, s, "a.zip", files)
	if more := wire.Down() - before; more > 64*kib {
		t.Errorf("the second visit fetched %d bytes", more)
	}
}

//go:build linux

package swarmtest

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zeronetscript/universal_p2p/assets"
	"github.com/zeronetscript/universal_p2p/stream"
	"github.com/zeronetscript/universal_p2p/stream/ipfs"
	"github.com/zeronetscript/universal_p2p/stream/ipfs/ipfspeer"
	"github.com/zeronetscript/universal_p2p/stream/store"
)

// ipfsSettings is the [ipfs] table of tests: nothing that is not named is asked.
type ipfsSettings struct {
	Routers, Gateways, Bootstrap []string
}

func (s ipfsSettings) toml(t *testing.T) string {
	t.Helper()
	return fmt.Sprintf("[ipfs]\nrouters = %s\ngateways = %s\nbootstrap = %s\n",
		tomlStrings(t, s.Routers), tomlStrings(t, s.Gateways), tomlStrings(t, s.Bootstrap))
}

// ipfs is the address of a path in a root of IPFS.
func (p *program) ipfs(protocol, root, path string) string {
	u := "http://" + p.addr + "/" + protocol + "/v0/stream/" + url.PathEscape(root)
	for e := range strings.SplitSeq(path, "/") {
		if e != "" {
			u += "/" + url.PathEscape(e)
		}
	}
	return u
}

// ipfsPeer starts a peer of IPFS in this process, and an endpoint of /routing/v1 that names it.
func ipfsPeer(t *testing.T) (p *ipfspeer.Peer, router string) {
	t.Helper()
	p, err := ipfspeer.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	r := new(ipfspeer.Router)
	r.Provide(p.Info(), false)
	srv := httptest.NewServer(r)
	t.Cleanup(srv.Close)
	return p, srv.URL
}

// write makes a file with the bytes of a source.
func write(t *testing.T, s *source, path string) string {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := io.CopyN(f, s.from(0), s.size); err != nil {
		t.Fatal(err)
	}
	return path
}

// kubo has the content; the program finds it in the hash table, by /routing/v1, and over HTTP alone.
func TestIPFSKubo(t *testing.T) {
	t.Parallel()
	turn(t)
	dir := t.TempDir()
	folder := filepath.Join(dir, "folder")
	if err := os.MkdirAll(filepath.Join(folder, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	source, small := newSource(1001, 20*mib+12345), newSource(1002, 700*kib)
	file := write(t, source, filepath.Join(dir, "file.bin"))
	write(t, small, filepath.Join(folder, "sub", "small.bin"))
	if err := os.WriteFile(filepath.Join(folder, "hello.txt"), []byte("hello\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("sub", filepath.Join(folder, "link")); err != nil {
		t.Fatal(err)
	}
	hub := startKubo(t)
	host := startKubo(t, hub.addr)
	v1 := host.add(file, "--cid-version=1")
	v0 := host.add(file, "--cid-version=0")
	tree := host.add(folder, "--cid-version=1")
	host.run("name", "publish", "--allow-offline", "--ipns-base=base36", "/ipfs/"+tree)
	name := strings.Fields(string(host.run("key", "list", "-l", "--ipns-base=base36")))[0]

	for how, s := range map[string]ipfsSettings{
		"hash table": {Bootstrap: []string{hub.addr}},
		"routing v1": {Routers: []string{hub.gateway}},
		"http only":  {Gateways: []string{host.gateway}},
	} {
		t.Run(how, func(t *testing.T) {
			p := start(t, settings{IPFS: s})
			for _, root := range []string{v1, v0} {
				t.Log(whole(t, source, p.ipfs("ipfs", root, ""), time.Minute))
				for _, r := range []struct{ off, n int64 }{{0, 2}, {19 * mib, 64 * kib}, {20*mib + 12344, 1}, {5*mib - 100, 200}} {
					part(t, source, p.ipfs("ipfs", root, ""), r.off, r.n, time.Minute)
				}
			}
			t.Log(whole(t, small, p.ipfs("ipfs", tree, "sub/small.bin"), time.Minute))
			whole(t, small, p.ipfs("ipfs", tree, "link/small.bin"), time.Minute)
			if f, body := get(t, p.ipfs("ipfs", tree, "hello.txt"), time.Minute); f.Status != 200 || !bytes.Equal(body, []byte("hello\n")) {
				t.Errorf("hello.txt: %d %q", f.Status, body)
			}
			if how != "http only" { // a gateway is no source of names here
				f := whole(t, small, p.ipfs("ipns", name, "sub/small.bin"), time.Minute)
				if got := f.Header.Get("Cache-Control"); got != "private, no-cache" { // the name can stand for something else soon
					t.Errorf("a file behind a name: Cache-Control %q", got)
				}
			}
		})
	}
}

// A member of an archive on IPFS is had without the rest of the archive, in a folder and in a file without a name.
func TestIPFSArchive(t *testing.T) {
	t.Parallel()
	turn(t)
	var zipped bytes.Buffer
	z := zip.NewWriter(&zipped)
	members := make(map[string][]byte)
	for i := range 60 {
		name := fmt.Sprintf("dir/%02d.txt", i)
		members[name] = text(int64(5000+i), 1<<20)
		w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: []uint16{zip.Store, zip.Deflate}[i%2]})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(members[name]); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "folder")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "a.zip")
	if err := os.WriteFile(file, zipped.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	host := startKubo(t)
	folder := strings.TrimSpace(string(host.run("add", "-r", "-Q", "--cid-version=1", dir)))
	bare := strings.TrimSpace(string(host.run("add", "-Q", "--cid-version=1", file)))
	for _, c := range [][2]string{{folder, "a.zip/"}, {bare, ""}, {bare, "photos.zip/"}} {
		root, prefix := c[0], c[1]
		p := start(t, settings{IPFS: ipfsSettings{Gateways: []string{host.gateway}}})
		for _, name := range []string{"dir/40.txt", "dir/17.txt"} {
			f, body := get(t, p.ipfs("ipfs", root, prefix+name), time.Minute)
			if f.Status != 200 || !bytes.Equal(body, members[name]) {
				t.Errorf("%s of %s: %d, %d bytes", name, root, f.Status, len(body))
			}
		}
		var stored int64
		for _, r := range p.status().Roots {
			if r.Protocol == "ipfs" {
				stored += r.Bytes
			}
		}
		t.Logf("%d bytes were fetched for two members of %d", stored, zipped.Len())
		if stored > 5*mib { // 1.6 MiB are the members; the rest is the list, what is in one block with them, and a little ahead

			t.Errorf("%d bytes were fetched for two members of %d", stored, zipped.Len())
		}
		if f, _ := get(t, p.ipfs("ipfs", root, prefix+"dir/none.txt"), time.Minute); f.Status != 404 {
			t.Errorf("a member that is not there: %d", f.Status)
		}
	}
}

// A file whose CID is all that is known of it is called what the address calls it, or by what is in it.
func TestIPFSBare(t *testing.T) {
	t.Parallel()
	turn(t)
	film, err := fs.ReadFile(assets.Demo(), "video.webm")
	if err != nil {
		t.Fatal(err)
	}
	peer, router := ipfsPeer(t)
	root, err := peer.AddFile(t.Context(), film, ipfspeer.Options{Chunk: 64 * kib})
	if err != nil {
		t.Fatal(err)
	}
	p := start(t, settings{IPFS: ipfsSettings{Routers: []string{router}}})
	for path, want := range map[string]string{
		"/" + root.String() + "/video.webm": "video/webm", "/" + root.String(): "video/webm", "/" + root.String() + "?filename=a.mkv": "video/matroska",
	} {
		f, body := get(t, "http://"+p.addr+"/ipfs/v0/stream"+path, time.Minute)
		if f.Status != 200 || f.Header.Get("Content-Type") != want || !bytes.Equal(body, film) {
			t.Errorf("%s: %d, %s, %d bytes", path, f.Status, f.Header.Get("Content-Type"), len(body))
		}
		if f, body := get(t, "http://"+p.addr+"/ipfs/v0/play"+path, time.Minute); f.Status != 200 || !bytes.Contains(body, []byte("<video")) {
			t.Errorf("the page of %s: %d %s", path, f.Status, body)
		}
	}
}

// Under the least quota there is, a file many times bigger comes whole, and the disk stays inside the quota.
func TestIPFSQuota(t *testing.T) {
	t.Parallel()
	turn(t)
	src := newSource(6000, 120*mib)
	host := startKubo(t)
	root := strings.TrimSpace(string(host.run("add", "-Q", "--cid-version=1", write(t, src, filepath.Join(t.TempDir(), "film.mp4")))))
	p := start(t, settings{Quota: "16MiB", IPFS: ipfsSettings{Bootstrap: []string{host.addr}}})
	m := measure(t, p.data)
	f := whole(t, src, p.ipfs("ipfs", root, ""), 2*time.Minute)
	peak := m.end()
	t.Logf("%v; the disk had %d KiB at most", f, peak/kib)
	if peak > 20*mib { // the log and the books are beside it
		t.Errorf("the data directory took %d KiB at its peak; the quota is 16 MiB", peak/kib)
	}
	if s := p.status(); s.Used > s.Quota {
		t.Errorf("%d bytes used of %d", s.Used, s.Quota)
	}
	part(t, src, p.ipfs("ipfs", root, ""), 60*mib, 64*kib, time.Minute)
	for key, want := range map[string]string{"Accept-Ranges": "bytes", "Cache-Control": "private, max-age=31536000, immutable"} {
		if got := f.Header.Get(key); got != want {
			t.Errorf("%s: %q, want %q", key, got, want)
		}
	}
	for path, want := range map[string]int{"/ipfs/v0/stream/nonsense": 400, "/ipns/v0/stream/localhost": 400, "/ipfs/v0/stream/" + root + "/..": 400} {
		if f, _ := get(t, "http://"+p.addr+path, time.Minute); f.Status != want {
			t.Errorf("%s: %d, want %d", path, f.Status, want)
		}
	}
}

// Kubo gives 300 MB to a node that may keep 8 MB, which is less than the program can be set to. The disk is looked at all the while.
func TestIPFSEviction(t *testing.T) {
	t.Parallel()
	turn(t)
	const quota = 8 << 20
	src := newSource(6100, 300<<20)
	host := startKubo(t)
	root := strings.TrimSpace(string(host.run("add", "-Q", "--cid-version=1", write(t, src, filepath.Join(t.TempDir(), "film.mp4")))))
	dir := t.TempDir()
	st, err := store.Open(dir, store.Options{Quota: quota})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	b, err := ipfs.New(ipfs.Config{Store: st, AllowLocalPeers: true, Bootstrap: []string{host.addr}})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	tree, err := b.Open(ctx, stream.Root{ID: root})
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	file, _, err := tree.Lookup(ctx, "")
	if err != nil {
		t.Fatal(err)
	}
	r, err := file.Open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	m := measure(t, dir)
	begin := time.Now()
	if n, err := io.Copy(src.checker(0), r); err != nil || n != src.size {
		t.Fatalf("after %d bytes: %v", n, err)
	}
	peak := m.end()
	t.Logf("%.0f MB/s, %d KiB on the disk at most", float64(src.size)/1e6/time.Since(begin).Seconds(), peak/kib)
	if peak > quota+quota/8 {
		t.Errorf("%d bytes were on the disk, of %d", peak, quota)
	}
}

// A peer that is connected when the request comes is asked at once: nobody has to name it as a provider.
func TestIPFSConnected(t *testing.T) {
	t.Parallel()
	turn(t)
	host := startKubo(t)
	add := func(seed int64) (*source, string) {
		src := newSource(seed, 2*mib)
		return src, strings.TrimSpace(string(host.run("add", "-Q", "--cid-version=1", "--fast-provide-root=false", write(t, src, filepath.Join(t.TempDir(), "file")))))
	}
	one, first := add(6200)
	p := start(t, settings{IPFS: ipfsSettings{Bootstrap: []string{host.addr}}})
	whole(t, one, p.ipfs("ipfs", first, ""), time.Minute)
	eventually(t, 10*time.Second, "the program is connected", func() bool { return len(bytes.TrimSpace(host.run("swarm", "peers"))) > 0 })
	two, second := add(6201)
	begin := time.Now()
	f := whole(t, two, p.ipfs("ipfs", second, ""), time.Minute)
	t.Logf("after %v: %v", time.Since(begin), f)
	if f.First > 2*time.Second && !raced() {
		t.Errorf("a peer that is connected gave its first byte after %v", f.First)
	}
	if out := host.run("routing", "findprovs", "--num-providers=1", second); len(bytes.TrimSpace(out)) > 0 {
		t.Logf("somebody is named as its provider by now: %s", out)
	}
}

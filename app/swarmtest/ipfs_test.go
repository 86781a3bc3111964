//go:build linux

package swarmtest

import (
	"bytes"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
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
				whole(t, small, p.ipfs("ipns", name, "sub/small.bin"), time.Minute)
			}
		})
	}
}

package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/anacrolix/torrent/bencode"
	"github.com/anacrolix/torrent/metainfo"
)

// A film is content that one libtorrent has, and its address in the program.
type film struct {
	url  string
	sum  [32]byte
	stop func() // ends the peer
}

// seed makes content and has libtorrent seed it (python3-libtorrent; the script is in rig, a folder).
func seed(t *testing.T, rig string) *film {
	t.Helper()
	need(t, "/usr/bin/python3")
	dir := t.TempDir()
	data := make([]byte, 3<<20+12345)
	src := rand.NewChaCha8([32]byte{'f', 'i', 'l', 'm'})
	src.Read(data)
	name := filepath.Join(dir, "film.bin")
	if err := os.WriteFile(name, data, 0o644); err != nil {
		t.Fatal(err)
	}
	info := metainfo.Info{PieceLength: 64 << 10}
	if err := info.BuildFromFilePath(name); err != nil {
		t.Fatal(err)
	}
	raw, err := bencode.Marshal(info)
	if err != nil {
		t.Fatal(err)
	}
	meta := metainfo.MetaInfo{InfoBytes: raw}
	torrent := filepath.Join(dir, "film.torrent")
	out, err := os.Create(torrent)
	if err != nil {
		t.Fatal(err)
	}
	if err := meta.Write(out); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	const addr = "127.0.0.2:51413" // in a network of the test's own
	spec, err := json.Marshal(map[string]any{"torrents": []string{torrent}, "save": dir, "listen": []string{addr}})
	if err != nil {
		t.Fatal(err)
	}
	f := &film{
		url:  "http://127.0.0.1:7788/bittorrent/v0/stream/" + meta.HashInfoBytes().HexString() + "/film.bin?x.pe=" + url.QueryEscape(addr),
		sum:  sha256.Sum256(data),
		stop: startSeeder(t, filepath.Join(rig, "seeder.py"), string(spec)),
	}
	f.url = strings.Replace(f.url, "/film.bin", "", 1) // it is the one file, and has no folder
	t.Cleanup(f.stop)
	return f
}

func startSeeder(t *testing.T, script, spec string) (stop func()) {
	t.Helper()
	cmd := exec.Command("/usr/bin/python3", script, spec)
	cmd.Stderr = t.Output()
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		in.Close() // its sign to end
		select {
		case <-done:
		case <-time.After(10 * time.Second):
			cmd.Process.Kill()
			<-done
		}
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	go func() { cmd.Wait(); close(done) }()
	if err != nil || !strings.Contains(line, "ready") {
		stop()
		t.Fatalf("libtorrent does not seed: %q, %v", line, err)
	}
	return stop
}

// stream fetches the film from the program, whole and right.
func (f *film) stream(t *testing.T) {
	t.Helper()
	c := http.Client{Timeout: 90 * time.Second}
	resp, err := c.Get(f.url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if resp.StatusCode != http.StatusOK || err != nil || sha256.Sum256(data) != f.sum {
		t.Fatalf("%s: %s, %d bytes, %v: %.200q", f.url, resp.Status, len(data), err, data)
	}
}

// lonely is a config for a computer without a network.
const lonely = `reserve = 0
allow_local_peers = true
[bittorrent]
dht = false
trackers = []
webtorrent = false
`

// answers waits until the program answers, or does not any more.
func answers(t *testing.T, want bool) {
	t.Helper()
	for end := time.Now().Add(60 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		c, err := net.DialTimeout("tcp", "127.0.0.1:7788", time.Second)
		if err == nil {
			c.Close()
		}
		if (err == nil) == want {
			return
		}
	}
	t.Fatalf("after a minute the program answers: %v", !want)
}

// eventually waits until f is content.
func eventually(t *testing.T, what string, f func() error) {
	t.Helper()
	var err error
	for end := time.Now().Add(60 * time.Second); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		if err = f(); err == nil {
			return
		}
	}
	t.Fatalf("%s: %v", what, err)
}

// says is for eventually: the version of the running program.
func says(want string, status func() (string, error)) func() error {
	return func() error {
		out, err := status()
		if err != nil {
			return err
		}
		var s struct{ Version string }
		if err := json.Unmarshal([]byte(out), &s); err != nil {
			return fmt.Errorf("%w: %.100q", err, out)
		}
		if s.Version != want {
			return fmt.Errorf("it is version %q, want %q", s.Version, want)
		}
		return nil
	}
}

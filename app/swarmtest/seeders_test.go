//go:build linux

package swarmtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// A seeding makes a real peer seed f and returns its address once it accepts connections. The peer ends with the test.
type seeding func(t *testing.T, f *fixture) (addr string)

// seeders are all the real peers, by name.
func seeders() map[string]seeding {
	return map[string]seeding{"libtorrent": seedLibtorrent, "transmission": seedTransmission, "aria2": seedAria2}
}

// lab is what rig/seeder.py takes; the fields are described there.
type lab struct {
	Torrents []string `json:"torrents"`
	Save     string   `json:"save"`
	Listen   []string `json:"listen"`
	ByIndex  bool     `json:"by_index"`
	Lie      bool     `json:"lie"`
	UTP      bool     `json:"utp"`
	DHT      []string `json:"dht,omitzero"`
}

// libtorrentStats is what one session of rig/seeder.py says of itself.
type libtorrentStats struct {
	Uploaded int64 `json:"uploaded"` // payload bytes
	Peers    int   `json:"peers"`
	DHTNodes int   `json:"dht_nodes"`
}

// python finds an interpreter that has libtorrent. Debian installs it for its own one only.
func python(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"/usr/bin/python3", "python3"} {
		if exec.CommandContext(t.Context(), name, "-c", "import libtorrent").Run() == nil {
			return name
		}
	}
	missing(t, "python3-libtorrent")
	return ""
}

// libtorrent runs the sessions that spec describes.
func libtorrent(t *testing.T, spec lab) *script {
	t.Helper()
	return startScript(t, python(t), "seeder.py", spec)
}

func (s *script) stats(t *testing.T) []libtorrentStats {
	t.Helper()
	var v struct {
		Sessions []libtorrentStats `json:"sessions"`
	}
	s.ask(t, "stats", &v)
	return v.Sessions
}

func seedLibtorrent(t *testing.T, f *fixture) string {
	t.Helper()
	addr := freeAddr(t)
	libtorrent(t, lab{Torrents: []string{f.torrent}, Save: f.dir, Listen: []string{addr}})
	return addr
}

func seedAria2(t *testing.T, f *fixture) string {
	t.Helper()
	bin := lookPath(t, "aria2c")
	addr := freeAddr(t)
	host, port, _ := net.SplitHostPort(addr)
	p := spawn(t, exec.Command(bin, "--no-conf", "--dir="+f.dir, "--interface="+host, "--listen-port="+port, "--disable-ipv6",
		"--enable-dht=false", "--bt-enable-lpd=false", "--bt-exclude-tracker=*", "--bt-seed-unverified=true", "--seed-ratio=0",
		"--file-allocation=none", "--follow-torrent=mem", "--stop-with-process="+strconv.Itoa(os.Getpid()), f.torrent))
	waitPort(t, p, addr, 20*time.Second)
	return addr
}

// seedTransmission takes a while before it sends anything: version 3.00 unchokes new peers every 10 s.
func seedTransmission(t *testing.T, f *fixture) string {
	t.Helper()
	bin := lookPath(t, "transmission-daemon")
	home, addr := t.TempDir(), freeAddr(t)
	host, port, _ := net.SplitHostPort(addr)
	peerPort, _ := strconv.Atoi(port)
	rpcPort := freePort(t)
	conf, err := json.Marshal(map[string]any{
		"bind-address-ipv4": host, "bind-address-ipv6": "::1", "peer-port": peerPort, "rpc-bind-address": "127.0.0.1", "rpc-port": rpcPort,
		"rpc-authentication-required": false, "rpc-whitelist-enabled": false, "rpc-host-whitelist-enabled": false,
		"dht-enabled": false, "lpd-enabled": false, "utp-enabled": false, "port-forwarding-enabled": false, "download-dir": f.dir,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, "settings.json"), conf, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(bin, "--foreground", "--config-dir", home)
	cmd.Env = append(os.Environ(), "HOME="+home)
	p := spawn(t, cmd)
	rpc := &transmissionRPC{url: fmt.Sprintf("http://127.0.0.1:%d/transmission/rpc", rpcPort)}
	waitPort(t, p, fmt.Sprintf("127.0.0.1:%d", rpcPort), 20*time.Second)
	rpc.call(t, "torrent-add", map[string]any{"filename": f.torrent, "download-dir": f.dir}, nil)
	eventually(t, 60*time.Second, "transmission has checked its file", func() bool {
		var v struct {
			Torrents []struct{ Status int }
		}
		rpc.call(t, "torrent-get", map[string]any{"fields": []string{"status"}}, &v)
		return len(v.Torrents) == 1 && v.Torrents[0].Status == 6 // seeding
	})
	waitPort(t, p, addr, 20*time.Second)
	time.Sleep(1100 * time.Millisecond) // it takes no other connection from our address before it has forgotten that one
	return addr
}

// transmissionRPC speaks to a transmission-daemon.
type transmissionRPC struct{ url, session string }

func (r *transmissionRPC) call(t *testing.T, method string, args, result any) {
	t.Helper()
	body, err := json.Marshal(map[string]any{"method": method, "arguments": args})
	if err != nil {
		t.Fatal(err)
	}
	for {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.url, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Transmission-Session-Id", r.session)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode == http.StatusConflict { // its defence against web pages: the answer carries the session to use
			r.session = resp.Header.Get("X-Transmission-Session-Id")
			continue
		}
		answer := struct {
			Result    string
			Arguments any
		}{Arguments: result}
		if err := json.Unmarshal(data, &answer); err != nil || answer.Result != "success" {
			t.Fatalf("transmission %s: %v %s", method, err, data)
		}
		return
	}
}

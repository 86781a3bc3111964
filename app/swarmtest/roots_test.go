//go:build linux

package swarmtest

import (
	"bytes"
	"encoding/base32"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"
)

// All the ways a URL can name a torrent and help to find it.
func TestRoots(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 10, 3*mib+9, 128*kib, nil)
	peer, peer6 := freeAddr(t), net.JoinHostPort("::1", strconv.Itoa(freePort(t)))
	libtorrent(t, lab{Torrents: []string{f.torrent}, Save: f.dir, Listen: []string{peer, peer6}})
	announce := trackerOf(t, f.hash, peer)
	raw, err := hex.DecodeString(f.hash)
	if err != nil {
		t.Fatal(err)
	}
	b32 := base32.StdEncoding.EncodeToString(raw)
	magnet := "magnet:?xt=urn:btih:" + f.hash + "&dn=video.mp4"
	for name, c := range map[string]struct {
		root, path string
		hints      []string
	}{
		"hex and tracker":            {f.hash, f.name, []string{"tr", announce}},
		"upper case hex":             {strings.ToUpper(f.hash), f.name, []string{"tr", announce}},
		"base32":                     {b32, f.name, []string{"tr", announce}},
		"lower case base32":          {strings.ToLower(b32), f.name, []string{"tr", announce}},
		"peer hint":                  {f.hash, f.name, []string{"x.pe", peer}},
		"IPv6 peer hint":             {f.hash, f.name, []string{"x.pe", peer6}},
		"dead tracker and peer hint": {f.hash, f.name, []string{"tr", "http://127.0.0.1:1/announce", "x.pe", peer}},
		"two trackers":               {f.hash, f.name, []string{"tr", "udp://127.0.0.1:1", "tr", announce}},
		"magnet with tracker":        {magnet + "&tr=" + url.QueryEscape(announce), f.name, nil},
		"magnet with peer":           {magnet + "&x.pe=" + peer, f.name, nil},
		"magnet, hints beside it":    {magnet, f.name, []string{"x.pe", peer}},
		"magnet with base32":         {"magnet:?xt=urn:btih:" + b32 + "&x.pe=" + peer, f.name, nil},
		"no path":                    {f.hash, "", []string{"x.pe", peer}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			turn(t)
			p := start(t, settings{})
			whole(t, f.source, p.stream(c.root, c.path, c.hints...), 30*time.Second)
		})
	}
	t.Run("tracker from the configuration", func(t *testing.T) {
		t.Parallel()
		turn(t)
		p := start(t, settings{Trackers: []string{announce}})
		whole(t, f.source, p.stream(f.hash, f.name), 30*time.Second)
	})
}

// A web page must not steer the program into the network of its user: without allow_local_peers, loopback peers, trackers and web
// seeds that a URL names are left alone.
func TestLocalHintsAreDropped(t *testing.T) {
	t.Parallel()
	turn(t)
	f := newFixture(t, 11, mib, 128*kib, nil)
	tr := newTracker(t)
	tr.set(f.hash, seedLibtorrent(t, f))
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	touched := make(chan string, 16)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { touched <- "web seed " + r.URL.String() }))
	defer srv.Close()
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			c.Close()
			touched <- "peer"
		}
	}()
	p := start(t, settings{ForeignPeers: true})
	p.add(f.torrent)
	local := strings.Replace(srv.URL, "127.0.0.1", "localhost", 1)
	url := p.stream(f.hash, f.name, "x.pe", ln.Addr().String(), "ws", srv.URL+"/", "ws", local+"/", "tr", tr.announce())
	r := &fetch{URL: url}
	client := time.After(4 * time.Second)
	done := make(chan error, 1)
	go func() { done <- r.do(t.Context(), nil) }()
	select {
	case <-client:
	case err := <-done:
		if r.Status/100 == 2 {
			t.Errorf("served from a private peer: %v, %v", r, err)
		}
	case what := <-touched:
		t.Errorf("the program connected to a %s that a page named", what)
	}
	if n := tr.announced(f.hash); n > 0 {
		t.Errorf("the program announced %d times to a tracker on loopback that a page named", n)
	}
}

// The infohash alone, over a DHT of four nodes that only this test knows.
func TestDHT(t *testing.T) {
	t.Parallel()
	turn(t)
	f := newFixture(t, 12, 3*mib+9, 128*kib, nil)
	nodes := []string{freeAddr(t), freeAddr(t), freeAddr(t)}
	for i, n := range nodes {
		libtorrent(t, lab{Listen: []string{n}, DHT: nodes[:max(i, 1)]})
	}
	libtorrent(t, lab{Torrents: []string{f.torrent}, Save: f.dir, Listen: []string{freeAddr(t)}, DHT: nodes})
	eventually(t, time.Minute, "the DHT knows the seeder", func() bool {
		return dhtKnows(t, nodes, f.hash)
	})
	p := start(t, settings{DHT: nodes[:1]})
	got := whole(t, f.source, p.stream(f.hash, f.name), time.Minute)
	t.Log(got)

	// The nodes it has met are kept: the second start does without the configured one.
	p.stop()
	p.configure(settings{DHT: []string{}})
	p.launch()
	g := newFixture(t, 13, mib, 128*kib, nil)
	libtorrent(t, lab{Torrents: []string{g.torrent}, Save: g.dir, Listen: []string{freeAddr(t)}, DHT: nodes})
	t.Log(whole(t, g.source, p.stream(g.hash, g.name), time.Minute))
}

// dhtKnows asks the nodes for peers of the torrent (BEP 5).
func dhtKnows(t *testing.T, nodes []string, hash string) bool {
	t.Helper()
	raw, err := hex.DecodeString(hash)
	if err != nil {
		t.Fatal(err)
	}
	query := bencode(nil, map[string]any{"t": "aa", "y": "q", "q": "get_peers", "a": map[string]any{
		"id": "a node of this test.", "info_hash": string(raw)}})
	for _, n := range nodes {
		c, err := net.Dial("udp", n)
		if err != nil {
			t.Fatal(err)
		}
		c.SetDeadline(time.Now().Add(time.Second))
		answer := make([]byte, 2048)
		c.Write(query)
		k, _ := c.Read(answer)
		c.Close()
		if bytes.Contains(answer[:k], []byte("6:values")) {
			return true
		}
	}
	return false
}

// webSeed serves the files of dir over plain HTTP.
func webSeed(t *testing.T, dir string) *httptest.Server {
	t.Helper()
	srv := httptest.NewServer(http.FileServer(http.Dir(dir)))
	t.Cleanup(srv.Close)
	return srv
}

// A plain HTTP server is enough (BEP 19), named by the .torrent or by the URL. No peer of any other kind exists.
func TestWebSeedAlone(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 14, 20*mib+3, 512*kib, nil)
	srv := webSeed(t, f.dir)
	inTorrent := newFixture(t, 14, 20*mib+3, 512*kib, map[string]any{"url-list": srv.URL + "/" + f.name})
	t.Run("hint", func(t *testing.T) {
		t.Parallel()
		turn(t)
		p := start(t, settings{})
		p.add(f.torrent)
		url := p.stream(f.hash, f.name, "ws", srv.URL+"/"+f.name)
		part(t, f.source, url, 15*mib+1, 70000, 30*time.Second)
		t.Log(whole(t, f.source, url, time.Minute))
	})
	t.Run("torrent", func(t *testing.T) {
		t.Parallel()
		turn(t)
		p := start(t, settings{})
		p.add(inTorrent.torrent)
		url := p.stream(f.hash, f.name)
		part(t, f.source, url, 15*mib+1, 70000, 30*time.Second)
		t.Log(whole(t, f.source, url, time.Minute))
	})
}

// What was learned on the first visit is kept: the second needs no tracker, no hint and no metadata exchange.
func TestSecondVisit(t *testing.T) {
	t.Parallel()
	turn(t)
	f := newFixture(t, 15, 8*mib, 256*kib, nil)
	addr := freeAddr(t)
	seed := libtorrent(t, lab{Torrents: []string{f.torrent}, Save: f.dir, Listen: []string{addr}})
	tr := newTracker(t)
	tr.set(f.hash, addr)
	p := start(t, settings{})
	part(t, f.source, p.stream(f.hash, f.name, "tr", tr.announce()), 0, mib, 30*time.Second)
	if tr.announced(f.hash) == 0 {
		t.Error("the tracker was never asked")
	}
	p.stop()
	tr.Close()
	p.launch()
	got := part(t, f.source, p.stream(f.hash, f.name), 6*mib, mib, 30*time.Second)
	t.Logf("new bytes without tracker: %v", got)
	p.stop()
	seed.kill()
	p.launch()
	got = part(t, f.source, p.stream(f.hash, f.name), 6*mib, mib, 10*time.Second)
	t.Logf("kept bytes without anybody: %v", got)
	if fetched, listing := get(t, p.url("files", f.hash, ""), 10*time.Second); fetched.Status != 200 {
		t.Errorf("files without anybody: %v %s", fetched, listing)
	}
}

// spanFrom is an open Range.
func spanFrom(off int64) string { return fmt.Sprintf("bytes=%d-", off) }

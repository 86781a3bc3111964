package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zeronetscript/universal_p2p/stream/streamtest"
)

type listing struct {
	Protocol, Version, Root, Name string
	Files                         []struct {
		Path string
		Size int64
		Type string
		URL  string
	}
}

func TestFiles(t *testing.T) {
	f := newFront(t)
	res := f.do("GET", "/mem/v0/files/TREE1?tr=udp%3A%2F%2Fa&tr=http%3A%2F%2Fb%2F%3Fc&x.pe=1.2.3.4:5&s=tag")
	if res.StatusCode != 200 || res.err != nil {
		t.Fatalf("%s, %v", res.Status, res.err)
	}
	for k, v := range map[string]string{"Content-Type": "application/json", "Access-Control-Allow-Origin": "*", "X-Content-Type-Options": "nosniff",
		"Content-Security-Policy": sandbox, "Cache-Control": "no-store"} {
		if res.get(k) != v {
			t.Errorf("%s is %q", k, res.get(k))
		}
	}
	var l listing
	d := json.NewDecoder(bytes.NewReader(res.body))
	d.DisallowUnknownFields()
	if err := d.Decode(&l); err != nil {
		t.Fatalf("%v in %s", err, res.body)
	}
	if l.Protocol != "mem" || l.Version != "v0" || l.Root != "tree1" || l.Name != "A tree" || len(l.Files) != len(content) {
		t.Errorf("%+v", l)
	}
	for _, e := range l.Files {
		data, ok := content[e.Path]
		if !ok || e.Size != int64(len(data)) || e.Type != typeOf(e.Path).mime {
			t.Errorf("%+v", e)
		}
		u, err := url.Parse(e.URL)
		if err != nil || u.Host != f.addr || !strings.HasPrefix(u.Path, "/mem/v0/stream/tree1/") {
			t.Errorf("%q: %v", e.URL, err)
			continue
		}
		if q := u.Query(); len(q) != 2 || len(q["tr"]) != 2 || q["tr"][1] != "http://b/?c" || q.Get("x.pe") != "1.2.3.4:5" {
			t.Errorf("the hints of %q are %v", e.URL, q)
		}
		r, err := http.Get(e.URL) // ready to be used
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		if r.StatusCode != 200 || r.ContentLength != e.Size {
			t.Errorf("%q: %s, %d bytes", e.URL, r.Status, r.ContentLength)
		}
	}
	head := f.do("HEAD", "/mem/v0/files/tree1")
	f.want(head, 200, nil)
	if head.get("Content-Type") != "application/json" {
		t.Errorf("HEAD: %v", head.Header)
	}
	f.mem.Add("none", `"<b>`, nil)
	f.want(f.do("GET", "/mem/v0/files/none"), 200, []byte(`{"protocol":"mem","version":"v0","root":"none","name":"\"\u003cb\u003e","files":[]}`+"\n"))
}

// TestFilesOfMagnet: hints within the root are not lost when the canonical ID takes its place.
func TestFilesOfMagnet(t *testing.T) {
	h := New(Config{Addr: "127.0.0.1:7788"})
	req, u := mustParse(t, "/bittorrent/v0/files/magnet:%3Fxt=urn:btih:abc&tr=udp%253A%252F%252Fa&dn=x?tr=udp://b")
	got := h.links(req, "stream", "abc", u)("d/ü.mp4")
	if want := "http://127.0.0.1:7788/bittorrent/v0/stream/abc/d/%C3%BC.mp4?dn=x&tr=udp%3A%2F%2Fb&tr=udp%3A%2F%2Fa"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestManyFiles(t *testing.T) {
	f := newFront(t)
	files := make(map[string][]byte)
	for i := range 20_000 {
		files[fmt.Sprintf("folder/a file with a long name %d.txt", i)] = nil
	}
	f.mem.Add("many", "", files)
	res := f.do("GET", "/mem/v0/files/many")
	var l listing
	if err := json.Unmarshal(res.body, &l); err != nil || len(l.Files) != len(files) || res.err != nil {
		t.Errorf("%s: %d files, %v, %v", res.Status, len(l.Files), err, res.err)
	}
}

func TestFilesWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newPipeFront(t)
		f.tree.Silence(true)
		start := time.Now()
		f.wantError(f.do("GET", "/mem/v0/files/tree1"), http.StatusGatewayTimeout)
		if took := time.Since(start); took != time.Minute {
			t.Errorf("504 after %v", took)
		}
		time.AfterFunc(59*time.Second, func() { f.tree.Silence(false) })
		if res := f.do("GET", "/mem/v0/files/tree1"); res.StatusCode != 200 {
			t.Errorf("%s, %s", res.Status, res.body)
		}
	})
}

func TestTorrent(t *testing.T) {
	f := newFront(t)
	res := f.do("GET", "/mem/v0/torrent/TREE1")
	if res.StatusCode != 200 || res.get("Content-Type") != "application/x-bittorrent" || res.get("Content-Disposition") != "attachment; filename*=UTF-8''A%20tree.torrent" {
		t.Fatalf("%s, %v", res.Status, res.Header)
	}

	empty := streamtest.NewMem()
	g := newFront(t, func(c *Config) { c.Protocols[0].Backend = empty })
	auth := "Authorization: Bearer " + token
	post := func(data []byte, header ...string) response {
		t.Helper()
		res, err := g.try(t.Context(), "POST", "/mem/v0/torrent", bytes.NewReader(data), header...)
		if err != nil {
			t.Fatal(err)
		}
		return res
	}
	for code, header := range map[int][]string{401: {"Authorization: Bearer wrong"}, 403: {auth, "Origin: https://a.example"}} {
		if res := post(res.body, header...); res.StatusCode != code || res.get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%v: %s", header, res.Status)
		}
	}
	if n := empty.Counts().Opens; n != 0 {
		t.Errorf("%d opens", n)
	}
	g.want(post(res.body, auth), 200, []byte(`{"root":"tree1"}`+"\n"))
	g.want(g.do("GET", "/mem/v0/stream/tree1/sound.mp3"), 200, content["sound.mp3"])
	if res := post([]byte("no torrent"), auth); res.StatusCode != 400 {
		t.Errorf("%s: %s", res.Status, res.body)
	}
	if res := post(make([]byte, 16<<20+1), auth); res.StatusCode != 413 {
		t.Errorf("%s: %s", res.Status, res.body)
	}
	cut := "POST /mem/v0/torrent HTTP/1.1\r\nHost: " + g.addr + "\r\n" + auth + "\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nd4:info\r\n"
	if res := raw(t, g, cut, "POST"); res.StatusCode != 400 || !strings.Contains(string(res.body), "too early") {
		t.Errorf("%s: %s", res.Status, res.body)
	}
	if res := g.do("POST", "/mem/v0/torrent/x", auth); res.StatusCode != 405 {
		t.Errorf("%s: %s", res.Status, res.body)
	}
}

// TestTorrentOnlyWhereThereIs: a protocol without descriptions has no such command.
func TestTorrentOnlyWhereThereIs(t *testing.T) {
	f := newFront(t, func(c *Config) {
		c.Protocols[0].Backend = struct{ plainBackend }{plainBackend{c.Protocols[0].Backend}}
	})
	f.wantError(f.do("GET", "/mem/v0/torrent/tree1"), 404)
	f.wantError(f.do("POST", "/mem/v0/torrent"), 405)
	f.want(f.get("sound.mp3"), 200, content["sound.mp3"])
}

// TestListBreaks: a list that fails on the way is not ended as if it were whole.
func TestListBreaks(t *testing.T) {
	f := newFront(t, func(c *Config) { c.Protocols[0].Backend = breaking{c.Protocols[0].Backend, 2} })
	f.wantError(f.do("GET", "/mem/v0/files/tree1"), 500)
	f = newFront(t, func(c *Config) { c.Protocols[0].Backend = breaking{c.Protocols[0].Backend, 5000} })
	if res := f.do("GET", "/mem/v0/files/tree1"); res.StatusCode != 200 || res.err == nil {
		t.Errorf("%s, %d bytes, %v", res.Status, len(res.body), res.err)
	}
}

var errBreaks = errors.New("the list breaks")

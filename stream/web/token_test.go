package web

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zeronetscript/universal_p2p/stream/ledger"
)

// A page is a web page that uses the API for pages.
type webPage struct {
	*front
	origin  string
	control string
	tag     string
}

// newPage gets the tokens of a page.
func (f *front) newPage(origin, label string) *webPage {
	f.t.Helper()
	p := &webPage{front: f, origin: origin}
	res := p.post("token", `{"label":"`+label+`"}`)
	var out struct{ Site, Tag, Control string }
	if err := json.Unmarshal(res.body, &out); err != nil || res.StatusCode != 200 {
		f.t.Fatalf("%s: %s %q", origin, res.Status, res.body)
	}
	p.control, p.tag = out.Control, out.Tag
	return p
}

func (p *webPage) ask(method, path, body string, header ...string) response {
	p.t.Helper()
	header = append(header, "Origin: "+p.origin, "Sec-Fetch-Mode: cors", "Sec-Fetch-Site: cross-site")
	if method == "POST" {
		header = append(header, "Content-Type: application/json")
	}
	if p.control != "" {
		header = append(header, "Authorization: Bearer "+p.control)
	}
	res, err := p.try(p.t.Context(), method, "/api/v0/"+path, strings.NewReader(body), header...)
	if err != nil {
		p.t.Fatal(err)
	}
	return res
}

func (p *webPage) post(path, body string) response {
	p.t.Helper()
	return p.ask("POST", path, body)
}

// items are what the page gets as its own.
func (p *webPage) items() (items []siteItem, ahead []prefetchStatus) {
	p.t.Helper()
	res := p.ask("GET", "site/items", "")
	var out struct {
		Items    []siteItem
		Prefetch []prefetchStatus
	}
	if err := json.Unmarshal(res.body, &out); err != nil || res.StatusCode != 200 || !strings.Contains(string(res.body), `"items":[`) {
		p.t.Fatalf("%s %q %v", res.Status, res.body, err)
	}
	return out.Items, out.Prefetch
}

// TestToken: a page gets tokens for its own origin, which only that one can read, and nobody else does.
func TestToken(t *testing.T) {
	f := newFront(t)
	const json = "Content-Type: application/json"
	_, port, _ := strings.Cut(f.addr, ":")
	for _, tt := range []struct {
		body   string
		header []string
		code   int
	}{
		{"{}", []string{json, "Origin: https://a.example", "Sec-Fetch-Mode: cors"}, 200},
		{"{}", []string{json + "; charset=utf-8", "Origin: http://127.0.0.1:43110"}, 200},
		{"{}", []string{json, "Origin: http://tree1.mem.localhost:" + port}, 200},
		{`{"label":"1Name"}`, []string{json, "Origin: http://127.0.0.1:43110"}, 200},
		{`{"label":"../x"}`, []string{json, "Origin: http://127.0.0.1:43110"}, 400},
		{`{"site":"https://b.example"}`, []string{json, "Origin: https://a.example"}, 400},
		{"", []string{json, "Origin: https://a.example"}, 400},
		{"{}", []string{"Content-Type: text/plain", "Origin: https://a.example"}, 400},
		{"{}", []string{"Origin: https://a.example"}, 400},
		{"{}", []string{json, "Origin: null"}, 403},
		{"{}", []string{json}, 403},
		{"{}", []string{json, "Referer: https://a.example/"}, 403},
		{"{}", []string{json, "Origin: https://a.example", "Origin: https://b.example"}, 403},
		{"{}", []string{json, "Origin: https://a.example/path"}, 403},
		{"{}", []string{json, "Origin: https://a.example", "Sec-Fetch-Mode: no-cors"}, 403},
		{"{}", []string{json, "Origin: https://a.example", "Sec-Fetch-Mode: navigate"}, 403},
		{"{}", []string{json, "Origin: http://127.0.0.1:" + port}, 403},
		{"{}", []string{json, "Origin: http://localhost:" + port}, 403},
		{strings.Repeat(" ", maxCommand+1), []string{json, "Origin: https://a.example"}, 413},
	} {
		res, err := f.try(t.Context(), "POST", "/api/v0/token", strings.NewReader(tt.body), tt.header...)
		if err != nil {
			t.Fatal(err)
		}
		origin := res.Request.Header.Get("Origin")
		if tt.code == 403 && !strings.Contains(strings.Join(tt.header, " "), "Sec-Fetch-Mode") {
			origin = "" // who has none may not read why, either
		}
		if res.StatusCode != tt.code || res.get("Access-Control-Allow-Origin") != origin || !strings.Contains(res.get("Vary"), "Origin") ||
			res.get("Access-Control-Allow-Credentials") != "" || res.get("Cache-Control") != "no-store" {
			t.Errorf("%.40q %q: %s %q %v", tt.body, tt.header, res.Status, res.body, res.Header)
		}
	}
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		if res := f.do(method, "/api/v0/token", "Origin: https://a.example"); res.StatusCode != 405 || res.get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: %s %v", method, res.Status, res.Header)
		}
	}
	// What a browser asks before.
	for path, method := range map[string]string{"token": "POST", "site/items": "GET", "site/drop": "POST"} {
		res := f.do("OPTIONS", "/api/v0/"+path, "Origin: https://a.example", "Access-Control-Request-Method: "+method)
		if res.StatusCode != 204 || res.get("Access-Control-Allow-Methods") != method || res.get("Access-Control-Allow-Origin") != "https://a.example" ||
			!strings.Contains(res.get("Access-Control-Allow-Headers"), "Authorization") {
			t.Errorf("%s: %s %v", path, res.Status, res.Header)
		}
	}
	if res := f.do("OPTIONS", "/api/v0/status", "Origin: https://a.example"); res.get("Access-Control-Allow-Origin") != "" {
		t.Errorf("the control API: %v", res.Header)
	}
	// The tag says who asks.
	p := f.newPage("http://127.0.0.1:43110", "1Name")
	f.want(f.get("sound.mp3?s="+p.tag, "Origin: null"), 200, content["sound.mp3"])
	f.released()
	if got := f.uses(mustSite(t, "http://127.0.0.1:43110/1Name")); got != `mem/v0 tree1 "sound.mp3" 1 200000` {
		t.Error(got)
	}
}

// TestControlToken: a token is good with its own origin only, for a day, and for nothing of the user's.
func TestControlToken(t *testing.T) {
	f := newFront(t, func(c *Config) { c.Control = new(program) })
	a := f.newPage("https://a.example", "")
	site := mustSite(t, "https://a.example")
	old, err := f.signer.Control(site, time.Now().Add(-time.Second))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		origin, token string
		code          int
	}{
		{"https://a.example", a.control, 200},
		{"https://b.example", a.control, 403},
		{"http://a.example", a.control, 403},
		{"null", a.control, 403},
		{"https://a.example", a.control + "x", 401},
		{"https://a.example", a.tag, 401},
		{"https://a.example", token, 401},
		{"https://a.example", "", 401},
		{"https://a.example", old, 401},
	} {
		p := &webPage{f, tt.origin, tt.token, ""}
		if res := p.ask("GET", "site/items", ""); res.StatusCode != tt.code {
			t.Errorf("%s, %q: %s %q", tt.origin, tt.token, res.Status, res.body)
		}
	}
	for _, path := range []string{"status", "sites", "history?site=unknown+site", "search"} {
		res := f.do("GET", "/api/v0/"+path, "Authorization: Bearer "+a.control)
		if res.StatusCode != 401 {
			t.Errorf("%s: %s", path, res.Status)
		}
		if res := a.ask("GET", path, ""); res.StatusCode != 403 || res.get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s from its page: %s", path, res.Status)
		}
	}
	for _, path := range []string{"quit", "recycle", "keep", "rule", "forget", "open"} {
		if res := a.post(path, `{"all":true}`); res.StatusCode != 403 {
			t.Errorf("%s from a page: %s", path, res.Status)
		}
	}
	if err := f.history.Decide(site, ledger.Block); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"token", "site/prefetch", "site/drop"} {
		if res := a.post(path, "{}"); res.StatusCode != 403 || res.get("Access-Control-Allow-Origin") != "https://a.example" {
			t.Errorf("%s of a blocked site: %s", path, res.Status)
		}
	}
}

// recycled is a disk that notes what it is told.
type recycled struct {
	mu    sync.Mutex
	roots []string
}

func (*recycled) Usage() (int64, map[ledger.Root]int64) { return 1 << 40, nil }

func (d *recycled) Recycle(_ context.Context, root ledger.Root) (int64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.roots = append(d.roots, root.Protocol+" "+root.ID)
	return 1, nil
}

// TestOwnItems: a site sees and drops what it asked for; of everything else it hears the same, whether it is there or not.
func TestOwnItems(t *testing.T) {
	disk := new(recycled)
	control := &program{status: Status{Roots: []RootStatus{{Protocol: "mem", Root: "tree1", Name: "A tree", Bytes: 5, Size: 9}}}}
	f := newFront(t, func(c *Config) { c.Disk, c.Control = disk, control })
	f.mem.Add("tree2", "", content)
	a, b := f.newPage("https://a.example", ""), f.newPage("https://b.example", "")
	get := func(p *webPage, root string) { f.do("GET", "/mem/v0/stream/"+root+"/sound.mp3", "Origin: "+p.origin) }
	get(a, "tree1")
	get(b, "tree1")
	get(b, "tree2")
	f.released()
	items, ahead := a.items()
	if len(items) != 1 || items[0].Root != "tree1" || items[0].Protocol != "mem/v0" || items[0].Name != "A tree" || items[0].Bytes != 5 ||
		items[0].Size != 9 || len(items[0].Files) != 1 || items[0].Files[0].Path != "sound.mp3" || items[0].Sent != 200_000 || len(ahead) != 0 {
		t.Errorf("%+v, %+v", items, ahead)
	}
	foreign, absent := a.post("site/drop", `{"protocol":"mem/v0","root":"tree2"}`), a.post("site/drop", `{"protocol":"mem/v0","root":"nothing"}`)
	if foreign.StatusCode != 404 || absent.StatusCode != 404 || string(foreign.body) != string(absent.body) || foreign.ContentLength != absent.ContentLength {
		t.Errorf("%s %q, %s %q", foreign.Status, foreign.body, absent.Status, absent.body)
	}
	for _, body := range []string{`{}`, `{"protocol":"mem/v0"}`, `[]`, ``, `{"protocol":"mem/v0","root":"tree1","site":"https://b.example"}`} {
		for _, path := range []string{"site/drop", "site/prioritise"} {
			if res := a.post(path, body); res.StatusCode != 400 {
				t.Errorf("%s %s: %s", path, body, res.Status)
			}
		}
	}
	// Only with the last claim the data goes, and neither site hears which it was.
	first, last := a.post("site/drop", `{"protocol":"mem/v0","root":"tree1"}`), b.post("site/drop", `{"protocol":"mem/v0","root":"tree1"}`)
	if first.StatusCode != 200 || last.StatusCode != 200 || string(first.body) != string(last.body) {
		t.Errorf("%q, %q", first.body, last.body)
	}
	disk.mu.Lock()
	if fmt.Sprint(disk.roots) != "[mem/v0 tree1]" {
		t.Errorf("recycled: %v", disk.roots)
	}
	disk.mu.Unlock()
	if items, _ := a.items(); len(items) != 0 {
		t.Errorf("after all: %+v", items)
	}
	if items, _ := b.items(); len(items) != 1 || items[0].Root != "tree2" {
		t.Errorf("the other: %+v", items)
	}
	// The trace belongs to the user.
	if got := f.uses(mustSite(t, "https://a.example")); got != `mem/v0 tree1 "sound.mp3" 1 200000` {
		t.Error(got)
	}
}

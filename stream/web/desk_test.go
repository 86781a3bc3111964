package web

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zeronetscript/universal_p2p/stream/ledger"
)

// A shelf is a Desk, and a Control, with things on it that can be changed.
type shelf struct {
	program
	mu sync.Mutex
	o  Overview
	in map[string]string // settings
}

var _ Desk = (*shelf)(nil)

func newShelf() *shelf {
	now := time.Now()
	return &shelf{
		in: map[string]string{"quota": "10GiB", "upload": "true", "verify": "media", "bittorrent.trackers": "udp://a.example:1\nudp://b.example:2"},
		o: Overview{
			Version: "v1.2.3", Used: 7 << 30, Kept: 2 << 30, Quota: 10 << 30, Free: 120 << 30,
			Roots: []RootView{
				{RootStatus: RootStatus{Protocol: "mem", Root: "tree1", Name: "A tree", Bytes: 4 << 30, Size: 6 << 30, LastAccess: now}, InUse: true, Sites: []string{"https://films.example", "program VLC"}},
				{RootStatus: RootStatus{Protocol: "mem", Root: "tree2", Name: "<b>Holiday</b> photos", Bytes: 2 << 30, Size: 2 << 30, LastAccess: now.Add(-50 * time.Hour), Kept: true}, Sites: []string{"http://127.0.0.1:43110"}},
				{RootStatus: RootStatus{Protocol: "mem", Root: "tree3", Bytes: 700 << 20, Size: 9 << 30, LastAccess: now.Add(-40 * 24 * time.Hour)}},
				{RootStatus: RootStatus{Protocol: "archive", Root: "x", Name: "photos.zip/1.jpg", Bytes: 300 << 20, Size: 300 << 20, LastAccess: now}},
			},
			Held:     map[ledger.Site]int64{site("https://films.example"): 2 << 30, site("http://secret.onion"): 5 << 20, site("program VLC"): 2 << 30},
			Problems: []Problem{{ID: "disk", Values: map[string]any{"free": int64(120 << 20), "reserve": int64(1 << 30)}, Text: "The disk is nearly full."}, {ID: "new", Text: "Something that no page knows."}},
		},
	}
}

func (s *shelf) Overview(context.Context) (Overview, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.o
	o.Roots = slices.Clone(o.Roots)
	return o, nil
}

func (s *shelf) root(protocol, root string, f func(i int)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.o.Roots, func(r RootView) bool { return r.Protocol == protocol && r.Root == root })
	if i < 0 {
		return fs.ErrNotExist
	}
	f(i)
	return nil
}

func (s *shelf) Keep(_ context.Context, protocol, root string, keep bool) error {
	return s.root(protocol, root, func(i int) { s.o.Roots[i].Kept = keep })
}

func (s *shelf) RecycleRoot(_ context.Context, protocol, root string) (freed int64, err error) {
	err = s.root(protocol, root, func(i int) {
		freed = s.o.Roots[i].Bytes
		s.o.Used -= freed
		s.o.Roots = slices.Delete(s.o.Roots, i, i+1)
	})
	return freed, err
}

func (s *shelf) RecycleSite(_ context.Context, site ledger.Site) (int64, error) {
	s.tell("recycle %s", site)
	return 1 << 20, nil
}

func (s *shelf) Settings(context.Context) ([]Setting, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	file := "/home/me/.config/universal-p2p/config.toml"
	return []Setting{
		{Name: "quota", Value: s.in["quota"], Default: "auto", Kind: "size", Help: "Most space.", Live: true, File: file},
		{Name: "upload", Value: s.in["upload"], Default: "true", Kind: "bool", Help: "Upload.", Pending: s.in["upload"] != "true", File: file},
		{Name: "verify", Value: s.in["verify"], Kind: "choice", Choices: []string{"media", "always"}, File: file},
		{Name: "bittorrent.trackers", Value: s.in["bittorrent.trackers"], Kind: "list", File: file},
	}, nil
}

func (s *shelf) Set(_ context.Context, name, value string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.in[name] == "":
		return fs.ErrNotExist
	case value == "much":
		return fmt.Errorf("%w: quota: \"much\" is no size", ErrValue)
	case name == "quota" && value == "20GiB":
		s.o.Quota = 20 << 30
	}
	s.in[name] = value
	return nil
}

func site(s string) ledger.Site {
	site, err := ledger.ParseSite(s)
	if err != nil {
		panic(err)
	}
	return site
}

// use has some sites use a file of tree1, the first one last.
func (f *front) use(sites ...string) {
	f.t.Helper()
	root := ledger.Root{Protocol: "mem/v0", ID: "tree1"}
	for _, s := range slices.Backward(sites) {
		a, err := f.h.cfg.Gate.Begin(site(s), root)
		if err != nil {
			f.t.Fatal(err)
		}
		if err := a.Found(f.t.Context(), root, "video.mp4"); err != nil {
			f.t.Fatal(err)
		}
		a.Sent(5 << 20)
		a.End()
	}
}

// newDeskFront starts a front with a shelf, and returns what asks it as the command line does.
func newDeskFront(t *testing.T) (*front, *shelf, func(method, path, body string) response) {
	s := newShelf()
	f := newFront(t, func(c *Config) { c.Control, c.Desk = s, s })
	return f, s, func(method, path, body string) response {
		t.Helper()
		res, err := f.try(t.Context(), method, "/api/v0/"+path, strings.NewReader(body), "Authorization: Bearer "+token)
		if err != nil {
			t.Fatal(err)
		}
		return res
	}
}

func TestDesk(t *testing.T) {
	f, s, call := newDeskFront(t)
	f.use("https://films.example", "program VLC")
	for _, c := range []struct {
		path, body string
		code       int
		want       string // in the answer
		told       string
	}{
		{"recycle/root", `{"protocol":"mem","root":"tree3"}`, 200, `{"freed":734003200}`, ""},
		{"recycle/root", `{"protocol":"mem","root":"tree3"}`, 404, "Nothing is stored", ""},
		{"recycle/root", `{"protocol":"mem"}`, 400, `Give \"protocol\" and \"root\"`, ""},
		{"recycle/site", `{"site":"HTTPS://films.example:443/"}`, 200, `{"freed":1048576}`, "recycle https://films.example"},
		{"recycle/site", `{"site":"films"}`, 400, "look like https://", ""},
		{"recycle/site", `{}`, 400, "look like https://", ""},
		{"rule", `{"protocol":"mem/v0","root":"tree1","rule":"block"}`, 200, "{}", ""},
		{"settings", `{"name":"quota","value":"20GiB"}`, 200, `"value":"20GiB"`, ""},
		{"settings", `{"name":"quota","value":"much"}`, 400, "no size", ""},
		{"settings", `{"name":"colour","value":"red"}`, 400, "no such setting", ""},
		{"settings", `{"name":"quota"}`, 400, `Give \"name\"`, ""},
	} {
		res := call("POST", c.path, c.body)
		if res.StatusCode != c.code || !strings.Contains(string(res.body), c.want) {
			t.Errorf("%s %s: %d %s; want %d with %s", c.path, c.body, res.StatusCode, res.body, c.code, c.want)
		}
		if told := s.heard(); told != c.told {
			t.Errorf("%s %s: told %q, want %q", c.path, c.body, told, c.told)
		}
	}
	for path, want := range map[string]string{
		"overview": `"uploads":["/mem/v0/torrent"]`,
		"settings": `"choices":["media","always"]`,
	} {
		if res := call("GET", path, ""); res.StatusCode != 200 || !strings.Contains(string(res.body), want) || strings.Contains(string(res.body), "null") {
			t.Errorf("%s: %d %s", path, res.StatusCode, res.body)
		}
	}
	res := call("GET", "overview", "")
	for _, want := range []string{
		`"blocked":[{"protocol":"mem/v0","root":"tree1","name":""}]`, `"served":"mem/v0","play":"http://` + f.addr + `/mem/v0/play/tree2"`,
		`"sites":[{"site":"https://films.example"`, `"held":2147483648`,
	} {
		if !strings.Contains(string(res.body), want) {
			t.Errorf("the overview lacks %s: %s", want, res.body)
		}
	}
}

// Nobody without a bearer gets anything of it.
func TestDeskClosed(t *testing.T) {
	f, s, _ := newDeskFront(t)
	for _, c := range [][2]string{
		{"GET", "overview"}, {"GET", "history"}, {"GET", "settings"}, {"GET", "events"}, {"POST", "settings"}, {"POST", "recycle/root"},
		{"POST", "recycle/site"}, {"POST", "rule"}, {"POST", "forget"}, {"POST", "link"}, {"POST", "logout"},
	} {
		for _, header := range [][]string{
			nil,
			{"Authorization: Bearer x"},
			{"Authorization: Bearer " + token, "Origin: http://127.0.0.1:43110", "Sec-Fetch-Site: same-site"},
			{"Authorization: Bearer " + token, "Origin: null"},
		} {
			if res := f.do(c[0], "/api/v0/"+c[1], header...); res.StatusCode != 401 && res.StatusCode != 403 {
				t.Errorf("%s %s with %q: %d %s", c[0], c[1], header, res.StatusCode, res.body)
			}
		}
	}
	if told := s.heard(); told != "" {
		t.Errorf("told %s", told)
	}
}

func TestLink(t *testing.T) {
	f, _, call := newDeskFront(t)
	base := "http://" + f.addr + "/mem/v0/"
	port := f.h.port
	for _, c := range []struct{ text, stream string }{ // "" is none
		{"tree1", "stream/tree1"},
		{" TREE1\\n", "stream/tree1"},
		{"mem:abc?tr=udp://a:1", "stream/abc?tr=udp%3A%2F%2Fa%3A1"},
		{"mem:abc?filename=a b.webm", "stream/abc?filename=a+b.webm"},
		{base + "stream/tree1?filename=a.webm", "stream/tree1?filename=a.webm"},
		{"mem:tree1/d/a b.zip", "stream/tree1/d/a%20b.zip"},
		{base + "stream/tree1/d/a.zip?tr=x&evil=1", "stream/tree1/d/a.zip?tr=x"},
		{base + "play/TREE1/d?s=tag", "stream/tree1/d"},
		{"http://localhost:" + port + "/mem/v0/files/tree1", "stream/tree1"},
		{"/mem/v0/stream/tree1/%D0%BC%D0%B8%D1%80%20100%25.srt", "stream/tree1/%D0%BC%D0%B8%D1%80%20100%25.srt"},
		{"http://tree1.mem.localhost:" + port + "/d/a.zip", "stream/tree1/d/a.zip"},
		{"http://tree1.mem.localhost:" + port + "/", "stream/tree1"},
		{"", ""}, {"a film", ""}, {"https://example.org/", ""}, {"/mem/v1/stream/tree1", ""}, {base + "stream/../tree1", ""},
		{"javascript:alert(1)", ""}, {"file:///mem/v0/stream/tree1", ""},
	} {
		res := call("POST", "link", `{"text":"`+c.text+`"}`)
		if c.stream == "" {
			if res.StatusCode != 400 || !strings.Contains(string(res.body), "neither a link") {
				t.Errorf("%q: %d %s", c.text, res.StatusCode, res.body)
			}
			continue
		}
		if want := `"stream":"` + base + strings.ReplaceAll(c.stream, "&", `\u0026`) + `"`; res.StatusCode != 200 || !strings.Contains(string(res.body), want) {
			t.Errorf("%q: %d %s, want %s", c.text, res.StatusCode, res.body, want)
		}
	}
	if res := call("POST", "link", `{"text":"`+strings.Repeat("x", maxCommand)+`"}`); res.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("a long text: %d %s", res.StatusCode, res.body)
	}
}

// A site that waits for a rule is seen, however many others there are.
func TestOverviewAsking(t *testing.T) {
	f, _, call := newDeskFront(t)
	for i := range maxSiteViews {
		f.use(fmt.Sprintf("program P%d", i))
	}
	f.history.Mark(site("https://new.example"), ledger.Asking)
	var o Overview
	if err := json.Unmarshal(call("GET", "overview", "").body, &o); err != nil {
		t.Fatal(err)
	}
	if len(o.Sites) != maxSiteViews || o.Sites[0].Site != "https://new.example" || !o.Sites[0].Asking {
		t.Errorf("%d sites, the first is %+v", len(o.Sites), o.Sites[0])
	}
}

package web

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// program is a Control that notes what it is told.
type program struct {
	mu     sync.Mutex
	status Status
	err    error
	told   []string
}

var _ Control = (*program)(nil)

func (p *program) Status(context.Context) (Status, error) { return p.status, p.err }

func (p *program) Recycle(_ context.Context, what Recycle) (int64, error) {
	p.tell("recycle %+v", what)
	return 1 << 40, p.err
}

func (p *program) Keep(_ context.Context, protocol, root string, keep bool) error {
	p.tell("keep %s %s %v", protocol, root, keep)
	if root == "unknown" {
		return fmt.Errorf("keep: %w", fs.ErrNotExist)
	}
	return p.err
}

func (p *program) Quit() { p.tell("quit") }

func (p *program) tell(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.told = append(p.told, fmt.Sprintf(format, args...))
}

func (p *program) heard() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := strings.Join(p.told, "; ")
	p.told = nil
	return all
}

func newAPIFront(t *testing.T) (*front, *program, func(method, path, body string, header ...string) response) {
	p := new(program)
	f := newFront(t, func(c *Config) { c.Control = p })
	return f, p, func(method, path, body string, header ...string) response {
		t.Helper()
		if header == nil {
			header = []string{"Authorization: Bearer " + token}
		}
		res, err := f.try(t.Context(), method, "/api/v0/"+path, strings.NewReader(body), header...)
		if err != nil {
			t.Fatal(err)
		}
		if cors := res.get("Access-Control-Allow-Origin"); cors != "" && path != "ping" {
			t.Errorf("%s lets other origins read it", path)
		}
		return res
	}
}

func TestAPI(t *testing.T) {
	f, p, call := newAPIFront(t)
	f.want(call("GET", "ping", "", "Accept: */*"), 200, []byte("{}\n"))

	_, port, _ := strings.Cut(f.addr, ":")
	if res := call("POST", "open", ""); res.StatusCode != 200 || !strings.HasPrefix(string(res.body), `{"url":"http://localhost:`+port+`/#k=`) {
		t.Errorf("%d %s", res.StatusCode, res.body)
	}

	f.want(call("GET", "status", ""), 200, []byte(`{"version":"","pid":0,"addr":"","used":0,"quota":0,"reserve":0,"streams":0,"paused":false,"roots":[],"problems":[]}`+"\n"))
	p.status = Status{
		Version: "v1", PID: 42, Addr: f.addr, Used: 1 << 40, Quota: 2 << 40, Reserve: 3, Streams: 4,
		Roots: []RootStatus{{Protocol: "mem/v0", Root: "tree1", Name: "A", Bytes: 5, Size: 6,
			LastAccess: time.Date(2026, 11, 22, 18, 30, 0, 0, time.UTC), Kept: true}},
		Problems: []string{"The disk is full."},
	}
	f.want(call("GET", "status", ""), 200, []byte(`{"version":"v1","pid":42,"addr":"`+f.addr+`","used":1099511627776,"quota":2199023255552,`+
		`"reserve":3,"streams":4,"paused":false,"roots":[{"protocol":"mem/v0","root":"tree1","name":"A","bytes":5,"size":6,`+
		`"last_access":"2026-11-22T18:30:00Z","kept":true}],"problems":["The disk is full."]}`+"\n"))

	for body, want := range map[string]string{
		`{"all":true}`:          "recycle {All:true UnusedFor:0s Free:0}",
		`{"unused_for":"168h"}`: "recycle {All:false UnusedFor:168h0m0s Free:0}",
		`{"free":1073741824}`:   "recycle {All:false UnusedFor:0s Free:1073741824}",
	} {
		f.want(call("POST", "recycle", body), 200, []byte(`{"freed":1099511627776}`+"\n"))
		if got := p.heard(); got != want {
			t.Errorf("%s: %s", body, got)
		}
	}
	f.want(call("POST", "keep", `{"protocol":"mem/v0","root":"tree1","keep":false}`), 200, []byte("{}\n"))
	if got := p.heard(); got != "keep mem/v0 tree1 false" {
		t.Error(got)
	}
	f.want(call("POST", "quit", ""), 202, []byte("{}\n"))
	if got := p.heard(); got != "quit" {
		t.Error(got)
	}
}

func TestAPIBad(t *testing.T) {
	f, p, call := newAPIFront(t)
	for _, tt := range []struct {
		method, path, body string
		code               int
	}{
		{"POST", "recycle", ``, 400},
		{"POST", "recycle", `{}`, 400},
		{"POST", "recycle", `[]`, 400},
		{"POST", "recycle", `{"all":true,"free":1}`, 400},
		{"POST", "recycle", `{"unused_for":"a week"}`, 400},
		{"POST", "recycle", `{"unused_for":"-1h"}`, 400},
		{"POST", "recycle", `{"free":-1}`, 400},
		{"POST", "recycle", `{"free":-1,"all":true}`, 400},
		{"POST", "recycle", `{"free":1e30}`, 400},
		{"POST", "recycle", `{"everything":true}`, 400},
		{"POST", "recycle", `{"all":true` + strings.Repeat(" ", 64<<10) + `}`, 413},
		{"POST", "keep", `{"protocol":"mem/v0","root":"tree1"}`, 400},
		{"POST", "keep", `{"protocol":"mem/v0","root":"unknown","keep":true}`, 404},
		{"GET", "recycle", ``, 405},
		{"GET", "quit", ``, 405},
		{"POST", "status", ``, 405},
		{"OPTIONS", "status", ``, 405},
		{"GET", "nothing", ``, 404},
	} {
		if res := call(tt.method, tt.path, tt.body); res.StatusCode != tt.code {
			t.Errorf("%s %s %.60s: %s %s", tt.method, tt.path, tt.body, res.Status, res.body)
		}
	}
	res := call("POST", "keep", `{"protocol":"mem/v0","root":"unknown","keep":true}`)
	f.want(res, 404, []byte(`{"error":"Nothing is stored of this root; status lists what is."}`+"\n"))
	if got := p.heard(); got != "keep mem/v0 unknown true; keep mem/v0 unknown true" {
		t.Errorf("the program heard %q", got)
	}
	p.err = errors.New("the disk burns")
	res = call("GET", "status", "")
	f.want(res, 500, []byte(`{"error":"Something went wrong in the program; its log says what."}`+"\n"))
}

func TestAPIGuard(t *testing.T) {
	f, p, call := newAPIFront(t)
	_, port, _ := strings.Cut(f.addr, ":")
	auth, ours := "Authorization: Bearer "+token, "Origin: http://localhost:"+port
	host := "Host: localhost:" + port
	for _, tt := range []struct {
		header []string
		code   int
	}{
		{[]string{auth}, 202},
		{[]string{"Authorization: bearer " + token}, 202},
		{[]string{auth, host, ours, "Sec-Fetch-Site: same-origin"}, 202},
		{[]string{auth, host, "Sec-Fetch-Site: same-origin"}, 202}, // a GET of a page has no Origin
		{[]string{auth, host, ours}, 202},
		{[]string{"Accept: */*"}, 401},
		{[]string{"Authorization: Bearer"}, 401},
		{[]string{"Authorization: Bearer x"}, 401},
		{[]string{"Authorization: Bearer " + token + "x"}, 401},
		{[]string{"Authorization: Basic " + token}, 401},
		{[]string{"Cookie: token=" + token}, 401},
		{[]string{host, ours, "Sec-Fetch-Site: same-origin"}, 401},
		{[]string{auth, "Origin: https://a.example"}, 403},
		{[]string{auth, "Origin: null"}, 403},
		{[]string{auth, "Origin: http://127.0.0.1:" + port}, 403},
		{[]string{auth, "Origin: http://localhost"}, 403},
		{[]string{auth, "Origin: http://localhost:1"}, 403},
		{[]string{auth, ours, ours}, 403},
		{[]string{auth, "Sec-Fetch-Site: same-origin"}, 403}, // on 127.0.0.1, where content lives
		{[]string{auth, host, ours, "Sec-Fetch-Site: same-site"}, 403},
		{[]string{auth, host, ours, "Sec-Fetch-Site: cross-site"}, 403},
		{[]string{auth, host, "Sec-Fetch-Site: none"}, 403},
	} {
		res := call("POST", "quit", "", tt.header...)
		if res.StatusCode != tt.code {
			t.Errorf("%q: %s", tt.header, res.Status)
		}
		if got, want := p.heard(), map[bool]string{true: "quit"}[tt.code == 202]; got != want {
			t.Errorf("%q: the program heard %q", tt.header, got)
		}
	}
	none := newFront(t, func(c *Config) { c.Control, c.Token = p, "" })
	for _, header := range []string{"Authorization: Bearer ", "Authorization: Bearer", "Accept: */*"} {
		if res := none.do("GET", "/api/v0/status", header); res.StatusCode != http.StatusUnauthorized {
			t.Errorf("without a token in the config, %q: %s", header, res.Status)
		}
	}
	bare := newFront(t)
	if res := bare.do("GET", "/api/v0/status", auth); res.StatusCode != 404 {
		t.Errorf("without a Control: %s", res.Status)
	}
}

func TestSearch(t *testing.T) {
	f, _, call := newAPIFront(t)
	f.tree.Silence(true)
	if res := call("GET", "search?protocol=mem&root=tree1", ""); res.StatusCode != 404 {
		t.Errorf("a root nobody asks for: %s", res.Status)
	}
	done := make(chan response)
	go func() {
		res, err := f.try(t.Context(), "GET", "/mem/v0/files/tree1", nil)
		if err != nil {
			t.Error(err)
		}
		done <- res
	}()
	f.until(func() error {
		if n := f.mem.Counts().Waiting; n != 1 {
			return fmt.Errorf("%d wait", n)
		}
		return nil
	})
	for _, query := range []string{"protocol=mem&root=tree1", "protocol=mem/v0&root=TREE1&tr=udp://x"} {
		f.want(call("GET", "search?"+query, ""), 200, []byte(`{"peers":0,"known":0,"found":false}`+"\n"))
	}
	for _, query := range []string{"", "protocol=mem/v1&root=tree1", "protocol=mem&root=tree-1", "root=tree1"} {
		if res := call("GET", "search?"+query, ""); res.StatusCode != 404 {
			t.Errorf("%s: %s", query, res.Status)
		}
	}
	f.tree.Silence(false)
	if res := <-done; res.StatusCode != 200 {
		t.Errorf("%s", res.Status)
	}
}

// A second start of the program asks who has the port. Pages get no answer.
func TestInstance(t *testing.T) {
	f := newFront(t, func(c *Config) { c.Version = "v1.2.3" })
	ask := func(header ...string) response {
		res, err := f.try(t.Context(), "GET", "/api/v0/instance", nil, header...)
		if err != nil {
			t.Fatal(err)
		}
		if res.get("Access-Control-Allow-Origin") != "" {
			t.Error("it lets other origins read it")
		}
		return res
	}
	f.want(ask("Accept: */*"), 200, []byte(`{"program":"universal-p2p","version":"v1.2.3"}`+"\n"))
	for _, header := range []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-site", "Origin: https://example.org", "Origin: null"} {
		if res := ask(header); res.StatusCode != 403 || strings.Contains(string(res.body), "v1.2.3") {
			t.Errorf("%s: %d %s", header, res.StatusCode, res.body)
		}
	}
}

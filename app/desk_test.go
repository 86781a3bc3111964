package app

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zeronetscript/universal_p2p/stream/ledger"
	"github.com/zeronetscript/universal_p2p/stream/store"
	"github.com/zeronetscript/universal_p2p/stream/web"
)

// A browserTab asks the program as the page of its interface does.
type browserTab struct {
	t      *testing.T
	addr   string
	bearer string
}

// ask returns the status and the body. It leaves no connection behind.
func (b *browserTab) ask(method, path, body string) (int, string) {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), method, "http://"+b.addr+"/api/v0/"+path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	req.Host = "localhost" + b.addr[strings.LastIndexByte(b.addr, ':'):]
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	req.Header.Set("Authorization", "Bearer "+b.bearer)
	if method != http.MethodGet {
		req.Header.Set("Origin", "http://"+req.Host)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return resp.StatusCode, string(data)
}

// login opens the interface of r, as the command open does.
func login(t *testing.T, r *trial) *browserTab {
	t.Helper()
	c, err := Dial(r.dir)
	if err != nil {
		t.Fatal(err)
	}
	page, err := c.Page(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, key, ok := strings.Cut(page, "#k=")
	b := &browserTab{t: t, addr: r.addr}
	code, body := b.ask("POST", "login", `{"key":"`+key+`"}`)
	var out struct{ Bearer string }
	if err := json.Unmarshal([]byte(body), &out); err != nil || !ok || code != 200 {
		t.Fatalf("%s: %d %s, %v", page, code, body, err)
	}
	b.bearer = out.Bearer
	return b
}

func (b *browserTab) overview() (o web.Overview) {
	b.t.Helper()
	code, body := b.ask("GET", "overview", "")
	if err := json.Unmarshal([]byte(body), &o); err != nil || code != 200 {
		b.t.Fatalf("overview: %d %s, %v", code, body, err)
	}
	return o
}

// The interface of a program that runs: who is in stays in over a new start, until he logs out.
func TestInterfaceSession(t *testing.T) {
	checkGoroutines(t)
	dir := t.TempDir()
	r := try(t, dir, nil)
	b := login(t, r)
	if o := b.overview(); o.Version != "v9.9.9" || o.Quota != 64<<20 || o.Free <= 0 || len(o.Problems) != 0 {
		t.Errorf("overview: %+v", o)
	}
	if info, err := os.Stat(sessionFile(dir)); err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("the secret of the sessions: %v, %v", info.Mode(), err)
	}
	r.end(t)
	r = try(t, dir, nil)
	b.addr = r.addr
	if code, body := b.ask("GET", "overview", ""); code != 200 {
		t.Errorf("after a new start: %d %s", code, body)
	}
	if code, body := b.ask("POST", "logout", "{}"); code != 200 {
		t.Errorf("logout: %d %s", code, body)
	}
	r.end(t)
	r = try(t, dir, nil)
	b.addr = r.addr
	if code, body := b.ask("GET", "overview", ""); code != 401 {
		t.Errorf("after a logout and a new start: %d %s", code, body)
	}
}

// Somebody who watches does not keep the program from ending.
func TestInterfaceWatched(t *testing.T) {
	checkGoroutines(t)
	r := try(t, t.TempDir(), nil)
	b := login(t, r)
	started, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		req, _ := http.NewRequest("GET", "http://"+r.addr+"/api/v0/events", nil)
		req.Host = "localhost" + r.addr[strings.LastIndexByte(r.addr, ':'):]
		req.Header.Set("Sec-Fetch-Site", "same-origin")
		req.Header.Set("Authorization", "Bearer "+b.bearer)
		resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
		if err != nil {
			ended <- err
			close(started)
			return
		}
		defer resp.Body.Close()
		lines := bufio.NewReader(resp.Body)
		_, err = lines.ReadString('\n')
		close(started)
		if err == nil {
			_, err = io.Copy(io.Discard, lines)
		}
		ended <- err
	}()
	<-started
	start := time.Now()
	r.end(t)
	if d := time.Since(start); d > grace/2 {
		t.Errorf("it took %v to end", d)
	}
	if err := <-ended; err != nil {
		t.Errorf("the events ended with %v", err)
	}
}

// A setting goes into the file, and into the running program if it can.
func TestInterfaceSettings(t *testing.T) {
	checkGoroutines(t)
	file := filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(file, []byte("# mine\nquota = \"64MiB\" # small\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := try(t, t.TempDir(), func(o *Options) { o.ConfigFile = file })
	b := login(t, r)
	if code, body := b.ask("POST", "settings", `{"name":"quota","value":"128MiB"}`); code != 200 || !strings.Contains(body, file) {
		t.Errorf("quota: %d %s", code, body)
	}
	if o := b.overview(); o.Quota != 128<<20 {
		t.Errorf("the quota is %d", o.Quota)
	}
	if data, err := os.ReadFile(file); err != nil || string(data) != "# mine\nquota = \"128MiB\" # small\n" {
		t.Errorf("the file is %q, %v", data, err)
	}
	code, body := b.ask("POST", "settings", `{"name":"bittorrent.port","value":"6881"}`)
	var list struct{ Settings []web.Setting }
	if err := json.Unmarshal([]byte(body), &list); err != nil || code != 200 {
		t.Fatalf("%d %s, %v", code, body, err)
	}
	for _, s := range list.Settings {
		switch s.Name {
		case "bittorrent.port":
			if s.Value != "6881" || !s.Pending || s.Live || s.Default != "0" || s.Kind != "number" {
				t.Errorf("%+v", s)
			}
		case "quota":
			if s.Value != "128MiB" || s.Pending || !s.Live || s.Default != "auto" || s.Kind != "size" {
				t.Errorf("%+v", s)
			}
		}
	}
	for value, want := range map[string]string{"1": "too small", "much": "much"} {
		if code, body := b.ask("POST", "settings", `{"name":"quota","value":"`+value+`"}`); code != 400 || !strings.Contains(body, want) {
			t.Errorf("quota %s: %d %s", value, code, body)
		}
	}
	if code, body := b.ask("POST", "settings", `{"name":"colour","value":"red"}`); code != 400 {
		t.Errorf("no setting: %d %s", code, body)
	}
	// The user breaks the file.
	if err := os.WriteFile(file, []byte("quota = \n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if o := b.overview(); len(o.Problems) != 1 || o.Problems[0].ID != "config" {
		t.Errorf("problems: %+v", o.Problems)
	}
	if code, body := b.ask("POST", "settings", `{"name":"quota","value":"1GiB"}`); code != 400 || !strings.Contains(body, "line 1") {
		t.Errorf("with a broken file: %d %s", code, body)
	}
}

// Without a config file nothing can be changed, and that is said.
func TestInterfaceNoFile(t *testing.T) {
	r := try(t, t.TempDir(), nil)
	if code, body := login(t, r).ask("POST", "settings", `{"name":"quota","value":"128MiB"}`); code != 400 || !strings.Contains(body, "no config file") {
		t.Errorf("%d %s", code, body)
	}
}

// Every setting has a text in every language, on the page.
func TestInterfaceNames(t *testing.T) {
	r := try(t, t.TempDir(), nil)
	_, page := get(t, "localhost"+r.addr[strings.LastIndexByte(r.addr, ':'):], "/")
	for _, s := range settingsOf(DefaultConfig()) {
		if !strings.Contains(page, `"set.`+s.name()+`":`) {
			t.Errorf("the page has no text for %s", s.name())
		}
	}
}

// newDesk is a desk over a store with some roots in it: two that one site used, one of them kept, one that two used, and one that
// nobody did.
func newDesk(t *testing.T) *desk {
	t.Helper()
	st, err := store.Open(t.TempDir(), store.Options{Quota: 64 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	history, err := ledger.Open(t.TempDir(), ledger.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { history.Close() })
	o := options(t, t.TempDir())
	d := &desk{
		changed: func() {},
		version: "v1", store: st, ledger: history, protocols: []web.Protocol{{Name: "mem", Version: "v0"}}, log: o.Log,
		prefs: newPreferences(o, st, ledger.NewGate(history, ledger.GateOptions{}), nil),
	}
	gate := ledger.NewGate(history, ledger.GateOptions{})
	for id, sites := range map[string][]string{
		"one": {"https://a.example"}, "kept": {"https://a.example"}, "both": {"https://a.example", "http://127.0.0.1:43110/1Site"}, "none": nil,
	} {
		if err := st.WriteMeta("mem", id, "torrent", make([]byte, 100<<10)); err != nil {
			t.Fatal(err)
		}
		for _, s := range sites {
			a, err := gate.Begin(parseSite(t, s), ledger.Root{Protocol: "mem/v0", ID: id})
			if err != nil {
				t.Fatal(err)
			}
			a.End()
		}
	}
	if err := st.Keep("mem", "kept", true); err != nil {
		t.Fatal(err)
	}
	return d
}

func parseSite(t *testing.T, s string) ledger.Site {
	t.Helper()
	site, err := ledger.ParseSite(s)
	if err != nil {
		t.Fatal(err)
	}
	return site
}

func TestDeskOverview(t *testing.T) {
	d := newDesk(t)
	o, err := d.Overview(t.Context())
	if err != nil || len(o.Roots) != 4 || o.Used == 0 || o.Kept == 0 || o.Kept >= o.Used {
		t.Fatalf("%+v, %v", o, err)
	}
	sites := make(map[string]int)
	for _, r := range o.Roots {
		sites[r.Root] = len(r.Sites)
	}
	if sites["one"] != 1 || sites["both"] != 2 || sites["none"] != 0 {
		t.Errorf("sites of the roots: %v", sites)
	}
	size := o.Roots[0].Bytes
	a, local := parseSite(t, "https://a.example"), parseSite(t, "http://127.0.0.1:43110")
	if o.Held[a] != 2*size+size/2 || o.Held[local] != size/2 {
		t.Errorf("with roots of %d bytes, %v is held", size, o.Held)
	}
}

func TestDeskRecycle(t *testing.T) {
	d := newDesk(t)
	left := func() string {
		var ids []string
		for _, r := range d.store.Roots() {
			ids = append(ids, r.ID)
		}
		slices.Sort(ids)
		return strings.Join(ids, " ")
	}
	if n, err := d.RecycleSite(t.Context(), parseSite(t, "https://nobody.example")); n != 0 || err != nil {
		t.Errorf("of nobody: %d, %v", n, err)
	}
	if n, err := d.RecycleSite(t.Context(), parseSite(t, "https://a.example")); n < 100<<10 || err != nil || left() != "both kept none" {
		t.Errorf("of a site: %d, %v; left is %s", n, err, left())
	}
	if n, err := d.RecycleRoot(t.Context(), "mem", "kept"); n < 100<<10 || err != nil || strings.Contains(left(), "kept") {
		t.Errorf("a kept root: %d, %v; left is %s", n, err, left())
	}
	if _, err := d.RecycleRoot(t.Context(), "mem", "kept"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what is gone: %v", err)
	}
}

func TestSecret(t *testing.T) {
	file := filepath.Join(t.TempDir(), "sessions")
	open := func() *secret {
		s, err := openSecret(file)
		if err != nil || len(s.Secret()) < minSecret {
			t.Fatalf("%q, %v", s.Secret(), err)
		}
		return s
	}
	first := string(open().Secret())
	if again := open(); string(again.Secret()) != first {
		t.Error("it does not last")
	} else if err := again.Renew(); err != nil || string(again.Secret()) == first || string(open().Secret()) == first {
		t.Errorf("it was not renewed: %v", err)
	}
	if err := os.WriteFile(file, []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	open()
}

// The notes on the desktop are switched by the interface and by a client. Who shows them hears of it, and the user's file keeps
// its comments.
func TestNotificationsSetting(t *testing.T) {
	checkGoroutines(t)
	file := filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(file, []byte("# mine\nupload = false # dear\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	heard := make(chan Config, 10)
	r := try(t, t.TempDir(), func(o *Options) { o.ConfigFile, o.Settings = file, func(c Config) { heard <- c } })
	next := func(want bool) {
		t.Helper()
		select {
		case c := <-heard:
			if c.Notifications != want {
				t.Errorf("heard that they are %v", c.Notifications)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("heard nothing")
		}
	}
	next(true)
	c, err := Dial(r.dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Set(t.Context(), "notifications", "false"); err != nil {
		t.Fatal(err)
	}
	next(false)
	if data, err := os.ReadFile(file); err != nil || string(data) != "# mine\nupload = false # dear\nnotifications = false\n" {
		t.Errorf("the file is %q, %v", data, err)
	}
	if code, body := login(t, r).ask("POST", "settings", `{"name":"notifications","value":"true"}`); code != 200 {
		t.Errorf("by the interface: %d %s", code, body)
	}
	next(true)
	var no *StatusError
	if err := c.Set(t.Context(), "notifications", "maybe"); !errors.As(err, &no) || no.Code != 400 {
		t.Errorf("a wrong value: %v", err)
	}
}

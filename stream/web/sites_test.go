package web

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/zeronetscript/universal_p2p/stream/ledger"
)

// user asks the control API as the command line does.
func (f *front) user(method, path, body string) response {
	f.t.Helper()
	res, err := f.try(f.t.Context(), method, "/api/v0/"+path, strings.NewReader(body), "Authorization: Bearer "+token)
	if err != nil {
		f.t.Fatal(err)
	}
	return res
}

// TestSitesAPI: the user sees who used what, blocks, allows, and forgets.
func TestSitesAPI(t *testing.T) {
	control := &program{status: Status{Roots: []RootStatus{{Protocol: "mem", Root: "tree1", Name: "A tree"}}}}
	f := newFront(t, withGate(ledger.GateOptions{AskNewSites: true}), func(c *Config) { c.Control = control })
	f.want(f.user("GET", "sites", ""), 200, []byte(`{"total":{"requests":0,"sent":0},"sites":[],"blocked":[]}`+"\n"))
	f.wantError(f.get("sound.mp3", "Origin: https://new.example"), 403)
	for _, rule := range []string{`{"site":"https://A.example/","rule":"allow"}`, `{"site":"http://127.0.0.1:43110","rule":"allow"}`,
		`{"protocol":"mem/v0","root":"tree9","rule":"block"}`} {
		f.want(f.user("POST", "rule", rule), 200, []byte("{}\n"))
	}
	f.get("sound.mp3", "Origin: https://a.example")
	f.get("sound.mp3", "Referer: http://127.0.0.1:43110/1Name/")
	f.get("sound.mp3", "User-Agent: VLC/3")
	f.released()

	var list SiteList
	if err := json.Unmarshal(f.user("GET", "sites", "").body, &list); err != nil {
		t.Fatal(err)
	}
	got := map[string]SiteStatus{}
	for _, s := range list.Sites {
		got[s.Site] = s
	}
	if s := got["https://a.example"]; s.Rule != "allow" || s.Kind != "web" || s.Requests != 1 || s.Sent != 200_000 || s.Roots != 1 || s.Last.IsZero() || s.Asking {
		t.Errorf("%+v", s)
	}
	if s := got["http://127.0.0.1:43110"]; s.Labels != 1 || s.Requests != 1 {
		t.Errorf("%+v", s)
	}
	if s := got["https://new.example"]; !s.Asking || s.Requests != 0 || s.Rule != "default" {
		t.Errorf("%+v", s)
	}
	if s := got["program VLC"]; s.Kind != "program" || len(got) != 4 || list.Total.Requests != 3 {
		t.Errorf("%+v", list)
	}
	if len(list.Blocked) != 1 || list.Blocked[0].Protocol != "mem/v0" || list.Blocked[0].Root != "tree9" || list.Blocked[0].Since.IsZero() {
		t.Errorf("%+v", list.Blocked)
	}

	var used SiteHistory
	if err := json.Unmarshal(f.user("GET", "history?site=http://127.0.0.1:43110", "").body, &used); err != nil {
		t.Fatal(err)
	}
	if len(used.Sites) != 1 || used.Sites[0].Site != "http://127.0.0.1:43110/1Name" || len(used.Used) != 1 || used.Used[0].Name != "A tree" ||
		len(used.Used[0].Files) != 1 || used.Used[0].Files[0].Path != "sound.mp3" || used.Used[0].Files[0].Sent != 200_000 {
		t.Errorf("%+v", used)
	}

	f.want(f.user("POST", "rule", `{"site":"https://a.example","rule":"block"}`), 200, []byte("{}\n"))
	f.wantError(f.get("sound.mp3", "Origin: https://a.example"), 403)
	f.want(f.user("POST", "rule", `{"protocol":"mem/v0","root":"tree1","rule":"block"}`), 200, []byte("{}\n"))
	f.wantError(f.get("sound.mp3"), 403)
	f.want(f.user("POST", "rule", `{"protocol":"mem/v0","root":"tree1","rule":"default"}`), 200, []byte("{}\n"))
	f.want(f.get("sound.mp3"), 200, content["sound.mp3"])
	f.released()

	f.want(f.user("POST", "forget", `{"site":"program VLC"}`), 200, []byte("{}\n"))
	if _, all := f.sites(); strings.Contains(all, "VLC") || !strings.Contains(all, "a.example") {
		t.Error(all)
	}
	f.want(f.user("POST", "forget", `{"all":true}`), 200, []byte("{}\n"))
	if use := f.history.Total(); use.Requests != 0 || f.history.Rule(mustSite(t, "https://a.example")) != ledger.Block {
		t.Errorf("%+v", use)
	}

	for path, bodies := range map[string][]string{
		"rule": {`{}`, `{"site":"https://a.example"}`, `{"site":"https://a.example","rule":"maybe"}`, `{"site":"no site","rule":"block"}`,
			`{"protocol":"mem/v0","rule":"block"}`, `{"protocol":"mem/v0","root":"x","rule":"allow"}`, `{"protocol":"mem/v0","root":"x","site":"https://a.example","rule":"block"}`},
		"forget": {`{}`, `{"all":false}`, `{"all":true,"site":"https://a.example"}`, `{"site":"no site"}`},
	} {
		for _, body := range bodies {
			if res := f.user("POST", path, body); res.StatusCode != 400 {
				t.Errorf("%s %s: %s", path, body, res.Status)
			}
		}
	}
	if res := f.user("POST", "rule", `{"protocol":"tor/v0","root":"x","rule":"block"}`); res.StatusCode != 404 {
		t.Errorf("%s", res.Status)
	}
	if res := f.user("GET", "history", ""); res.StatusCode != 400 {
		t.Errorf("%s", res.Status)
	}
	for _, path := range []string{"sites", "history?site=unknown+site"} {
		if res := f.do("GET", "/api/v0/"+path); res.StatusCode != 401 {
			t.Errorf("%s without a token: %s", path, res.Status)
		}
	}
}

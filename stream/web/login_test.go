package web

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
)

// own are the header fields that a browser sends for a page of the interface.
func (f *front) own(more ...string) []string {
	origin := f.h.ownOrigin()
	return append([]string{"Host: localhost:" + f.h.port, "Origin: " + origin, "Sec-Fetch-Site: same-origin"}, more...)
}

// post posts to the API.
func (f *front) post(path, body string, header ...string) response {
	f.t.Helper()
	res, err := f.try(f.t.Context(), "POST", "/api/v0/"+path, strings.NewReader(body), header...)
	if err != nil {
		f.t.Fatal(err)
	}
	return res
}

// key asks for a way into the interface, as the tray does.
func (f *front) key() string {
	f.t.Helper()
	var out struct{ URL string }
	if err := json.Unmarshal(f.post("open", "", "Authorization: Bearer "+token).body, &out); err != nil {
		f.t.Fatal(err)
	}
	page, key, ok := strings.Cut(out.URL, "#k=")
	if !ok || page != f.h.ownOrigin()+"/" || len(key) < 20 {
		f.t.Fatalf("the way in is %q", out.URL)
	}
	return key
}

// login swaps a key for a bearer.
func (f *front) login(key string, header ...string) (bearer string, res response) {
	f.t.Helper()
	var out struct{ Bearer string }
	res = f.post("login", `{"key":"`+key+`"}`, header...)
	if err := json.Unmarshal(res.body, &out); err != nil {
		f.t.Fatal(err)
	}
	return out.Bearer, res
}

func TestLogin(t *testing.T) {
	f, _, _ := newDeskFront(t)
	key := f.key()
	for _, header := range [][]string{ // none of these is our page, and the key stays good
		nil,
		{"Host: localhost:" + f.h.port},
		f.own()[:2],
		{"Origin: " + f.h.ownOrigin(), "Sec-Fetch-Site: same-origin"}, // the host of content
		{"Host: localhost:" + f.h.port, "Origin: http://127.0.0.1:" + f.h.port, "Sec-Fetch-Site: same-site"},
		{"Host: localhost:" + f.h.port, "Origin: null", "Sec-Fetch-Site: same-origin"},
		{"Host: localhost:" + f.h.port, "Sec-Fetch-Site: same-origin"},
	} {
		if bearer, res := f.login(key, header...); bearer != "" || res.StatusCode != 403 {
			t.Errorf("with %q: %d %s", header, res.StatusCode, res.body)
		}
	}
	if bearer, res := f.login("nonsense", f.own()...); bearer != "" || res.StatusCode != 401 {
		t.Errorf("with another key: %d %s", res.StatusCode, res.body)
	}
	bearer, res := f.login(key, f.own()...)
	if bearer == "" || res.get("Cache-Control") != "no-store" || res.get("Set-Cookie") != "" || res.get("Access-Control-Allow-Origin") != "" {
		t.Fatalf("%d %s %v", res.StatusCode, res.body, res.Header)
	}
	if again, res := f.login(key, f.own()...); again != "" || res.StatusCode != 401 {
		t.Errorf("a key is good twice: %d %s", res.StatusCode, res.body)
	}

	// The bearer is for our page only.
	auth := "Authorization: Bearer " + bearer
	if res := f.do("GET", "/api/v0/overview", "Host: localhost:"+f.h.port, "Sec-Fetch-Site: same-origin", auth); res.StatusCode != 200 {
		t.Errorf("overview: %d %s", res.StatusCode, res.body)
	}
	for _, header := range [][]string{{auth}, {auth, "Sec-Fetch-Site: same-origin"}, f.own("Authorization: Basic " + bearer), f.own("Authorization: Bearer " + bearer + "x"), f.own("Authorization: Bearer ui1.zzzzzz.x." + bearer)} {
		if res := f.do("GET", "/api/v0/overview", header...); res.StatusCode/100 != 4 {
			t.Errorf("with %q: %d", header, res.StatusCode)
		}
	}
	// A new one for an old one.
	next, res := f.login("", f.own(auth)...)
	if next == "" || next == bearer {
		t.Errorf("renewed: %d %s", res.StatusCode, res.body)
	}
	if none, res := f.login("", f.own()...); none != "" || res.StatusCode != 401 {
		t.Errorf("renewed without one: %d %s", res.StatusCode, res.body)
	}
	// To log out ends both.
	if res := f.post("logout", "{}", f.own(auth)...); res.StatusCode != 200 {
		t.Errorf("logout: %d %s", res.StatusCode, res.body)
	}
	for _, b := range []string{bearer, next} {
		if res := f.post("link", "{}", f.own("Authorization: Bearer "+b)...); res.StatusCode != 401 {
			t.Errorf("after the logout: %d %s", res.StatusCode, res.body)
		}
	}
}

func TestKeys(t *testing.T) {
	var k keys
	now := time.Now()
	if k.redeem("", now) || k.redeem("x", now) {
		t.Error("a key that was never issued is good")
	}
	old := k.issue(now)
	if k.redeem(old, now.Add(keyLife)) {
		t.Error("a key is good for ever")
	}
	first := k.issue(now)
	var last string
	for i := range maxKeys {
		last = k.issue(now.Add(time.Duration(i+1) * time.Second))
	}
	if len(k.live) != maxKeys {
		t.Errorf("%d keys wait", len(k.live))
	}
	now = now.Add(maxKeys * time.Second)
	if k.redeem(first, now) {
		t.Error("the oldest key did not make room")
	}
	if !k.redeem(last, now) || k.redeem(last, now) {
		t.Error("the newest key is not good once")
	}
}

func TestSessions(t *testing.T) {
	s, other := sessions{new(shortSecret)}, sessions{new(shortSecret)}
	now := time.Now()
	good := s.start(now.Add(time.Hour))
	if !s.valid(good, now) || s.valid(good, now.Add(time.Hour)) {
		t.Error("a session does not last as long as it says")
	}
	if other.valid(good, now) {
		t.Error("a session of another program is good")
	}
	head, sum, _ := strings.Cut(good[len(sessionPrefix):], ".")
	for _, bad := range []string{"", "ui1.", "ui1..", good[:len(good)-1], good + "x", sessionPrefix + "zzzzzzz." + sum, "ui2." + head + "." + sum, strings.Repeat(good, 9)} {
		if s.valid(bad, now) {
			t.Errorf("%q is good", bad)
		}
	}
	if err := s.Renew(); err != nil || s.valid(good, now) {
		t.Errorf("after the secret was renewed: %v", err)
	}
}

// lostSecret cannot be renewed.
type lostSecret struct{ shortSecret }

func (*lostSecret) Renew() error { return errors.New("the disk is gone") }

func TestLogoutFails(t *testing.T) {
	f := newFront(t, func(c *Config) { c.Secret = new(lostSecret) })
	bearer, _ := f.login(f.key(), f.own()...)
	if res := f.post("logout", "{}", f.own("Authorization: Bearer "+bearer)...); res.StatusCode != 500 {
		t.Errorf("%d %s", res.StatusCode, res.body)
	}
}

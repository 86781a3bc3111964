package app

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/zeronetscript/universal_p2p/stream/web"
)

// A control.json that was left behind can name a port that a stranger's program has by now. Nothing that it answers is opened.
func TestClientStranger(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("the client was sent elsewhere: %s", r.URL)
	}))
	defer elsewhere.Close()
	var answer http.HandlerFunc
	stranger := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { answer(w, r) }))
	defer stranger.Close()
	dir := t.TempDir()
	addr := stranger.Listener.Addr().String()
	if _, err := announce(dir, instance{Addr: addr, Token: "old"}); err != nil {
		t.Fatal(err)
	}
	c, err := Dial(dir)
	if err != nil {
		t.Fatal(err)
	}

	page := "http://localhost" + addr[strings.LastIndexByte(addr, ':'):] + "/"
	for _, test := range []struct {
		url string
		ok  bool
	}{
		{page, true},
		{page + "?once=a-b_c", true},
		{page + "#key=1", true},
		{page + "?a=%20&b=2#c", true},
		{page + "evil.html", false},
		{page + "?a=1 --flag", false},
		{page + "?a='$(id)'", false},
		{page + "?a\n", false},
		{page[:len(page)-1], false},
		{page[:len(page)-1] + "0/", false},
		{page[:len(page)-1] + "@example.com/", false},
		{"http://127.0.0.1:1/", false},
		{"https://example.com/", false},
		{"file:///etc/passwd", false},
		{"/usr/bin/true", false},
		{"--help", false},
		{"", false},
	} {
		answer = func(w http.ResponseWriter, _ *http.Request) {
			json.NewEncoder(w).Encode(map[string]string{"url": test.url})
		}
		got, err := c.Page(t.Context())
		if test.ok && (got != test.url || err != nil) || !test.ok && (got != "" || err == nil || strings.Contains(err.Error(), "\n")) {
			t.Errorf("answer %q: %q, %v", test.url, got, err)
		}
	}

	content := "http://" + addr
	for _, test := range []struct {
		url string
		ok  bool
	}{
		{content + "/bittorrent/v0/play/abc/a%20b.mp4?dn=a+b&tr=http%3A%2F%2Fx", true},
		{content, false},
		{content + "0/", false},
		{content + "@example.com/", false},
		{content + "/a b", false},
		{content + "/a#b", false},
		{content + "/a\"b", false},
		{content + "/a\n", false},
		{page, false},
		{"https://example.com/", false},
		{"file:///etc/passwd", false},
		{"", false},
	} {
		answer = func(w http.ResponseWriter, _ *http.Request) {
			json.NewEncoder(w).Encode(map[string]string{"play": test.url})
		}
		got, err := c.Play(t.Context(), "a link")
		if test.ok && (got != test.url || err != nil) || !test.ok && (got != "" || err == nil || strings.Contains(err.Error(), "\n")) {
			t.Errorf("play: answer %q: %q, %v", test.url, got, err)
		}
	}

	answer = func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
	}
	var no *StatusError
	if _, err := c.Page(t.Context()); !errors.As(err, &no) || no.Code != http.StatusTemporaryRedirect {
		t.Errorf("a redirect: %v", err)
	}
	answer = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }
	if _, err := c.Recycle(t.Context(), web.Recycle{All: true}); !errors.Is(err, ErrNotRunning) {
		t.Errorf("401: %v", err)
	}
}

func TestInsist(t *testing.T) {
	busy := errors.New("somebody reads it")
	for _, test := range []struct {
		fails int
		err   error
		calls int
	}{{0, nil, 1}, {3, busy, 4}, {9, fs.ErrNotExist, 1}} {
		calls := 0
		err := insist(func() error {
			if calls++; calls <= test.fails {
				return test.err
			}
			return nil
		})
		if calls != test.calls || (err != nil) != (test.err == fs.ErrNotExist) {
			t.Errorf("%+v: %d calls, %v", test, calls, err)
		}
	}
}

// A writer that fails does not keep a message from the other one.
func TestTee(t *testing.T) {
	r, full := io.Pipe()
	r.Close()
	for _, left := range []bool{true, false} {
		var b strings.Builder
		both := tee{full, &b}
		if left {
			both = tee{&b, full}
		}
		if n, err := both.Write([]byte("x")); n != 1 || !errors.Is(err, io.ErrClosedPipe) || b.String() != "x" {
			t.Errorf("%d, %v, %q", n, err, b.String())
		}
	}
}

// What strangers say goes to terminals, and must not steer them.
func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"\x1b]0;title\a\x1b[31mred\r\n": "]0;title[31mred",
		"two\nlines\tand more ":         "two lines and more",
		"\u202egnp.exe":                 "gnp.exe",
		"日本語 ümlaut":                    "日本語 ümlaut",
		" \x00 ":                        "",
	} {
		if got := printable(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

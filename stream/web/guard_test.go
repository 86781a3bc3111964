package web

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestHost(t *testing.T) {
	f := newFront(t)
	_, port, _ := strings.Cut(f.addr, ":")
	tests := []struct {
		host string
		ours bool
	}{
		{"127.0.0.1:" + port, true},
		{"localhost:" + port, true},
		{"LocalHost:" + port, true},
		{"[::1]:" + port, true},
		{"127.0.0.1", false},
		{"localhost", false},
		{"127.0.0.1:1" + port, false},
		{"127.0.0.1:80", false},
		{"localhost.:" + port, false},
		{"127.0.0.2:" + port, false},
		{"0.0.0.0:" + port, false},
		{"rebind.example:" + port, false},
		{"127.0.0.1.rebind.example:" + port, false},
		{"localhost.rebind.example:" + port, false},
		{"x.localhost:" + port, false},
		{"mem.localhost:" + port, false},
		{"tree1.mem.localhost", false},
		{"tree1.ipfs.localhost:" + port, false},
		{"tree1.mem.localhost.rebind.example:" + port, false},
		{".mem.localhost:" + port, false},
		{"a..mem.localhost:" + port, false},
		{"a.b.c.mem.localhost:" + port, false},
		{"tree_1.mem.localhost:" + port, false},
		{"tree1%2f.mem.localhost:" + port, false},
		{strings.Repeat("a", 64) + ".mem.localhost:" + port, false},
		{"tree1.mem.localhost:" + port, true},
		{"TREE1.Mem.localhost:" + port, true},
		{"tr.ee1.mem.localhost:" + port, true},
		{"192.168.1.2:" + port, false},
		{"::1:" + port, false},
		{"[::ffff:127.0.0.1]:" + port, false},
	}
	paths := []string{"/", "/mem/v0/stream/tree1/sound.mp3", "/mem/v0/stream/tree1", "/api/v0/ping", "/api/v0/status", "/nothing", "*"}
	for _, tt := range tests {
		for _, method := range []string{"GET", "HEAD", "POST", "OPTIONS", "PUT", "DELETE", "TRACE", "PATCH", "BREW"} {
			for _, path := range paths {
				if path == "*" && method != "OPTIONS" {
					continue
				}
				res := raw(t, f, fmt.Sprintf("%s %s HTTP/1.1\r\nHost: %s\r\n\r\n", method, path, tt.host), method)
				if misdirected := res.StatusCode == http.StatusMisdirectedRequest; misdirected == tt.ours {
					t.Fatalf("%s %s with Host %q: %s", method, path, tt.host, res.Status)
				}
				if !tt.ours && (len(res.body) != 0 || !res.Close || res.get("Access-Control-Allow-Origin") != "") {
					t.Errorf("%s %s with Host %q: %q, %v", method, path, tt.host, res.body, res.Header)
				}
			}
		}
	}
	// In absolute form it is the URL that counts (RFC 9112, section 3.2.2), and old clients may name no host at all.
	for _, request := range []string{
		"GET http://rebind.example:" + port + "/ HTTP/1.1\r\nHost: 127.0.0.1:" + port + "\r\n\r\n",
		"GET / HTTP/1.0\r\n\r\n",
	} {
		if res := raw(t, f, request, "GET"); res.StatusCode != http.StatusMisdirectedRequest {
			t.Errorf("%q: %s", request, res.Status)
		}
	}
}

// raw sends a request as it is, on a connection of its own.
func raw(t testing.TB, f *front, request, method string) response {
	t.Helper()
	conn, err := f.dial(t.Context(), "tcp", f.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		t.Fatalf("%q: %v", request, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 1000))
	return response{res, body, err}
}

func TestPort80(t *testing.T) {
	for host, want := range map[string]bool{"127.0.0.1": true, "127.0.0.1:80": true, "[::1]": true, "127.0.0.1:8080": false, "a.example": false} {
		if got := isOurs(host, "80"); got != want {
			t.Errorf("isOurs(%q, 80) = %v", host, got)
		}
	}
	if isOurs("127.0.0.1:", "") || isOurs("localhost", "") {
		t.Error("without a port nothing is ours")
	}
}

func TestMethods(t *testing.T) {
	f := newFront(t)
	for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "TRACE", "BREW"} {
		for _, path := range []string{"/mem/v0/stream/tree1/sound.mp3", "/mem/v0/files/tree1", "/mem/v0/torrent/tree1", "/nothing/at/all"} {
			res := f.do(method, path)
			f.wantError(res, http.StatusMethodNotAllowed)
			if got := res.get("Allow"); got != "GET, HEAD, OPTIONS" {
				t.Errorf("%s: Allow is %q", method, got)
			}
		}
	}
	if n := f.mem.Counts().Opens; n != 0 {
		t.Errorf("the backend was asked %d times", n)
	}
}

// TestNoIcon: browsers ask for one wherever they show something, and there is none.
func TestNoIcon(t *testing.T) {
	f := newFront(t)
	f.wantError(f.do("GET", "/favicon.ico"), http.StatusNotFound)
}

func TestPreflight(t *testing.T) {
	f := newFront(t)
	res := f.do("OPTIONS", "/mem/v0/stream/tree1/sound.mp3", "Origin: https://a.example", "Access-Control-Request-Method: GET",
		"Access-Control-Request-Headers: range")
	f.want(res, http.StatusNoContent, nil)
	for k, v := range map[string]string{
		"Access-Control-Allow-Origin":      "*",
		"Access-Control-Allow-Methods":     "GET, HEAD",
		"Access-Control-Max-Age":           "600",
		"Access-Control-Allow-Credentials": "",
	} {
		if got := res.get(k); got != v {
			t.Errorf("%s is %q, want %q", k, got, v)
		}
	}
	if !strings.HasPrefix(res.get("Access-Control-Allow-Headers"), "Range") {
		t.Errorf("Allow-Headers is %q", res.get("Access-Control-Allow-Headers"))
	}
}

func TestSecFetchDest(t *testing.T) {
	f := newFront(t)
	for dest, code := range map[string]int{
		"video": 200, "audio": 200, "image": 200, "track": 200, "document": 200, "empty": 200, "iframe": 200, "font": 200,
		"script": 403, "style": 403, "worker": 403, "sharedworker": 403, "serviceworker": 403, "manifest": 403, "xslt": 403,
		"embed": 403, "object": 403, "audioworklet": 403, "paintworklet": 403,
	} {
		for _, path := range []string{"/mem/v0/stream/tree1/sound.mp3", "/mem/v0/files/tree1"} {
			res := f.do("GET", path, "Sec-Fetch-Dest: "+dest)
			if code == 403 {
				f.wantError(res, 403)
			} else if res.StatusCode != 200 {
				t.Errorf("%s as %s: %s", path, dest, res.Status)
			}
		}
	}
	f.wantError(f.get("page.html", "Service-Worker: script"), 403)
}

func FuzzGuard(f *testing.F) {
	f.Add("127.0.0.1:7788", "video", "", "http://localhost:7788", "same-origin", "Bearer "+token)
	f.Add("localhost:7788", "script", "script", "null", "none", "bearer "+token)
	h := New(Config{Addr: "127.0.0.1:7788", Token: token})
	f.Fuzz(func(t *testing.T, host, dest, worker, origin, site, auth string) {
		r := &http.Request{Host: host, Header: http.Header{"Sec-Fetch-Dest": {dest}, "Service-Worker": {worker}, "Authorization": {auth}}}
		if origin != "" {
			r.Header["Origin"] = []string{origin}
		}
		if site != "" {
			r.Header["Sec-Fetch-Site"] = []string{site}
		}
		switch ours := isOurs(host, "7788"); strings.ToLower(host) {
		case "127.0.0.1:7788", "localhost:7788", "[::1]:7788":
			if !ours {
				t.Fatalf("%q is not ours", host)
			}
		default:
			if ours {
				t.Fatalf("%q is ours", host)
			}
		}
		if forPlayer(r.Header) && actsOnPage(r.Header) && worker != "script" {
			t.Fatalf("%q plays and acts", dest)
		}
		if h.authorized(r) == nil {
			if _, got, _ := strings.Cut(auth, " "); got != token {
				t.Fatalf("let in with %q", auth)
			}
			if origin != "" && origin != "http://localhost:7788" {
				t.Fatalf("let in from %q", origin)
			}
			if site != "" && (site != "same-origin" || !strings.EqualFold(host, "localhost:7788")) {
				t.Fatalf("let in as %q on %q", site, host)
			}
		}
	})
}

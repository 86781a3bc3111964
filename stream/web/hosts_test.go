package web

import (
	"net/http"
	"strings"
	"testing"
)

// TestHomes: what is at home on another host is one redirect away, with all of its query but, in an address bar, the tag.
func TestHomes(t *testing.T) {
	f := newFront(t, func(c *Config) {
		c.Home = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("home")) })
	})
	const film = "/mem/v0/stream/tree1/%D0%BC%D0%B8%D1%80%20100%25.srt"
	const bar, page = "Sec-Fetch-Mode: navigate", "Sec-Fetch-Mode: no-cors"
	for _, tt := range []struct{ method, host, path, header, want string }{
		{"GET", "127.0.0.1", "/", bar, "http://localhost/"},
		{"GET", "[::1]", "/", bar, "http://localhost/"},
		{"HEAD", "127.0.0.1", "/?a=b&s=tag&c", bar, "http://localhost/?a=b&c"},
		{"GET", "127.0.0.1", "/?s=tag", page, "http://localhost/"},
		{"GET", "localhost", "/", bar, ""},
		{"GET", "127.0.0.1", film, page, ""},
		{"GET", "localhost", film, page, "http://127.0.0.1" + film},
		{"HEAD", "[::1]", film, page, "http://127.0.0.1" + film},
		{"GET", "LOCALHOST", film + "?tr=a%20b&s=tag&x.pe=1", page, "http://127.0.0.1" + film + "?tr=a%20b&s=tag&x.pe=1"},
		{"GET", "localhost", film + "?tr=a%20b&%73=tag&x.pe=1", bar, "http://127.0.0.1" + film + "?tr=a%20b&x.pe=1"},
		{"GET", "localhost", "/mem/v0/files/tree1", page, "http://127.0.0.1/mem/v0/files/tree1"},
		{"OPTIONS", "localhost", film, page, ""},
		{"POST", "localhost", film, page, ""},
		{"GET", "localhost", "/api/v0/ping", page, ""},
		{"GET", "127.0.0.1", "/api/v0/ping", page, ""},
	} {
		res := f.do(tt.method, tt.path, f.host(tt.host), tt.header, "Range: bytes=1-2", "Origin: https://a.example")
		_, port, _ := strings.Cut(f.addr, ":")
		to := strings.Replace(strings.Replace(res.get("Location"), ":"+port, "", 1), ":"+port, "", 1)
		if to != tt.want || (tt.want != "") != (res.StatusCode == http.StatusTemporaryRedirect) {
			t.Errorf("%s %s on %s: %s to %q, want %q", tt.method, tt.path, tt.host, res.Status, to, tt.want)
		}
		if cors := res.get("Access-Control-Allow-Origin"); strings.HasPrefix(tt.want, "http://127.0.0.1") && cors != "*" {
			t.Errorf("%s on %s: pages may not follow: %v", tt.path, tt.host, res.Header)
		}
	}
	// Behind it there is the content, and no other redirect.
	f.client.CheckRedirect = nil
	res := f.do("GET", "/mem/v0/stream/tree1/sound.mp3", f.host("localhost"), "Range: bytes=10-19")
	f.want(res, http.StatusPartialContent, content["sound.mp3"][10:20])
}

// TestWebsite: a root on a host of its own is a web site.
func TestWebsite(t *testing.T) {
	f := newFront(t)
	files := map[string][]byte{
		"index.html": []byte("<title>home</title>"), "a/index.html": []byte("a"), "a/code.js": []byte("1"), "a/style.css": []byte("p{}"), "a/b.png": random(10),
		"c d/index.htm": []byte("c"), "e/f.txt": []byte("f"), "big.bin": random(1000), "api/v0/ping": []byte("not ours"),
	}
	f.mem.Add("web", "", files)
	f.mem.Add("bare", "", map[string][]byte{"film.mp4": random(100), "page.txt": []byte("x")})
	for _, tt := range []struct {
		host, path string
		code       int
		body       string // path of the file, or where it leads to
	}{
		{"web", "/", 200, "index.html"},
		{"w.eb", "/", 200, "index.html"},
		{"web", "/index.html", 200, "index.html"},
		{"web", "/a", 307, "./a/"},
		{"web", "/a?x=y&s=tag", 307, "./a/?x=y&s=tag"},
		{"web", "/c%20d", 307, "./c%20d/"},
		{"web", "/a/", 200, "a/index.html"},
		{"web", "/c%20d/", 200, "c d/index.htm"},
		{"web", "/a/code.js", 200, "a/code.js"},
		{"web", "/e", 404, ""},
		{"web", "/e/", 404, ""},
		{"web", "/api/v0/ping", 200, "api/v0/ping"},
		{"web", "/favicon.ico", 404, ""},
		{"web", "/..%2fa", 400, ""},
		{"web", "/%2e%2e/web/a", 400, ""},
		{"bare", "/", 200, "film.mp4"},
	} {
		path, query, _ := strings.Cut(tt.path, "?")
		if query != "" {
			path += "?" + query
		}
		res := f.do("GET", path, f.host(tt.host+".mem.localhost"))
		switch {
		case tt.code == 200 && tt.host == "bare":
			if res.StatusCode != 200 || len(res.body) != 100 {
				t.Errorf("%v: %s", tt, res.Status)
			}
		case tt.code == 200:
			f.want(res, 200, files[tt.body])
		case res.StatusCode != tt.code || res.get("Location") != tt.body:
			t.Errorf("%v: %s, %q", tt, res.Status, res.get("Location"))
		}
		if csp := res.get("Content-Security-Policy"); strings.Contains(csp, "sandbox") {
			t.Errorf("%v: %q", tt, csp)
		}
		if res.get("Origin-Agent-Cluster") != "?1" || !strings.HasPrefix(res.get("Content-Security-Policy"), "default-src 'self'") {
			t.Errorf("%v: %v", tt, res.Header)
		}
	}
	own := func(path string, header ...string) response {
		return f.do("GET", path, append(header, f.host("web.mem.localhost"))...)
	}
	if res := own("/a/code.js"); res.get("Content-Type") != "text/javascript; charset=utf-8" || !strings.Contains(res.get("Content-Security-Policy"), "connect-src 'self'") {
		t.Errorf("code: %v", res.Header)
	}
	if res := own("/a/code.js", "If-None-Match: "+own("/a/code.js").get("Etag")); res.StatusCode != 304 || !strings.Contains(res.get("Content-Security-Policy"), "connect-src 'self'") {
		t.Errorf("again: %s, %v", res.Status, res.Header)
	}
	for _, tt := range []struct {
		dest, site string
		code       int
	}{
		{"script", "same-origin", 200}, {"style", "same-origin", 200}, {"worker", "same-origin", 200}, {"manifest", "same-origin", 200},
		{"script", "same-site", 403}, {"style", "cross-site", 403}, {"worker", "none", 403},
		{"serviceworker", "same-origin", 403}, {"object", "same-origin", 403}, {"embed", "same-origin", 403},
		{"image", "cross-site", 200}, {"iframe", "cross-site", 200}, {"video", "same-site", 200},
	} {
		if res := own("/a/code.js", "Sec-Fetch-Dest: "+tt.dest, "Sec-Fetch-Site: "+tt.site); res.StatusCode != tt.code {
			t.Errorf("%v: %s", tt, res.Status)
		}
	}
	// The same file elsewhere is as harmless as ever, and the site is known by its name.
	if res := f.do("GET", "/mem/v0/stream/web/index.html"); res.get("Content-Security-Policy") != sandbox {
		t.Errorf("on 127.0.0.1: %v", res.Header)
	}
	own("/big.bin", "Sec-Fetch-Site: same-origin")
	if _, sites := f.sites(); !strings.Contains(sites, "http://web.mem.localhost:") {
		t.Errorf("sites: %s", sites)
	}
	for _, method := range []string{"POST", "PUT", "DELETE"} {
		f.wantError(f.do(method, "/", f.host("web.mem.localhost")), 405)
	}
}

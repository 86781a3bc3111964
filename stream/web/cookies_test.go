package web

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/zeronetscript/universal_p2p/archive"
)

// TestNoCookies asks for everything there is in every way, as different clients. The port of a cookie means nothing to browsers (RFC 6265
// section 8.5), so that one of ours would go to all pages of this computer, and theirs come to us.
func TestNoCookies(t *testing.T) {
	s := newShelf()
	library := archive.New(archive.Config{})
	t.Cleanup(func() { library.Close() })
	f := newFront(t, func(c *Config) {
		c.Control, c.Desk, c.Archives = s, s, library
		c.Home = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("the interface")) })
		stop := make(chan struct{})
		close(stop) // nobody watches
		c.Stop = stop
	})
	f.mem.Add("web", "", map[string][]byte{"index.html": []byte("a site"), "a.zip": zipOf(t, [3]string{"b/1.txt", "one", ""})})
	paths := []string{
		"/", "/favicon.ico", "/nothing", "/mem/v0/torrent", "/mem/v1/stream/web", "/index.html",
		"/mem/v0/stream/web/index.html", "/mem/v0/stream/web/none", "/mem/v0/stream/web/a.zip/b/1.txt", "/mem/v0/stream/tree1/video.mp4",
		"/mem/v0/stream/tree1/%D0%BC%D0%B8%D1%80%20100%25.srt?as=vtt", "/mem/v0/play/web", "/mem/v0/play/tree1/video.mp4", "/mem/v0/play/tree1?as=m3u",
		"/mem/v0/files/tree1", "/mem/v0/none/tree1",
	}
	for _, name := range []string{
		"ping", "login", "logout", "link", "open", "sites", "history", "rule", "forget", "search", "status", "recycle", "keep", "quit", "overview",
		"recycle/root", "recycle/site", "settings", "events", "token", "site/items", "site/prefetch", "site/prioritise", "site/drop", "none",
	} {
		paths = append(paths, "/api/v0/"+name)
	}
	codes := make(map[int]bool)
	for _, client := range [][]string{
		nil,
		{"Authorization: Bearer " + token, "Content-Type: application/json"},
		f.own("Content-Type: application/json"),
		{"Origin: https://far.example", "Sec-Fetch-Site: cross-site", "Content-Type: application/json", "Cookie: session=" + token + "; bearer=" + token},
		{f.host("web.mem.localhost")},
		{"Host: rebind.example"},
	} {
		for _, path := range paths {
			for _, method := range []string{"GET", "HEAD", "OPTIONS", "POST", "PUT"} {
				res, err := f.try(t.Context(), method, path, strings.NewReader("{}"), client...)
				if err != nil {
					t.Fatalf("%s %s: %v", method, path, err)
				}
				codes[res.StatusCode] = true
				for _, field := range []string{"Set-Cookie", "Access-Control-Allow-Credentials"} {
					if got := res.Header[field]; got != nil {
						t.Errorf("%s %s with %q: %s is %q", method, path, client, field, got)
					}
				}
				if s.heard() != "" && (client == nil || strings.HasPrefix(strings.Join(client, ""), "Origin: https:")) {
					t.Errorf("%s %s was obeyed, with %q", method, path, client)
				}
			}
		}
	}
	for _, code := range []int{200, 204, 400, 401, 403, 404, 405, 421} {
		if !codes[code] {
			t.Errorf("nothing was answered with %d", code)
		}
	}
}

// TestCookiesExpire: a web site that is sent cookies has them forgotten, on all domains and paths that they can be of.
func TestCookiesExpire(t *testing.T) {
	f := newFront(t)
	f.mem.Add("web", "", map[string][]byte{"index.html": []byte("a site"), "a/b.html": []byte("page")})
	for _, tt := range []struct {
		host, path, cookie string
		want               []string // domain, path and name
	}{
		{"web", "/", "a=1; b=2", []string{"mem.localhost / a", "mem.localhost / b"}},
		{"web", "/?x=;/y", "a=1", []string{"mem.localhost / a"}},
		{"web", "/a/b.html", "a=1=2", []string{"mem.localhost / a", "mem.localhost /a a", "mem.localhost /a/ a", "mem.localhost /a/b.html a"}},
		{"w.eb", "/", "a=1", []string{"eb.mem.localhost / a", "mem.localhost / a"}},
		{"web", "/a;b/c", "a=1", []string{"mem.localhost / a", "mem.localhost /a a"}},
	} {
		res := f.do("GET", tt.path, f.host(tt.host+".mem.localhost"), "Cookie: "+tt.cookie)
		if got := res.get("Clear-Site-Data"); got != `"cookies"` {
			t.Errorf("%s: Clear-Site-Data is %q", tt.path, got)
		}
		var plain, apart []string
		for _, c := range res.Cookies() {
			line := c.Domain + " " + c.Path + " " + c.Name
			if c.Partitioned {
				apart = append(apart, line)
			} else {
				plain = append(plain, line)
			}
			if c.MaxAge >= 0 || c.Value != "" || !c.Secure {
				t.Errorf("%s: %v", tt.path, c)
			}
		}
		if !slices.Equal(plain, tt.want) || !slices.Equal(apart, tt.want) {
			t.Errorf("%s%s: %q and %q, want %q", tt.host, tt.path, plain, apart, tt.want)
		}
	}

	// As many as a browser keeps, with names as long as it takes: they do not fit, and break nothing.
	var many []string
	for i := range 180 {
		many = append(many, strings.Repeat("n", 4000)+strconv.Itoa(i)+"=")
	}
	res := f.do("GET", "/", f.host("web.mem.localhost"), "Cookie: "+strings.Join(many, "; "))
	f.want(res, 200, []byte("a site"))
	size := 0
	for _, c := range res.Header["Set-Cookie"] {
		size += len(c)
	}
	if size == 0 || size > maxExpired {
		t.Errorf("%d bytes of cookies", size)
	}
	// Elsewhere nobody sets any, and those of others are no business of ours.
	if got := f.get("sound.mp3", "Cookie: a=1").Header["Set-Cookie"]; got != nil {
		t.Errorf("content: %q", got)
	}
}

package ledger

import (
	"net/http"
	"strings"
	"testing"
)

const (
	chromium = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36"
	firefox  = "Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0"

	zeroPage   = "http://127.0.0.1:43110"
	publicPage = "https://public.example:8443"
)

// request is what Attribute looks at. "-" is a field that is not there.
type request struct{ referer, origin, fetchSite, agent string }

func (r request) header() http.Header {
	h := make(http.Header)
	for key, value := range map[string]string{"Referer": r.referer, "Origin": r.origin, "Sec-Fetch-Site": r.fetchSite, "User-Agent": r.agent} {
		if value != "-" {
			h.Set(key, value)
		}
	}
	return h
}

// TestAttribute has a row for each row and column of what was measured in Chromium 156 and Firefox 153.
func TestAttribute(t *testing.T) {
	for _, c := range []struct {
		name string
		request
		want string
		by   Evidence
	}{
		// A page of a server on this computer, such as a ZeroNet-like one.
		{"loopback, plain video", request{zeroPage + "/", "-", "same-site", chromium}, zeroPage, ByReferer},
		{"loopback, crossorigin", request{zeroPage + "/", zeroPage, "same-site", chromium}, zeroPage, ByOrigin},
		{"loopback, referrerpolicy=origin", request{zeroPage + "/", "-", "same-site", firefox}, zeroPage, ByReferer},
		{"loopback, no-referrer-when-downgrade", request{zeroPage + "/1Site/index.html?x=1", "-", "same-site", firefox}, zeroPage + "/1Site", ByReferer},
		{"loopback, unsafe-url and crossorigin", request{zeroPage + "/1Site/", zeroPage, "same-site", chromium}, zeroPage + "/1Site", ByOrigin},
		{"loopback, strict-origin", request{zeroPage + "/", "-", "same-site", chromium}, zeroPage, ByReferer},
		{"loopback, same-origin policy", request{"-", "-", "same-site", chromium}, "unknown site", ByFetch},
		{"loopback, no-referrer", request{"-", "-", "same-site", firefox}, "unknown site", ByFetch},
		{"loopback, fetch cors", request{zeroPage + "/", zeroPage, "same-site", firefox}, zeroPage, ByOrigin},
		{"loopback, fetch no-cors", request{zeroPage + "/", "-", "same-site", chromium}, zeroPage, ByReferer},
		{"loopback, POST no-cors or beacon", request{zeroPage + "/", zeroPage, "same-site", chromium}, zeroPage, ByOrigin},
		{"loopback, WebSocket, Chromium", request{"-", zeroPage, "-", chromium}, zeroPage, ByOrigin},
		{"loopback, WebSocket, Firefox", request{"-", zeroPage, "same-site", firefox}, zeroPage, ByOrigin},
		{"loopback, worker fetch, Chromium", request{"-", zeroPage, "same-site", chromium}, zeroPage, ByOrigin},
		{"loopback, worker fetch, Firefox", request{zeroPage + "/", zeroPage, "same-site", firefox}, zeroPage, ByOrigin},
		{"localhost by name", request{"http://localhost:43110/", "-", "cross-site", chromium}, "http://localhost:43110", ByReferer},

		// A public page on https that the user has allowed.
		{"public, plain video", request{"-", "-", "cross-site", chromium}, "unknown site", ByFetch},
		{"public, crossorigin", request{"-", publicPage, "cross-site", chromium}, publicPage, ByOrigin},
		{"public, referrerpolicy=origin", request{publicPage + "/", "-", "cross-site", firefox}, publicPage, ByReferer},
		{"public, origin-when-cross-origin, Chromium", request{publicPage + "/", "-", "cross-site", chromium}, publicPage, ByReferer},
		{"public, origin-when-cross-origin, Firefox", request{"-", "-", "cross-site", firefox}, "unknown site", ByFetch},
		{"public, unsafe-url, Chromium", request{publicPage + "/user/me?secret", "-", "cross-site", chromium}, publicPage, ByReferer},
		{"public, fetch cors", request{"-", publicPage, "cross-site", chromium}, publicPage, ByOrigin},
		{"public, fetch no-cors", request{"-", "-", "cross-site", firefox}, "unknown site", ByFetch},
		{"public, POST no-cors, Firefox", request{"-", "null", "cross-site", firefox}, "unknown site", ByFetch},
		{"public, form into iframe", request{"-", "null", "cross-site", chromium}, "unknown site", ByFetch},
		{"public, WebSocket, Firefox", request{"-", publicPage, "cross-site", firefox}, publicPage, ByOrigin},
		{"public, worker fetch", request{"-", publicPage, "cross-site", firefox}, publicPage, ByOrigin},
		{"public, a plain link", request{"-", "-", "cross-site", chromium}, "unknown site", ByFetch},

		// Sandboxed frames and files have no origin.
		{"sandbox, Chromium", request{"-", "null", "cross-site", chromium}, "unknown site", ByFetch},
		{"sandbox, Firefox", request{zeroPage + "/", "null", "cross-site", firefox}, zeroPage, ByReferer},
		{"sandbox, crossorigin", request{"-", "null", "cross-site", chromium}, "unknown site", ByFetch},
		{"sandbox, fetch no-cors", request{"-", "-", "cross-site", chromium}, "unknown site", ByFetch},
		{"file, Chromium", request{"-", "-", "cross-site", chromium}, "unknown site", ByFetch},
		{"file, fetch cors", request{"-", "null", "cross-site", chromium}, "unknown site", ByFetch},
		{"file with an odd origin", request{"-", "file://", "cross-site", chromium}, "unknown site", ByFetch},

		// The user, and our own pages.
		{"address bar", request{"-", "-", "none", chromium}, "opened directly", ByFetch},
		{"our player page, which tells no Referer", request{"-", "-", "same-origin", firefox}, "opened directly", ByFetch},
		{"our interface", request{"-", "http://localhost:7788", "cross-site", chromium}, "opened directly", ByOrigin},
		{"our player page, with a Referer", request{"http://127.0.0.1:7788/bittorrent/v0/play/x", "-", "same-origin", chromium}, "opened directly", ByReferer},

		// What is no browser, and what only says that it is one.
		{"VLC", request{"-", "-", "-", "VLC/3.0.18 LibVLC/3.0.18"}, "program VLC", ByAgent},
		{"curl", request{"-", "-", "-", "curl/8.5.0"}, "program curl", ByAgent},
		{"no User-Agent", request{"-", "-", "-", "-"}, "program without a name", ByAgent},
		{"an old browser", request{"-", "-", "-", firefox}, "unknown site", ByAgent},
		{"Safari's media", request{"-", "-", "-", "AppleCoreMedia/1.0.0.20G75 (Macintosh; U; Intel Mac OS X 13_5)"}, "unknown site", ByAgent},
		{"a page that calls itself curl", request{"-", "-", "cross-site", "curl/8.5.0"}, "unknown site", ByFetch},
		{"a sandbox that calls itself curl", request{"-", "null", "-", "curl/8.5.0"}, "unknown site", ByAgent},
		{"Sec-Fetch-Site of some other day", request{"-", "-", "somewhere", chromium}, "unknown site", ByFetch},

		// Spellings, and what cannot be one.
		{"upper case, default port", request{"-", "HTTPS://Example.ORG:443", "cross-site", chromium}, "https://example.org", ByOrigin},
		{"i2p", request{"-", "http://abc.i2p", "cross-site", chromium}, "http://abc.i2p", ByOrigin},
		{"an extension", request{"-", "moz-extension://0b3f-11", "cross-site", firefox}, "moz-extension://0b3f-11", ByOrigin},
		{"no label from a public path", request{"https://example.org/user/me", "-", "cross-site", chromium}, "https://example.org", ByReferer},
		{"no label from an odd path", request{zeroPage + "/a%2Fb/", "-", "same-site", chromium}, zeroPage, ByReferer},
		{"no label from another origin's path", request{"http://127.0.0.1:9999/1Site/", zeroPage, "same-site", chromium}, zeroPage, ByOrigin},
		{"hostile Origin", request{"-", "https://a\"><script>", "cross-site", chromium}, "unknown site", ByFetch},
		{"Origin with a path", request{"-", publicPage + "/path", "cross-site", chromium}, "unknown site", ByFetch},
		{"Origin with a name", request{"-", "https://bank.example@evil.example", "cross-site", chromium}, "unknown site", ByFetch},
		{"long Origin", request{"-", "https://" + strings.Repeat("a.", 5000), "cross-site", chromium}, "unknown site", ByFetch},
		{"hostile Origin, good Referer", request{publicPage + "/", "::::", "cross-site", chromium}, publicPage, ByReferer},
		{"long Referer", request{publicPage + "/" + strings.Repeat("a", 100_000), "-", "cross-site", chromium}, publicPage, ByReferer},
	} {
		t.Run(c.name, func(t *testing.T) {
			clues := Clues{Own: []Site{site(t, "http://127.0.0.1:7788"), site(t, "http://localhost:7788")}}
			if got := Attribute(c.header(), clues); got.Site.String() != c.want || got.By != c.by {
				t.Errorf("%q by %d; want %q by %d", got.Site, got.By, c.want, c.by)
			}
			clues.Tagged = site(t, "http://127.0.0.1:43110/1Tagged")
			if got := Attribute(c.header(), clues); got != (Who{clues.Tagged, ByTag}) {
				t.Errorf("with a tag: %q by %d", got.Site, got.By)
			}
		})
	}
}

// A field that is there twice comes from no browser.
func TestAttributeTwice(t *testing.T) {
	h := http.Header{"Origin": {zeroPage, publicPage}, "Referer": {zeroPage, publicPage}, "User-Agent": {"curl/8"}}
	if got := Attribute(h, Clues{}); got.Site != UnknownSite() {
		t.Errorf("%q", got.Site)
	}
	if got := Attribute(nil, Clues{}); got.Site != ProgramSite("") {
		t.Errorf("without a header: %q", got.Site)
	}
}

func FuzzAttribute(f *testing.F) {
	f.Add(zeroPage+"/1Site/", zeroPage, "same-site", chromium)
	f.Add("-", "null", "cross-site", firefox)
	f.Add("-", "-", "-", "curl/8.5.0")
	f.Fuzz(func(t *testing.T, referer, origin, fetchSite, agent string) {
		h := request{referer, origin, fetchSite, agent}.header()
		who := Attribute(h, Clues{})
		checkSite(t, who.Site)
		if who.By < ByOrigin || who.By > ByAgent {
			t.Errorf("by %d", who.By)
		}
		if who.Site.Kind() == Program && (h.Get("Sec-Fetch-Site") != "" || len(h["Origin"]) > 0) {
			t.Errorf("a page passes for %q", who.Site)
		}
		if again := Attribute(h, Clues{}); again != who {
			t.Errorf("%v, and then %v", who, again)
		}
	})
}

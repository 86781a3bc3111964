package ledger

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestParseSite(t *testing.T) {
	long := strings.Repeat("a", 63)
	for in, want := range map[string]string{
		"https://example.org":                            "https://example.org",
		"HTTPS://Example.ORG":                            "https://example.org",
		"https://example.org/":                           "https://example.org",
		"https://example.org:443":                        "https://example.org",
		"https://example.org:":                           "https://example.org",
		"https://example.org.":                           "https://example.org",
		"http://example.org:443":                         "http://example.org:443",
		"http://example.org:80":                          "http://example.org",
		"ws://example.org:80":                            "ws://example.org",
		"https://example.org:08443":                      "https://example.org:8443",
		"https://b\u00fccher.example":                    "https://xn--bcher-kva.example",
		"https://B\u00dcCHER.example":                    "https://xn--bcher-kva.example",
		"https://xn--bcher-kva.example":                  "https://xn--bcher-kva.example",
		"https://\uff45xample.org":                       "https://example.org",
		"http://127.0.0.1:43110":                         "http://127.0.0.1:43110",
		"http://127.0.0.1:43110/1HeLLo4uzjaLetFx6NH3PM":  "http://127.0.0.1:43110/1HeLLo4uzjaLetFx6NH3PM",
		"http://127.0.0.1:43110/talk.bit/":               "http://127.0.0.1:43110/talk.bit",
		"http://[::1]:8080":                              "http://[::1]:8080",
		"http://[0:0:0:0:0:0:0:1]":                       "http://[::1]",
		"http://[::FFFF:127.0.0.1]:80":                   "http://[::ffff:127.0.0.1]",
		"chrome-extension://abcdefghijklmnop":            "chrome-extension://abcdefghijklmnop",
		"http://under_score.example":                     "http://under_score.example",
		"https://" + long + "." + long + ".example":      "https://" + long + "." + long + ".example",
		"opened directly":                                "opened directly",
		"unknown site":                                   "unknown site",
		"program VLC":                                    "program VLC",
		"program Windows Media Player":                   "program Windows Media Player",
		"program without a name":                         "program without a name",
		"":                                               "",
		"null":                                           "",
		"example.org":                                    "",
		"https://":                                       "",
		"https:///path":                                  "",
		"://example.org":                                 "",
		"file:///home/me/page.html":                      "",
		"file://host/share":                              "",
		"blob:https://example.org/1":                     "",
		"data:text/html,x":                               "",
		"about:blank":                                    "",
		"https://example.org/a/b":                        "",
		"https://example.org?x":                          "",
		"https://example.org#x":                          "",
		`https://example.org\evil`:                       "",
		"https://example.org/..":                         "",
		"https://example.org/a b":                        "",
		"https://example.org/%2f":                        "",
		"https://example.org/" + strings.Repeat("a", 65): "",
		"https://user@example.org":                       "",
		"https://user:pw@example.org":                    "",
		"https://exa mple.org":                           "",
		"https://exa%20mple.org":                         "",
		"https://example..org":                           "",
		"https://.example.org":                           "",
		"https://a" + long + ".example":                  "",
		"https://" + strings.Repeat("abc.", 80) + "org":  "",
		"https://example.org:0":                          "",
		"https://example.org:65536":                      "",
		"https://example.org:99999999999":                "",
		"https://example.org:+80":                        "",
		"https://example.org:80:80":                      "",
		"http://[::1":                                    "",
		"http://[::1%25eth0]":                            "",
		"http://[127.0.0.1]":                             "",
		"http://::1":                                     "",
		"https://a.example https://b.example":            "",
		"https://\xff\xfe":                               "",
		"https://example\u2100.org":                      "", // maps to a/c
		"program vlc/3":                                  "",
		"program ":                                       "",
		"opened directly ":                               "",
		strings.Repeat("a", 40) + "://example.org":       "",
		"https://" + strings.Repeat("a", 1<<20):          "",
	} {
		got, err := ParseSite(in)
		if got.String() != want || (err == nil) != (want != "") {
			t.Errorf("ParseSite(%.80q) = %q, %v; want %q", in, got, err, want)
		}
	}
}

func TestSiteParts(t *testing.T) {
	for in, want := range map[string]struct {
		origin, label, host, overlay string
		loopback                     bool
		kind                         Kind
	}{
		"https://example.org":                {"https://example.org", "", "example.org", "", false, Web},
		"http://127.0.0.1:43110/1Site":       {"http://127.0.0.1:43110", "1Site", "127.0.0.1", "", true, Web},
		"http://127.8.9.1":                   {"http://127.8.9.1", "", "127.8.9.1", "", true, Web},
		"http://[::1]:80":                    {"http://[::1]", "", "[::1]", "", true, Web},
		"http://[::1]:81/a":                  {"http://[::1]:81", "a", "[::1]", "", true, Web},
		"http://[::ffff:127.0.0.1]":          {"http://[::ffff:127.0.0.1]", "", "[::ffff:127.0.0.1]", "", true, Web},
		"http://localhost:8080":              {"http://localhost:8080", "", "localhost", "", true, Web},
		"http://bafy.ipfs.localhost:8080":    {"http://bafy.ipfs.localhost:8080", "", "bafy.ipfs.localhost", "", true, Web},
		"https://localhost.example":          {"https://localhost.example", "", "localhost.example", "", false, Web},
		"http://127.0.0.1.example":           {"http://127.0.0.1.example", "", "127.0.0.1.example", "", false, Web},
		"http://192.168.1.1":                 {"http://192.168.1.1", "", "192.168.1.1", "", false, Web},
		"http://abc.i2p":                     {"http://abc.i2p", "", "abc.i2p", "i2p", false, Web},
		"http://abc.onion:8080/x":            {"http://abc.onion:8080", "x", "abc.onion", "onion", false, Web},
		"https://onion.example":              {"https://onion.example", "", "onion.example", "", false, Web},
		"opened directly":                    {"opened directly", "", "", "", false, Direct},
		"unknown site":                       {"unknown site", "", "", "", false, Unknown},
		"program VLC":                        {"program VLC", "", "", "", false, Program},
		"https://xn--bcher-kva.example:8443": {"https://xn--bcher-kva.example:8443", "", "xn--bcher-kva.example", "", false, Web},
	} {
		s := site(t, in)
		if s.Origin().String() != want.origin || s.Label() != want.label || s.Host() != want.host || s.Overlay() != want.overlay ||
			s.Loopback() != want.loopback || s.Kind() != want.kind {
			t.Errorf("%s: origin %q, label %q, host %q, overlay %q, loopback %v, kind %v", in, s.Origin(), s.Label(), s.Host(),
				s.Overlay(), s.Loopback(), s.Kind())
		}
	}
	if (Site{}).Kind() != None || (Site{}).Origin() != (Site{}) {
		t.Error("the zero Site is something")
	}
}

func TestWithLabel(t *testing.T) {
	zero := site(t, "http://127.0.0.1:43110/1Old")
	if got, err := zero.WithLabel("1New"); err != nil || got.String() != "http://127.0.0.1:43110/1New" {
		t.Errorf("%q, %v", got, err)
	}
	for _, label := range []string{"", ".", "..", "a/b", "a b", "\u00e4", "a?b", strings.Repeat("a", 65), "a\x00"} {
		if got, err := zero.WithLabel(label); err == nil {
			t.Errorf("%q is a label: %q", label, got)
		}
	}
	if _, err := UnknownSite().WithLabel("a"); err == nil {
		t.Error("the unknown site has a label")
	}
}

func TestSiteJSON(t *testing.T) {
	for _, s := range []Site{{}, UnknownSite(), OpenedDirectly(), ProgramSite("curl/8"), site(t, "http://127.0.0.1:1/a")} {
		data, err := json.Marshal(s)
		var back Site
		if err != nil || json.Unmarshal(data, &back) != nil || back != s {
			t.Errorf("%q becomes %s and %q (%v)", s, data, back, err)
		}
	}
	var s Site
	if err := json.Unmarshal([]byte(`"nonsense"`), &s); err == nil || s != (Site{}) {
		t.Errorf("nonsense is %q, %v", s, err)
	}
}

func TestProgramSite(t *testing.T) {
	for agent, want := range map[string]string{
		"VLC/3.0.18 LibVLC/3.0.18":          "VLC",
		"curl/8.5.0":                        "curl",
		"Lavf/60.3.100":                     "Lavf",
		"python-requests/2.31":              "python-requests",
		"MPlayer 1.5-12":                    "MPlayer",
		"Windows Media Player/12":           "Windows Media Player",
		"mpv":                               "mpv",
		"":                                  "without a name",
		"   ":                               "without a name",
		"/1.0":                              "without a name",
		"(X11)":                             "without a name",
		"\u202egpj.exe/1":                   "gpj.exe",
		"a\x00b\r\nc/1":                     "ab c",
		"<script>alert(1)</script>":         "scriptalert",
		"\xff\xfe\xfd":                      "without a name",
		strings.Repeat("long", 1000) + "/1": strings.Repeat("long", 8),
	} {
		s := ProgramSite(agent)
		if s.String() != "program "+want || s.Kind() != Program {
			t.Errorf("ProgramSite(%.40q) = %q", agent, s)
		}
	}
}

// FuzzSite: whatever is taken for a site has one spelling, and that one is short and harmless.
func FuzzSite(f *testing.F) {
	for _, s := range []string{"https://example.org", "http://127.0.0.1:43110/1a", "http://[::1]:1", "https://b\u00fccher.example:443/",
		"program curl/1", "unknown site", "null", "https://a@b", "http://a:b:1", "ws://x./"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		s, err := ParseSite(in)
		if err != nil {
			if s != (Site{}) {
				t.Fatalf("%q is %q and an error", in, s)
			}
		} else {
			checkSite(t, s)
		}
		if s, ok := siteOfURL(in); ok {
			checkSite(t, s)
		}
		checkSite(t, ProgramSite(in))
	})
}

func checkSite(t *testing.T, s Site) {
	t.Helper()
	text := s.String()
	if again, err := ParseSite(text); err != nil || again != s {
		t.Fatalf("%q is read as %q, %v", text, again, err)
	}
	if text == "" || len(text) > 400 || !isASCII(text) || !utf8.ValidString(text) || strings.ContainsAny(text, "<>\"'\\?#@%\r\n\x00") {
		t.Fatalf("%q is a site", text)
	}
	if s.Label() != "" {
		if again, err := s.Origin().WithLabel(s.Label()); err != nil || again != s {
			t.Fatalf("%q is %q and %q", text, s.Origin(), s.Label())
		}
	}
	s.Host()
	s.Loopback()
	s.Overlay()
}

func site(t testing.TB, s string) Site {
	t.Helper()
	parsed, err := ParseSite(s)
	if err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	return parsed
}

package assets

import (
	"html"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// look asks for the interface.
func look(t *testing.T, query, accept string) *httptest.ResponseRecorder {
	t.Helper()
	page, err := Interface("127.0.0.1:7788")
	if err != nil {
		t.Fatal(err)
	}
	rec, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/"+query, nil)
	r.Header.Set("Accept-Language", accept)
	page.ServeHTTP(rec, r)
	return rec
}

// between returns what stands between two texts.
func between(text, from, to string) string {
	_, text, _ = strings.Cut(text, from)
	text, _, _ = strings.Cut(text, to)
	return text
}

// The policy lets in the very style sheet and the very script that the page has, and nothing else.
func TestInterface(t *testing.T) {
	w, err := words()
	if err != nil {
		t.Fatal(err)
	}
	for i, lang := range w.Languages {
		rec := look(t, "", lang)
		body, csp := rec.Body.String(), rec.Header().Get("Content-Security-Policy")
		if rec.Code != 200 || rec.Header().Get("Content-Language") != lang || !strings.Contains(body, `<html lang="`+lang+`">`) {
			t.Errorf("%s: %d %v", lang, rec.Code, rec.Header())
		}
		if !strings.HasPrefix(csp, "default-src 'none';") || strings.Contains(csp, "unsafe") ||
			!strings.Contains(csp, "style-src '"+hash(between(body, "<style>", "</style>"))+"'") ||
			!strings.Contains(csp, "script-src '"+hash(between(body, "<script>", "</script>"))+"'") {
			t.Errorf("%s: the policy is %q", lang, csp)
		}
		if strings.Contains(body, "ZgotmplZ") || strings.Contains(body, "<no value>") || strings.Count(body, "<script") != 2 {
			t.Errorf("%s: a value got into the page the wrong way", lang)
		}
		if !strings.Contains(html.UnescapeString(body), w.Words["login.text"][i]) || !strings.Contains(body, "http://127.0.0.1:7788/bittorrent/v0/stream/") {
			t.Errorf("%s: the page lacks how to log in, or how to embed", lang)
		}
		for _, outside := range regexp.MustCompile(`<(?:\w+)[^>]*(?:src|href|action)="(?:https?:|//)[^"]*"`).FindAllString(body, -1) {
			if !strings.HasPrefix(outside, "<a ") && !strings.Contains(outside, "127.0.0.1:7788") {
				t.Errorf("%s: the page loads %s", lang, outside)
			}
		}
	}
}

func TestLanguage(t *testing.T) {
	for _, c := range []struct{ query, accept, want string }{
		{"", "", "en"},
		{"", "de", "de"},
		{"", "pt-BR,pt;q=0.9,es;q=0.8", "es"},
		{"", "zh-Hant-TW, en;q=0.5", "zh"},
		{"", "tlh, *;q=0.1", "en"},
		{"", "FR-ca", "fr"},
		{"?lang=ja", "de", "ja"},
		{"?lang=xx", "de", "de"},
		{"?lang=", "de", "de"},
		{"", strings.Repeat(",", 10000) + "de", "de"},
	} {
		if got := look(t, c.query, c.accept).Header().Get("Content-Language"); got != c.want {
			t.Errorf("%q, %.30q: %s, want %s", c.query, c.accept, got, c.want)
		}
	}
}

var (
	placeholder = regexp.MustCompile(`\{\w+\}`)
	// asked are the places where the page and its script name a text. Some names are made of two parts in the script.
	asked = regexp.MustCompile(`(?:\bt\(|\.T |\bbutton\(|\bcell\()['"]([a-z.]+)['"]`)
)

// Every text exists in every language, with the same values to fill in; every one that is asked for exists, and none is there
// that nobody asks for.
func TestWords(t *testing.T) {
	w, err := words()
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"en", "de", "es", "fr", "zh", "ja"}; !slices.Equal(w.Languages, want) || len(w.Names) != len(want) {
		t.Errorf("languages are %v, called %v", w.Languages, w.Names)
	}
	for name, texts := range w.Words {
		if len(texts) != len(w.Languages) {
			t.Errorf("%s: %d texts for %d languages", name, len(texts), len(w.Languages))
			continue
		}
		want := values(texts[0])
		for i, text := range texts {
			if strings.TrimSpace(text) != text || text == "" {
				t.Errorf("%s in %s is %q", name, w.Languages[i], text)
			}
			if got := values(text); !slices.Equal(got, want) {
				t.Errorf("%s in %s has the values %v, and in %s %v", name, w.Languages[i], got, w.Languages[0], want)
			}
		}
	}
	used := make(map[string]bool)
	for _, m := range asked.FindAllStringSubmatch(file("ui.html")+file("ui.js"), -1) {
		if !strings.HasSuffix(m[1], ".") { // the first of two parts
			used[m[1]] = true
		}
	}
	for name := range used {
		if w.Words[name] == nil || offPage(name) {
			t.Errorf("%s is asked for and not there", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(w.Words)) {
		made := slices.ContainsFunc([]string{"set.", "problem.", "rule."}, func(part string) bool { return strings.HasPrefix(name, part) })
		if !used[name] && !made && !offPage(name) { // tests of the tray and of the player page look after those
			t.Errorf("%s is there and nobody asks for it", name)
		}
	}
}

func values(text string) []string {
	return slices.Sorted(slices.Values(placeholder.FindAllString(text, -1)))
}

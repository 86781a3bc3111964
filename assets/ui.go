package assets

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // the catalogue
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

//go:embed words.json
var catalogue []byte

//go:embed embed.js
var embedScript []byte

// Embed answers with the script that pages of others may copy, or take from here.
func Embed() http.Handler {
	sum := sha256.Sum256(embedScript)
	tag := `"` + base64.RawURLEncoding.EncodeToString(sum[:15]) + `"`
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Type", "text/javascript; charset=utf-8")
		header.Set("Cache-Control", "no-cache")
		header.Set("Etag", tag)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(embedScript))
	})
}

// Words are the texts of the interface in all its languages.
type Words struct {
	Languages []string            // by their BCP 47 tags; the first is the one for everybody else
	Names     []string            // of the languages, in themselves
	Words     map[string][]string // by a text's name: in the order of Languages, with values to fill in as {name}
}

func words() (w Words, err error) {
	if err := json.Unmarshal(catalogue, &w); err != nil {
		return w, fmt.Errorf("words.json: %w", err)
	}
	return w, nil
}

// in returns all texts in one language.
func (w Words) in(language int) map[string]string {
	texts := make(map[string]string, len(w.Words))
	for name, in := range w.Words {
		texts[name] = in[language]
	}
	return texts
}

// offPage says whether a text is for the tray and its notifications, or for the player page, and not for the interface.
func offPage(name string) bool {
	return slices.ContainsFunc([]string{"tray.", "note.", "play.", "fail."}, func(part string) bool { return strings.HasPrefix(name, part) })
}

// choose returns the language to answer in: the one that was asked for, or the first that an Accept-Language header
// (RFC 9110 section 12.5.4) names and that there is. Weights are not looked at: browsers send the best first.
func (w Words) choose(asked, accept string) int {
	for tag := range strings.SplitSeq(asked+","+accept, ",") {
		tag, _, _ = strings.Cut(strings.TrimSpace(tag), ";")
		tag, _, _ = strings.Cut(strings.ToLower(tag), "-")
		if i := slices.Index(w.Languages, tag); i >= 0 {
			return i
		}
	}
	return 0
}

// An interfacePage is what the page of the interface is made of.
type interfacePage struct {
	Addr      string
	Lang      string
	Languages []interfaceLanguage
	Words     map[string]string
	Style     template.CSS
	Script    template.JS
}

type interfaceLanguage struct {
	Tag, Name string
	Chosen    bool
}

// T is a text in the language of the page.
func (p interfacePage) T(name string) (string, error) {
	text, ok := p.Words[name]
	if !ok {
		return "", fmt.Errorf("no text is called %q", name)
	}
	return text, nil
}

// Interface returns the page at "/": the program's own interface, in the language of whoever looks. addr is the host and port that
// content is served on. The page is the same for everybody: what is in it comes later, to those who are logged in. Its one script
// makes text of whatever comes from the networks and never markup, and the policy holds it to that.
func Interface(addr string) (http.Handler, error) {
	w, err := words()
	if err != nil {
		return nil, err
	}
	css, script := style()+template.CSS(file("ui.css")), file("ui.js")
	bodies := make([]string, len(w.Languages))
	for i, tag := range w.Languages {
		page := interfacePage{Addr: addr, Lang: tag, Words: w.in(i), Style: css, Script: template.JS(script)}
		maps.DeleteFunc(page.Words, func(name, _ string) bool { return offPage(name) })
		for j, t := range w.Languages {
			page.Languages = append(page.Languages, interfaceLanguage{t, w.Names[j], i == j})
		}
		var b strings.Builder
		if err := render(&b, "ui.html", page); err != nil {
			return nil, err
		}
		bodies[i] = b.String()
	}
	policy := "default-src 'none'; script-src '" + hash(script) + "'; style-src '" + hash(string(css)) + "'; connect-src 'self' http://" + addr +
		"; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		i := w.choose(r.URL.Query().Get("lang"), r.Header.Get("Accept-Language"))
		h := rw.Header()
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Content-Language", w.Languages[i])
		h.Set("Content-Security-Policy", policy)
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cache-Control", "no-store") // the port in it may change
		h.Set("Vary", "Accept-Language")
		io.WriteString(rw, bodies[i])
	}), nil
}

// file returns a file beside the pages.
func file(name string) string {
	b, err := fs.ReadFile(pages, "page/"+name)
	if err != nil {
		panic(err) // it is embedded
	}
	return string(b)
}

// hash is what a Content-Security-Policy calls a text.
func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

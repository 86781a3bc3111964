package web

import (
	"context"
	"errors"
	"html"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/zeronetscript/universal_p2p/archive"
	"github.com/zeronetscript/universal_p2p/assets"
	"github.com/zeronetscript/universal_p2p/stream"
	"github.com/zeronetscript/universal_p2p/stream/ledger"
)

// TestTold: what people are told is what programs are, and the page offers to try again where that may help.
func TestTold(t *testing.T) {
	for _, c := range []struct {
		err   error
		want  string
		again bool
	}{
		{stream.ErrBadRoot, "fail.root", false},
		{stream.ErrBadPath, "fail.address", false},
		{errNoProtocol, "fail.address", false},
		{errNoCommand, "fail.address", false},
		{unsatisfiable{1}, "fail.address", false},
		{fs.ErrNotExist, "fail.file", false},
		{errInFile, "fail.file", false},
		{errNoMedia, "fail.media", false},
		{archive.ErrEncrypted, "fail.password", false},
		{archive.ErrMethod, "fail.packed", false},
		{archive.ErrLimit, "fail.limit", false},
		{archive.ErrCorrupt, "fail.archive", true},
		{errBusy, "fail.busy", true},
		{stream.ErrCorrupt, "fail.wrong", true},
		{io.ErrUnexpectedEOF, "fail.wrong", true},
		{errPaused, "fail.paused", true},
		{brokenProtocol{}, "fail.broken", true},
		{stream.ErrClosed, "fail.ends", true},
		{errTooLong, "fail.nobody", true},
		{context.DeadlineExceeded, "fail.nobody", true},
		{stream.ErrNoSpace, "fail.disk", true},
		{ledger.ErrSiteBlocked, "fail.site", false},
		{ledger.ErrRootBlocked, "fail.content", false},
		{ledger.ErrAsking, "fail.asking", false},
		{&ledger.LimitError{Limit: ledger.DiskLimit}, "fail.share", false},
		{&ledger.LimitError{Limit: ledger.StreamLimit}, "fail.much", true},
		{errors.New("something else"), "fail.program", true},
	} {
		code, _ := status(c.err)
		if got := told(c.err); got != c.want || mayPass(code) != c.again {
			t.Errorf("%v is %s, and may pass: %t", c.err, got, mayPass(code))
		}
		if assets.Speak().Text(c.want) == c.want {
			t.Errorf("there is no text %s", c.want)
		}
	}
}

// TestPlayLanguages: the page is in the language of whoever looks.
func TestPlayLanguages(t *testing.T) {
	f := newPlayFront(t)
	for accept, lang := range map[string]string{"": "en", "de-AT,de;q=0.9,en;q=0.5": "de", "pt,es": "es", "fr": "fr", "zh-TW": "zh", "ja": "ja", "xx": "en"} {
		res := f.do("GET", "/mem/v0/play/tree2/season", "Accept-Language: "+accept)
		l := assets.Speak(lang)
		inOrder(t, html.UnescapeString(string(res.body)), `<html lang="`+lang+`">`, l.Text("play.folders"), l.Text("play.other.all"), l.Text("play.save"), "</html>")
		if res.StatusCode != http.StatusOK || res.get("Content-Language") != lang || !strings.Contains(res.get("Vary"), "Accept-Language") {
			t.Errorf("%s: %s %v", accept, res.Status, res.Header)
		}
	}
}

// TestFailPage: who has opened an address in a browser is told on a page what is wrong with it, and everybody else in a line of text.
func TestFailPage(t *testing.T) {
	f := newPlayFront(t)
	const opened, accept = "Sec-Fetch-Dest: document", "Accept: text/html,application/xhtml+xml,*/*;q=0.8"
	policy := f.do("GET", "/mem/v0/play/tree2").get("Content-Security-Policy")
	for _, c := range []struct {
		path  string
		code  int
		title string
		in    []string
	}{
		{"/mem/v0/play/tree2/no%3Ci%3E", 404, "no&lt;i&gt;", []string{"Eine solche Datei ist nicht darin.", `href="http://` + f.addr + `/mem/v0/play/tree2?tr=udp`}},
		{"/mem/v0/play/tree2?as=pdf", 404, "Das kann nicht gezeigt werden", []string{"keine Adresse des Programms"}},
		{"/mem/v0/play/tree-2", 400, "Das kann nicht gezeigt werden", []string{"ob er vollständig ist"}},
		{"/mem/v0/stream/tree2/nothing.mp4", 404, "nothing.mp4", []string{"Eine solche Datei ist nicht darin.", "/mem/v0/play/tree2"}},
		{"/mem/v0", 400, "Das kann nicht gezeigt werden", []string{"keine Adresse des Programms"}},
	} {
		path := c.path
		if strings.Contains(path, "%3C") {
			path += "?tr=udp://a"
		}
		res := f.do("GET", path, opened, accept, "Accept-Language: de")
		page := html.UnescapeString(string(res.body))
		inOrder(t, string(res.body), `<html lang="de">`, "<title>"+c.title+"</title>", `role="alert"`, "</html>")
		for _, in := range c.in {
			if !strings.Contains(page, in) {
				t.Errorf("%s: the page lacks %q:\n%s", c.path, in, page)
			}
		}
		if res.StatusCode != c.code || res.get("Content-Type") != "text/html; charset=utf-8" || res.get("Content-Security-Policy") != policy ||
			!strings.Contains(res.get("Vary"), "Accept-Language") || res.get("Cache-Control") != "no-store" || strings.Contains(page, "<script") {
			t.Errorf("%s: %s %v", c.path, res.Status, res.Header)
		}
		f.wantError(f.do("GET", path), c.code)
		f.wantError(f.do("GET", path, "Sec-Fetch-Dest: iframe", accept), c.code)
		f.wantError(f.do("GET", path, "Sec-Fetch-Dest: image", accept), c.code)
		f.wantError(f.do("GET", path, opened, "Accept: */*"), c.code)
		if res := f.do("HEAD", path, opened, accept); res.StatusCode != c.code || res.get("Content-Type") != "text/html; charset=utf-8" || len(res.body) > 0 {
			t.Errorf("HEAD %s: %s", path, res.Status)
		}
	}
}

// Every text that the page asks for is there, and none is there for it that it does not ask for.
func TestPlayTexts(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	asked := make(map[string]bool)
	for _, name := range append(files, "../../assets/page/play.html") {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`"((?:play|fail)\.[a-z.]+)"`).FindAllStringSubmatch(string(b), -1) {
			asked[m[1]] = true
		}
	}
	asked["play.files.one"], asked["play.files.other"] = asked["play.files"], asked["play.files"]
	delete(asked, "play.files")
	for name := range asked {
		if assets.Speak().Text(name) == name {
			t.Errorf("%s is asked for and not there", name)
		}
	}
	b, err := os.ReadFile("../../assets/words.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`(?m)^"((?:play|fail)\.[a-z.]+)"`).FindAllStringSubmatch(string(b), -1) {
		if !asked[m[1]] {
			t.Errorf("%s is there and nobody asks for it", m[1])
		}
	}
}

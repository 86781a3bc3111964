package web

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/zeronetscript/universal_p2p/assets"
)

// axe-core looks for what keeps people out who do not see, or use no mouse (https://github.com/dequelabs/axe-core).
const (
	axePackage = "axe-core@4.14.1"
	axeScript  = "package/axe.min.js"
	axeSHA256  = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c"
)

// fetchAxe returns the script, which npm fetches: one archive, of which nothing is run outside of the browser. The test is skipped
// where there is none; where real programs are required, it fails.
func fetchAxe(t *testing.T) string {
	t.Helper()
	missing := t.Skipf
	if os.Getenv("UP2P_REQUIRE_PEERS") == "1" {
		missing = t.Fatalf
	}
	npm, err := exec.LookPath("npm")
	if err != nil {
		missing("no npm in PATH, so that %s is missing", axePackage)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	dir := t.TempDir()
	cmd := exec.CommandContext(ctx, npm, "pack", "--loglevel", "error", "--ignore-scripts", axePackage)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		missing("npm does not fetch %s: %v: %.300s", axePackage, err, out)
	}
	archives, err := filepath.Glob(filepath.Join(dir, "*.tgz"))
	if err != nil || len(archives) != 1 {
		t.Fatalf("npm pack left %v, %v", archives, err)
	}
	f, err := os.Open(archives[0])
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err != nil {
			t.Fatalf("%s: looking for %s: %v", axePackage, axeScript, err)
		}
		if h.Name != axeScript {
			continue
		}
		script, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(script); hex.EncodeToString(sum[:]) != axeSHA256 {
			t.Fatalf("%s of %s has the SHA-256 %x, want %s", axeScript, axePackage, sum, axeSHA256)
		}
		return string(script)
	}
}

// faults runs a script in the page, and then has axe-core look at it: what it finds, and text of which it cannot tell the contrast.
func (b *chromium) faults(axe, prepare string) string {
	b.t.Helper()
	if _, err := chromedp.Run(b.ctx, chromedp.Evaluate[any](axe+";0")); err != nil {
		b.t.Fatal(err)
	}
	return b.run(ui + prepare + `
		document.querySelectorAll('details').forEach(e => { e.open = true; });
		const found = await axe.run(document, {preload: false, runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']});
		return [...found.violations, ...found.incomplete.filter(v => v.id == 'color-contrast')].map(v =>
			v.id + ': ' + v.help + v.nodes.map(n => '\n\t' + n.html + ' ' + n.failureSummary).join('')).join('\n');`)
}

// looks calls f for a phone and a desk, each light and dark.
func (b *chromium) looks(f func(look string)) {
	b.t.Helper()
	for _, width := range []int64{390, 1440} {
		for _, scheme := range []string{"light", "dark"} {
			b.look(scheme, width)
			f(fmt.Sprintf("%s, %d px", scheme, width))
		}
	}
}

// TestBrowserAccess has axe-core look at the interface, before and behind the login, light and dark, and at what it can see of a planted
// fault.
func TestBrowserAccess(t *testing.T) {
	axe := fetchAxe(t)
	b, _ := newInterface(t)
	b.looks(func(look string) {
		b.visit("about:blank")
		b.visit(b.h.ownOrigin() + "/?lang=de")
		if got := b.faults(axe, `await until(() => 'shown', () => visible($('login')));`); got != "" {
			t.Errorf("%s, before the login: %s", look, got)
		}
		b.enter()
		if got := b.faults(axe, `
			$('link').value = 'mem:tree1'; $('add').requestSubmit();
			await until(() => 'found', () => visible($('found')) && /7/.test($('found-files').textContent));`); got != "" {
			t.Errorf("%s, behind the login: %s", look, got)
		}
		if got := b.faults(axe, `labelled('Remove A tree').click(); await until(() => 'asked', () => $('ask').open);`); got != "" {
			t.Errorf("%s, a question: %s", look, got)
		}
		b.run(ui + `$('ask').close(); localStorage.removeItem('bearer');`)
	})
	if b.faults(axe, `$('link').labels[0].remove(); $('link').placeholder = '';`) == "" {
		t.Error("a field without a label is not noticed")
	}
	if got := b.faults(axe, `document.querySelector('h1, h2').style.cssText = 'color: #666; background: #444';`); !strings.Contains(got, "color-contrast") {
		t.Errorf("grey text is not noticed: %s", got)
	}
}

// TestBrowserPagesAccess has it look at the pages of content, and at that of the demo. Their consoles stay empty.
func TestBrowserPagesAccess(t *testing.T) {
	axe := fetchAxe(t)
	b := newChromium(t, withArchives(t), func(c *Config) { c.MediaPatience = 2 * quickPage })
	picture, err := os.ReadFile("testdata/browser/picture.png")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{
		"photos.zip": zipOf(t, [3]string{"holiday/1.png", string(picture), ""}, [3]string{"holiday/read me.txt", "text", ""}), "hello.txt": []byte("Hello"),
		"film.mp4": longVideo(t), "film.de.srt": []byte("1\n00:00:00,000 --> 00:00:05,000\nGuten Tag\n"), "film.avi": []byte("no film"), "pictures/1.png": picture,
	}
	b.mem.Add("album", "Photos of a long journey", files)
	demo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		page := assets.DemoPage{Origin: "http://" + r.Host, Addr: b.addr, InfoHash: strings.Repeat("0", 40), Pictures: []string{"1.png"}}
		page.WriteTo(w)
	}))
	t.Cleanup(demo.Close)
	at := "http://" + b.addr + "/mem/v0/play/"
	b.quiet(func(m chromedp.ConsoleMessage) bool { // but of the demo's torrent and a file, which are not here, and axe-core's own
		return !strings.Contains(m.URL, "/bittorrent/") && !strings.HasSuffix(m.URL, "/nothing") && !strings.Contains(m.Text, "axe.utils")
	})
	b.looks(func(look string) {
		for _, url := range []string{
			at + "album", at + "album/photos.zip", at + "album/photos.zip/holiday", at + "album/pictures/1.png", at + "album/film.mp4",
			at + "album/film.avi", at + "album/nothing", at + "silent", demo.URL,
		} {
			b.visit(url)
			if got := b.faults(axe, ""); got != "" {
				t.Errorf("%s, %s: %s", look, url, got)
			}
		}
	})
}

package web

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
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

// TestBrowserAccess has axe-core look at the interface, before and behind the login, light and dark, and at what it can see of a planted
// fault.
func TestBrowserAccess(t *testing.T) {
	axe := fetchAxe(t)
	b, _ := newInterface(t)
	faults := func(prepare string) string {
		t.Helper()
		if _, err := chromedp.Run(b.ctx, chromedp.Evaluate[any](axe+";0")); err != nil {
			t.Fatal(err)
		}
		return b.run(ui + prepare + `
			document.querySelectorAll('details').forEach(e => { e.open = true; });
			const found = await axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']});
			return found.violations.map(v => v.id + ': ' + v.help + v.nodes.map(n => '\n\t' + n.html + ' ' + n.failureSummary).join('')).join('\n');`)
	}
	for _, scheme := range []string{"light", "dark"} {
		features := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}
		if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, features); err != nil {
			t.Fatal(err)
		}
		b.visit("about:blank")
		b.visit(b.h.ownOrigin() + "/?lang=de")
		if got := faults(`await until(() => 'shown', () => visible($('login')));`); got != "" {
			t.Errorf("%s, before the login: %s", scheme, got)
		}
		b.enter()
		if got := faults(`
			$('link').value = 'mem:tree1'; $('add').requestSubmit();
			await until(() => 'found', () => visible($('found')) && /7/.test($('found-files').textContent));`); got != "" {
			t.Errorf("%s, behind the login: %s", scheme, got)
		}
		if got := faults(`labelled('Remove A tree').click(); await until(() => 'asked', () => $('ask').open);`); got != "" {
			t.Errorf("%s, a question: %s", scheme, got)
		}
		b.run(ui + `$('ask').close(); localStorage.removeItem('bearer');`)
	}
	if faults(`$('link').labels[0].remove(); $('link').placeholder = '';`) == "" {
		t.Error("a field without a label is not noticed")
	}
}

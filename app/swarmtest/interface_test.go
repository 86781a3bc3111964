//go:build linux

package swarmtest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestInterface has a person at the page of the built program, in a real Chromium, while a real peer sends: a magnet link is pasted, the
// figures move, the site that asks is there with its share of the disk, the quota is changed, and all of it is removed.
func TestInterface(t *testing.T) {
	t.Parallel()
	chromium(t)
	turn(t)
	f := newFixture(t, 77, 24*mib, mib, nil)
	addr := seedLibtorrent(t, f)
	p := prepare(t, settings{})
	config, err := os.ReadFile(p.config)
	if err != nil {
		t.Fatal(err)
	}
	config = append(config, "download_rate = \"2MiB\" # or it would be over before anybody sees it\n"...)
	if err := os.WriteFile(p.config, config, 0o600); err != nil {
		t.Fatal(err)
	}
	p.launch()
	way, err := p.command("open", "--print")
	if err != nil {
		t.Fatal(err)
	}
	page := openPage(t, strings.TrimSpace(way))

	person(t, page, "in", `visible($('page')) && /of 2 GiB used/.test($('used-of').textContent)`)
	person(t, page, "the torrent found", fmt.Sprintf(`once('paste', () => {
		$('link').value = 'magnet:?xt=urn:btih:%s&x.pe=%s'; $('add').requestSubmit(); }) &&
		/^Files: 1$/.test($('found-files').textContent) && $('found-code').value.startsWith('<video') && $('found-url').value.includes('video.mp4')`, f.hash, addr))

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.stream(f.hash, f.name, "x.pe", addr), nil)
		if err != nil {
			done <- err
			return
		}
		browser(req, "video")
		req.Header.Set("Sec-Fetch-Dest", "empty") // all of it
		req.Header.Set("Origin", "https://films.example")
		resp, err := http.DefaultClient.Do(req)
		if err == nil {
			_, err = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
		done <- err
	}()
	person(t, page, "speed and peers", `/Down: [\d.,]+ (K|M)iB\/s/.test($('now').textContent) && /Peers: [1-9]/.test($('now').textContent)`)
	person(t, page, "a part of it here", `/^([1-9]|[1-8]\d)% of 24 MiB is here$/.test($('now').querySelector('svg').getAttribute('aria-label')) &&
		$('now').querySelectorAll('line').length && $('now').querySelectorAll('rect').length`)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	person(t, page, "all of it here", `/^100% of 24 MiB/.test($('now').querySelector('svg').getAttribute('aria-label'))`)
	person(t, page, "the site and its share", `/films.example.*24(.\d)? MiB/.test(row('sites', 'films.example')?.textContent ?? '')`)
	person(t, page, "the item and its picture", `row('roots', 'video.mp4')?.textContent.includes('films.example') && /video.mp4/.test($('picture').textContent)`)
	keepPicture(t, page)

	person(t, page, "another quota", `once('quota', () => change('quota', '1GiB')) && /of 1 GiB used/.test($('used-of').textContent)`)
	if s := p.status(); s.Quota != 1<<30 {
		t.Errorf("the quota is %d", s.Quota)
	}
	if config, err := os.ReadFile(p.config); err != nil || !strings.Contains(string(config), `quota = "1GiB"`) || !strings.Contains(string(config), "anybody sees it") {
		t.Errorf("the config is %s, %v", config, err)
	}
	person(t, page, "all of it gone", `once('remove', () => labelled('Remove video.mp4').click()) &&
		once('yes', () => $('ask').querySelector('[value=yes]').click()) && !row('roots', 'video.mp4')`)
	if s := p.status(); len(s.Roots) != 0 {
		t.Errorf("left are %+v", s.Roots)
	}
}

// person waits until a condition holds in the page of the interface. What is in a once happens in it one time.
func person(t *testing.T, page context.Context, what, condition string) {
	t.Helper()
	js := `(async () => {
		const $ = id => document.getElementById(id), visible = e => !!e.getClientRects().length;
		const row = (table, text) => [...$(table).tBodies[0].rows].find(r => r.textContent.includes(text));
		const labelled = label => [...document.querySelectorAll('[aria-label]')].find(e => e.getAttribute('aria-label') == label);
		const change = (name, value) => { const e = document.querySelector('[name="' + name + '"]'); e.value = value; e.dispatchEvent(new Event('change')); };
		const did = {}, once = (name, f) => { if (!did[name]) { f(); did[name] = true; } return true; };
		for (const end = Date.now() + 60000; Date.now() < end; await new Promise(r => setTimeout(r, 50)))
			try { if (` + condition + `) return ''; } catch (e) { did.error = String(e); }
		return (did.error ?? '') + document.body.innerText;
	})()`
	got, err := chromedp.Run(page, chromedp.Evaluate[string](js, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatal(err)
	}
	if got != "" {
		t.Fatalf("never %s:\n%s", what, got)
	}
}

// keepPicture keeps a screenshot for people to look at: go test -artifacts keeps them.
func keepPicture(t *testing.T, page context.Context) {
	t.Helper()
	png, err := chromedp.Run(page, chromedp.FullScreenshot(100))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(t.ArtifactDir(), "interface.png"), png, 0o600); err != nil {
		t.Fatal(err)
	}
}

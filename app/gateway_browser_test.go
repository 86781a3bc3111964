//go:build !noipfs

package app

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// TestBrowserGateway: a web site out of IPFS works in a real browser, on an origin of its own, and gets no further.
func TestBrowserGateway(t *testing.T) {
	path, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("UP2P_REQUIRE_PEERS") == "1" {
			t.Fatal("no Chromium in PATH, and UP2P_REQUIRE_PEERS=1")
		}
		t.Skip("no Chromium in PATH")
	}
	f := newGatewayFront(t)
	other := f.dir(map[string]any{"index.html": "<title>Other</title>", "code.js": "window.foreign = 1"}).Cid().String()
	site := f.dir(map[string]any{
		"index.html": "<!doctype html><title>Site</title><link rel=stylesheet href=style.css><p id=p>text</p><script src=code.js></script><script type=module src=deep/module.mjs></script>",
		"style.css":  "p { color: rgb(1, 2, 3) }", "code.js": "window.ran = 'ran'", "worker.js": "postMessage('worked')", "_redirects": "/old /index.html 302\n",
		"deep": map[string]any{"module.mjs": "import {x} from './x.mjs'; window.x = x", "x.mjs": "export const x = 'imported'"},
	}).Cid().String()
	page := f.dir(map[string]any{"index.html": "<!doctype html><title>Shown</title><script>document.title = 'Acted'</script>"}).Cid().String()

	profile, err := os.MkdirTemp("", "up2p-chromium-*") // not t.TempDir: Chromium may write there for a moment after it has ended
	f.must(err)
	t.Cleanup(func() { os.RemoveAll(profile) })
	opts := []chromedp.ExecAllocatorOption{chromedp.ExecPath(path), chromedp.UserDataDir(profile), chromedp.Flag("headless", "new")}
	for _, flag := range []string{"no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking", "disable-component-update", "disable-sync", "disable-dev-shm-usage"} {
		opts = append(opts, chromedp.Flag(flag, true))
	}
	ctx, stop := chromedp.NewExecAllocator(context.Background(), opts...)
	t.Cleanup(stop)
	ctx, stop = chromedp.NewContext(ctx)
	t.Cleanup(stop)
	f.must(chromedp.Do(ctx, chromedp.Navigate("about:blank"))) // the browser lives as long as this context
	visit := func(url string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
		defer cancel()
		f.must(chromedp.Do(ctx, chromedp.Navigate(url)))
	}
	run := func(js string) string {
		t.Helper()
		ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
		defer cancel()
		got, err := chromedp.Run(ctx, chromedp.Evaluate[string]("(async () => {"+js+"})().then(String, e => 'failed: ' + e)", chromedp.EvalAwaitPromise))
		f.must(err)
		return got
	}

	visit("http://localhost:" + f.port + "/ipfs/" + site + "/old") // leads to the host of the site, and there to its page
	home := "http://" + site + ".ipfs.localhost:" + f.port
	got := run(`
		for (let i = 0; !window.x && i < 500; i++) await new Promise(r => setTimeout(r, 20));
		const worked = await new Promise((ok, no) => { const w = new Worker('worker.js'); w.onmessage = e => ok(e.data); w.onerror = no; });
		return [location.href, origin, window.ran, window.x, worked, getComputedStyle(document.getElementById('p')).color].join(' ')`)
	if want := home + "/index.html " + home + " ran imported worked rgb(1, 2, 3)"; got != want {
		t.Errorf("the site: %s, want %s", got, want)
	}
	hosts := strings.NewReplacer("OTHER", "http://"+other+".ipfs.localhost:"+f.port, "UI", "http://localhost:"+f.port, "CONTENT", "http://127.0.0.1:"+f.port, "CID", other)
	got = run(hosts.Replace(`
		const no = p => p.then(x => 'reached', e => 'refused');
		const script = src => new Promise((ok, no) => { const s = document.createElement('script'); s.onload = ok; s.onerror = no; s.src = src; document.head.append(s); });
		return (await Promise.all([no(fetch('UI/')), no(fetch('UI/api/v0/sites')), no(fetch('UI/ipfs/CID/')), no(fetch('OTHER/')), no(fetch('OTHER/', {mode: 'no-cors'})),
			no(script('OTHER/code.js')), no(script('CONTENT/ipfs/CID/code.js')), no(navigator.serviceWorker.register('code.js')),
			no(fetch('CONTENT/ipfs/CID/code.js')), no(fetch('deep/x.mjs'))])).join(' ')`))
	if want := "refused refused refused refused refused refused refused refused reached reached"; got != want {
		t.Errorf("the site reaches: %s\nwant %s", got, want)
	}
	visit("http://127.0.0.1:" + f.port + "/ipfs/" + page + "/")
	if got := run(`return document.title + ' ' + origin`); got != "Shown null" {
		t.Errorf("on the address that all roots share: %s", got)
	}
}

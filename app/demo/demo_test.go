package demo

import (
	"context"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/zeronetscript/universal_p2p/app"
)

// start runs the demo until the test ends, and returns the address of its page. What it writes is in a temporary folder, which
// has to be gone afterwards.
func start(t *testing.T) (page string) {
	t.Helper()
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	t.Setenv("TMP", tmp) // Windows
	ctx, stop := context.WithCancel(context.Background())
	shown := make(chan string, 1)
	done := make(chan error, 1)
	cfg := Config(app.DefaultConfig())
	cfg.Addr = "127.0.0.1:0"
	go func() {
		done <- Run(ctx, app.Options{Config: cfg, Protocols: app.Protocols(), Log: slog.New(slog.NewTextHandler(t.Output(), nil))},
			func(url string) error { shown <- url; return nil })
	}()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("the demo ended with %v", err)
		}
		if left, err := os.ReadDir(tmp); err != nil || len(left) != 0 {
			t.Errorf("the demo left %v behind, %v", left, err)
		}
	})
	select {
	case page = <-shown:
	case err := <-done:
		done <- err
		t.Fatalf("the demo did not start: %v", err)
	case <-time.After(30 * time.Second):
		t.Fatal("the demo shows no page")
	}
	return page
}

// browser returns a context for one tab of a Chromium with an empty profile. Without one the test is skipped, or fails where
// the programs that tests need are required.
func browser(t *testing.T) context.Context {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if p, err := exec.LookPath(name); err == nil {
			path = p
			break
		}
	}
	if path == "" {
		if os.Getenv("UP2P_REQUIRE_PEERS") == "1" {
			t.Fatal("there is no Chromium, and UP2P_REQUIRE_PEERS=1 asks for it")
		}
		t.Skip("there is no Chromium to look at the page with")
	}
	dir := t.TempDir()
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path),
		chromedp.UserDataDir(filepath.Join(dir, "profile")),
		chromedp.Env("TMPDIR="+dir), // not where the demo is watched
		chromedp.Flag("disable-gpu", true),
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("autoplay-policy", "no-user-gesture-required"),
		chromedp.WindowSize(1100, 900),
	)
	if runtime.GOOS == "linux" && os.Geteuid() == 0 {
		opts = append(opts, chromedp.NoSandbox) // Chromium refuses to run as root without it
	}
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), opts...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	return ctx
}

// A real browser shows a page that embeds a video, pictures and a text, each of which came over BitTorrent, and some over IPFS as well.
func TestBrowser(t *testing.T) {
	page := start(t)
	ctx := browser(t)
	if err := chromedp.Do(ctx, chromedp.Navigate(page)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ what, js string }{
		{"the video plays", `document.querySelector("video").currentTime > 0.7`},
		{"the video has a picture", `document.querySelector("video").videoWidth == 854`},
		{"every picture is there", `document.images.length == 13 && [...document.images].every(i => i.complete && i.naturalWidth == 640)`},
		{"the text is there", `document.getElementById("text").textContent.startsWith("Hello from the swarm")`},
		{"the text from IPFS is there", `document.getElementById("ipfs").textContent == document.getElementById("text").textContent`},
		{"nothing failed", `document.querySelector(".failed") == null`},
	} {
		if _, err := chromedp.Run(ctx, chromedp.Poll[bool](c.js, chromedp.WithPollingTimeout(30*time.Second))); err != nil {
			t.Errorf("%s: %v", c.what, err)
		}
	}
	// A jump: the rest of the file is fetched out of turn, and the video goes on from there.
	const jump = `new Promise(done => {
		const v = document.querySelector("video");
		v.currentTime = 13;
		v.addEventListener("timeupdate", () => { if (v.currentTime > 13.2) done(v.currentTime); });
		setTimeout(() => done(-1), 20000);
	})`
	if at, err := chromedp.Run(ctx, chromedp.Evaluate[float64](jump, chromedp.EvalAwaitPromise)); err != nil || at < 13.2 {
		t.Errorf("after a jump to 13 s the video is at %v s, %v", at, err)
	}
	shoot(t, ctx)
}

// shoot keeps screenshots of the page, light and dark, for people to look at: go test -artifacts keeps them.
func shoot(t *testing.T, ctx context.Context) {
	t.Helper()
	for _, scheme := range []string{"light", "dark"} {
		media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}
		err := chromedp.Do(ctx, chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
			_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, media)
			return err
		}))
		if err != nil {
			t.Fatal(err)
		}
		png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(t.ArtifactDir(), "demo-"+scheme+".png"), png, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

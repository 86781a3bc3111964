package web

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/chromedp"
)

// A chromium is a real browser with one tab.
type chromium struct {
	*tab
	ctx context.Context
	far *internet
}

func newChromium(t *testing.T, change ...func(*Config)) *chromium {
	return startChromium(t, nil, change...)
}

// startChromium starts one whose user has changed some preferences.
func startChromium(t *testing.T, preferences func(*internet) map[string]any, change ...func(*Config)) *chromium {
	path := findChromium(t)
	b := &chromium{tab: newTab(t, change...)}
	b.browser = b
	b.far = newInternet(t, b.serve)

	// Not t.TempDir: Chromium may write there for a moment after it has been ended.
	profile, err := os.MkdirTemp("", "up2p-chromium-*")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(profile) })
	if preferences != nil {
		data, err := json.Marshal(preferences(b.far))
		if err == nil {
			err = os.Mkdir(filepath.Join(profile, "Default"), 0o700)
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(profile, "Default", "Preferences"), data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	opts := []chromedp.ExecAllocatorOption{chromedp.ExecPath(path), chromedp.UserDataDir(profile), chromedp.Flag("headless", "new"),
		chromedp.Flag("autoplay-policy", "no-user-gesture-required"), chromedp.Flag("host-resolver-rules", "MAP *.example 127.0.0.1"),
		chromedp.Flag("ip-address-space-overrides", b.far.addrs("=public")), chromedp.Flag("ignore-certificate-errors", true)}
	for _, flag := range []string{"no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking",
		"disable-component-update", "disable-sync", "disable-dev-shm-usage", "mute-audio", "disable-popup-blocking"} {
		opts = append(opts, chromedp.Flag(flag, true))
	}
	ctx, stop := chromedp.NewExecAllocator(context.Background(), opts...)
	t.Cleanup(stop)
	b.ctx, stop = chromedp.NewContext(ctx)
	t.Cleanup(stop)
	// The browser lives as long as the context of the first action: no deadline for this one.
	if err := chromedp.Do(b.ctx, chromedp.Navigate("about:blank")); err != nil {
		t.Fatalf("%s does not start: %v", path, err)
	}
	return b
}

// inChromium is an opener.
func inChromium(t *testing.T, change ...func(*Config)) *tab { return newChromium(t, change...).tab }

// findChromium skips the test where there is none; where real programs are required, it fails.
func findChromium(t *testing.T) string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("UP2P_REQUIRE_PEERS") == "1" {
		t.Fatal("no Chromium in PATH, and UP2P_REQUIRE_PEERS=1")
	}
	t.Skip("no Chromium in PATH")
	return ""
}

// navigate implements driver.
func (b *chromium) navigate(ctx context.Context, url string) error {
	ctx, cancel := b.within(ctx)
	defer cancel()
	return chromedp.Do(ctx, chromedp.Navigate(url))
}

// evaluate implements driver.
func (b *chromium) evaluate(ctx context.Context, js string) (string, error) {
	ctx, cancel := b.within(ctx)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[string](js, chromedp.EvalAwaitPromise))
}

// within is the context of the browser, which ends with ctx as well.
func (b *chromium) within(ctx context.Context) (context.Context, context.CancelFunc) {
	within, cancel := context.WithCancelCause(b.ctx)
	stop := context.AfterFunc(ctx, func() { cancel(context.Cause(ctx)) })
	return within, func() { stop(); cancel(nil) }
}

// internet implements driver.
func (b *chromium) internet() *internet { return b.far }

// allow implements driver.
func (b *chromium) allow(ctx context.Context, origin, setting string) error {
	ctx, cancel := b.within(ctx)
	defer cancel()
	_, err := chromedp.CallBrowser(ctx, browser.SetPermission, browser.SetPermissionParams{
		Permission: &browser.PermissionDescriptor{Name: "loopback-network"}, Setting: browser.PermissionSetting(setting), Origin: origin,
	})
	return err
}

//go:build linux

package swarmtest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// The browser's side of WebTorrent: the library that web pages use, at a version that is known to be good.
const (
	webtorrentPackage = "webtorrent@3.0.21"
	webtorrentScript  = "package/dist/webtorrent.min.js"
	webtorrentSHA256  = "db4dca98cd135c732eeffdede3cf5f8febd0585a0eba4dc4d1effa1b901f4c3d"
)

// webtorrentVariable names a copy of the library that is there already.
const webtorrentVariable = "UP2P_WEBTORRENT_JS"

// webtorrentBundle returns the path of the library's bundle, which npm fetches: one archive without dependencies, of which nothing
// is run outside of the browser.
func webtorrentBundle(t *testing.T) string {
	t.Helper()
	if p := os.Getenv(webtorrentVariable); p != "" {
		return p
	}
	npm, dir := lookPath(t, "npm"), t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, npm, "pack", "--loglevel", "error", "--ignore-scripts", webtorrentPackage)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		missing(t, fmt.Sprintf("the npm package %s (%v: %s)", webtorrentPackage, err, excerpt(bytes.TrimSpace(out), 300)))
	}
	archives, err := filepath.Glob(filepath.Join(dir, "*.tgz"))
	if err != nil || len(archives) != 1 {
		t.Fatalf("npm pack left %v, %v", archives, err)
	}
	bundle := filepath.Join(dir, path.Base(webtorrentScript))
	if err := unpack(archives[0], webtorrentScript, bundle); err != nil {
		t.Fatal(err)
	}
	if got := sumFile(t, bundle); got != webtorrentSHA256 {
		t.Fatalf("%s of %s has the SHA-256 %s, want %s", webtorrentScript, webtorrentPackage, got, webtorrentSHA256)
	}
	return bundle
}

// unpack writes one member of a tar.gz into a file.
func unpack(archive, member, to string) error {
	f, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return fmt.Errorf("%s: %w", archive, err)
	}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err != nil {
			return fmt.Errorf("%s: looking for %s: %w", archive, member, err)
		}
		if h.Name != member {
			continue
		}
		out, err := os.Create(to)
		if err != nil {
			return err
		}
		_, err = io.Copy(out, r)
		return errors.Join(err, out.Close())
	}
}

// chromium finds the browser.
func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if p, err := exec.LookPath(name); err == nil {
			return p
		}
	}
	missing(t, "Chromium")
	return ""
}

// openPage opens the page in a Chromium of its own, which ends with the test.
func openPage(t *testing.T, url string) (page context.Context) {
	t.Helper()
	dir := t.TempDir()
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(chromium(t)),
		chromedp.UserDataDir(filepath.Join(dir, "profile")),
		chromedp.Env("TMPDIR="+dir, "HOME="+dir),
		chromedp.Flag("disable-gpu", true),
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		// Candidates with addresses instead of names that are resolved by multicast.
		chromedp.Flag("disable-features", "Translate"),
		chromedp.NoSandbox, // root, in one user namespace or the other
	)
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), opts...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx, chromedp.Navigate(url)); err != nil {
		t.Fatal(err)
	}
	return ctx
}

// A webSeeder is a page in Chromium that seeds a file.
type webSeeder struct {
	t    *testing.T
	page context.Context
}

// openWebSeeder starts Chromium and opens the page, which then does nothing yet. The browser ends with the test.
func openWebSeeder(t *testing.T, f *fixture) *webSeeder {
	t.Helper()
	bundle := webtorrentBundle(t)
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, "rig/webtorrent_seeder.html") })
	mux.HandleFunc("/webtorrent.min.js", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, bundle) })
	mux.HandleFunc("/content", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, filepath.Join(f.dir, f.name)) })
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)

	ctx := openPage(t, srv.URL)
	if _, err := chromedp.Run(ctx, chromedp.Poll[bool]("window.ready", chromedp.WithPollingTimeout(30*time.Second))); err != nil {
		t.Fatal(err)
	}
	return &webSeeder{t, ctx}
}

// seed makes the page a seeder of f that announces itself to the tracker. It returns once the page has hashed the file.
func (s *webSeeder) seed(f *fixture, announce string) {
	s.t.Helper()
	js := fmt.Sprintf("seed(%q, %d, %q)", f.name, f.piece, announce)
	hash, err := chromedp.Run(s.page, chromedp.Evaluate[string](js, chromedp.EvalAwaitPromise))
	if err != nil {
		s.t.Fatal(err)
	}
	if hash != f.hash {
		s.t.Fatalf("the page seeds %s, want %s", hash, f.hash)
	}
}

// check makes sure that the whole file came from the page, and over WebRTC.
func (s *webSeeder) check(f *fixture) {
	s.t.Helper()
	type stats struct {
		Uploaded int64 // payload bytes
		Wires    []struct {
			Type     string
			Uploaded int64
		}
	}
	st, err := chromedp.Run(s.page, chromedp.Evaluate[stats]("stats()"))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Logf("the page: %+v", st)
	if st.Uploaded < f.size {
		s.t.Errorf("the page sent %d bytes, want %d", st.Uploaded, f.size)
	}
	if len(st.Wires) == 0 {
		s.t.Error("the page knows no peer")
	}
	for _, w := range st.Wires {
		if w.Type != "webrtc" {
			s.t.Errorf("the page has a peer by %s", w.Type)
		}
	}
}

//go:build linux

package swarmtest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"
)

// A fetch is one GET: what was asked and how it went.
type fetch struct {
	URL   string
	Range string // "bytes=0-9", or empty
	Dest  string // Sec-Fetch-Dest: what the bytes are for, or empty

	Status int
	Header http.Header
	N      int64         // bytes of the body that arrived
	SHA256 string        // of those
	First  time.Duration // until the first byte of the body
	Gap    time.Duration // the longest wait between two bytes after the first
	Took   time.Duration
}

// browser is how Chromium asks for something in a page of another site.
func browser(r *http.Request, dest string) {
	r.Header.Set("Sec-Fetch-Dest", dest)
	r.Header.Set("Sec-Fetch-Mode", "no-cors")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	if dest == "document" {
		r.Header.Set("Sec-Fetch-Mode", "navigate")
	}
}

// open sends the request and returns the answer, whose body the caller closes.
func (f *fetch) open(ctx context.Context) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.URL, nil)
	if err != nil {
		return nil, err
	}
	if f.Range != "" {
		req.Header.Set("Range", f.Range)
	}
	if f.Dest != "" {
		browser(req, f.Dest)
	}
	return fetcher.Do(req)
}

// fetcher opens a connection for each request, as a bench does not want to know about the pool of another.
var fetcher = &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DisableCompression: true}}

// do reads the whole answer into w (nil for nowhere) besides measuring it.
func (f *fetch) do(ctx context.Context, w io.Writer) error {
	start := time.Now()
	defer func() { f.Took = time.Since(start) }()
	resp, err := f.open(ctx)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	f.Status, f.Header = resp.StatusCode, resp.Header
	if w == nil || f.Status/100 != 2 {
		w = io.Discard
	}
	h := sha256.New()
	defer func() { f.SHA256 = hex.EncodeToString(h.Sum(nil)) }()
	buf := make([]byte, 256*kib)
	last := start
	for {
		n, err := resp.Body.Read(buf)
		if n > 0 {
			now := time.Now()
			if f.N == 0 {
				f.First = now.Sub(start)
			} else {
				f.Gap = max(f.Gap, now.Sub(last))
			}
			last = now
			f.N += int64(n)
			h.Write(buf[:n])
			if _, err := w.Write(buf[:n]); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("after %d bytes: %w", f.N, err)
		}
	}
}

// speed is bytes a second after the first byte.
func (f *fetch) speed() float64 {
	return float64(f.N) / max(f.Took-f.First, time.Millisecond).Seconds()
}

func (f *fetch) String() string {
	return fmt.Sprintf("%d, %d bytes, first %v, longest wait %v, %.1f MB/s", f.Status, f.N,
		f.First.Round(time.Millisecond), f.Gap.Round(time.Millisecond), f.speed()/1e6)
}

// get fetches url within patience and fails the test when the transfer breaks.
func get(t *testing.T, url string, patience time.Duration) (*fetch, []byte) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	f := &fetch{URL: url}
	var body body
	if err := f.do(ctx, &body); err != nil {
		t.Fatalf("%s: %v", url, err)
	}
	return f, body
}

type body []byte

func (b *body) Write(p []byte) (int, error) {
	*b = append(*b, p...)
	return len(p), nil
}

// whole fetches the file at url and compares every byte. It fails the test when anything is not right.
func whole(t *testing.T, src *source, url string, patience time.Duration) *fetch {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	f := &fetch{URL: url}
	if err := f.do(ctx, src.checker(0)); err != nil {
		t.Fatalf("%s: %v (%v)", url, err, f)
	}
	if f.Status != http.StatusOK || f.N != src.size {
		t.Fatalf("%s: %v, want %d bytes", url, f, src.size)
	}
	if want := src.sum(0, src.size); f.SHA256 != want {
		t.Fatalf("%s: SHA-256 %s, want %s", url, f.SHA256, want)
	}
	return f
}

// part fetches n bytes from off and compares them. It fails the test when anything is not right.
func part(t *testing.T, src *source, url string, off, n int64, patience time.Duration) *fetch {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	f := &fetch{URL: url, Range: fmt.Sprintf("bytes=%d-%d", off, off+n-1)}
	if err := f.do(ctx, src.checker(off)); err != nil {
		t.Fatalf("%s %s: %v (%v)", url, f.Range, err, f)
	}
	if f.Status != http.StatusPartialContent || f.N != n {
		t.Fatalf("%s %s: %v", url, f.Range, f)
	}
	if want := src.sum(off, n); f.SHA256 != want {
		t.Fatalf("%s %s: SHA-256 %s, want %s", url, f.Range, f.SHA256, want)
	}
	return f
}

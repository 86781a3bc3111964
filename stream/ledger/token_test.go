package ledger

import (
	"bytes"
	"errors"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

func signer(t testing.TB) *Signer {
	t.Helper()
	s, err := OpenSigner(filepath.Join(t.TempDir(), "key"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var tokenSites = []string{
	"https://example.org", "https://example.org:8443", "http://127.0.0.1:43110", "http://127.0.0.1:43110/1Site", "http://[::1]:8080/x",
	"http://abc.onion", "moz-extension://0b3f-11", "https://xn--bcher-kva.example/a-b_c.d", "wss://example.org",
	"https://" + strings.Repeat("a23456789.", 24) + "example/" + strings.Repeat("l", maxLabel),
}

func TestTags(t *testing.T) {
	s := signer(t)
	seen := make(map[string]string)
	for _, name := range tokenSites {
		tag, err := s.Tag(site(t, name))
		if err != nil {
			t.Fatal(err)
		}
		if seen[tag] != "" || url.QueryEscape(tag) != tag || url.PathEscape(tag) != tag || len(tag) > maxToken {
			t.Errorf("%s has the tag %q, as %q", name, tag, seen[tag])
		}
		seen[tag] = name
		if got, err := s.VerifyTag(tag); err != nil || got.String() != name {
			t.Errorf("%q is the tag of %q, %v; want %s", tag, got, err, name)
		}
	}
	if tag, _ := s.Tag(site(t, "https://example.org")); !strings.HasSuffix(tag, "sexample.org") || len(tag) != 16+1+len("example.org") {
		t.Errorf("%q", tag)
	}
}

// TestNoTokens: who has no origin gets nothing, "null" above all.
func TestNoTokens(t *testing.T) {
	s := signer(t)
	for _, site := range []Site{{}, OpenedDirectly(), UnknownSite(), ProgramSite("curl/8")} {
		if tag, err := s.Tag(site); !errors.Is(err, ErrNoOrigin) || tag != "" {
			t.Errorf("%q: %q, %v", site, tag, err)
		}
		if token, err := s.Control(site, time.Now().Add(time.Hour)); !errors.Is(err, ErrNoOrigin) || token != "" {
			t.Errorf("%q: %q, %v", site, token, err)
		}
	}
	for _, origins := range [][]string{nil, {""}, {"null"}, {"file://"}, {"https://a.example", "https://b.example"}, {"https://example.org/path"}, {"nonsense"}} {
		if site, err := OriginSite(http.Header{"Origin": origins}); !errors.Is(err, ErrNoOrigin) || site != (Site{}) {
			t.Errorf("%q: %q, %v", origins, site, err)
		}
	}
	if site, err := OriginSite(http.Header{"Origin": {"https://example.org"}}); err != nil || site.String() != "https://example.org" {
		t.Errorf("%q, %v", site, err)
	}
}

func TestControl(t *testing.T) {
	s := signer(t)
	now := time.Unix(1_800_000_000, 0)
	zero, label := site(t, "http://127.0.0.1:43110"), site(t, "http://127.0.0.1:43110/1Site")
	token := func(site Site) string {
		token, err := s.Control(site, now.Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	tag, _ := s.Tag(zero)
	foreign, _ := signer(t).Control(zero, now.Add(time.Hour))
	for _, c := range []struct {
		name   string
		token  string
		origin Site
		at     time.Time
		site   Site
		err    error
	}{
		{"its own", token(zero), zero, now, zero, nil},
		{"with a label", token(label), zero, now, label, nil},
		{"from a page with a label", token(zero), label, now, zero, nil},
		{"to the last second", token(zero), zero, now.Add(time.Hour - 1), zero, nil},
		{"too old", token(zero), zero, now.Add(time.Hour), Site{}, ErrTokenExpired},
		{"from another site", token(zero), site(t, "http://127.0.0.1:43111"), now, Site{}, ErrTokenSite},
		{"from another site, too old", token(zero), site(t, "https://example.org"), now.Add(2 * time.Hour), Site{}, ErrTokenSite},
		{"without an origin", token(zero), Site{}, now, Site{}, ErrTokenSite},
		{"from nobody knows where", token(zero), UnknownSite(), now, Site{}, ErrTokenSite},
		{"from a program", token(zero), ProgramSite("curl/8"), now, Site{}, ErrTokenSite},
		{"with another key", foreign, zero, now, Site{}, ErrToken},
		{"a tag", tag, zero, now, Site{}, ErrToken},
		{"nothing", "", zero, now, Site{}, ErrToken},
		{"long", strings.Repeat("a", 1<<20), zero, now, Site{}, ErrToken},
		{"later", strings.Replace(token(zero), "~", "0~", 1), zero, now, Site{}, ErrToken},
		{"another label", token(label) + "2", zero, now, Site{}, ErrToken},
		{"in capitals", strings.ToUpper(token(zero)), zero, now, Site{}, ErrToken},
		{"with more behind", token(zero) + "\n", zero, now, Site{}, ErrToken},
	} {
		if got, err := s.VerifyControl(c.token, c.origin, c.at); got != c.site || !errors.Is(err, c.err) {
			t.Errorf("%s: %q, %v; want %q, %v", c.name, got, err, c.site, c.err)
		}
	}
	if _, err := s.VerifyTag(token(zero)); !errors.Is(err, ErrToken) {
		t.Error("a control token is a tag")
	}
}

// No tag and no token is good with any byte of it changed.
func TestForged(t *testing.T) {
	s := signer(t)
	now := time.Now()
	for _, name := range tokenSites {
		home := site(t, name)
		tag, _ := s.Tag(home)
		token, _ := s.Control(home, now.Add(time.Hour))
		for i := range token {
			for _, c := range []byte("aA0-~.") {
				if forged := token[:i] + string(c) + token[i+1:]; forged != token {
					if got, err := s.VerifyControl(forged, home, now); err == nil {
						t.Fatalf("%q is a token of %q, and is not %q", forged, got, token)
					}
				}
				if i < len(tag) {
					if forged := tag[:i] + string(c) + tag[i+1:]; forged != tag {
						if got, err := s.VerifyTag(forged); err == nil {
							t.Fatalf("%q is a tag of %q, and is not %q", forged, got, tag)
						}
					}
				}
			}
		}
	}
}

func TestKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "key")
	s, err := OpenSigner(path)
	if err != nil {
		t.Fatal(err)
	}
	home := site(t, "https://example.org")
	tag, _ := s.Tag(home)
	private := func() {
		t.Helper()
		if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
			t.Fatalf("%v, %v", info.Mode(), err)
		}
	}
	private()
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	again, err := OpenSigner(path)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := again.VerifyTag(tag); err != nil || got != home {
		t.Errorf("after a restart: %q, %v", got, err)
	}
	private()

	if err := s.Rotate(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.VerifyTag(tag); !errors.Is(err, ErrToken) {
		t.Errorf("with a new key: %v", err)
	}
	private()
	if again, err = OpenSigner(path); err != nil {
		t.Fatal(err)
	}
	fresh, _ := s.Tag(home)
	if got, err := again.VerifyTag(fresh); err != nil || got != home {
		t.Errorf("the new key is not in the file: %q, %v", got, err)
	}

	for _, bad := range [][]byte{nil, []byte("abcd\n"), bytes.Repeat([]byte("z"), 64), bytes.Repeat([]byte("0"), 1<<16)} {
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := OpenSigner(path)
		if err != nil {
			t.Errorf("%.10q: %v", bad, err)
			continue
		}
		if _, err := s.VerifyTag(fresh); err == nil {
			t.Errorf("%.10q: the old key holds", bad)
		}
		private()
	}
	if _, err := OpenSigner(t.TempDir()); err == nil {
		t.Error("a folder for a key")
	}
}

// TestRotateFails: a key that is not on the disk is not used.
func TestRotateFails(t *testing.T) {
	s := signer(t)
	home := site(t, "https://example.org")
	tag, _ := s.Tag(home)
	dir := filepath.Dir(s.path)
	if err := errors.Join(os.RemoveAll(dir), os.WriteFile(dir, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	if err := s.Rotate(); err == nil {
		t.Fatal("nobody has noticed")
	}
	if _, err := s.VerifyTag(tag); err != nil {
		t.Error(err)
	}
}

func TestRotateConcurrently(t *testing.T) {
	s := signer(t)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for range 20 {
				tag, err := s.Tag(site(t, "https://example.org"))
				s.VerifyTag(tag)
				if err := errors.Join(err, s.Rotate()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	tag, _ := s.Tag(site(t, "https://example.org"))
	if again, err := OpenSigner(s.path); err != nil {
		t.Error(err)
	} else if _, err := again.VerifyTag(tag); err != nil {
		t.Error("the key in the file is not the last one")
	}
}

func FuzzTokens(f *testing.F) {
	s := signer(f)
	for _, name := range tokenSites {
		tag, _ := s.Tag(site(f, name))
		token, _ := s.Control(site(f, name), time.Unix(1<<40, 0))
		f.Add(tag)
		f.Add(token)
	}
	f.Fuzz(func(t *testing.T, in string) {
		if got, err := s.VerifyTag(in); err == nil {
			if tag, err := s.Tag(got); err != nil || tag != in {
				t.Errorf("%q is a tag of %q, which is %q, %v", in, got, tag, err)
			}
		}
		s.VerifyControl(in, UnknownSite(), time.Unix(0, 0))
		if home, ok := unpackSite(in); ok {
			checkSite(t, home)
			if again, ok := unpackSite(packSite(home)); !ok || again != home {
				t.Errorf("%q becomes %q", home, again)
			}
		}
	})
}

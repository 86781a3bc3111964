package ledger

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// What is wrong with a tag or a token.
var (
	ErrNoOrigin     = errors.New("ledger: only a site with an origin of its own can have a token")
	ErrToken        = errors.New("ledger: this token is not one of ours")
	ErrTokenSite    = errors.New("ledger: this token belongs to another site")
	ErrTokenExpired = errors.New("ledger: this token is too old; ask for a new one")
)

const keySize = 32 // bytes

// A Signer makes tags and control tokens for sites of the web, and tells real ones from others. It remembers none: what is in
// them is authenticated with HMAC-SHA256 (RFC 2104), cut short as that allows.
//
// A tag stands in the URLs that a site uses and says who asks, and no more; whoever finds one can do as if the site asked. It is
//
//	<96 bits of MAC><letter><host>[~<port>][~~<label>]
//
// with the letter s for https and h for http, or x with the whole site in base64url behind it. That is 17 characters
// more than the site has behind its scheme, and nothing in it needs an escape anywhere in a URL.
//
// A control token lets a site change what it asked for. It is sent in a header, good for a time, and only together with
// the Origin that it was made for. It is
//
//	<128 bits of MAC><second of expiry in base 36>~<letter><...>
//
// Its methods are safe for concurrent use.
type Signer struct {
	path   string
	rotate sync.Mutex // who has it writes the file
	key    atomic.Pointer[[]byte]
}

// OpenSigner returns the Signer whose secret key is in a file, which only its user may read. When there is no such file, or no
// key in it, a new key is made. The error is that of the disk.
func OpenSigner(path string) (*Signer, error) {
	s := &Signer{path: path}
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("ledger: secret key: %w", err)
	}
	key, err := hex.DecodeString(strings.TrimSpace(string(data)))
	if err != nil || len(key) != keySize {
		if err := s.Rotate(); err != nil {
			return nil, err
		}
		return s, nil
	}
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o077 != 0 {
		os.Chmod(path, 0o600) // not every file system can; then there is nothing better to do
	}
	s.key.Store(&key)
	return s, nil
}

// Rotate makes a new key, which makes all tags and tokens invalid; their sites have to ask for new ones. It waits for the disk.
// After an error, which is that of the disk, the old key holds.
func (s *Signer) Rotate() error {
	key := make([]byte, keySize)
	rand.Read(key) // never fails
	s.rotate.Lock()
	defer s.rotate.Unlock()
	if err := writeFile(s.path, append(hex.AppendEncode(nil, key), '\n')); err != nil {
		return fmt.Errorf("ledger: secret key: %w", err)
	}
	s.key.Store(&key)
	return nil
}

const (
	tagMAC     = 12 // bytes; in base64 16 characters
	controlMAC = 16 // 22 characters

	maxToken = 1024 // characters that are looked at
)

// Tag returns the tag of a site. [ErrNoOrigin] if it is none of the web; an Origin of "null" is none.
func (s *Signer) Tag(site Site) (string, error) {
	if site.Kind() != Web {
		return "", ErrNoOrigin
	}
	return s.mac("tag", tagMAC, site, "") + packSite(site), nil
}

// VerifyTag returns the site that a tag was made for, or [ErrToken].
func (s *Signer) VerifyTag(tag string) (Site, error) {
	const at = (tagMAC*8 + 5) / 6
	if len(tag) < at || len(tag) > maxToken {
		return Site{}, ErrToken
	}
	site, ok := unpackSite(tag[at:])
	if !ok {
		return Site{}, ErrToken
	}
	want, err := s.Tag(site)
	if err != nil || !equal(want, tag) {
		return Site{}, ErrToken
	}
	return site, nil
}

// Control returns a control token of a site that is good until expiry, to the second. [ErrNoOrigin] if the site is none of the
// web.
func (s *Signer) Control(site Site, expiry time.Time) (string, error) {
	if site.Kind() != Web {
		return "", ErrNoOrigin
	}
	until := strconv.FormatInt(max(expiry.Unix(), 0), 36)
	return s.mac("control", controlMAC, site, until) + until + "~" + packSite(site), nil
}

// VerifyControl returns the site that a control token was made for. origin is the site whose Origin came along with it: the
// token of any other is [ErrTokenSite]. What we did not make is [ErrToken], and what is not good any more [ErrTokenExpired].
func (s *Signer) VerifyControl(token string, origin Site, now time.Time) (Site, error) {
	const at = (controlMAC*8 + 5) / 6
	if len(token) < at || len(token) > maxToken {
		return Site{}, ErrToken
	}
	until, packed, _ := strings.Cut(token[at:], "~")
	second, err := strconv.ParseInt(until, 36, 64)
	site, ok := unpackSite(packed)
	if err != nil || !ok {
		return Site{}, ErrToken
	}
	want, err := s.Control(site, time.Unix(second, 0))
	switch {
	case err != nil || !equal(want, token):
		return Site{}, ErrToken
	case origin.Kind() != Web || site.Origin() != origin.Origin():
		return Site{}, ErrTokenSite
	case now.Unix() >= second:
		return Site{}, ErrTokenExpired
	}
	return site, nil
}

// mac authenticates a site for one purpose. What is signed cannot be read in two ways: no part of it can have a zero byte.
func (s *Signer) mac(kind string, size int, site Site, until string) string {
	h := hmac.New(sha256.New, *s.key.Load())
	io.WriteString(h, "universal-p2p 1\x00"+kind+"\x00"+until+"\x00"+site.name)
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:size])
}

func equal(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// packSite writes a site of the web with what needs no escape in a URL.
func packSite(site Site) string {
	scheme, rest, _ := strings.Cut(site.name, "://")
	letter := map[string]string{"https": "s", "http": "h"}[scheme]
	if letter == "" || strings.Contains(rest, "[") {
		return "x" + base64.RawURLEncoding.EncodeToString([]byte(site.name))
	}
	return letter + strings.ReplaceAll(strings.ReplaceAll(rest, "/", "~~"), ":", "~")
}

// unpackSite reads what packSite writes, and perhaps other spellings: whoever checks the MAC packs again and compares.
func unpackSite(s string) (Site, bool) {
	if s == "" {
		return Site{}, false
	}
	name := strings.ReplaceAll(strings.ReplaceAll(s[1:], "~~", "/"), "~", ":")
	switch s[0] {
	case 's':
		name = "https://" + name
	case 'h':
		name = "http://" + name
	case 'x':
		data, err := base64.RawURLEncoding.DecodeString(s[1:])
		if err != nil {
			return Site{}, false
		}
		name = string(data)
	default:
		return Site{}, false
	}
	site, err := ParseSite(name)
	return site, err == nil && site.Kind() == Web
}

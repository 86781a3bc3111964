package ledger

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// ErrSite is a text that names no site.
var ErrSite = errors.New("ledger: this is not the address of a site; it has to look like https://example.org")

// A Site is who asks, in its one spelling. Sites are comparable; the zero Site is none at all.
//
// A site of the web is an origin (RFC 6454): "https://example.org", "http://127.0.0.1:43110". Host names are lower case and in
// punycode, default ports and a last dot are left out. Behind a slash there may be a label, the name of a site below one origin
// that many sites share: "http://127.0.0.1:43110/1Name". Nobody can prove a label, so that it is for people to read and to tell
// traces apart, and never a right. Those who are no site of the web are "opened directly", "unknown site" and "program <name>".
type Site struct{ name string }

// Kind says what kind of a Site it is.
type Kind uint8

// The kinds of sites.
const (
	None    Kind = iota // the zero Site
	Web                 // a page that said where it is from
	Direct              // the user: the address bar, a bookmark, our own pages
	Unknown             // a page that did not say
	Program             // something that is no browser
)

const (
	directName    = "opened directly"
	unknownName   = "unknown site"
	programPrefix = "program "

	maxURL     = 2048 // bytes of a text that is looked at
	maxScheme  = 32
	maxHost    = 253 // RFC 1035 section 2.3.4, without the root
	maxLabel   = 64
	maxProduct = 32
)

// OpenedDirectly is the site of what the user opened without a page in between.
func OpenedDirectly() Site { return Site{directName} }

// UnknownSite is the one site of all pages that do not say where they are from.
func UnknownSite() Site { return Site{unknownName} }

// ProgramSite is the site of a program that calls itself so in its User-Agent. Only the name of the product is used, and
// cleaned: what is left is at most 32 bytes of letters, digits, spaces and "._+-".
func ProgramSite(userAgent string) Site { return Site{programPrefix + product(userAgent)} }

// ParseSite reads what [Site.String] gives, and any other spelling of an origin with or without a label. Anything else is
// [ErrSite].
func ParseSite(s string) (Site, error) {
	switch {
	case s == directName, s == unknownName:
		return Site{s}, nil
	case strings.HasPrefix(s, programPrefix):
		p := ProgramSite(s[len(programPrefix):])
		if p.name != s {
			return Site{}, ErrSite
		}
		return p, nil
	}
	origin, rest, ok := splitURL(s)
	if !ok {
		return Site{}, ErrSite
	}
	label := strings.TrimSuffix(strings.TrimPrefix(rest, "/"), "/")
	if label == "" {
		return Site{origin}, nil
	}
	if !validLabel(label) {
		return Site{}, ErrSite
	}
	return Site{origin + "/" + label}, nil
}

// siteOfURL is the site that the page at a URL belongs to. On this computer, where one server has many sites, the first element
// of its path is the label, as far as it can be one. The second result is false when the URL is none of the web.
func siteOfURL(u string) (Site, bool) {
	origin, rest, ok := splitURL(u)
	if !ok {
		return Site{}, false
	}
	s := Site{origin}
	if path, isPath := strings.CutPrefix(rest, "/"); isPath && s.Loopback() {
		if i := strings.IndexAny(path, "/?#"); i >= 0 {
			path = path[:i]
		}
		if validLabel(path) {
			s.name += "/" + path
		}
	}
	return s, true
}

// String is the one spelling of s, for people and for [ParseSite].
func (s Site) String() string { return s.name }

// MarshalText implements [encoding.TextMarshaler].
func (s Site) MarshalText() ([]byte, error) { return []byte(s.name), nil }

// UnmarshalText implements [encoding.TextUnmarshaler]. An empty text is the zero Site.
func (s *Site) UnmarshalText(text []byte) (err error) {
	*s = Site{}
	if len(text) > 0 {
		*s, err = ParseSite(string(text))
	}
	return err
}

// Kind says what s is.
func (s Site) Kind() Kind {
	switch {
	case s.name == "":
		return None
	case s.name == directName:
		return Direct
	case s.name == unknownName:
		return Unknown
	case strings.HasPrefix(s.name, programPrefix):
		return Program
	}
	return Web
}

// Origin is s without its label. Limits and rights belong to it, because a label cannot be proved.
func (s Site) Origin() Site {
	origin, _ := s.split()
	return Site{origin}
}

// Label is the name of the site below its origin, or "".
func (s Site) Label() string {
	_, label := s.split()
	return label
}

func (s Site) split() (origin, label string) {
	scheme := strings.Index(s.name, "://")
	if scheme < 0 {
		return s.name, ""
	}
	if i := strings.IndexByte(s.name[scheme+3:], '/'); i >= 0 {
		i += scheme + 3
		return s.name[:i], s.name[i+1:]
	}
	return s.name, ""
}

// WithLabel is the site called label below the origin of s: 1 to 64 letters, digits and "._-". It is an [ErrSite] if s is no
// site of the web or the label is none.
func (s Site) WithLabel(label string) (Site, error) {
	if s.Kind() != Web || !validLabel(label) {
		return Site{}, fmt.Errorf("%w, and its label of 1 to %d letters, digits and ._-", ErrSite, maxLabel)
	}
	return Site{s.Origin().name + "/" + label}, nil
}

// Host is the host name or address of a site of the web, without a port, or "".
func (s Site) Host() string {
	_, host, ok := strings.Cut(s.Origin().name, "://")
	if !ok {
		return ""
	}
	if i := strings.LastIndexByte(host, ':'); i >= 0 && host[len(host)-1] != ']' {
		host = host[:i]
	}
	return host
}

// domain is the host of a site when that is a name in the DNS or an overlay network, and "" for an address, and for this computer.
func (s Site) domain() string {
	host := s.Host()
	if s.Loopback() || strings.HasPrefix(host, "[") {
		return ""
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return ""
	}
	return host
}

// Loopback reports whether the page comes from this computer.
func (s Site) Loopback() bool {
	host := s.Host()
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true // RFC 6761 section 6.3
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && addr.Unmap().IsLoopback()
}

// Overlay is the network of a site whose visitors mean to hide, "i2p" or "onion", and "" for all others.
func (s Site) Overlay() string {
	host := s.Host()
	for _, name := range []string{"i2p", "onion"} {
		if strings.HasSuffix(host, "."+name) {
			return name
		}
	}
	return ""
}

// splitURL cuts a URL behind its origin, which it normalises. It looks at a bounded part of hostile input only.
func splitURL(s string) (origin, rest string, ok bool) {
	if len(s) > maxURL {
		s = s[:maxURL] // the origin is at the front, if it is there at all
	}
	scheme, s, ok := strings.Cut(s, "://")
	if !ok {
		return "", "", false
	}
	scheme = strings.ToLower(scheme)
	if !validScheme(scheme) {
		return "", "", false
	}
	authority := s
	if i := strings.IndexAny(s, `/?#\`); i >= 0 {
		authority, rest = s[:i], s[i:]
	}
	host, port, ok := splitPort(authority, scheme)
	if !ok {
		return "", "", false
	}
	if host, ok = normalHost(host); !ok {
		return "", "", false
	}
	return scheme + "://" + host + port, rest, true
}

// splitPort cuts the port off and writes it as it belongs behind the host: ":8080", or nothing for the default one.
func splitPort(authority, scheme string) (host, port string, ok bool) {
	i := strings.LastIndexByte(authority, ':')
	if i < 0 || strings.HasSuffix(authority, "]") {
		return authority, "", true
	}
	host, port = authority[:i], authority[i+1:]
	if port == "" {
		return host, "", true
	}
	if len(port) > 5 || strings.Trim(port, "0123456789") != "" {
		return "", "", false
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return "", "", false
	}
	switch {
	case n == 80 && (scheme == "http" || scheme == "ws"), n == 443 && (scheme == "https" || scheme == "wss"):
		return host, "", true
	}
	return host, ":" + strconv.FormatUint(n, 10), true
}

func normalHost(host string) (string, bool) {
	if strings.HasPrefix(host, "[") {
		addr, err := netip.ParseAddr(strings.TrimSuffix(host[1:], "]"))
		if err != nil || !addr.Is6() || addr.Zone() != "" || !strings.HasSuffix(host, "]") {
			return "", false
		}
		return "[" + addr.String() + "]", true
	}
	if len(host) > 4*maxHost {
		return "", false
	}
	if !utf8.ValidString(host) {
		return "", false
	}
	if !isASCII(host) {
		var err error
		if host, err = idna.Lookup.ToASCII(host); err != nil {
			return "", false
		}
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".") // "example.org." is a spelling of its own to browsers, and the same site
	return host, validHost(host)
}

func validHost(host string) bool {
	if host == "" || len(host) > maxHost {
		return false
	}
	start := 0
	for i := 0; i <= len(host); i++ {
		if i == len(host) || host[i] == '.' {
			if n := i - start; n == 0 || n > 63 {
				return false
			}
			start = i + 1
			continue
		}
		if c := host[i]; !isLetter(c) && !isDigit(c) && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

// validScheme takes what RFC 3986 does. Pages of browser extensions have schemes of their own.
func validScheme(s string) bool {
	if s == "" || len(s) > maxScheme || !isLetter(s[0]) || s == "file" || s == "blob" || s == "data" {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !isLetter(c) && !isDigit(c) && c != '+' && c != '-' && c != '.' {
			return false
		}
	}
	return true
}

func validLabel(s string) bool {
	if s == "" || len(s) > maxLabel || s == "." || s == ".." {
		return false
	}
	for i := range len(s) {
		if c := s[i] | 0x20; !isLetter(c) && !isDigit(s[i]) && s[i] != '.' && s[i] != '_' && s[i] != '-' {
			return false
		}
	}
	return true
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

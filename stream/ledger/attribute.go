package ledger

import (
	"net/http"
	"slices"
	"strings"
)

// Evidence is what a request was attributed by.
type Evidence uint8

// The kinds of evidence, from the strongest on. A page can forge none of the first two, and of a Referer only the path.
const (
	ByTag     Evidence = iota + 1 // a tag of ours in the URL
	ByOrigin                      // the Origin header
	ByReferer                     // the origin of the Referer
	ByFetch                       // what Sec-Fetch-Site says of who is behind a request without either
	ByAgent                       // the User-Agent
)

// Who is who asked, and how we know.
type Who struct {
	Site Site
	By   Evidence
}

// Clues are what is known of a request beside its headers.
type Clues struct {
	Tagged Site   // of a verified tag in its URL; the zero Site if there was none
	Own    []Site // our own origins: what they ask for, the user has opened
}

// Attribute finds out who asks, out of the headers of a request. It is a pure function, its cost is bounded whatever the headers
// say, and its result can always be noted.
//
// The order is: a tag, Origin, Referer, and then what Sec-Fetch-Site says. Pages on https that embed with a plain <video> or <img> send
// neither Origin nor Referer to http://127.0.0.1, which is a downgrade to browsers; they are the unknown site until they write
// crossorigin="anonymous", referrerpolicy="origin" or a tag. A page cannot keep its browser from sending Sec-Fetch-Site
// (https://www.w3.org/TR/fetch-metadata/), so that it can never pass for a program.
func Attribute(h http.Header, c Clues) Who {
	if c.Tagged.Kind() != None {
		return Who{c.Tagged, ByTag}
	}
	if s, err := OriginSite(h); err == nil {
		return c.web(s, h, ByOrigin)
	}
	if referer, ok := single(h, "Referer"); ok {
		if s, ok := siteOfURL(referer); ok {
			return c.web(s, h, ByReferer)
		}
	}
	switch fetch := h.Get("Sec-Fetch-Site"); fetch {
	case "none", "same-origin": // the address bar; a page of ours, which tells no Referer
		return Who{OpenedDirectly(), ByFetch}
	case "":
	default:
		return Who{UnknownSite(), ByFetch}
	}
	agent := h.Get("User-Agent")
	if len(h["Origin"]) > 0 || isBrowser(agent) {
		return Who{UnknownSite(), ByAgent}
	}
	return Who{ProgramSite(agent), ByAgent}
}

// OriginSite is the site that the Origin header names, without a label; [ErrNoOrigin] when there is none, or "null", or more than
// one. A page cannot change this header, so that it is what a token may be made for and has to come with.
func OriginSite(h http.Header) (Site, error) {
	if origin, ok := single(h, "Origin"); ok {
		if s, rest, ok := splitURL(origin); ok && rest == "" {
			return Site{s}, nil
		}
	}
	return Site{}, ErrNoOrigin
}

// web is a page that said where it is from. If only its Referer can tell which of the sites of an origin it is, that is taken.
func (c Clues) web(s Site, h http.Header, by Evidence) Who {
	if slices.Contains(c.Own, s.Origin()) {
		return Who{OpenedDirectly(), by}
	}
	if by == ByOrigin && s.Loopback() {
		if referer, ok := single(h, "Referer"); ok {
			if r, ok := siteOfURL(referer); ok && r.Origin() == s {
				s = r
			}
		}
	}
	return Who{s, by}
}

// single is the value of a field that no browser sends twice.
func single(h http.Header, key string) (string, bool) {
	v := h[key]
	if len(v) != 1 || v[0] == "" || v[0] == "null" {
		return "", false
	}
	return v[0], true
}

// isBrowser reports whether a web page may be behind a User-Agent. Safari fetches media with AppleCoreMedia.
func isBrowser(agent string) bool {
	for _, prefix := range []string{"Mozilla/", "Opera/", "AppleCoreMedia/"} {
		if strings.HasPrefix(agent, prefix) {
			return true
		}
	}
	return false
}

// product is the name at the front of a User-Agent (RFC 9110 section 10.1.5), without its version.
func product(agent string) string {
	if len(agent) > 4*maxProduct {
		agent = agent[:4*maxProduct]
	}
	if i := strings.IndexAny(agent, "/(;,"); i >= 0 {
		agent = agent[:i]
	}
	var words []string
	for word := range strings.FieldsSeq(agent) {
		word = strings.Map(func(c rune) rune {
			switch {
			case c >= 0x80:
				return -1
			case isLetter(byte(c) | 0x20), isDigit(byte(c)), strings.ContainsRune("._+-", c):
				return c
			}
			return -1
		}, word)
		if word == "" {
			continue
		}
		if len(words) > 0 && isDigit(word[0]) {
			break // "MPlayer 1.5"
		}
		words = append(words, word)
	}
	name := strings.Join(words, " ")
	if len(name) > maxProduct {
		name = strings.TrimSpace(name[:maxProduct])
	}
	if name == "" {
		return "without a name"
	}
	return name
}

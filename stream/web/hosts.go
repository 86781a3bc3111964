package web

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// The origins. Content is at home on 127.0.0.1 and our own pages on localhost: to a browser they are different sites with
// connections of their own, so that what a page fetches cannot keep the interface from loading, and no content is of the
// interface's origin. A root can be a site by itself (website.go), and its host has nothing else of ours.
const (
	contentHost   = "127.0.0.1"
	interfaceHost = "localhost"
)

// ownName returns the name in a Host header in lower case, if it has our port.
func ownName(host, port string) (name string, ok bool) {
	host = strings.ToLower(host)
	name, ok = strings.CutSuffix(host, ":"+port)
	if !ok && port == "80" {
		name, ok = host, true // the one port that browsers leave out
	}
	return name, ok && port != ""
}

// isOurs reports whether a Host header means us. A page from elsewhere whose name was made to point at 127.0.0.1 (DNS
// rebinding) brings its own name here, and no other header tells it from a page of ours.
func isOurs(host, port string) bool {
	name, ok := ownName(host, port)
	return ok && (name == contentHost || name == interfaceHost || name == "[::1]")
}

// sendHome answers GET and HEAD of what is at home on another host than the request names, and reports whether it did. Browsers
// do not keep the redirect: another program may have the port tomorrow. Any page may follow one to content. Where it leads to
// is at home there, so that there never is a second one.
//
// A tag goes along with content that a page shows, or the page would not be known behind the redirect, where a browser
// says "null" for its origin. It does not into an address bar, from where people save and share addresses.
func (h *Handler) sendHome(w http.ResponseWriter, r *http.Request, home string) bool {
	name, _ := ownName(r.Host, h.port)
	if name == home || r.Method != http.MethodGet && r.Method != http.MethodHead || !strings.HasPrefix(r.URL.Path, "/") {
		return false
	}
	if home == contentHost {
		crossOrigin(w.Header())
	}
	redirect(w, r, "http://"+home+":"+h.port+r.URL.EscapedPath(), home == contentHost)
	return true
}

// redirect sends a client to an address without a query, and the query of the request along with it.
func redirect(w http.ResponseWriter, r *http.Request, to string, isContent bool) {
	query := r.URL.RawQuery
	if !isContent || r.Header.Get("Sec-Fetch-Mode") == "navigate" {
		query = withoutTag(query)
	}
	if query != "" {
		to += "?" + query
	}
	header := w.Header()
	header.Set("Location", to)
	header.Set("Cache-Control", "no-store")
	header.Set("Referrer-Policy", "no-referrer")
	w.WriteHeader(http.StatusTemporaryRedirect)
}

// withoutTag takes the tag out of a query and leaves the rest as it is.
func withoutTag(query string) string {
	parts := strings.Split(query, "&")
	return strings.Join(slices.DeleteFunc(parts, func(p string) bool {
		key, _, _ := strings.Cut(p, "=")
		key, err := url.QueryUnescape(key)
		return err == nil && key == tagKey
	}), "&")
}

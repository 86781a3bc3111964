package web

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"
)

// actsOnPage reports whether the content is asked for as something that acts: code, styles, plug-ins. We serve media to be
// seen and heard, not code to be run, whoever it comes from. Sec-Fetch-Dest cannot be set by a page
// (https://www.w3.org/TR/fetch-metadata/); who sends none, such as an old browser, finds nosniff and types that do not run.
func actsOnPage(header http.Header) bool {
	switch header.Get("Sec-Fetch-Dest") {
	case "script", "style", "worker", "sharedworker", "serviceworker", "audioworklet", "paintworklet", "manifest", "xslt",
		"embed", "object":
		return true
	}
	return header.Get("Service-Worker") == "script"
}

// forPlayer reports whether a media element of a web page asks.
func forPlayer(header http.Header) bool {
	dest := header.Get("Sec-Fetch-Dest")
	return dest == "video" || dest == "audio"
}

// authorized decides who may use the control API: whoever has the bearer token, and our own page with a session (login.go). Pages
// on other ports of the same host are same-site with us, so that same-site is not enough, and no cookie could tell them apart.
func (h *Handler) authorized(r *http.Request) error {
	origin := "http://localhost:" + h.port
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && (site != "same-origin" || !strings.EqualFold("http://"+r.Host, origin)) {
		return errOrigin
	}
	if o, ok := r.Header["Origin"]; ok && (len(o) != 1 || o[0] != origin) {
		return errOrigin
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	sum := sha256.Sum256([]byte(token))
	isOwn := h.cfg.Token != "" && subtle.ConstantTimeCompare(sum[:], h.token[:]) == 1
	if !strings.EqualFold(scheme, "Bearer") || !isOwn && !h.loggedIn(r, token) {
		return errToken
	}
	return nil
}

// preflight answers the question of a browser whether a page may send a Range header
// (https://fetch.spec.whatwg.org/#cors-preflight-fetch).
func preflight(header http.Header) {
	crossOrigin(header)
	header.Set("Allow", allowed)
	header.Set("Access-Control-Allow-Methods", "GET, HEAD")
	header.Set("Access-Control-Allow-Headers", "Range, If-Range, If-None-Match")
	header.Set("Access-Control-Max-Age", "600")
}

const allowed = "GET, HEAD, OPTIONS" // methods of content

package web

import (
	"errors"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/zeronetscript/universal_p2p/stream"
	"github.com/zeronetscript/universal_p2p/stream/ledger"
)

// A website is a root with a host, and so an origin, of its own: http://<root>.<protocol>.localhost:<port>/<path>. There the files
// of the root are what a web server would make of them, so that whole sites work that lie in a torrent; and browsers have six
// connections more for each such host, so that a gallery of many roots loads all at once. Browsers find *.localhost on this computer
// (RFC 6761, section 6.3).
//
// Nothing of ours is on that host, and what acts there cannot get out: [Handler.policy].
type website struct {
	origin   ledger.Site
	protocol Protocol
	prefix   string // "/name/version/stream/root"
}

// maxRootLabels is how many labels of a host name a root may be cut into: one has 63 characters at most (RFC 1035, section
// 2.3.4), and a v2 infohash 64.
const maxRootLabels = 2

// website returns the website that a Host header names.
func (h *Handler) website(host string) (*website, bool) {
	name, ok := ownName(host, h.port)
	if !ok {
		return nil, false
	}
	name, ok = strings.CutSuffix(name, "."+interfaceHost)
	if !ok {
		return nil, false
	}
	labels := strings.Split(name, ".")
	n := len(labels) - 1
	if n < 1 || n > maxRootLabels {
		return nil, false
	}
	for _, label := range labels[:n] {
		if len(label) == 0 || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
			return nil, false
		}
	}
	for _, p := range h.cfg.Protocols {
		if _, native := p.Backend.(Native); native || p.Name != labels[n] { // [Handler.nativeAddress] has seen that host
			continue
		}
		origin, err := ledger.ParseSite("http://" + strings.Join(labels, ".") + "." + interfaceHost + ":" + h.port)
		if err != nil {
			return nil, false
		}
		return &website{origin, p, "/" + p.Name + "/" + p.Version + "/stream/" + strings.Join(labels[:n], "")}, true
	}
	return nil, false
}

// policy lets the pages of a website act as those of any other, but only among themselves and with content from here. Everything else has none. A
// browser lets pages of this computer talk to everything on it and around it without a question
// (https://wicg.github.io/local-network-access/); one that came out of a torrent must not.
func (h *Handler) policy(on *website) string {
	if on == nil {
		return ""
	}
	content := " http://" + contentHost + ":" + h.port
	return "default-src 'self' data: blob:; script-src 'self' 'unsafe-inline' 'unsafe-eval' 'wasm-unsafe-eval' blob:; style-src 'self' 'unsafe-inline' data:; " +
		"img-src 'self' data: blob:" + content + "; media-src 'self' data: blob:" + content + "; connect-src 'self' data: blob:" + content + "; " +
		"object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
}

// actsOutside reports whether a website's content is asked for as something that acts, by a page that is not its own; or as what
// would outlive its pages.
func actsOutside(header http.Header) bool {
	switch header.Get("Sec-Fetch-Dest") {
	case "serviceworker", "embed", "object":
		return true
	}
	return header.Get("Service-Worker") == "script" || actsOnPage(header) && header.Get("Sec-Fetch-Site") != "same-origin"
}

// serveWebsite answers a request on the host of a website.
func (h *Handler) serveWebsite(w http.ResponseWriter, r *http.Request, site *website) {
	h.isolate(w.Header(), r, site)
	if !h.readOnly(w, r, actsOutside(r.Header)) {
		return
	}
	req, err := stream.ParsePath(site.prefix + r.URL.EscapedPath())
	if err != nil {
		h.fail(w, r, err)
		return
	}
	h.serve(w, r, req, site)
}

// isolate sets the header fields of everything on the host of a website.
func (h *Handler) isolate(header http.Header, r *http.Request, site *website) {
	header.Set("Origin-Agent-Cluster", "?1") // document.domain cannot join two of them
	// A script reaches into every document of its origin, so that none may be without the policy: a picture and an error have it
	// too. What net/http refuses by itself has nothing of ours, and therefore cannot be framed by a page or be opened by it.
	header.Set("Content-Security-Policy", h.policy(site))
	header.Set("Cross-Origin-Embedder-Policy", "require-corp")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	// Of all web sites together: one could know a visitor of another by it. Hosts of other names have their own ways with cookies.
	if name, ours := ownName(r.Host, h.port); ours && strings.HasSuffix(name, "."+interfaceHost) && r.Header.Get("Cookie") != "" {
		header.Set("Clear-Site-Data", `"cookies"`)
		expireCookies(header, r)
	}
}

// pageAt returns the path of the file that a website has at a path: in a folder its index. A folder without a slash behind it has to
// get one first, or the links in its index would lead beside it: then moved is where it is.
func pageAt(v *visit, tree stream.Tree, r *http.Request, name string) (file, moved string, err error) {
	if isBare(tree) {
		return name, "", nil
	}
	isFolder := name == "" || strings.HasSuffix(r.URL.Path, "/")
	if !isFolder {
		_, _, err = tree.Lookup(v.ctx, name)
		if !errors.Is(err, fs.ErrNotExist) {
			return name, "", err
		}
	}
	for _, index := range []string{"index.html", "index.htm"} {
		at := path.Join(name, index)
		if _, _, err := tree.Lookup(v.ctx, at); err != nil {
			continue
		}
		if isFolder {
			return at, "", nil
		}
		return "", (&url.URL{Path: "./" + path.Base(name) + "/"}).EscapedPath(), nil
	}
	return name, "", nil
}

// websiteType is the type that a file of a website has: code is code there.
func websiteType(name string) contentType {
	switch ext := extension(name); ext {
	case "js", "mjs":
		return contentType{"text/javascript; charset=utf-8", document}
	case "css":
		return contentType{"text/css; charset=utf-8", document}
	case "xhtml", "xht":
		return contentType{"application/xhtml+xml", document}
	case "xml", "xsl", "xslt", "rss", "atom":
		return contentType{"application/xml", document}
	case "wasm":
		return contentType{"application/wasm", document}
	case "webmanifest":
		return contentType{"application/manifest+json", document}
	}
	return typeOf(name)
}

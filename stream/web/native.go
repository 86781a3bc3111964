package web

import (
	"math"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/zeronetscript/universal_p2p/stream"
	"github.com/zeronetscript/universal_p2p/stream/ledger"
)

// A Native is a Backend whose network has addresses of its own, which other programs know and make: IPFS has /ipfs/<cid>/<path> and
// http://<cid>.ipfs.localhost/<path> (https://specs.ipfs.tech/http-gateways/). They begin with the name of the protocol, and have
// a root where ours have the version. What they mean is for the Backend to say; who may ask, for whom, with which limits, and what
// the answer may do in a browser is decided here, as for every other request. Its methods are safe for concurrent use.
type Native interface {
	stream.Backend
	// NativeRoot returns the one spelling of the root that a name stands for: an element of a path, or what is before the name
	// of the protocol in a host. It asks nobody. ok is false for what can be no root.
	NativeRoot(name string) (id string, ok bool)
	// NativeHost reports whether the user wants requests answered that come for a host which is none of ours, as from a proxy
	// on this computer: a name in lower case, without a port.
	NativeHost(host string) bool
	// ServeNative answers a GET, HEAD or OPTIONS that is for it by its path or its Host, which is in lower case; it may change the
	// request. Before it sends anything out of a root it calls found, and when that is an error it sends nothing and returns
	// it. Another error says that there is no answer yet, or that it must be cut off. It blocks until the answer is complete or
	// the request's context is done.
	ServeNative(w http.ResponseWriter, r *http.Request, found func(protocol, root, path string) error) error
}

// An address is one of a network's own, as a request has it.
type address struct {
	protocol Protocol
	native   Native   // nil when the protocol does not work
	root     string   // in its one spelling; as it came when it is none
	path     string   // as it came
	site     *website // on whose host it is; nil where all roots share one
	foreign  bool     // the host is none of ours
}

// nativeAddress returns what of a network's own a request asks for: by its path on our hosts, or else by its host.
func (h *Handler) nativeAddress(r *http.Request) (a address, ok bool) {
	name, ours := ownName(r.Host, h.port)
	if ours && isOurs(r.Host, h.port) {
		return h.addressIn(r.URL.EscapedPath())
	}
	if label, ok := strings.CutSuffix(name, "."+interfaceHost); ours && ok {
		return h.addressOn(label, r)
	}
	name = strings.ToLower(r.Host)
	if host, _, err := net.SplitHostPort(name); err == nil {
		name = host
	}
	for _, p := range h.cfg.Protocols {
		native, ok := p.Backend.(Native)
		if !ok || !native.NativeHost(name) {
			continue
		}
		if a, ok = h.addressIn(r.URL.EscapedPath()); !ok {
			a = address{protocol: p, native: native, root: name, path: r.URL.Path, site: h.nativeSite(name, p)}
			if id, ok := native.NativeRoot(name); ok {
				a.root = id
			}
		}
		a.foreign = true
		return a, true
	}
	return address{}, false
}

// addressIn is nativeAddress for the path of a URL.
func (h *Handler) addressIn(escaped string) (a address, ok bool) {
	elems := strings.SplitN(strings.TrimPrefix(escaped, "/"), "/", 3)
	if len(elems) < 2 {
		return a, false
	}
	root, err := url.PathUnescape(elems[1])
	if err != nil || strings.Contains(root, "/") { // a gateway would take it for a root and a path
		return a, false
	}
	for _, p := range h.cfg.Protocols {
		if p.Name != elems[0] {
			continue
		}
		native, ok := p.Backend.(Native)
		switch {
		case p.Version == root:
			return address{}, false
		case ok || p.Backend == nil: // nobody knows whether that would be one
			a = address{protocol: p, native: native, root: root}
		}
	}
	if a.protocol.Name == "" {
		return a, false
	}
	if a.native != nil {
		if id, ok := a.native.NativeRoot(root); ok {
			a.root = id
		}
	}
	if len(elems) > 2 {
		a.path = elems[2]
	}
	return a, true
}

// addressOn is nativeAddress for a host of ours that begins with label: <root>.<protocol>.
func (h *Handler) addressOn(label string, r *http.Request) (a address, ok bool) {
	dot := strings.LastIndexByte(label, '.')
	if dot < 0 {
		return a, false
	}
	for _, p := range h.cfg.Protocols {
		native, ok := p.Backend.(Native)
		if !ok || p.Name != label[dot+1:] {
			continue
		}
		if id, ok := native.NativeRoot(label[:dot]); ok {
			return address{protocol: p, native: native, root: id, path: r.URL.Path, site: h.nativeSite(label+"."+interfaceHost, p)}, true
		}
	}
	return a, false
}

// nativeSite is the site that has a host for itself. A name that is too long for one is nobody's origin: no browser gets there.
func (h *Handler) nativeSite(host string, p Protocol) *website {
	origin, err := ledger.ParseSite("http://" + host + ":" + h.port)
	if err != nil {
		origin = ledger.UnknownSite()
	}
	return &website{origin: origin, protocol: p}
}

// serveAddress answers a request for an address of a network's own.
func (h *Handler) serveAddress(w http.ResponseWriter, r *http.Request, a address) {
	acts := actsOnPage(r.Header)
	if a.site != nil {
		h.isolate(w.Header(), r, a.site)
		acts = actsOutside(r.Header)
	}
	if a.native == nil {
		h.fail(w, r, brokenProtocol{a.protocol.Err})
		return
	}
	r = h.nativeRequest(r, a)
	if r.Method == http.MethodOptions {
		out := &nativeWriter{h: h, w: w, r: r, site: a.site, header: make(http.Header)}
		if err := a.native.ServeNative(out, r, func(_, _, _ string) error { return nil }); err != nil {
			h.fail(w, r, err)
		}
		return
	}
	if !h.readOnly(w, r, acts) {
		return
	}
	if h.pause.on() {
		h.fail(w, r, errPaused)
		return
	}
	req := stream.Request{Protocol: a.protocol.Name, Version: a.protocol.Version, Command: "native", Root: a.root, Path: a.path}
	v := &visit{clock: newClock(r.Context(), h.patience(r.Header, req)), protocol: req.Protocol + "/" + req.Version, website: a.site}
	defer v.stop()
	defer h.pause.enter(v.cancel)()
	if err := h.inTurn(v, w, r, a.native, req, h.serveNative); err != nil {
		h.fail(w, r, v.why(err))
	}
}

// nativeRequest is a request as a network's own gateway gets it: it is the gateway's to change, and says nothing that our own rules
// would have to know about. Only a proxy in front may speak for another host.
func (h *Handler) nativeRequest(r *http.Request, a address) *http.Request {
	r = r.Clone(r.Context())
	r.Host = strings.ToLower(r.Host)
	if !a.foreign {
		r.Header.Del("X-Forwarded-Host")
	}
	if r.Header.Get("Sec-Fetch-Mode") == "navigate" {
		r.URL.RawQuery = withoutTag(r.URL.RawQuery) // it may lead to where people copy addresses from
	}
	if forPlayer(r.Header) {
		shorten(r.Header)
	}
	return r
}

// shorten lets a media element have a part of what it asks for, as [answer.choose] does. How much there is, only the gateway knows.
func shorten(header http.Header) {
	part, ok := parseRange(strings.Join(header.Values("Range"), ","), math.MaxInt64)
	if !ok || part.n <= maxMediaPart || part.off > math.MaxInt64/2 { // the last is "the last so many bytes"
		return
	}
	to := (part.off+maxMediaPart)/partAlign*partAlign - 1
	header.Set("Range", "bytes="+strconv.FormatInt(part.off, 10)+"-"+strconv.FormatInt(to, 10))
}

// serveNative is the command of a network's own addresses.
func (h *Handler) serveNative(v *visit, w http.ResponseWriter, r *http.Request, b stream.Backend, _ stream.Request) error {
	if r.Method == http.MethodGet {
		defer h.streaming()()
	}
	out := &nativeWriter{h: h, v: v, w: w, r: r, site: v.website, header: make(http.Header), sink: newSink(w, h.cfg.StallLimit)}
	defer out.sink.until(v.ctx)()
	known := false
	err := b.(Native).ServeNative(out, r.WithContext(v.ctx), func(protocol, root, path string) error {
		known = true
		return v.access.Found(v.ctx, ledger.Root{Protocol: protocol, ID: root}, path)
	})
	if err == nil {
		err = out.end()
	}
	if !known && out.code != 0 && out.code < http.StatusInternalServerError {
		v.access.Malformed() // or it leads elsewhere
	}
	if err != nil && out.code != 0 {
		h.cut(r, v.why(err), out.sent)
	}
	return err
}

package web

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/zeronetscript/universal_p2p/stream"
	"github.com/zeronetscript/universal_p2p/stream/ledger"
)

// What a page may do besides asking for content. It gets a tag, which says in a URL who asks, and a token, with which it sees and
// changes what it asked for itself. Who it is the browser says, in the Origin header; so a page without an origin (a file, a
// sandbox) gets nothing, and a token is worth nothing without the origin that it was made for. None of this is the control API of
// the user: there is no way from here to there.

// controlLife is how long a control token is good for. Pages ask for a new one when they are told so.
const controlLife = 24 * time.Hour

// A siteFunc answers a page of a site: with JSON, or with an error that becomes one.
type siteFunc func(r *http.Request, site ledger.Site) (code int, answer any, err error)

// siteAPI adds what is for pages to the API.
func (h *Handler) siteAPI(mux *http.ServeMux) {
	handle := func(method, path string, f siteFunc) {
		mux.HandleFunc("OPTIONS "+path, func(w http.ResponseWriter, r *http.Request) {
			if _, err := h.pageOrigin(w, r); err != nil {
				h.refuse(w, r, err)
				return
			}
			header := w.Header()
			header.Set("Access-Control-Allow-Methods", method)
			header.Set("Access-Control-Allow-Headers", "Authorization, Content-Type")
			header.Set("Access-Control-Max-Age", "600")
			w.WriteHeader(http.StatusNoContent)
		})
		mux.HandleFunc(method+" "+path, func(w http.ResponseWriter, r *http.Request) {
			r.Body = http.MaxBytesReader(w, r.Body, maxCommand)
			code, answer, err := h.forPage(w, r, f)
			if err != nil {
				h.refuse(w, r, err)
				return
			}
			reply(w, code, answer)
		})
	}
	handle("POST", "/api/v0/token", h.apiToken)
	handle("GET", "/api/v0/site/items", h.withToken(h.apiItems))
	handle("POST", "/api/v0/site/prefetch", h.withToken(h.apiPrefetch))
	handle("POST", "/api/v0/site/prioritise", h.withToken(h.apiPrioritise))
	handle("POST", "/api/v0/site/drop", h.withToken(h.apiDrop))
}

// pageOrigin returns the origin of the page that asks, and lets only that one read the answer.
func (h *Handler) pageOrigin(w http.ResponseWriter, r *http.Request) (ledger.Site, error) {
	w.Header().Add("Vary", "Origin")
	origin, err := ledger.OriginSite(r.Header)
	if err != nil || slices.Contains(h.own, origin) {
		return ledger.Site{}, ledger.ErrNoOrigin
	}
	w.Header().Set("Access-Control-Allow-Origin", r.Header.Get("Origin"))
	return origin, nil
}

// forPage answers a page by its origin, which is the site without a label.
func (h *Handler) forPage(w http.ResponseWriter, r *http.Request, f siteFunc) (code int, answer any, err error) {
	origin, err := h.pageOrigin(w, r)
	if err != nil {
		return 0, nil, err
	}
	if mode := r.Header.Get("Sec-Fetch-Mode"); mode != "" && mode != "cors" {
		return 0, nil, ledger.ErrNoOrigin // a form, say: who sent it may not be who reads the answer
	}
	if kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); r.Method == http.MethodPost && strings.TrimSpace(kind) != "application/json" {
		return 0, nil, badRequest(`The body has to be JSON, with "Content-Type: application/json".`)
	}
	if h.cfg.Ledger.Rule(origin) == ledger.Block {
		return 0, nil, ledger.ErrSiteBlocked
	}
	return f(r, origin)
}

// withToken is for what needs a control token. The site is then that of the token, with its label.
func (h *Handler) withToken(f siteFunc) siteFunc {
	return func(r *http.Request, origin ledger.Site) (int, any, error) {
		scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		if !strings.EqualFold(scheme, "Bearer") {
			return 0, nil, ledger.ErrToken
		}
		site, err := h.cfg.Signer.VerifyControl(token, origin, time.Now())
		if err != nil {
			return 0, nil, err
		}
		if h.cfg.Ledger.Rule(site) == ledger.Block {
			return 0, nil, ledger.ErrSiteBlocked
		}
		return f(r, site)
	}
}

// apiToken makes the tag and the control token of a site.
func (h *Handler) apiToken(r *http.Request, site ledger.Site) (int, any, error) {
	var in struct {
		Label string `json:"label"`
	}
	err := decode(r, &in)
	if err == nil && in.Label != "" {
		site, err = site.WithLabel(in.Label)
	}
	if err != nil {
		return 0, nil, err
	}
	tag, err := h.cfg.Signer.Tag(site)
	if err != nil {
		return 0, nil, err
	}
	expires := time.Now().Add(controlLife).UTC().Truncate(time.Second)
	control, err := h.cfg.Signer.Control(site, expires)
	return http.StatusOK, struct {
		Site    ledger.Site `json:"site"`
		Tag     string      `json:"tag"`
		Control string      `json:"control"`
		Expires time.Time   `json:"expires"`
	}{site, tag, control, expires}, err
}

// A siteItem is a root that a site asked for. How much of it is here tells a page no more than the time that a request takes.
type siteItem struct {
	Protocol string     `json:"protocol"`
	Root     string     `json:"root"`
	Name     string     `json:"name"`
	Bytes    int64      `json:"bytes"` // on disk
	Size     int64      `json:"size"`  // of the whole; 0 while that is not known
	Last     time.Time  `json:"last"`
	Requests int64      `json:"requests"`
	Sent     int64      `json:"sent"` // bytes
	Peers    int        `json:"peers"`
	Files    []siteFile `json:"files"`
}

// A siteFile is what a site asked for of a root: "" is the root as such.
type siteFile struct {
	Path     string    `json:"path"`
	Last     time.Time `json:"last"`
	Requests int64     `json:"requests"`
	Sent     int64     `json:"sent"` // bytes
}

// apiItems lists what a site claims, last used first, and what is fetched ahead for it.
func (h *Handler) apiItems(r *http.Request, site ledger.Site) (int, any, error) {
	stored, err := h.stored(r)
	if err != nil {
		return 0, nil, err
	}
	items := []siteItem{}
	for use := range h.cfg.Ledger.Roots(site) {
		if !use.Claimed {
			continue
		}
		item := siteItem{Protocol: use.Root.Protocol, Root: use.Root.ID, Last: use.Last.UTC(), Requests: use.Requests, Sent: use.Bytes, Files: []siteFile{}}
		if s, ok := stored[use.Root]; ok {
			item.Name, item.Bytes, item.Size = s.Name, s.Bytes, s.Size
		}
		if searcher, ok := h.searcher(use.Root.Protocol); ok {
			s, _ := searcher.Search(stream.Root{ID: use.Root.ID})
			item.Peers = s.Peers
		}
		for u := range h.cfg.Ledger.Items(site, use.Root) {
			item.Files = append(item.Files, siteFile{u.Path, u.Last.UTC(), u.Requests, u.Bytes})
		}
		items = append(items, item)
	}
	return http.StatusOK, struct {
		Site     ledger.Site      `json:"site"`
		Items    []siteItem       `json:"items"`
		Prefetch []prefetchStatus `json:"prefetch"`
	}{site, items, h.ahead.list(site)}, nil
}

// stored is what is on the disk, by the roots of the ledger.
func (h *Handler) stored(r *http.Request) (map[ledger.Root]RootStatus, error) {
	stored := make(map[ledger.Root]RootStatus)
	if h.cfg.Control == nil {
		return stored, nil
	}
	status, err := h.cfg.Control.Status(r.Context())
	for _, s := range status.Roots {
		for _, p := range h.cfg.Protocols {
			if name := p.Name + "/" + p.Version; s.Protocol == p.Name || s.Protocol == name {
				stored[ledger.Root{Protocol: name, ID: s.Root}] = s
			}
		}
	}
	return stored, err
}

// rootIn is how a page names one of its roots.
type rootIn struct {
	Protocol string `json:"protocol"`
	Root     string `json:"root"`
}

func decodeRoot(r *http.Request) (ledger.Root, error) {
	var in rootIn
	if err := decode(r, &in); err != nil {
		return ledger.Root{}, err
	}
	if in.Protocol == "" || in.Root == "" {
		return ledger.Root{}, badRequest(`Give "protocol" and "root", as the list of items has them.`)
	}
	return ledger.Root{Protocol: in.Protocol, ID: in.Root}, nil
}

// apiPrioritise has a root fetched ahead before all else that the site wants fetched ahead.
func (h *Handler) apiPrioritise(r *http.Request, site ledger.Site) (int, any, error) {
	root, err := decodeRoot(r)
	if err != nil {
		return 0, nil, err
	}
	if !h.ahead.first(site, root) {
		if _, err := h.cfg.Ledger.Claim(site, root); err != nil {
			return 0, nil, err
		}
	}
	return http.StatusOK, struct{}{}, nil
}

// apiDrop takes back the claim of a site. When nobody else has one, the data goes, if nothing keeps it; the page does not hear which
// of them it was.
func (h *Handler) apiDrop(r *http.Request, site ledger.Site) (int, any, error) {
	root, err := decodeRoot(r)
	if err != nil {
		return 0, nil, err
	}
	stopped, err := h.ahead.drop(r.Context(), func(p *prefetch) bool { return p.by(site) && p.of(root) })
	if err != nil {
		return 0, nil, err
	}
	last, err := h.cfg.Ledger.Disown(site, root)
	if err != nil && stopped > 0 {
		return http.StatusOK, struct{}{}, nil // it had not come to anything yet
	}
	if err != nil {
		return 0, nil, err
	}
	if last && h.cfg.Disk != nil {
		if _, err := h.cfg.Disk.Recycle(r.Context(), root); err != nil {
			h.cfg.Log.Warn("what no site needs any more cannot be removed", "protocol", root.Protocol, "root", root.ID, "err", err)
		}
	}
	return http.StatusOK, struct{}{}, nil
}

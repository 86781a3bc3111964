package web

import (
	"net/http"
	"time"

	"github.com/zeronetscript/universal_p2p/stream"
	"github.com/zeronetscript/universal_p2p/stream/ledger"
)

// What the user sees of sites, and decides about them. It is part of the control API.

// Use is what was counted.
type Use struct {
	First    time.Time `json:"first,omitzero"`
	Last     time.Time `json:"last,omitzero"`
	Requests int64     `json:"requests"`
	Sent     int64     `json:"sent"` // bytes
}

func useOf(u ledger.Use) Use {
	return Use{u.First.UTC(), u.Last.UTC(), u.Requests, u.Bytes}
}

// SiteList is the form in which GET /api/v0/sites gives all sites.
type SiteList struct {
	Total   Use           `json:"total"`
	Sites   []SiteStatus  `json:"sites"`   // last used first
	Blocked []BlockedRoot `json:"blocked"` // roots that nobody gets
}

// SiteStatus is a site, and what it has used so far.
type SiteStatus struct {
	Site string `json:"site"` // its one spelling: an origin, "opened directly", "unknown site", "program VLC"
	Kind string `json:"kind"` // "web", "direct", "unknown" or "program"
	Rule string `json:"rule"` // "default", "allow" or "block"
	Use
	Roots   int    `json:"roots"`             // that are remembered
	Labels  int    `json:"labels"`            // sites below this one
	Overlay string `json:"overlay,omitempty"` // "i2p" or "onion": its visitors mean to hide, and peers can see them here
	Asking  bool   `json:"asking"`            // it waits to be allowed
}

// BlockedRoot is a root that nobody gets.
type BlockedRoot struct {
	Protocol string    `json:"protocol"`
	Root     string    `json:"root"`
	Since    time.Time `json:"since"`
}

// SiteHistory is what a site used, last first, in the form in which GET /api/v0/history gives it.
type SiteHistory struct {
	SiteStatus
	Sites []SiteStatus `json:"sites"` // below it
	Used  []RootUse    `json:"used"`
}

// RootUse is what was used of a root.
type RootUse struct {
	Protocol string `json:"protocol"`
	Root     string `json:"root"`
	Name     string `json:"name"` // if something of it is stored
	Use
	Files []FileUse `json:"files"`
}

// FileUse is how a file was used; without a path it is the root as such.
type FileUse struct {
	Path string `json:"path"`
	Use
}

func (h *Handler) apiSites(*http.Request) (int, any, error) { return http.StatusOK, h.siteList(), nil }

func (h *Handler) siteList() SiteList {
	l := h.cfg.Ledger
	asking := make(map[ledger.Site]bool)
	for site := range l.Marked(ledger.Asking) {
		asking[site] = true
	}
	list := SiteList{Total: useOf(l.Total()), Sites: []SiteStatus{}, Blocked: []BlockedRoot{}}
	for use := range l.Sites() {
		list.Sites = append(list.Sites, describeSite(use, asking[use.Site]))
		delete(asking, use.Site)
	}
	for site := range l.Marked(ledger.Asking) {
		if asking[site] { // it has not been let in yet
			list.Sites = append(list.Sites, describeSite(l.Site(site), true))
		}
	}
	for root, since := range l.BlockedRoots() {
		list.Blocked = append(list.Blocked, BlockedRoot{root.Protocol, root.ID, since})
	}
	return list
}

func describeSite(use ledger.SiteUse, asking bool) SiteStatus {
	return SiteStatus{
		Site: use.Site.String(), Kind: kindOfSite(use.Site), Rule: use.Rule.String(), Use: useOf(use.Use),
		Roots: use.Roots, Labels: use.Labels, Overlay: use.Site.Overlay(), Asking: asking,
	}
}

func kindOfSite(site ledger.Site) string {
	switch site.Kind() {
	case ledger.Web:
		return "web"
	case ledger.Direct:
		return "direct"
	case ledger.Program:
		return "program"
	}
	return "unknown"
}

func (h *Handler) apiHistory(r *http.Request) (int, any, error) {
	site, err := ledger.ParseSite(r.URL.Query().Get("site"))
	if err != nil {
		return 0, nil, err
	}
	stored, err := h.stored(r)
	if err != nil {
		return 0, nil, err
	}
	l := h.cfg.Ledger
	out := SiteHistory{Sites: []SiteStatus{}, Used: []RootUse{}}
	isAsking := func(site ledger.Site) bool {
		for s := range l.Marked(ledger.Asking) {
			if s == site {
				return true
			}
		}
		return false
	}
	out.SiteStatus = describeSite(l.Site(site), isAsking(site))
	for use := range l.SubSites(site) {
		out.Sites = append(out.Sites, describeSite(use, isAsking(use.Site)))
	}
	for use := range l.Roots(site) {
		root := RootUse{Protocol: use.Root.Protocol, Root: use.Root.ID, Name: stored[use.Root].Name, Use: useOf(use.Use), Files: []FileUse{}}
		for item := range l.Items(site, use.Root) {
			root.Files = append(root.Files, FileUse{item.Path, useOf(item.Use)})
		}
		out.Used = append(out.Used, root)
	}
	return http.StatusOK, out, nil
}

// apiRule decides about a site, or about a root whoever asks for it. What is fetched ahead for what is blocked stops.
func (h *Handler) apiRule(r *http.Request) (int, any, error) {
	var in struct {
		Site string       `json:"site"`
		Rule *ledger.Rule `json:"rule"`
		rootIn
	}
	if err := decode(r, &in); err != nil {
		return 0, nil, err
	}
	isSite, isRoot := in.Site != "", in.Protocol != "" && in.Root != ""
	if isSite == isRoot || in.Rule == nil || isRoot && *in.Rule == ledger.Allow {
		return 0, nil, badRequest(`Give "site" and as "rule" one of "allow", "block" and "default"; or "protocol", "root" and "block" or "default".`)
	}
	if isRoot {
		p, ok := h.protocols[in.Protocol]
		if !ok {
			return 0, nil, errNoProtocol
		}
		root := ledgerRoot(p.Backend, stream.Request{Protocol: p.Name, Version: p.Version, Root: in.Root}, nil)
		if err := h.cfg.Ledger.BlockRoot(root, *in.Rule == ledger.Block); err != nil {
			return 0, nil, err
		}
		if *in.Rule == ledger.Block {
			_, err := h.ahead.drop(r.Context(), func(p *prefetch) bool { return p.of(root) })
			return http.StatusOK, struct{}{}, err
		}
		return http.StatusOK, struct{}{}, nil
	}
	site, err := ledger.ParseSite(in.Site)
	if err == nil {
		err = h.cfg.Ledger.Decide(site, *in.Rule)
	}
	if err == nil && *in.Rule == ledger.Block {
		_, err = h.ahead.drop(r.Context(), func(p *prefetch) bool { return h.cfg.Ledger.Rule(p.site) == ledger.Block })
	}
	return http.StatusOK, struct{}{}, err
}

// apiForget forgets what a site used, or what all did. Rules stay.
func (h *Handler) apiForget(r *http.Request) (int, any, error) {
	var in struct {
		Site string `json:"site"`
		All  bool   `json:"all"`
	}
	if err := decode(r, &in); err != nil {
		return 0, nil, err
	}
	if (in.Site != "") == in.All {
		return 0, nil, badRequest(`Give either "site" or "all".`)
	}
	if in.All {
		return http.StatusOK, struct{}{}, h.cfg.Ledger.ForgetAll()
	}
	site, err := ledger.ParseSite(in.Site)
	if err == nil {
		err = h.cfg.Ledger.ForgetSite(site)
	}
	return http.StatusOK, struct{}{}, err
}

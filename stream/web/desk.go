package web

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"net/http"
	"slices"

	"github.com/zeronetscript/universal_p2p/stream"
	"github.com/zeronetscript/universal_p2p/stream/ledger"
)

// A Desk is what the interface shows and changes, beyond the [Control] of the command line and the ledger. Its methods are safe for
// concurrent use. What it knows nothing of is fs.ErrNotExist.
type Desk interface {
	// Overview is everything at a glance. It is asked for every few seconds, while somebody looks.
	Overview(ctx context.Context) (Overview, error)
	// RecycleRoot removes a root, kept or not, and RecycleSite what only that site has used, but for what is kept. Both return
	// the bytes freed.
	RecycleRoot(ctx context.Context, protocol, root string) (freed int64, err error)
	RecycleSite(ctx context.Context, site ledger.Site) (freed int64, err error)
	// Settings are the keys of the config, and Set changes one. A value that cannot be is an error that wraps [ErrValue].
	Settings(ctx context.Context) ([]Setting, error)
	Set(ctx context.Context, name, value string) error
}

// ErrValue is the error of a setting that cannot have the value it was given. What wraps it says why, in a sentence for the user.
var ErrValue = errors.New("this value cannot be used")

// Overview is the state of the program for people to look at, in the form in which GET /api/v0/overview gives it.
type Overview struct {
	Version string `json:"version"`
	Used    int64  `json:"used"`    // bytes of content on disk
	Kept    int64  `json:"kept"`    // of them in kept roots
	Quota   int64  `json:"quota"`   // bytes
	Reserve int64  `json:"reserve"` // bytes of free disk that are left alone
	Free    int64  `json:"free"`    // bytes of free disk; -1 when the disk does not say

	Roots     []RootView `json:"roots"`      // last used first, as many as can be looked at
	More      int        `json:"more"`       // roots that are left out,
	MoreBytes int64      `json:"more_bytes"` // and what they take
	Problems  []Problem  `json:"problems"`   // what is wrong now

	// Held are the bytes on disk that each site is behind, its share of what several sites use; and Names what roots of the
	// ledger are called.
	Held  map[ledger.Site]int64  `json:"-"`
	Names map[ledger.Root]string `json:"-"`

	// The front fills these in.
	Sites   []SiteView `json:"sites"`   // those that wait for a rule, and then last used first
	Blocked []RootName `json:"blocked"` // roots that nobody gets
	Uploads []string   `json:"uploads"` // paths that take a .torrent
}

// RootName is what a root is called.
type RootName struct {
	Protocol string `json:"protocol"` // with its version: "bittorrent/v0"
	Root     string `json:"root"`
	Name     string `json:"name"` // "" if nobody knows
}

// RootView is a root in an [Overview].
type RootView struct {
	RootStatus
	InUse bool     `json:"in_use"`          // a reader is at it
	Sites []string `json:"sites,omitempty"` // that used it, last first; a few

	// The front fills these in, unless the root is of no protocol, as what was unpacked from archives.
	Served string `json:"served,omitempty"` // the protocol with its version
	Play   string `json:"play,omitempty"`   // its page
}

// SiteView is a site in an [Overview].
type SiteView struct {
	SiteStatus
	Held int64 `json:"held"` // bytes
}

// A Problem is something that is wrong. A page that knows its ID says it in the user's language, with the values in place of the
// names in braces; others show the text.
type Problem struct {
	ID     string         `json:"id"`
	Values map[string]any `json:"values,omitempty"` // numbers are bytes
	Text   string         `json:"text"`             // a sentence
}

// A Setting is a key of the config.
type Setting struct {
	Name    string   `json:"name"`    // "quota", "bittorrent.port"
	Value   string   `json:"value"`   // as the config file has it, without quotes; of a list one a line
	Default string   `json:"default"` // the same
	Kind    string   `json:"kind"`    // "bool", "number", "size", "choice", "text" or "list"
	Choices []string `json:"choices,omitempty"`
	Help    string   `json:"help"`    // sentences
	Live    bool     `json:"live"`    // a change holds at once, and not only after the next start
	Pending bool     `json:"pending"` // it was changed, and waits for the next start
	File    string   `json:"file"`    // where it is written
}

func (h *Handler) apiOverview(r *http.Request) (int, any, error) {
	o, err := h.overview(r.Context())
	return http.StatusOK, o, err
}

// overview asks the desk and the ledger, and has no null where a list is meant.
func (h *Handler) overview(ctx context.Context) (Overview, error) {
	o, err := h.cfg.Desk.Overview(ctx)
	if err != nil {
		return o, err
	}
	o.Roots, o.Problems = notNil(o.Roots), notNil(o.Problems)
	for i := range o.Roots {
		o.Roots[i].Served, o.Roots[i].Play = h.serves(o.Roots[i].Protocol, o.Roots[i].Root)
	}
	o.Sites, o.Blocked = []SiteView{}, []RootName{}
	list := h.siteList()
	slices.SortStableFunc(list.Sites, func(a, b SiteStatus) int {
		if a.Asking == b.Asking {
			return 0
		}
		if a.Asking {
			return -1
		}
		return 1
	})
	for _, s := range list.Sites[:min(len(list.Sites), maxSiteViews)] {
		site, _ := ledger.ParseSite(s.Site)
		o.Sites = append(o.Sites, SiteView{s, o.Held[site]})
	}
	for _, r := range list.Blocked {
		o.Blocked = append(o.Blocked, RootName{r.Protocol, r.Root, o.Names[ledger.Root{Protocol: r.Protocol, ID: r.Root}]})
	}
	o.Uploads = slices.Sorted(maps.Keys(h.uploads))
	return o, nil
}

// maxSiteViews bounds the sites that one look is told of. There can be many thousands; sites asks for all.
const maxSiteViews = 300

// serves returns what serves the roots of a space of the store: the protocol with its version, and the page of the root for
// people. Both are empty when nothing does.
func (h *Handler) serves(space, root string) (protocol, play string) {
	for _, p := range h.cfg.Protocols {
		if p.Name == space && p.Backend != nil {
			return p.Name + "/" + p.Version, h.address(stream.Request{Protocol: p.Name, Version: p.Version, Root: root}, "play", nil)
		}
	}
	return "", ""
}

func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// freed is the answer to what recycles.
type freed struct {
	Freed int64 `json:"freed"`
}

func (h *Handler) apiRecycleRoot(r *http.Request) (int, any, error) {
	var in struct {
		Protocol string `json:"protocol"`
		Root     string `json:"root"`
	}
	if err := decode(r, &in); err != nil {
		return 0, nil, err
	}
	if in.Protocol == "" || in.Root == "" {
		return 0, nil, badRequest(`Give "protocol" and "root".`)
	}
	n, err := h.cfg.Desk.RecycleRoot(r.Context(), in.Protocol, in.Root)
	if errors.Is(err, fs.ErrNotExist) {
		err = errNotStored
	}
	return http.StatusOK, freed{n}, err
}

func (h *Handler) apiRecycleSite(r *http.Request) (int, any, error) {
	var in struct {
		Site string `json:"site"`
	}
	if err := decode(r, &in); err != nil {
		return 0, nil, err
	}
	site, err := ledger.ParseSite(in.Site)
	if err != nil {
		return 0, nil, err
	}
	n, err := h.cfg.Desk.RecycleSite(r.Context(), site)
	return http.StatusOK, freed{n}, err
}

func (h *Handler) apiSettings(r *http.Request) (int, any, error) {
	settings, err := h.cfg.Desk.Settings(r.Context())
	return http.StatusOK, struct {
		Settings []Setting `json:"settings"`
	}{notNil(settings)}, err
}

func (h *Handler) apiSet(r *http.Request) (int, any, error) {
	var in struct {
		Name  string  `json:"name"`
		Value *string `json:"value"`
	}
	if err := decode(r, &in); err != nil {
		return 0, nil, err
	}
	if in.Name == "" || in.Value == nil {
		return 0, nil, badRequest(`Give "name" and "value".`)
	}
	err := h.cfg.Desk.Set(r.Context(), in.Name, *in.Value)
	switch {
	case errors.Is(err, ErrValue):
		err = badRequest(err.Error())
	case errors.Is(err, fs.ErrNotExist):
		err = badRequest("There is no such setting.")
	}
	if err != nil {
		return 0, nil, err
	}
	return h.apiSettings(r)
}

package web

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"slices"
	"time"

	"github.com/zeronetscript/universal_p2p/stream"
	"github.com/zeronetscript/universal_p2p/stream/ledger"
)

// A Desk is what the interface shows and changes, beyond the [Control] of the command line. Its methods are safe for concurrent
// use. What it knows nothing of is fs.ErrNotExist.
type Desk interface {
	// Overview is everything at a glance. It is asked for every few seconds, while somebody looks.
	Overview(ctx context.Context) (Overview, error)
	// RecycleRoot removes a root, kept or not, and RecycleSite what only that site has used, but for what is kept. Both return
	// the bytes freed.
	RecycleRoot(ctx context.Context, protocol, root string) (freed int64, err error)
	RecycleSite(ctx context.Context, site ledger.Site) (freed int64, err error)
	// Decide sets the user's rule for a site, and BlockRoot that for a root, whoever asks for it.
	Decide(ctx context.Context, site ledger.Site, rule ledger.Rule) error
	BlockRoot(ctx context.Context, protocol, root string, block bool) error
	// History is what a site used, last first, and Forget ends that anybody knows of it. The zero Site is all of them.
	History(ctx context.Context, site ledger.Site) ([]Visit, error)
	Forget(ctx context.Context, site ledger.Site) error
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
	Sites     []SiteView `json:"sites"`      // last used first
	Blocked   []RootName `json:"blocked"`    // roots that nobody gets
	Problems  []Problem  `json:"problems"`   // what is wrong now
	Uploads   []string   `json:"uploads"`    // paths that take a .torrent; the front fills them in
}

// RootName is what a root is called.
type RootName struct {
	Protocol string `json:"protocol"`
	Root     string `json:"root"`
	Name     string `json:"name"` // "" if nobody knows
}

// RootView is a root in an [Overview].
type RootView struct {
	RootStatus
	InUse bool     `json:"in_use"`          // a reader is at it
	Sites []string `json:"sites,omitempty"` // that used it, last first; a few
	Play  string   `json:"play,omitempty"`  // its page; the front fills it in
}

// SiteView is a site in an [Overview], and what it has used so far.
type SiteView struct {
	Site     string      `json:"site"` // its one spelling: an origin, "opened directly", "program VLC"
	Kind     string      `json:"kind"` // "web", "program", "direct" or "unknown"
	Rule     ledger.Rule `json:"rule"`
	First    time.Time   `json:"first"`
	Last     time.Time   `json:"last"`
	Requests int64       `json:"requests"`
	Sent     int64       `json:"sent"` // bytes
	Held     int64       `json:"held"` // bytes on disk, its share of what several sites use
	Roots    int         `json:"roots"`
	Asking   bool        `json:"asking,omitempty"`  // it waits for the user's rule
	Overlay  string      `json:"overlay,omitempty"` // "i2p" or "onion": its visitors mean to hide, and peers can see them here
}

// A Visit is one thing that a site used.
type Visit struct {
	Site string `json:"site"`
	RootName
	Path     string    `json:"path"`
	First    time.Time `json:"first"`
	Last     time.Time `json:"last"`
	Requests int64     `json:"requests"`
	Sent     int64     `json:"sent"` // bytes
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

// overview asks the desk, and has no null where a list is meant.
func (h *Handler) overview(ctx context.Context) (Overview, error) {
	o, err := h.cfg.Desk.Overview(ctx)
	o.Roots, o.Sites, o.Blocked, o.Problems = notNil(o.Roots), notNil(o.Sites), notNil(o.Blocked), notNil(o.Problems)
	for i := range o.Roots {
		o.Roots[i].Play = h.playURL(o.Roots[i].Protocol, o.Roots[i].Root)
	}
	o.Uploads = []string{}
	for path := range h.uploads {
		o.Uploads = append(o.Uploads, path)
	}
	slices.Sort(o.Uploads)
	return o, err
}

// playURL is the page of a root for people; "" when no protocol of that name is served, as for what was unpacked from archives.
func (h *Handler) playURL(protocol, root string) string {
	for _, p := range h.cfg.Protocols {
		if p.Name == protocol && p.Backend != nil {
			return h.address(stream.Request{Protocol: p.Name, Version: p.Version, Root: root}, "play", nil)
		}
	}
	return ""
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
	site, err := decodeSite(r)
	if err != nil {
		return 0, nil, err
	}
	n, err := h.cfg.Desk.RecycleSite(r.Context(), site)
	return http.StatusOK, freed{n}, noSite(err)
}

func decodeSite(r *http.Request) (ledger.Site, error) {
	var in struct {
		Site string `json:"site"`
	}
	if err := decode(r, &in); err != nil {
		return ledger.Site{}, err
	}
	return parseSite(in.Site)
}

func parseSite(s string) (ledger.Site, error) {
	site, err := ledger.ParseSite(s)
	if err != nil {
		return site, badRequest(`Give as "site" one that the overview lists, or an address like https://example.org.`)
	}
	return site, nil
}

// apiRule decides about a site, or about a root whoever asks for it.
func (h *Handler) apiRule(r *http.Request) (int, any, error) {
	var in struct {
		Site     string `json:"site"`
		Protocol string `json:"protocol"`
		Root     string `json:"root"`
		Rule     string `json:"rule"`
	}
	if err := decode(r, &in); err != nil {
		return 0, nil, err
	}
	var rule ledger.Rule
	isSite, isRoot := in.Site != "", in.Protocol != "" && in.Root != ""
	if rule.UnmarshalText([]byte(in.Rule)) != nil || isSite == isRoot || isRoot && rule == ledger.Allow {
		return 0, nil, badRequest(`Give "site" and as "rule" one of "allow", "block" and "default", or "protocol", "root" and one of the last two.`)
	}
	if isRoot {
		return http.StatusOK, struct{}{}, noSite(h.cfg.Desk.BlockRoot(r.Context(), in.Protocol, in.Root, rule == ledger.Block))
	}
	site, err := parseSite(in.Site)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, struct{}{}, noSite(h.cfg.Desk.Decide(r.Context(), site, rule))
}

func (h *Handler) apiHistory(r *http.Request) (int, any, error) {
	var site ledger.Site
	if s := r.URL.Query().Get("site"); s != "" {
		var err error
		if site, err = parseSite(s); err != nil {
			return 0, nil, err
		}
	}
	visits, err := h.cfg.Desk.History(r.Context(), site)
	return http.StatusOK, struct {
		Visits []Visit `json:"visits"`
	}{notNil(visits)}, noSite(err)
}

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
	var site ledger.Site
	if !in.All {
		var err error
		if site, err = parseSite(in.Site); err != nil {
			return 0, nil, err
		}
	}
	return http.StatusOK, struct{}{}, noSite(h.cfg.Desk.Forget(r.Context(), site))
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

// noSite says what it means when a desk does not know what it is asked about.
func noSite(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return errNoSite
	}
	return err
}

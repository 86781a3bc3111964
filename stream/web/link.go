package web

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/zeronetscript/universal_p2p/stream"
)

// A linkView is what a text that somebody has pasted turned out to be.
type linkView struct {
	Protocol string `json:"protocol"`
	Version  string `json:"version"`
	Root     string `json:"root"`
	Path     string `json:"path"`
	Name     string `json:"name"`
	Query    string `json:"query"` // hints, as they follow a "?"; "" if there are none
	Stream   string `json:"stream"`
	Play     string `json:"play"`
	Files    string `json:"files"`
}

// apiLink says what a text is: an identifier or a link of one of the networks, or an address of ours.
func (h *Handler) apiLink(r *http.Request) (int, any, error) {
	var in struct {
		Text string `json:"text"`
	}
	if err := decode(r, &in); err != nil {
		return 0, nil, err
	}
	req, query, ok := h.recognize(strings.TrimSpace(in.Text))
	if !ok {
		return 0, nil, errNoLink
	}
	v := linkView{
		Protocol: req.Protocol, Version: req.Version, Root: req.Root, Path: req.Path, Name: cmp.Or(query.Get("dn"), query.Get("filename")), Query: query.Encode(),
		Stream: h.address(req, "stream", query), Play: h.address(req, "play", query),
	}
	req.Path = ""
	v.Files = h.address(req, "files", query)
	return http.StatusOK, v, nil
}

// recognize finds the root, the path and the hints that a text names.
func (h *Handler) recognize(text string) (req stream.Request, query url.Values, ok bool) {
	if text == "" {
		return req, nil, false
	}
	for _, p := range h.cfg.Protocols {
		if b, can := p.Backend.(stream.Recognizer); can {
			if root, path, ok := b.Recognize(text); ok {
				return stream.Request{Protocol: p.Name, Version: p.Version, Root: root.ID, Path: path}, root.Hints, true
			}
		}
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "" {
		return req, nil, false
	}
	path := u.EscapedPath()
	if site, ok := h.website(u.Host); ok {
		path = strings.TrimSuffix(site.prefix+path, "/")
	}
	req, err = stream.ParsePath(path)
	p, known := h.protocols[req.Protocol+"/"+req.Version]
	if err != nil || !known {
		return req, nil, false
	}
	query = hints(u)
	if b, can := p.Backend.(stream.Recognizer); can { // its own word for the root, and what the root says itself
		root, _, ok := b.Recognize(req.Root)
		if n, can := p.Backend.(stream.Namer); can && !ok && n.Names(stream.Root{ID: req.Root}) {
			root.ID = ledgerRoot(p.Backend, req, nil).ID // no link by itself, as a domain is none
		} else if !ok {
			return req, nil, false
		}
		req.Root = root.ID
		for key, values := range root.Hints {
			for _, v := range values {
				if !slices.Contains(query[key], v) {
					query.Add(key, v)
				}
			}
		}
		query.Del("xt")
	}
	return req, query, true
}

// address is the URL of a command for what req names.
func (h *Handler) address(req stream.Request, command string, query url.Values) string {
	req.Command = command
	s := "http://" + contentHost + ":" + h.port + req.EscapedPath()
	if len(query) > 0 {
		s += "?" + query.Encode()
	}
	return s
}

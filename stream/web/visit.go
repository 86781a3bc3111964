package web

import (
	"errors"
	"net/http"
	"net/url"
	"unicode/utf8"

	"github.com/zeronetscript/universal_p2p/stream"
	"github.com/zeronetscript/universal_p2p/stream/ledger"
)

// tagKey is the parameter of a query that holds the tag of a site.
const tagKey = "s"

// A visit is a request for content on its way: how long it may wait, and what the ledger notes of it.
type visit struct {
	*clock
	access   *ledger.Access
	protocol string   // name and version, as the ledger knows it
	website  *website // on whose host it is, or nil
}

// site says who asks. Our own pages, and what the user opens from them, are the user; what a website asks of itself is for the
// website.
func (h *Handler) site(r *http.Request, on *website) ledger.Site {
	if on != nil && r.Header.Get("Sec-Fetch-Site") == "same-origin" {
		return on.origin
	}
	clues := ledger.Clues{Own: h.own}
	if tag := r.URL.Query().Get(tagKey); tag != "" {
		clues.Tagged, _ = h.cfg.Signer.VerifyTag(tag) // a wrong tag is no tag
	}
	return ledger.Attribute(r.Header, clues).Site
}

// inTurn does a command if the site that asks may have it, and when it is its turn.
func (h *Handler) inTurn(v *visit, w http.ResponseWriter, r *http.Request, b stream.Backend, req stream.Request, do command) error {
	site := h.site(r, v.website)
	access, err := h.cfg.Gate.Begin(site, ledgerRoot(b, req, hints(r.URL)))
	if err != nil {
		return err
	}
	defer access.End()
	v.access = access
	if req.Command == "stream" && r.URL.Query().Get("as") == "" && notModified(w, r, req, h.policy(v.website)) {
		return nil
	}
	queue := queueOf(site)
	if err := h.slots.take(v.ctx, queue); err != nil {
		access.Malformed() // nobody was asked
		return err
	}
	defer h.slots.release(queue)
	err = do(v, w, r, b, req)
	if errors.Is(err, stream.ErrBadRoot) {
		access.Malformed()
	}
	return err
}

// contentOf is the protocol that what a backend finds belongs to, as the ledger knows it: its own, unless its roots are names for those
// of another. Who has blocked content has blocked it by all its names.
func contentOf(b stream.Backend, own string) string {
	if n, ok := b.(stream.Namer); ok {
		return n.Content()
	}
	return own
}

// ledgerRoot is the root of a request as the ledger knows it: in its one spelling, as far as that can be told before anybody is asked,
// or a blocked one would be looked for under another name.
func ledgerRoot(b stream.Backend, req stream.Request, hints url.Values) ledger.Root {
	id, protocol := req.Root, req.Protocol+"/"+req.Version
	if c, ok := b.(stream.Canonicalizer); ok {
		if canonical, ok := c.Canonical(stream.Root{ID: id, Hints: hints}); ok {
			if n, ok := b.(stream.Namer); !ok || !n.Names(stream.Root{ID: id}) {
				protocol = contentOf(b, protocol)
			}
			id = canonical
		}
	}
	return ledger.Root{Protocol: protocol, ID: id}
}

// queueOf names the queue of a site: its origin, because a label cannot be proved, and one for all programs, whose names can
// easily be made up.
func queueOf(site ledger.Site) string {
	if site.Kind() == ledger.Program {
		return "programs"
	}
	return site.Origin().String()
}

// found says what a request is for, as soon as the tree is known and before anything of it is fetched or sent: an error says that it
// may not have it. An empty path is the tree as such, and so is one without a file. A member that is named by its bytes counts as
// its archive, until that has been looked into: see visit.reached.
func (v *visit) found(tree stream.Tree, path string) error {
	if path != "" {
		file, rest, err := tree.Lookup(v.ctx, path)
		switch {
		case err != nil:
			path = ""
		case !utf8.ValidString(rest):
			path = file.Path()
		case isBare(tree):
			path = rest // what the file is called, or what is in it
		case rest != "":
			path = file.Path() + "/" + rest
		default:
			path = file.Path() // in the one spelling
		}
	}
	return v.access.Found(v.ctx, ledger.Root{Protocol: v.protocol, ID: tree.ID()}, path)
}

// reached says which file a path has led to. Bytes in no known charset are no name that people could read: the file has one.
func (v *visit) reached(file stream.File, path string) {
	if !utf8.ValidString(path) {
		v.access.Moved(file.Path())
	}
}

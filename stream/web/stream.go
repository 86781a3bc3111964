package web

import (
	"context"
	"io"
	"net/http"
	"net/url"

	"github.com/zeronetscript/universal_p2p/stream"
)

// content answers a request for content: who may ask for what, and then the command.
func (h *Handler) content(w http.ResponseWriter, r *http.Request) {
	if !h.readOnly(w, r, actsOnPage(r.Header)) {
		return
	}
	req, err := stream.ParsePath(r.URL.EscapedPath())
	if err != nil {
		h.fail(w, r, err)
		return
	}
	h.serve(w, r, req, nil)
}

// readOnly lets pass who wants to read content, and to use it as content may be used. It answers the others.
func (h *Handler) readOnly(w http.ResponseWriter, r *http.Request, acts bool) bool {
	switch {
	case r.Method == http.MethodOptions:
		preflight(w.Header())
		w.WriteHeader(http.StatusNoContent)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		h.fail(w, r, errMethod)
	case acts:
		h.fail(w, r, errUse)
	case len(r.RequestURI) > maxAddress:
		h.fail(w, r, stream.ErrBadPath)
	default:
		return true
	}
	return false
}

// serve answers a request for content that is understood; on the host of a website, if that is not nil.
func (h *Handler) serve(w http.ResponseWriter, r *http.Request, req stream.Request, site *website) {
	p, ok := h.protocols[req.Protocol+"/"+req.Version]
	if !ok {
		h.fail(w, r, errNoProtocol)
		return
	}
	if p.Backend == nil {
		h.fail(w, r, brokenProtocol{p.Err})
		return
	}
	if h.pause.on() {
		h.fail(w, r, errPaused)
		return
	}
	do, ok := h.command(req.Command)
	if !ok {
		h.fail(w, r, errNoCommand)
		return
	}
	v := &visit{clock: newClock(r.Context(), h.patience(r.Header, req)), protocol: contentOf(p.Backend, req.Protocol+"/"+req.Version), website: site}
	defer v.stop()
	defer h.pause.enter(v.cancel)()
	if err := h.inTurn(v, w, r, p.Backend, req, do); err != nil {
		h.fail(w, r, v.why(err))
	}
}

// A command answers a request for what the URL asks for. Its error comes before any part of an answer. Between opening a tree and
// using it, it says so with [visit.found].
type command func(v *visit, w http.ResponseWriter, r *http.Request, b stream.Backend, req stream.Request) error

func (h *Handler) command(name string) (do command, ok bool) {
	switch name {
	case "stream":
		return h.stream, true
	case "files":
		return h.files, true
	case "play":
		return h.play, true
	case "torrent":
		return h.torrent, true
	}
	return nil, false
}

// notModified answers 304 when the client has the content already. A tag of ours stands for content that never changes, so that
// nobody is needed for it, no slot and no backend. Only the backend could say that a root is malformed; who has made up the tag
// of one is told no more than it knew.
func notModified(w http.ResponseWriter, r *http.Request, req stream.Request, policy string) bool {
	tag := etag(req, req.Root, req.Path)
	if len(r.Header.Values("If-Match")) > 0 || !listsTag(r.Header, tag) {
		return false
	}
	(&answer{code: http.StatusNotModified, tag: tag, path: req.Path, policy: policy}).writeHeader(w)
	return true
}

// stream answers GET and HEAD of a file: the whole way from the swarm to the client, one step after the other. Nothing is sent
// before the first byte of the wanted range is here, so that whatever fails until then gets a status of its own. What fails
// after that cuts the connection: never a short body that looks like a whole one.
func (h *Handler) stream(v *visit, w http.ResponseWriter, r *http.Request, b stream.Backend, req stream.Request) error {
	if r.Method == http.MethodGet {
		defer h.streaming()()
	}
	tree, err := b.Open(v.ctx, stream.Root{ID: req.Root, Hints: hints(r.URL)})
	if err != nil {
		return err
	}
	defer tree.Close()
	moved := ""
	if v.website != nil {
		if req.Path, moved, err = pageAt(v, tree, r, req.Path); err != nil {
			return err
		}
	}
	if err := v.found(tree, req.Path); err != nil {
		return err
	}
	if moved != "" {
		redirect(w, r, moved, true)
		return nil
	}
	file, err := h.find(v.ctx, tree, req, req.Path)
	if err != nil {
		return err
	}
	v.reached(file, req.Path)
	if err := refused(file); err != nil { // also to who asks for no byte of it
		return err
	}
	if r.URL.Query().Get("as") == "vtt" {
		return h.subtitles(v, w, r, file)
	}

	a := &answer{path: file.Path(), size: file.Size(), tag: etag(req, tree.ID(), file.Path()), policy: h.policy(v.website)}
	if n, ok := b.(stream.Namer); ok {
		a.renamed = n.Names(stream.Root{ID: req.Root})
	}
	if err := a.choose(r); err != nil {
		return err
	}
	if !a.hasBody(r.Method) {
		a.writeHeader(w)
		return nil
	}

	body, err := h.open(v.ctx, file, a, r.Header)
	if err != nil {
		return err
	}
	defer body.Close()
	if _, err := body.Seek(a.part.off, io.SeekStart); err != nil {
		return err
	}
	if x, ok := body.(stream.Expecter); ok {
		x.Expect(a.part.off, a.part.n)
	}
	return h.send(v, w, r, body, a)
}

// open opens the file for the bytes that a has chosen: early for media elements, if the config allows it and it makes a
// difference, and verified for everyone else. It tells a which of them it was.
func (h *Handler) open(ctx context.Context, file stream.File, a *answer, header http.Header) (io.ReadSeekCloser, error) {
	early, ok := file.(stream.EarlyFile)
	if ok && h.cfg.Early && isMedia(file.Path()) && forPlayer(header) && !early.Verified(a.part.off, a.part.n) {
		a.unverified = true
		return early.OpenEarly(ctx)
	}
	return file.Open(ctx)
}

// hints returns the parameters of the query that help to find peers.
func hints(u *url.URL) url.Values {
	query, picked := u.Query(), make(url.Values)
	for _, key := range hintKeys() {
		if v := query[key]; len(v) > 0 {
			picked[key] = v
		}
	}
	return picked
}

// hintKeys are those parameters of magnet URIs that name trackers, web seeds and peers, and the name to show. The topic itself is
// there when a page has put a magnet URI into its URL without percent-encoding it.
func hintKeys() []string { return []string{"tr", "ws", "x.pe", "dn", "xt", "filename"} }

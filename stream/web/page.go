package web

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"path"
	"strconv"

	"github.com/zeronetscript/universal_p2p/assets"
	"github.com/zeronetscript/universal_p2p/stream"
)

// A page is a player page on its way to the client. What it says while it waits is part of it, and hidden by what comes behind.
type page struct {
	h     *Handler
	w     http.ResponseWriter
	r     *http.Request
	req   stream.Request
	out   *sink
	data  assets.PlayPage
	begun bool
	err   error // of writing
}

func (h *Handler) newPage(w http.ResponseWriter, r *http.Request, req stream.Request) *page {
	title := path.Base(req.Path)
	if req.Path == "" {
		title = hints(r.URL).Get("dn")
	}
	if title == "" {
		title = req.Root
	}
	return &page{h: h, w: w, r: r, req: req, out: newSink(w, h.cfg.StallLimit), data: assets.PlayPage{
		Language: assets.Speak(r.Header.Get("Accept-Language")), Title: printable(title),
	}}
}

// begin sends the header, and the part of the page that is known.
func (p *page) begin() {
	if p.begun {
		return
	}
	p.begun = true
	p.h.describePage(p.w.Header(), p.data.Language)
	if p.r.Method == http.MethodHead {
		p.w.WriteHeader(http.StatusOK)
		return
	}
	p.write(p.data.Head)
}

func (p *page) write(part func(io.Writer) error) {
	if p.err != nil || p.r.Method == http.MethodHead {
		return
	}
	var b bytes.Buffer
	if p.err = part(&b); p.err == nil {
		p.err = p.out.write(b.Bytes(), true)
	}
}

// progress says how the search for the root goes.
func (p *page) progress(b stream.Backend, root stream.Root) {
	p.begin()
	text := searchText(p.data.Language, b, root)
	p.write(func(w io.Writer) error { return p.data.Progress(w, text) })
}

// searchText tells how the search for a root goes.
func searchText(l assets.Language, b stream.Backend, root stream.Root) string {
	s, ok := b.(stream.Searcher)
	if !ok {
		return l.Text("play.network")
	}
	at, ok := s.Search(root)
	known, peers := strconv.Itoa(at.Known), strconv.Itoa(at.Peers)
	switch {
	case !ok:
		return l.Text("play.network")
	case at.Found:
		return l.Text("play.inside", "peers", peers)
	case at.Known == 0:
		return l.Text("play.search")
	}
	return l.Text("play.ask", "known", known, "peers", peers)
}

// end sends what was found, or why nothing was.
func (p *page) end(v *folderView, err error) {
	if err != nil {
		p.data.Failure = p.h.tell(p.data.Language, p.r, err)
		p.write(p.data.Failed)
	} else {
		p.fill(v)
		p.begin()
		p.write(p.data.Rest)
	}
	if p.err != nil {
		p.h.cut(p.r, p.err, 0)
	}
}

// describePage sets the header fields of a page of ours between the contents.
func (h *Handler) describePage(header http.Header, l assets.Language) {
	crossOrigin(header)
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Language", l.Tag())
	header.Set("Vary", "Accept-Language")
	header.Set("Cache-Control", "no-store")
	content := "'self' http://127.0.0.1:" + h.port
	header.Set("Content-Security-Policy", "default-src 'none'; img-src data: "+content+"; media-src "+content+"; style-src '"+
		assets.StyleHash()+"'; base-uri 'none'; form-action 'none'; "+unframed)
}

// tell makes of an error what a page says of it.
func (h *Handler) tell(l assets.Language, r *http.Request, err error) assets.PlayFailure {
	code, _ := status(err)
	f := assets.PlayFailure{Sentence: l.Text(told(err)), Again: mayPass(code)}
	if req, e := stream.ParsePath(r.URL.EscapedPath()); e == nil && req.Path != "" && errors.Is(err, fs.ErrNotExist) {
		f.List = h.links(req, "play", req.Root, r.URL)("")
	}
	return f
}

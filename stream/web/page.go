package web

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"

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
		title = cmp.Or(hints(r.URL).Get("dn"), hints(r.URL).Get("filename"))
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

// progress says how the search for the root goes, or with found the wait for the file.
func (p *page) progress(b stream.Backend, root stream.Root, found bool) {
	p.begin()
	text := searchText(p.data.Language, b, root, found)
	p.write(func(w io.Writer) error { return p.data.Progress(w, text) })
}

// searchText tells how the search for a root goes, and with found that for the bytes of a file in it.
func searchText(l assets.Language, b stream.Backend, root stream.Root, found bool) string {
	s, ok := b.(stream.Searcher)
	if !ok {
		return l.Text("play.network")
	}
	at, ok := s.Search(root)
	known, peers := strconv.Itoa(at.Known), strconv.Itoa(at.Peers)
	switch {
	case !ok:
		return l.Text("play.network")
	case at.Known == 0 && at.Peers == 0:
		return l.Text("play.search")
	case (found || at.Found) && at.Peers == 0:
		return l.Text("play.alone", "known", known)
	case found:
		return l.Text("play.first", "peers", peers)
	case at.Found:
		return l.Text("play.inside", "peers", peers)
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

// isOpened reports whether a person has opened what is asked for in a tab of a browser. On the host of a website the answer has the
// website's own policy, and its scripts reach into it: nothing there looks like ours.
func (h *Handler) isOpened(w http.ResponseWriter, r *http.Request) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead || !isOurs(r.Host, h.port) || w.Header().Get("Content-Security-Policy") != "" {
		return false
	}
	dest := r.Header.Get("Sec-Fetch-Dest") // old browsers send none
	return (dest == "document" || dest == "") && strings.Contains(r.Header.Get("Accept"), "text/html")
}

// failPage answers with an error as a page.
func (h *Handler) failPage(w http.ResponseWriter, r *http.Request, err error, code int) {
	l := assets.Speak(r.Header.Get("Accept-Language"))
	data := assets.PlayPage{Language: l, Title: l.Text("fail.title"), Failure: h.tell(l, r, err)}
	if req, ok := h.asked(r); ok && req.Path != "" {
		data.Title = printable(path.Base(req.Path))
	}
	var b bytes.Buffer
	if e := errors.Join(data.Head(&b), data.Failed(&b)); e != nil {
		h.cut(r, e, 0)
	}
	h.describePage(w.Header(), l)
	w.Header().Set("Content-Length", strconv.Itoa(b.Len()))
	w.WriteHeader(code)
	if r.Method == http.MethodGet {
		w.Write(b.Bytes())
	}
}

// asked returns what the address of a request asks for. ok is false for what is no address of content.
func (h *Handler) asked(r *http.Request) (req stream.Request, ok bool) {
	req, err := stream.ParsePath(r.URL.EscapedPath())
	_, isProtocol := h.protocols[req.Protocol+"/"+req.Version]
	_, isCommand := h.command(req.Command)
	return req, err == nil && isProtocol && isCommand
}

// tell makes of an error what a page says of it.
func (h *Handler) tell(l assets.Language, r *http.Request, err error) assets.PlayFailure {
	code, _ := status(err)
	f := assets.PlayFailure{Sentence: l.Text(told(err)), Again: mayPass(code)}
	if req, ok := h.asked(r); ok && req.Path != "" && errors.Is(err, fs.ErrNotExist) {
		f.List = h.links(req, "play", req.Root, r.URL)("")
	}
	return f
}

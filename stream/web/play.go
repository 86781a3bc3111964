package web

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/zeronetscript/universal_p2p/assets"
	"github.com/zeronetscript/universal_p2p/stream"
)

// quickPage is how long a page waits before it begins to say what it waits for, and pageTick how often it says so then.
const (
	quickPage = 700 * time.Millisecond
	pageTick  = time.Second
)

// play answers with a page for people: a player for a film, a picture, or a list of a folder or an archive. It lies on the origin of
// content, so that no browser asks for a permission when a link leads there, and has no script that anything in a torrent could
// take over. With "m3u" for "as" in the query it is a playlist, for players outside of browsers.
func (h *Handler) play(c *visit, w http.ResponseWriter, r *http.Request, b stream.Backend, req stream.Request) error {
	root := stream.Root{ID: req.Root, Hints: hints(r.URL)}
	switch r.URL.Query().Get("as") {
	case "":
	case "m3u":
		v, err := h.look(c, b, root, req)
		if err != nil {
			return err
		}
		return h.playlist(w, r, req, v)
	default:
		return errNoCommand
	}

	type looked struct {
		v   *folderView
		err error
	}
	done := make(chan looked, 1)
	go func() {
		v, err := h.look(c, b, root, req)
		done <- looked{v, err}
	}()
	p := h.newPage(w, r, req)
	timer := time.NewTimer(quickPage)
	defer timer.Stop()
	for {
		select {
		case l := <-done:
			c.timer.Stop()
			if l.err != nil && !p.begun {
				return l.err
			}
			p.end(l.v, c.why(l.err))
			return nil
		case <-timer.C:
			if r.Method == http.MethodGet && p.err == nil {
				p.progress(b, root)
			}
			if p.err != nil {
				c.cancel(p.err)
				<-done
				h.cut(r, p.err, 0)
			}
			timer.Reset(pageTick)
		}
	}
}

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
	return &page{h: h, w: w, r: r, req: req, out: newSink(w, h.cfg.StallLimit), data: assets.PlayPage{Title: printable(title)}}
}

// begin sends the header, and the part of the page that is known.
func (p *page) begin() {
	if p.begun {
		return
	}
	p.begun = true
	header := p.w.Header()
	crossOrigin(header)
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Cache-Control", "no-store")
	content := "'self' http://127.0.0.1:" + p.h.port
	header.Set("Content-Security-Policy", "default-src 'none'; img-src data: "+content+"; media-src "+content+"; style-src '"+
		assets.StyleHash()+"'; base-uri 'none'; form-action 'none'; "+unframed)
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
	text := "Waiting for the network…"
	if s, ok := b.(stream.Searcher); ok {
		at, ok := s.Search(root)
		switch {
		case !ok:
		case at.Found:
			text = fmt.Sprintf("Found. Fetching the list of what is inside; %d peers are connected.", at.Peers)
		case at.Known == 0:
			text = "Looking for somebody who has this…"
		default:
			text = fmt.Sprintf("Asking: %d addresses are known, %d peers are connected.", at.Known, at.Peers)
		}
	}
	p.write(func(w io.Writer) error { return p.data.Progress(w, text) })
}

// end sends what was found, or why nothing was.
func (p *page) end(v *folderView, err error) {
	if err != nil {
		_, sentence := status(err)
		p.write(func(w io.Writer) error { return p.data.Failed(w, sentence) })
	} else {
		p.fill(v)
		p.begin()
		p.write(p.data.Rest)
	}
	if p.err != nil {
		p.h.cut(p.r, p.err, 0)
	}
}

// fill puts what was found into the words of the page.
func (p *page) fill(v *folderView) {
	stream, play := p.h.links(p.req, "stream", v.root, p.r.URL), p.h.links(p.req, "play", v.root, p.r.URL)
	name := v.name
	if name == "" {
		name = v.root
	}
	if !p.begun && p.req.Path == "" && v.file == nil {
		p.data.Title = printable(name)
	}
	p.data.Folders = []assets.PlayLink{{Name: printable(name), URL: play("")}}
	for at, elem := range strings.Split(v.folder, "/") {
		if elem != "" {
			to := strings.Join(strings.Split(v.folder, "/")[:at+1], "/")
			p.data.Folders = append(p.data.Folders, assets.PlayLink{Name: printable(elem), URL: play(to)})
		}
	}
	link := func(e *viewEntry) assets.PlayEntry {
		out := assets.PlayEntry{
			PlayLink: assets.PlayLink{Name: printable(e.name()), URL: play(e.path)},
			Kind:     e.kind.String(), Size: size(e.size), Files: e.files,
		}
		if e.kind != viewFolder {
			out.Save = stream(e.path)
		}
		if e.kind == viewImage && e.size <= maxThumbnail {
			out.Picture = out.Save
		}
		return out
	}
	media := false
	for i := range v.entries {
		media = media || v.entries[i].kind == viewVideo || v.entries[i].kind == viewAudio
	}
	if media || v.file != nil {
		p.data.Playlist = as(play(p.req.Path), "m3u")
	}
	if v.file == nil {
		for i := range v.entries {
			p.data.Entries = append(p.data.Entries, link(&v.entries[i]))
		}
		p.data.More = v.more
		return
	}
	file := link(v.file)
	p.data.File = &file
	for i := range v.subtitles {
		s := &v.subtitles[i]
		p.data.Subtitles = append(p.data.Subtitles, assets.PlayLink{Name: printable(s.name()), URL: as(stream(s.path), "vtt")})
	}
	before, behind := v.beside()
	if before != nil {
		p.data.Before = &assets.PlayLink{Name: printable(before.name()), URL: play(before.path)}
	}
	if behind != nil {
		p.data.Behind = &assets.PlayLink{Name: printable(behind.name()), URL: play(behind.path)}
	}
}

// maxThumbnail is the largest picture that a list shows, in bytes: there is no smaller one of it.
const maxThumbnail = 8 << 20

// as adds to a URL in which form its content is wanted.
func as(to, form string) string {
	if strings.Contains(to, "?") {
		return to + "&as=" + form
	}
	return to + "?as=" + form
}

func (k viewKind) String() string {
	return [...]string{"other", "folder", "archive", "video", "audio", "image"}[k]
}

// size is for people: 1.4 GB.
func size(bytes int64) string {
	if bytes < 1000 {
		return strconv.FormatInt(bytes, 10) + " bytes"
	}
	n, unit := float64(bytes)/1000, 0
	for ; n >= 999.5 && unit < 4; unit++ {
		n /= 1000
	}
	digits := 1
	if n >= 99.95 {
		digits = 0
	}
	return strconv.FormatFloat(n, 'f', digits, 64) + " " + [...]string{"kB", "MB", "GB", "TB", "PB"}[unit]
}

// playlist answers with the film or the sound that was asked for, or all in a folder, as m3u, to be saved: the desktop opens it with
// the player of the user's choice.
func (h *Handler) playlist(w http.ResponseWriter, r *http.Request, req stream.Request, v *folderView) error {
	entries := v.entries
	if v.file != nil {
		entries = []viewEntry{*v.file}
	}
	link := h.links(req, "stream", v.root, r.URL)
	var list bytes.Buffer
	list.WriteString("#EXTM3U\r\n")
	n := 0
	for _, e := range entries {
		if e.kind == viewVideo || e.kind == viewAudio || v.file != nil {
			list.WriteString("#EXTINF:-1," + printable(e.name()) + "\r\n" + link(e.path) + "\r\n")
			n++
		}
	}
	if n == 0 {
		return errNoMedia
	}
	name := path.Base(req.Path)
	if req.Path == "" {
		name = strings.ReplaceAll(v.name, "/", "_")
	}
	header := w.Header()
	describe(header, typeOf("a.m3u"))
	header.Set("Content-Disposition", disposition("attachment", name+".m3u8"))
	header.Set("Content-Length", strconv.Itoa(list.Len()))
	header.Set("Cache-Control", "no-store")
	if r.Method == http.MethodHead {
		return nil
	}
	if err := newSink(w, h.cfg.StallLimit).write(list.Bytes(), false); err != nil {
		h.cut(r, err, 0)
	}
	return nil
}

package web

import (
	"bytes"
	"io"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync/atomic"
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
		v, err := h.look(c, b, root, req, func(stream.File) error { return nil })
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
	var found atomic.Bool
	await := func(file stream.File) error {
		found.Store(true)
		if r.Method != http.MethodGet || !isShown(file.Path()) {
			return nil
		}
		return h.firstByte(c, file)
	}
	done := make(chan looked, 1)
	go func() {
		v, err := h.look(c, b, root, req, await)
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
				p.progress(b, root, found.Load())
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

// firstByte waits until a file begins to be here, so that a page shows no player that stays dark. What is fetched for that is what the
// player asks for first, and nobody waits for what is here.
func (h *Handler) firstByte(c *visit, file stream.File) error {
	if file.Size() == 0 {
		return nil
	}
	defer h.streaming()()
	body, err := h.openFirst(c, file)
	if err != nil {
		return err
	}
	defer body.Close()
	if x, ok := body.(stream.Expecter); ok {
		x.Expect(0, min(file.Size(), maxMediaPart))
	}
	var one [1]byte
	_, err = c.read(body, one[:])
	return err
}

// openFirst opens a file as the player in the page will.
func (h *Handler) openFirst(c *visit, file stream.File) (io.ReadSeekCloser, error) {
	if early, ok := file.(stream.EarlyFile); ok && h.cfg.Early && isMedia(file.Path()) {
		return early.OpenEarly(c.ctx)
	}
	return file.Open(c.ctx)
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
			Kind:     e.kind.String(), Shown: shown(e.path).String(), Size: p.data.Size(e.size), Files: e.files,
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
	p.data.File, p.data.Missing = &file, v.missing
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

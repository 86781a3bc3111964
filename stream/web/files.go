package web

import (
	"encoding/json"
	"io/fs"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/zeronetscript/universal_p2p/stream"
)

// A fileEntry is one element of the list that the command files gives.
type fileEntry struct {
	Path string `json:"path"`
	Size int64  `json:"size"` // bytes
	Type string `json:"type"`
	URL  string `json:"url"` // ready to be used
}

// files answers with the list of a tree, in JSON, or with "in" in the query that of an archive in it. It is sent as it comes: trees
// can be very big.
func (h *Handler) files(v *visit, w http.ResponseWriter, r *http.Request, b stream.Backend, req stream.Request) error {
	if req.Path != "" {
		return fs.ErrNotExist
	}
	tree, err := b.Open(v.ctx, stream.Root{ID: req.Root, Hints: hints(r.URL)})
	if err != nil {
		return err
	}
	defer tree.Close()
	in := r.URL.Query()["in"]
	if err := v.found(tree, strings.Join(in[:min(len(in), 1)], "")); err != nil {
		return err
	}
	entries := filesOf(v.ctx, tree)
	if len(in) > 0 {
		entries = h.members(v.ctx, tree, req, in[0])
	}

	l := &list{sink: newSink(w, h.cfg.StallLimit)}
	if r.Method == http.MethodHead {
		return l.flush()
	}
	head, err := json.Marshal(struct {
		Protocol string `json:"protocol"`
		Version  string `json:"version"`
		Root     string `json:"root"`
		Name     string `json:"name"`
	}{req.Protocol, req.Version, tree.ID(), tree.Name()})
	if err != nil {
		return err
	}
	l.buf = append(append(l.buf, head[:len(head)-1]...), `,"files":[`...)
	link := h.links(req, "stream", tree.ID(), r.URL)
	for f, err := range entries {
		v.timer.Stop()
		if err == nil {
			err = l.add(fileEntry{f.Path(), f.Size(), typeOf(f.Path()).mime, link(f.Path())})
		}
		if err != nil {
			return h.endList(v, r, l, err)
		}
		v.timer.Reset(v.limit)
	}
	l.buf = append(l.buf, "]}\n"...)
	if err := l.flush(); err != nil {
		return h.endList(v, r, l, err)
	}
	return nil
}

// endList ends a list that has failed: with an error that still can be told, or with the connection.
func (h *Handler) endList(v *visit, r *http.Request, l *list, err error) error {
	if l.sent > 0 {
		h.cut(r, v.why(err), l.sent)
	}
	return err
}

// links returns a function that makes the URL of a file for a command from its path. The hints of the request stay with it, and so do those
// within a root that is a URI with parameters of its own: the canonical ID that takes its place has none.
func (h *Handler) links(req stream.Request, command, id string, u *url.URL) func(path string) string {
	query := hints(u)
	if _, inRoot, ok := strings.Cut(req.Root, "?"); ok {
		for key, values := range hints(&url.URL{RawQuery: inRoot}) {
			for _, v := range values {
				if !slices.Contains(query[key], v) {
					query.Add(key, v)
				}
			}
		}
	}
	query.Del("xt") // it is in the ID
	tail := ""
	if len(query) > 0 {
		tail = "?" + query.Encode()
	}
	req.Command, req.Root = command, id
	return func(path string) string {
		req.Path = path
		return "http://127.0.0.1:" + h.port + req.EscapedPath() + tail
	}
}

// A list is JSON on its way to the client.
type list struct {
	*sink
	buf     []byte
	entries int
	sent    int64
}

func (l *list) add(e fileEntry) error {
	if l.entries > 0 {
		l.buf = append(l.buf, ',')
	}
	l.entries++
	entry, err := json.Marshal(e)
	if err != nil {
		return err
	}
	l.buf = append(l.buf, entry...)
	if len(l.buf) < 32<<10 {
		return nil
	}
	return l.flush()
}

// flush sends what there is, after the header if it is the first.
func (l *list) flush() error {
	if l.sent == 0 {
		header := l.w.Header()
		describe(header, contentType{"application/json", document})
		header.Set("Cache-Control", "no-store")
	}
	err := l.write(l.buf, false)
	l.sent += int64(len(l.buf))
	l.buf = l.buf[:0]
	return err
}

// torrent answers with the description of a tree as the file that its network uses.
func (h *Handler) torrent(v *visit, w http.ResponseWriter, r *http.Request, b stream.Backend, req stream.Request) error {
	meta, ok := b.(stream.MetaBackend)
	if !ok || req.Path != "" {
		return errNoCommand
	}
	root := stream.Root{ID: req.Root, Hints: hints(r.URL)}
	tree, err := b.Open(v.ctx, root)
	if err != nil {
		return err
	}
	defer tree.Close()
	if err := v.found(tree, ""); err != nil {
		return err
	}
	data, err := meta.Metainfo(v.ctx, root)
	if err != nil {
		return err
	}
	name := tree.Name()
	if name == "" {
		name = tree.ID()
	}
	header := w.Header()
	describe(header, typeOf("a.torrent"))
	header.Set("Content-Disposition", disposition("attachment", strings.ReplaceAll(name, "/", "_")+".torrent"))
	header.Set("Content-Length", strconv.Itoa(len(data)))
	header.Set("Cache-Control", "no-store")
	if err := newSink(w, h.cfg.StallLimit).write(data, false); err != nil {
		h.cut(r, err, 0)
	}
	return nil
}

// maxMetainfo is the biggest .torrent that is taken, in bytes: one of a terabyte in pieces of 2 MiB is 10 MB of hashes; most
// are below 1 MB.
const maxMetainfo = 16 << 20

// upload takes the description of a tree: POST /protocol/version/torrent.
func (h *Handler) upload(w http.ResponseWriter, r *http.Request, b stream.MetaBackend) {
	if err := h.authorized(r); err != nil {
		h.refuse(w, r, err)
		return
	}
	data, err := readBody(http.MaxBytesReader(w, r.Body, maxMetainfo))
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	id, err := b.AddMetainfo(r.Context(), data)
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	reply(w, http.StatusOK, struct {
		Root string `json:"root"`
	}{id})
}

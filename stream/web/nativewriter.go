package web

import (
	"context"
	"maps"
	"net/http"
	"strings"
	"time"
)

// A nativeWriter is what a network's own gateway writes its answer to. It gives the answer the header fields that keep it in its place,
// whatever the gateway says, counts what is sent, and lets the clock run only while the gateway has nothing to send.
type nativeWriter struct {
	h      *Handler
	v      *visit // nil for OPTIONS
	w      http.ResponseWriter
	r      *http.Request
	site   *website
	header http.Header // of the gateway, until the answer begins
	sink   *sink

	code int       // 0 until then
	sent int64     // bytes of the body
	last time.Time // when some were sent last
}

// slowly is how long a gateway may take between two writes before what it has written is sent at once. Who is faster fills the
// buffers by himself.
const slowly = 20 * time.Millisecond

var _ http.ResponseWriter = (*nativeWriter)(nil)

// Header implements [http.ResponseWriter].
func (n *nativeWriter) Header() http.Header { return n.header }

// WriteHeader implements [http.ResponseWriter].
func (n *nativeWriter) WriteHeader(code int) {
	if n.code != 0 || code < 200 || n.late() != nil {
		return
	}
	n.code = code
	header := n.w.Header()
	n.header.Del("Set-Cookie")
	maps.Copy(header, n.header)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cross-Origin-Resource-Policy", "cross-origin")
	if policy := n.policy(header.Get("Content-Type")); policy != "" {
		header.Set("Content-Security-Policy", policy)
	} else {
		header.Del("Content-Security-Policy")
	}
	if name, _ := ownName(n.r.Host, n.h.port); name == interfaceHost {
		header.Set("Cache-Control", "no-store") // another program may have the port tomorrow
	}
	n.w.WriteHeader(code)
}

// policy is what the answer may do. On a host that all roots share it is what any content may: to be seen and heard.
func (n *nativeWriter) policy(mime string) string {
	if n.site != nil {
		return n.h.policy(n.site)
	}
	mime, _, _ = strings.Cut(strings.ToLower(mime), ";")
	mime = strings.TrimSpace(mime)
	switch kind, _, _ := strings.Cut(mime, "/"); {
	case kind == "video", kind == "audio":
		return unframed
	case kind == "image" && isRaster(mime):
		return ""
	}
	return sandbox
}

// isRaster reports whether an image is of pixels: what we call one ourselves.
func isRaster(mime string) bool {
	switch mime {
	case "image/jpeg", "image/png", "image/apng", "image/gif", "image/webp", "image/avif", "image/heic", "image/heif", "image/jxl",
		"image/bmp", "image/x-icon", "image/vnd.microsoft.icon", "image/tiff", "image/jp2":
		return true
	}
	return false
}

// late returns why there is nothing to be sent any more.
func (n *nativeWriter) late() error {
	if n.v == nil {
		return nil
	}
	return context.Cause(n.v.ctx)
}

// Write implements [http.ResponseWriter].
func (n *nativeWriter) Write(p []byte) (int, error) {
	n.WriteHeader(http.StatusOK)
	if err := n.late(); err != nil {
		return 0, err
	}
	if n.v == nil {
		return n.w.Write(p)
	}
	n.v.timer.Stop()
	defer n.v.timer.Reset(n.v.limit)
	err := n.sink.write(p, time.Since(n.last) > slowly)
	n.last = time.Now()
	if err != nil {
		if n.r.Method == http.MethodHead {
			return len(p), nil // there is no body, whatever was written for one
		}
		return 0, err
	}
	n.sent += int64(len(p))
	n.v.access.Sent(int64(len(p)))
	return len(p), nil
}

// Flush implements [http.Flusher].
func (n *nativeWriter) Flush() {
	n.WriteHeader(http.StatusOK)
	if n.code != 0 {
		http.NewResponseController(n.w).Flush()
	}
}

// end sends what is left, with the patience that a player has a right to. An answer that was never begun is none.
func (n *nativeWriter) end() error {
	n.WriteHeader(http.StatusOK)
	if err := n.late(); err != nil {
		return err
	}
	n.v.timer.Stop()
	if n.sent == 0 {
		return nil
	}
	return n.sink.write(nil, true)
}

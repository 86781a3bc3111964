// Package web is the HTTP front on the loopback interface: it answers requests for content out of whatever protocols it is
// given, and gives our own command line and pages a small control API.
//
// What any web page may ask for is the content of a public peer-to-peer network, and nothing else. So the first look at every
// request is at its Host header (DNS rebinding), content can be read by everyone and can never act (no script, no cookie, a
// sandbox around whatever is not sound or picture), and what changes anything wants a secret and our own origin.
//
// [Handler.ServeHTTP] sorts requests, and the way of one for content is [Handler.stream], from the top down. Around it stand
// hosts.go and website.go (on which of our hosts), guard.go (who may ask), visit.go (for whom, and whether it gets that),
// slots.go (who has to wait), ranges.go (which bytes), types.go and header.go (what to call them), wait.go (how long), and
// errors.go, the only place where an error becomes a status. The control API is in api.go. A network that has addresses of its
// own is asked by native.go, behind the same guards.
//
// The interface is one page (of package assets) with a script. It asks for a login (login.go), and then lives from the control
// API, from the [Desk] (desk.go), and from what happens now (events.go); link.go tells what somebody has pasted.
package web

import (
	"crypto/sha256"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zeronetscript/universal_p2p/assets"
	"github.com/zeronetscript/universal_p2p/stream"
	"github.com/zeronetscript/universal_p2p/stream/ledger"
)

// Config is what a [Handler] needs. Addr, Ledger, Gate and Signer are required; everything else has a use for its zero value.
type Config struct {
	// Addr is the host and port we listen on, with the real port. URLs that we make begin with it, and requests are answered
	// only when their Host header is 127.0.0.1, localhost or [::1] with exactly this port.
	Addr string
	// Version of the program, for another start of it that asks.
	Version string
	// Protocols are served under /Name/Version/.
	Protocols []Protocol
	// Archives finds the members of archives in them. Without it there are none.
	Archives Archives
	// Early lets bytes of video and audio go to players before they are verified, where a protocol can do that. A page cannot
	// ask for it in any other way than with a media element.
	Early bool
	// Ledger is the history of which site used what, Gate decides what a site may have and notes it there, and Signer makes the
	// tags by which sites say who they are. All of them stay the caller's.
	Ledger *ledger.Ledger
	Gate   *ledger.Gate
	Signer *ledger.Signer
	// Disk lets go of what no site needs any more. Without it that stays until its space is needed.
	Disk ledger.Disk
	// Control is what the control API controls. Without it there is only its ping.
	Control Control
	// Token is the bearer token of the control API. With an empty one nobody is let in.
	Token string
	// Desk is what the interface shows and changes beyond that. Without it the interface has nothing to show.
	Desk Desk
	// Secret signs the sessions of browsers that have logged in. Nil is one that ends with the Handler.
	Secret Secret
	// Stop, when it is closed, ends what would go on for as long as somebody looks. Nil never does.
	Stop <-chan struct{}
	// Home answers GET and HEAD of "/". Without it that is 404.
	Home http.Handler
	// Log gets what goes wrong on our side. Nil discards it.
	Log *slog.Logger

	// Patience is how long a request waits for its first byte, from when it came, and for every further one after that. Zero
	// means 60 s. MediaPatience is the same for video and audio; zero means 120 s.
	Patience, MediaPatience time.Duration
	// StallLimit is how long a client may take nothing of an answer before we hang up. Zero means 10 minutes: a player that
	// pauses is no fault.
	StallLimit time.Duration
	// MaxStreams bounds the requests for content that are answered at the same time, and half of it those of one site; as
	// many again wait, and more are refused. Zero means 64, which is few beside the connections that a server has.
	MaxStreams int
	// Changed is called when a file begins or ceases to be sent, and when a pause begins or ends. It must not block, and several
	// may call at a time.
	Changed func()
	// Full is called when content failed because there was no room and nothing that could go. The same holds for it.
	Full func()
}

// A Protocol is one version of one protocol, as it is served under /Name/Version/.
type Protocol struct {
	Name, Version string // "bittorrent", "v0"
	Backend       stream.Backend
	// Err says why there is no Backend: requests get it with 503.
	Err error
}

// A Handler is the front. What it does ends with the requests, but for what sites have fetched ahead: [Handler.Close] ends that.
type Handler struct {
	cfg       Config
	port      string
	own       []ledger.Site     // our own origins
	token     [sha256.Size]byte // of the bearer token
	protocols map[string]Protocol
	uploads   map[string]stream.MetaBackend // by the path that takes their POST
	keys      keys
	sessions  sessions
	viewers   chan struct{} // a place for each that watches the interface
	api       *http.ServeMux
	slots     *slots // for the requests for content
	ahead     *ahead
	streams   atomic.Int64
	pausing   sync.Mutex // one pause after the other
	pause     pause
	buffers   sync.Pool // of *buffer
}

var _ http.Handler = (*Handler)(nil)

// New returns the front for cfg. It is closed after the last request. The backends stay the caller's: they are closed after the front.
func New(cfg Config) *Handler {
	orDefault(&cfg.Patience, 60*time.Second)
	orDefault(&cfg.MediaPatience, 120*time.Second)
	orDefault(&cfg.StallLimit, 10*time.Minute)
	orDefault(&cfg.MaxStreams, 64)
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Secret == nil {
		cfg.Secret = new(shortSecret)
	}
	_, port, _ := net.SplitHostPort(cfg.Addr) // without a port no Host is ours, and nothing is answered
	h := &Handler{
		cfg:       cfg,
		port:      port,
		token:     sha256.Sum256([]byte(cfg.Token)),
		protocols: make(map[string]Protocol),
		uploads:   make(map[string]stream.MetaBackend),
		slots:     newSlots(cfg.MaxStreams),
		sessions:  sessions{cfg.Secret},
		viewers:   make(chan struct{}, maxViewers),
	}
	for _, name := range []string{"127.0.0.1", "localhost", "[::1]"} {
		if site, err := ledger.ParseSite("http://" + name + ":" + port); err == nil {
			h.own = append(h.own, site)
		}
	}
	if cfg.Changed == nil {
		h.cfg.Changed = func() {}
	}
	if cfg.Full == nil {
		h.cfg.Full = func() {}
	}
	h.buffers.New = func() any { return new(buffer) }
	for _, p := range cfg.Protocols {
		prefix := p.Name + "/" + p.Version
		h.protocols[prefix] = p
		if b, ok := p.Backend.(stream.MetaBackend); ok {
			h.uploads["/"+prefix+"/torrent"] = b
		}
	}
	h.ahead = newAhead(h)
	h.api = h.newAPI()
	return h
}

func orDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Streams returns the number of files that are being sent, or waited for, now.
func (h *Handler) Streams() int { return int(h.streams.Load()) }

// streaming counts a file that is being sent until done is called.
func (h *Handler) streaming() (done func()) {
	h.streams.Add(1)
	h.cfg.Changed()
	return func() {
		h.streams.Add(-1)
		h.cfg.Changed()
	}
}

// ServeHTTP implements [http.Handler].
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if a, ok := h.nativeAddress(r); ok {
		if name, _ := ownName(r.Host, h.port); name != "[::1]" || !h.sendHome(w, r, contentHost) {
			h.serveAddress(w, r, a)
		}
		return
	}
	if site, ok := h.website(r.Host); ok {
		h.serveWebsite(w, r, site)
		return
	}
	if !isOurs(r.Host, h.port) {
		w.Header().Set("Connection", "close")
		w.WriteHeader(http.StatusMisdirectedRequest)
		return
	}
	path := r.URL.Path
	upload, isUpload := h.uploads[r.URL.EscapedPath()]
	switch {
	case strings.HasPrefix(path, "/api/"):
		h.api.ServeHTTP(w, r)
	case path == "/":
		if !h.sendHome(w, r, interfaceHost) {
			h.home(w, r)
		}
	case isUpload && r.Method == http.MethodPost:
		h.upload(w, r, upload)
	case path == "/embed.js":
		h.embed(w, r)
	case path == "/favicon.ico": // browsers ask for it by themselves
		h.fail(w, r, fs.ErrNotExist)
	default:
		if !h.sendHome(w, r, contentHost) {
			h.content(w, r)
		}
	}
}

// embed answers with the script for pages of others. It is our own, and the only one that they may load from here.
func (h *Handler) embed(w http.ResponseWriter, r *http.Request) {
	if !h.readOnly(w, r, false) {
		return
	}
	crossOrigin(w.Header())
	assets.Embed().ServeHTTP(w, r)
}

func (h *Handler) home(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("X-Frame-Options", "DENY")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	switch {
	case h.cfg.Home == nil:
		http.NotFound(w, r)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		header.Set("Allow", "GET, HEAD")
		http.Error(w, "This page can only be read.", http.StatusMethodNotAllowed)
	default:
		h.cfg.Home.ServeHTTP(w, r)
	}
}

package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"time"

	"github.com/zeronetscript/universal_p2p/stream"
)

// Control is what the control API acts on: the program around us. Its methods are safe for concurrent use.
type Control interface {
	Status(ctx context.Context) (Status, error)
	// Recycle gives back disk space and returns how many bytes it was.
	Recycle(ctx context.Context, what Recycle) (freed int64, err error)
	// Keep says whether a root may be recycled. One that nothing is stored of is fs.ErrNotExist.
	Keep(ctx context.Context, protocol, root string, keep bool) error
	// Quit tells the program to end, and does not wait for it.
	Quit()
}

// Recycle says what to give back. Exactly one of its fields is set.
type Recycle struct {
	All       bool          // everything that is not kept or in use
	UnusedFor time.Duration // roots that nobody has used for so long
	Free      int64         // the least recently used, until so many bytes are freed
}

// Status is the state of the program, in the form in which GET /api/v0/status gives it.
type Status struct {
	Version  string       `json:"version"`
	PID      int          `json:"pid"`
	Addr     string       `json:"addr"`    // host and port
	Used     int64        `json:"used"`    // bytes of content on disk
	Quota    int64        `json:"quota"`   // bytes
	Reserve  int64        `json:"reserve"` // bytes of free disk that are left alone
	Streams  int          `json:"streams"` // files being sent now
	Paused   bool         `json:"paused"`
	Roots    []RootStatus `json:"roots"`
	Problems []string     `json:"problems"` // sentences for people
}

// RootStatus is what is stored of one root.
type RootStatus struct {
	Protocol   string    `json:"protocol"`
	Root       string    `json:"root"`
	Name       string    `json:"name"`
	Bytes      int64     `json:"bytes"` // on disk
	Size       int64     `json:"size"`  // of the whole
	LastAccess time.Time `json:"last_access"`
	Kept       bool      `json:"kept"` // never recycled
}

// maxCommand bounds the body of a request to the control API, in bytes.
const maxCommand = 64 << 10

// An apiFunc answers a request to the control API: with JSON, or with an error that becomes one.
type apiFunc func(r *http.Request) (code int, answer any, err error)

// newAPI returns the control API. It speaks JSON, and lets nobody from another origin read an answer, apart from ping
// and what is for pages.
func (h *Handler) newAPI() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v0/ping", func(w http.ResponseWriter, _ *http.Request) {
		// Any page may ask whether we are here: it can see that from the open port as well. It learns nothing else.
		crossOrigin(w.Header())
		reply(w, http.StatusOK, struct{}{})
	})
	mux.HandleFunc("GET /api/v0/instance", h.apiInstance)
	answer := func(w http.ResponseWriter, r *http.Request, f apiFunc) {
		r.Body = http.MaxBytesReader(w, r.Body, maxCommand)
		code, v, err := f(r)
		if err != nil {
			h.refuse(w, r, err)
			return
		}
		reply(w, code, v)
	}
	handle := func(pattern string, f apiFunc) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if err := h.authorized(r); err != nil {
				h.refuse(w, r, err)
				return
			}
			answer(w, r, f)
		})
	}
	h.siteAPI(mux)
	mux.HandleFunc("POST /api/v0/login", func(w http.ResponseWriter, r *http.Request) { answer(w, r, h.apiLogin) })
	handle("POST /api/v0/logout", h.apiLogout)
	handle("POST /api/v0/link", h.apiLink)
	handle("POST /api/v0/open", h.apiOpen)
	handle("GET /api/v0/sites", h.apiSites)
	handle("GET /api/v0/history", h.apiHistory)
	handle("POST /api/v0/rule", h.apiRule)
	handle("POST /api/v0/forget", h.apiForget)
	handle("GET /api/v0/search", h.apiSearch)
	handle("POST /api/v0/pause", h.apiPause)
	if h.cfg.Control != nil {
		handle("GET /api/v0/status", h.apiStatus)
		handle("POST /api/v0/recycle", h.apiRecycle)
		handle("POST /api/v0/keep", h.apiKeep)
		handle("POST /api/v0/quit", h.apiQuit)
	}
	if h.cfg.Desk != nil {
		handle("GET /api/v0/overview", h.apiOverview)
		handle("POST /api/v0/recycle/root", h.apiRecycleRoot)
		handle("POST /api/v0/recycle/site", h.apiRecycleSite)
		handle("GET /api/v0/settings", h.apiSettings)
		handle("POST /api/v0/settings", h.apiSet)
		mux.HandleFunc("GET /api/v0/events", h.events)
	}
	return mux
}

// Instance says who answers here, in the form in which GET /api/v0/instance gives it.
type Instance struct {
	Program string `json:"program"` // always "universal-p2p"
	Version string `json:"version"`
}

// Program is what the program calls itself in an [Instance].
const Program = "universal-p2p"

// apiInstance tells a second start of the program, which finds the port taken and has no token, that it is us. Pages get no answer:
// the version is none of their business.
func (h *Handler) apiInstance(w http.ResponseWriter, r *http.Request) {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" || r.Header.Get("Origin") != "" {
		h.refuse(w, r, errOrigin)
		return
	}
	reply(w, http.StatusOK, Instance{Program, h.cfg.Version})
}

// apiOpen says where our own page is, for who wants to show it: with a key in the address that logs a browser in, once.
func (h *Handler) apiOpen(*http.Request) (int, any, error) {
	return http.StatusOK, struct {
		URL string `json:"url"`
	}{h.ownOrigin() + "/#k=" + h.keys.issue(time.Now())}, nil
}

// apiSearch says how the search for a root goes that a request waits for.
func (h *Handler) apiSearch(r *http.Request) (int, any, error) {
	query := r.URL.Query()
	searcher, ok := h.searcher(query.Get("protocol"))
	if !ok {
		return 0, nil, errNoProtocol
	}
	s, ok := searcher.Search(stream.Root{ID: query.Get("root"), Hints: hints(r.URL)})
	if !ok {
		return 0, nil, errNoSearch
	}
	return http.StatusOK, struct {
		Peers int  `json:"peers"`
		Known int  `json:"known"`
		Found bool `json:"found"`
	}{s.Peers, s.Known, s.Found}, nil
}

// searcher finds a protocol by "name/version", or by its name alone, that can tell about its searches.
func (h *Handler) searcher(name string) (stream.Searcher, bool) {
	for _, p := range h.cfg.Protocols {
		if s, ok := p.Backend.(stream.Searcher); ok && (name == p.Name || name == p.Name+"/"+p.Version) {
			return s, true
		}
	}
	return nil, false
}

func (h *Handler) apiStatus(r *http.Request) (int, any, error) {
	s, err := h.cfg.Control.Status(r.Context())
	if err != nil {
		return 0, nil, err
	}
	s.Paused = h.Paused()
	if s.Roots == nil {
		s.Roots = []RootStatus{} // [] and not null
	}
	if s.Problems == nil {
		s.Problems = []string{}
	}
	return http.StatusOK, s, nil
}

func (h *Handler) apiRecycle(r *http.Request) (int, any, error) {
	var in struct {
		All       bool   `json:"all"`
		UnusedFor string `json:"unused_for"`
		Free      int64  `json:"free"`
	}
	if err := decode(r, &in); err != nil {
		return 0, nil, err
	}
	what := Recycle{All: in.All, Free: in.Free}
	if in.UnusedFor != "" {
		d, err := time.ParseDuration(in.UnusedFor)
		if err != nil || d <= 0 {
			return 0, nil, badRequest(`"unused_for" has to be a time like "168h".`)
		}
		what.UnusedFor = d
	}
	set := 0
	for _, is := range []bool{what.All, what.UnusedFor > 0, what.Free > 0} {
		if is {
			set++
		}
	}
	if set != 1 || in.Free < 0 {
		return 0, nil, badRequest(`Give exactly one of "all", "unused_for" and "free".`)
	}
	freed, err := h.cfg.Control.Recycle(r.Context(), what)
	return http.StatusOK, struct {
		Freed int64 `json:"freed"`
	}{freed}, err
}

func (h *Handler) apiKeep(r *http.Request) (int, any, error) {
	var in struct {
		Protocol string `json:"protocol"`
		Root     string `json:"root"`
		Keep     *bool  `json:"keep"`
	}
	if err := decode(r, &in); err != nil {
		return 0, nil, err
	}
	if in.Protocol == "" || in.Root == "" || in.Keep == nil {
		return 0, nil, badRequest(`Give "protocol", "root" and "keep".`)
	}
	err := h.cfg.Control.Keep(r.Context(), in.Protocol, in.Root, *in.Keep)
	if errors.Is(err, fs.ErrNotExist) {
		err = errNotStored
	}
	return http.StatusOK, struct{}{}, err
}

func (h *Handler) apiQuit(*http.Request) (int, any, error) {
	h.cfg.Control.Quit() // the server lets requests under way end, this one too
	return http.StatusAccepted, struct{}{}, nil
}

// decode reads the JSON body of a request.
func decode(r *http.Request, v any) error {
	data, err := readBody(r.Body)
	if err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if d.Decode(v) != nil {
		return badRequest("The body has to be a JSON object with the fields of this command.")
	}
	return nil
}

// readBody reads the body of a request, which a [http.MaxBytesReader] bounds.
func readBody(body io.Reader) ([]byte, error) {
	data, err := io.ReadAll(body)
	if _, tooBig := errors.AsType[*http.MaxBytesError](err); err != nil && !tooBig {
		return nil, badRequest("The request ended too early.")
	}
	return data, err
}

// refuse answers a request to the control API with an error.
func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, err error) {
	code, sentence := h.failure(w, r, err)
	reply(w, code, struct {
		Error string `json:"error"`
	}{sentence})
}

// reply sends v as JSON. Every v is made of types that can be.
func reply(w http.ResponseWriter, code int, v any) {
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	json.NewEncoder(w).Encode(v)
}

package web

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Secret is what signs the sessions of browsers. Its methods are safe for concurrent use.
type Secret interface {
	// Secret is at least 16 bytes that nobody else knows.
	Secret() []byte
	// Renew replaces them, so that all that was signed before is worth nothing. It may wait for the disk.
	Renew() error
}

// How a browser logs in. The tray or the command line, which know the bearer token of the control API, ask for a key and open
// the interface with it in the fragment of the address, which browsers send nowhere. The page swaps the key for a session, a
// bearer of its own that it keeps. There is no cookie in it: other ports of this computer would be sent it as well. To log out ends
// the sessions of all browsers, so that none is left that somebody has forgotten, or taken.
const (
	keyLife     = 2 * time.Minute     // a browser may have to start first
	maxKeys     = 16                  // that wait for their browser
	sessionLife = 30 * 24 * time.Hour // renewed whenever the interface is opened
)

// keys are the one-time keys that nobody has used yet.
type keys struct {
	mu   sync.Mutex
	live map[[sha256.Size]byte]time.Time // by the key's hash: until when
}

// issue makes a key. When there are too many, the one that ends first makes room.
func (k *keys) issue(now time.Time) string {
	key := rand.Text()
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.live == nil {
		k.live = make(map[[sha256.Size]byte]time.Time)
	}
	for len(k.live) >= maxKeys {
		var first [sha256.Size]byte
		var end time.Time
		for h, t := range k.live {
			if end.IsZero() || t.Before(end) {
				first, end = h, t
			}
		}
		delete(k.live, first)
	}
	k.live[sha256.Sum256([]byte(key))] = now.Add(keyLife)
	return key
}

// redeem reports whether key is good, and ends it.
func (k *keys) redeem(key string, now time.Time) bool {
	h := sha256.Sum256([]byte(key))
	k.mu.Lock()
	defer k.mu.Unlock()
	end, ok := k.live[h]
	delete(k.live, h)
	return ok && now.Before(end)
}

// sessions signs what browsers hold. Nothing is stored: who has the secret can tell a session from anything else.
type sessions struct{ Secret }

const sessionPrefix = "ui1."

// start returns a session that ends at that time.
func (s sessions) start(end time.Time) string {
	head := sessionPrefix + strconv.FormatInt(end.Unix(), 36) + "." + rand.Text() + "."
	return head + s.sign(head)
}

// valid reports whether session is one of ours that has not ended.
func (s sessions) valid(session string, now time.Time) bool {
	if len(session) > 200 || !strings.HasPrefix(session, sessionPrefix) {
		return false
	}
	i := strings.LastIndexByte(session, '.')
	head, sum := session[:i+1], session[i+1:]
	if !hmac.Equal([]byte(sum), []byte(s.sign(head))) {
		return false
	}
	end, _, _ := strings.Cut(head[len(sessionPrefix):], ".")
	t, err := strconv.ParseInt(end, 36, 64)
	return err == nil && now.Unix() < t
}

func (s sessions) sign(head string) string {
	mac := hmac.New(sha256.New, s.Secret.Secret())
	mac.Write([]byte("session\x00" + head))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// A shortSecret is one that ends with the program.
type shortSecret struct {
	mu   sync.Mutex
	text string
}

func (s *shortSecret) Secret() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.text == "" {
		s.text = rand.Text()
	}
	return []byte(s.text)
}

func (s *shortSecret) Renew() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text = rand.Text()
	return nil
}

// ownOrigin is the origin of the interface.
func (h *Handler) ownOrigin() string { return "http://" + interfaceHost + ":" + h.port }

// fromOwnPage reports whether the browser says that a page of the interface asks. A browser that does not say it is too old.
func (h *Handler) fromOwnPage(r *http.Request) bool {
	if !strings.EqualFold("http://"+r.Host, h.ownOrigin()) || r.Header.Get("Sec-Fetch-Site") != "same-origin" {
		return false
	}
	origin, ok := r.Header["Origin"]
	if !ok {
		return r.Method == http.MethodGet // as browsers do
	}
	return len(origin) == 1 && origin[0] == h.ownOrigin()
}

// loggedIn reports whether a page of the interface asks that has a session.
func (h *Handler) loggedIn(r *http.Request, bearer string) bool {
	return h.fromOwnPage(r) && h.sessions.valid(bearer, time.Now())
}

// apiLogin gives a session for a key, or a new session for one that is still good.
func (h *Handler) apiLogin(r *http.Request) (int, any, error) {
	if !h.fromOwnPage(r) {
		return 0, nil, errOrigin
	}
	var in struct {
		Key string `json:"key"`
	}
	if err := decode(r, &in); err != nil {
		return 0, nil, err
	}
	now := time.Now()
	if in.Key != "" && !h.keys.redeem(in.Key, now) {
		return 0, nil, errKey
	}
	if in.Key == "" {
		if err := h.authorized(r); err != nil {
			return 0, nil, err
		}
	}
	end := now.Add(sessionLife)
	return http.StatusOK, struct {
		Bearer string    `json:"bearer"`
		Ends   time.Time `json:"ends"`
	}{h.sessions.start(end), end.UTC().Truncate(time.Second)}, nil
}

// apiLogout ends all sessions.
func (h *Handler) apiLogout(*http.Request) (int, any, error) {
	return http.StatusOK, struct{}{}, h.sessions.Renew()
}

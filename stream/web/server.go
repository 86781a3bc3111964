package web

import (
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// Limits of the server. A browser opens 6 connections to a host for every site that has a tab, so that a big family of tabs
// fits and a page that means harm does not take all there is.
const (
	maxConns       = 256
	maxHeaderBytes = 1 << 20  // a page can set 180 cookies of 4 KiB for the hosts of all web sites, and would lock them otherwise
	maxAddress     = 64 << 10 // a magnet URI with many trackers is long

	bodyTime   = 10 * time.Second // for the body of a request
	answerTime = 30 * time.Second // for what is sent otherwise than by a sink
)

// NewServer returns a server for h with limits that suit the loopback interface: slow headers and bodies, answers
// that nobody takes, idle connections and too many of them are ended. There is no limit to how long an answer is in coming; the
// [Handler] has its own. Log gets what net/http has to say;
// nil discards it.
func NewServer(h http.Handler, log *slog.Logger) *http.Server {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	conns := &conns{most: maxConns, free: make(map[net.Conn]time.Time)}
	return &http.Server{
		Handler:                      inTime(h),
		ReadHeaderTimeout:            5 * time.Second,
		IdleTimeout:                  60 * time.Second,
		MaxHeaderBytes:               maxHeaderBytes,
		DisableGeneralOptionsHandler: true, // "OPTIONS *" has a Host to look at, too
		ErrorLog:                     slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		ConnState:                    conns.change,
	}
}

// inTime gives the body of a request and a short answer so much time, whatever the request is: net/http reads the body to its
// end before it answers, and writes most short answers when their handler has returned. [http.Server.WriteTimeout] is not for
// us, as it begins before the wait for a swarm. A deadline that has passed meanwhile harms nobody: a [sink] sets its own, and
// net/http takes that for reading away once the body is there.
func inTime(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rc := http.NewResponseController(w)
		if r.ContentLength != 0 {
			rc.SetReadDeadline(time.Now().Add(bodyTime))
		}
		rc.SetWriteDeadline(time.Now().Add(answerTime))
		h.ServeHTTP(w, r)
		rc.SetWriteDeadline(time.Now().Add(answerTime))
	})
}

// conns bounds the connections of a server. One too many takes the place of the one that has been without a request for
// longest, and is closed itself if all are busy.
type conns struct {
	most int

	mu   sync.Mutex
	open int
	free map[net.Conn]time.Time // those without a request, and since when
}

// change is an [http.Server.ConnState].
func (c *conns) change(conn net.Conn, state http.ConnState) {
	if victim := c.note(conn, state); victim != nil {
		victim.Close() // its own goroutine sees that, and tells us
	}
}

func (c *conns) note(conn net.Conn, state http.ConnState) (victim net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch state {
	case http.StateActive:
		delete(c.free, conn)
	case http.StateIdle:
		c.free[conn] = time.Now()
	case http.StateClosed, http.StateHijacked:
		delete(c.free, conn)
		c.open--
	case http.StateNew:
		c.open++
		c.free[conn] = time.Now()
		if c.open > c.most {
			victim = c.oldest()
			delete(c.free, victim)
		}
	}
	return victim
}

// oldest returns the connection that has been free for longest. There is at least the newest.
func (c *conns) oldest() (conn net.Conn) {
	var since time.Time
	for candidate, t := range c.free {
		if conn == nil || t.Before(since) {
			conn, since = candidate, t
		}
	}
	return conn
}

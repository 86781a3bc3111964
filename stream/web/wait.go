package web

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/zeronetscript/universal_p2p/stream"
)

// patience returns how long a request waits for a byte. Media elements do not ask again when they are told to come back later,
// so they get more time than the rest; so do players outside of browsers, that say nothing about themselves. A URL that names
// no file means the biggest, which is a film more often than not. The player page waits as long as the player in it would.
func (h *Handler) patience(header http.Header, req stream.Request) time.Duration {
	_, said := header["Sec-Fetch-Dest"]
	toPlay := req.Command == "play" || req.Command == "stream" && !said
	if forPlayer(header) || toPlay && (req.Path == "" || isMedia(req.Path)) {
		return h.cfg.MediaPatience
	}
	return h.cfg.Patience
}

// A clock ends the context of a request that has waited too long for someone else. It runs from the start to the first byte,
// and later while we wait for another one; not while the client takes its time.
type clock struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	limit  time.Duration
	timer  *time.Timer
}

func newClock(parent context.Context, limit time.Duration) *clock {
	ctx, cancel := context.WithCancelCause(parent)
	return &clock{ctx, cancel, limit, time.AfterFunc(limit, func() { cancel(errTooLong) })}
}

func (c *clock) stop() {
	c.timer.Stop()
	c.cancel(nil)
}

// why returns what really ended a request whose error is that its context is done.
func (c *clock) why(err error) error {
	cause := context.Cause(c.ctx)
	switch {
	case !errors.Is(err, context.Canceled) || cause == nil:
		return err
	case cause == errTooLong && errors.Is(err, stream.ErrNoName):
		return errNameLate
	}
	return cause
}

// read reads at least one byte. The clock stands when it returns.
func (c *clock) read(body io.Reader, p []byte) (n int, err error) {
	for range 100 {
		n, err = body.Read(p)
		switch {
		case err != nil && err != io.EOF:
			return 0, err // what came with it may be what is wrong
		case n > 0:
			c.timer.Stop()
			return n, nil
		case err == io.EOF:
			return 0, io.ErrUnexpectedEOF // the file is shorter than it said
		}
	}
	return 0, io.ErrNoProgress
}

// A buffer is what is read and written at once. Smaller ones cost system calls, bigger ones were not faster.
type buffer [128 << 10]byte

// send sends the header and the body of an answer, as soon as the first byte of the body is here. It returns an error as long
// as nothing has been sent, and cuts the connection, by way of [http.ErrAbortHandler], when it fails after that.
func (h *Handler) send(v *visit, w http.ResponseWriter, r *http.Request, body io.Reader, a *answer) error {
	buf := h.buffers.Get().(*buffer)
	defer h.buffers.Put(buf)
	left := a.part.n
	n, err := v.read(body, buf[:min(left, int64(len(buf)))])
	if err != nil {
		return err
	}
	a.writeHeader(w)
	out := newSink(w, h.cfg.StallLimit)
	defer out.until(v.ctx)()
	for {
		left -= int64(n)
		// The end is not left to net/http, which has less patience with a player that pauses.
		if err := out.write(buf[:n], left == 0 || n < len(buf)); err != nil {
			h.cut(r, err, a.part.n-left)
		}
		v.access.Sent(int64(n))
		if left == 0 {
			return nil
		}
		v.timer.Reset(v.limit)
		if n, err = v.read(body, buf[:min(left, int64(len(buf)))]); err != nil {
			h.cut(r, v.why(err), a.part.n-left)
		}
	}
}

// cut ends a connection in the middle of an answer, so that the client sees that something is missing.
func (h *Handler) cut(r *http.Request, err error, sent int64) {
	if errors.Is(err, stream.ErrNoSpace) {
		h.cfg.Full()
	}
	level := slog.LevelInfo
	if _, write := errors.AsType[*net.OpError](err); write || r.Context().Err() != nil {
		level = slog.LevelDebug // the client has left, as clients do
	}
	h.cfg.Log.Log(context.WithoutCancel(r.Context()), level, "answer cut short", "path", r.URL.EscapedPath(), "sent", sent, "err", err)
	panic(http.ErrAbortHandler)
}

// A sink writes to a client, and gives up on one that takes nothing for too long.
type sink struct {
	w     http.ResponseWriter
	rc    *http.ResponseController
	limit time.Duration
	set   time.Time // when the deadline was set last
	ctx   context.Context
}

func newSink(w http.ResponseWriter, limit time.Duration) *sink {
	return &sink{w: w, rc: http.NewResponseController(w), limit: limit}
}

// until ends with ctx, too, a write that the client keeps waiting. The caller calls stop at the end of the answer.
func (s *sink) until(ctx context.Context) (stop func()) {
	s.ctx = ctx
	done := make(chan struct{})
	stopped := context.AfterFunc(ctx, func() {
		defer close(done)
		s.rc.SetWriteDeadline(time.Unix(1, 0))
	})
	return func() {
		if !stopped() {
			<-done // or it would meet the next answer on the connection
		}
	}
}

// write writes p, and with flush sees to it that nothing of it stays in a buffer of net/http while more may be long in coming.
// The deadline moves on in steps, so that most writes need not set it, and ends with the answer.
func (s *sink) write(p []byte, flush bool) error {
	if now := time.Now(); now.Sub(s.set) > s.limit/8 {
		s.set = now
		if err := s.rc.SetWriteDeadline(now.Add(s.limit)); err != nil && !errors.Is(err, errors.ErrUnsupported) {
			return err
		}
		if s.ctx != nil && s.ctx.Err() != nil { // it may have ended before the deadline was moved
			return context.Cause(s.ctx)
		}
	}
	if _, err := s.w.Write(p); err != nil {
		return err
	}
	if flush {
		return s.rc.Flush()
	}
	return nil
}

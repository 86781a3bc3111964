package web

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A view is somebody who watches the interface.
type view struct {
	t     *testing.T
	res   *http.Response
	lines *bufio.Scanner
	leave context.CancelFunc
}

// view asks for events with the bearer of the program.
func (f *front) view(t *testing.T) *view {
	t.Helper()
	ctx, leave := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, "GET", "http://"+f.addr+"/api/v0/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := f.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	v := &view{t, res, bufio.NewScanner(res.Body), leave}
	v.lines.Buffer(nil, 1<<20)
	t.Cleanup(func() { leave(); res.Body.Close() })
	return v
}

// next returns the next event; kind is "" at the end.
func (v *view) next() (kind, data string) {
	for v.lines.Scan() {
		line := v.lines.Text()
		if s, ok := strings.CutPrefix(line, "event: "); ok {
			kind = s
		} else if s, ok := strings.CutPrefix(line, "data: "); ok {
			data = s
		} else if line == "" && kind != "" {
			return kind, data
		}
	}
	return "", ""
}

// now waits for an event of that kind which ok takes.
func (v *view) now(ok func(n nowView) bool) nowView {
	v.t.Helper()
	for {
		kind, data := v.next()
		var n nowView
		switch kind {
		case "":
			v.t.Fatal("the events have ended")
		case "now":
			if err := json.Unmarshal([]byte(data), &n); err != nil {
				v.t.Fatal(err)
			}
			if ok(n) {
				return n
			}
		}
	}
}

func newEventFront(t *testing.T, change ...func(*Config)) (*front, *shelf) {
	s := newShelf()
	change = append([]func(*Config){func(c *Config) { c.Control, c.Desk = s, s }}, change...)
	return newPipeFront(t, change...), s
}

// viewers are how many watch, once everybody has had the time to notice.
func (f *front) viewers() int {
	synctest.Wait()
	return len(f.h.viewers)
}

func TestEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, s := newEventFront(t)
		v := f.view(t)
		if v.res.Header.Get("Content-Type") != "text/event-stream" || v.res.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("header %v", v.res.Header)
		}
		kind, data := v.next()
		if kind != "overview" || !strings.Contains(data, `"quota":10737418240`) {
			t.Fatalf("first comes %s: %s", kind, data)
		}
		if n := v.now(func(nowView) bool { return true }); len(n.Active) != 0 || n.Streams != 0 {
			t.Errorf("while nothing happens: %+v", n)
		}

		// Something is streamed, 128 KiB a little more than every second, and its figures follow.
		f.tree.File("video.mp4").Slow(1100*time.Millisecond, 0)
		done := make(chan response, 1)
		go func() { done <- f.get("video.mp4") }()
		n := v.now(func(n nowView) bool { return len(n.Active) == 1 && n.Active[0].Down > 0 })
		a := n.Active[0]
		if a.Protocol != "mem" || a.Root != "tree1" || a.Name != "A tree" || a.Readers != 1 || a.Peers != 1 || !a.Found || n.Streams != 1 {
			t.Errorf("while it is streamed: %+v", n)
		}
		if a.Down != 128<<10 || a.Play != "http://"+f.addr+"/mem/v0/play/tree1" || len(a.Have) == 0 || len(a.Reading) != 1 {
			t.Errorf("its figures: %+v", a)
		}
		where := a.Reading[0]
		v.now(func(n nowView) bool { return len(n.Active) == 1 && n.Active[0].Reading[0] > where })
		v.now(func(n nowView) bool { return len(n.Active) == 0 })
		f.want(<-done, 200, content["video.mp4"])

		// What changes comes within some seconds, and what does not is not said again.
		start := time.Now()
		s.Set(t.Context(), "quota", "20GiB")
		if kind, data := v.next(); kind != "overview" || !strings.Contains(data, `"quota":21474836480`) || time.Since(start) > overviewTick*nowEvery {
			t.Errorf("after %v: %s: %s", time.Since(start), kind, data)
		}
		start = time.Now()
		time.AfterFunc(time.Hour, func() { s.RecycleRoot(t.Context(), "mem", "tree3") })
		if kind, _ := v.next(); kind != "overview" || time.Since(start) < time.Hour {
			t.Errorf("after %v of nothing: %s", time.Since(start), kind)
		}
	})
}

// Whoever leaves takes no place any more.
func TestEventsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, _ := newEventFront(t)
		var views []*view
		for range maxViewers {
			v := f.view(t)
			v.next()
			views = append(views, v)
		}
		if n := f.viewers(); n != maxViewers {
			t.Errorf("%d watch", n)
		}
		if res := f.do("GET", "/api/v0/events", "Authorization: Bearer "+token); res.StatusCode != 429 {
			t.Errorf("one more gets %d %s", res.StatusCode, res.body)
		}
		for _, v := range views {
			v.leave()
		}
		if n := f.viewers(); n != 0 {
			t.Errorf("%d watch after all have left", n)
		}
		f.view(t).next()
	})
}

// The end of the program ends them at once, and so does that of a session.
func TestEventsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stop := make(chan struct{})
		f, _ := newEventFront(t, func(c *Config) { c.Stop = stop })
		v := f.view(t)
		v.next()
		start := time.Now()
		time.AfterFunc(1500*time.Millisecond, func() { close(stop) })
		for kind, _ := v.next(); kind != ""; kind, _ = v.next() {
		}
		if d := time.Since(start); d != 1500*time.Millisecond || v.lines.Err() != nil {
			t.Errorf("ended after %v with %v", d, v.lines.Err())
		}
		if n := f.viewers(); n != 0 {
			t.Errorf("%d watch", n)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		f, _ := newEventFront(t)
		bearer, _ := f.login(f.key(), f.own()...)
		ended := make(chan response)
		go func() {
			ended <- f.do("GET", "/api/v0/events", f.own("Authorization: Bearer "+bearer)...)
		}()
		time.Sleep(10 * time.Second)
		f.post("logout", "{}", f.own("Authorization: Bearer "+bearer)...)
		start := time.Now()
		if res := <-ended; res.StatusCode != 200 || res.err != nil || time.Since(start) > 2*nowEvery {
			t.Errorf("%v after the logout: %d, %v", time.Since(start), res.StatusCode, res.err)
		}
	})
}

// A viewer who has gone without a word is noticed by what is not taken.
func TestEventsDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, _ := newEventFront(t)
		conn, err := f.dial(t.Context(), "tcp", f.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := conn.Write([]byte("GET /api/v0/events HTTP/1.1\r\nHost: " + f.addr + "\r\nAuthorization: Bearer " + token + "\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
		if n := f.viewers(); n != 1 {
			t.Fatalf("%d watch", n)
		}
		time.Sleep(2 * answerTime)
		if n := f.viewers(); n != 0 {
			t.Errorf("%d watch after %v in which nothing was read", n, 2*answerTime)
		}
	})
}

package web

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestConnections: one connection too many takes the place of one that does nothing, and never of one that does.
func TestConnections(t *testing.T) {
	f := newFront(t)
	f.tree.File("video.mp4").Hold(1)
	open := func(request string) *bufio.Reader {
		conn, err := f.dial(t.Context(), "tcp", f.addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		io.WriteString(conn, request)
		return bufio.NewReader(conn)
	}
	const get = "GET /mem/v0/stream/tree1/%s HTTP/1.1\r\nHost: %s\r\n\r\n"
	busy := open(fmt.Sprintf(get, "video.mp4", f.addr))
	res, err := http.ReadResponse(busy, nil)
	if err != nil || res.StatusCode != 200 {
		t.Fatal(res, err)
	}
	idle := open(fmt.Sprintf(get, "empty.txt", f.addr))
	if res, err := http.ReadResponse(idle, nil); err != nil || res.StatusCode != 200 {
		t.Fatal(res, err)
	}
	for range maxConns - 2 {
		open("")
	}
	for range 20 {
		if res := raw(t, f, fmt.Sprintf(get, "sound.mp3", f.addr), "GET"); res.StatusCode != 200 {
			t.Fatal(res.Status)
		}
	}
	if _, err := idle.ReadByte(); err != io.EOF {
		t.Errorf("the connection that was idle for longest is still there: %v", err)
	}
	f.tree.File("video.mp4").Hold(1 << 40)
	if n, err := io.Copy(io.Discard, res.Body); err != nil || int(n) != len(content["video.mp4"]) {
		t.Errorf("the busy connection: %d bytes, %v", n, err)
	}
}

// TestAllBusy: when all connections are busy, it is the new one that goes.
func TestAllBusy(t *testing.T) {
	c := &conns{most: 3, free: make(map[net.Conn]time.Time)}
	var all []net.Conn
	for range 5 {
		a, b := net.Pipe()
		defer a.Close()
		defer b.Close()
		all = append(all, a)
	}
	for _, conn := range all[:3] {
		if v := c.note(conn, http.StateNew); v != nil {
			t.Fatal("one was closed before there were too many")
		}
		c.note(conn, http.StateActive)
	}
	if v := c.note(all[3], http.StateNew); v != all[3] {
		t.Errorf("a busy connection was closed for a new one")
	}
	c.note(all[3], http.StateClosed)
	c.note(all[0], http.StateIdle)
	if v := c.note(all[3], http.StateNew); v != all[0] {
		t.Errorf("the idle connection was not the one to go")
	}
	if v := c.note(all[4], http.StateNew); v == all[0] {
		t.Errorf("a connection that is going already was chosen again")
	}
}

func TestServerLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newPipeFront(t)
		dial := func() net.Conn {
			conn, err := f.dial(t.Context(), "", "")
			if err != nil {
				t.Fatal(err)
			}
			return conn
		}
		for _, start := range []string{"", "GET / HTTP/1.1\r\nHost: " + f.addr + "\r\nX: "} { // slow with its header
			conn, begin := dial(), time.Now()
			io.WriteString(conn, start)
			io.Copy(io.Discard, conn)
			if took := time.Since(begin); took != 5*time.Second {
				t.Errorf("after %q the connection lived %v", start, took)
			}
			conn.Close()
		}
		conn, begin := dial(), time.Now()
		io.WriteString(conn, "GET /api/v0/ping HTTP/1.1\r\nHost: "+f.addr+"\r\n\r\n")
		io.Copy(io.Discard, conn)
		if took := time.Since(begin); took != time.Minute {
			t.Errorf("an idle connection lived %v", took)
		}
		conn.Close()

		long := strings.Repeat("x", 15<<10)
		if res := f.do("GET", "/mem/v0/stream/tree1/sound.mp3?tr="+long+"&tr="+long+"&tr="+long); res.StatusCode != 200 {
			t.Errorf("long hints: %s", res.Status)
		}
		if res := f.do("GET", "/mem/v0/stream/tree1/sound.mp3", "X: "+strings.Repeat(long, 75)); res.StatusCode != 431 {
			t.Errorf("a header of 1.1 MiB: %s", res.Status)
		}
		if res := f.do("GET", "/mem/v0/stream/tree1/sound.mp3?tr="+strings.Repeat(long, 6)); res.StatusCode != 400 {
			t.Errorf("an address of 90 KiB: %s", res.Status)
		}
	})
}

// TestBodyNeverComes: a request whose body is missing does not hold its connection.
func TestBodyNeverComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newPipeFront(t)
		auth := "\r\nAuthorization: Bearer " + token
		for _, request := range []string{
			"GET /api/v0/ping HTTP/1.1\r\nHost: " + f.addr,
			"GET / HTTP/1.1\r\nHost: a.example",
			"GET /mem/v0/stream/tree1/video.mp4 HTTP/1.1\r\nHost: " + f.addr,
			"POST /api/v0/open HTTP/1.1\r\nHost: " + f.addr + auth,
			"POST /mem/v0/torrent HTTP/1.1\r\nHost: " + f.addr + auth,
		} {
			for _, body := range []string{"Content-Length: 10\r\n\r\nx", "Transfer-Encoding: chunked\r\n\r\n"} {
				conn, err := f.dial(t.Context(), "", "")
				if err != nil {
					t.Fatal(err)
				}
				start := time.Now()
				io.WriteString(conn, request+"\r\n"+body)
				io.Copy(io.Discard, conn)
				if took := time.Since(start); took > bodyTime+time.Second {
					t.Errorf("%q lived %v", request, took)
				}
				conn.Close()
			}
		}
	})
}

// TestBodyHasCome: the time for a body ends with it, and is not that for the answer.
func TestBodyHasCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newPipeFront(t, func(c *Config) { c.Control = slowProgram{new(program)} })
		for range 2 { // on one connection
			res, err := f.try(t.Context(), "POST", "/api/v0/recycle", strings.NewReader(`{"all":true}`), "Authorization: Bearer "+token)
			if err != nil || res.StatusCode != 200 {
				t.Fatal(res.Response, err)
			}
		}
	})
}

// A slowProgram recycles for 5 minutes, unless it is told to stop.
type slowProgram struct{ *program }

func (p slowProgram) Recycle(ctx context.Context, what Recycle) (int64, error) {
	select {
	case <-time.After(5 * time.Minute):
		return p.program.Recycle(ctx, what)
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// TestAnswerNotTaken: who asks and does not read the answers is let go, whatever they are.
func TestAnswerNotTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newPipeFront(t, func(c *Config) {
			c.Home = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write(make([]byte, 100_000)) })
		})
		tag := f.get("sound.mp3").get("Etag")
		f.tree.File("video.mp4").Hold(0)
		for _, request := range []string{
			"GET / HTTP/1.1\r\n",
			"GET /api/v0/ping HTTP/1.1\r\n",
			"GET /api/v0/status HTTP/1.1\r\n",
			"GET /nothing HTTP/1.1\r\n",
			"OPTIONS /mem/v0/stream/tree1/sound.mp3 HTTP/1.1\r\n",
			"HEAD /mem/v0/stream/tree1/sound.mp3 HTTP/1.1\r\n",
			"GET /mem/v0/stream/tree1/sound.mp3 HTTP/1.1\r\nIf-None-Match: " + tag + "\r\n",
			"GET /mem/v0/stream/tree1/video.mp4 HTTP/1.1\r\n", // 504
			"HEAD /mem/v0/files/tree1 HTTP/1.1\r\n",
		} {
			conn, err := f.dial(t.Context(), "", "")
			if err != nil {
				t.Fatal(err)
			}
			io.WriteString(conn, request+"Host: "+f.addr+"\r\n\r\n")
			time.Sleep(2*time.Minute + answerTime + time.Second)
			if n, _ := io.Copy(io.Discard, conn); n > 0 {
				t.Errorf("%q: %d bytes were still to be had", request, n)
			}
			conn.Close()
		}
	})
}

// TestPauseAtTheEnd: a player that pauses shortly before the end gets the rest all the same.
func TestPauseAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newPipeFront(t)
		f.tree.File("d/picture.png").Slow(time.Millisecond, 999)
		res, err := f.client.Get("http://" + f.addr + "/mem/v0/stream/tree1/d/picture.png")
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		got := make([]byte, 9990)
		io.ReadFull(res.Body, got)
		time.Sleep(9 * time.Minute)
		if rest, err := io.ReadAll(res.Body); err != nil || len(got)+len(rest) != len(content["d/picture.png"]) {
			t.Errorf("%d bytes, %v", len(rest), err)
		}
	})
}

// TestHalfClosed: a client that has closed its side gets the connection cut, not an empty answer that looks like one.
func TestHalfClosed(t *testing.T) {
	f := newFront(t)
	f.tree.Silence(true)
	conn, err := f.dial(context.Background(), "tcp", f.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET /mem/v0/stream/tree1/video.mp4 HTTP/1.1\r\nHost: %s\r\n\r\n", f.addr)
	f.until(func() error {
		if f.mem.Counts().Waiting != 1 {
			return fmt.Errorf("%+v", f.mem.Counts())
		}
		return nil
	})
	conn.(*net.TCPConn).CloseWrite()
	if got, err := io.ReadAll(conn); len(got) > 0 {
		t.Errorf("got %q, %v", got, err)
	}
}

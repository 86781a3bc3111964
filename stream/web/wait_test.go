package web

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestSilentSwarm: a root nobody answers for, and bytes that do not come, are 504 when patience is over, and not before.
func TestSilentSwarm(t *testing.T) {
	tests := []struct {
		path   string
		header string
		want   time.Duration
	}{
		{"d/picture.png", "Sec-Fetch-Dest: image", 60 * time.Second},
		{"video.mp4", "Sec-Fetch-Dest: document", 60 * time.Second},
		{"video.mp4", "Sec-Fetch-Dest: empty", 60 * time.Second},
		{"video.mp4", "Sec-Fetch-Dest: video", 120 * time.Second},
		{"sound.mp3", "Sec-Fetch-Dest: audio", 120 * time.Second},
		{"d/a.zip", "Sec-Fetch-Dest: video", 120 * time.Second},
		{"video.mp4", "Accept: */*", 120 * time.Second}, // a player outside of a browser
		{"", "Accept: */*", 120 * time.Second},
		{"", "Sec-Fetch-Dest: empty", 60 * time.Second},
		{"d/a.zip", "Accept: */*", 60 * time.Second},
	}
	for _, silent := range []string{"root", "file"} {
		for _, tt := range tests {
			t.Run(silent+"/"+tt.path+"/"+tt.header, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					f := newPipeFront(t)
					f.tree.Silence(silent == "root")
					for _, file := range f.tree.Files() {
						file.Hold(0)
					}
					start := time.Now()
					res := f.get(tt.path, tt.header, "Range: bytes=5000-")
					f.wantError(res, http.StatusGatewayTimeout)
					if took := time.Since(start); took != tt.want {
						t.Errorf("504 after %v, want %v", took, tt.want)
					}
					if res.get("Retry-After") == "" {
						t.Error("no Retry-After")
					}
				})
			})
		}
	}
}

// TestOnePatience: opening and the first byte share one time.
func TestOnePatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newPipeFront(t)
		f.tree.Silence(true)
		f.tree.File("d/picture.png").Hold(0)
		time.AfterFunc(40*time.Second, func() { f.tree.Silence(false) })
		start := time.Now()
		f.wantError(f.get("d/picture.png"), http.StatusGatewayTimeout)
		if took := time.Since(start); took != 60*time.Second {
			t.Errorf("504 after %v", took)
		}
	})
}

// TestLateHeader: what comes late but in time is answered as if it had been there all along.
func TestLateHeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newPipeFront(t)
		f.tree.Silence(true)
		file := f.tree.File("video.mp4")
		file.Hold(0)
		time.AfterFunc(50*time.Second, func() { f.tree.Silence(false) })
		time.AfterFunc(119*time.Second, func() { file.Hold(5001) })
		time.AfterFunc(200*time.Second, func() { file.Hold(1 << 40) })
		start := time.Now()
		req, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+f.addr+"/mem/v0/stream/tree1/video.mp4", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Range", "bytes=5000-9999")
		res, err := f.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if took := time.Since(start); res.StatusCode != http.StatusPartialContent || took != 119*time.Second {
			t.Errorf("%s after %v", res.Status, took)
		}
		one := make([]byte, 1)
		if _, err := io.ReadFull(res.Body, one); err != nil || time.Since(start) != 119*time.Second {
			t.Errorf("the first byte came after %v: %v", time.Since(start), err)
		}
		rest, err := io.ReadAll(res.Body)
		if err != nil || !bytes.Equal(append(one, rest...), content["video.mp4"][5000:10_000]) {
			t.Errorf("%d bytes, %v", len(rest)+1, err)
		}
	})
}

// TestHeadNeedsNoByte: HEAD is answered from the list of files alone.
func TestHeadNeedsNoByte(t *testing.T) {
	f := newFront(t)
	file := f.tree.File("video.mp4")
	file.Hold(0)
	res := f.do("HEAD", "/mem/v0/stream/tree1/video.mp4")
	f.want(res, http.StatusOK, nil)
	if res.ContentLength != int64(len(content["video.mp4"])) || file.Report().Opens != 0 {
		t.Errorf("Content-Length %d, %+v", res.ContentLength, file.Report())
	}
}

// TestLaterStall: every byte starts the patience anew, and a stall after the first cuts the connection.
func TestLaterStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newPipeFront(t)
		file := f.tree.File("sound.mp3")
		file.Hold(0)
		for i := range 10 {
			time.AfterFunc(time.Duration(i)*100*time.Second, func() { file.Hold(int64(1 + i*1000)) })
		}
		start := time.Now()
		res := f.get("sound.mp3", "Sec-Fetch-Dest: audio")
		if res.StatusCode != 200 || res.err == nil || len(res.body) != 9001 {
			t.Errorf("%s, %d bytes, %v", res.Status, len(res.body), res.err)
		}
		if took := time.Since(start); took != 900*time.Second+120*time.Second {
			t.Errorf("cut after %v", took)
		}
	})
}

// TestSlowClient: a client that takes its time is not a swarm that is silent; one that takes nothing at all is let go in the end.
func TestSlowClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newPipeFront(t, func(c *Config) { c.StallLimit = time.Hour })
		get := func() *http.Response {
			res, err := f.client.Get("http://" + f.addr + "/mem/v0/stream/tree1/video.mp4")
			if err != nil {
				t.Fatal(err)
			}
			return res
		}
		res := get()
		var got []byte
		buf := make([]byte, 500_000)
		for range 11 {
			n, err := io.ReadFull(res.Body, buf)
			got = append(got, buf[:n]...)
			if err != nil {
				break
			}
			time.Sleep(20 * time.Minute)
		}
		if !bytes.Equal(got, content["video.mp4"]) {
			t.Errorf("a client that pauses got %d bytes", len(got))
		}
		res.Body.Close()
		f.released()

		res = get()
		if _, err := io.ReadFull(res.Body, buf); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		if c := f.mem.Counts(); c.Readers != 0 {
			t.Errorf("a client that has gone to sleep holds %+v", c)
		}
		if rest, err := io.ReadAll(res.Body); err == nil {
			t.Errorf("%d bytes more, and a clean end", len(rest))
		}
		res.Body.Close()
	})
}

// TestStallLimitEnds: the deadline of one answer does not outlive it on a connection that is used again.
func TestStallLimitEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newPipeFront(t, func(c *Config) { c.StallLimit = 10 * time.Second })
		conn, err := f.dial(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		answers := bufio.NewReader(conn)
		for _, path := range []string{"/mem/v0/stream/tree1/sound.mp3", "/api/v0/ping"} {
			want := content["sound.mp3"]
			if path == "/api/v0/ping" {
				want = []byte("{}\n")
			}
			fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path, f.addr)
			res, err := http.ReadResponse(answers, nil)
			if err != nil {
				t.Fatal(err)
			}
			if body, err := io.ReadAll(res.Body); err != nil || !bytes.Equal(body, want) {
				t.Fatalf("%s: %d bytes, %v", path, len(body), err)
			}
			time.Sleep(30 * time.Second)
		}
	})
}

// TestClientGone: when a client leaves, everything it waited for is let go at once, wherever it waited.
func TestClientGone(t *testing.T) {
	f := newFront(t)
	silent := f.mem.Add("silent", "", content)
	silent.Silence(true)
	for _, file := range f.tree.Files() {
		file.Hold(1000)
	}
	for _, path := range []string{
		"/mem/v0/stream/silent/video.mp4",      // in Open
		"/mem/v0/files/silent",                 //
		"/mem/v0/torrent/silent",               //
		"/mem/v0/stream/tree1/video.mp4?first", // in the first Read
		"/mem/v0/stream/tree1/video.mp4",       // in a later one
	} {
		ctx, cancel := context.WithCancel(t.Context())
		header := "Accept: */*"
		if strings.HasSuffix(path, "?first") {
			header = "Range: bytes=2000-"
		}
		gone := make(chan error, 1)
		go func() {
			res, err := f.try(ctx, "GET", path, nil, header)
			gone <- errors.Join(err, res.err)
		}()
		f.until(func() error {
			if c := f.mem.Counts(); c.Waiting+c.Readers != 1 {
				return fmt.Errorf("%s: %+v", path, c)
			}
			return nil
		})
		start := time.Now()
		cancel()
		if err := <-gone; err == nil {
			t.Errorf("%s: answered", path)
		}
		f.released()
		if took := time.Since(start); took > time.Second {
			t.Errorf("%s: released after %v", path, took)
		}
	}
	if log := f.log.String(); log != "" {
		t.Errorf("a client that leaves is nothing to log: %s", log)
	}
}

func (f *front) until(check func() error) {
	f.t.Helper()
	var err error
	for range 500 {
		if err = check(); err == nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	f.t.Fatal(err)
}

// TestBackendCloses: the end of the program ends what waits.
func TestBackendCloses(t *testing.T) {
	f := newFront(t)
	f.tree.Silence(true)
	time.AfterFunc(50*time.Millisecond, func() { f.mem.Close() })
	f.wantError(f.get("video.mp4"), http.StatusServiceUnavailable)
}

// TestMaxStreams: more than so many wait for their turn, as long as they would for a byte.
func TestMaxStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newPipeFront(t)
		f.tree.File("video.mp4").Hold(0)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for i := range 64 {
			who := "User-Agent: Player" // a gate lets more of them through than of pages
			if i%2 == 1 {
				who = fmt.Sprintf("Origin: https://%d.example", i/2%2)
			}
			wg.Go(func() { f.try(ctx, "GET", "/mem/v0/stream/tree1/video.mp4", nil, who) })
		}
		synctest.Wait()
		if n := f.h.Streams(); n != 64 {
			t.Errorf("%d streams", n)
		}
		start := time.Now()
		f.wantError(f.get("sound.mp3", "Sec-Fetch-Dest: empty"), http.StatusTooManyRequests)
		if took := time.Since(start); took != time.Minute {
			t.Errorf("429 after %v", took)
		}
		f.want(f.do("GET", "/api/v0/ping"), 200, []byte("{}\n"))
		time.AfterFunc(10*time.Second, cancel)
		f.want(f.get("sound.mp3", "Sec-Fetch-Dest: empty"), 200, content["sound.mp3"])
		wg.Wait()
	})
}

// TestSlowTrickle: small reads are passed on as they come, and nothing waits in a buffer of ours.
func TestSlowTrickle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newPipeFront(t)
		f.tree.File("sound.mp3").Slow(time.Second, 10)
		res, err := f.client.Get("http://" + f.addr + "/mem/v0/stream/tree1/sound.mp3")
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		start := time.Now()
		got := make([]byte, 10)
		for i := range 20 {
			if _, err := io.ReadFull(res.Body, got); err != nil || !bytes.Equal(got, content["sound.mp3"][i*10:i*10+10]) {
				t.Fatalf("part %d: %v", i, err)
			}
			if at := time.Since(start); at != time.Duration(i)*time.Second {
				t.Fatalf("part %d after %v", i, at)
			}
		}
	})
}

// Who asks for a name that stands for nothing is told so, and not that a file is missing.
func TestNoName(t *testing.T) {
	for waits, want := range map[bool]int{false: 404, true: 504} {
		synctest.Test(t, func(t *testing.T) {
			f := newPipeFront(t, func(c *Config) {
				c.Protocols = []Protocol{{Name: "names", Version: "v0", Backend: nameless{waits: waits}}}
			})
			for _, command := range []string{"stream", "files", "play"} {
				res := f.do("GET", "/names/v0/"+command+"/example.invalid")
				if !strings.Contains(string(res.body), "his name") {
					t.Errorf("%s: %d %.300s", command, res.StatusCode, res.body)
				}
				if command == "stream" {
					f.wantError(res, want)
				}
			}
		})
	}
}

package web

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/zeronetscript/universal_p2p/stream/streamtest"
)

// A pausingMem is a Mem that knows of pauses.
type pausingMem struct {
	*streamtest.Mem
	paused atomic.Bool
}

func (m *pausingMem) Pause(on bool) { m.paused.Store(on) }

// TestPause: what is under way is cut off, what comes is refused, what is fetched ahead goes on afterwards where it was.
func TestPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var changes atomic.Int64
		var mem *pausingMem
		f := newPipeFront(t, func(c *Config) {
			mem = &pausingMem{Mem: c.Protocols[0].Backend.(*streamtest.Mem)}
			c.Protocols[0].Backend = mem
			c.Changed = func() { changes.Add(1) }
		})
		get := func(path string) (*http.Response, error) { return f.client.Get("http://" + f.addr + path) }
		pause := func(on string) {
			t.Helper()
			r, err := http.NewRequest(http.MethodPost, "http://"+f.addr+"/api/v0/pause", strings.NewReader(`{"paused":`+on+`}`))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Authorization", "Bearer "+token)
			res, err := f.client.Do(r)
			if err != nil || res.StatusCode != http.StatusOK {
				t.Fatal(res, err)
			}
			res.Body.Close()
			synctest.Wait()
		}
		f.tree.File("video.mp4").Hold(1 << 20)
		playing, err := get("/mem/v0/stream/tree1/video.mp4")
		if err != nil {
			t.Fatal(err)
		}
		defer playing.Body.Close()
		waiting := make(chan int, 1)
		f.tree.File("sound.mp3").Hold(0)
		go func() {
			res, err := get("/mem/v0/stream/tree1/sound.mp3")
			if err != nil {
				waiting <- 0
				return
			}
			res.Body.Close()
			waiting <- res.StatusCode
		}()
		synctest.Wait()
		a := f.newPage("https://a.example", "")
		if res := a.post("site/prefetch", `{"url":"/mem/v0/stream/tree1/video.mp4","offset":0,"bytes":2000000}`); res.StatusCode != http.StatusAccepted {
			t.Fatal(res.Status)
		}
		synctest.Wait()
		before := changes.Load()

		pause("true")
		if !f.h.Paused() || !mem.paused.Load() || changes.Load() == before || f.h.Streams() != 0 {
			t.Errorf("paused %v, backend %v, %d streams", f.h.Paused(), mem.paused.Load(), f.h.Streams())
		}
		if _, err := io.Copy(io.Discard, playing.Body); err == nil {
			t.Error("what was playing ended as if it were whole")
		}
		if code := <-waiting; code != http.StatusServiceUnavailable {
			t.Errorf("what was waiting got %d", code)
		}
		res, err := get("/mem/v0/stream/tree1/d/picture.png")
		if err != nil {
			t.Fatal(err)
		}
		sentence, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if res.StatusCode != http.StatusServiceUnavailable || !strings.Contains(string(sentence), "paused") || res.Header.Get("Retry-After") == "" {
			t.Errorf("in the pause: %s %q", res.Status, sentence)
		}
		if _, ahead := a.items(); len(ahead) != 1 || ahead[0].Done != 1<<20 {
			t.Errorf("fetched ahead in the pause: %+v", ahead)
		}

		pause("false")
		f.tree.File("video.mp4").Hold(10 << 20)
		f.tree.File("sound.mp3").Hold(10 << 20)
		synctest.Wait()
		if _, ahead := a.items(); len(ahead) != 0 || mem.paused.Load() {
			t.Errorf("after the pause: %+v, backend %v", ahead, mem.paused.Load())
		}
		if res, err = get("/mem/v0/stream/tree1/d/picture.png"); err != nil || res.StatusCode != http.StatusOK {
			t.Errorf("after the pause: %v %v", res, err)
		}
		res.Body.Close()
	})
}

// A pause that comes before, in the middle or after ends what it should, and nothing is left behind.
func TestPauseEnter(t *testing.T) {
	var p pause
	ctx, cancel := context.WithCancelCause(t.Context())
	leave := p.enter(cancel)
	if p.set(false) || !p.set(true) || p.set(true) {
		t.Error("a change that is none counts")
	}
	if !errors.Is(context.Cause(ctx), errPaused) {
		t.Error("what was under way goes on")
	}
	leave()
	late, cancel := context.WithCancelCause(t.Context())
	p.enter(cancel)()
	if !errors.Is(context.Cause(late), errPaused) {
		t.Error("what came late goes on")
	}
	gone, stop := context.WithCancel(t.Context())
	stop()
	if err := p.wait(gone); !errors.Is(err, context.Canceled) {
		t.Errorf("wait: %v", err)
	}
	p.set(false)
	if err := p.wait(t.Context()); err != nil || len(p.under) != 0 {
		t.Errorf("wait: %v, and %d are left", err, len(p.under))
	}
}

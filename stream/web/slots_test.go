package web

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func (s *slots) busy() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.inUse + len(s.queue) + len(s.taken)
}

// TestSlots: one site gets its share, the oldest that may go is next, and who is one too many in the queue hears so at once.
func TestSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlots(4)
		var mu sync.Mutex
		var got string
		take := func(ctx context.Context, origin string) {
			go func() {
				if err := s.take(ctx, origin); err != nil {
					origin = "-" + origin
				}
				mu.Lock()
				defer mu.Unlock()
				got += origin
			}()
			synctest.Wait()
		}
		want := func(w string) {
			t.Helper()
			if synctest.Wait(); got != w {
				t.Errorf("got %q, want %q", got, w)
			}
			got = ""
		}
		ctx, cancel := context.WithCancel(t.Context())
		for range 5 {
			take(t.Context(), "a")
		}
		want("aa-a") // two have a slot, two wait, one is refused
		take(t.Context(), "b")
		take(t.Context(), "b")
		want("bb")
		take(ctx, "b")
		take(t.Context(), "c")
		want("")
		take(t.Context(), "d")
		want("-d") // all may wait no more
		s.release("b")
		want("b")
		s.release("b")
		want("c")
		s.release("a")
		s.release("a")
		want("aa")
		take(ctx, "a")
		cancel()
		want("-a")
		for _, origin := range []string{"a", "a", "b", "c"} {
			s.release(origin)
		}
		if n := s.busy(); n != 0 {
			t.Errorf("%d are left", n)
		}
	})
}

// TestGreedyPage: a page that asks for a lot waits for itself, and the others for nobody; what needs no slot is answered in any
// case.
func TestGreedyPage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newPipeFront(t, func(c *Config) { c.MaxStreams = 4 })
		tag := f.get("sound.mp3").get("Etag")
		f.tree.File("video.mp4").Hold(0)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		fill := func(origin string) {
			for range 4 {
				wg.Go(func() {
					if res, err := f.try(ctx, "GET", "/mem/v0/stream/tree1/video.mp4", nil, origin); !errors.Is(err, context.Canceled) {
						t.Errorf("%s: %v, %v", origin, res.Response, err)
					}
				})
			}
			synctest.Wait()
		}
		fast := func(code int, path string, header ...string) {
			t.Helper()
			start := time.Now()
			if res := f.do("GET", path, header...); res.StatusCode != code || time.Since(start) > 0 {
				t.Errorf("%s %v: %s after %v", path, header, res.Status, time.Since(start))
			}
		}
		const path = "/mem/v0/stream/tree1/sound.mp3"
		fill("Origin: https://a.example")
		fast(429, path, "Origin: https://a.example")
		fast(429, path, "Referer: https://a.example/page")
		fast(200, path, "Origin: https://b.example")
		fast(200, path)
		fill("Origin: https://b.example")
		fast(429, path)
		fast(429, "/mem/v0/files/tree1")
		fast(404, "/mem/v0/nothing/tree1")
		fast(304, path, "If-None-Match: "+tag)
		fast(200, "/api/v0/ping")
		cancel()
		wg.Wait()
		synctest.Wait()
		f.want(f.get("sound.mp3"), 200, content["sound.mp3"])
	})
}

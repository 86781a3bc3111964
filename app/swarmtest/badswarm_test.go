//go:build linux

package swarmtest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zeronetscript/universal_p2p/app/swarmtest/relay"
)

// damaged makes a folder with a copy of the fixture's file in which one byte of each piece from the given one on is wrong.
func damaged(t *testing.T, f *fixture, firstPiece int64) string {
	t.Helper()
	dir := t.TempDir()
	out, err := os.Create(filepath.Join(dir, f.name))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if _, err := io.Copy(out, f.from(0)); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 1)
	for off := firstPiece*f.piece + 5; off < f.size; off += f.piece {
		if _, err := out.ReadAt(b, off); err != nil {
			t.Fatal(err)
		}
		b[0]++
		if _, err := out.WriteAt(b, off); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// liar is a peer that has everything and sends wrong bytes from a piece on.
func liar(t *testing.T, f *fixture, firstPiece int64) (s *script, addr string) {
	t.Helper()
	addr = freeAddr(t)
	return libtorrent(t, lab{Torrents: []string{f.torrent}, Save: damaged(t, f, firstPiece), Listen: []string{addr}, Lie: true}), addr
}

// A peer that sends wrong bytes beside a good one: the good one wins, the other is dropped for good.
func TestLiarBesideGoodPeer(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 100, 48*mib, 256*kib, nil)
	good := behind(t, seedLibtorrent(t, f), relay.Wire{Rate: 20e6}) // slow enough for the liar to be asked
	for _, dest := range []string{"", "video"} {
		t.Run("for "+dest, func(t *testing.T) {
			t.Parallel()
			turn(t)
			bad, addr := liar(t, f, 0)
			p := start(t, settings{})
			p.add(f.torrent)
			url := p.stream(f.hash, f.name, "x.pe", addr, "x.pe", good.Addr())
			broken := readAll(t, f, url, dest)
			if dest == "" && broken > 0 {
				t.Errorf("%d connections broke; what is not media is verified before it is sent", broken)
			}
			s := bad.stats(t)[0]
			t.Logf("the liar sent %d KiB, %d connections broke", s.Uploaded/kib, broken)
			if s.Uploaded == 0 {
				t.Error("the liar was never asked: this run proves nothing")
			}
			if s.Peers > 0 {
				t.Errorf("the liar is still connected: %+v", s)
			}
			if s.Uploaded > f.size/4 {
				t.Errorf("the liar could send %d bytes before it was dropped", s.Uploaded)
			}
		})
	}
}

// readAll reads the file as dest does: at once, or in one open range after the other until the end. It returns how many connections
// broke. Nothing that came complete may have a wrong byte, but for one in the piece that a player's answer ends inside of: that is
// not known yet, and shows when the next answer begins.
func readAll(t *testing.T, f *fixture, url, dest string) (broken int) {
	t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for off := int64(0); off < f.size; {
		if time.Now().After(deadline) {
			t.Fatalf("still at %d of %d bytes", off, f.size)
		}
		r := &fetch{URL: url, Dest: dest, Range: spanFrom(off)}
		var got body
		err := r.do(t.Context(), &got)
		if r.Status != http.StatusPartialContent && r.Status != http.StatusOK {
			t.Fatalf("from %d: %v, %v", off, r, err)
		}
		right, wrong := f.checker(off).Write(got)
		end := off + int64(len(got))
		unknown := dest != "" && (off+int64(right))/f.piece == end/f.piece
		switch {
		case err == nil && wrong != nil && unknown:
			t.Logf("a complete answer from %d: %v, in the piece that it ends in", off, wrong)
		case err == nil && wrong != nil:
			t.Fatalf("a complete answer from %d: %v", off, wrong)
		case err != nil && wrong != nil: // the break has told the player
			broken++
			continue
		case err != nil:
			broken++
		}
		off += int64(len(got))
	}
	return broken
}

// With nobody but a liar there is no right byte to serve, so none is served.
func TestLiarAlone(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 102, 8*mib, 256*kib, nil)
	for name, c := range map[string]struct {
		first int64 // wrong piece
		dest  string
	}{
		"from the start":            {0, ""},
		"from the start, for video": {0, "video"},
		"from the middle":           {16, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, addr := liar(t, f, c.first)
			p := start(t, settings{})
			p.add(f.torrent)
			ctx, cancel := context.WithTimeout(t.Context(), 150*time.Second)
			defer cancel()
			r := &fetch{URL: p.stream(f.hash, f.name, "x.pe", addr), Dest: c.dest}
			var got body
			err := r.do(ctx, &got)
			t.Logf("%v, %v", r, err)
			if ctx.Err() != nil {
				t.Fatal("no end of it within 150 s")
			}
			right := c.first * f.piece
			switch {
			case r.Status/100 == 2 && err == nil:
				t.Errorf("a complete answer of %d bytes; only %d bytes are right", len(got), right)
			case r.Status/100 != 2 && r.Status != http.StatusGatewayTimeout:
				t.Errorf("status %d, want 504 or a broken connection", r.Status)
			}
			if _, wrong := f.checker(0).Write(got); wrong != nil && c.dest == "" {
				t.Errorf("before the connection broke: %v", wrong)
			}
		})
	}
}

// No peer at all: the answer is 504 with a sentence, after the time that a media element or anything else can be expected to wait.
func TestNoPeers(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 103, mib, 256*kib, nil)
	p := start(t, settings{})
	p.add(f.torrent)
	unknown := strings.Repeat("5a", 20)
	for _, c := range []struct {
		name, url, dest string
		want            time.Duration
	}{
		{"no metadata, fetch", p.stream(unknown, "a.mp4"), "empty", time.Minute},
		{"no metadata, image", p.stream(unknown, "a.jpg"), "image", time.Minute},
		{"no metadata, video", p.stream(unknown, "a.mp4"), "video", 2 * time.Minute},
		{"no metadata, program", p.stream(unknown, "a.jpg"), "", time.Minute},
		{"no bytes, fetch", p.stream(f.hash, f.name), "empty", time.Minute},
		{"no bytes, document", p.stream(f.hash, f.name), "document", time.Minute},
		{"no bytes, audio", p.stream(f.hash, f.name), "audio", 2 * time.Minute},
		{"no bytes, player", p.stream(f.hash, f.name), "", 2 * time.Minute}, // says nothing of itself, and asks for a film
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := &fetch{URL: c.url, Dest: c.dest}
			err := r.do(t.Context(), nil)
			if err != nil || r.Status != http.StatusGatewayTimeout {
				t.Fatalf("%v, %v; want 504", r, err)
			}
			if r.Took < c.want-time.Second || r.Took > c.want+5*time.Second {
				t.Errorf("after %v, want %v", r.Took, c.want)
			}
			if r.Header.Get("Retry-After") == "" || r.N == 0 || r.Header.Get("Access-Control-Allow-Origin") != "*" {
				t.Errorf("the answer lacks something: %d bytes, %v", r.N, r.Header)
			}
		})
	}
}

// When the client is gone, the peers are left alone within a second.
func TestClientGone(t *testing.T) {
	t.Parallel()
	turn(t)
	f := newFixture(t, 104, 64*mib, mib, nil)
	wire := behind(t, seedLibtorrent(t, f), relay.Wire{Rate: 4e6, Delay: 5 * time.Millisecond})
	p := start(t, settings{})
	p.add(f.torrent)
	for _, dest := range []string{"", "video"} {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		before := wire.Down()
		go func() {
			r := &fetch{URL: p.stream(f.hash, f.name, "x.pe", wire.Addr()), Dest: dest}
			done <- r.do(ctx, nil)
		}()
		eventually(t, 20*time.Second, "the download runs", func() bool { return wire.Down() > before+2*mib })
		if n := p.status().Streams; n != 1 {
			t.Errorf("%d streams are counted, want 1", n)
		}
		cancel()
		<-done
		time.Sleep(time.Second)
		up, down := wire.Up(), wire.Down()
		if n := p.status().Streams; n != 0 {
			t.Errorf("%d streams are counted a second after the client has gone", n)
		}
		time.Sleep(2 * time.Second)
		// A request is 17 bytes for 16 KiB; a few messages about other things are fine.
		if more := wire.Up() - up; more > 200 {
			t.Errorf("%d bytes were sent to the peer after the client had gone for a second", more)
		}
		t.Logf("for %q: %d KiB came in the two seconds after", dest, (wire.Down()-down)/kib)
		if more := wire.Down() - down; more > mib {
			t.Errorf("%d bytes came after the client had gone for a second", more)
		}
	}
}

// A page that opens many connections and leaves: nothing is left of them.
func TestCrowdGone(t *testing.T) {
	t.Parallel()
	turn(t)
	p := start(t, settings{})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	const crowd = 60
	for i := range crowd {
		go func() {
			r := &fetch{URL: p.stream(fmt.Sprintf("%040x", i%7+1), "a.jpg"), Dest: "image"}
			done <- r.do(ctx, nil)
		}()
	}
	time.Sleep(2 * time.Second)
	cancel()
	for range crowd {
		<-done
	}
	eventually(t, 2*time.Second, "no stream is counted", func() bool { return p.status().Streams == 0 })
}

package bittorrent_test

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zeronetscript/universal_p2p/stream"
	"github.com/zeronetscript/universal_p2p/stream/bittorrent"
)

// A book is what trackers were told, in order: "started", "", "stopped", each with its infohash.
type book struct {
	mu      sync.Mutex
	entries []string
}

func (b *book) note(hash []byte, event string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.entries = append(b.entries, hex.EncodeToString(hash)[:4]+" "+event)
}

func (b *book) wait(t *testing.T, want ...string) {
	t.Helper()
	var got []string
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		b.mu.Lock()
		got = slices.Clone(b.entries)
		b.mu.Unlock()
		if len(got) >= len(want) {
			break
		}
	}
	if !slices.Equal(got, want) {
		t.Fatalf("the tracker heard %q, want %q", got, want)
	}
}

// httpTracker answers with one peer (BEP 3, BEP 23).
func httpTracker(t *testing.T, peer string) (announce string, told *book) {
	told = new(book)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		told.note([]byte(q.Get("info_hash")), q.Get("event"))
		w.Write([]byte("d8:intervali1800e5:peers" + compactPeer(t, peer) + "e"))
	}))
	t.Cleanup(srv.Close)
	return srv.URL + "/announce", told
}

func compactPeer(t *testing.T, peer string) string {
	if peer == "" {
		return "0:"
	}
	return "6:" + string(compact(t, peer))
}

func compact(t *testing.T, peer string) []byte {
	a, err := net.ResolveTCPAddr("tcp4", peer)
	if err != nil {
		t.Error(err)
		return nil
	}
	return binary.BigEndian.AppendUint16(slices.Clone(a.IP.To4()), uint16(a.Port))
}

// udpTracker answers with one peer (BEP 15).
func udpTracker(t *testing.T, peer string) (announce string, told *book) {
	told = new(book)
	pc, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	t.Cleanup(func() { pc.Close(); wg.Wait() })
	wg.Go(func() {
		var b [2048]byte
		for {
			n, from, err := pc.ReadFrom(b[:])
			if err != nil {
				return
			}
			switch action := binary.BigEndian.Uint32(b[8:]); {
			case action == 0 && n >= 16: // connect
				reply := append([]byte{0, 0, 0, 0}, b[12:16]...)
				pc.WriteTo(append(reply, "connid!!"...), from)
			case action == 1 && n >= 98: // announce
				told.note(b[16:36], []string{"", "completed", "started", "stopped"}[binary.BigEndian.Uint32(b[80:])&3])
				reply := append([]byte{0, 0, 0, 1}, b[12:16]...)
				reply = append(reply, 0, 0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 1)
				pc.WriteTo(append(reply, compact(t, peer)...), from)
			}
		}
	})
	return "udp://" + pc.LocalAddr().String() + "/announce", told
}

// TestAnnounce: a tracker hears when a torrent comes and when it goes, each time, and its peers are used.
func TestAnnounce(t *testing.T) {
	s := newSeed(t, "a.bin", 32<<10, map[string][]byte{"a.bin": randomBytes(100_000)}, nil)
	id := s.mi.HashInfoBytes().HexString()
	for name, start := range map[string]func(*testing.T, string) (string, *book){"http": httpTracker, "udp": udpTracker} {
		t.Run(name, func(t *testing.T) {
			tr, told := start(t, s.addr)
			b, _ := newBackend(t, t.TempDir(), 64<<20, func(c *bittorrent.Config) { c.Grace = time.Millisecond })
			var want []string
			for range 2 {
				tree, err := b.Open(t.Context(), stream.Root{ID: id, Hints: url.Values{"tr": {tr}}})
				if err != nil {
					t.Fatal(err)
				}
				want = append(want, id[:4]+" started")
				told.wait(t, want...)
				tree.Close()
				want = append(want, id[:4]+" stopped")
				told.wait(t, want...)
			}
		})
	}
}

// TestAnnounceUnknown: a tracker that does not answer keeps nobody from leaving.
func TestAnnounceUnknown(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	b, _ := newBackend(t, t.TempDir(), 64<<20, func(c *bittorrent.Config) { c.Trackers = []string{"udp://127.0.0.1:9/announce"} })
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	root := stream.Root{ID: strings.Repeat("ab", 20), Hints: url.Values{"tr": {"http://" + silent.Addr().String() + "/announce"}}}
	if _, err := b.Open(ctx, root); err == nil {
		t.Fatal("nobody has this")
	}
	start := time.Now()
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("leaving took %v", took)
	}
}

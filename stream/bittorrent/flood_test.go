package bittorrent_test

import (
	"bytes"
	"io"
	"net"
	"runtime"
	"strconv"
	"testing"
	"time"

	pp "github.com/anacrolix/torrent/peer_protocol"

	"golang.org/x/time/rate"

	"github.com/zeronetscript/universal_p2p/stream/bittorrent"
)

// A peer that reads nothing sends messages of a few bytes, each of which would have us write sixteen kilobytes or start a goroutine.
func TestFloods(t *testing.T) {
	data := randomBytes(16 << 20)
	s := newSeed(t, "a.bin", 16<<10, map[string][]byte{"a.bin": data}, rate.NewLimiter(64<<10, 16<<10))
	for name, m := range map[string]pp.Message{
		"metadata": pp.MetadataExtensionRequestMsg(1, 0),
		"requests": {Type: pp.Request, Length: 16 << 10},
		"ports":    {Type: pp.Port, Port: 9},
		"have all": {Type: pp.HaveAll},
	} {
		t.Run(name, func(t *testing.T) {
			b, _ := newBackend(t, t.TempDir(), 64<<20, func(c *bittorrent.Config) { c.DHT = true })
			r, err := lookup(t, open(t, b, s.root()), "a.bin").Open(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			if _, err := r.Read(make([]byte, 1)); err != nil { // more is to come, and peers are welcome
				t.Fatal(err)
			}
			before, goroutines := heap(), runtime.NumGoroutine()
			flood(t, b, s, m)
			if n := heap() - before; n > 32<<20 {
				t.Errorf("%d MB more", n>>20)
			}
			if n := runtime.NumGoroutine() - goroutines; n > 100 {
				t.Errorf("%d goroutines more", n)
			}
		})
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// flood connects to b as a peer and sends it m twenty thousand times.
func flood(t *testing.T, b *bittorrent.Backend, s *seed, m pp.Message) {
	c, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(b.Port())))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	hash := s.mi.HashInfoBytes()
	hello := "\x13BitTorrent protocol\x00\x00\x00\x00\x00\x10\x00\x05" + string(hash[:]) + "-XX0000-floodfloodfl"
	if _, err := c.Write([]byte(hello)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, make([]byte, len(hello))); err != nil {
		t.Fatal(err)
	}
	handshake := pp.Message{Type: pp.Extended, ExtendedPayload: []byte("d1:md11:ut_metadatai7eee")}
	if _, err := c.Write(handshake.MustMarshalBinary()); err != nil {
		t.Fatal(err)
	}
	c.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := c.Write(bytes.Repeat(m.MustMarshalBinary(), 20_000)); err != nil {
		t.Error(err)
	}
	time.Sleep(300 * time.Millisecond) // it has them all
}

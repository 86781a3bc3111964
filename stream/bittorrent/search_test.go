package bittorrent_test

import (
	"context"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/zeronetscript/universal_p2p/stream"
)

// muteFirst listens for a peer and passes everything on, but for the first connection: of that it passes only the peer's
// handshake (BEP 3, 68 bytes).
func muteFirst(t *testing.T, peer string) (addr string) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	t.Cleanup(func() { cancel(); ln.Close(); wg.Wait() })
	wg.Go(func() {
		for limit := int64(68); ; limit = 1 << 40 {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", peer)
			if err != nil {
				t.Error(err)
				c.Close()
				return
			}
			context.AfterFunc(ctx, func() { c.Close(); far.Close() })
			wg.Go(func() {
				defer far.Close()
				io.Copy(far, c)
			})
			wg.Go(func() {
				if n, _ := io.CopyN(c, far, limit); n < limit {
					c.Close()
				}
			})
		}
	})
	return ln.Addr().String()
}

// TestMuteConnection: a connection on which the peer is never heard does not keep the list of files from us.
func TestMuteConnection(t *testing.T) {
	t.Parallel()
	s := newSeed(t, "a.bin", 32<<10, map[string][]byte{"a.bin": randomBytes(100_000)}, nil)
	b, _ := newBackend(t, t.TempDir(), 64<<20, nil)
	start := time.Now()
	open(t, b, stream.Root{ID: s.mi.HashInfoBytes().HexString(), Hints: url.Values{"x.pe": {muteFirst(t, s.addr)}}})
	if took := time.Since(start); took < 5*time.Second {
		t.Errorf("it took only %v: nothing was mute", took)
	}
}

package bittorrent_test

import (
	"bytes"
	"net"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/anacrolix/torrent"
	"golang.org/x/time/rate"

	"github.com/zeronetscript/universal_p2p/stream"
)

// The one peer that is named gives nothing, but says who does (BEP 11).
func TestPeerExchange(t *testing.T) {
	data := randomBytes(4 << 20)
	s := newSeed(t, "video.mp4", 256<<10, map[string][]byte{"video.mp4": data}, rate.NewLimiter(1<<20, 1<<20))
	friend := &seed{mi: s.mi}
	friend.start(t, t.TempDir(), nil)
	friend.t.DisallowDataUpload()
	friend.t.DownloadAll()
	host, port, _ := net.SplitHostPort(s.addr)
	n, _ := strconv.Atoi(port)
	friend.t.AddPeers([]torrent.PeerInfo{{Addr: &net.TCPAddr{IP: net.ParseIP(host), Port: n}}})
	for deadline := time.Now().Add(10 * time.Second); friend.t.Stats().ActivePeers == 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the two do not know each other")
		}
	}
	b, _ := newBackend(t, t.TempDir(), 64<<20, nil)
	tree := open(t, b, stream.Root{ID: s.mi.HashInfoBytes().HexString(), Hints: url.Values{"x.pe": {friend.addr}}})
	if got := readAll(t, lookup(t, tree, "video.mp4"), 0, int64(len(data)), false); !bytes.Equal(got, data) {
		t.Error("wrong bytes")
	}
	if st := friend.t.Stats(); st.BytesWrittenData.Int64() != 0 {
		t.Errorf("the friend sent %d bytes", st.BytesWrittenData.Int64())
	}
}

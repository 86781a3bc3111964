package bittorrent

import (
	"encoding/base32"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/anacrolix/torrent/bencode"
	"github.com/anacrolix/torrent/metainfo"
	"github.com/anacrolix/torrent/types/infohash"

	"github.com/zeronetscript/universal_p2p/stream"
)

const (
	hash1 = "0123456789abcdef0123456789abcdef01234567"
	hash2 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
)

func hash1Base32(t testing.TB) string {
	t.Helper()
	b, err := hex.DecodeString(hash1)
	if err != nil {
		t.Fatal(err)
	}
	return base32.StdEncoding.EncodeToString(b)
}

func TestParseRoot(t *testing.T) {
	b32 := hash1Base32(t)
	tests := []struct {
		name  string
		id    string
		hints string // a query
		want  target
	}{
		{"hex", hash1, "", target{v1: hash1}},
		{"upper-case hex", strings.ToUpper(hash1), "", target{v1: hash1}},
		{"base32", b32, "", target{v1: hash1}},
		{"lower-case base32", strings.ToLower(b32), "", target{v1: hash1}},
		{"v2", hash2, "", target{v2: hash2}},
		{"upper-case v2", strings.ToUpper(hash2), "", target{v2: hash2}},
		{"magnet", "magnet:?xt=urn:btih:" + hash1, "", target{v1: hash1}},
		{"magnet, base32", "magnet:?xt=urn:btih:" + b32, "", target{v1: hash1}},
		{"magnet in capitals", "MAGNET:?xt=URN:BTIH:" + strings.ToUpper(hash1), "", target{v1: hash1}},
		{"magnet, v2", "magnet:?xt=urn:btmh:1220" + hash2, "", target{v2: hash2}},
		{"magnet, hybrid", "magnet:?xt=urn:btih:" + hash1 + "&xt=urn:btmh:1220" + hash2, "", target{v1: hash1}},
		{"magnet, foreign topics", "magnet:?xt=urn:sha1:X&xt=urn:btih:short&xt=urn:btih:" + hash1, "", target{v1: hash1}},
		{"magnet, the first topic counts", "magnet:?xt=urn:btih:" + hash1 + "&xt=urn:btih:" + strings.Repeat("f", 40), "", target{v1: hash1}},
		{"magnet with all of its parameters",
			"magnet:?dn=A+name&tr=http%3A%2F%2Ft.example%2Fannounce&ws=http%3A%2F%2Fw.example%2F&x.pe=1.2.3.4:5&x.pe=[2600::1]:6&xl=9&xt=urn:btih:" + hash1, "",
			target{v1: hash1, name: "A name", trackers: []string{"http://t.example/announce"}, webSeeds: []string{"http://w.example/"},
				peers: []string{"1.2.3.4:5", "[2600::1]:6"}}},
		{"magnet with a name that is not escaped", "magnet:?xt=urn:btih:" + hash1 + "&dn=100% cotton&tr=udp://t:1", "",
			target{v1: hash1, trackers: []string{"udp://t:1"}}},
		{"magnet with a semicolon", "magnet:?dn=a;b&xt=urn:btih:" + hash1, "", target{v1: hash1}},
		// The author of the page has written the magnet link into the path as it is, so that "?" began the query of the URL.
		{"magnet not escaped", "magnet:", "xt=urn:btih:" + hash1 + "&dn=N&tr=udp://t:1",
			target{v1: hash1, name: "N", trackers: []string{"udp://t:1"}}},
		{"magnet not escaped, hybrid", "magnet:", "xt=urn:btih:" + hash1 + "&xt=urn:btmh:1220" + hash2, target{v1: hash1}},
		{"hints of the URL", hash1, "dn=N&tr=udp://t:1&tr=udp://u:1&ws=https://w/&x.pe=1.2.3.4:5&s=tag&xt=urn:btih:no",
			target{v1: hash1, name: "N", trackers: []string{"udp://t:1", "udp://u:1"}, webSeeds: []string{"https://w/"}, peers: []string{"1.2.3.4:5"}}},
		{"hints of the URL behind those of the magnet", "magnet:?dn=M&tr=udp://m:1&xt=urn:btih:" + hash1, "dn=N&tr=udp://t:1&tr=udp://m:1",
			target{v1: hash1, name: "M", trackers: []string{"udp://m:1", "udp://t:1"}}},
		{"the topic of the URL does not replace that of the magnet", "magnet:?xt=urn:btih:" + hash1, "xt=urn:btih:" + strings.Repeat("f", 40),
			target{v1: hash1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			hints, err := url.ParseQuery(tt.hints)
			if err != nil {
				t.Fatal(err)
			}
			got, err := parseRoot(stream.Root{ID: tt.id, Hints: hints})
			if err != nil {
				t.Fatal(err)
			}
			if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", tt.want) {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

func TestParseRootBad(t *testing.T) {
	for _, id := range []string{
		"", "x", "magnet", "magnet:", "magnet:?", "magnet:?xt=", "magnet:?dn=x",
		hash1[1:], hash1 + "0", hash2[1:], hash2 + "00",
		"g" + hash1[1:], "g" + hash2[1:], " " + hash1[1:], hash1[:39] + "\n", "0x" + hash1[2:],
		strings.Repeat("1", 32), // 1 is no digit of base32
		strings.Repeat("=", 32), strings.Repeat("A", 24) + "========",
		strings.Repeat("é", 20), strings.Repeat("é", 16), strings.Repeat("ſ", 16), // not one byte a letter
		strings.Repeat("0", 40), strings.Repeat("A", 32), strings.Repeat("0", 64), // the library panics on zero
		"magnet:?xt=urn:btih:" + strings.Repeat("0", 40),
		"magnet:?xt=urn:btih:" + hash2, // v2 has a form of its own
		"magnet:?xt=urn:btih:" + hash1 + "/video.mp4",
		"magnet:?xt=urn:btmh:" + hash2,
		"magnet:?xt=urn:btmh:1114" + hash1, // SHA-1
		"magnet:?xt=" + hash1,
		"magnet:?xt=urn:btih:%zz",
		"magnet:xt=urn:btih:" + hash1,
		"QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG",
	} {
		if got, err := parseRoot(stream.Root{ID: id}); !errors.Is(err, stream.ErrBadRoot) {
			t.Errorf("parseRoot(%q) = %+v, %v, want ErrBadRoot", id, got, err)
		}
	}
}

func TestHintLimits(t *testing.T) {
	q := make(url.Values)
	for i := range 1000 {
		q.Add("tr", "nonsense") // does not count
		q.Add("tr", fmt.Sprintf("udp://t%d.example:1", i/2))
		q.Add("ws", fmt.Sprintf("http://w%d.example/", i))
		q.Add("x.pe", fmt.Sprintf("1.2.3.4:%d", i+1))
	}
	got, err := parseRoot(stream.Root{ID: hash1, Hints: q})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.trackers) != maxTrackers || len(got.webSeeds) != maxWebSeeds || len(got.peers) != maxPeers {
		t.Errorf("%d trackers, %d web seeds, %d peers, want %d, %d, %d",
			len(got.trackers), len(got.webSeeds), len(got.peers), maxTrackers, maxWebSeeds, maxPeers)
	}
	if got.trackers[31] != "udp://t31.example:1" {
		t.Errorf("the last tracker is %s: doubles count", got.trackers[31])
	}

	// Magnet and URL share the limit.
	magnet := "magnet:?xt=urn:btih:" + hash1
	for i := range 20 {
		magnet += fmt.Sprintf("&tr=udp://m%d.example:1", i)
	}
	got, err = parseRoot(stream.Root{ID: magnet, Hints: q})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.trackers) != maxTrackers || got.trackers[19] != "udp://m19.example:1" || got.trackers[20] != "udp://t0.example:1" {
		t.Errorf("trackers are %v", got.trackers)
	}
}

func TestHintForms(t *testing.T) {
	long := strings.Repeat("a", maxHintLen)
	tests := []struct {
		kind  string
		valid func(string) bool
		good  []string
		bad   []string
	}{
		{"tracker", isTracker,
			[]string{"http://t/announce", "https://t/announce?key=1", "udp://t:80", "udp://t:80/announce", "ws://t", "wss://t/", "http://[2600::1]/"},
			[]string{"", "t", "t:80", "http:", "http://", "http:/t", "file:///etc/passwd", "file://t/x", "ftp://t/", "unix:///x", "//t/", "udp:t", "javascript://t",
				"http://t:bad/", "http://[::1/", "http://\x00/", "http://t%zz/", "udp4://t:1", "HTTP://T/", "http://u:p@t/", "http://t/ "}},
		{"web seed", isWebSeed,
			[]string{"http://w/", "https://w/dir/file%20name", "https://w:8080"},
			[]string{"", "w", "http:", "http:///x", "ftp://w/", "udp://w:1", "file:///etc/passwd", "data:,x", "ws://w/"}},
		{"peer", isPeerAddr,
			[]string{"1.2.3.4:5", "1.2.3.4:65535", "[2600::1]:6881", "[::ffff:1.2.3.4]:1"},
			[]string{"", "1.2.3.4", "1.2.3.4:", "1.2.3.4:0", "1.2.3.4:65536", "1.2.3.4:-1", "1.2.3.4:http", "host:1", "localhost:1", ":1", "2600::1:6881",
				"[2600::1]", "1.2.3:4", "0x7f.1:1", "2130706433:1", "1.2.3.4:1:2", "1.2.3.04:1", "1.2.3.4:+1"}},
	}
	for _, tt := range tests {
		for _, s := range tt.good {
			if got := appendHints(nil, []string{s}, 1, tt.valid); !slices.Equal(got, []string{s}) {
				t.Errorf("%s %q is not taken", tt.kind, s)
			}
		}
		for _, s := range tt.bad {
			if got := appendHints(nil, []string{s}, 1, tt.valid); len(got) != 0 {
				t.Errorf("%s %q is taken", tt.kind, s)
			}
		}
	}
	if got := appendHints(nil, []string{"http://t/" + long, "udp://t:1"}, 9, isTracker); !slices.Equal(got, []string{"udp://t:1"}) {
		t.Errorf("a hint of %d bytes is taken", len(long))
	}
}

func TestTargetHashes(t *testing.T) {
	tg := target{v1: hash1, v2: hash2}
	h2, ok := tg.hashV2()
	if got := tg.hashV1().HexString(); got != hash1 || !ok || h2.HexString() != hash2 || tg.id() != hash1 {
		t.Errorf("v1 %s, v2 %s %v, id %s", got, h2.HexString(), ok, tg.id())
	}
	tg = target{v2: hash2}
	if _, ok := tg.hashV2(); !ok || tg.hashV1() != (infohash.T{}) || tg.id() != hash2 {
		t.Errorf("v2 alone: v1 %v, id %s", tg.hashV1(), tg.id())
	}
	if _, ok := (target{v1: hash1}).hashV2(); ok {
		t.Error("v1 alone has a v2 infohash")
	}
}

func TestTargetOf(t *testing.T) {
	mi := &metainfo.MetaInfo{
		Announce:     "udp://ignored:1",
		AnnounceList: metainfo.AnnounceList{{"udp://a:1", "nonsense"}, {"udp://b:1", "udp://a:1"}},
		UrlList:      metainfo.UrlList{"https://w/", "ftp://w/"},
	}
	info := metainfo.Info{Name: "n", PieceLength: 1 << 14, Pieces: make([]byte, 20), Length: 1}
	mi.InfoBytes = bencode.MustMarshal(info)
	got := targetOf(mi, &info)
	slices.Sort(got.trackers)
	if got.v1 != mi.HashInfoBytes().HexString() || got.v2 != "" ||
		!slices.Equal(got.trackers, []string{"udp://a:1", "udp://b:1"}) || !slices.Equal(got.webSeeds, []string{"https://w/"}) {
		t.Errorf("got %+v", got)
	}
}

func FuzzParseRoot(f *testing.F) {
	f.Add(hash1, "")
	f.Add(hash2, "tr=udp://t:1&x.pe=1.2.3.4:5")
	f.Add(hash1Base32(f), "ws=http://w/")
	f.Add("magnet:?xt=urn:btih:"+hash1+"&xt=urn:btmh:1220"+hash2+"&dn=N&tr=http%3A%2F%2Ft", "dn=M")
	f.Add("magnet:", "xt=urn:btih:"+hash1)
	f.Fuzz(func(t *testing.T, id, query string) {
		hints, _ := url.ParseQuery(query)
		got, err := parseRoot(stream.Root{ID: id, Hints: hints})
		if err != nil {
			if !errors.Is(err, stream.ErrBadRoot) || fmt.Sprint(got) != fmt.Sprint(target{}) {
				t.Fatalf("%+v, %v", got, err)
			}
			return
		}
		for _, h := range []struct {
			s string
			n int
		}{{got.v1, 20}, {got.v2, 32}} {
			if b, err := hex.DecodeString(h.s); h.s != "" && (err != nil || len(b) != h.n || strings.ToLower(h.s) != h.s) {
				t.Fatalf("infohash %q", h.s)
			}
		}
		again, err := parseRoot(stream.Root{ID: got.id()})
		if err != nil || again.id() != got.id() {
			t.Fatalf("the id %q is read as %q, %v", got.id(), again.id(), err)
		}
		if _, ok := got.hashV2(); got.hashV1() == (infohash.T{}) && !ok {
			t.Fatal("no infohash for the library")
		}
		if len(got.trackers) > maxTrackers || len(got.webSeeds) > maxWebSeeds || len(got.peers) > maxPeers {
			t.Fatalf("too many hints: %+v", got)
		}
		for _, h := range slices.Concat(got.trackers, got.webSeeds, got.peers) {
			if len(h) > maxHintLen {
				t.Fatalf("a hint of %d bytes", len(h))
			}
		}
	})
}

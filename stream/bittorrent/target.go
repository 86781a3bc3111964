package bittorrent

import (
	"encoding/base32"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/anacrolix/torrent/metainfo"
	"github.com/anacrolix/torrent/types/infohash"
	infohashv2 "github.com/anacrolix/torrent/types/infohash-v2"

	"github.com/zeronetscript/universal_p2p/stream"
)

// How much of a URL's hints is taken: a page must not make us talk to the whole world.
const (
	maxTrackers = 32
	maxWebSeeds = 16
	maxPeers    = 64
	maxHintLen  = 2048 // bytes a hint
)

// A target is what a root names: one infohash or both, and hints where to look.
type target struct {
	v1, v2   string // lower-case hex of the infohash (40 and 64 digits), or ""
	name     string
	trackers []string
	webSeeds []string
	peers    []string // host:port, BEP 9
	private  bool     // BEP 27, as far as known
}

// parseRoot reads the root forms of DESIGN section 3: an infohash of 40 hex or 32 base32 digits (BEP 3), a v2 infohash of 64
// hex digits (BEP 52), a magnet URI (BEP 9). The hints of the URL are added to those of the magnet.
func parseRoot(root stream.Root) (target, error) {
	var t target
	id := root.ID
	switch {
	case len(id) >= 7 && strings.EqualFold(id[:7], "magnet:"):
		t.parseMagnet(id, root.Hints)
	case len(id) == 64:
		t.v2 = hexDigits(id, 32)
	default:
		t.v1 = v1Digits(id)
	}
	if t.v1 == "" && t.v2 == "" {
		return target{}, fmt.Errorf("%w: want an infohash of 40 hex, 32 base32 or 64 hex digits, or a magnet link", stream.ErrBadRoot)
	}
	t.addHints(root.Hints)
	return t, nil
}

// parseMagnet reads a magnet URI. A page author who forgot to percent-encode it has put its parameters into the URL's query;
// that is understood as well.
func (t *target) parseMagnet(uri string, query url.Values) {
	_, raw, _ := strings.Cut(uri, "?")
	q, _ := url.ParseQuery(raw) // a name with a bare % or ; is left out, and needs no more
	if len(q["xt"]) == 0 {
		q["xt"] = query["xt"]
	}
	for _, xt := range q["xt"] {
		if h, ok := cutURN(xt, "urn:btih:"); ok && t.v1 == "" {
			t.v1 = v1Digits(h)
		}
		// A multihash: 0x12 (SHA-256), 0x20 (32 bytes), digest.
		if h, ok := cutURN(xt, "urn:btmh:1220"); ok && t.v2 == "" {
			t.v2 = hexDigits(h, 32)
		}
	}
	if t.v1 != "" {
		t.v2 = "" // the swarm tells whether they belong together; a page could claim it of any two
	}
	t.addHints(q)
}

// cutURN returns what is behind prefix, which counts in any case (RFC 8141).
func cutURN(s, prefix string) (rest string, ok bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return "", false
	}
	return s[len(prefix):], true
}

func (t *target) addHints(q url.Values) {
	if t.name == "" {
		t.name = q.Get("dn")
	}
	t.trackers = appendHints(t.trackers, q["tr"], maxTrackers, isTracker)
	t.webSeeds = appendHints(t.webSeeds, q["ws"], maxWebSeeds, isWebSeed)
	t.peers = appendHints(t.peers, q["x.pe"], maxPeers, isPeerAddr)
}

// id is the canonical root: the v1 infohash where there is one.
func (t target) id() string {
	if t.v1 != "" {
		return t.v1
	}
	return t.v2
}

// names are all forms of the infohashes. In handshakes, in the DHT and at trackers the first 20 bytes of a v2 infohash stand for
// it (BEP 52), so that a page may know no more of it.
func (t target) names() (names []string) {
	if t.v1 != "" {
		names = append(names, t.v1)
	}
	if t.v2 != "" {
		names = append(names, t.v2, t.v2[:40])
	}
	return names
}

func (t target) hashV1() (h infohash.T) {
	if t.v1 != "" {
		h = infohash.FromHexString(t.v1)
	}
	return h
}

func (t target) hashV2() (h infohashv2.T, ok bool) {
	if t.v2 == "" {
		return h, false
	}
	return h, h.FromHexString(t.v2) == nil
}

// short lists the infohashes by which trackers and peers know it: those of 20 bytes, that of v2 cut off (BEP 52).
func (t target) short() (hs []infohash.T) {
	if t.v1 != "" {
		hs = append(hs, t.hashV1())
	}
	if h, ok := t.hashV2(); ok {
		hs = append(hs, *h.ToShort())
	}
	return hs
}

func isPrivate(info *metainfo.Info) bool { return info.Private != nil && *info.Private }

// targetOf is the target that a description of a torrent stands for, with the sources it names.
func targetOf(mi *metainfo.MetaInfo, info *metainfo.Info) target {
	var t target
	if info.HasV1() {
		t.v1 = mi.HashInfoBytes().HexString()
	}
	if info.HasV2() {
		h := infohashv2.HashBytes(mi.InfoBytes)
		t.v2 = h.HexString()
	}
	t.trackers = appendHints(nil, mi.UpvertedAnnounceList().DistinctValues(), maxTrackers, isTracker)
	t.webSeeds = appendHints(nil, mi.UrlList, maxWebSeeds, isWebSeed)
	return t
}

// v1Digits returns the infohash in 40 lower-case hex digits, "" if s is none.
func v1Digits(s string) string {
	if len(s) == 32 {
		b, err := base32.StdEncoding.DecodeString(strings.ToUpper(s))
		if err != nil {
			return ""
		}
		s = hex.EncodeToString(b)
	}
	return hexDigits(s, 20)
}

// hexDigits returns s in lower case if it is the hex form of n bytes, else "". No content has the hash zero, and the library
// panics on it, as on a v2 hash of which the 20 bytes are zero that stand for it in handshakes.
func hexDigits(s string, n int) string {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != n || strings.Trim(s[:40], "0") == "" {
		return ""
	}
	return hex.EncodeToString(b)
}

func appendHints(to, hints []string, limit int, valid func(string) bool) []string {
next:
	for _, h := range hints {
		if len(to) >= limit {
			break
		}
		if len(h) > maxHintLen || !valid(h) {
			continue
		}
		for _, old := range to {
			if old == h {
				continue next
			}
		}
		to = append(to, h)
	}
	return to
}

// isTracker takes what the library takes: it panics on a URL that it would write in another way, or with a user in it.
func isTracker(s string) bool {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.User != nil || u.String() != s {
		return false
	}
	switch u.Scheme {
	case "http", "https", "udp", "ws", "wss":
		return true
	}
	return false
}

func isWebSeed(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https")
}

// isPeerAddr takes host:port with an IP address. BEP 9 allows names too; they would have us ask the DNS for what a page
// likes, and nobody is known to use them.
func isPeerAddr(s string) bool {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return false
	}
	if _, err := netip.ParseAddr(host); err != nil {
		return false
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n != 0
}

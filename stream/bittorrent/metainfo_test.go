package bittorrent

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/anacrolix/torrent"
	"github.com/anacrolix/torrent/bencode"
	"github.com/anacrolix/torrent/metainfo"

	"github.com/zeronetscript/universal_p2p/stream"
	"github.com/zeronetscript/universal_p2p/stream/store"
)

func TestReadMetainfo(t *testing.T) {
	cl := newDeafClient(t)
	for _, name := range fixtures() {
		data, err := os.ReadFile(filepath.Join("testdata", name+".torrent"))
		if err != nil {
			t.Fatal(err)
		}
		mi, info := readFixture(t, name)
		tg := targetOf(mi, info)
		if (tg.v1 != "") == strings.Contains(name, "-v2") || (tg.v2 != "") == strings.Contains(name, "-v1") {
			t.Errorf("%s has the infohashes %q and %q", name, tg.v1, tg.v2)
		}
		checkTaken(t, cl, tg, mi)
		if again, err := bencode.Marshal(mi); err != nil || !bytes.Equal(again, data) {
			t.Errorf("%s, written again, has changed: %v", name, err)
		}
	}
}

// dict is the bencoding of a dictionary whose values are encoded already.
func dict(pairs ...string) string {
	var b strings.Builder
	b.WriteByte('d')
	for i := 0; i < len(pairs); i += 2 {
		fmt.Fprintf(&b, "%d:%s%s", len(pairs[i]), pairs[i], pairs[i+1])
	}
	b.WriteByte('e')
	return b.String()
}

func str(s string) string { return fmt.Sprintf("%d:%s", len(s), s) }

// hostile is what must be refused, and soon.
func hostile() map[string]string {
	v1 := dict("length", "i5e", "name", str("n"), "piece length", "i16384e", "pieces", str(strings.Repeat("h", 20)))
	info := func(s string) string { return dict("info", s) }
	leaf := func(length string) string {
		return dict("", dict("length", length, "pieces root", str(strings.Repeat("r", 32))))
	}
	v2 := func(tree, pieceLength string) string {
		return info(dict("file tree", tree, "meta version", "i2e", "name", str("n"), "piece length", pieceLength))
	}
	deep := func(n int, open, close string) string { return strings.Repeat(open, n) + close }
	return map[string]string{
		"empty":                    "",
		"no bencode":               "hello",
		"HTML":                     "<!DOCTYPE html><html></html>",
		"a list":                   "le",
		"a number":                 "i5e",
		"no info":                  dict(),
		"info is a string":         info(str("x")),
		"info is empty":            info(dict()),
		"cut short":                dict("info", v1)[:40],
		"something behind it":      dict("info", v1) + "x",
		"two of it":                dict("info", v1) + dict("info", v1),
		"a string of 9 exabytes":   "d4:info9223372036854775807:x",
		"a string of 120 MiB":      "d4:info125829120:x",
		"a string of -1 bytes":     "d4:info-1:x",
		"a number without end":     "d4:infoi" + strings.Repeat("1", 1<<20),
		"a number too long":        info(dict("length", "i"+strings.Repeat("1", 1<<16)+"e", "name", str("n"), "piece length", "i16384e")),
		"a million lists":          info(deep(1<<20, "l", "")),
		"a million dictionaries":   info(deep(1<<18, "d1:a", "")),
		"a deep file tree":         v2(deep(1<<16, "d1:a", "de")+strings.Repeat("e", 1<<16), "i16384e"),
		"a tree of 1000 folders":   v2(deep(1000, "d1:a", leaf("i5e"))+strings.Repeat("e", 1000), "i16384e"),
		"no piece length":          info(dict("length", "i5e", "name", str("n"), "pieces", str(strings.Repeat("h", 20)))),
		"negative piece length":    info(dict("length", "i5e", "name", str("n"), "piece length", "i-1e", "pieces", str(strings.Repeat("h", 20)))),
		"half a hash":              info(dict("length", "i5e", "name", str("n"), "piece length", "i16384e", "pieces", str(strings.Repeat("h", 19)))),
		"no hashes":                info(dict("length", "i5e", "name", str("n"), "piece length", "i16384e")),
		"negative length":          info(dict("length", "i-5e", "name", str("n"), "piece length", "i16384e", "pieces", str(strings.Repeat("h", 20)))),
		"name is a number":         info(dict("length", "i5e", "name", "i5e", "piece length", "i16384e", "pieces", str(strings.Repeat("h", 20)))),
		"v2, no tree":              info(dict("meta version", "i2e", "name", str("n"), "piece length", "i16384e")),
		"v2, empty tree":           v2(dict(), "i16384e"),
		"v2, piece length 0":       v2(dict("a", leaf("i5e")), "i0e"),
		"v2, piece length 1":       v2(dict("a", leaf("i5e")), "i1e"),
		"v2, piece length 48 KiB":  v2(dict("a", leaf("i5e")), "i49152e"),
		"v2, piece length 1 GiB":   v2(dict("a", leaf("i5e")), "i1073741824e"),
		"v2, negative length":      v2(dict("a", leaf("i-5e")), "i16384e"),
		"v2, largest length":       v2(dict("a", leaf("i9223372036854775807e")), "i16384e"),
		"v2, petabytes":            v2(dict("a", leaf("i1125899906842624e")), "i16384e"),
		"v2, sum wraps around":     v2(dict("a", leaf("i9223372036854775807e"), "b", leaf("i9223372036854775807e"), "c", leaf("i5e")), "i16384e"),
		"v2, short root":           v2(dict("a", dict("", dict("length", "i5e", "pieces root", str("r")))), "i16384e"),
		"v2, no root":              v2(dict("a", dict("", dict("length", "i5e"))), "i16384e"),
		"v2, empty file with root": v2(dict("a", leaf("i0e")), "i16384e"),
		"v2, file and folder":      v2(dict("a", dict("", dict("length", "i5e", "pieces root", str(strings.Repeat("r", 32))), "b", leaf("i5e"))), "i16384e"),
		"v2, tree is a list":       v2("le", "i16384e"),
		"hybrid, one hash for two": info(dict("file tree", dict("a", leaf("i20000e")), "length", "i20000e", "meta version", "i2e", "name", str("a"), "piece length", "i16384e", "pieces", str(strings.Repeat("h", 20)))),
		"a wrong layer": dict("info", dict("file tree", dict("a", leaf("i20000e")), "meta version", "i2e", "name", str("a"), "piece length", "i16384e"),
			"piece layers", dict(strings.Repeat("r", 32), str(strings.Repeat("l", 64)))),
		"a short layer": dict("info", dict("file tree", dict("a", leaf("i20000e")), "meta version", "i2e", "name", str("a"), "piece length", "i16384e"),
			"piece layers", dict(strings.Repeat("r", 32), str(strings.Repeat("l", 33)))),
	}
}

func TestReadMetainfoHostile(t *testing.T) {
	for name, data := range hostile() {
		start := time.Now()
		mi, info, err := readMetainfo([]byte(data))
		if err == nil || mi != nil || info != nil {
			t.Errorf("%s: %+v, %v", name, info, err)
		}
		if d := time.Since(start); d > 2*time.Second {
			t.Errorf("%s took %v", name, d)
		}
	}
}

// Odd but right: what other programs write and we take.
func TestReadMetainfoOdd(t *testing.T) {
	cl := newDeafClient(t)
	v1 := dict("length", "i5e", "name", str("n"), "piece length", "i16384e", "pieces", str(strings.Repeat("h", 20)))
	two := dict("length", "i20000e", "name", str("n"), "piece length", "i16384e", "pieces", str(strings.Repeat("h", 40)))
	for name, data := range map[string]string{
		"unknown keys":           dict("azureus_properties", dict("x", "i1e"), "info", v1, "x", "li1ei2ee"),
		"no announce":            dict("info", v1),
		"a date that is no date": dict("creation date", str("today"), "info", v1),
		"one web seed":           dict("info", v1, "url-list", str("http://w/")),
		"v1, no piece layers":    dict("info", two, "piece layers", dict()),
		"v1, piece layers":       dict("info", two, "piece layers", dict(strings.Repeat("r", 32), str(strings.Repeat("l", 64)))),
		"many trackers":          dict("announce-list", "l"+strings.Repeat("l"+str("udp://t:1")+"e", 50_000)+"e", "info", v1),
		"many bad trackers":      dict("announce-list", "ll"+strings.Repeat(str("nonsense"), 200_000)+"ee", "info", v1),
	} {
		start := time.Now()
		mi, info, err := readMetainfo([]byte(data))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		tg := targetOf(mi, info)
		checkTaken(t, cl, tg, mi)
		if len(tg.v1) != 40 || len(tg.trackers) > maxTrackers || len(tg.webSeeds) > maxWebSeeds {
			t.Errorf("%s: %+v", name, tg)
		}
		if d := time.Since(start); d > 2*time.Second {
			t.Errorf("%s took %v", name, d)
		}
	}
}

// newDeafClient is a client of the library that neither listens nor dials.
func newDeafClient(tb testing.TB) *torrent.Client {
	tb.Helper()
	cfg := torrent.NewDefaultClientConfig()
	cfg.DisableTCP, cfg.DisableUTP, cfg.NoDHT, cfg.DisableTrackers, cfg.NoDefaultPortForwarding = true, true, true, true, true
	cfg.DefaultStorage = noStorage{}
	cfg.Slogger = slog.New(slog.DiscardHandler)
	cl, err := torrent.NewClient(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { cl.Close() })
	return cl
}

// checkTaken checks that the library opens what we have taken for a torrent.
func checkTaken(t *testing.T, cl *torrent.Client, tg target, mi *metainfo.MetaInfo) {
	t.Helper()
	opts := torrent.AddTorrentOpts{
		InfoHash: tg.hashV1(), InfoBytes: mi.InfoBytes, PieceLayers: mi.PieceLayers,
		DisableInitialPieceCheck: true, DeferStorageOpen: true,
	}
	if h, ok := tg.hashV2(); ok {
		opts.InfoHashV2.Set(h)
	}
	tt, _ := cl.AddTorrentOpt(opts)
	defer tt.Drop()
	select {
	case <-tt.GotInfo():
	default:
		t.Fatalf("the library does not take the torrent %s", tg.id())
	}
}

// What we take for a torrent, the library has to take as well: one that it refuses would be waited for in vain.
func FuzzReadMetainfo(f *testing.F) {
	for _, name := range fixtures() {
		data, err := os.ReadFile(filepath.Join("testdata", name+".torrent"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	for _, data := range hostile() {
		if len(data) < 1000 {
			f.Add([]byte(data))
		}
	}
	cl := newDeafClient(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		start := time.Now()
		mi, info, err := readMetainfo(data)
		if err != nil {
			return
		}
		l, err := newLayout(info)
		if err != nil {
			return
		}
		tg := targetOf(mi, info)
		again, err := parseRoot(stream.Root{ID: tg.id()})
		if err != nil || again.id() != tg.id() {
			t.Fatalf("the id %q is read as %q, %v", tg.id(), again.id(), err)
		}
		end := l.total()
		list := newFileList(nil, info, mi.Encoding)
		checkFileList(t, list)
		for _, file := range list.files {
			if file.offset < 0 || file.size < 0 || file.size > 0 && file.offset+file.size > end {
				t.Fatalf("%q has %d bytes at %d of %d", file.path, file.size, file.offset, end)
			}
		}
		if l.pieces <= 1000 {
			checkTaken(t, cl, tg, mi)
			checkLayout(t, l, info)
			c := newChecker(mi, info, l)
			for i := range min(l.pieces, 20) {
				if l.size(i) <= 1<<20 {
					c.check(i, bytes.NewReader(make([]byte, l.size(i))))
				}
			}
			if l.size(l.pieces-1) <= 1<<20 {
				c.check(l.pieces-1, bytes.NewReader(make([]byte, l.size(l.pieces-1))))
			}
		}
		if d := time.Since(start); d > time.Minute { // for what takes milliseconds on an idle machine
			t.Fatalf("took %v", d)
		}
	})
}

// newMetaBackend is a backend that can only keep things.
func newMetaBackend(t *testing.T, quota int64) (*Backend, *bytes.Buffer) {
	t.Helper()
	st, err := store.Open(t.TempDir(), store.Options{Quota: quota})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	var log bytes.Buffer
	return &Backend{store: st, log: slog.New(slog.NewTextHandler(&log, nil)), swarms: make(map[string]*swarm)}, &log
}

func fixtureData(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name+".torrent"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestKeptMetainfo(t *testing.T) {
	for _, name := range fixtures() {
		b, log := newMetaBackend(t, 64<<20)
		mi, info := readFixture(t, name)
		tg := targetOf(mi, info)
		if kept, _ := b.keptMetainfo(tg); kept != nil {
			t.Fatalf("%s is kept before it was added", name)
		}
		id, err := b.AddMetainfo(t.Context(), fixtureData(t, name))
		if err != nil || id != tg.id() {
			t.Fatalf("AddMetainfo(%s) = %q, %v, want %q", name, id, err, tg.id())
		}
		// A hybrid torrent is found by each of its infohashes.
		for _, by := range []target{{v1: tg.v1}, {v2: tg.v2}, tg} {
			if by.id() == "" {
				continue
			}
			kept, keptInfo := b.keptMetainfo(by)
			if kept == nil || !bytes.Equal(kept.InfoBytes, mi.InfoBytes) || len(kept.PieceLayers) != len(mi.PieceLayers) || keptInfo.Name != info.Name {
				t.Errorf("%s is not found by %+v", name, by)
			}
		}
		if kept, _ := b.keptMetainfo(target{v1: hash1}); kept != nil {
			t.Errorf("%s is found by another infohash", name)
		}
		if log.Len() > 0 {
			t.Errorf("%s: logged %s", name, log)
		}
	}
}

func TestAddMetainfoBad(t *testing.T) {
	b, _ := newMetaBackend(t, 64<<20)
	for name, data := range hostile() {
		if id, err := b.AddMetainfo(t.Context(), []byte(data)); !errors.Is(err, stream.ErrBadMetainfo) || id != "" {
			t.Errorf("%s: %q, %v, want ErrBadMetainfo", name, id, err)
		}
	}
	if roots := b.store.Roots(); len(roots) > 0 {
		t.Errorf("kept %v", roots)
	}
}

// The store's files are on a disk that may lie, and that people can write to.
func TestKeptMetainfoDamaged(t *testing.T) {
	v1, v1Info := readFixture(t, "libtorrent-v1")
	tg := targetOf(v1, v1Info)
	hybrid, hybridInfo := readFixture(t, "libtorrent-hybrid")
	htg := targetOf(hybrid, hybridInfo)
	flipped := fixtureData(t, "libtorrent-v1")
	flipped[bytes.Index(flipped, []byte("small.txt"))] ^= 1
	layers := fixtureData(t, "libtorrent-hybrid")
	layers[len(layers)-10] ^= 1
	for name, tt := range map[string]struct {
		root string
		side string
		data []byte
		ask  target
	}{
		"another torrent":               {tg.v1, metaTorrent, fixtureData(t, "libtorrent-v1-single"), tg},
		"another torrent, v2":           {htg.v1, metaTorrent, fixtureData(t, "libtorrent-hybrid-tail"), htg},
		"the same files in v1":          {htg.v1, metaTorrent, fixtureData(t, "libtorrent-v1"), htg},
		"one bit":                       {tg.v1, metaTorrent, flipped, tg},
		"one bit of a layer":            {htg.v1, metaTorrent, layers, htg},
		"cut short":                     {tg.v1, metaTorrent, fixtureData(t, "libtorrent-v1")[:100], tg},
		"nothing":                       {tg.v1, metaTorrent, nil, tg},
		"zeros":                         {tg.v1, metaTorrent, make([]byte, 400), tg},
		"an alias to nowhere":           {htg.v2, metaAlias, []byte(hash1), target{v2: htg.v2}},
		"an alias that is no hash":      {htg.v2, metaAlias, []byte("../../x"), target{v2: htg.v2}},
		"an alias of another torrent":   {htg.v2, metaAlias, []byte(tg.v1), target{v2: htg.v2}},
		"an alias that is cut to zero":  {htg.v2, metaAlias, nil, target{v2: htg.v2}},
		"a .torrent where the alias is": {htg.v2, metaTorrent, fixtureData(t, "libtorrent-v2-single"), target{v2: htg.v2}},
	} {
		b, log := newMetaBackend(t, 64<<20)
		if _, err := b.AddMetainfo(t.Context(), fixtureData(t, "libtorrent-v1")); err != nil {
			t.Fatal(err)
		}
		if err := b.store.WriteMeta(space, tt.root, tt.side, tt.data); err != nil {
			t.Fatal(err)
		}
		if mi, info := b.keptMetainfo(tt.ask); mi != nil || info != nil {
			t.Errorf("%s: taken for %+v", name, tt.ask)
		}
		if log.Len() == 0 && name != "an alias to nowhere" {
			t.Errorf("%s: nothing is logged", name)
		}
	}
}

// What the swarm told is kept without the words of the page that named it.
func TestKeepMetainfo(t *testing.T) {
	b, log := newMetaBackend(t, 64<<20)
	mi, info := readFixture(t, "libtorrent-hybrid")
	tg := targetOf(mi, info)
	told := *mi
	told.Announce, told.AnnounceList = "http://evil.example/", metainfo.AnnounceList{{"http://evil.example/"}}
	told.UrlList, told.Nodes = metainfo.UrlList{"http://evil.example/"}, []metainfo.Node{"evil.example:1"}
	told.Comment, told.CreatedBy, told.CreationDate = "evil.example", "evil.example", 5
	b.keepMetainfo(tg, told)
	data, err := b.store.ReadMeta(space, tg.id(), metaTorrent)
	if err != nil || bytes.Contains(data, []byte("evil")) {
		t.Fatalf("kept %q, %v", data, err)
	}
	if kept, _ := b.keptMetainfo(target{v2: tg.v2}); kept == nil || !bytes.Equal(kept.InfoBytes, mi.InfoBytes) {
		t.Error("the hybrid torrent is not found by its v2 infohash")
	}

	// A .torrent that was uploaded has more to say, and stays.
	up := *mi
	up.Announce, up.Encoding = "http://t.example/", "UTF-8"
	uploaded, err := bencode.Marshal(up)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.AddMetainfo(t.Context(), uploaded); err != nil {
		t.Fatal(err)
	}
	b.keepMetainfo(tg, told)
	if data, err := b.store.ReadMeta(space, tg.id(), metaTorrent); err != nil || !bytes.Equal(data, uploaded) {
		t.Errorf("kept %q, %v", data, err)
	}
	if got := b.encodingOf(tg.id()); got != "UTF-8" {
		t.Errorf("encodingOf = %q", got)
	}
	if got := b.encodingOf(hash1); got != "" {
		t.Errorf("encodingOf an unknown torrent = %q", got)
	}
	if log.Len() > 0 {
		t.Errorf("logged %s", log)
	}
}

func TestKeptPeers(t *testing.T) {
	b, log := newMetaBackend(t, 64<<20)
	if got := b.keptPeers(hash1); got != nil {
		t.Errorf("kept peers of an unknown torrent: %v", got)
	}
	want := []string{"1.2.3.4:5", "[2600::1]:6"}
	b.keepPeers(hash1, want)
	b.keepPeers(hash1, nil) // those of last time may still be good
	if got := b.keptPeers(hash1); !slices.Equal(got, want) {
		t.Errorf("kept peers are %v, want %v", got, want)
	}
	if log.Len() > 0 {
		t.Errorf("logged %s", log)
	}

	many := []string{"localhost:1", "1.2.3.4:0", "", "1.2.3.4:5", "1.2.3.4:5"}
	for i := range 10 * maxPeers {
		many = append(many, fmt.Sprintf("1.2.3.4:%d", i+1))
	}
	data, err := json.Marshal(many)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.store.WriteMeta(space, hash1, metaPeers, data); err != nil {
		t.Fatal(err)
	}
	if got := b.keptPeers(hash1); len(got) != maxPeers || got[0] != "1.2.3.4:5" {
		t.Errorf("of a file of %d: %d peers, the first %q", len(many), len(got), got[0])
	}
	for _, bad := range []string{"", "{}", "[1]", "[", `"1.2.3.4:5"`} {
		log.Reset()
		if err := b.store.WriteMeta(space, hash1, metaPeers, []byte(bad)); err != nil {
			t.Fatal(err)
		}
		if got := b.keptPeers(hash1); len(got) != 0 || log.Len() == 0 {
			t.Errorf("of %q: %v, logged %s", bad, got, log)
		}
	}
}

// Without room in the store an upload fails, and says so in the words of package stream.
func TestAddMetainfoNoSpace(t *testing.T) {
	b, _ := newMetaBackend(t, 1)
	if _, err := b.AddMetainfo(t.Context(), fixtureData(t, "libtorrent-v1")); !errors.Is(err, stream.ErrNoSpace) {
		t.Errorf("got %v, want ErrNoSpace", err)
	}
	if err := b.store.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := b.AddMetainfo(context.Background(), fixtureData(t, "libtorrent-v1")); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("with the store closed: %v", err)
	}
}

package web

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/zeronetscript/universal_p2p/stream/ledger"
)

// oldZip makes a zip whose names are not UTF-8, as tools have made it that took what their system had.
func oldZip(t *testing.T, members map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for name, data := range members {
		f, err := w.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, NonUTF8: true})
		if err != nil {
			t.Fatal(err)
		}
		f.Write([]byte(data))
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// oldTar makes a tar of one such file. The writer of the library takes no such names, so that they are put in afterwards.
func oldTar(t *testing.T, name, data string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := w.WriteHeader(&tar.Header{Name: strings.Repeat("N", len(name)), Size: int64(len(data)), Mode: 0o644, Format: tar.FormatUSTAR}); err != nil {
		t.Fatal(err)
	}
	w.Write([]byte(data))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	out := b.Bytes()
	copy(out, name)
	copy(out[148:156], "        ")
	sum := 0
	for _, c := range out[:512] {
		sum += int(c)
	}
	for i := 153; i >= 148; i-- {
		out[i] = byte('0' + sum&7)
		sum >>= 3
	}
	out[154], out[155] = 0, ' '
	return out
}

// TestRawNames: members whose names are in an old charset are found by what they are called, and by the bytes of it.
func TestRawNames(t *testing.T) {
	const sjis = "\x83\x65\x83\x58\x83\x67" // テスト
	f := newFront(t, withArchives(t))
	cp437 := oldZip(t, map[string]string{"M\x81ller/Stra\xe1e.txt": "eine Adresse"})
	inner := oldZip(t, map[string]string{sjis + ".txt": "inside of it"})
	f.mem.Add("old", "Old archives", map[string][]byte{
		"d/sjis.zip":  oldZip(t, map[string]string{sjis + ".txt": "a test", sjis + sjis + "/" + sjis + ".jpg": "a picture", sjis + "/in.zip": string(inner)}),
		"cp437.zip":   cp437,
		"old.tar":     oldTar(t, "caf\x82.txt", "un petit noir"),
		"plain.bin":   []byte("no archive"),
		"latin é.zip": cp437,
	})
	f.mem.Add("single", "", map[string][]byte{"cp437.zip": cp437})
	for _, c := range []struct{ raw, proper, want string }{
		{"old/d/sjis.zip/%83%65%83%58%83%67.txt", "old/d/sjis.zip/テスト.txt", "a test"},
		{"old/d/sjis.zip/%83e%83X%83g%83e%83X%83g/%83e%83X%83g.jpg", "old/d/sjis.zip/テストテスト/テスト.jpg", "a picture"},
		{"old/d/sjis.zip/%83e%83X%83g/in.zip/%83e%83X%83g.txt", "old/d/sjis.zip/テスト/in.zip/テスト.txt", "inside of it"},
		{"old/cp437.zip/M%81ller/Stra%E1e.txt", "old/cp437.zip/Müller/Straße.txt", "eine Adresse"},
		{"old/latin%20%C3%A9.zip/M%81ller/Stra%E1e.txt", "old/latin é.zip/Müller/Straße.txt", "eine Adresse"},
		{"old/old.tar/caf%82.txt", "old/old.tar/café.txt", "un petit noir"},
		{"single/cp437.zip/M%81ller/Stra%E1e.txt", "single/cp437.zip/Müller/Straße.txt", "eine Adresse"},
	} {
		raw := f.do("GET", "/mem/v0/stream/"+c.raw)
		f.want(raw, 200, []byte(c.want))
		req, _ := mustParse(t, "http://"+f.addr+"/mem/v0/stream/"+strings.ReplaceAll(c.proper, " ", "%20"))
		proper := f.do("GET", req.EscapedPath())
		f.want(proper, 200, []byte(c.want))
		for _, k := range []string{"Etag", "Content-Disposition", "Content-Type", "Cache-Control"} {
			if raw.get(k) != proper.get(k) {
				t.Errorf("%s: %s is %q, and %q by its proper name", c.raw, k, raw.get(k), proper.get(k))
			}
		}
		f.want(f.do("GET", "/mem/v0/stream/"+c.raw, "If-None-Match: "+raw.get("Etag")), 304, nil)
		f.want(f.do("GET", "/mem/v0/stream/"+c.raw, "Range: bytes=1-3"), 206, []byte(c.want[1:4]))
		if res := f.do("GET", "/mem/v0/play/"+c.raw); res.StatusCode != 200 || !utf8.Valid(res.body) {
			t.Errorf("the page of %s: %s, UTF-8: %v", c.raw, res.Status, utf8.Valid(res.body))
		}
	}
	for path, want := range map[string]int{
		"old/d/sjis.zip/%83%66.txt": 404, "old/cp437.zip/M%82ller/Stra%E1e.txt": 404, "old/plain.bin/%83": 404, "old/%83.zip/x": 404, "old/d/%83": 404, "old/d%83": 404,
		"old/cp437.zip/M%81ller/%2e%2e/x": 400, "old/cp437.zip/M%81ller%00": 400, "old/cp437.zip/M%81ller%2FStra%E1e.txt": 400,
	} {
		f.wantError(f.do("GET", "/mem/v0/stream/"+path), want)
	}
	for path, want := range map[string]int{"old/%83": 404, "old/cp437.zip/%83": 404, "old/cp437.zip/M%81ller": 404} {
		if res := f.do("GET", "/mem/v0/play/"+path); !utf8.Valid(res.body) || !strings.Contains(string(res.body), "no such file") && res.StatusCode != want {
			t.Errorf("the page of %s: %s %.300s", path, res.Status, res.body)
		}
	}
	checkNotes(t, f)
}

// checkNotes: the ledger has proper names.
func checkNotes(t *testing.T, f *front) {
	t.Helper()
	items := make(map[string]int64)
	for s := range f.history.Sites() {
		for i := range f.history.Items(s.Site, ledger.Root{Protocol: "mem/v0", ID: "old"}) {
			if !utf8.ValidString(i.Path) || strings.ContainsRune(i.Path, utf8.RuneError) {
				t.Errorf("the ledger has a path %q", i.Path)
			}
			items[i.Path] += i.Bytes
		}
	}
	for path, want := range map[string]int64{"d/sjis.zip/テスト.txt": 2*6 + 3, "cp437.zip/Müller/Straße.txt": 2*12 + 3} {
		if items[path] != want {
			t.Errorf("the ledger has %d bytes for %s, want %d, in %v", items[path], path, want, items)
		}
	}
}

// TestFilesInRaw: an archive in an archive may be named by its bytes too. What is listed is called properly, and can be had.
func TestFilesInRaw(t *testing.T) {
	f := newFront(t, withArchives(t))
	inner := zipOf(t, [3]string{"1.jpg", "picture one", ""})
	f.mem.Add("old", "", map[string][]byte{"a.zip": oldZip(t, map[string]string{"\x83e\x83X\x83g\x83e\x83X\x83g.zip": string(inner)})})
	for _, in := range []string{"a.zip/%83e%83X%83g%83e%83X%83g.zip", "a.zip/テストテスト.zip"} {
		res := f.do("GET", "/mem/v0/files/old?in="+strings.ReplaceAll(url.QueryEscape(in), "%25", "%"))
		var l listing
		if err := json.Unmarshal(res.body, &l); err != nil || res.StatusCode != 200 || len(l.Files) != 1 || l.Files[0].Path != "a.zip/テストテスト.zip/1.jpg" {
			t.Fatalf("%s: %s %s", in, res.Status, res.body)
		}
		_, u := mustParse(t, l.Files[0].URL)
		f.want(f.do("GET", u.RequestURI()), 200, []byte("picture one"))
	}
}

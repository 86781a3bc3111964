package web

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"encoding/json"
	"io/fs"
	"strings"
	"testing"

	"github.com/zeronetscript/universal_p2p/archive"
	"github.com/zeronetscript/universal_p2p/stream"
)

// withArchives gives a front what opens archives.
func withArchives(t testing.TB) func(*Config) {
	return func(c *Config) {
		library := archive.New(archive.Config{})
		t.Cleanup(func() { library.Close() })
		c.Archives = library
	}
}

// zipOf makes a zip of members, in order, each "name", content and whether it is compressed.
func zipOf(t *testing.T, members ...[3]string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, m := range members {
		method := zip.Store
		if m[2] != "" {
			method = zip.Deflate
		}
		f, err := w.CreateHeader(&zip.FileHeader{Name: m[0], Method: method})
		if err != nil {
			t.Fatal(err)
		}
		f.Write([]byte(m[1]))
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// newArchiveFront has a tree with archives in it, some one in the other.
func newArchiveFront(t *testing.T) (f *front, text string, inner []byte) {
	text = strings.Repeat("a member that is compressed. ", 10_000)
	inner = zipOf(t, [3]string{"deep/x.txt", "inside", ""})
	level2 := zipOf(t, [3]string{"1.zip", string(inner), ""})
	level3 := zipOf(t, [3]string{"2.zip", string(level2), "deflate"})
	level4 := zipOf(t, [3]string{"3.zip", string(level3), ""})
	album := zipOf(t, [3]string{"1.jpg", "picture one", ""}, [3]string{"folder/ü #?.txt", text, "deflate"}, [3]string{"in.zip", string(inner), "deflate"},
		[3]string{"page.html", "<script>alert(1)</script>", ""})
	locked := patched(zipOf(t, [3]string{"secret.txt", "none of it", ""}), 6, 8, "\x09") // the flags
	f = newFront(t, withArchives(t))
	f.mem.Add("tree2", "Archives", map[string][]byte{
		"a.zip": album, "b/4.zip": level4, "locked.zip": locked, "cut.zip": album[:len(album)-8], "plain.txt": []byte("no archive"),
		"page.zip": album,
	})
	return f, text, inner
}

func TestMembers(t *testing.T) {
	f, text, inner := newArchiveFront(t)
	const root = "/mem/v0/stream/tree2/"
	res := f.do("GET", root+"a.zip/1.jpg")
	f.want(res, 200, []byte("picture one"))
	for k, want := range map[string]string{
		"Content-Type": "image/jpeg", "Accept-Ranges": "bytes", "Access-Control-Allow-Origin": "*", "Cache-Control": "private, max-age=31536000, immutable",
	} {
		if got := res.get(k); got != want {
			t.Errorf("%s is %q, want %q", k, got, want)
		}
	}
	f.want(f.do("GET", root+"a.zip/1.jpg", "Range: bytes=2-5"), 206, []byte("ctur"))
	f.want(f.do("GET", root+"a.zip/1.jpg", "If-None-Match: "+res.get("Etag")), 304, nil)
	member := root + "a.zip/folder/%C3%BC%20%23%3F.txt"
	f.want(f.do("GET", member), 200, []byte(text))
	f.want(f.do("GET", member, "Range: bytes=200000-200009"), 206, []byte(text[200000:200010]))
	f.want(f.do("GET", member, "Range: bytes=-3"), 206, []byte(text[len(text)-3:]))
	f.want(f.do("GET", root+"a.zip/in.zip/deep/x.txt"), 200, []byte("inside"))
	f.want(f.do("GET", root+"b/4.zip/3.zip/2.zip/1.zip"), 200, inner)
	if got := f.do("GET", root+"a.zip/page.html").get("Content-Security-Policy"); !strings.Contains(got, "sandbox") {
		t.Errorf("a page in an archive has the policy %q", got)
	}
}

func TestMemberErrors(t *testing.T) {
	f, _, _ := newArchiveFront(t)
	for path, want := range map[string]int{
		"a.zip/2.jpg":                             404,
		"a.zip/1.jpg/x":                           404,
		"a.zip/folder":                            404,
		"plain.txt/x":                             404,
		"b/4.zip/3.zip/2.zip/1.zip/deep/x.txt":    404, // one too deep
		"locked.zip/secret.txt":                   403,
		"cut.zip/1.jpg":                           502,
		"a.zip/%2e%2e/x":                          400,
		"a.zip/folder/%C3%BC%20%23%3F.txt/no.jpg": 404,
	} {
		f.wantError(f.do("GET", "/mem/v0/stream/tree2/"+path), want)
	}
}

func TestFilesIn(t *testing.T) {
	f, _, _ := newArchiveFront(t)
	list := func(in string) (paths []string) {
		t.Helper()
		res := f.do("GET", "/mem/v0/files/tree2?in="+in+"&tr=udp://t:1")
		if res.StatusCode != 200 {
			t.Fatalf("%s: %s %s", in, res.Status, res.body)
		}
		var l struct{ Files []fileEntry }
		if err := json.Unmarshal(res.body, &l); err != nil {
			t.Fatalf("%v: %s", err, res.body)
		}
		for _, e := range l.Files {
			req, u := mustParse(t, e.URL)
			if req.Command != "stream" || req.Path != e.Path || u.Query().Get("tr") == "" {
				t.Errorf("the address of %s is %s", e.Path, e.URL)
			}
			if got := f.do("GET", u.RequestURI()); got.StatusCode != 200 || int64(len(got.body)) != e.Size {
				t.Errorf("%s: %s, %d bytes, listed as %d", e.URL, got.Status, len(got.body), e.Size)
			}
			paths = append(paths, e.Path)
		}
		return paths
	}
	if got := strings.Join(list("a.zip"), " "); got != "a.zip/1.jpg a.zip/folder/ü #?.txt a.zip/in.zip a.zip/page.html" {
		t.Errorf("a.zip has %s", got)
	}
	if got := strings.Join(list("a.zip/in.zip"), " "); got != "a.zip/in.zip/deep/x.txt" {
		t.Errorf("in.zip has %s", got)
	}
	for in, want := range map[string]int{"plain.txt": 404, "none.zip": 404, "a.zip/1.jpg": 404, "cut.zip": 502} {
		if res := f.do("GET", "/mem/v0/files/tree2?in="+in); res.StatusCode != want {
			t.Errorf("%s: %s %s, want %d", in, res.Status, res.body, want)
		}
	}
	f.want(f.do("HEAD", "/mem/v0/files/tree2?in=a.zip"), 200, nil)
}

// patched is a zip with other bytes at a place of every header of members: at local in those before the data, at central in those of
// the directory.
func patched(zip []byte, local, central int, with string) []byte {
	zip = bytes.Clone(zip)
	for i := 0; i+4 < len(zip); i++ {
		switch string(zip[i : i+4]) {
		case "PK\x03\x04":
			copy(zip[i+local:], with)
		case "PK\x01\x02":
			copy(zip[i+central:], with)
		}
	}
	return zip
}

// TestMemberStatus: what a zip or a tar cannot give has a status that says why, and the list of members is there all the same.
func TestMemberStatus(t *testing.T) {
	one := zipOf(t, [3]string{"a.txt", "content", ""})
	packed := zipOf(t, [3]string{"a.txt", strings.Repeat("content ", 1000), "deflate"})
	twice := zipOf(t, [3]string{"a.txt", "content", ""}, [3]string{"b.txt", "content", ""})
	at := bytes.LastIndex(twice, []byte("PK\x01\x02"))
	copy(twice[at+42:], "\x00\x00\x00\x00") // both where the first is
	damaged := bytes.Clone(packed)
	copy(damaged[40:], "\xff\xff\xff\xff\xff\xff")
	count := bytes.Clone(one)
	end := bytes.LastIndex(count, []byte("PK\x05\x06"))
	find := "PK\x06\x07\x00\x00\x00\x00" + "\x00\x00\x00\x00\x00\x00\x00\x00" + "\x01\x00\x00\x00"
	end64 := "PK\x06\x06\x2c\x00\x00\x00\x00\x00\x00\x00\x2d\x03\x2d\x00" + strings.Repeat("\x00", 8) + strings.Repeat("\x00\x00\x00\x00\x01\x00\x00\x00", 2) +
		string(count[end+12:end+16]) + "\x00\x00\x00\x00" + string(count[end+16:end+20]) + "\x00\x00\x00\x00"
	count = append(append(append(count[:end:end], end64...), find...), count[end:]...)
	f := newFront(t, withArchives(t))
	f.mem.Add("odd", "", map[string][]byte{
		"encrypted.zip": patched(one, 6, 8, "\x01"), "method.zip": patched(one, 8, 10, "\x0e"), "nobody.zip": patched(packed, 8, 10, "\xfe\x00"),
		"ratio.zip": patched(packed, 22, 24, "\xf0\xff\xff\x7f"), "overlap.zip": twice, "damaged.zip": damaged, "count.zip": count,
		"link.zip": linkZip(t), "link.tar": linkTar(t),
	})
	for path, want := range map[string]int{
		"encrypted.zip/a.txt": 403, "method.zip/a.txt": 501, "nobody.zip/a.txt": 501, "ratio.zip/a.txt": 422, "overlap.zip/a.txt": 422, "overlap.zip/b.txt": 422,
		"damaged.zip/a.txt": 502, "count.zip/a.txt": 422, "link.zip/link": 404, "link.tar/link": 404, "link.tar/hard": 404, "link.zip/link/x": 404,
	} {
		f.wantError(f.do("GET", "/mem/v0/stream/odd/"+path), want)
		if want != 502 { // which only shows when it is unpacked
			f.wantError(f.do("HEAD", "/mem/v0/stream/odd/"+path), want)
		}
	}
	for in, want := range map[string]string{
		"encrypted.zip": "encrypted.zip/a.txt", "method.zip": "method.zip/a.txt", "ratio.zip": "ratio.zip/a.txt", "link.zip": "link.zip/a.txt", "link.tar": "link.tar/a.txt",
	} {
		var l listing
		res := f.do("GET", "/mem/v0/files/odd?in="+in)
		if err := json.Unmarshal(res.body, &l); err != nil || len(l.Files) != 1 || l.Files[0].Path != want {
			t.Errorf("%s: %s %s, %v", in, res.Status, res.body, err)
		}
	}
	f.wantError(f.do("GET", "/mem/v0/files/odd?in=count.zip"), 422)
}

// linkZip makes a zip of a file and a link to it.
func linkZip(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for name, mode := range map[string]fs.FileMode{"a.txt": 0o644, "link": fs.ModeSymlink | 0o777} {
		h := &zip.FileHeader{Name: name}
		h.SetMode(mode)
		m, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		m.Write([]byte("a.txt"))
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// linkTar makes a tar of the same, and of a hard link.
func linkTar(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range []tar.Header{
		{Name: "a.txt", Size: 5, Mode: 0o644},
		{Name: "link", Typeflag: tar.TypeSymlink, Linkname: "a.txt"},
		{Name: "hard", Typeflag: tar.TypeLink, Linkname: "a.txt"},
	} {
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if h.Size > 0 {
			w.Write([]byte("a.txt"))
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Without a library no path leads into an archive.
func TestNoLibrary(t *testing.T) {
	f := newFront(t)
	f.mem.Add("tree2", "", map[string][]byte{"a.zip": zipOf(t, [3]string{"x", "y", ""})})
	f.wantError(f.do("GET", "/mem/v0/stream/tree2/a.zip/x"), 404)
	f.wantError(f.do("GET", "/mem/v0/files/tree2?in=a.zip"), 404)
}

var _ stream.EarlyFile = (*archive.Member)(nil)

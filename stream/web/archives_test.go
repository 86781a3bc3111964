package web

import (
	"archive/zip"
	"bytes"
	"encoding/json"
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
	locked := bytes.Clone(zipOf(t, [3]string{"secret.txt", "none of it", ""}))
	for i := 0; i+4 < len(locked); i++ { // the flag of both headers
		switch string(locked[i : i+4]) {
		case "PK\x03\x04":
			locked[i+6] |= 1
		case "PK\x01\x02":
			locked[i+8] |= 1
		}
	}
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

// Without a library no path leads into an archive.
func TestNoLibrary(t *testing.T) {
	f := newFront(t)
	f.mem.Add("tree2", "", map[string][]byte{"a.zip": zipOf(t, [3]string{"x", "y", ""})})
	f.wantError(f.do("GET", "/mem/v0/stream/tree2/a.zip/x"), 404)
	f.wantError(f.do("GET", "/mem/v0/files/tree2?in=a.zip"), 404)
}

var _ stream.EarlyFile = (*archive.Member)(nil)

package web

import (
	"encoding/json"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/zeronetscript/universal_p2p/assets"
)

// newBareFront has files without names.
func newBareFront(t *testing.T) (f *front, film, album []byte) {
	t.Helper()
	film, err := fs.ReadFile(assets.Demo(), "video.webm")
	if err != nil {
		t.Fatal(err)
	}
	picture, err := os.ReadFile("testdata/browser/picture.png")
	if err != nil {
		t.Fatal(err)
	}
	inner := zipOf(t, [3]string{"deep/x.txt", "inside", ""})
	album = zipOf(t, [3]string{"1.png", string(picture), ""}, [3]string{"b/2.txt", "two", "deflate"}, [3]string{"in.zip", string(inner), ""})
	f = newFront(t, withArchives(t))
	f.mem.AddBare("film", film)
	f.mem.AddBare("album", album)
	f.mem.AddBare("picture", picture)
	f.mem.AddBare("page", []byte("<!DOCTYPE html><script>alert(1)</script>"))
	f.mem.AddBare("drawing", []byte(`<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`))
	f.mem.AddBare("noise", random(5000))
	f.mem.AddBare("nothing", nil)
	return f, film, album
}

// A file without a name is called what the address calls it, or else by what its first bytes are.
func TestBare(t *testing.T) {
	f, film, album := newBareFront(t)
	const root = "/mem/v0/stream/"
	for _, c := range []struct{ path, mime, name string }{
		{"film/x.webm", "video/webm", "x.webm"},
		{"film/x.mp3", "audio/mpeg", "x.mp3"}, // who names it has the last word
		{"film/x", "video/webm", "x.webm"},
		{"film", "video/webm", "film.webm"},
		{"film?filename=my%20film.webm", "video/webm", "my film.webm"},
		{"film/x.webm?filename=y.mp4", "video/webm", "x.webm"},
		{"album", "application/zip", "album.zip"},
		{"album/photos.zip", "application/zip", "photos.zip"},
		{"album/book.epub", "application/epub+zip", "book.epub"},
		{"picture", "image/png", "picture.png"},
		{"picture/a.png", "image/png", "a.png"},
		{"page", "text/html; charset=utf-8", "page.html"},
		{"drawing", "image/svg+xml", "drawing.svg"},
		{"noise", "application/octet-stream", "noise"},
		{"noise/a.html", "text/html; charset=utf-8", "a.html"},
		{"nothing/empty.txt", "text/plain; charset=utf-8", "empty.txt"},
	} {
		res := f.do("GET", root+c.path)
		want := map[string]string{
			"Content-Type": c.mime, "Content-Disposition": disposition("inline", c.name), "Cache-Control": immutable,
			"Content-Security-Policy": map[kind]string{document: sandbox, video: unframed, audio: unframed}[typeOf(c.name).kind],
		}
		for k, v := range want {
			if got := res.get(k); res.StatusCode != 200 || got != v {
				t.Errorf("%s: %d, %s is %q, want %q", c.path, res.StatusCode, k, got, v)
			}
		}
		head := f.do("HEAD", root+c.path)
		if head.StatusCode != 200 || head.get("Content-Type") != c.mime || head.ContentLength != int64(len(res.body)) {
			t.Errorf("HEAD of %s: %d, %s, %d bytes", c.path, head.StatusCode, head.get("Content-Type"), head.ContentLength)
		}
	}
	f.want(f.do("GET", root+"film/x.webm"), 200, film)
	f.want(f.do("GET", root+"film/x.webm", "Range: bytes=1000-1999"), 206, film[1000:2000])
	f.want(f.do("GET", root+"film", "Range: bytes=1000-1999"), 206, film[1000:2000])
	tag := f.do("HEAD", root+"film/x.webm").get("Etag")
	opens := f.mem.Counts().Opens
	f.want(f.do("GET", root+"film/x.webm", "If-None-Match: "+tag), 304, nil)
	if f.mem.Counts().Opens != opens {
		t.Error("for what a client has, the backend was asked")
	}
	f.want(f.do("GET", root+"album/photos.zip"), 200, album)
	for _, path := range []string{"film/x/y.webm", "film/x.zip/1.jpg", "film/a/b/c", "album/none/2.png", "noise/a.zip/b"} {
		f.wantError(f.do("GET", root+path), 404)
	}
}

// The way into a bare archive leads through what it is called, or there is none on it.
func TestBareArchive(t *testing.T) {
	f, _, album := newBareFront(t)
	const root = "/mem/v0/stream/"
	for _, name := range []string{"", "/album", "/photos.zip", "/album.zip", "/photos", "/book.epub"} {
		f.want(f.do("GET", root+"album"+name+"/b/2.txt"), 200, []byte("two"))
		f.want(f.do("GET", root+"album"+name+"/in.zip/deep/x.txt"), 200, []byte("inside"))
		f.want(f.do("GET", root+"album"+name+"/b/2.txt?filename=other.zip"), 200, []byte("two"))
		if res := f.do("GET", root+"album"+name+"/1.png"); res.StatusCode != 200 || res.get("Content-Type") != "image/png" || res.get("Content-Disposition") != disposition("inline", "1.png") {
			t.Errorf("%q: %v", name, res.Response)
		}
		if res := f.do("GET", root+"album"+name+"/in.zip"); len(res.body) >= len(album) || res.StatusCode != 200 {
			t.Errorf("%q: an archive in it: %d, %d bytes", name, res.StatusCode, len(res.body))
		}
	}
	f.mem.AddBare("locked", patched(zipOf(t, [3]string{"a.txt", "content", ""}), 6, 8, "\x01"))
	for _, method := range []string{"GET", "HEAD"} { // as in archives that have a name
		f.wantError(f.do(method, root+"locked/a.txt"), 403)
		f.wantError(f.do(method, root+"locked/photos.zip/a.txt"), 403)
	}
	f.wantError(f.do("GET", root+"album/photos.zip/none.png"), 404)
	f.wantError(f.do("GET", root+"album/b/none.png"), 404)
}

// What is listed has ready addresses, with the name.
func TestBareFiles(t *testing.T) {
	f, film, _ := newBareFront(t)
	list := func(query string) (all []fileEntry) {
		t.Helper()
		res := f.do("GET", "/mem/v0/files/"+query)
		var l struct{ Files []fileEntry }
		if err := json.Unmarshal(res.body, &l); err != nil {
			t.Fatalf("%v: %s", err, res.body)
		}
		for _, e := range l.Files {
			_, u := mustParse(t, e.URL)
			if got := f.do("GET", u.RequestURI()); got.StatusCode != 200 || int64(len(got.body)) != e.Size || got.get("Content-Type") != e.Type {
				t.Errorf("%s: %s, %d bytes of %s, listed as %+v", e.URL, got.Status, len(got.body), got.get("Content-Type"), e)
			}
		}
		return l.Files
	}
	for query, want := range map[string]string{"film": "film.webm", "film?filename=a.mkv": "a.mkv"} {
		if got := list(query); len(got) != 1 || got[0].Path != want || got[0].Size != int64(len(film)) {
			t.Errorf("%s: %+v, want %s", query, got, want)
		}
	}
	for query, want := range map[string]string{
		"album?in=": "album.zip", "album?in=album.zip": "album.zip", "album?in=photos.zip": "photos.zip", "album?in=&filename=p.zip": "p.zip",
	} {
		var got []string
		for _, e := range list(query) {
			got = append(got, e.Path)
		}
		if g, w := strings.Join(got, " "), want+"/1.png "+want+"/b/2.txt "+want+"/in.zip"; g != w {
			t.Errorf("%s: %s, want %s", query, g, w)
		}
	}
}

func TestBarePlay(t *testing.T) {
	f, _, _ := newBareFront(t)
	base := "http://" + f.addr
	for path, want := range map[string][]string{
		"film":                     {"<video", base + "/mem/v0/stream/film/film.webm"},
		"film/x.webm":              {">x.webm<", "<video", base + "/mem/v0/stream/film/x.webm"},
		"film?filename=a.webm":     {">a.webm<", "<video", base + "/mem/v0/stream/film/a.webm?filename=a.webm"},
		"picture":                  {"<img", base + "/mem/v0/stream/picture/picture.png"},
		"album":                    {"/mem/v0/play/album/album.zip/b", "1.png", "/mem/v0/play/album/album.zip/in.zip"},
		"album/photos.zip":         {"/mem/v0/play/album/photos.zip/b", "1.png"},
		"album/photos.zip/b":       {"/mem/v0/play/album/photos.zip/b/2.txt"},
		"album/photos.zip/1.png":   {"<img", base + "/mem/v0/stream/album/photos.zip/1.png"},
		"album/1.png":              {"<img", base + "/mem/v0/stream/album/album.zip/1.png"},
		"album/photos.zip/in.zip":  {"/mem/v0/play/album/photos.zip/in.zip/deep"},
		"noise":                    {"Open noise", base + "/mem/v0/stream/noise/noise"},
		"album/photos.zip?as=m3u":  nil,
		"album/photos.zip/nothing": nil,
	} {
		res := f.do("GET", "/mem/v0/play/"+path)
		if want == nil {
			f.wantError(res, 404)
			continue
		}
		if res.StatusCode != 200 {
			t.Errorf("%s: %d %s", path, res.StatusCode, res.body)
		}
		inOrder(t, string(res.body), want...)
	}
}

func TestEnding(t *testing.T) {
	for head, want := range map[string]string{
		"\xFF\xD8\xFF\xE0": "jpg", "ID3\x04": "mp3", "\xFF\xFB\x90\x64\x00": "mp3", "\xFF\xF1\x50\x80\x00": "aac", "\x00\x00\x00\x18ftypisom\x00\x00": "mp4",
		"\x00\x00\x00\x18ftypM4A \x00\x00": "m4a", "\x00\x00\x00\x18ftypavif\x00\x00": "avif", "RIFF....WEBPVP8": "webp", "RIFF....WAVEfmt": "wav", "RIFF....XXXX": "",
		"OggS....\x01vorbis": "ogg", "OggS....\x80theora": "ogv", "\x1A\x45\xDF\xA3\x42\x82matroska": "mkv", "\x1A\x45\xDF\xA3\x42\x82webm": "webm",
		"Rar!\x1A\x07\x01\x00": "rar", "\x1F\x8B\x08\x00": "gz", "7z\xBC\xAF\x27\x1C": "7z", "%PDF-1.4": "pdf", strings.Repeat("a", 257) + "ustar": "tar",
		"<svg/>": "svg", " <html>": "html", "<?xml version=\"1.0\"?><a/>": "xml", "BM......\x00\x00": "", "plain": "txt",
		"\xFF\xFEa\x00b\x00": "txt", "\x00\x01\x02": "", "<!-- --><script>": "html",
	} {
		if got := ending([]byte(head)); got != want {
			t.Errorf("%q: %q, want %q", head, got, want)
		}
	}
}

// What is done with the first bytes of a stranger's file.
func FuzzEnding(f *testing.F) {
	f.Add([]byte("<svg/>"))
	f.Fuzz(func(t *testing.T, head []byte) {
		if e := ending(head); e != "" && extension("a."+e) != e {
			t.Errorf("%q is no ending", e)
		}
	})
}

package web

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zeronetscript/universal_p2p/stream"
)

func TestWholeFiles(t *testing.T) {
	f := newFront(t)
	for path, data := range content {
		u := "/mem/v0/stream/tree1/" + escape(path)
		res := f.do("GET", u)
		f.want(res, http.StatusOK, data)
		if got := res.get("Content-Length"); got != fmt.Sprint(len(data)) {
			t.Errorf("%s: Content-Length %q", path, got)
		}
		head := f.do("HEAD", u, "Range: bytes=0-1")
		f.want(head, http.StatusOK, nil)
		for k := range head.Header {
			if k != "Date" && head.get(k) != res.get(k) {
				t.Errorf("%s: HEAD has %s %q, GET has %q", path, k, head.get(k), res.get(k))
			}
		}
	}
	f.want(f.do("GET", "/mem/v0/stream/tree1"), http.StatusOK, content["video.mp4"])
	f.want(f.do("GET", "/mem/v0/stream/tree1/"), http.StatusOK, content["video.mp4"])
	f.want(f.do("GET", "/mem/v0/stream/TREE1/sound.mp3/"), http.StatusOK, content["sound.mp3"])
}

func escape(path string) string {
	var elems []string
	for e := range strings.SplitSeq(path, "/") {
		elems = append(elems, url.PathEscape(e))
	}
	return strings.Join(elems, "/")
}

// TestHeaders checks the header fields of content, and those that must never be there.
func TestHeaders(t *testing.T) {
	f := newFront(t)
	for path, want := range map[string]struct{ mime, csp, disposition string }{
		"video.mp4":     {"video/mp4", unframed, "inline; filename*=UTF-8''video.mp4"},
		"sound.mp3":     {"audio/mpeg", unframed, "inline; filename*=UTF-8''sound.mp3"},
		"d/picture.png": {"image/png", "", "inline; filename*=UTF-8''picture.png"},
		"d/a.zip":       {"application/zip", sandbox, "inline; filename*=UTF-8''a.zip"},
		"page.html":     {"text/html; charset=utf-8", sandbox, "inline; filename*=UTF-8''page.html"},
		"empty.txt":     {"text/plain; charset=utf-8", sandbox, "inline; filename*=UTF-8''empty.txt"},
		"мир 100%.srt":  {"application/x-subrip", sandbox, "inline; filename*=UTF-8''%D0%BC%D0%B8%D1%80%20100%25.srt"},
	} {
		for _, method := range []string{"GET", "HEAD"} {
			res := f.do(method, "/mem/v0/stream/tree1/"+escape(path), "Origin: https://a.example", "Cookie: a=b")
			for k, v := range map[string]string{
				"Content-Type":                     want.mime,
				"Content-Security-Policy":          want.csp,
				"Content-Disposition":              want.disposition,
				"Accept-Ranges":                    "bytes",
				"Access-Control-Allow-Origin":      "*",
				"Access-Control-Expose-Headers":    "Content-Length, Content-Range, Accept-Ranges",
				"Access-Control-Allow-Credentials": "",
				"Cross-Origin-Resource-Policy":     "cross-origin",
				"X-Content-Type-Options":           "nosniff",
				"Referrer-Policy":                  "no-referrer",
				"Cache-Control":                    "private, max-age=31536000, immutable",
				"Last-Modified":                    "",
				"Set-Cookie":                       "",
				"Timing-Allow-Origin":              "",
				"Server":                           "",
			} {
				if got := res.get(k); got != v {
					t.Errorf("%s %s: %s is %q, want %q", method, path, k, got, v)
				}
			}
			if tag := res.get("Etag"); len(tag) != 22 || tag[0] != '"' || tag[21] != '"' {
				t.Errorf("%s: Etag is %s", path, tag)
			}
		}
	}
}

// TestTypeCostsNothing: a range fetches the range, and no byte for a guess at the type.
func TestTypeCostsNothing(t *testing.T) {
	f := newFront(t)
	f.mem.Add("tree2", "", map[string][]byte{"no-extension": random(1 << 20)}).File("no-extension").Slow(0, 100)
	res := f.do("GET", "/mem/v0/stream/tree2/no-extension", "Range: bytes=500000-500099")
	if res.StatusCode != 206 || res.get("Content-Type") != "application/octet-stream" {
		t.Errorf("%s, type %q", res.Status, res.get("Content-Type"))
	}
	if n := f.mem.Counts().Read; n != 100 {
		t.Errorf("%d bytes were read for 100", n)
	}
}

func TestErrors(t *testing.T) {
	broken := errors.New("The protocol did not start because the port 6881 is taken; choose another one.")
	f := newFront(t, func(c *Config) {
		c.Protocols = append(c.Protocols, Protocol{Name: "ipfs", Version: "v0", Err: broken}, Protocol{Name: "none", Version: "v0"})
	})
	for path, code := range map[string]int{
		"/mem/v0/stream/tree-1/a":                      400, // no root of Mem
		"/mem/v0/stream":                               400,
		"/mem/v0/stream/":                              400,
		"/mem/v0/stream/tree1/..":                      400,
		"/mem/v0/stream/tree1/../../../etc/passwd":     400,
		"/mem/v0/stream/tree1/%2e%2e/x":                400,
		"/mem/v0/stream/tree1/d%2Fpicture.png":         400,
		"/mem/v0/stream/tree1//sound.mp3":              400,
		"/mem/v0/stream/tree1/d/./picture.png":         400,
		"/mem/v0/stream/tree1/a%00b":                   400,
		"/MEM/v0/stream/tree1/sound.mp3":               400,
		"/favicon.ico":                                 404,
		"/mem/v0/stream/tree1/nothing":                 404,
		"/mem/v0/stream/tree1/d":                       404,
		"/mem/v0/stream/tree1/sound.mp3x":              404,
		"/mem/v0/stream/tree1/d/a.zip/1.jpg":           404, // no archives yet
		"/mem/v0/stream/tree1/%ff":                     404,
		"/mem/v0/stream/tree1/%3Cscript%3E":            404,
		"/mem/v1/stream/tree1/sound.mp3":               404,
		"/tor/v0/stream/tree1/sound.mp3":               404,
		"/mem/v0/watch/tree1/video.mp4":                404,
		"/mem/v0/delete/tree1/video.mp4":               404,
		"/mem/v0/files/tree1/d":                        404,
		"/mem/v0/torrent/tree1/d":                      404,
		"/ipfs/v0/stream/tree1/x":                      503,
		"/none/v0/stream/tree1/x":                      503,
		"/mem/v0/stream/" + strings.Repeat("a", 16384): 400,
	} {
		for _, method := range []string{"GET", "HEAD"} {
			res := f.do(method, path)
			f.wantError(res, code)
			if strings.ContainsAny(string(res.body), "<>%") {
				t.Errorf("%s: the answer %q echoes", path, res.body)
			}
			if retry := res.get("Retry-After"); (retry != "") != (code == 503) {
				t.Errorf("%s: Retry-After is %q", path, retry)
			}
		}
	}
	if res := f.do("GET", "/ipfs/v0/files/x"); !strings.Contains(string(res.body), broken.Error()) {
		t.Errorf("503 says %q", res.body)
	}
}

// TestFailures: what the backend fails with before the first byte is a status.
func TestFailures(t *testing.T) {
	f := newFront(t)
	file := f.tree.File("sound.mp3")
	for _, tt := range []struct {
		err  error
		code int
	}{
		{stream.ErrNoSpace, 507},
		{stream.ErrCorrupt, 502},
		{stream.ErrClosed, 503},
		{errors.New("the disk burns"), 500},
	} {
		file.Fail(1000, tt.err)
		f.wantError(f.get("sound.mp3", "Range: bytes=1000-"), tt.code)
		f.want(f.get("sound.mp3", "Range: bytes=0-999"), http.StatusPartialContent, content["sound.mp3"][:1000])
	}
	if log := f.log.String(); strings.Count(log, "level=WARN") != 3 || !strings.Contains(log, "the disk burns") {
		t.Errorf("the log has to tell of our own three failures: %s", log)
	}
	f.mem.Close()
	f.wantError(f.get("sound.mp3"), 503)
}

// TestCutShort: what fails after the first byte cuts the connection.
func TestCutShort(t *testing.T) {
	f := newFront(t)
	for _, at := range []int64{1, 100, 3000, 70_000, 199_999} {
		f.tree.File("sound.mp3").Fail(at, errors.New("the disk burns"))
		res := f.get("sound.mp3")
		if res.StatusCode != 200 || res.err == nil || len(res.body) > int(at) {
			t.Errorf("failure at %d: %s, %d bytes, %v", at, res.Status, len(res.body), res.err)
		}
	}
	if !strings.Contains(f.log.String(), "answer cut short") {
		t.Errorf("the log says nothing: %s", f.log)
	}
}

// TestEarly: unverified bytes go to a media element that plays media, and to nobody else: they wait.
func TestEarly(t *testing.T) {
	const dest = "Sec-Fetch-Dest: "
	tests := []struct {
		name   string
		path   string
		header []string
		always bool  // verify always, as the config says
		until  int64 // what comes before is verified
		want   string
	}{
		{"a video element", "video.mp4", []string{dest + "video", "Range: bytes=0-99"}, false, 99, "early"},
		{"an audio element", "video.mp4", []string{dest + "audio", "Range: bytes=0-99"}, false, 99, "early"},
		{"music", "sound.mp3", []string{dest + "audio", "Range: bytes=0-99"}, false, 99, "early"},
		{"nearly all is verified", "video.mp4", []string{dest + "video", "Range: bytes=0-"}, false, 2<<20 - 1, "early"},
		{"the part is verified", "video.mp4", []string{dest + "video", "Range: bytes=0-"}, false, 2 << 20, "verified"},
		{"verify always", "video.mp4", []string{dest + "video", "Range: bytes=0-99"}, true, 100, "verified"},
		{"a fetch", "video.mp4", []string{dest + "empty", "Range: bytes=0-99"}, false, 100, "verified"},
		{"verify always, not yet", "video.mp4", []string{dest + "video", "Range: bytes=99-99"}, true, 99, "waits"},
		{"a fetch, not yet", "video.mp4", []string{dest + "empty", "Range: bytes=99-99"}, false, 99, "waits"},
		{"an image, not yet", "video.mp4", []string{dest + "image", "Range: bytes=99-99"}, false, 99, "waits"},
		{"a document, not yet", "video.mp4", []string{dest + "document", "Range: bytes=99-99"}, false, 99, "waits"},
		{"a program, not yet", "video.mp4", []string{"Range: bytes=99-99"}, false, 99, "waits"},
		{"a picture, not yet", "d/picture.png", []string{dest + "video", "Range: bytes=99-99"}, false, 99, "waits"},
		{"an archive, not yet", "d/a.zip", []string{dest + "video", "Range: bytes=99-99"}, false, 99, "waits"},
		{"a page, not yet", "page.html", []string{dest + "video", "Range: bytes=9-9"}, false, 9, "waits"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFront(t, func(c *Config) {
				c.Early = !tt.always
				if tt.want == "waits" {
					c.Patience, c.MediaPatience = 50*time.Millisecond, 50*time.Millisecond
				}
			})
			file := f.tree.File(tt.path)
			file.Early()
			file.Verify(tt.until)
			res := f.get(tt.path, tt.header...)
			report := file.Report()
			if early := report.EarlyOpens == 1; early != (tt.want == "early") || report.EarlyOpens+report.Opens != 1 {
				t.Errorf("%+v, want %s", report, tt.want)
			}
			if tt.want == "waits" {
				f.wantError(res, http.StatusGatewayTimeout)
				return
			}
			if res.err != nil || res.StatusCode != http.StatusPartialContent {
				t.Errorf("%s, %v", res.Status, res.err)
			}
			if got, want := res.get("Cache-Control"), map[string]string{"early": "no-store", "verified": immutable}[tt.want]; got != want {
				t.Errorf("Cache-Control is %q, want %q", got, want)
			}
		})
	}
}

// TestEarlyCorrupt: bytes that were passed on early and turn out wrong cut the connection.
func TestEarlyCorrupt(t *testing.T) {
	f := newFront(t)
	file := f.tree.File("video.mp4")
	file.Early()
	file.Corrupt(300_000)
	res := f.get("video.mp4", "Range: bytes=0-", "Sec-Fetch-Dest: video")
	if res.StatusCode != 206 || res.err == nil || len(res.body) < 200_000 || len(res.body) > 300_001 {
		t.Errorf("%s, %d bytes, %v", res.Status, len(res.body), res.err)
	}
}

func TestHints(t *testing.T) {
	u, err := url.Parse("/x?tr=udp://a&tr=udp://b&ws=http://w&x.pe=1.2.3.4:5&dn=N&s=tag&so=1&TR=x")
	if err != nil {
		t.Fatal(err)
	}
	got := hints(u)
	if len(got) != 4 || !slices.Equal(got["tr"], []string{"udp://a", "udp://b"}) || got.Get("x.pe") != "1.2.3.4:5" {
		t.Errorf("hints are %v", got)
	}
}

func TestHome(t *testing.T) {
	f := newFront(t)
	if res := f.do("GET", "/", f.host("localhost")); res.StatusCode != 404 {
		t.Errorf("without a home: %s", res.Status)
	}
	f = newFront(t, func(c *Config) {
		c.Home = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("home")) })
	})
	res := f.do("GET", "/", f.host("localhost"))
	f.want(res, 200, []byte("home"))
	for k, v := range map[string]string{"X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff", "Access-Control-Allow-Origin": ""} {
		if res.get(k) != v {
			t.Errorf("%s is %q", k, res.get(k))
		}
	}
	if res := f.do("POST", "/"); res.StatusCode != 405 {
		t.Errorf("POST: %s", res.Status)
	}
}

package web

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/zeronetscript/universal_p2p/stream/streamtest"
)

func TestParseRange(t *testing.T) {
	const none = -1
	tests := []struct {
		header string
		size   int64
		off, n int64 // n none: the header is to be ignored; 0: unsatisfiable
	}{
		{"bytes=0-1", 10, 0, 2},
		{"bytes=0-0", 10, 0, 1},
		{"bytes=0-", 10, 0, 10},
		{"bytes=9-", 10, 9, 1},
		{"bytes=3-4", 10, 3, 2},
		{"bytes=3-400", 10, 3, 7},
		{"bytes=3-99999999999999999999999", 10, 3, 7},
		{"bytes=-3", 10, 7, 3},
		{"bytes=-300", 10, 0, 10},
		{"bytes=-99999999999999999999999", 10, 0, 10},
		{"Bytes = 3-4 ", 10, 3, 2},
		{"bytes=10-", 10, 10, 0},
		{"bytes=10-20", 10, 10, 0},
		{"bytes=99999999999999999999999-", 10, 1<<63 - 1, 0},
		{"bytes=-0", 10, 10, 0},
		{"bytes=0-1,3-4", 10, 0, none},
		{"bytes=0-1,", 10, 0, none},
		{"bytes=4-3", 10, 0, none},
		{"bytes=", 10, 0, none},
		{"bytes=-", 10, 0, none},
		{"bytes", 10, 0, none},
		{"bytes=a-b", 10, 0, none},
		{"bytes=+1-2", 10, 0, none},
		{"bytes=1--2", 10, 0, none},
		{"bytes=--2", 10, 0, none},
		{"bytes=1 - 2", 10, 0, none},
		{"bytes=0x1-2", 10, 0, none},
		{"items=0-1", 10, 0, none},
		{"bytes=0-", 1 << 62, 0, 1 << 62},
		{"bytes=9223372036854775807-9223372036854775807", 1 << 62, 1<<63 - 1, 0},
	}
	for _, tt := range tests {
		part, ok := parseRange(tt.header, tt.size)
		if ok != (tt.n != none) || ok && part != (span{tt.off, tt.n}) {
			t.Errorf("parseRange(%q, %d) = %+v, %v", tt.header, tt.size, part, ok)
		}
	}
}

// FuzzRange compares with net/http where the two mean the same: single ranges that are well formed.
func FuzzRange(f *testing.F) {
	f.Add("bytes=0-1", int64(10))
	f.Add("bytes=-5", int64(10))
	f.Fuzz(func(t *testing.T, header string, size int64) {
		size &= 0xffff
		part, ok := parseRange(header, size)
		if part.off < 0 || part.n < 0 || ok && part.n > 0 && (part.off >= size || part.n > size-part.off) {
			t.Fatalf("parseRange(%q, %d) = %+v, %v", header, size, part, ok)
		}
		if !ok || size == 0 || !strings.HasPrefix(header, "bytes=") {
			return
		}
		rec, req := httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil)
		req.Header.Set("Range", header)
		rec.Header().Set("Content-Type", "x/y")
		http.ServeContent(rec, req, "", time.Time{}, bytes.NewReader(make([]byte, size)))
		switch want := fmt.Sprintf("bytes %d-%d/%d", part.off, part.off+part.n-1, size); {
		case part.n > 0:
			if got := rec.Header().Get("Content-Range"); got != want && rec.Code != http.StatusRequestedRangeNotSatisfiable {
				t.Fatalf("%q of %d: %q here, %q in net/http", header, size, want, got)
			}
		case rec.Code == http.StatusPartialContent && rec.Body.Len() > 0:
			t.Fatalf("%q of %d: nothing here, %q in net/http", header, size, rec.Header().Get("Content-Range"))
		}
	})
}

func FuzzTags(f *testing.F) {
	f.Add(`"abc", W/"tag"`, true)
	f.Add(`W/"tag"`, false)
	f.Fuzz(func(t *testing.T, list string, weak bool) {
		got := matchesTag([]string{list}, `"tag"`, weak)
		if got && strings.TrimSpace(list) != "*" && !strings.Contains(list, `"tag"`) {
			t.Fatalf("%q matches", list)
		}
		if !strings.ContainsAny(list, `"*`) && !matchesTag([]string{`"` + list + `", "x"  ,"tag"`}, `"tag"`, weak) {
			t.Fatalf("a tag behind %q is not found", list)
		}
	})
}

func TestMatchesTag(t *testing.T) {
	tests := []struct {
		list         string
		weak, strong bool
	}{
		{`"tag"`, true, true},
		{`W/"tag"`, true, false},
		{`"a", "tag"`, true, true},
		{`"a","tag" ,W/"b"`, true, true},
		{`,, "tag"`, true, true},
		{`"a,b", "tag"`, true, true},
		{`*`, false, true},
		{`tag`, false, false},
		{`"tag`, false, false},
		{`"tagx"`, false, false},
		{`w/"tag"`, false, false},
		{`"a" tag "tag"`, false, false},
		{``, false, false},
	}
	for _, tt := range tests {
		for weak, want := range map[bool]bool{true: tt.weak, false: tt.strong} {
			if got := matchesTag([]string{tt.list}, `"tag"`, weak); got != want {
				t.Errorf("matchesTag(%q, weak %v) = %v", tt.list, weak, got)
			}
		}
	}
}

func TestRanges(t *testing.T) {
	f := newFront(t)
	video := content["video.mp4"]
	size := len(video)
	tests := []struct {
		header   string
		off, end int
	}{
		{"bytes=0-1", 0, 2},
		{"bytes=0-", 0, size},
		{"bytes=5000-", 5000, size},
		{"bytes=5000-5999", 5000, 6000},
		{"bytes=-1", size - 1, size},
		{"bytes=-5000", size - 5000, size},
		{"bytes=0-999999999999", 0, size},
	}
	for _, tt := range tests {
		res := f.get("video.mp4", "Range: "+tt.header)
		f.want(res, http.StatusPartialContent, video[tt.off:tt.end])
		if got, want := res.get("Content-Range"), fmt.Sprintf("bytes %d-%d/%d", tt.off, tt.end-1, size); got != want {
			t.Errorf("%s: Content-Range %q, want %q", tt.header, got, want)
		}
		if got, want := res.get("Content-Length"), strconv.Itoa(tt.end-tt.off); got != want {
			t.Errorf("%s: Content-Length %q, want %q", tt.header, got, want)
		}
	}
	expected := f.tree.File("video.mp4").Report().Expected
	for i, tt := range tests {
		if want := (streamtest.Span{Off: int64(tt.off), N: int64(tt.end - tt.off)}); len(expected) <= i || expected[i] != want {
			t.Fatalf("the readers expected %v; number %d has to be %v", expected, i, want)
		}
	}
	for _, header := range []string{"bytes=0-1,5-6", "bytes=0-1,", "items=0-1", "bytes=5-4", "nonsense"} {
		res := f.get("video.mp4", "Range: "+header)
		f.want(res, http.StatusOK, video)
		if got := res.get("Content-Range"); got != "" {
			t.Errorf("%s: Content-Range %q", header, got)
		}
	}
	f.want(f.get("video.mp4", "Range: bytes=0-1", "Range: bytes=3-4"), http.StatusOK, video)
	for _, header := range []string{fmt.Sprintf("bytes=%d-", size), "bytes=99999999999999999999-", "bytes=-0"} {
		res := f.get("video.mp4", "Range: "+header)
		f.wantError(res, http.StatusRequestedRangeNotSatisfiable)
		if got, want := res.get("Content-Range"), fmt.Sprintf("bytes */%d", size); got != want {
			t.Errorf("%s: Content-Range %q, want %q", header, got, want)
		}
	}
	f.want(f.get("empty.txt", "Range: bytes=0-"), http.StatusOK, nil) // some clients put it on everything
}

// TestMediaCap: a media element gets 2 MiB at most, and asks on from there.
func TestMediaCap(t *testing.T) {
	f := newFront(t)
	video := content["video.mp4"]
	for _, dest := range []string{"video", "audio"} {
		for _, start := range []int{0, 1, 70_000, 3 << 20} {
			var got []byte
			requests := 0
			for at := start; at < len(video); at += len(got) {
				res := f.get("video.mp4", fmt.Sprintf("Range: bytes=%d-", at), "Sec-Fetch-Dest: "+dest)
				got = res.body
				f.want(res, http.StatusPartialContent, video[at:min(len(video), at+len(got))])
				end := at + len(got)
				if len(got) > 2<<20 || len(got) < 2<<20-64<<10 && end != len(video) {
					t.Fatalf("%d bytes of %d at %d", len(got), len(video), at)
				}
				if end%(64<<10) != 0 && end != len(video) {
					t.Fatalf("the part ends at %d", end)
				}
				if want := fmt.Sprintf("bytes %d-%d/%d", at, end-1, len(video)); res.get("Content-Range") != want {
					t.Fatalf("Content-Range %q, want %q", res.get("Content-Range"), want)
				}
				requests++
			}
			if requests < 2 {
				t.Errorf("%d requests from %d", requests, start)
			}
		}
	}
	f.want(f.get("video.mp4", "Range: bytes=0-99", "Sec-Fetch-Dest: video"), http.StatusPartialContent, video[:100])
	for _, dest := range []string{"empty", "image", "document", "track"} {
		f.want(f.get("video.mp4", "Range: bytes=1-", "Sec-Fetch-Dest: "+dest), http.StatusPartialContent, video[1:])
	}
	f.want(f.get("video.mp4", "Sec-Fetch-Dest: video"), http.StatusOK, video) // no range, no part
}

func TestConditional(t *testing.T) {
	f := newFront(t)
	sound := content["sound.mp3"]
	tag := f.get("sound.mp3").get("Etag")
	if len(tag) < 10 || tag[0] != '"' {
		t.Fatalf("the tag %s is not a strong one", tag)
	}
	opens := f.mem.Counts().Opens
	for _, header := range []string{tag, "W/" + tag, `"x", ` + tag} {
		res := f.get("sound.mp3", "If-None-Match: "+header, "Range: bytes=0-1")
		f.want(res, http.StatusNotModified, nil)
		if res.get("Etag") != tag || res.get("Cache-Control") != immutable || res.get("Content-Length") != "" {
			t.Errorf("304 with %v", res.Header)
		}
	}
	if now := f.mem.Counts().Opens; now != opens {
		t.Errorf("304 needed the backend %d times", now-opens)
	}
	// Another spelling of the root, and no path, mean the same content, but only the backend knows that.
	f.want(f.do("GET", "/mem/v0/stream/TREE1/sound.mp3", "If-None-Match: "+tag), http.StatusNotModified, nil)
	biggest := f.do("HEAD", "/mem/v0/stream/tree1").get("Etag")
	if named := f.do("HEAD", "/mem/v0/stream/TREE1/video.mp4").get("Etag"); named != biggest {
		t.Errorf("one file has the tags %s and %s", biggest, named)
	}
	f.want(f.do("GET", "/mem/v0/stream/tree1", "If-None-Match: "+biggest), http.StatusNotModified, nil)
	f.want(f.get("sound.mp3", "If-None-Match: *"), http.StatusNotModified, nil)
	f.wantError(f.get("nothing.mp3", "If-None-Match: *"), http.StatusNotFound)
	f.want(f.get("sound.mp3", `If-None-Match: "x"`), http.StatusOK, sound)
	f.want(f.do("HEAD", "/mem/v0/stream/tree1/sound.mp3", "If-None-Match: "+tag), http.StatusNotModified, nil)

	f.want(f.get("sound.mp3", "If-Range: "+tag, "Range: bytes=5-9"), http.StatusPartialContent, sound[5:10])
	f.want(f.get("sound.mp3", `If-Range: "x"`, "Range: bytes=5-9"), http.StatusOK, sound)
	f.want(f.get("sound.mp3", "If-Range: W/"+tag, "Range: bytes=5-9"), http.StatusOK, sound)
	f.want(f.get("sound.mp3", "If-Range: Wed, 21 Oct 2015 07:28:00 GMT", "Range: bytes=5-9"), http.StatusOK, sound)

	f.want(f.get("sound.mp3", "If-Match: "+tag), http.StatusOK, sound)
	f.want(f.get("sound.mp3", "If-Match: *"), http.StatusOK, sound)
	f.wantError(f.get("sound.mp3", `If-Match: "x"`), http.StatusPreconditionFailed)
	f.wantError(f.get("sound.mp3", `If-Match: "x"`, "If-None-Match: "+tag), http.StatusPreconditionFailed)
	f.want(f.get("sound.mp3", "If-Match: "+tag, "If-None-Match: "+tag), http.StatusNotModified, nil)
	f.want(f.get("sound.mp3", "If-Modified-Since: Wed, 21 Oct 2065 07:28:00 GMT"), http.StatusOK, sound)
}

package web

import (
	"runtime"
	"strings"
	"testing"
)

func TestSRTToVTT(t *testing.T) {
	for _, c := range []struct{ name, srt, want string }{
		{"plain", "1\r\n00:00:01,000 --> 00:00:02,500\r\nHello\r\nthere\r\n\r\n2\r\n01:02:03,4 --> 01:02:04,56\r\nBye\r\n",
			"WEBVTT\n\n00:00:01.000 --> 00:00:02.500\nHello\nthere\n\n01:02:03.400 --> 01:02:04.560\nBye\n"},
		{"marked up", "1\n00:00:01,000 --> 00:00:02,000\n<I>so</I> <font color=\"red\">red</font> a<b {\\an8}top & <script>alert(1)</script>\n",
			"WEBVTT\n\n00:00:01.000 --> 00:00:02.000 line:0\n<i>so</i> red a&lt;b top &amp; alert(1)\n"},
		{"without empty lines", "1\n00:00:01,000 --> 00:00:02,000\na\n2\n00:00:02,000 --> 00:00:03,000\nb\n",
			"WEBVTT\n\n00:00:01.000 --> 00:00:02.000\na\n\n00:00:02.000 --> 00:00:03.000\nb\n"},
		{"an arrow in the text", "1\n00:00:01,000 --> 00:00:02,000\na --> b\n", "WEBVTT\n\n00:00:01.000 --> 00:00:02.000\na --&gt; b\n"},
		{"no sense", "nothing here\n\n--> \n", "WEBVTT\n"},
		{"minutes only", "01:02.5 --> 1:03\nx", "WEBVTT\n\n00:01:02.500 --> 00:01:03.000\nx\n"},
	} {
		if got := srtToVTT(c.srt); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// A file that is nothing but ends of lines takes no more memory than another one: many can be asked for at a time.
func TestSRTOfManyLines(t *testing.T) {
	srt := strings.Repeat("\n", maxSubtitles)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	got := srtToVTT(srt)
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; got != "WEBVTT\n" || n > 3*maxSubtitles {
		t.Errorf("%d bytes for %d, %.20q", n, len(srt), got)
	}
}

func TestDecodeSubtitles(t *testing.T) {
	for _, c := range []struct{ name, data, want string }{
		{"a.srt", "\xef\xbb\xbfür", "ür"},
		{"a.srt", "\xff\xfea\x00\xfc\x00", "aü"},
		{"a.srt", "\xfe\xff\x00a\x00\xfc", "aü"},
		{"a.srt", "f\xfcr", "für"},
		{"a.ru.srt", "\xcf\xf0\xe8\xe2\xe5\xf2", "Привет"},
		{"a.ja.srt", "\x93\xfa\x96\x7b", "日本"},
		{"a.zh.srt", "\xd6\xd0\xce\xc4", "中文"},
		{"a.srt", strings.Repeat("grün ", 100) + "\xff", strings.Repeat("grün ", 100) + "\ufffd"},
	} {
		if got := decodeSubtitles([]byte(c.data), c.name); got != c.want {
			t.Errorf("%s %q: %q, want %q", c.name, c.data, got, c.want)
		}
	}
}

func TestSubtitles(t *testing.T) {
	f := newPlayFront(t)
	res := f.do("GET", "/mem/v0/stream/tree2/film.en.srt?as=vtt")
	f.want(res, 200, []byte("WEBVTT\n\n00:00:01.500 --> 00:00:02.000\nHi\n"))
	if got := res.get("Content-Type"); got != "text/vtt; charset=utf-8" {
		t.Errorf("type %q", got)
	}
	f.want(f.do("HEAD", "/mem/v0/stream/tree2/film.en.srt?as=vtt"), 200, nil)
	f.wantError(f.do("GET", "/mem/v0/stream/tree2/film.mkv?as=vtt"), 400)
}

func TestIsSubtitleOf(t *testing.T) {
	for _, c := range []struct {
		name, film string
		want       bool
	}{
		{"a/film.srt", "a/film.mkv", true},
		{"a/Subs/en.srt", "a/film.mkv", true},
		{"a/Subs/film/en.srt", "a/film.mkv", true},
		{"a/Subs/other/en.srt", "a/film.mkv", false},
		{"b/film.srt", "a/film.mkv", false},
		{"film.srt", "film.mp3", false},
		{"film.txt", "film.mkv", false},
		{"ab/x.srt", "a/film.mkv", false},
	} {
		if got := isSubtitleOf(c.name, c.film); got != c.want {
			t.Errorf("%s of %s: %v", c.name, c.film, got)
		}
	}
}

func FuzzSubtitles(f *testing.F) {
	f.Add([]byte("1\n00:00:01,000 --> 00:00:02,000\n<i>a</i>\n"), "a.srt")
	f.Fuzz(func(t *testing.T, data []byte, name string) {
		vtt := srtToVTT(decodeSubtitles(data, name))
		if !strings.HasPrefix(vtt, "WEBVTT\n") || strings.Contains(vtt, "\n\n\n") || strings.Contains(vtt, "<s") {
			t.Errorf("%q", vtt)
		}
	})
}

package web

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// newPlayFront has a tree with folders, films, and archives.
func newPlayFront(t *testing.T, change ...func(*Config)) *front {
	f := newFront(t, append(change, withArchives(t))...)
	album := zipOf(t, [3]string{"b/10.jpg", "ten", ""}, [3]string{"b/2.jpg", "two", ""}, [3]string{"b/\u202egpj.exe", "x", ""},
		[3]string{"b/<i>.txt", "text", "deflate"}, [3]string{"in.zip", string(zipOf(t, [3]string{"deep/x.mp3", "inside", ""})), ""})
	f.mem.Add("tree2", "A <collection>", map[string][]byte{
		"album.zip": album, "broken.zip": []byte("PK\x03\x04 and nothing else"), "film.mkv": []byte("film"), "film.en.srt": []byte("1\n00:00:01,5 --> 00:00:02\nHi\n"),
		"Subs/other.vtt": []byte("WEBVTT\n"), "notes.txt": []byte("notes"), "season/1.mp4": []byte("one"), "season/2.mp4": []byte("second"),
		"season/10.mp4": []byte("tenth"),
	})
	f.mem.Add("tree3", "", map[string][]byte{"only.mp4": []byte("film")})
	return f
}

// inOrder fails unless all of wants are in s, one behind the other.
func inOrder(t *testing.T, s string, wants ...string) {
	t.Helper()
	rest := s
	for _, w := range wants {
		_, after, ok := strings.Cut(rest, w)
		if !ok {
			t.Errorf("the page lacks %q in its place:\n%s", w, s)
			return
		}
		rest = after
	}
}

func TestPlayLists(t *testing.T) {
	f := newPlayFront(t)
	base := "http://" + f.addr
	for _, c := range []struct {
		name, path string
		in, out    []string
	}{
		{"a tree", "/mem/v0/play/tree2", []string{
			"<title>A &lt;collection&gt;</title>", `class="folder"`, "/mem/v0/play/tree2/season", ">season<", "3 files", `class="archive"`,
			"/mem/v0/play/tree2/album.zip", `class="video"`, "film.mkv",
		}, []string{"<collection>"}},
		{"a folder", "/mem/v0/play/tree2/season", []string{"Open all in another player", "1.mp4", "2.mp4", "10.mp4", "5 B"}, []string{"notes"}},
		{"an archive", "/mem/v0/play/tree2/album.zip", []string{"/mem/v0/play/tree2/album.zip/b", "4 files", "/mem/v0/play/tree2/album.zip/in.zip"}, nil},
		{"a folder in an archive", "/mem/v0/play/tree2/album.zip/b", []string{
			"2.jpg", `src="` + base + `/mem/v0/stream/tree2/album.zip/b/10.jpg"`, "10.jpg", "&lt;i&gt;.txt",
		}, []string{"<i>", "\u202e"}},
		{"an archive in one", "/mem/v0/play/tree2/album.zip/in.zip", []string{"/mem/v0/play/tree2/album.zip/in.zip/deep"}, nil},
		{"a broken archive", "/mem/v0/play/tree2/broken.zip", []string{"Open broken.zip", base + "/mem/v0/stream/tree2/broken.zip"}, nil},
		{"a film", "/mem/v0/play/tree2/film.mkv?tr=udp://a", []string{
			"<video", base + "/mem/v0/stream/tree2/film.mkv?tr=udp", `<track`, "film.en.srt", "as=vtt", "other.vtt", "as=m3u",
		}, nil},
		{"a film between others", "/mem/v0/play/tree2/season/2.mp4", []string{"<video", "← 1.mp4", "10.mp4 →"}, nil},
		{"one file", "/mem/v0/play/tree3", []string{"<video", "/mem/v0/stream/tree3/only.mp4"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			res := f.do("GET", c.path)
			if res.StatusCode != 200 || res.get("Content-Type") != "text/html; charset=utf-8" {
				t.Fatalf("%d %s %s", res.StatusCode, res.get("Content-Type"), res.body)
			}
			inOrder(t, string(res.body), c.in...)
			for _, no := range c.out {
				if strings.Contains(string(res.body), no) {
					t.Errorf("%q is in the page", no)
				}
			}
			csp := res.get("Content-Security-Policy")
			if !strings.HasPrefix(csp, "default-src 'none';") || strings.Contains(csp, "script") || !strings.HasSuffix(csp, unframed) || strings.Contains(string(res.body), "<script") {
				t.Errorf("the policy is %q", csp)
			}
		})
	}
	f.wantError(f.do("GET", "/mem/v0/play/tree2/nothing"), 404)
	f.wantError(f.do("GET", "/mem/v0/play/tree2/album.zip/nothing"), 404)
	f.wantError(f.do("GET", "/mem/v0/play/tree2/notes.txt/x"), 404)
	f.wantError(f.do("GET", "/mem/v0/play/tree2?as=pdf"), 404)
	f.want(f.do("HEAD", "/mem/v0/play/tree2"), 200, nil)
}

func TestPlaylist(t *testing.T) {
	f := newPlayFront(t)
	base := "http://" + f.addr + "/mem/v0/stream/tree2/"
	res := f.do("GET", "/mem/v0/play/tree2/season?as=m3u")
	want := "#EXTM3U\r\n#EXTINF:-1,1.mp4\r\n" + base + "season/1.mp4\r\n#EXTINF:-1,2.mp4\r\n" + base + "season/2.mp4\r\n#EXTINF:-1,10.mp4\r\n" + base + "season/10.mp4\r\n"
	f.want(res, 200, []byte(want))
	if got := res.get("Content-Disposition"); !strings.HasPrefix(got, "attachment") || !strings.HasSuffix(got, "season.m3u8") {
		t.Errorf("disposition %q", got)
	}
	f.want(f.do("GET", "/mem/v0/play/tree2/film.mkv?as=m3u"), 200, []byte("#EXTM3U\r\n#EXTINF:-1,film.mkv\r\n"+base+"film.mkv\r\n"))
	f.wantError(f.do("GET", "/mem/v0/play/tree2/album.zip?as=m3u"), 404)
}

// While nobody has answered, the page says how the search goes, and in the end what was found or why nothing was.
func TestPlayWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newPipeFront(t)
		tree := f.mem.Add("slow", "", map[string][]byte{"a.mp4": []byte("film"), "b.mp4": []byte("film")})
		tree.Silence(true)
		time.AfterFunc(3*time.Second, func() { tree.Silence(false) })
		res := f.do("GET", "/mem/v0/play/slow")
		if res.StatusCode != 200 || strings.Count(string(res.body), `role="status"`) != 1 {
			t.Errorf("%d %s", res.StatusCode, res.body)
		}
		inOrder(t, string(res.body), "</h1>", `class="wait"`, "a.mp4", "b.mp4", "</html>")
		if page := string(res.body); strings.Count(page, "Looking for somebody") != 1 || strings.Count(page, "<!-- -->") != 2 {
			t.Errorf("what has been said is said again, or the connection is not kept: %s", page)
		}

		tree.Silence(true)
		res = f.do("GET", "/mem/v0/play/slow")
		inOrder(t, string(res.body), `class="wait"`, `role="alert"`, "answered in time", `<a href="">Try again</a>`, "</html>")
		f.released()
	})
}

// A client that leaves a page that waits takes its search with it.
func TestPlayLeft(t *testing.T) {
	f := newPlayFront(t)
	f.mem.Add("slow", "", map[string][]byte{"a.mp4": []byte("film")}).Silence(true)
	ctx, cancel := context.WithTimeout(t.Context(), 2*quickPage)
	defer cancel()
	f.try(ctx, "GET", "/mem/v0/play/slow", nil)
	f.released()
}

// TestBrowserPage looks at the pages with a real browser: the pictures of an archive are there, the film plays with its subtitles.
func TestBrowserPage(t *testing.T) { checkPage(t, inChromium) }

func checkPage(t *testing.T, open opener) {
	b := open(t, withArchives(t))
	picture, err := os.ReadFile("testdata/browser/picture.png")
	if err != nil {
		t.Fatal(err)
	}
	var members [][3]string
	for i := range 30 {
		members = append(members, [3]string{fmt.Sprintf("holiday/%d.png", i+1), string(picture), ""})
	}
	members = append(members, [3]string{"holiday/read me.txt", "text", "deflate"}, [3]string{"sound.mp3", "none", ""}, [3]string{"more/in.zip", "no zip", ""})
	b.mem.Add("album", "Photos of a long journey", map[string][]byte{
		"photos.zip": zipOf(t, members...), "film.mp4": longVideo(t), "film.de.srt": []byte("1\n00:00:00,000 --> 00:00:05,000\nGuten Tag\n"),
	})
	at := "http://" + b.addr + "/mem/v0/play/album"
	b.visit(at + "/photos.zip/holiday")
	b.keep("play-list")
	if got := b.run(`
		const all = [...document.querySelectorAll('.list img')];
		for (const i of all) { i.scrollIntoView(); await until(() => 'loaded ' + i.src, () => i.complete && i.naturalWidth > 0); }
		return all.length + ' ' + document.querySelectorAll('script').length;`); got != "30 0" {
		t.Errorf("pictures and scripts: %s", got)
	}
	b.visit(at)
	b.keep("play-tree")
	b.visit(at + "/film.mp4")
	if got := b.run(`
		const v = document.querySelector('video');
		v.muted = true;
		v.play();
		v.textTracks[0].mode = 'showing';
		await until(() => 'played', () => v.currentTime > 0.3);
		await until(() => 'subtitled', () => v.textTracks[0].cues && v.textTracks[0].cues.length == 1);
		return v.textTracks[0].cues[0].text;`); got != "Guten Tag" {
		t.Errorf("the film: %s", got)
	}
	b.keep("play-film")
}

func TestCompareNatural(t *testing.T) {
	want := []string{"1.jpg", "2.jpg", "02b.jpg", "10.jpg", "a1", "A2", "a10", "b"}
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortFunc(got, compareNatural)
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

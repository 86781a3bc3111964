package web

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zeronetscript/universal_p2p/stream"
	"github.com/zeronetscript/universal_p2p/stream/streamtest"
)

// While the list of files is known and nobody sends the file, the page says so, and shows no player that stays dark.
func TestPlayAwaits(t *testing.T) {
	for _, c := range []struct {
		file, tag string
		patience  time.Duration
	}{
		{"film.mp4", "<video", 2 * time.Minute}, {"sound.mp3", "<audio", 2 * time.Minute}, {"picture.png", "<img", time.Minute}, {"old.avi", `class="start"`, 2 * time.Minute},
	} {
		t.Run(c.file, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := new(lonely)
				f := newPipeFront(t, alone(l))
				file := f.mem.Add("kept", "", map[string][]byte{c.file: random(3 << 20)}).File(c.file)
				get := func() (response, time.Duration) {
					start := time.Now()
					return f.do("GET", "/mem/v0/play/kept/"+c.file, "Sec-Fetch-Dest: document"), time.Since(start)
				}
				file.Hold(0)
				res, took := get()
				inOrder(t, string(res.body), "Nobody who has it is connected yet. Addresses known: 3.", "</div>", "answered in time", "Try again", "</html>")
				if res.StatusCode != http.StatusOK || took != c.patience || strings.Contains(string(res.body), c.tag) {
					t.Errorf("%s after %v: %s", res.Status, took, res.body)
				}

				time.AfterFunc(5*time.Second, func() { l.peers.Store(2) })
				time.AfterFunc(10*time.Second, func() { file.Hold(1000) })
				res, took = get()
				inOrder(t, string(res.body), "Addresses known: 3.", "Waiting for the first bytes. Peers connected: 2.", "</div>", "<nav", c.tag, "</html>")
				if took != 10*time.Second || strings.Count(string(res.body), `<p class="wait"`) != 2 {
					t.Errorf("after %v: %s", took, res.body)
				}

				before := file.Report()
				res, took = get()
				inOrder(t, string(res.body), "<nav", c.tag, "</html>")
				after := file.Report()
				if took != 0 || strings.Contains(string(res.body), `role="status"`) || after.Read != before.Read+1 || after.Expected[2] != (streamtest.Span{N: maxMediaPart}) {
					t.Errorf("what is here is waited for, %v, or more of it fetched than the player asks for: %+v", took, after)
				}
				f.released()
			})
		})
	}
}

// What is only linked to is not waited for, and neither is it by who asks for the header, or for the playlist.
func TestPlayAwaitsNot(t *testing.T) {
	f := newPlayFront(t)
	tree := f.mem.Add("held", "", map[string][]byte{"notes.txt": []byte("notes"), "film.mp4": []byte("film"), "none.mp4": {}})
	for _, file := range tree.Files() {
		file.Hold(0)
	}
	f.want(f.do("HEAD", "/mem/v0/play/held/film.mp4"), http.StatusOK, nil)
	inOrder(t, string(f.do("GET", "/mem/v0/play/held/film.mp4?as=m3u").body), "#EXTM3U", "film.mp4")
	inOrder(t, string(f.do("GET", "/mem/v0/play/held/none.mp4").body), "<video", "</html>")
	inOrder(t, string(f.do("GET", "/mem/v0/play/held/notes.txt").body), "Open notes.txt", "</html>")
	if n := tree.File("film.mp4").Report().Opens; n != 0 {
		t.Errorf("the film was opened %d times", n)
	}
}

// What is wrong with a file before anything of the page is sent has its status, and early bytes are good enough for a player.
func TestPlayFirstByte(t *testing.T) {
	f := newPlayFront(t, func(c *Config) { c.Early = true })
	tree := f.mem.Add("early", "", map[string][]byte{"film.mp4": []byte("film"), "picture.png": []byte("picture"), "bad.mp4": []byte("bad")})
	film, picture := tree.File("film.mp4"), tree.File("picture.png")
	film.Early()
	film.Verify(0)
	picture.Early()
	tree.File("bad.mp4").Fail(0, stream.ErrCorrupt)
	inOrder(t, string(f.do("GET", "/mem/v0/play/early/film.mp4").body), "<video", "Not all of it is here yet", "</html>")
	if page := string(f.do("GET", "/mem/v0/play/early/picture.png").body); strings.Contains(page, `class="hint"`) {
		t.Errorf("there is nothing to say of a picture that is here: %s", page)
	}
	if film, picture := film.Report(), picture.Report(); film.EarlyOpens != 1 || film.Opens != 0 || picture.EarlyOpens != 0 || picture.Opens != 1 {
		t.Errorf("film %+v, picture %+v", film, picture)
	}
	f.wantError(f.do("GET", "/mem/v0/play/early/bad.mp4"), http.StatusBadGateway)
}

// TestPlayFormats: a hint at the format is there where it helps, and where no browser plays it another player comes first.
func TestPlayFormats(t *testing.T) {
	f := newPlayFront(t)
	const never, sometimes, picture = "Browsers do not play this format", "If it stays dark or silent", "If no picture appears"
	for name, want := range map[string]string{
		"a.mp4": "", "a.webm": "", "a.mp3": "", "a.ogg": "", "a.flac": "", "a.jpg": "", "a.svg": "", "a.txt": "", "A.MP4": "",
		"a.mkv": sometimes, "a.mov": sometimes, "a.ogv": sometimes, "a.mka": sometimes, "a.heic": picture, "a.tif": picture,
		"a.avi": never, "a.wmv": never, "a.mpg": never, "a.ts": never, "a.wma": never, "a.ac3": never, "a.AVI": never,
	} {
		f.mem.Add("format", "", map[string][]byte{name: []byte("some bytes"), "b.mp4": {}})
		page := string(f.do("GET", "/mem/v0/play/format/"+name).body)
		for _, hint := range []string{never, sometimes, picture} {
			if strings.Contains(page, hint) != (hint == want) {
				t.Errorf("%s has the wrong hint: %s", name, page)
			}
		}
		if want == never {
			inOrder(t, page, "</nav>", `<a class="start" href="http://`+f.addr+`/mem/v0/play/format/`+name+`?as=m3u">`, never)
		}
		if strings.Contains(page, "<video") != (want != never && typeOf(name).kind == video) {
			t.Errorf("%s has the wrong player: %s", name, page)
		}
	}
}

// TestBrowserAwaits looks with a real browser at the page that waits for a file: it says that nobody is there, gives up in words, and
// plays when somebody comes.
func TestBrowserAwaits(t *testing.T) { checkAwaits(t, inChromium) }

func checkAwaits(t *testing.T, open opener) {
	l := new(lonely)
	b := open(t, alone(l), func(c *Config) { c.Patience, c.MediaPatience = 6*time.Second, 6*time.Second })
	png, err := os.ReadFile("testdata/browser/picture.png")
	if err != nil {
		t.Fatal(err)
	}
	tree := b.mem.Add("kept", "A film", map[string][]byte{"film.mp4": longVideo(t), "picture.png": png, "old.avi": []byte("old"), "new.mkv": []byte("new")})
	film, picture := tree.File("film.mp4"), tree.File("picture.png")
	film.Hold(0)
	picture.Hold(0)
	at := "http://" + b.addr + "/mem/v0/play/kept/"
	const shown = `[...document.querySelectorAll('main .wait')].filter(e => e.checkVisibility() && !e.querySelector('.wait')).map(e => e.innerText).join('|')`

	b.begin(at + "film.mp4")
	b.sees(shown, "Nobody who has it is connected yet. Addresses known: 3.")
	b.keepBoth("play-waits")
	b.sees(shown, "Nobody who has this answered in time. Somebody may later.")
	b.sees(`document.querySelectorAll('video, script').length`, "0")
	b.keepBoth("play-nobody")

	time.AfterFunc(time.Second, func() { l.peers.Store(1) })
	time.AfterFunc(3*time.Second, func() { film.Hold(1 << 40) })
	b.run(`[...document.querySelectorAll('a')].find(a => a.innerText == 'Try again').click()`)
	b.sees(shown, "Waiting for the first bytes. Peers connected: 1.")
	b.sees(`document.querySelector('video')?.currentTime > 0.3`, "true")
	b.sees(shown, "A film")
	b.keepBoth("play-film")

	time.AfterFunc(2*time.Second, func() { picture.Hold(1 << 40) })
	b.begin(at + "picture.png")
	b.sees(shown, "Waiting for the first bytes. Peers connected: 1.")
	b.sees(`document.querySelector('img')?.naturalWidth > 0`, "true")

	for name, page := range map[string]string{"play-error": "nothing.mp4", "play-avi": "old.avi", "play-mkv": "new.mkv"} {
		b.visit(at + page)
		b.keepBoth(name)
	}
	// What we say that no browser plays, this one says it does not.
	var types []string
	for _, ext := range []string{"avi", "mpg", "ts", "flv", "wmv", "asf", "rm", "wma", "ape", "wv", "mpc", "tta", "ac3", "eac3", "dts", "amr", "mid", "au", "dsf"} {
		types = append(types, fmt.Sprintf("%q", typeOf("a."+ext).mime))
	}
	b.sees(`[`+strings.Join(slices.Compact(types), ",")+`].filter(t => document.createElement('video').canPlayType(t)).join()`, "")
}

// begin opens a page, and does not wait until all of it is there.
func (b *tab) begin(url string) {
	b.t.Helper()
	b.visit("about:blank")
	b.run(`location.href = '` + url + `'`)
}

// sees waits until a script gives a text, in a page that may be on its way.
func (b *tab) sees(js, want string) {
	b.t.Helper()
	got := ""
	for range 300 {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		text, err := b.browser.evaluate(ctx, `(async () => String(`+js+`))()`)
		cancel()
		if got = text; err == nil && got == want {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	b.t.Fatalf("%s is %q, want %q", js, got, want)
}

// keepBoth keeps a picture of the page in the light and in the dark.
func (b *tab) keepBoth(name string) {
	b.t.Helper()
	c, ok := b.browser.(*chromium)
	if !ok {
		return
	}
	for _, scheme := range []string{"light", "dark"} {
		c.look(scheme, 1024)
		b.keep(name + "-" + scheme)
	}
}

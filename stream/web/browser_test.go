package web

import (
	"encoding/binary"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// longVideo returns testdata/browser/video.mp4 with 6 MiB of nothing before the index at its end. A player has to find its way
// to the end, and back, and gets no answer that holds it all.
func longVideo(t *testing.T) []byte {
	data, err := os.ReadFile("testdata/browser/video.mp4")
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; at+8 <= len(data); at += int(binary.BigEndian.Uint32(data[at:])) {
		if string(data[at+4:at+8]) == "moov" {
			const pad = 6 << 20
			box := make([]byte, pad)
			binary.BigEndian.PutUint32(box, pad)
			copy(box[4:], "free")
			return slices.Concat(data[:at], box, data[at:])
		}
	}
	t.Fatal("no moov in video.mp4")
	return nil
}

// longSound returns a WAV file of so many bytes of silence: 8 bits, 44100 Hz, mono.
func longSound(size int) []byte {
	b := []byte("RIFF....WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x44\xac\x00\x00\x44\xac\x00\x00\x01\x00\x08\x00data....")
	binary.LittleEndian.PutUint32(b[4:], uint32(size-8))
	binary.LittleEndian.PutUint32(b[40:], uint32(size-44))
	return append(b, slices.Repeat([]byte{0x80}, size-44)...)
}

// TestBrowserPlays plays and seeks a video in Chromium: verified, early, and from a swarm that takes its time.
func TestBrowserPlays(t *testing.T) { checkPlays(t, inChromium) }

func checkPlays(t *testing.T, open opener) {
	b := open(t)
	for _, mode := range []string{"verified", "early", "late"} {
		t.Run(mode, func(t *testing.T) {
			tree := b.mem.Add("film"+mode, "", map[string][]byte{"film.mp4": longVideo(t)})
			file := tree.File("film.mp4")
			switch mode {
			case "early":
				file.Early()
				file.Verify(0)
			case "late":
				tree.Silence(true)
				file.Hold(0)
				time.AfterFunc(time.Second, func() { tree.Silence(false) })
				time.AfterFunc(2*time.Second, func() { file.Hold(1 << 40) })
			}
			b.asked()
			b.show(`<video id=v muted src="` + b.url("film"+mode+"/film.mp4") + `"></video>`)
			got := b.run(`return plays(document.getElementById('v'))`)
			if got != "160 120 10 1 " {
				t.Errorf("the browser says %q", got)
			}
			b.show("") // let go of it
			b.released()
			requests := b.asked()
			if len(requests) < 2 {
				t.Errorf("only %d requests", len(requests))
			}
			for _, r := range requests {
				cache := immutable
				if mode == "early" {
					cache = "no-store"
				}
				if r.dest != "video" || r.rng == "" || r.code != 206 || r.bytes > 2<<20 || r.cache != cache {
					t.Errorf("%s asked for %s as %q and got %d, %d bytes, %q", r.path, r.rng, r.dest, r.code, r.bytes, r.cache)
				}
			}
		})
	}
}

// TestBrowserHeldVideos: seven videos that have loaded what they want and wait to be played leave room for an image.
func TestBrowserHeldVideos(t *testing.T) { checkHeldVideos(t, inChromium) }

func checkHeldVideos(t *testing.T, open opener) {
	b := open(t)
	long := longSound(40 << 20)
	picture, err := os.ReadFile("testdata/browser/picture.png")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{"picture.png": picture}
	var page strings.Builder
	for i := range 7 {
		files[fmt.Sprintf("%d.wav", i)] = long
		fmt.Fprintf(&page, `<video preload=auto src="%s"></video>`, b.url(fmt.Sprintf("many/%d.wav", i)))
	}
	b.mem.Add("many", "", files)
	b.show(page.String())
	got := b.run(`
		const videos = [...document.querySelectorAll('video')];
		await until(() => 'loaded: ' + videos.map(v => v.readyState), () => videos.filter(v => v.readyState >= 3).length >= 6);
		await sleep(1000);
		const took = await image('` + b.url("many/picture.png") + `');
		await until('loaded all', () => videos.every(v => v.readyState >= 3));
		return took;
	`)
	took, err := strconv.ParseFloat(got, 64)
	if err != nil || took > 1000 { // some 10 ms, against 11 s if the videos got all they ask for
		t.Errorf("the image took %s ms", got)
	}
	t.Logf("the image took %s ms", got)
}

// TestBrowserCannotAct: documents out of the networks are shown, and do nothing: they run no script, have no origin, and ask nothing of the
// interface or anybody else.
func TestBrowserCannotAct(t *testing.T) { checkCannotAct(t, inChromium) }

func checkCannotAct(t *testing.T, open opener) {
	control := new(program)
	b := open(t, func(c *Config) {
		c.Control = control
		c.Home = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("the interface")) })
	})
	outside := make(chan string, 100)
	neighbour := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { outside <- r.URL.Path }))
	t.Cleanup(neighbour.Close)
	own := b.h.ownOrigin()
	act := `fetch('/api/v0/ping?acted'); fetch('` + own + `/api/v0/quit', {method: 'POST', mode: 'no-cors'}); new Image().src = '/api/v0/ping?acted';` +
		`location = '` + neighbour.URL + `/script'; document.title = 'Acted';`
	const red = `<rect width="40" height="30" fill="red"/>`
	var far strings.Builder // everything in a page that loads without a script
	for _, url := range []string{"/api/v0/ping?acted", own + "/", neighbour.URL + "/page"} {
		fmt.Fprintf(&far, `<iframe src="%s"></iframe><object data="%[1]s"></object><embed src="%[1]s"><link rel=stylesheet href="%[1]s"><link rel=preload as=fetch href="%[1]s">`+
			`<link rel=prefetch href="%[1]s"><link rel=manifest href="%[1]s"><link rel=icon href="%[1]s"><p style="background: url('%[1]s')">x</p>`+
			`<script src="%[1]s"></script><form action="%[1]s" method=post><input autofocus onfocus="this.form.submit()"></form><meta http-equiv=refresh content="0;url=%[1]s">`, url)
	}
	page := `<!doctype html><title>Shown</title><p id=p>text</p><script>` + act + `</script><img src="` + neighbour.URL + `/image" onerror="` + act + `">` +
		`<base href="` + neighbour.URL + `"><svg onload="` + act + `"><script>` + act + `</script></svg>` + far.String()
	drawing := func(inside string) []byte {
		return []byte(`<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="40" height="30" onload="` + act + `">` + red + inside + `</svg>`)
	}
	b.mem.Add("web", "", map[string][]byte{
		"page.html": []byte(page), "page.xhtml": []byte(page), "code.js": []byte(act), "style.css": []byte("p{color:red}"),
		"drawing.svg": drawing(`<script>` + act + `</script><script xlink:href="code.js"/><image href="` + neighbour.URL + `/drawn" width="9" height="9"/>` +
			`<use href="` + own + `/#x"/><a href="javascript:1"><text>x</text></a>`),
		"foreign.svg": drawing(`<foreignObject width="40" height="30"><iframe xmlns="http://www.w3.org/1999/xhtml" src="` + own + `/"/>` +
			`<iframe xmlns="http://www.w3.org/1999/xhtml" src="javascript:fetch('/api/v0/ping')"/></foreignObject>`),
	})
	visit := func(name string) string {
		b.visit(b.url("web/" + name))
		time.Sleep(300 * time.Millisecond)
		return b.run(`return document.title + '|' + document.contentType + '|' + window.origin`)
	}
	for name, want := range map[string]string{
		"page.html":   "Shown|text/html|null",
		"page.xhtml":  "|text/plain|null",
		"drawing.svg": "|image/svg+xml|null",
		"foreign.svg": "|image/svg+xml|null",
		"code.js":     "|text/plain|null",
	} {
		if got := visit(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	b.show(`<iframe src="` + b.url("web/page.html") + `"></iframe><iframe src="` + b.url("web/drawing.svg") + `"></iframe>` +
		`<iframe sandbox="allow-scripts allow-same-origin allow-forms allow-top-navigation" src="` + b.url("web/page.html") + `"></iframe>` +
		`<script src="` + b.url("web/code.js") + `"></script>` +
		`<link rel=stylesheet href="` + b.url("web/style.css") + `"><object data="` + b.url("web/drawing.svg") + `"></object><p id=p>text</p>`)
	got := b.run(`
		await sleep(300);
		await image('` + b.url("web/drawing.svg") + `');
		return getComputedStyle(document.getElementById('p')).color + ' ' + document.title;
	`)
	if got != "rgb(0, 0, 0) A neighbour" {
		t.Errorf("code or the style sheet was used: %s", got)
	}
	for _, r := range b.asked() {
		// The one thing a page may do is show images from here; this one is none. Chromium prefetches from where anything may come from
		// (https://www.w3.org/TR/CSP3/#does-resource-hint-violate-policy), and nobody gets to see that.
		if (strings.HasPrefix(r.path, "/api/") || r.path == "/") && r.dest != "image" && (r.dest != "prefetch" || r.path == "/") {
			t.Errorf("a document has acted: %s as %q", r.path, r.dest)
		}
	}
	if told := control.heard(); told != "" {
		t.Errorf("a document could %s", told)
	}
	select {
	case path := <-outside:
		t.Errorf("a document has reached somebody else: %s", path)
	default:
	}
}

package web

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// longMatroska returns the WebM of the demo with 6 MiB of nothing before its index, as WebM or as what it is made out of
// (RFC 9559): a player has to look for the index at the end.
func longMatroska(t *testing.T, docType string) []byte {
	data, err := os.ReadFile("../../assets/demo/content/video.webm")
	if err != nil {
		t.Fatal(err)
	}
	cues := bytes.LastIndex(data, []byte("\x1c\x53\xbb\x6b"))
	seek := bytes.Index(data, []byte("\x53\xab\x84\x1c\x53\xbb\x6b\x53\xac\x83")) // the position of the index, in 3 bytes
	segment := bytes.Index(data, []byte("\x18\x53\x80\x67\x01"))                  // its size in 7 more
	head := []byte("\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\xf7\x81\x01\x42\xf2\x81\x04\x42\xf3\x81\x08\x42\x82\x84webm")
	if cues < 0 || seek < 0 || segment < 0 || !bytes.HasPrefix(data, head) {
		t.Fatal("the video of the demo is not made as it was")
	}
	const pad = 6 << 20
	void := make([]byte, pad)
	binary.BigEndian.PutUint64(void[1:], 1<<56|(pad-9)) // a size of 8 bytes begins with 0x01
	void[0] = 0xec
	grow := func(at, n int) {
		field := slices.Concat(make([]byte, 8-n), data[at:at+n])
		binary.BigEndian.PutUint64(field, binary.BigEndian.Uint64(field)+pad)
		copy(data[at:], field[8-n:])
	}
	grow(seek+10, 3)
	grow(segment+5, 7)
	begin := slices.Clone(head[:len(head)-5])
	begin[4] += byte(len(docType) - len("webm"))
	begin = append(append(begin, 0x80|byte(len(docType))), docType...)
	return slices.Concat(begin, data[len(head):cues], void, data[cues:])
}

// TestBrowserFormats: what every Chromium can play plays out of here, and can be sought in, with its index at the end: in a page, in a
// sandbox that has no origin, and in a page that lets in nothing that does not say that it may be embedded.
func TestBrowserFormats(t *testing.T) { checkFormats(t, inChromium) }

func checkFormats(t *testing.T, open opener) {
	b := open(t)
	picture, err := os.ReadFile("testdata/browser/picture.png")
	if err != nil {
		t.Fatal(err)
	}
	b.mem.Add("films", "", map[string][]byte{
		"film.mp4": longVideo(t), "film.webm": longMatroska(t, "webm"), "film.mkv": longMatroska(t, "matroska"), "picture.png": picture,
	})
	doc, err := json.Marshal(`<video id=v muted src="` + b.url("films/film.mp4") + `"></video><script>(async () => {` + helpers +
		`return origin + ' ' + await plays(document.getElementById('v'))})().then(String, String).then(s => parent.postMessage(s, '*'))</script>`)
	if err != nil {
		t.Fatal(err)
	}
	const play = `return plays(document.getElementById('v'))`
	for _, page := range []struct{ name, path, film, js, want string }{
		{"mp4", "", "film.mp4", play, "160 120 10 1 "},
		{"webm", "", "film.webm", play, "854 480 16 1 "},
		{"mkv", "", "film.mkv", play, "854 480 16 1 "},
		{"sandbox", "", "", `
			const f = document.createElement('iframe');
			f.sandbox = 'allow-scripts';
			f.srcdoc = ` + string(doc) + `;
			const done = new Promise(r => onmessage = e => r(e.data));
			document.body.append(f);
			return done`, "null 160 120 10 1 "},
		{"isolated page", "/isolated", "film.mkv", `
			await image('` + b.url("films/picture.png") + `');
			return crossOriginIsolated + ' ' + await plays(document.getElementById('v'))`, "true 854 480 16 1 "},
	} {
		t.Run(page.name, func(t *testing.T) {
			body := "<body>"
			if page.film != "" {
				body += `<video id=v muted src="` + b.url("films/"+page.film) + `"></video>`
			}
			b.asked()
			b.showAt(b.page.URL+page.path, body)
			if got := b.run(page.js); got != page.want {
				t.Errorf("the browser says %q, want %q", got, page.want)
			}
			b.show("")
			b.released()
			videos := 0
			for _, r := range b.asked() {
				if r.dest != "video" || r.code == 0 { // the page was left before the answer began
					continue
				}
				videos++
				if r.code != 206 || r.bytes > 2<<20 {
					t.Errorf("it asked for %s and got %d, %d bytes", r.rng, r.code, r.bytes)
				}
			}
			if videos < 2 {
				t.Errorf("only %d requests", videos)
			}
		})
	}
}

// TestBrowserPublicPage: a page on the internet gets nothing through to us before the user has allowed that, but for a link that the
// user follows. After that it plays, and is known by its name.
func TestBrowserPublicPage(t *testing.T) { checkPublicPage(t, inChromium) }

func checkPublicPage(t *testing.T, open opener) {
	b := open(t)
	picture, err := os.ReadFile("testdata/browser/picture.png")
	if err != nil {
		t.Fatal(err)
	}
	b.mem.Add("tree1", "", map[string][]byte{"film.mp4": longVideo(t), "picture.png": picture})
	body := `<video id=v muted crossorigin preload=none src="` + b.url("tree1/film.mp4") + `"></video>` +
		`<a id=a href="http://` + b.addr + `/mem/v0/stream/tree1/picture.png">picture</a>`
	src := b.url("tree1/picture.png")

	b.allow("denied")
	b.showAt(b.publicOrigin(), body)
	b.asked()
	got := b.run(`
		const no = p => p.then(x => 'reached', e => 'refused');
		const v = document.getElementById('v'), frame = document.createElement('iframe');
		const failed = new Promise(r => v.onerror = r);
		v.load();
		v.play().catch(() => {});
		await failed;
		frame.src = '` + src + `';
		document.body.append(frame);
		const all = await Promise.all([
			no(image('` + src + `')), no(fetch('` + src + `')), no(fetch('` + src + `', {mode: 'no-cors'})),
			no(fetch('http://` + b.addr + `/api/v0/ping')), no(fetch('http://` + b.addr + `/api/v0/token', {method: 'POST', body: '{}', headers: {'Content-Type': 'application/json'}})),
		]);
		await sleep(300);
		return [isSecureContext, v.error.code, ...all].join(' ');`)
	if want := "true 4 refused refused refused refused refused"; got != want {
		t.Errorf("without a permission: %s, want %s", got, want)
	}
	for _, r := range b.asked() {
		t.Errorf("without a permission, we got a request for %s as %q", r.path, r.dest)
	}
	b.run(`document.getElementById('a').click()`)
	for start := time.Now(); len(b.asked()) == 0; time.Sleep(20 * time.Millisecond) {
		if time.Since(start) > 10*time.Second {
			t.Fatal("a link does not lead here without a permission")
		}
	}
	b.visit("about:blank")
	b.asks()

	b.allow("granted")
	b.showAt(b.publicOrigin(), body)
	got = b.run(`
		await image('` + src + `');
		const token = await (await fetch('http://` + b.addr + `/api/v0/token', {method: 'POST', body: '{}', headers: {'Content-Type': 'application/json'}})).json();
		return token.site + ' ' + await plays(document.getElementById('v'));`)
	if want := b.publicOrigin() + " 160 120 10 1 "; got != want {
		t.Errorf("with a permission: %s, want %s", got, want)
	}
	b.show("")
	// The picture is embedded without crossorigin, so that it does not say for whom.
	if got, want := b.asks(), b.publicOrigin()+", unknown site"; got != want {
		t.Errorf("%s asked, want %s", got, want)
	}
}

// TestBrowserReach: which pages reach us without a question, and which after the user's yes. It is the table of the README.
func TestBrowserReach(t *testing.T) {
	checkReach(t, inChromium, false)
	// What the user allows by the protocol of the developer tools is allowed to frames as well, which is not so in life.
	checkFrames(t, startChromium(t, func(n *internet) map[string]any {
		granted := map[string]any{n.origin("https", "public") + ",*": map[string]any{"setting": 1}}
		return map[string]any{"profile": map[string]any{"content_settings": map[string]any{"exceptions": map[string]any{"loopback_network": granted}}}}
	}).tab)
}

// checkReach is told whether the user may say yes to a page that is not on https.
func checkReach(t *testing.T, open opener, mayAllow bool) {
	b := open(t)
	picture, err := os.ReadFile("testdata/browser/picture.png")
	if err != nil {
		t.Fatal(err)
	}
	b.mem.Add("tree1", "", map[string][]byte{"picture.png": picture})
	file := filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(file, []byte("<!doctype html><title>A file</title><body>"), 0o600); err != nil {
		t.Fatal(err)
	}
	far := b.browser.internet()
	if !mayAllow && b.browser.allow(t.Context(), far.origin("http", "public"), "granted") == nil {
		t.Error("a page on http can be allowed")
	}
	for i, tt := range []struct{ setting, page, want string }{
		{"prompt", b.page.URL, "reached"},
		{"prompt", strings.Replace(b.page.URL, "127.0.0.1", "localhost", 1), "reached"},
		{"prompt", "file://" + filepath.ToSlash(file), "reached"},
		{"prompt", far.origin("https", "public"), "refused"},
		{"prompt", far.origin("http", "public"), "refused"},
		{"granted", far.origin("https", "public"), "reached"},
		{"granted", far.origin("https", "other"), "refused"},
		{"granted", far.origin("http", "public"), map[bool]string{true: "reached", false: "refused"}[mayAllow]},
	} {
		b.allow(tt.setting)
		if mayAllow {
			b.allowFor(far.origin("http", "public"), tt.setting)
		}
		b.showAt(tt.page, "<body>")
		b.asked()
		patience := "20000"
		if tt.want == "refused" {
			patience = "1000" // a browser that asks the user waits for the answer
		}
		got := b.run(`return Promise.race([image('` + b.url("tree1/picture.png") + `?no=` + strconv.Itoa(i) + `').then(() => 'reached', () => 'refused'), sleep(` + patience + `).then(() => 'refused')])`)
		if asked := b.asked(); got != tt.want || (got == "refused") != (len(asked) == 0) {
			t.Errorf("%s, %s: %s, want %s; we were asked %d times", tt.page, tt.setting, got, tt.want, len(asked))
		}
	}
}

// checkFrames: a frame of another origin, in a page that may, needs the word of that page.
func checkFrames(t *testing.T, b *tab) {
	picture, err := os.ReadFile("testdata/browser/picture.png")
	if err != nil {
		t.Fatal(err)
	}
	b.mem.Add("tree1", "", map[string][]byte{"picture.png": picture})
	b.frame = `<body><script>onmessage = async () => {` + helpers + `parent.postMessage(await image('` + b.url("tree1/picture.png") + `?' + Math.random()).then(() => 'reached', () => 'refused'), '*')}</script>`
	b.showAt(b.publicOrigin(), "<body>")
	b.asked()
	for attributes, want := range map[string]string{
		`{}`:                          "refused",
		`{allow: 'loopback-network'}`: "reached",
		`{sandbox: 'allow-scripts'}`:  "refused",
		`{sandbox: 'allow-scripts', allow: 'loopback-network'}`: "reached",
	} {
		got := b.run(`
			const frame = Object.assign(document.createElement('iframe'), ` + attributes + `, {src: '` + b.browser.internet().origin("https", "other") + `/frame'});
			await new Promise(r => { frame.onload = r; document.body.append(frame); });
			const said = new Promise(r => addEventListener('message', e => r(e.data), {once: true}));
			frame.contentWindow.postMessage('', '*');
			return Promise.race([said, sleep(20000).then(() => 'nothing')]);`)
		if asked := b.asked(); got != want || (got == "refused") != (len(asked) == 0) {
			t.Errorf("a frame with %s: %s, want %s; we were asked %d times", attributes, got, want, len(asked))
		}
	}
}

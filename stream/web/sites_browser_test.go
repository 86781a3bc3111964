package web

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"
)

// TestBrowserAttribution: whom a real browser lets us know of.
func TestBrowserAttribution(t *testing.T) {
	checkAttribution(t, inChromium, func(string) string { return "unknown site" })
}

// checkAttribution is told what is known of a sandboxed frame in a neighbour: it has no origin, but browsers may say where it is.
func checkAttribution(t *testing.T, open opener, sandboxed func(neighbour string) string) {
	b := open(t)
	picture, err := os.ReadFile("testdata/browser/picture.png")
	if err != nil {
		t.Fatal(err)
	}
	b.mem.Add("tree1", "", map[string][]byte{"picture.png": picture})
	neighbour := strings.Replace(b.page.URL, "localhost", "127.0.0.1", 1)
	label, err := mustSite(t, "https://far.example").WithLabel("part")
	if err != nil {
		t.Fatal(err)
	}
	tag, err := b.signer.Tag(label)
	if err != nil {
		t.Fatal(err)
	}
	for i, tt := range []struct{ name, js, want string }{
		{"img", `await image(src)`, neighbour},
		{"img without a referrer", `const i = new Image(); i.referrerPolicy = 'no-referrer'; i.src = src; await new Promise(r => i.onload = r)`, "unknown site"},
		{"img crossorigin", `const i = new Image(); i.referrerPolicy = 'no-referrer'; i.crossOrigin = 'anonymous'; i.src = src; await new Promise(r => i.onload = r)`, neighbour},
		{"fetch", `await (await fetch(src)).blob()`, neighbour},
		{"fetch with a range", `await (await fetch(src, {headers: {Range: 'bytes=0-9'}})).blob()`, neighbour},
		{"img with a tag", `await image(src + '&s=` + tag + `')`, "https://far.example/part"},
		{"by localhost with a tag", `await image(src.replace('127.0.0.1', 'localhost') + '&s=` + tag + `')`, "https://far.example/part"},
		{"fetch by localhost", `await (await fetch(src.replace('127.0.0.1', 'localhost'))).blob()`, "unknown site"}, // Origin: null
		{"sandboxed frame", `
			const f = document.createElement('iframe');
			f.sandbox = 'allow-scripts';
			f.srcdoc = '<img crossorigin src="' + src + '" onload="parent.postMessage(1, \'*\')">';
			const done = new Promise(r => onmessage = r);
			document.body.append(f);
			await done`, sandboxed(neighbour)},
	} {
		b.show("<body>")
		js := fmt.Sprintf(`const src = '%s?n=%d';`, b.url("tree1/picture.png"), i) + tt.js
		if got := b.run(js); got != "undefined" {
			t.Errorf("%s: %s", tt.name, got)
		}
		if got := b.asks(); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
	b.visit(b.url("tree1/picture.png?bar"))
	if got := b.asks(); got != "opened directly" {
		t.Errorf("the address bar: %s", got)
	}
}

// TestBrowserTokens: a page reads its own token and nobody else's, uses it from its own origin, and cannot come near what is the
// user's.
func TestBrowserTokens(t *testing.T) { checkTokens(t, inChromium) }

func checkTokens(t *testing.T, open opener) {
	control := new(program)
	b := open(t, func(c *Config) { c.Control = control })
	api := `const api = 'http://` + b.addr + `/api/v0/';
		const ask = async (path, body, token, headers) => {
			const init = {method: body === undefined ? 'GET' : 'POST', headers: {...headers}};
			if (body !== undefined) { init.body = body; init.headers['Content-Type'] ??= 'application/json'; }
			if (token) init.headers.Authorization = 'Bearer ' + token;
			const r = await fetch(api + path, init);
			return r.status + ' ' + (await r.text()).trim();
		};
		const no = p => p.then(x => 'read: ' + x, e => 'refused');`
	b.show("<body>")
	got := b.run(api + `
		await (await fetch('` + b.url("tree1/sound.mp3") + `')).blob();
		const token = JSON.parse((await ask('token', '{"label":"me"}')).slice(4));
		const own = JSON.parse((await ask('site/items', undefined, JSON.parse((await ask('token', '{}')).slice(4)).control)).slice(4));
		return [token.site, own.items.length, own.items[0].root, own.items[0].sent].join(' ');`)
	if want := b.page.URL + "/me 1 tree1 200000"; got != want {
		t.Errorf("its own: %s, want %s", got, want)
	}
	foreign, err := b.signer.Control(mustSite(t, "https://far.example"), time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	for js, want := range map[string]string{
		`ask('site/items', undefined, '` + foreign + `').then(s => s.slice(0, 3))`:                        "403",
		`ask('site/items', undefined, '` + token + `').then(s => s.slice(0, 3))`:                          "401",
		`ask('token', '{}', '', {'Content-Type': 'text/plain'}).then(s => s.slice(0, 3))`:                 "400",
		`no(ask('status', undefined, '` + token + `'))`:                                                   "refused",
		`no(ask('sites', undefined, '` + token + `'))`:                                                    "refused",
		`no(ask('quit', '{}', '` + token + `'))`:                                                          "refused",
		`no(fetch(api + 'quit', {method: 'POST', mode: 'no-cors'}).then(r => r.type))`:                    "read: opaque",
		`no(fetch('http://localhost:' + new URL(api).port + '/').then(r => r.text()))`:                    "refused",
		`no(fetch('http://localhost:' + new URL(api).port + '/api/v0/sites').then(r => r.text()))`:        "refused",
		`no(fetch('http://' + new URL(api).host + '/api/v0/ping').then(r => r.text()).then(s => 'pong'))`: "read: pong",
	} {
		if got := b.run(api + "return " + js); got != want {
			t.Errorf("%s: %s, want %s", js, got, want)
		}
	}
	if told := control.heard(); told != "" {
		t.Errorf("a page could %s", told)
	}
	// A sandbox has no origin.
	got = b.run(api + `
		const f = document.createElement('iframe');
		f.sandbox = 'allow-scripts';
		f.srcdoc = '<script>fetch("' + api + 'token", {method: "POST", body: "{}", headers: {"Content-Type": "application/json"}})' +
			'.then(r => r.text()).then(s => parent.postMessage("read: " + s, "*"), e => parent.postMessage("refused", "*"))<' + '/script>';
		const done = new Promise(r => onmessage = e => r(e.data));
		document.body.append(f);
		return done`)
	if got != "refused" {
		t.Errorf("a sandbox: %s", got)
	}
}

// TestBrowserWebsite: a web site out of a torrent works, on an origin of its own, and gets nowhere else.
func TestBrowserWebsite(t *testing.T) { checkWebsite(t, inChromium) }

func checkWebsite(t *testing.T, open opener) {
	control := new(program)
	b := open(t, func(c *Config) { c.Control = control })
	websiteWorks(t, b, control, func(root string, files map[string][]byte) { b.mem.Add(root, "", files) })
}

// websiteWorks is checkWebsite for web sites that are made with add.
func websiteWorks(t *testing.T, b *tab, control *program, add func(root string, files map[string][]byte)) {
	picture, err := os.ReadFile("testdata/browser/picture.png")
	if err != nil {
		t.Fatal(err)
	}
	reached := make(chan string, 100)
	router := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { // something else on this computer
		w.Header().Set("Access-Control-Allow-Origin", "*")
		reached <- r.URL.Path
	}))
	t.Cleanup(router.Close)
	add("web", map[string][]byte{
		"index.html": []byte(`<!doctype html><title>Site</title><link rel=stylesheet href=style.css><p id=p>text</p><a id=next href=deep>next</a>` +
			`<script src=code.js></script><script type=module src=module.js></script>`),
		"style.css": []byte("p { color: rgb(1, 2, 3) }"), "code.js": []byte("window.ran = 'ran'"),
		"module.js": []byte("import {x} from './deep/x.mjs'; window.x = x"), "deep/x.mjs": []byte("export const x = 'imported'"),
		"deep/index.html": []byte("<!doctype html><title>Deep</title><img src=../picture.png>"),
		"picture.png":     picture, "worker.js": []byte("postMessage('worked')"),
		"drawing.svg": []byte(`<svg xmlns="http://www.w3.org/2000/svg"><script>window.ran = origin</script></svg>`),
	})
	add("other", map[string][]byte{"index.html": []byte("<title>Other</title>"), "code.js": []byte("window.foreign = 1"), "picture.png": picture})
	b.mem.Add("pictures", "", map[string][]byte{"picture.png": picture})
	_, port, _ := strings.Cut(b.addr, ":")
	host := func(root string) string { return "http://" + root + ".mem.localhost:" + port + "/" }
	b.visit(host("web"))
	got := b.run(`
		await until('imported', () => window.x);
		const worked = await new Promise(r => new Worker('worker.js').onmessage = e => r(e.data));
		const data = (await (await fetch('picture.png')).arrayBuffer()).byteLength;
		return [origin, window.ran, window.x, worked, data, getComputedStyle(document.getElementById('p')).color].join(' ')`)
	if want := strings.TrimSuffix(host("web"), "/") + fmt.Sprintf(" ran imported worked %d rgb(1, 2, 3)", len(picture)); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	got = b.run(`
		const no = p => p.then(x => 'reached', e => 'refused');
		const script = src => new Promise((ok, no) => { const s = document.createElement('script'); s.onload = ok; s.onerror = no; s.src = src; document.head.append(s); });
		const content = 'http://127.0.0.1:` + port + `';
		return (await Promise.all([
			no(fetch('` + router.URL + `/fetch')), no(fetch('` + router.URL + `/opaque', {mode: 'no-cors'})), no(image('` + router.URL + `/img')),
			no(fetch('http://localhost:` + port + `/api/v0/sites')), no(fetch('http://localhost:` + port + `/')),
			no(script('` + host("other") + `code.js')), no(fetch('` + host("other") + `')),
			no(navigator.serviceWorker.register('code.js')),
			no(image('` + host("web") + `picture.png')), no(image(content + '/mem/v0/stream/pictures/picture.png')), no(fetch(content + '/mem/v0/stream/pictures/picture.png')),
		])).join(' ')`)
	if want := "refused refused refused refused refused refused refused refused reached reached reached"; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	// Nor through a document of the same origin that is no page: a picture, two errors of ours, and one of net/http.
	got = b.run(`
		const through = open => new Promise(done => {
			setTimeout(done, 1000, 'refused');
			open(async doc => {
				try {
					const s = doc.createElement('script');
					s.text = 'parent.left = fetch("` + router.URL + `/through")';
					(doc.body ?? doc.documentElement).append(s);
					await (doc.defaultView.left ?? doc.defaultView.parent.left);
					done('reached');
				} catch { done('refused'); }
			});
		});
		const frame = src => through(into => {
			const f = document.createElement('iframe');
			f.onload = () => into(f.contentDocument);
			f.src = src;
			document.body.append(f);
		});
		return (await Promise.all(['picture.png', 'nothing', 'x'.repeat(100000), 'x'.repeat(1200000)].map(frame))).join(' ')`)
	if got != "refused refused refused refused" {
		t.Errorf("through other documents: %s", got)
	}
	select {
	case path := <-reached:
		t.Errorf("it has reached something else on this computer: %s", path)
	default:
	}
	b.run(`document.getElementById('next').click()`)
	time.Sleep(300 * time.Millisecond)
	if got := b.run(`await until('loaded', () => document.images[0]?.complete); return location.pathname + ' ' + document.title + ' ' + document.images[0].naturalWidth`); !strings.HasPrefix(got, "/deep/ Deep ") || strings.HasSuffix(got, " 0") {
		t.Errorf("the link leads to %s", got)
	}
	b.visit(host("web") + "drawing.svg") // which runs, and is nobody else either
	got = b.run(`
		const no = p => p.then(x => 'reached', e => 'refused');
		return window.ran + ' ' + (await Promise.all([no(fetch('http://localhost:` + port + `/api/v0/sites')), no(fetch('` + router.URL + `/drawn'))])).join(' ')`)
	if want := strings.TrimSuffix(host("web"), "/") + " refused refused"; got != want {
		t.Errorf("a drawing: %s, want %s", got, want)
	}
	if told := control.heard(); told != "" {
		t.Errorf("it could %s", told)
	}
}

// TestBrowserCookies: a web site leaves no cookies with the others, and cannot lock them with too many.
func TestBrowserCookies(t *testing.T) { checkCookies(t, inChromium) }

func checkCookies(t *testing.T, open opener) {
	b := open(t)
	page := []byte("<!doctype html><title>Site</title><body>text")
	for _, root := range []string{"web", "other"} {
		b.mem.Add(root, "", map[string][]byte{"index.html": page, "a/b.html": page})
	}
	_, port, _ := strings.Cut(b.addr, ":")
	for what, js := range map[string]string{
		"one":  `set('c=1; path=/')`,
		"many": `for (let i = 0; i < 180; i++) set('c' + i + '=' + 'x'.repeat(4000) + '; path=/')`,
		"all sorts": `for (const kind of ['', '; secure', '; secure; partitioned', '; samesite=strict', '; max-age=1000'])
			for (const path of ['/', '/a', '/a/', '/a/b.html']) set('c' + kind.length + '=1; path=' + path + kind);
			set('nameless; path=/')`,
	} {
		b.visit("http://web.mem.localhost:" + port + "/a/b.html")
		if got := b.run(`const set = c => { document.cookie = c + '; domain=mem.localhost'; };` + js + `; return document.cookie != ''`); got != "true" {
			t.Fatalf("%s: no cookie was set: %s", what, got)
		}
		b.visit("http://other.mem.localhost:" + port + "/a/b.html?" + url.QueryEscape(what))
		if got := b.run(`return document.cookie + document.body.textContent`); got != "text" {
			t.Errorf("%s: %.80s", what, got)
		}
	}
}

// TestBrowserGallery: roots on hosts of their own do not wait for one another's connections.
func TestBrowserGallery(t *testing.T) { checkGallery(t, inChromium) }

func checkGallery(t *testing.T, open opener) {
	b := open(t)
	picture, err := os.ReadFile("testdata/browser/picture.png")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := strings.Cut(b.addr, ":")
	const pictures = 10 // Chromium loads no more of them at a time for one page, and 6 from one host
	var add strings.Builder
	for i := range pictures {
		root := fmt.Sprintf("root%d", i)
		b.mem.Add(root, "", map[string][]byte{"picture.png": picture}).Silence(true)
		fmt.Fprintf(&add, `new Image().src = 'http://%s.mem.localhost:%s/picture.png';`, root, port)
	}
	b.show("<body>")
	b.run(add.String())
	for start := time.Now(); b.mem.Counts().Waiting < pictures; time.Sleep(20 * time.Millisecond) {
		if time.Since(start) > 20*time.Second {
			t.Fatalf("only %d of %d are asked for at the same time", b.mem.Counts().Waiting, pictures)
		}
	}
	b.visit("about:blank")
}

// TestBrowserHomes: content by the name of localhost plays and seeks, and our page opens by the number.
func TestBrowserHomes(t *testing.T) { checkHomes(t, inChromium) }

func checkHomes(t *testing.T, open opener) {
	b := open(t, func(c *Config) {
		c.Home = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			w.Write([]byte("<title>Home</title>"))
		})
	})
	b.mem.Add("film", "", map[string][]byte{"film.mp4": longVideo(t)})
	b.show(`<video id=v muted src="` + strings.Replace(b.url("film/film.mp4"), "127.0.0.1", "localhost", 1) + `"></video>`)
	got := b.run(`
		const v = document.getElementById('v');
		v.play().catch(() => {});
		await until(() => 'played, ' + (v.error && v.error.message), () => v.currentTime > 0.3);
		v.currentTime = 8.25;
		await until('sought', () => !v.seeking && v.currentTime > 8.4);
		return v.videoWidth + ' ' + v.seekable.length`)
	if got != "160 1" {
		t.Errorf("by localhost: %s", got)
	}
	b.visit("http://" + b.addr + "/?a=b&s=tag")
	_, port, _ := strings.Cut(b.addr, ":")
	if got := b.run(`return location.href + ' ' + document.title`); got != "http://localhost:"+port+"/?a=b Home" {
		t.Errorf("our page: %s", got)
	}
}

// TestBrowserRebinding: a name that was made to point here by somebody else's name server is not answered.
func TestBrowserRebinding(t *testing.T) { checkRebinding(t, inChromium) }

func checkRebinding(t *testing.T, open opener) {
	b := open(t)
	_, port, _ := strings.Cut(b.addr, ":")
	b.show("<body>")
	b.asked()
	b.run(`await fetch('http://rebind.example:` + port + `/mem/v0/stream/tree1/page.html', {mode: 'no-cors'})`)
	asked := b.asked()
	if len(asked) == 0 {
		t.Fatal("the browser did not get through")
	}
	for _, r := range asked {
		if r.code != http.StatusMisdirectedRequest || r.bytes != 0 {
			t.Errorf("%s: %d, %d bytes", r.path, r.code, r.bytes)
		}
	}
}

package web

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zeronetscript/universal_p2p/stream/ledger"
)

// TestBrowserNeighbour: a page on another port of this computer, by whatever name, reads nothing of the interface, and changes nothing, with
// all that a page can do; not even if it knows a bearer that is good.
func TestBrowserNeighbour(t *testing.T) { checkNeighbour(t, inChromium) }

func checkNeighbour(t *testing.T, open opener) {
	s := newShelf()
	b := open(t, s.serve)
	b.use("https://films.example")
	b.enter()
	// Somebody is logged in, in the same browser; the page even has got hold of what the interface keeps.
	session := b.run(`return localStorage.getItem('bearer')`)
	b.visit("about:blank")
	before, err := s.Overview(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	commands := map[string]string{
		"quit": "{}", "keep": `{"protocol":"mem","root":"tree1","keep":true}`, "recycle": `{"all":true}`, "recycle/root": `{"protocol":"mem","root":"tree2"}`,
		"rule": `{"site":"https://films.example","rule":"block"}`, "settings": `{"name":"quota","value":"20GiB"}`, "logout": "{}", "forget": "{}",
	}
	list, err := json.Marshal(commands)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"127.0.0.1", "localhost"}
	const peek = `const peek = w => [() => w.document.title, () => w.location.href, () => w.localStorage.length, () => w.frames.length && 'frames'].map(f => { try { return f(); } catch {} }).filter(x => x).join(' ');`
	for _, name := range names {
		b.asked()
		b.showAt(strings.Replace(b.page.URL, "127.0.0.1", name, 1), `<body><iframe name=inside></iframe>`)
		got := b.run(`
			const reached = [], no = (what, p) => p.then(x => reached.push(what + ': ' + x), () => {});
			const within = (ms, p) => Promise.race([p, sleep(ms).then(() => { throw new Error('nothing'); })]);
			const load = (tag, set) => new Promise((ok, no) => {
				const e = Object.assign(document.createElement(tag), set);
				e.onload = () => ok('loaded');
				e.onerror = no;
				document.body.append(e);
			});
			const commands = ` + string(list) + `, bearer = 'Bearer ` + session + `';
			for (const own of ['` + b.h.ownOrigin() + `', 'http://` + b.addr + `']) {
				const api = own + '/api/v0/';
				// Reading.
				for (const path of ['overview', 'settings', 'sites', 'status', 'history?site=https://films.example', 'events']) {
					await no(path, fetch(api + path).then(r => r.text()));
					await no(path + ' with cookies', fetch(api + path, {credentials: 'include'}).then(r => r.text()));
					await no(path + ' with the bearer', fetch(api + path, {headers: {Authorization: bearer}}).then(r => r.text()));
					await no(path + ' as code', within(500, load('script', {src: api + path})));
				}
				await no('events', within(500, new Promise((ok, no) => { const e = new EventSource(api + 'events'); e.onopen = ok; e.onmessage = ok; e.onerror = () => { e.close(); no(); }; })));
				await no('socket', within(500, new Promise((ok, no) => { const w = new WebSocket(api.replace('http', 'ws') + 'events'); w.onopen = ok; w.onerror = no; })));
				await no('page', fetch(own + '/').then(r => r.text()));
				// Writing.
				for (const [path, body] of Object.entries(commands)) {
					const blob = type => new Blob([body], {type});
					for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/json']) {
						await no(path, fetch(api + path, {method: 'POST', body: blob(type)}).then(r => r.text()));
						await fetch(api + path, {method: 'POST', body: blob(type), mode: 'no-cors', credentials: 'include'}).catch(() => {});
						try { navigator.sendBeacon(api + path, blob(type)); } catch {}
					}
					await no(path + ' with the bearer', fetch(api + path, {method: 'POST', body, headers: {Authorization: bearer, 'Content-Type': 'application/json'}}).then(r => r.text()));
					await no(path + ' by PUT', fetch(api + path, {method: 'PUT', body, headers: {Authorization: bearer}}).then(r => r.text()));
					for (const enctype of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data']) {
						const f = Object.assign(document.createElement('form'), {action: api + path, method: 'post', target: 'inside', enctype});
						f.append(Object.assign(document.createElement('input'), {name: body.slice(0, -1) + ',"x":"', value: '"}'})); // which is JSON, as text
						document.body.append(f);
						const answered = new Promise(r => document.querySelector('[name=inside]').onload = r);
						f.submit();
						await within(1000, answered).catch(() => {});
					}
				}
			}
			return reached.join('\n');`)
		if got != "" {
			t.Errorf("a page at %s has read: %s", name, got)
		}
		b.run(`await sleep(300)`)
		b.asked()
		// In a frame the interface does not run, and in a window of its own the page that opened it has no hold of it.
		got = b.run(peek + `
			const frame = document.createElement('iframe');
			frame.src = '` + b.h.ownOrigin() + `/';
			await new Promise(r => { frame.onload = r; document.body.append(frame); setTimeout(r, 3000); });
			await sleep(500);
			return peek(frame.contentWindow);`)
		if got != "" {
			t.Errorf("a page at %s has seen in a frame: %s", name, got)
		}
		if asked := b.asked(); len(asked) != 1 || asked[0].dest != "iframe" {
			t.Errorf("the interface was not just refused in a frame, but went on: %+v", asked)
		}
	}
	for _, name := range names { // which leaves the tab in the background, where scripts that sleep do so for a second
		b.showAt(strings.Replace(b.page.URL, "127.0.0.1", name, 1), "<body>")
		b.asked()
		b.run(`window.w = open('` + b.h.ownOrigin() + `/', 'interface')`)
		for start := time.Now(); b.run(`return w.closed`) != "true"; time.Sleep(20 * time.Millisecond) {
			if time.Since(start) > 20*time.Second {
				t.Fatalf("a page at %s keeps hold of a window with the interface", name)
			}
		}
		got := b.run(peek + `
			w.postMessage('hello', '*');
			const form = Object.assign(document.createElement('form'), {action: '` + b.h.ownOrigin() + `/api/v0/quit', method: 'post', target: 'another'});
			document.body.append(form);
			form.submit();
			return peek(w);`)
		if got != "" {
			t.Errorf("a page at %s has seen of a window: %s", name, got)
		}
		time.Sleep(300 * time.Millisecond)
		if !slices.ContainsFunc(b.asked(), func(r seen) bool { return r.path == "/" && r.dest == "document" }) {
			t.Error("the window was not opened")
		}
	}
	if told := s.heard(); told != "" {
		t.Errorf("a page could %s", told)
	}
	after, err := s.Overview(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !slices.EqualFunc(before.Roots, after.Roots, func(a, b RootView) bool { return a.Root == b.Root && a.Kept == b.Kept && a.Bytes == b.Bytes }) || before.Quota != after.Quota {
		t.Errorf("a page has changed what there is: %+v", after)
	}
	if rule := b.history.Rule(site("https://films.example")); rule != ledger.Default {
		t.Errorf("a page has changed a rule: %v", rule)
	}
	if res := b.do("GET", "/api/v0/overview", b.own("Authorization: Bearer "+session)...); res.StatusCode != 200 {
		t.Errorf("a page has ended the session: %s %s", res.Status, res.body)
	}
}

// TestBrowserAlbum: a page on another port shows fifty pictures, half of them out of an archive, and reads the bytes of one.
func TestBrowserAlbum(t *testing.T) { checkAlbum(t, inChromium) }

func checkAlbum(t *testing.T, open opener) {
	b := open(t, withArchives(t))
	picture, err := os.ReadFile("testdata/browser/picture.png")
	if err != nil {
		t.Fatal(err)
	}
	const half = 25
	files := make(map[string][]byte)
	var members [][3]string
	var page strings.Builder
	for i := range half {
		files[fmt.Sprintf("%d.png", i)] = picture
		members = append(members, [3]string{fmt.Sprintf("d/%d.png", i), string(picture), []string{"", "deflate"}[i%2]})
		fmt.Fprintf(&page, `<img src="%s"><img src="%s">`, b.url(fmt.Sprintf("album/%d.png", i)), b.url(fmt.Sprintf("album/a.zip/d/%d.png", i)))
	}
	files["a.zip"] = zipOf(t, members...)
	b.mem.Add("album", "", files)
	b.show(page.String())
	got := b.run(`
		const shown = [...document.images].filter(i => i.complete && i.naturalWidth == 32).length;
		const r = await fetch('` + b.url("album/a.zip/d/1.png") + `', {headers: {Range: 'bytes=1-3'}});
		return [shown, r.status, r.headers.get('Content-Range'), await r.text()].join(' ');`)
	if want := fmt.Sprintf("%d 206 bytes 1-3/%d PNG", 2*half, len(picture)); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

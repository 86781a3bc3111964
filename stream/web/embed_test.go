package web

import (
	"net"
	"os"
	"strings"
	"testing"
)

func TestEmbedScript(t *testing.T) {
	f := newFront(t)
	res := f.do("GET", "/embed.js", "Sec-Fetch-Dest: script", "Sec-Fetch-Site: cross-site")
	if res.StatusCode != 200 || res.get("Content-Type") != "text/javascript; charset=utf-8" || res.get("Cross-Origin-Resource-Policy") != "cross-origin" ||
		!strings.Contains(string(res.body), "data-p2p") {
		t.Fatalf("%s %v", res.Status, res.Header)
	}
	f.want(f.do("GET", "/embed.js", "If-None-Match: "+res.get("Etag")), 304, nil)
	f.want(f.do("HEAD", "/embed.js"), 200, nil)
	f.wantError(f.do("POST", "/embed.js"), 405)
}

// TestBrowserEmbed: a page that uses the script shows its media when the program may be reached, and else what the visitor can do.
func TestBrowserEmbed(t *testing.T) {
	b := newChromium(t)
	picture, err := os.ReadFile("testdata/browser/picture.png")
	if err != nil {
		t.Fatal(err)
	}
	b.mem.Add("album", "", map[string][]byte{"1.png": picture, "film.mp4": longVideo(t)})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := l.Addr().String()
	l.Close()
	// page has the script from us, set up by js before. It is on this computer, where nobody is asked, but for those that are said to
	// be elsewhere: there the script takes the word of the browser.
	page := func(addr, js string) {
		b.show(`<img id=i alt="" data-p2p="mem/v0/stream/album/1.png"><video id=v muted data-p2p="/mem/v0/stream/album/film.mp4"></video>
			<a id=a data-p2p="mem/v0/stream/album/film.mp4">The film</a>
			<script>window.universalP2P = {addr: "` + addr + `", install: "https://example.org/get", words: {allow: "Zeigen"}};` + js + `</script>
			<script src="http://` + b.addr + `/embed.js" defer></script>`)
	}
	const state = `navigator.permissions.query = async ({name}) => { if (name != "loopback-network") throw new TypeError(name); return {state: window.said}; };`
	const note = `const note = () => document.querySelector('.universal-p2p');`
	const shown = `await until(() => 'shown ' + i.src, () => i.naturalWidth > 0 && v.readyState > 0 && !note());`

	for _, c := range []struct{ name, addr, js, run, want string }{
		{"a page that may", b.addr, "", shown + `return i.crossOrigin + ' ' + a.href;`, "anonymous http://" + b.addr + "/mem/v0/play/album/film.mp4"},
		{"a browser that asks nobody", b.addr, `navigator.permissions.query = () => Promise.reject(new TypeError("what?"));`, shown + `return 'ok';`, "ok"},
		{"a page that has to ask", b.addr, `window.said = "prompt";` + state, `
			await until(() => 'asked', () => note());
			const before = i.getAttribute('src') + note().previousElementSibling.id + note().getAttribute('role') + note().querySelector('a').href.endsWith('/mem/v0/play/album/1.png');
			note().querySelector('button').click();
			` + shown + `return before;`, "nullistatustrue"},
		{"a page that may not", b.addr, `window.said = "denied";` + state, `
			await until(() => 'told', () => note());
			return String(i.getAttribute('src')) + note().querySelectorAll('button').length + note().querySelector('a').target;`, "null0_blank"},
		{"no program", nobody, "", `
			await until(() => 'told', () => note());
			return String(i.getAttribute('src')) + note().querySelector('a').href + note().querySelectorAll('button').length;`, "nullhttps://example.org/get1"},
		{"elements that come later", b.addr, "", shown + `
			const later = document.createElement('img');
			later.dataset.p2p = 'mem/v0/stream/album/1.png';
			document.body.append(later);
			await universalP2P.take(document);
			await until(() => 'shown later', () => later.naturalWidth > 0);
			return 'ok';`, "ok"},
	} {
		t.Run(c.name, func(t *testing.T) {
			page(c.addr, c.js)
			if got := b.run(note + c.run); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

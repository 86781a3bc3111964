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
func TestBrowserEmbed(t *testing.T) { checkEmbed(t, inChromium) }

func checkEmbed(t *testing.T, open opener) {
	b := open(t)
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
	script, err := os.ReadFile("../../assets/embed.js")
	if err != nil {
		t.Fatal(err)
	}
	// A page on this computer loads the script from us. One on the internet has a copy: it may load nothing before the user has said so.
	const (
		note  = `const note = () => document.querySelector('.universal-p2p');`
		shown = `await until(() => 'shown ' + i.src, () => i.naturalWidth > 0 && v.readyState > 0 && !note());`
	)
	for _, c := range []struct {
		name    string
		setting string // of a page on the internet; "": on this computer
		addr    string
		js, run string
		want    string
	}{
		{"here", "", b.addr, "", shown + `return i.crossOrigin + ' ' + a.href;`, "anonymous http://" + b.addr + "/mem/v0/play/album/film.mp4"},
		{"here, without the program", "", nobody, "", `
			await until(() => 'told', () => note());
			return i.getAttribute('src') + note().querySelector('a').href + note().querySelectorAll('button').length;`, "nullhttps://example.org/get1"},
		{"elements that come later", "", b.addr, "", shown + `
			const later = document.createElement('img');
			later.dataset.p2p = 'mem/v0/stream/album/1.png';
			document.body.append(later);
			await universalP2P.take(document);
			await until(() => 'shown later', () => later.naturalWidth > 0);
			return 'ok';`, "ok"},
		{"allowed before", "granted", b.addr, "", shown + `return 'ok'`, "ok"},
		{"a browser that asks nobody", "granted", b.addr, `navigator.permissions.query = () => Promise.reject(new TypeError("what?"));`,
			shown + `return 'ok'`, "ok"},
		{"to be asked", "granted", b.addr, `
			const real = navigator.permissions.query.bind(navigator.permissions);
			let once = true;
			navigator.permissions.query = async p => once ? (once = false, {state: "prompt"}) : real(p);`, `
			await until(() => 'asked', () => note());
			const before = [i.getAttribute('src'), note().previousElementSibling.id, note().getAttribute('role'), note().querySelector('a').href.endsWith('/mem/v0/play/album/1.png'),
				note().querySelector('button').textContent].join(' ');
			note().querySelector('button').click();
			` + shown + `return before;`, " i status true Zeigen"},
		{"denied", "denied", b.addr, "", `
			await until(() => 'told', () => note());
			return [i.getAttribute('src'), note().querySelectorAll('button').length, note().querySelector('a').target].join(' ');`, " 0 _blank"},
	} {
		t.Run(c.name, func(t *testing.T) {
			body := `<body><img id=i alt="" data-p2p="mem/v0/stream/album/1.png"><video id=v muted data-p2p="/mem/v0/stream/album/film.mp4"></video>
				<a id=a data-p2p="mem/v0/stream/album/film.mp4">The film</a>
				<script>window.universalP2P = {addr: "` + c.addr + `", install: "https://example.org/get", words: {allow: "Zeigen"}};` + c.js + `</script>`
			if c.setting == "" {
				b.show(body + `<script src="http://` + b.addr + `/embed.js" defer></script>`)
			} else {
				b.allow(c.setting)
				b.showAt(b.publicOrigin(), body+`<script>`+strings.ReplaceAll(string(script), "</script>", `<\/script>`)+`</script>`)
			}
			if got := b.run(note + c.run); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

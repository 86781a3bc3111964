package web

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/zeronetscript/universal_p2p/assets"
	"github.com/zeronetscript/universal_p2p/stream/ledger"
)

// serve has the front serve the interface of a program that has this shelf.
func (s *shelf) serve(c *Config) {
	page, err := assets.Interface(c.Addr)
	if err != nil {
		panic(err) // it is made of what is built in
	}
	c.Control, c.Desk, c.Home = s, s, page
}

// newInterface opens a browser for the interface of a program that has a shelf. What its console says is an error.
func newInterface(t *testing.T) (*chromium, *shelf) {
	s := newShelf()
	b := newChromium(t, s.serve)
	b.use("https://films.example", "http://secret.onion", "program VLC", "opened directly")
	b.quiet(func(m chromedp.ConsoleMessage) bool { return m.Source != "network" }) // which is answers that say no
	return b, s
}

// quiet makes an error of what the console says from now on, if it counts.
func (b *chromium) quiet(counts func(chromedp.ConsoleMessage) bool) {
	ctx, stop := context.WithCancel(b.ctx)
	messages := chromedp.Console(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for m, err := range messages {
			if err == nil && counts(m) {
				b.t.Errorf("console: %v (%s)", m, m.URL)
			}
		}
	}()
	b.t.Cleanup(func() { stop(); <-done })
}

// look makes a page look as it does to somebody with such a screen.
func (b *chromium) look(scheme string, width int64) {
	b.t.Helper()
	features := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}
	if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, features); err != nil {
		b.t.Fatal(err)
	}
	if err := chromedp.Do(b.ctx, chromedp.EmulateViewport(width, 900)); err != nil {
		b.t.Fatal(err)
	}
}

// ui is what the scripts of these tests share.
const ui = `
	const $ = id => document.getElementById(id), visible = e => e && !!e.getClientRects().length;
	const row = (table, text) => [...$(table).tBodies[0].rows].find(r => r.textContent.includes(text));
	const labelled = label => [...document.querySelectorAll('[aria-label]')].find(e => e.getAttribute('aria-label') == label);
	const yes = async () => { await until(() => 'asked', () => $('ask').open); $('ask').querySelector('[value=yes]').click(); };
`

// press presses the keys of a text in whatever has the focus.
func (b *chromium) press(keys string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 10*time.Second)
	defer cancel()
	if err := chromedp.Do(ctx, chromedp.KeyEvent(keys)); err != nil {
		b.t.Fatal(err)
	}
}

// expect runs a script in the interface and compares what it returns.
func (b *tab) expect(want, js string) {
	b.t.Helper()
	if got := b.run(ui + js); got != want {
		b.t.Errorf("got %q, want %q, of%s", got, want, js)
	}
}

// enter logs in by a key.
func (b *tab) enter() {
	b.t.Helper()
	b.visit(b.h.ownOrigin() + "/#k=" + b.key())
	b.expect("in /", `await until(() => 'in', () => visible($('page')) && $('roots').tBodies[0].rows.length);
		return 'in ' + location.pathname + location.hash;`)
}

// TestBrowserLogin: without a key the page says how to get in, a key is good once, and a browser that is in stays in.
func TestBrowserLogin(t *testing.T) {
	b, _ := newInterface(t)
	b.checkLogin()
}

func (b *tab) checkLogin() {
	b.visit("http://" + b.addr + "/") // from the host of content
	b.expect("localhost true false", `await until(() => 'told', () => visible($('login')));
		return location.hostname + ' ' + $('login').textContent.includes('universal-p2p open') + ' ' + visible($('page'));`)
	b.keep("ui-login")
	key := b.key()
	b.visit(b.h.ownOrigin() + "/#k=" + key)
	b.expect("true 0", `await until(() => 'in', () => visible($('page')) && $('roots').tBodies[0].rows.length);
		return !!localStorage.getItem('bearer') + ' ' + document.cookie.length;`)
	b.visit(b.h.ownOrigin() + "/")
	b.expect("true", `await until(() => 'in', () => visible($('page'))); return !visible($('login'));`)
	b.expect("out null", `$('logout').click(); await yes(); await until(() => 'out', () => visible($('login'))); return 'out ' + localStorage.getItem('bearer');`)
	b.visit("about:blank")
	b.visit(b.h.ownOrigin() + "/#k=" + key)
	b.expect("true", `await until(() => 'told', () => visible($('used'))); return visible($('login'));`)
}

// TestBrowserInterface goes through the interface by clicking, with a real browser.
func TestBrowserInterface(t *testing.T) {
	b, s := newInterface(t)
	b.enter()
	b.expect("7 GiB of 10 GiB used", `return $('used-of').textContent;`)
	b.expect("The disk has 120 MiB left, less than the reserve of 1 GiB: new content may fail until there is room. Something that no page knows.",
		`return [...document.querySelectorAll('#problems li')].map(e => e.textContent).join(' ');`)

	t.Run("live", func(t *testing.T) { b.checkLive() })
	t.Run("keep", func(t *testing.T) { b.checkKeep() })
	t.Run("recycle", func(t *testing.T) {
		b.expect("Freed: 700 MiB 6.3 GiB of 10 GiB used", `
			labelled('Remove tree3').click(); await yes();
			await until(() => 'gone', () => !row('roots', 'tree3'));
			return $('said').textContent + ' ' + $('used-of').textContent;`)
		s.heard()
		b.expect("", `document.querySelector('[data-unused="720h"]').click(); await until(() => 'freed', () => $('said').textContent == 'Freed: 1 TiB'); return '';`)
		if told := s.heard(); !strings.Contains(told, "UnusedFor:720h") {
			t.Errorf("told %q", told)
		}
		b.expect("", `$('recycle-all').click(); await until(() => 'asked', () => $('ask').open); return '';`)
		b.press("\x1b") // Escape is no
		b.expect("true", `await until(() => 'closed', () => !$('ask').open); return true;`)
		if told := s.heard(); told != "" {
			t.Errorf("told %q after no", told)
		}
		b.expect("", `$('recycle-all').click(); await yes(); await until(() => 'freed', () => !$('ask').open); await sleep(300); return '';`)
		if told := s.heard(); !strings.Contains(told, "All:true") {
			t.Errorf("told %q", told)
		}
	})
	t.Run("sites", func(t *testing.T) {
		b.expect("block", `
			const rule = labelled('Rule for https://films.example');
			rule.value = 'block'; rule.dispatchEvent(new Event('change'));
			await until(() => 'saved', () => $('said').textContent == 'Saved');
			return rule.value;`)
		if rule := b.history.Rule(site("https://films.example")); rule != ledger.Block {
			t.Errorf("the rule is %v", rule)
		}
		b.expect("tree1 / video.mp4", `
			labelled('History of https://films.example').click();
			await until(() => 'opened', () => $('history').open);
			const text = $('history').querySelector('li').firstChild.textContent;
			$('history').querySelector('button').click();
			return text;`)
		b.expect("Visitors of this site mean to hide, but peers can see this computer’s address.", `return row('sites', 'secret.onion').querySelector('.warn').textContent;`)
		b.expect("true", `
			labelled('Block <b>Holiday</b> photos').click(); await yes();
			await until(() => 'blocked', () => visible($('blocked')));
			$('blocked').querySelector('button').click();
			await until(() => 'free', () => !visible($('blocked')));
			return !document.querySelector('td b');`)
		b.expect("true", `
			labelled('Forget what Program VLC used').click(); await yes();
			await until(() => 'forgotten', () => !row('sites', 'VLC'));
			return true;`)
	})
	t.Run("link", func(t *testing.T) {
		b.expect("", `$('link').focus(); return '';`)
		b.press("mem:tree1?tr=udp://a:1&dn=x\r")
		b.expect("A tree|Files: 7|http://"+b.addr+"/mem/v0/play/tree1?dn=x&tr=udp%3A%2F%2Fa%3A1|"+
			`<video controls crossorigin="anonymous" src="http://`+b.addr+`/mem/v0/stream/tree1/video.mp4?dn=x&amp;tr=udp%3A%2F%2Fa%3A1"></video>`, `
			await until(() => 'found', () => visible($('found')) && /Files/.test($('found-files').textContent));
			return [$('found-name').textContent, $('found-files').textContent, $('found-play').href, $('found-code').value].join('|');`)
		b.expect("", `$('link').value = 'a film'; $('add').requestSubmit(); await until(() => 'refused', () => /neither a link/.test($('said').textContent)); return '';`)
		b.expect("http://"+b.addr+"/mem/v0/stream/nobody", `$('link').value = 'mem:nobody'; $('add').requestSubmit();
			await until(() => 'there', () => /nobody/.test($('found-url').value));
			return $('found-url').value;`)
	})
	t.Run("drop", func(t *testing.T) {
		b.expect("Dropped|http://"+b.addr+"/mem/v0/stream/dropped/song.mp3|true", `
			const data = new DataTransfer();
			data.items.add(new File([JSON.stringify({id: 'dropped', name: 'Dropped', files: {'song.mp3': btoa('la la')}})], 'a.torrent'));
			dispatchEvent(new DragEvent('dragover', {dataTransfer: data, cancelable: true}));
			dispatchEvent(new DragEvent('drop', {dataTransfer: data, cancelable: true}));
			await until(() => 'added', () => $('found-name').textContent == 'Dropped' && /<audio/.test($('found-code').value));
			return [$('found-name').textContent, $('found-url').value, !document.body.classList.contains('dropping')].join('|');`)
		b.expect("true", `
			const data = new DataTransfer();
			data.items.add(new File(['no torrent'], 'a.torrent'));
			dispatchEvent(new DragEvent('drop', {dataTransfer: data, cancelable: true}));
			await until(() => 'refused', () => /not a .torrent file/.test($('said').textContent));
			return true;`)
	})
	t.Run("settings", func(t *testing.T) {
		b.expect("6.3 GiB of 20 GiB used", `
			const quota = document.querySelector('[name=quota]');
			quota.value = '20GiB'; quota.dispatchEvent(new Event('change'));
			await until(() => 'changed', () => /20 GiB/.test($('used-of').textContent));
			return $('used-of').textContent;`)
		b.expect("true", `
			const quota = document.querySelector('[name=quota]');
			quota.value = 'much'; quota.dispatchEvent(new Event('change'));
			await until(() => 'refused', () => /no size/.test($('said').textContent));
			return quota.getAttribute('aria-invalid');`)
		b.expect("Let others fetch what is being streamed hereHolds after the next start.", `
			const upload = document.querySelector('[name=upload]');
			upload.click();
			await until(() => 'changed', () => /next start/.test(upload.parentElement.textContent));
			return upload.parentElement.textContent;`)
	})
	t.Run("keyboard", func(t *testing.T) {
		b.expect("", `document.activeElement.blur(); scrollTo(0, 0); return '';`)
		b.visit(b.h.ownOrigin() + "/?lang=en")
		b.expect("", `await until(() => 'in', () => $('roots').tBodies[0].rows.length); return '';`)
		b.press("\t")
		b.expect("To the content", `return document.activeElement.textContent;`)
		b.press("\r")
		b.press("\t")
		b.expect("Unused for a week", `return document.activeElement.textContent;`)
	})
	t.Run("labels", func(t *testing.T) {
		b.expect("", `
			document.querySelectorAll('details').forEach(e => { e.open = true; });
			const bad = [...document.querySelectorAll('button, input, select, textarea, a[href], [role=img]')].filter(e => visible(e) &&
				!(e.getAttribute('aria-label') || e.labels?.length && e.labels[0].textContent.trim() || e.textContent.trim() || e.title));
			const ids = [...document.querySelectorAll('[id]')].map(e => e.id), twice = ids.filter((id, i) => ids.indexOf(id) != i);
			return [...bad.map(e => e.outerHTML), ...twice].join('\n');`)
	})
}

// checkLive sees a stream begin, go on and end in the interface, as it happens.
func (b *tab) checkLive() {
	b.tree.File("video.mp4").Slow(200*time.Millisecond, 0)
	ctx, cancel := context.WithCancel(b.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.try(ctx, "GET", "/mem/v0/stream/tree1/video.mp4", nil)
	}()
	b.expect("true true", `
		await until(() => 'streamed', () => /Down: [\d.,]+ KiB/.test($('now').textContent));
		const line = () => +$('now').querySelector('line').getAttribute('x1'), before = line();
		await until(() => 'moved', () => line() > before);
		const svg = $('now').querySelector('svg');
		return (svg.querySelectorAll('rect').length > 0) + ' ' + /^\d+% of 5.2 MiB is here$/.test(svg.getAttribute('aria-label'));`)
	b.keep("ui-live")
	cancel()
	<-done
	b.expect("Nothing is streamed at the moment.", `await until(() => 'ended', () => !$('now').children.length); return $('streams').textContent;`)
}

// checkKeep keeps a root by clicking, and lets it go.
func (b *tab) checkKeep() {
	b.expect("false true false", `
		const button = labelled('Keep A tree'), pressed = () => button.getAttribute('aria-pressed'), seen = [pressed()];
		button.focus(); button.click();
		await until(() => 'kept', () => pressed() == 'true');
		seen.push(pressed()); button.click();
		await until(() => 'let go', () => pressed() == 'false');
		return [...seen, pressed()].join(' ');`)
}

// A program that ends is said to have ended, and found again when it is back.
func TestBrowserOffline(t *testing.T) {
	b, _ := newInterface(t)
	b.enter()
	gone := func(http.Handler) http.Handler {
		return http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	}
	around := b.watch
	b.observe.Store(&gone)
	b.client.CloseIdleConnections()
	b.h.sessions.Renew() // which ends the events
	b.expect("true", `await until(() => 'missed', () => visible($('offline'))); return visible($('page'));`)
	b.observe.Store(&around)
	b.expect("true", `await until(() => 'out', () => visible($('login'))); return localStorage.getItem('bearer') == null;`)
}

// TestBrowserLooks keeps pictures of the interface, and looks for what sticks out of a narrow screen.
func TestBrowserLooks(t *testing.T) {
	b, _ := newInterface(t)
	b.tree.File("video.mp4").Slow(100*time.Millisecond, 0)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.try(ctx, "GET", "/mem/v0/stream/tree1/video.mp4", nil)
	}()
	defer func() { cancel(); <-done }()
	b.enter()
	for _, look := range []struct {
		name, scheme, lang string
		width              int64
	}{
		{"wide-light", "light", "en", 1440}, {"wide-dark", "dark", "de", 1440}, {"phone-light", "light", "fr", 390}, {"phone-dark", "dark", "ja", 390},
		{"wide-light-es", "light", "es", 1024}, {"tablet-dark", "dark", "en", 780}, {"phone-light-zh", "light", "zh", 320},
	} {
		b.look(look.scheme, look.width)
		b.visit(b.h.ownOrigin() + "/?lang=" + look.lang)
		b.expect(look.lang+" 0", `
			await until(() => 'in', () => $('roots').tBodies[0].rows.length && $('now').children.length);
			$('link').value = 'mem:tree1'; $('add').requestSubmit();
			await until(() => 'found', () => /<video/.test($('found-code').value) && $('found-files').textContent && /7/.test($('found-files').textContent));
			const out = [document.documentElement, ...document.querySelectorAll('.wide')].map(e => e.scrollWidth - e.clientWidth);
			return document.documentElement.lang + ' ' + Math.max(0, ...out);`)
		b.keep("ui-" + look.name)
	}
}

// keep keeps a picture of the page for people to look at: go test -artifacts keeps them.
func (b *tab) keep(name string) {
	b.t.Helper()
	c, ok := b.browser.(*chromium)
	if !ok {
		return // one browser is enough to look at
	}
	png, err := chromedp.Run(c.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(b.t.ArtifactDir(), name+".png"), png, 0o600); err != nil {
		b.t.Fatal(err)
	}
}

// What the user opens from the interface is the user's, and no page's that says nothing.
func TestInterfaceOpens(t *testing.T) {
	b, _ := newInterface(t)
	b.enter()
	for name, link := range map[string]string{
		"a root": `[...$('roots').querySelectorAll('a')].find(a => /tree1/.test(a.href))`,
		"a link": `$('found-play')`,
	} {
		b.expect("", `$('link').value = 'mem:tree1'; $('add').requestSubmit();
			await until(() => 'found', () => visible($('found')) && /Files/.test($('found-files').textContent)); return '';`)
		b.asks()
		b.expect("", `const a = `+link+`; a.target = '_self'; a.click(); return '';`)
		got := ""
		for start := time.Now(); got == "" && time.Since(start) < 10*time.Second; time.Sleep(50 * time.Millisecond) {
			got = b.asks()
		}
		if got != "opened directly" {
			t.Errorf("%s: %q", name, got)
		}
		b.enter()
	}
}

// However many roots there are, the picture has one place for the others, and does not grow.
func TestInterfaceManyRoots(t *testing.T) {
	b, s := newInterface(t)
	s.mu.Lock()
	s.o.MoreBytes, s.o.More = 900<<30, 5
	for i := range 60 {
		root := fmt.Sprintf("many%d", i)
		s.o.Roots = append(s.o.Roots, RootView{RootStatus: RootStatus{Protocol: "mem", Root: root, Bytes: 1 << 30, Size: 1 << 30}})
	}
	s.mu.Unlock()
	b.enter()
	b.expect("40", `for (let i = 0; i < 5; i++) dispatchEvent(new Event('resize'));
		return $('picture').children.length;`)
}

// A tab that hears of the session of another one takes that, or two tabs would renew theirs by turns for ever.
func TestInterfaceTwoTabs(t *testing.T) {
	b, _ := newInterface(t)
	b.enter()
	hear := `
		const before = localStorage.getItem('bearer');
		dispatchEvent(new StorageEvent('storage', {key: 'bearer', newValue: before}));
		await new Promise(done => setTimeout(done, 500));
		return before === localStorage.getItem('bearer') && visible($('page'));`
	b.expect("true", hear)
	session := b.run(`return localStorage.getItem('bearer')`)
	b.run(`localStorage.removeItem('bearer')`)
	b.visit(b.h.ownOrigin() + "/")
	b.expect("", `await until(() => 'out', () => visible($('login'))); return '';`)
	b.expect("true", `localStorage.setItem('bearer', '`+session+`');`+hear)
}

package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
)

// A firefox is a running Firefox without windows, which is told what to do by WebDriver BiDi (https://w3c.github.io/webdriver-bidi/).
// One serves many tests, each with a tab and a container of its own: what a container stores no other sees.
type firefox struct {
	t    *testing.T
	conn *websocket.Conn
	far  *internet

	mu      sync.Mutex
	last    int                    // the number of the last command
	waiting map[int]chan<- message // for the answer to a command
	console func(url, text string) // is told what scripts complain of
	page    http.Handler           // what is on the internet
	gone    error                  // why the connection has ended
}

// A message is what the browser says: the answer to a command, or an event.
type message struct {
	Type    string          `json:"type"` // "success", "error" or "event"
	ID      int             `json:"id"`
	Result  json.RawMessage `json:"result"`
	Error   string          `json:"error"`
	Message string          `json:"message"`
	Method  string          `json:"method"`
	Params  json.RawMessage `json:"params"`
}

// firefoxPrefs keep the browser from asking anybody anything, and from waiting for a user. What it asks all the same goes to a proxy
// that nobody runs. The names end on this computer; some addresses of it count as public.
func firefoxPrefs(public string) map[string]any {
	return map[string]any{
		"network.proxy.type": 1, "network.proxy.http": "127.0.0.1", "network.proxy.http_port": 1, "network.proxy.ssl": "127.0.0.1", "network.proxy.ssl_port": 1,
		"network.proxy.no_proxies_on":                     "127.0.0.1, [::1], localhost, .localhost, rebind.example, public.example, other.example",
		"network.dns.localDomains":                        "rebind.example, public.example, other.example",
		"network.lna.address_space.public.override":       public,
		"network.trr.mode":                                5,
		"network.captive-portal-service.enabled":          false,
		"network.connectivity-service.enabled":            false,
		"services.settings.server":                        "data:,#remote-settings-dummy/v1",
		"dom.push.connection.enabled":                     false,
		"media.gmp-manager.url":                           "data:,",
		"media.gmp-manager.updateEnabled":                 false,
		"extensions.getAddons.cache.enabled":              false,
		"extensions.systemAddon.update.enabled":           false,
		"app.normandy.enabled":                            false,
		"app.update.disabledForTesting":                   true,
		"toolkit.telemetry.enabled":                       false,
		"toolkit.telemetry.server":                        "data:,",
		"datareporting.policy.dataSubmissionEnabled":      false,
		"datareporting.healthreport.uploadEnabled":        false,
		"browser.region.update.enabled":                   false,
		"browser.newtabpage.enabled":                      false,
		"browser.startup.page":                            0,
		"browser.aboutwelcome.enabled":                    false,
		"browser.safebrowsing.provider.mozilla.updateURL": "", "browser.safebrowsing.provider.google4.updateURL": "",
		"dom.disable_open_during_load": false, // pages may open windows
		"media.autoplay.default":       0,
		"media.volume_scale":           "0",
		"intl.accept_languages":        "en-US",
	}
}

// userJS is the file of a profile that sets preferences.
func userJS(prefs map[string]any) []byte {
	var b bytes.Buffer
	for name, value := range prefs {
		switch v := value.(type) {
		case string:
			fmt.Fprintf(&b, "user_pref(%q, %q);\n", name, v)
		default:
			fmt.Fprintf(&b, "user_pref(%q, %v);\n", name, v)
		}
	}
	return b.Bytes()
}

// newFirefox starts a browser for the time of the test.
func newFirefox(t *testing.T) *firefox {
	path := findFirefox(t)
	f := &firefox{t: t, waiting: make(map[int]chan<- message), page: http.NotFoundHandler(), console: func(string, string) {}}
	f.far = newInternet(t, func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		page := f.page
		f.mu.Unlock()
		page.ServeHTTP(w, r)
	})
	// Not t.TempDir: its children may write there for a moment after it has ended.
	profile, err := os.MkdirTemp("", "up2p-firefox-*")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(profile) })
	if err := os.WriteFile(filepath.Join(profile, "user.js"), userJS(firefoxPrefs(f.far.addrs(""))), 0o600); err != nil {
		t.Fatal(err)
	}
	said := new(lockedBuffer)
	cmd := exec.Command(path, "--headless", "--no-remote", "--profile", profile, "--remote-debugging-port", "0")
	// With the last of them a release, too, takes from the preferences where settings come from.
	cmd.Env = append(os.Environ(), "HOME="+profile, "MOZ_CRASHREPORTER_DISABLE=1", "MOZ_REMOTE_SETTINGS_DEVTOOLS=1")
	cmd.Stdout, cmd.Stderr = said, said
	cmd.WaitDelay = 5 * time.Second // for its children, which have the same output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		select {
		case <-ended:
		case <-time.After(time.Minute):
			cmd.Process.Kill()
			t.Errorf("%s does not end: %v\n%s", path, <-ended, said)
		}
	})
	at, err := f.address(profile, ended)
	if err != nil {
		cmd.Process.Kill()
		t.Fatalf("%s does not start: %v\n%s", path, err, said)
	}
	if err := f.connect(at); err != nil {
		cmd.Process.Kill()
		t.Fatalf("%s does not answer: %v\n%s", path, err, said)
	}
	return f
}

// findFirefox skips the test where there is none.
func findFirefox(t *testing.T) string {
	for _, name := range []string{"firefox-esr", "firefox"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("no Firefox in PATH")
	return ""
}

// address waits for the browser to write down where it listens.
func (f *firefox) address(profile string, ended chan error) (string, error) {
	for start := time.Now(); time.Since(start) < time.Minute; time.Sleep(50 * time.Millisecond) {
		select {
		case err := <-ended:
			ended <- err
			return "", fmt.Errorf("it has ended: %w", err)
		default:
		}
		data, err := os.ReadFile(filepath.Join(profile, "WebDriverBiDiServer.json"))
		if err != nil {
			continue
		}
		var at struct {
			Host string `json:"ws_host"`
			Port int    `json:"ws_port"`
		}
		if json.Unmarshal(data, &at) == nil && at.Port != 0 {
			return fmt.Sprintf("ws://%s:%d/session", at.Host, at.Port), nil
		}
	}
	return "", errors.New("it does not listen within a minute")
}

// connect opens the session, and ends the browser at the end of the test.
func (f *firefox) connect(at string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, at, nil)
	if err != nil {
		return err
	}
	conn.SetReadLimit(64 << 20)
	f.conn = conn
	done := make(chan struct{})
	go func() {
		defer close(done)
		f.read()
	}()
	f.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := f.call(ctx, "browser.close", nil, nil); err != nil {
			f.t.Errorf("closing Firefox: %v", err)
		}
		conn.CloseNow()
		<-done
	})
	if err := f.call(ctx, "session.new", params{"capabilities": params{"alwaysMatch": params{"acceptInsecureCerts": true}}}, nil); err != nil {
		return err
	}
	return f.call(ctx, "session.subscribe", params{"events": []string{"log.entryAdded"}}, nil)
}

// read takes what the browser says until the connection ends.
func (f *firefox) read() {
	for {
		var m message
		err := wsjson.Read(context.Background(), f.conn, &m)
		f.mu.Lock()
		if err != nil {
			f.gone = err
			for id, answer := range f.waiting {
				close(answer)
				delete(f.waiting, id)
			}
			f.mu.Unlock()
			return
		}
		answer, ok := f.waiting[m.ID]
		if ok && m.Type != "event" {
			delete(f.waiting, m.ID)
			answer <- m
		}
		console := f.console
		f.mu.Unlock()
		if m.Method == "log.entryAdded" {
			var entry struct {
				Level, Text string
				StackTrace  struct{ CallFrames []struct{ URL string } }
			}
			if json.Unmarshal(m.Params, &entry) == nil && (entry.Level == "error" || entry.Level == "warn") {
				url := ""
				if frames := entry.StackTrace.CallFrames; len(frames) > 0 {
					url = frames[0].URL
				}
				console(url, entry.Text)
			}
		}
	}
}

type params map[string]any

// call gives the browser a command and waits for the result.
func (f *firefox) call(ctx context.Context, method string, in params, out any) error {
	if in == nil {
		in = params{}
	}
	answer := make(chan message, 1)
	f.mu.Lock()
	f.last++
	id := f.last
	if f.gone != nil {
		f.mu.Unlock()
		return f.gone
	}
	f.waiting[id] = answer
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.waiting, id)
	}()
	if err := wsjson.Write(ctx, f.conn, params{"id": id, "method": method, "params": in}); err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	select {
	case m, ok := <-answer:
		switch {
		case !ok:
			return fmt.Errorf("%s: the connection has ended", method)
		case m.Type != "success":
			return fmt.Errorf("%s: %s: %s", method, m.Error, m.Message)
		case out != nil:
			return json.Unmarshal(m.Result, out)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", method, ctx.Err())
	}
}

// A firefoxTab drives one tab.
type firefoxTab struct {
	*firefox
	id, container string
}

// open starts a front and opens a tab for it.
func (f *firefox) open(t *testing.T, change ...func(*Config)) *tab {
	t.Helper()
	b := newTab(t, change...)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	var container struct{ UserContext string }
	if err := f.call(ctx, "browser.createUserContext", nil, &container); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // closes the tab as well
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := f.call(ctx, "browser.removeUserContext", params{"userContext": container.UserContext}, nil); err != nil {
			t.Error(err)
		}
	})
	var made struct{ Context string }
	if err := f.call(ctx, "browsingContext.create", params{"type": "tab", "userContext": container.UserContext}, &made); err != nil {
		t.Fatal(err)
	}
	b.browser = &firefoxTab{f, made.Context, container.UserContext}
	f.mu.Lock()
	f.page = http.HandlerFunc(b.serve)
	f.mu.Unlock()
	return b
}

// navigate implements driver.
func (f *firefoxTab) navigate(ctx context.Context, url string) error {
	return f.call(ctx, "browsingContext.navigate", params{"context": f.id, "url": url, "wait": "complete"}, nil)
}

// evaluate implements driver.
func (f *firefoxTab) evaluate(ctx context.Context, js string) (string, error) {
	var out struct {
		Type             string
		Result           struct{ Type, Value string }
		ExceptionDetails struct{ Text string }
	}
	err := f.call(ctx, "script.evaluate", params{"expression": js, "target": params{"context": f.id}, "awaitPromise": true}, &out)
	switch {
	case err != nil:
		return "", err
	case out.Type != "success":
		return "", errors.New(out.ExceptionDetails.Text)
	case out.Result.Type != "string":
		return "", fmt.Errorf("a script gave a %s", out.Result.Type)
	}
	return out.Result.Value, nil
}

// internet implements driver.
func (f *firefox) internet() *internet { return f.far }

// allow implements driver.
func (f *firefoxTab) allow(ctx context.Context, origin, setting string) error {
	return f.call(ctx, "permissions.setPermission", params{
		"descriptor": params{"name": "loopback-network"}, "state": setting, "origin": origin, "userContext": f.container,
	}, nil)
}

package tray

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/godbus/dbus/v5/prop"

	"github.com/zeronetscript/universal_p2p/assets"
)

// The library has one tray in a process, and wants the main goroutine. So the tests of the icon start themselves as the program: with
// this variable the test binary shows a tray instead, takes states as lines of JSON on its standard input until that ends, and
// prints what happens.
const programVariable = "UP2P_TRAY_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(programVariable) != "" {
		program()
		return
	}
	os.Exit(m.Run())
}

func program() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var mu sync.Mutex
	say := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Printf(format+"\n", args...)
	}
	do := func(what string) func() {
		return func() {
			time.Sleep(time.Millisecond) // real actions take some time
			say("%s", what)
		}
	}
	flag := func(what string) func(bool) { return func(on bool) { do(fmt.Sprint(what, " ", on))() } }
	t := New(Options{
		Language: assets.Speak(Languages()...),
		State:    states[0].state,
		OnStatus: func(s Status) { say("status %d", s) },
		Actions: Actions{
			Open: do("open"), Pause: flag("pause"), Free: func(f Freeing) { do(fmt.Sprint("free ", f))() }, SetLogin: flag("login"),
			SetNotifications: flag("notifications"), OpenLogs: do("logs"), About: do("about"), Quit: do("quit"),
		},
	})
	go func() {
		defer cancel()
		for lines := json.NewDecoder(os.Stdin); ; {
			var s State
			if lines.Decode(&s) != nil {
				return
			}
			t.Show(s)
		}
	}()
	t.Run(ctx)
	say("ended, %s left", left())
}

// left names the goroutines of ours or of the library that are still there after a moment.
func left() string {
	buf := make([]byte, 1<<20)
	for range 100 {
		stacks := string(buf[:runtime.Stack(buf, true)])
		var found []string
		for s := range strings.SplitSeq(stacks, "\n\n") {
			if (strings.Contains(s, "systray") || strings.Contains(s, "/tray.(") || strings.Contains(s, "godbus")) && !strings.Contains(s, "main.main") {
				found = append(found, s)
			}
		}
		if len(found) == 0 {
			return "nothing"
		}
		buf = append(buf[:0], strings.Join(found, "\n\n")...)[:cap(buf)]
		time.Sleep(10 * time.Millisecond)
	}
	return strings.ReplaceAll(string(bytes.Trim(buf, "\x00")), "\n", " ")
}

// A running program.
type running struct {
	t     *testing.T
	cmd   *exec.Cmd
	in    *json.Encoder
	end   func() error
	lines chan string
	log   bytes.Buffer // its standard error
}

// patience is for anything that should take no time at all.
const patience = 20 * time.Second

func start(t *testing.T, env ...string) *running {
	t.Helper()
	p := &running{t: t, cmd: exec.CommandContext(t.Context(), os.Args[0]), lines: make(chan string, 10_000)}
	p.cmd.Env = append(os.Environ(), programVariable+"=1", "LC_ALL=en_US.UTF-8", "XDG_CURRENT_DESKTOP=test", "GORACE=exitcode=0 atexit_sleep_ms=0")
	p.cmd.Env = append(p.cmd.Env, env...)
	p.cmd.Stderr = &p.log
	in, err := p.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.in, p.end = json.NewEncoder(in), in.Close
	t.Cleanup(func() {
		if p.cmd.ProcessState == nil {
			p.cmd.Process.Kill()
			p.cmd.Wait()
		}
		if t.Failed() {
			t.Logf("the program says: %s", p.log.String())
		}
	})
	go func() {
		defer close(p.lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			p.lines <- s.Text()
		}
	}()
	return p
}

// expect waits for a line, and lets others pass.
func (p *running) expect(want string) {
	p.t.Helper()
	late := time.After(patience)
	var others []string
	for {
		select {
		case line, ok := <-p.lines:
			if !ok {
				p.t.Fatalf("the program ended and did not say %q, but %q", want, others)
			}
			if line == want {
				return
			}
			others = append(others, line)
		case <-late:
			p.t.Fatalf("the program did not say %q, but %q", want, others)
		}
	}
}

func (p *running) status(s Status) { p.t.Helper(); p.expect(fmt.Sprintf("status %d", s)) }

func (p *running) show(s State) {
	p.t.Helper()
	if err := p.in.Encode(s); err != nil {
		p.t.Fatal(err)
	}
}

// stop ends the program, which must leave nothing behind.
func (p *running) stop() {
	p.t.Helper()
	p.end()
	p.expect("ended, nothing left")
	if err := p.cmd.Wait(); err != nil {
		p.t.Errorf("the program: %v", err)
	}
	for _, race := range races(p.log.String()) {
		p.t.Errorf("a data race: %s", race)
	}
}

// races returns the reports of the race detector, but for those where both sides are the tray library or what it is made of. It has some: in
// the number of its menu's revision, and in an icon that is sent while the next one takes its place. They do no harm, as all icons
// are of one size.
func races(log string) (reports []string) {
	for report := range strings.SplitSeq(log, "==================") {
		lines := strings.Split(report, "\n")
		ours := false
		for i, line := range lines[:len(lines)-1] {
			if strings.Contains(line, " by goroutine ") || strings.Contains(line, " by main goroutine") {
				at := strings.TrimSpace(lines[i+1])
				ours = ours || !slices.ContainsFunc([]string{"fyne.io/systray.", "github.com/godbus/", "reflect."}, func(library string) bool { return strings.HasPrefix(at, library) })
			}
		}
		if ours {
			reports = append(reports, report)
		}
	}
	return reports
}

// Only what is wholly the library's own is let pass.
func TestRaces(t *testing.T) {
	const report = "before\n==================\nWARNING: DATA RACE\nWrite at 0x1 by goroutine 44:\n  %s()\n      a.go:1 +0x1\n\nPrevious read at 0x1 by main goroutine:\n  %s()\n      b.go:2 +0x2\n==================\nFound 1 data race(s)\n"
	library, ours := "fyne.io/systray.refresh", "github.com/zeronetscript/universal_p2p/tray.(*painter).draw"
	for _, c := range []struct {
		write, read string
		want        int
	}{{library, library, 0}, {ours, library, 1}, {library, ours, 1}, {ours, ours, 1}} {
		if got := races(fmt.Sprintf(report, c.write, c.read)); len(got) != c.want {
			t.Errorf("%s and %s: %q", c.write, c.read, got)
		}
	}
	if got := races("nothing"); len(got) != 0 {
		t.Errorf("%q", got)
	}
}

// A testBus is a session bus of the test's own, where nothing starts by itself.
type testBus struct {
	t       *testing.T
	address string
	kill    func()
}

func newBus(t *testing.T) *testBus { t.Helper(); return newBusWith(t, "") }

// newBusWith makes a bus with something more in its config, and something more in the environment of what it starts.
func newBusWith(t *testing.T, config string, env ...string) *testBus {
	t.Helper()
	daemon, err := exec.LookPath("dbus-daemon")
	if err != nil {
		missing(t, "dbus-daemon")
	}
	dir, err := os.MkdirTemp("", "bus") // short: the path of a socket has 107 bytes at most
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	file := filepath.Join(dir, "conf")
	err = os.WriteFile(file, []byte(`<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:path=`+dir+`/bus</listen><auth>EXTERNAL</auth>`+config+`
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>
`), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(daemon, "--config-file="+file, "--nofork", "--nopidfile", "--print-address")
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	b := &testBus{t: t, kill: func() { once.Do(func() { cmd.Process.Kill(); cmd.Wait() }) }}
	t.Cleanup(b.kill)
	if b.address, err = bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	b.address = strings.TrimSpace(b.address)
	return b
}

func (b *testBus) env() string { return "DBUS_SESSION_BUS_ADDRESS=" + b.address }

func (b *testBus) connect() *dbus.Conn {
	b.t.Helper()
	conn, err := dbus.Connect(b.address)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { conn.Close() })
	return conn
}

// own takes a name on the bus.
func own(t *testing.T, conn *dbus.Conn, name string) {
	t.Helper()
	if r, err := conn.RequestName(name, dbus.NameFlagDoNotQueue); err != nil || r != dbus.RequestNameReplyPrimaryOwner {
		t.Fatalf("%s: %v, %v", name, r, err)
	}
}

// missing ends a test that lacks a program of someone else.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("UP2P_REQUIRE_PEERS") == "1" {
		t.Fatalf("%s is missing, and UP2P_REQUIRE_PEERS=1", what)
	}
	t.Skipf("%s is missing: not tested with it", what)
}

// A fakeWatcher gathers icons, as a panel does.
type fakeWatcher struct {
	conn  *dbus.Conn
	props *prop.Properties
	items chan dbus.Sender // that registered
}

// RegisterStatusNotifierItem is called by the bus.
func (w *fakeWatcher) RegisterStatusNotifierItem(_ string, sender dbus.Sender) *dbus.Error {
	w.items <- sender
	return nil
}

// newWatcher starts a watcher that has a host or has none.
func newWatcher(b *testBus, host bool) *fakeWatcher {
	b.t.Helper()
	w := &fakeWatcher{conn: b.connect(), items: make(chan dbus.Sender, 16)}
	if err := w.conn.Export(w, watcherPath, watcherName); err != nil {
		b.t.Fatal(err)
	}
	var err error
	w.props, err = prop.Export(w.conn, watcherPath, prop.Map{watcherName: {"IsStatusNotifierHostRegistered": {Value: host, Emit: prop.EmitFalse}}})
	if err != nil {
		b.t.Fatal(err)
	}
	own(b.t, w.conn, watcherName)
	return w
}

// item waits for an icon.
func (w *fakeWatcher) item(t *testing.T) *shownItem {
	t.Helper()
	select {
	case sender := <-w.items:
		return &shownItem{t: t, conn: w.conn, name: string(sender)}
	case <-time.After(patience):
		t.Fatal("no icon came")
		return nil
	}
}

// A shownItem is an icon as its host sees it.
type shownItem struct {
	t    *testing.T
	conn *dbus.Conn
	name string
}

func (i *shownItem) call(path dbus.ObjectPath, method string, args []any, results ...any) {
	i.t.Helper()
	ctx, cancel := context.WithTimeout(i.t.Context(), patience)
	defer cancel()
	if err := i.conn.Object(i.name, path).CallWithContext(ctx, method, 0, args...).Store(results...); err != nil {
		i.t.Fatalf("%s: %v", method, err)
	}
}

func (i *shownItem) property(name string) (v dbus.Variant) {
	i.t.Helper()
	i.call("/StatusNotifierItem", "org.freedesktop.DBus.Properties.Get", []any{"org.kde.StatusNotifierItem", name}, &v)
	return v
}

// A pixmap is a picture as the bus has it: ARGB, not multiplied with alpha.
type pixmap struct {
	W, H int32
	Pix  []byte
}

func (i *shownItem) icon() pixmap {
	i.t.Helper()
	var maps []pixmap
	if err := i.property("IconPixmap").Store(&maps); err != nil || len(maps) != 1 {
		i.t.Fatalf("%d pictures, %v", len(maps), err)
	}
	return maps[0]
}

func (i *shownItem) tooltip() string {
	i.t.Helper()
	var tip struct {
		Icon        string
		Maps        []pixmap
		Title, Text string
	}
	if err := i.property("ToolTip").Store(&tip); err != nil {
		i.t.Fatal(err)
	}
	return tip.Title
}

const menuInterface = "com.canonical.dbusmenu"

// A node is an item of the menu as the bus has it.
type node struct {
	ID    int32
	Props map[string]dbus.Variant
	Items []dbus.Variant
}

// menu returns the items, in order. The library answers the first question of a host with the top level only.
func (i *shownItem) menu() (all []node) {
	i.t.Helper()
	var path dbus.ObjectPath
	if err := i.property("Menu").Store(&path); err != nil {
		i.t.Fatal(err)
	}
	for range 2 {
		var revision uint32
		var root node
		i.call(path, menuInterface+".GetLayout", []any{int32(0), int32(-1), []string{}}, &revision, &root)
		all = nil
		var walk func(n node)
		walk = func(n node) {
			for _, v := range n.Items {
				var child node
				if err := dbus.Store([]any{v.Value()}, &child); err != nil {
					i.t.Fatal(err)
				}
				all = append(all, child)
				walk(child)
			}
		}
		walk(root)
	}
	return all
}

// find returns the item with a label.
func (i *shownItem) find(label string) node {
	i.t.Helper()
	for _, n := range i.menu() {
		if n.Props["label"].Value() == label {
			return n
		}
	}
	i.t.Fatalf("no item is called %q", label)
	return node{}
}

// click clicks without waiting for the answer.
func (i *shownItem) click(id int32) {
	i.t.Helper()
	call := i.conn.Object(i.name, "/StatusNotifierItem/menu").Go(menuInterface+".Event", dbus.FlagNoReplyExpected, nil, id, "clicked", dbus.MakeVariant(""), uint32(0))
	if call.Err != nil {
		i.t.Fatal(call.Err)
	}
}

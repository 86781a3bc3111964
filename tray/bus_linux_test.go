package tray

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/godbus/dbus/v5/prop"
)

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

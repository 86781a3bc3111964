//go:build linux

package swarmtest

import (
	"bufio"
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/godbus/dbus/v5/prop"
)

// Where icons and menus are on a bus (https://www.freedesktop.org/wiki/Specifications/StatusNotifierItem/).
const (
	watcherName = "org.kde.StatusNotifierWatcher"
	watcherPath = "/StatusNotifierWatcher"
	menuName    = "com.canonical.dbusmenu"
	menuPath    = "/StatusNotifierItem/menu"
)

// A desktop is a session bus with a place for icons, and a browser that notes what it is to open.
type desktop struct {
	t      *testing.T
	conn   *dbus.Conn
	icons  chan dbus.Sender
	env    []string
	opened string // file with what the browser got, a line each
}

func newDesktop(t *testing.T) *desktop {
	t.Helper()
	daemon := lookPath(t, "dbus-daemon")
	dir, err := os.MkdirTemp("", "desk") // short: the path of a socket has 107 bytes at most
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	d := &desktop{t: t, icons: make(chan dbus.Sender, 4), opened: filepath.Join(dir, "opened")}
	write := func(name, text string, mode os.FileMode) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	write("conf", `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:path=`+dir+`/bus</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>
`, 0o600)
	write("xdg-open", "#!/bin/sh\necho \"$1\" >>"+d.opened+"\n", 0o700)
	cmd := exec.Command(daemon, "--config-file="+dir+"/conf", "--nofork", "--nopidfile", "--print-address")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	spawn(t, cmd)
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the bus: %v", err)
	}
	address = strings.TrimSpace(address)
	if d.conn, err = dbus.Connect(address); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.conn.Close() })
	if err := d.conn.Export(d, watcherPath, watcherName); err != nil {
		t.Fatal(err)
	}
	if _, err := prop.Export(d.conn, watcherPath, prop.Map{watcherName: {"IsStatusNotifierHostRegistered": {Value: true}}}); err != nil {
		t.Fatal(err)
	}
	if r, err := d.conn.RequestName(watcherName, dbus.NameFlagDoNotQueue); err != nil || r != dbus.RequestNameReplyPrimaryOwner {
		t.Fatalf("%s: %v, %v", watcherName, r, err)
	}
	d.env = []string{"DBUS_SESSION_BUS_ADDRESS=" + address, "PATH=" + dir + ":" + os.Getenv("PATH"), "LC_ALL=en_US.UTF-8", "LANGUAGE=en"}
	return d
}

// RegisterStatusNotifierItem is called over the bus by a program with an icon.
func (d *desktop) RegisterStatusNotifierItem(_ string, sender dbus.Sender) *dbus.Error {
	d.icons <- sender
	return nil
}

// menu waits for an icon and returns its menu.
func (d *desktop) menu() *menu {
	d.t.Helper()
	select {
	case sender := <-d.icons:
		return &menu{d.t, d.conn.Object(string(sender), menuPath)}
	case <-time.After(20 * time.Second):
		d.t.Fatal("no icon came")
		return nil
	}
}

// waitOpened waits for the browser to be given something new that matches, and returns it.
func (d *desktop) waitOpened(pattern string) string {
	d.t.Helper()
	var line string
	eventually(d.t, 20*time.Second, "the browser gets "+pattern, func() bool {
		data, _ := os.ReadFile(d.opened)
		lines := strings.Fields(string(data))
		if len(lines) == 0 {
			return false
		}
		line = lines[len(lines)-1]
		return regexp.MustCompile(pattern).MatchString(line)
	})
	return line
}

// A menu is that of an icon, as a panel sees it.
type menu struct {
	t   *testing.T
	obj dbus.BusObject
}

// A menuItem is a line of a menu.
type menuItem struct {
	id      int32
	label   string
	checked bool
	enabled bool
}

// items lists the lines of the menu and of its submenus.
func (m *menu) items() (all []menuItem) {
	m.t.Helper()
	type node struct {
		ID       int32
		Props    map[string]dbus.Variant
		Children []dbus.Variant
	}
	var revision uint32
	var top node
	if err := m.obj.Call(menuName+".GetLayout", 0, int32(0), int32(-1), []string{}).Store(&revision, &top); err != nil {
		m.t.Fatal(err)
	}
	var walk func(n node)
	walk = func(n node) {
		label, _ := n.Props["label"].Value().(string)
		state, _ := n.Props["toggle-state"].Value().(int32)
		disabled := n.Props["enabled"].Value() == false
		hidden := n.Props["visible"].Value() == false
		if label != "" && !hidden {
			all = append(all, menuItem{n.ID, label, state == 1, !disabled})
		}
		for _, v := range n.Children {
			var child node
			if err := dbus.Store([]any{v.Value()}, &child); err != nil {
				m.t.Fatal(err)
			}
			walk(child)
		}
	}
	walk(top)
	return all
}

// find returns the line whose label matches.
func (m *menu) find(pattern string) (item menuItem, ok bool) {
	m.t.Helper()
	for _, item := range m.items() {
		if regexp.MustCompile(pattern).MatchString(item.label) {
			return item, true
		}
	}
	return menuItem{}, false
}

// wait waits for a line that matches and is as it should be.
func (m *menu) wait(pattern string, ok func(menuItem) bool) {
	m.t.Helper()
	end := time.Now().Add(20 * time.Second)
	for {
		item, there := m.find(pattern)
		if there && ok(item) {
			return
		}
		if time.Now().After(end) {
			m.t.Fatalf("no line of the menu is %s: %+v", pattern, m.items())
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (m *menu) click(pattern string) {
	m.t.Helper()
	item, ok := m.find(pattern)
	if !ok {
		m.t.Fatalf("the menu has no %s: %+v", pattern, m.items())
	}
	if err := m.obj.Call(menuName+".Event", 0, item.id, "clicked", dbus.MakeVariant(int32(0)), uint32(0)).Err; err != nil {
		m.t.Fatal(err)
	}
}

// TestTray drives the menu of the program's icon while it streams from a real seeder: what it says is so, and what it does happens.
func TestTray(t *testing.T) {
	t.Parallel()
	turn(t)
	d := newDesktop(t)
	f := newFixture(t, 77, 24*mib, 256*kib, nil)
	peer := seedLibtorrent(t, f)
	p := prepare(t, settings{})
	p.face = d.env
	p.launch()
	m := d.menu()
	is := func(on bool) func(menuItem) bool { return func(i menuItem) bool { return i.checked == on } }
	any := func(menuItem) bool { return true }
	m.wait(`^[0-9.]+ K?i?B of 2 GiB used$`, func(i menuItem) bool { return !i.enabled })
	m.wait(`^Nothing is streamed$`, any)
	if s := p.status(); len(s.Problems) > 0 && !strings.Contains(s.Problems[0], "root") {
		t.Errorf("problems with an icon: %q", s.Problems)
	}

	// What streams is seen, and a pause cuts it off.
	url := p.stream(f.hash, f.name, "x.pe", peer)
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if _, err := res.Body.Read(make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	m.wait(`^1 stream, .*/s$`, any)
	m.wait(`^[0-9.]+ [KM]iB of 2 GiB used$`, any)
	m.click(`^Pause$`)
	m.wait(`^Pause$`, is(true))
	m.wait(`^Paused$`, any)
	if n, err := res.Body.Read(make([]byte, f.size)); err == nil && int64(n) == f.size {
		t.Error("a pause lets everything through")
	}
	if refused, err := http.Get(url); err != nil || refused.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("in a pause: %v, %v", refused, err)
	} else {
		refused.Body.Close()
	}
	m.click(`^Pause$`)
	m.wait(`^Pause$`, is(false))
	whole(t, f.source, url, 30*time.Second)
	m.wait(`^Nothing is streamed$`, any)
	m.wait(`^24(\.\d)? MiB of 2 GiB used$`, any)

	// What is freed is free for du as well.
	store := filepath.Join(p.data, "store")
	if n := usage(store); n < f.size {
		t.Errorf("%d bytes on disk before", n)
	}
	m.click(`^Everything`)
	eventually(t, 20*time.Second, "the disk is free again", func() bool { return usage(store) < mib })
	m.wait(`^[0-9.]+ K?i?B of 2 GiB used$`, any)

	m.click(`^Notifications$`)
	m.wait(`^Notifications$`, is(false))
	if config, err := os.ReadFile(p.config); err != nil || !bytes.Contains(config, []byte("notifications = false")) {
		t.Errorf("the config: %s, %v", config, err)
	}
	m.click(`^Open$`)
	d.waitOpened(`^http://localhost:\d+/#k=[A-Z2-7]+$`)
	m.click(`^Open log folder$`)
	d.waitOpened("^" + regexp.QuoteMeta(filepath.Join(p.data, "log")) + "$")
	m.click(`^About`)
	page := d.waitOpened(`^http://localhost:\d+/\?about#k=[A-Z2-7]+$`)
	if res, err := http.Get(page); err != nil || res.StatusCode != http.StatusOK {
		t.Errorf("%s: %v, %v", page, res, err)
	} else {
		res.Body.Close()
	}

	// A second start shows the page of the first.
	out, err := secondStart(p, d.env)
	if err != nil {
		t.Errorf("a second start: %v: %s", err, out)
	}
	d.waitOpened(`^http://localhost:\d+/#k=[A-Z2-7]+$`)
	m.click(`^Quit$`)
	select {
	case <-p.done:
		if p.err != nil {
			t.Errorf("it ended with %v", p.err)
		}
	case <-time.After(20 * time.Second):
		t.Error("it does not end")
	}
}

// secondStart starts the program again, as a click on its icon in the desktop's menu would.
func secondStart(p *program, env []string) (string, error) {
	cmd := exec.CommandContext(p.t.Context(), p.bin, append([]string{"run"}, p.flags()...)...)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("second start: %w", err)
	}
	return string(out), err
}

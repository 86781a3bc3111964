package tray

import (
	"bytes"
	"fmt"
	"image/color"
	"image/png"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/zeronetscript/universal_p2p/assets"
)

// wait waits until what is asked for holds.
func wait(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for late := time.Now().Add(patience); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(late) {
			t.Fatalf("after %v it does not hold: %s", patience, what)
		}
	}
}

// drawn is an icon as the bus should have it.
func drawn(t *testing.T, state assets.IconState, look assets.IconLook) pixmap {
	t.Helper()
	img, err := png.Decode(bytes.NewReader(assets.TrayIcon(state, look)))
	if err != nil {
		t.Fatal(err)
	}
	p := pixmap{W: int32(img.Bounds().Dx()), H: int32(img.Bounds().Dy())}
	for y := range img.Bounds().Dy() {
		for x := range img.Bounds().Dx() {
			c := color.NRGBAModel.Convert(img.At(x, y)).(color.NRGBA)
			p.Pix = append(p.Pix, c.A, c.R, c.G, c.B)
		}
	}
	return p
}

func samePicture(a, b pixmap) bool { return a.W == b.W && a.H == b.H && bytes.Equal(a.Pix, b.Pix) }

// Every item is clicked 100 times, as fast as the bus goes and all at once, while states change. No click is lost.
func TestNoClickIsLost(t *testing.T) {
	bus := newBus(t)
	w := newWatcher(bus, true)
	p := start(t, bus.env())
	i := w.item(t)
	const times = 100
	want := make(map[string]int)
	var ids []int32
	for label, line := range map[string]string{
		"Open": "open", "Pause": "pause true", "Free 1 GiB": "free 0", "Unused for a week": "free 1", "Everything": "free 2", "Start at login": "login true",
		"Notifications": "notifications false", "Open log folder": "logs", "About Universal P2P": "about", "Quit": "quit",
	} {
		ids = append(ids, i.find(label).ID)
		want[line] = times
	}
	for n := range times {
		for _, id := range ids {
			i.click(id)
		}
		p.show(State{Used: int64(n) << 20, Quota: 1 << 30, Streams: n % 3, Notifications: true})
	}
	got := make(map[string]int)
	late := time.After(patience)
	for n := 0; n < times*len(ids); {
		select {
		case line := <-p.lines:
			if !strings.HasPrefix(line, "status ") {
				got[line]++
				n++
			}
		case <-late:
			t.Fatalf("%d of %d clicks came: %v", n, times*len(ids), got)
		}
	}
	for line, n := range want {
		if got[line] != n {
			t.Errorf("%q came %d times, want %d", line, got[line], n)
		}
	}
	p.stop()
}

// Every state is drawn: the picture by its pixels, the labels, the marks, what can be clicked and what is hidden.
func TestStatesAreDrawn(t *testing.T) {
	bus := newBus(t)
	w := newWatcher(bus, true)
	p := start(t, bus.env())
	p.status(Shown)
	i := w.item(t)
	if id, title := i.property("Id").Value(), i.property("Title").Value(); id != "Universal P2P" || title != id {
		t.Errorf("the icon is called %v, %v", id, title)
	}
	l := assets.Speak("en")
	for n := range 2 * len(states) { // there and back, so that every state follows two others
		if n >= len(states) {
			n = 2*len(states) - 1 - n
		}
		s := states[n]
		p.show(s.state)
		var want []string
		sketchItems(menu(s.state, l), &want)
		var got []string
		late := time.Now().Add(patience)
		for got == nil || !slices.Equal(got, want) && time.Now().Before(late) {
			got = nil
			for _, n := range i.menu() {
				got = append(got, sketchNode(n))
			}
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%s is drawn as\n%s\nwant\n%s", s.name, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		wait(t, s.name+" has its picture", func() bool { return samePicture(i.icon(), drawn(t, s.icon, assets.IconForAny)) })
		wait(t, s.name+" has its tooltip", func() bool { return i.tooltip() == tooltip(s.state, l) })
	}
	p.stop()
}

func sketchItems(items []item, lines *[]string) {
	for _, it := range items {
		if it.hidden {
			*lines = append(*lines, "hidden") // with whatever label it had last
		} else {
			*lines = append(*lines, fmt.Sprintf("%q check=%v checked=%v enabled=%v separator=%v",
				strings.ReplaceAll(it.label, "_", "__"), it.kind == check, it.checked, !it.disabled && it.kind != line, it.kind == separator))
		}
		sketchItems(it.items, lines)
	}
}

func sketchNode(n node) string {
	label, _ := n.Props["label"].Value().(string)
	if n.Props["visible"].Value() == false {
		return "hidden"
	}
	return fmt.Sprintf("%q check=%v checked=%v enabled=%v separator=%v", label, n.Props["toggle-type"].Value() == "checkmark",
		n.Props["toggle-state"].Value() == int32(1), n.Props["enabled"].Value() != false, n.Props["type"].Value() == "separator")
}

// A bus that is not there, that is not wanted, or where nobody answers: the program waits on, and no bus is started for it.
func TestNoBus(t *testing.T) {
	launched := filepath.Join(t.TempDir(), "launched")
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "dbus-launch"), []byte("#!/bin/sh\ntouch "+launched+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	mute, err := net.Listen("unix", filepath.Join(bin, "mute"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mute.Close() })
	dir := "XDG_RUNTIME_DIR=" + t.TempDir()
	for name, address := range map[string]string{
		"nowhere": "unix:path=" + bin + "/bus", "autolaunch": "autolaunch:", "nonsense": "x", "mute": "unix:path=" + bin + "/mute", "none": "",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := os.Stat("/run/user/" + strconv.Itoa(os.Getuid()) + "/bus"); err == nil && address == "" {
				t.Skip("this user has a bus, which would be found: not tested without one")
			}
			p := start(t, dir, "DBUS_SESSION_BUS_ADDRESS="+address, "PATH="+bin)
			p.status(NoBus)
			p.show(states[2].state)
			p.stop()
			if _, err := os.Stat(launched); err == nil {
				t.Error("a bus was started")
			}
		})
	}
}

// The bus is found in the folder where login managers make it.
func TestBusOfTheSession(t *testing.T) {
	bus := newBus(t)
	w := newWatcher(bus, true)
	path, _, _ := strings.Cut(strings.TrimPrefix(bus.address, "unix:path="), ",")
	p := start(t, "DBUS_SESSION_BUS_ADDRESS=", "XDG_RUNTIME_DIR="+filepath.Dir(path))
	w.item(t)
	p.status(Shown)
	p.stop()
}

// A desktop that gets a place for icons later gets the icon, also when it comes back after a crash.
func TestWatcherComesAndGoes(t *testing.T) {
	bus := newBus(t)
	p := start(t, bus.env())
	p.status(NoHost)
	p.show(states[2].state)
	for range 3 {
		w := newWatcher(bus, true)
		p.status(Shown)
		i := w.item(t)
		wait(t, "the icon is the one for streams", func() bool { return samePicture(i.icon(), drawn(t, assets.IconStreaming, assets.IconForAny)) })
		i.click(i.find("Open").ID)
		p.expect("open")
		w.conn.Close()
		p.status(NoHost)
	}
	p.stop()
}

// A watcher that nobody listens to shows nothing yet.
func TestHostComesLater(t *testing.T) {
	bus := newBus(t)
	w := newWatcher(bus, false)
	p := start(t, bus.env())
	p.status(NoHost)
	w.item(t)
	for _, c := range []struct {
		host   bool
		signal string
		want   Status
	}{{true, "StatusNotifierHostRegistered", Shown}, {false, "StatusNotifierHostUnregistered", NoHost}} {
		w.props.SetMust(watcherName, "IsStatusNotifierHostRegistered", c.host)
		if err := w.conn.Emit(watcherPath, watcherName+"."+c.signal); err != nil {
			t.Fatal(err)
		}
		p.status(c.want)
	}
	p.stop()
}

// The end of the bus is neither the end of the program nor the start of a race in circles.
func TestBusDies(t *testing.T) {
	for _, watcher := range []bool{true, false} {
		t.Run(fmt.Sprint("watcher ", watcher), func(t *testing.T) {
			bus := newBus(t)
			p := start(t, bus.env())
			if watcher {
				newWatcher(bus, true).item(t)
				p.status(Shown)
			} else {
				p.status(NoHost)
			}
			bus.kill()
			p.status(Lost)
			before := cpu(t, p)
			for n := range 50 {
				p.show(states[n%len(states)].state)
				time.Sleep(10 * time.Millisecond)
			}
			if used := cpu(t, p) - before; used > 200*time.Millisecond {
				t.Errorf("it used %v of half a second", used)
			}
			p.stop()
		})
	}
}

// cpu is how long a program has computed (proc(5)).
func cpu(t *testing.T, p *running) time.Duration {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	var ticks int
	for _, f := range fields[11:13] {
		n, err := strconv.Atoi(f)
		if err != nil {
			t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * time.Second / 100
}

// A program that is told to end at once ends, at whatever point the icon is.
func TestEndsAtAnyMoment(t *testing.T) {
	bus := newBus(t)
	newWatcher(bus, true)
	for n := range 12 {
		p := start(t, bus.env())
		if n > 0 {
			time.Sleep(time.Duration(n*n) * 2 * time.Millisecond)
		}
		p.stop()
	}
}

// A fakePortal says what colours the desktop has.
type fakePortal struct{ scheme uint32 }

// Read is called by the bus.
func (p *fakePortal) Read(namespace, key string) (dbus.Variant, *dbus.Error) {
	if namespace != appearance || key != "color-scheme" {
		return dbus.Variant{}, dbus.MakeFailedError(os.ErrNotExist)
	}
	return dbus.MakeVariant(dbus.MakeVariant(p.scheme)), nil
}

// The icon follows the colours of the desktop.
func TestDarkAndLight(t *testing.T) {
	bus := newBus(t)
	conn := bus.connect()
	if err := conn.Export(&fakePortal{1}, portalPath, settings); err != nil {
		t.Fatal(err)
	}
	own(t, conn, portalName)
	w := newWatcher(bus, true)
	p := start(t, bus.env())
	i := w.item(t)
	for _, c := range []struct {
		scheme uint32
		look   assets.IconLook
	}{{1, assets.IconForDark}, {2, assets.IconForLight}, {0, assets.IconForAny}, {1, assets.IconForDark}} {
		if err := conn.Emit(portalPath, settings+".SettingChanged", appearance, "color-scheme", dbus.MakeVariant(c.scheme)); err != nil {
			t.Fatal(err)
		}
		wait(t, "the icon is for "+string(c.look), func() bool { return samePicture(i.icon(), drawn(t, assets.IconIdle, c.look)) })
	}
	p.stop()
	p = start(t, bus.env())
	i = w.item(t)
	if !samePicture(i.icon(), drawn(t, assets.IconIdle, assets.IconForDark)) {
		t.Error("a dark desktop does not get the icon for dark ones from the start")
	}
	p.stop()
}

func TestLookFor(t *testing.T) {
	for _, c := range []struct {
		desktop string
		scheme  any
		want    assets.IconLook
	}{
		{"KDE", uint32(1), assets.IconForDark}, {"KDE", uint32(2), assets.IconForLight}, {"KDE", uint32(0), assets.IconForAny}, {"", "dark", assets.IconForAny},
		{"KDE", dbus.MakeVariant(uint32(2)), assets.IconForLight}, {"ubuntu:GNOME", uint32(2), assets.IconForDark}, {"XFCE", int32(1), assets.IconForAny},
	} {
		if got := lookFor(c.desktop, dbus.MakeVariant(c.scheme)); got != c.want {
			t.Errorf("%s, %v: %s, want %s", c.desktop, c.scheme, got, c.want)
		}
	}
	if got := lookFor("", dbus.Variant{}); got != assets.IconForAny {
		t.Errorf("nothing said: %s", got)
	}
}

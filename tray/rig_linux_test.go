package tray

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
)

// shotsVariable names a folder where the pictures of the rig stay, to be looked at.
const shotsVariable = "UP2P_TRAY_SHOTS"

// A rig is a real desktop that nobody sees: an X server in memory, a bus, the panel of Xfce and the notification server dunst.
type rig struct {
	t     *testing.T
	bus   *testBus
	env   []string
	frame string // the file that is the screen
	shots string
}

const panelConfig = `<?xml version="1.0" encoding="UTF-8"?>
<channel name="xfce4-panel" version="1.0">
 <property name="configver" type="int" value="2"/>
 <property name="panels" type="array"><value type="int" value="1"/>
  <property name="dark-mode" type="bool" value="true"/>
  <property name="panel-1" type="empty">
   <property name="position" type="string" value="p=8;x=400;y=584"/>
   <property name="length" type="uint" value="100"/>
   <property name="position-locked" type="bool" value="true"/>
   <property name="size" type="uint" value="32"/>
   <property name="plugin-ids" type="array"><value type="int" value="1"/><value type="int" value="2"/></property>
  </property>
 </property>
 <property name="plugins" type="empty">
  <property name="plugin-1" type="string" value="separator"><property name="expand" type="bool" value="true"/><property name="style" type="uint" value="0"/></property>
  <property name="plugin-2" type="string" value="systray"><property name="square-icons" type="bool" value="true"/></property>
 </property>
</channel>
`

// newRig starts a rig, with a panel or without. Everything of it ends with the test.
func newRig(t *testing.T, panel bool) *rig {
	t.Helper()
	for _, name := range []string{"Xvfb", "xfce4-panel", "dunst", "xdotool", "dbus-daemon"} {
		if _, err := exec.LookPath(name); err != nil {
			missing(t, name)
		}
	}
	home := t.TempDir()
	config := filepath.Join(home, "config", "xfce4", "xfconf", "xfce-perchannel-xml")
	for _, dir := range []string{config, filepath.Join(home, "run")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(config, "xfce4-panel.xml"), []byte(panelConfig), 0o600); err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, shots: os.Getenv(shotsVariable), frame: filepath.Join(home, "Xvfb_screen0")}
	if r.shots == "" {
		r.shots = t.TempDir()
	}
	r.env = []string{"HOME=" + home, "XDG_CONFIG_HOME=" + home + "/config", "XDG_CACHE_HOME=" + home + "/cache", "XDG_DATA_HOME=" + home + "/data",
		"XDG_RUNTIME_DIR=" + home + "/run", "DISPLAY=:" + display(t, home), "NO_AT_BRIDGE=1", "GTK_A11Y=none", "LC_ALL=C.UTF-8"}
	// The panel reads its config from a service that the bus starts.
	r.bus = newBusWith(t, "<standard_session_servicedirs/>", r.env...)
	r.env = append(r.env, r.bus.env())
	r.start("dunst")
	conn := r.bus.connect()
	wait(t, "the notification server is up", func() bool {
		var up bool
		err := conn.BusObject().Call("org.freedesktop.DBus.NameHasOwner", 0, noteServer).Store(&up)
		return err == nil && up
	})
	if !panel {
		return r
	}
	empty := r.shot("")
	r.start("xfce4-panel", "--disable-wm-check")
	wait(t, "the panel takes icons", func() bool {
		var v dbus.Variant
		err := conn.Object(watcherName, watcherPath).Call("org.freedesktop.DBus.Properties.Get", dbus.FlagNoAutoStart, watcherName, "IsStatusNotifierHostRegistered").Store(&v)
		return err == nil && v.Value() == true
	})
	r.until("", func(img *image.RGBA) bool {
		time.Sleep(200 * time.Millisecond)
		return differ(empty, img).Dx() == img.Rect.Dx() && differ(img, r.shot("")).Empty()
	})
	return r
}

// display starts an X server on the next free display and returns its number. Its screen is a file in a folder.
func display(t *testing.T, dir string) string {
	t.Helper()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	cmd := exec.Command("Xvfb", "-displayfd", "3", "-screen", "0", "800x600x24", "-nolisten", "tcp", "-fbdir", dir)
	cmd.ExtraFiles = []*os.File{write}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	write.Close()
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	read.SetDeadline(time.Now().Add(patience))
	number, err := bufio.NewReader(read).ReadString('\n')
	if err != nil {
		t.Fatalf("Xvfb does not say its display: %v", err)
	}
	return strings.TrimSpace(number)
}

func (r *rig) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), r.env...)
	return cmd
}

// start starts a part of the desktop.
func (r *rig) start(name string, args ...string) {
	r.t.Helper()
	cmd := r.command(name, args...)
	var log bytes.Buffer
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if r.t.Failed() {
			r.t.Logf("%s says: %s", name, log.String())
		}
	})
}

// input moves the pointer and types.
func (r *rig) input(args ...string) {
	r.t.Helper()
	if out, err := r.command("xdotool", args...).CombinedOutput(); err != nil {
		r.t.Fatalf("xdotool %q: %v: %s", args, err, out)
	}
}

// shot returns what the screen shows, and keeps it under a name. The screen is an X window dump (XWDFile.h): a header of 32-bit
// numbers, colours that are not needed, and the pixels.
func (r *rig) shot(name string) *image.RGBA {
	r.t.Helper()
	b, err := os.ReadFile(r.frame)
	if err != nil {
		r.t.Fatal(err)
	}
	head := func(i int) int { return int(binary.BigEndian.Uint32(b[4*i:])) }
	width, height, order, bits, line, colours := head(4), head(5), head(7), head(11), head(12), head(19)
	if order != 0 || bits != 32 {
		r.t.Fatalf("pixels of %d bits in the order %d", bits, order)
	}
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		row := b[head(0)+12*colours+y*line:]
		for x := range width {
			copy(img.Pix[img.PixOffset(x, y):], []byte{row[4*x+2], row[4*x+1], row[4*x], 255})
		}
	}
	if name != "" {
		f, err := os.Create(filepath.Join(r.shots, name+".png"))
		if err != nil {
			r.t.Fatal(err)
		}
		defer f.Close()
		if err := png.Encode(f, img); err != nil {
			r.t.Fatal(err)
		}
	}
	return img
}

// until takes pictures until one is as it should be, and keeps the last one.
func (r *rig) until(name string, holds func(*image.RGBA) bool) *image.RGBA {
	r.t.Helper()
	if !r.within(time.Now().Add(patience), holds) {
		r.shot(name)
		r.t.Fatalf("the screen is not as it should be: %s (set %s to a folder to see it)", name, shotsVariable)
	}
	return r.shot(name)
}

// within takes pictures until one is as it should be, or until it is too late.
func (r *rig) within(late time.Time, holds func(*image.RGBA) bool) bool {
	r.t.Helper()
	for !holds(r.shot("")) {
		if time.Now().After(late) {
			return false
		}
		time.Sleep(50 * time.Millisecond)
	}
	return true
}

// differ returns the smallest rectangle that holds all that differs between two pictures.
func differ(a, b *image.RGBA) (r image.Rectangle) {
	for y := a.Bounds().Min.Y; y < a.Bounds().Max.Y; y++ {
		for x := a.Bounds().Min.X; x < a.Bounds().Max.X; x++ {
			if a.RGBAAt(x, y) != b.RGBAAt(x, y) {
				r = r.Union(image.Rect(x, y, x+1, y+1))
			}
		}
	}
	return r
}

// count says how many pixels have about that colour.
func count(img *image.RGBA, in image.Rectangle, rgb [3]int) (n int) {
	for y := in.Min.Y; y < in.Max.Y; y++ {
		for x := in.Min.X; x < in.Max.X; x++ {
			c := img.RGBAAt(x, y)
			near := func(v uint8, want int) bool { return max(int(v)-want, want-int(v)) < 24 }
			if near(c.R, rgb[0]) && near(c.G, rgb[1]) && near(c.B, rgb[2]) {
				n++
			}
		}
	}
	return n
}

var (
	blue   = [3]int{0x2f, 0x86, 0xeb}
	green  = [3]int{0x16, 0xa3, 0x4a}
	orange = [3]int{0xe8, 0x59, 0x0c}
)

// The icon docks in a real panel, shows its states, opens its menu by a click, and the menu works.
func TestRealPanel(t *testing.T) {
	r := newRig(t, true)
	empty := r.shot("")
	p := start(t, r.env...)
	p.status(Shown)
	var at image.Rectangle
	r.until("icon-idle", func(img *image.RGBA) bool {
		at = differ(empty, img)
		return count(img, at, blue) > 60
	})
	if at.Dx() > 40 || at.Dy() > 40 || at.Min.Y < 560 {
		t.Errorf("the icon is at %v, and not small in the panel", at)
	}
	for _, c := range []struct {
		state        int
		colour       [3]int
		least, blues int
	}{{2, green, 100, 0}, {3, blue, 10, 10}, {4, orange, 40, 20}, {0, blue, 60, 60}} {
		p.show(states[c.state].state)
		r.until("icon-"+strings.ReplaceAll(states[c.state].name, " ", "-"), func(img *image.RGBA) bool {
			return count(img, at, c.colour) >= c.least && count(img, at, blue) >= c.blues && (c.colour == orange) == (count(img, at, orange) > 5)
		})
	}

	x, y := fmt.Sprint((at.Min.X+at.Max.X)/2), fmt.Sprint((at.Min.Y+at.Max.Y)/2)
	shut := r.shot("")
	open := func(name string) (menu image.Rectangle) {
		t.Helper()
		r.input("mousemove", x, y, "click", "1")
		r.until(name, func(img *image.RGBA) bool {
			menu = differ(shut, img)
			return menu.Dx() > 120 && menu.Dy() > 200
		})
		return menu
	}
	p.show(states[2].state)
	r.until("icon-streams", func(img *image.RGBA) bool { return count(img, at, green) >= 100 })
	shut = r.shot("")
	menu := open("menu-streams")
	// The first item that can be chosen is Open, and the third the submenu.
	r.input("key", "Down", "Return")
	p.expect("open")
	r.until("", func(img *image.RGBA) bool { return differ(shut, img).Dy() < 100 })
	open("menu-again")
	r.input("key", "Down", "Down", "Down", "Right")
	r.until("submenu", func(img *image.RGBA) bool { return differ(shut, img).Dx() > menu.Dx()+60 })
	r.input("key", "Return")
	p.expect("free 0")

	p.show(states[4].state)
	r.until("icon-problem", func(img *image.RGBA) bool { return count(img, at, orange) >= 40 })
	shut = r.shot("")
	open("menu-problem")
	r.input("key", "Escape")
	p.stop()
}

// A real notification server shows a note, and a click on it opens the page.
func TestRealNotification(t *testing.T) {
	r := newRig(t, false)
	empty := r.shot("")
	n, opened := notifier(t, r.bus)
	n.Show(FirstStart(true))
	var at image.Rectangle
	shown := r.until("notification", func(img *image.RGBA) bool {
		at = differ(empty, img)
		return at.Dx() > 150 && at.Dy() > 40
	})
	if got := count(shown, at, [3]int{0x25, 0x67, 0xc8}); got < 30 { // the middle of the tile
		t.Errorf("the picture of the note has %d pixels of its colour", got)
	}
	// dunst takes the middle button for the note's action.
	r.input("mousemove", fmt.Sprint((at.Min.X+at.Max.X)/2), fmt.Sprint((at.Min.Y+at.Max.Y)/2), "click", "2")
	isOpened(t, opened, true)
	r.until("", func(img *image.RGBA) bool { return differ(empty, img).Dy() < 40 })
	n.Show(HiddenNetwork("http://<b>x</b>&amp;.onion"))
	r.until("notification-markup", func(img *image.RGBA) bool { return differ(empty, img).Dy() > 40 })
	n.Show(SiteWaits("https://" + strings.Repeat("long.", 30) + "example"))
	r.until("notification-two", func(img *image.RGBA) bool { return differ(empty, img).Dy() > at.Dy() })
}

package tray

import (
	"errors"
	"image"
	"os/exec"
	"testing"

	"github.com/zeronetscript/universal_p2p/app/winetest"
)

// What Windows makes of the icon and its menu, as far as Wine is like it: the icon docks, the menu opens, an item works, and the
// program ends and leaves nothing behind.
func TestRealWine(t *testing.T) {
	prefix := winetest.New(t)
	exe, mouse := winetest.BuildTest(t, "."), winetest.Build(t, "./testdata/menu")
	r := newRig(t, true)
	shell := prefix.Command(t.Context(), "explorer", "/desktop") // Windows has one from the login on
	shell.Env = append(shell.Env, r.env...)
	if err := shell.Start(); err != nil {
		t.Fatal(err)
	}
	defer shell.Wait()
	defer shell.Process.Kill()
	// The pointer must not be taken for something else.
	part := func(img *image.RGBA, top, bottom int) *image.RGBA {
		return img.SubImage(image.Rect(0, top, 800, bottom)).(*image.RGBA)
	}
	empty := part(r.shot(""), 568, 600)
	p := startAs(t, prefix.Command(t.Context(), exe), r.env...)
	p.status(Shown)
	var at image.Rectangle
	r.until("wine-icon", func(img *image.RGBA) bool {
		at = differ(empty, img)
		return count(img, at, [3]int{0xff, 0xff, 0xff}) > 20 // as Windows has them on a dark taskbar
	})
	if at.Dx() > 60 || at.Dy() > 40 || at.Min.Y < 560 {
		t.Errorf("the icon is at %v, and not small in the panel", at)
	}

	hand := func(args ...string) {
		t.Helper()
		if out, err := prefix.Run(t.Context(), mouse, args...); err != nil {
			t.Fatalf("%q: %v\n%s", args, err, out)
		}
	}
	shut := part(r.shot(""), 0, 560)
	hand("open")
	r.until("wine-menu", func(img *image.RGBA) bool {
		menu := differ(shut, img)
		return menu.Dx() > 120 && menu.Dy() > 150
	})
	hand("choose", "17") // the last item
	p.expect("quit")
	p.end()
	p.expect("ended, nothing left")
	if err := p.cmd.Wait(); err != nil && !errors.Is(err, exec.ErrWaitDelay) {
		t.Errorf("the program: %v", err)
	}
}

//go:build cgo

package tray

import (
	"context"

	"fyne.io/systray"

	"github.com/zeronetscript/universal_p2p/assets"
)

const early = false

// Nothing has to be done for a picture to come out right.
func registerPicture()           {}
func picture(icon []byte) []byte { return icon }

// ender returns what ends the library. Cocoa's loop takes the request once it runs.
func ender(ready <-chan struct{}) func() {
	return func() {
		<-ready
		systray.Quit()
	}
}

// escapeLabel does nothing: menus of macOS have no such keys.
func escapeLabel(label string) string { return label }

func (t *Tray) run(ctx context.Context) {
	t.is(Shown)
	if err := t.show(ctx, assets.IconTemplate, nil); err != nil {
		t.o.Log.Error("tray", "err", err)
		t.is(Lost)
	}
}

package tray

import (
	"context"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/godbus/dbus/v5"

	"github.com/zeronetscript/universal_p2p/assets"
)

const (
	watcherName = "org.kde.StatusNotifierWatcher"
	watcherPath = "/StatusNotifierWatcher"
	portalName  = "org.freedesktop.portal.Desktop"
	portalPath  = "/org/freedesktop/portal/desktop"
	settings    = "org.freedesktop.portal.Settings"
	appearance  = "org.freedesktop.appearance"
)

// run shows the icon as soon as there is somebody to show it, until ctx ends or the bus goes.
func (t *Tray) run(ctx context.Context) {
	// The library and we are to be on the same bus.
	conn, address, err := dialBus(ctx)
	if err != nil {
		t.o.Log.Debug("tray", "err", err)
		t.is(NoBus)
		return
	}
	defer conn.Close()
	os.Setenv("DBUS_SESSION_BUS_ADDRESS", address)

	h := &host{t: t, conn: conn, signals: make(chan *dbus.Signal, 16), looks: make(chan assets.IconLook, 1)}
	conn.Signal(h.signals) // closed with the connection
	if err := h.subscribe(ctx); err != nil {
		if ctx.Err() == nil {
			t.o.Log.Debug("tray", "err", err)
			t.is(Lost)
		}
		return
	}
	h.ask(ctx)
	for !h.watcher {
		if !h.next(ctx) {
			return
		}
	}
	inner, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		defer stop()
		for h.next(inner) {
		}
	})
	if err := t.show(inner, h.look, h.looks); err != nil {
		t.o.Log.Error("tray", "err", err)
	}
	stop()
	wg.Wait()
}

// A host is what is known of the desktop: whether it shows icons, and in what colours. It learns by signals only.
type host struct {
	t       *Tray
	conn    *dbus.Conn
	signals chan *dbus.Signal
	looks   chan assets.IconLook // the newest look that is not drawn yet

	watcher bool // there is a program that gathers icons
	look    assets.IconLook
}

// subscribe asks the bus for the few signals that matter.
func (h *host) subscribe(ctx context.Context) error {
	for _, match := range [][]dbus.MatchOption{
		{dbus.WithMatchSender("org.freedesktop.DBus"), dbus.WithMatchInterface("org.freedesktop.DBus"), dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, watcherName)},
		{dbus.WithMatchInterface(watcherName), dbus.WithMatchMember("StatusNotifierHostRegistered")},
		{dbus.WithMatchInterface(watcherName), dbus.WithMatchMember("StatusNotifierHostUnregistered")},
		{dbus.WithMatchInterface(settings), dbus.WithMatchMember("SettingChanged"), dbus.WithMatchArg(0, appearance)},
	} {
		if err := h.conn.AddMatchSignalContext(ctx, match...); err != nil {
			return err
		}
	}
	return nil
}

// ask finds out how things are now.
func (h *host) ask(ctx context.Context) {
	var scheme dbus.Variant
	ctx, cancel := context.WithTimeout(ctx, busTimeout)
	defer cancel()
	// A portal that does not run yet is not started for this.
	err := h.conn.Object(portalName, portalPath).CallWithContext(ctx, settings+".Read", dbus.FlagNoAutoStart, appearance, "color-scheme").Store(&scheme)
	if err != nil {
		h.t.o.Log.Debug("tray: nobody says whether the desktop is dark", "err", err)
	}
	h.look = lookFor(os.Getenv("XDG_CURRENT_DESKTOP"), scheme)
	h.askWatcher(ctx)
}

// askWatcher finds out whether somebody shows icons.
func (h *host) askWatcher(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, busTimeout)
	defer cancel()
	if err := h.conn.BusObject().CallWithContext(ctx, "org.freedesktop.DBus.NameHasOwner", 0, watcherName).Store(&h.watcher); err != nil {
		h.watcher = false
	}
	shown := h.watcher
	if h.watcher {
		// A watcher that nobody listens to shows nothing. One that does not say is taken for a host itself.
		var v dbus.Variant
		err := h.conn.Object(watcherName, watcherPath).CallWithContext(ctx, "org.freedesktop.DBus.Properties.Get", dbus.FlagNoAutoStart,
			watcherName, "IsStatusNotifierHostRegistered").Store(&v)
		if registered, ok := v.Value().(bool); err == nil && ok {
			shown = registered
		}
	}
	if shown {
		h.t.is(Shown)
	} else {
		h.t.is(NoHost)
	}
}

// next waits for a signal and takes it in. It returns false when ctx has ended or the bus has gone.
func (h *host) next(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case s, ok := <-h.signals:
		switch {
		case ctx.Err() != nil:
			return false
		case !ok:
			h.t.is(Lost)
			return false
		case s.Name == settings+".SettingChanged":
			h.setting(s.Body)
		default:
			h.askWatcher(ctx)
		}
		return true
	}
}

// setting takes in a change of the desktop's colours.
func (h *host) setting(body []any) {
	if len(body) != 3 || body[1] != "color-scheme" {
		return
	}
	scheme, _ := body[2].(dbus.Variant)
	look := lookFor(os.Getenv("XDG_CURRENT_DESKTOP"), scheme)
	select {
	case <-h.looks: // nobody has taken the one before
	default:
	}
	h.looks <- look
}

// lookFor chooses what the icon is drawn for. The scheme is 1 for dark and 2 for light
// (https://flatpak.github.io/xdg-desktop-portal/docs/doc-org.freedesktop.portal.Settings.html); old portals put the variant into
// another. The bar of GNOME is dark with any scheme. Where nobody says anything the icon has a colour that can be seen on both.
func lookFor(desktop string, scheme dbus.Variant) assets.IconLook {
	if slices.Contains(strings.Split(desktop, ":"), "GNOME") {
		return assets.IconForDark
	}
	v := scheme.Value()
	if inner, ok := v.(dbus.Variant); ok {
		v = inner.Value()
	}
	switch v {
	case uint32(1):
		return assets.IconForDark
	case uint32(2):
		return assets.IconForLight
	default:
		return assets.IconForAny
	}
}

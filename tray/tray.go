// Package tray is what the program shows outside of the browser: an icon with a menu, and notifications.
//
// The room knows a [State], which it draws, and [Actions], which it calls; it reaches into nothing else. The menu is a pure function
// of the state. It is built once, and after that only what differs is changed, because hosts of icons treat a menu that is
// built anew badly: they close it under the pointer, or lose its submenus.
//
// The program makes a [Tray], tells it what changes with [Tray.Show], and calls [Tray.Run] on the main goroutine. A [Notifier] works
// beside it, also where there is no icon. Nothing here polls: as long as nothing changes nothing wakes up.
//
// What systems differ in:
//   - Linux: the icon is a StatusNotifierItem on the session bus (https://www.freedesktop.org/wiki/Specifications/StatusNotifierItem/).
//     The bus is looked at first by a connection of our own, because the library starts a bus of its own where there is none, crashes
//     at its end where that failed, and does not say whether anybody shows the icon.
//   - Windows: the icon waits for the taskbar, without which the library would never show one.
//   - macOS: the icon needs Cocoa, and Cocoa needs cgo. A program that was built without it has no icon.
package tray

import (
	"context"
	"log/slog"
	"sync"

	"github.com/zeronetscript/universal_p2p/assets"
)

// A State is all that the tray shows.
type State struct {
	Used, Quota int64  // bytes on disk, and the most there may be
	Streams     int    // answers with content that are under way
	Rate        int64  // bytes a second that come from the networks
	Problem     string // one sentence in the user's language; "" when all is well
	Paused      bool

	Login         bool // the program starts at login
	LoginFixed    bool // that cannot be changed from here, as when an administrator decides
	Notifications bool
}

// Freeing is how much disk space the user wants back.
type Freeing int

// The choices of the submenu.
const (
	FreeSome     Freeing = iota // FreeBytes, by what was unused for longest
	FreeUnused                  // what was unused for a week
	FreeAllThere                // everything that is neither kept nor in use
)

// FreeBytes is what FreeSome is about.
const FreeBytes = 1 << 30

// Actions are what the menu does. Each is called on a goroutine of its menu item, one click after the other; it may block, and then
// only clicks on that very item wait. After one that changes something the program calls Show with what came of it: the check marks
// are of the State and not of the clicks. [Tray.Run] waits for calls under way, so Quit must not wait for Run.
type Actions struct {
	Open             func() // the program's page
	Pause            func(bool)
	Free             func(Freeing)
	SetLogin         func(bool)
	SetNotifications func(bool)
	OpenLogs         func()
	About            func()
	Quit             func()
}

// A Status says whether the icon is there.
type Status int

// All that can be said about the icon. Only Shown means that somebody sees it.
const (
	Starting Status = iota
	Shown
	NoBus    // no desktop session: there will be no icon
	NoHost   // a desktop that has no place for icons, such as plain GNOME; it may still get one
	Lost     // the desktop session has ended; there will be no icon any more
	NotBuilt // a build for macOS without cgo, or another system
)

// String is a sentence for the log.
func (s Status) String() string {
	switch s {
	case Starting:
		return "the icon is being made"
	case Shown:
		return "the icon is shown"
	case NoBus:
		return "no icon: there is no desktop session here"
	case NoHost:
		return "no icon yet: this desktop has no place for one (on GNOME the extension AppIndicator makes it)"
	case Lost:
		return "no icon any more: the desktop session has ended"
	default:
		return "no icon: this build has none"
	}
}

// Options is what a Tray needs. Log and OnStatus may be left out.
type Options struct {
	Actions  Actions
	Language assets.Language
	State    State // until the first Show
	Log      *slog.Logger
	// OnStatus is called whenever the status changes, and must not block. The Tray logs it already.
	OnStatus func(Status)
}

// A Tray is the icon and its menu. Its methods are safe for concurrent use.
type Tray struct {
	o       Options
	changed chan struct{} // holds one token when state is newer than what is drawn

	mu     sync.Mutex
	state  State
	status Status
}

// New makes a Tray, which does nothing before Run.
func New(o Options) *Tray {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Tray{o: o, state: o.State, changed: make(chan struct{}, 1)}
}

// Show makes s what is shown. It never blocks; the last one wins. It costs next to nothing when nothing differs, and may be called as often as
// once a second or so.
func (t *Tray) Show(s State) {
	t.mu.Lock()
	same := t.state == s
	t.state = s
	t.mu.Unlock()
	if same {
		return
	}
	select {
	case t.changed <- struct{}{}:
	default:
	}
}

// Status returns whether the icon is there.
func (t *Tray) Status() Status {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.status
}

// Run shows the icon and serves its menu until ctx ends, and returns when all that belongs to it has ended, also calls of Actions.
// It must be called on the main goroutine, because macOS and Windows give the icon to one thread, and once in a
// process, because the library underneath has but one tray. Where there can be no icon, or none any more, it just waits for ctx: the
// program goes on without.
func (t *Tray) Run(ctx context.Context) {
	t.run(ctx)
	<-ctx.Done()
}

// current returns the state to draw.
func (t *Tray) current() State {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.state
}

// is notes the status and tells it to who wants to know.
func (t *Tray) is(s Status) {
	t.mu.Lock()
	same := t.status == s
	t.status = s
	t.mu.Unlock()
	if same {
		return
	}
	t.o.Log.Info("tray: " + s.String())
	if t.o.OnStatus != nil {
		t.o.OnStatus(s)
	}
}

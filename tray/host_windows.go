package tray

import (
	"context"
	"strings"
	"sync"
	"time"
	"unsafe"

	"fyne.io/systray"
	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"

	"github.com/zeronetscript/universal_p2p/assets"
)

// taskbarEvery is how often the taskbar is looked for where there is none: for some moments at login, and all the time on a server core.
const taskbarEvery = 5 * time.Second

const early = false

// Nothing has to be done for a picture to come out right.
func registerPicture()           {}
func picture(icon []byte) []byte { return icon }

// escapeLabel doubles what marks a key to press.
func escapeLabel(label string) string { return strings.ReplaceAll(label, "&", "&&") }

// ender returns what ends the library. It must be called on the thread that will run it. A library that could not start has no
// window to be told by, so its thread is told.
func ender(ready <-chan struct{}) func() {
	const wmQuit = 0x0012
	post := windows.NewLazySystemDLL("user32.dll").NewProc("PostThreadMessageW")
	thread := windows.GetCurrentThreadId()
	return func() {
		systray.Quit()
		select {
		case <-ready:
		default:
			post.Call(uintptr(thread), wmQuit, 0, 0)
		}
	}
}

// run shows the icon as soon as there is a taskbar. The library takes a taskbar that is restarted by itself, but not one that
// is not there yet.
func (t *Tray) run(ctx context.Context) {
	for !taskbar() {
		t.is(NoHost)
		select {
		case <-ctx.Done():
			return
		case <-time.After(taskbarEvery):
		}
	}
	inner, stop := context.WithCancel(ctx)
	looks := make(chan assets.IconLook, 1)
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := followTheme(inner, looks); err != nil {
			t.o.Log.Debug("tray: the colour of the taskbar is not followed", "err", err)
		}
	})
	t.is(Shown)
	if err := t.show(inner, themeLook(), looks); err != nil {
		t.o.Log.Error("tray", "err", err)
		t.is(Lost)
	}
	stop()
	wg.Wait()
}

func taskbar() bool {
	find := windows.NewLazySystemDLL("user32.dll").NewProc("FindWindowW")
	class, err := windows.UTF16PtrFromString("Shell_TrayWnd")
	if err != nil {
		return false
	}
	window, _, _ := find.Call(uintptr(unsafe.Pointer(class)), 0)
	return window != 0
}

const themeKey = `Software\Microsoft\Windows\CurrentVersion\Themes\Personalize`

// themeLook returns what the icon is drawn for. Windows before the one that has the key has a dark taskbar.
func themeLook() assets.IconLook {
	k, err := registry.OpenKey(registry.CURRENT_USER, themeKey, registry.QUERY_VALUE)
	if err != nil {
		return assets.IconForDark
	}
	defer k.Close()
	for _, name := range []string{"SystemUsesLightTheme", "AppsUseLightTheme"} {
		if light, _, err := k.GetIntegerValue(name); err == nil {
			if light == 1 {
				return assets.IconForLight
			}
			return assets.IconForDark
		}
	}
	return assets.IconForDark
}

// followTheme sends a look whenever the user changes the theme, until ctx ends.
func followTheme(ctx context.Context, looks chan assets.IconLook) error {
	k, err := registry.OpenKey(registry.CURRENT_USER, themeKey, registry.NOTIFY)
	if err != nil {
		return err
	}
	defer k.Close()
	changed, err := windows.CreateEvent(nil, 0, 0, nil)
	if err != nil {
		return err
	}
	defer windows.CloseHandle(changed)
	ended, err := windows.CreateEvent(nil, 1, 0, nil)
	if err != nil {
		return err
	}
	defer windows.CloseHandle(ended)
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		windows.SetEvent(ended)
		close(stopped)
	})
	defer func() {
		if !stop() {
			<-stopped // before the handle is closed
		}
	}()
	for {
		if err := windows.RegNotifyChangeKeyValue(windows.Handle(k), false, windows.REG_NOTIFY_CHANGE_LAST_SET, changed, true); err != nil {
			return err
		}
		which, err := windows.WaitForMultipleObjects([]windows.Handle{ended, changed}, false, windows.INFINITE)
		if err != nil || which == windows.WAIT_OBJECT_0 {
			return err
		}
		select {
		case <-looks: // nobody has taken the one before
		default:
		}
		looks <- themeLook()
	}
}

//go:build windows

// Command menu does with the icon of another program what a hand does with the mouse: "menu open" clicks on it, "menu choose N" takes
// the Nth item. Wine loses clicks when it is busy, and no message.
package main

import (
	"fmt"
	"os"
	"strconv"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Messages of Windows, and the one that fyne.io/systray gets for its icon (systray_windows.go: wmSystrayMessage, id 100).
const (
	wmCommand   = 0x0111
	wmLButtonUp = 0x0202
	wmSystray   = 0x0400 + 1
	iconID      = 100
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func run(args []string) error {
	user := windows.NewLazySystemDLL("user32.dll")
	class, err := windows.UTF16PtrFromString("SystrayClass")
	if err != nil {
		return err
	}
	window, err := findWindow(user, class)
	if err != nil {
		return err
	}
	msg, w, l := uintptr(wmSystray), uintptr(iconID), uintptr(wmLButtonUp)
	if args[0] == "choose" {
		id, err := strconv.Atoi(args[1])
		if err != nil {
			return err
		}
		msg, w, l = wmCommand, uintptr(id), 0
	}
	if ok, _, err := user.NewProc("PostMessageW").Call(window, msg, w, l); ok == 0 {
		return fmt.Errorf("post: %w", err)
	}
	return nil
}

// findWindow returns the window of a class.
func findWindow(user *windows.LazyDLL, class *uint16) (uintptr, error) {
	window, _, err := user.NewProc("FindWindowW").Call(uintptr(unsafe.Pointer(class)), 0)
	if window == 0 {
		return 0, fmt.Errorf("no icon: %w", err)
	}
	return window, nil
}

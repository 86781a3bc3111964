//go:build windows

// Command dialogs does with a dialog of another program what people do: "dialogs WINDOW BUTTON TEXT..." waits until a window with that
// title says all the texts and has a button that can be pressed, and presses it. "[x] " is before a box that is ticked, "[ ] " before
// one that is not, and "* " before the button that Return presses. It prints what is to be read in the window, a line for each text.
package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// What winuser.h calls them.
const (
	wmGetText    = 0x000D
	bmGetCheck   = 0x00F0
	bmClick      = 0x00F5
	smtoAbort    = 0x0002
	gwlStyle     = ^uintptr(15) // -16
	bsTypeMask   = 0x000F
	bsDefault    = 0x0001
	bsAutoBox    = 0x0003
	answerTime   = 1000            // milliseconds that a window has for an answer
	patience     = 3 * time.Minute // the setup unpacks much, and the machine may be busy
	mostOfAText  = 1000
	betweenLooks = 100 * time.Millisecond
)

var (
	user        = windows.NewLazySystemDLL("user32.dll")
	sendTimeout = user.NewProc("SendMessageTimeoutW")
	post        = user.NewProc("PostMessageW")
	topWindows  = user.NewProc("EnumWindows")
	children    = user.NewProc("EnumChildWindows")
	visible     = user.NewProc("IsWindowVisible")
	enabled     = user.NewProc("IsWindowEnabled")
	long        = user.NewProc("GetWindowLongW")
	className   = user.NewProc("GetClassNameW")
)

func main() {
	if err := run(os.Args[1], os.Args[2], os.Args[3:]); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func run(title, button string, texts []string) error {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(betweenLooks) {
		for _, window := range onDesktop() {
			if strings.TrimSpace(text(window)) != title {
				continue
			}
			lines, found := read(window, button)
			missing := func(t string) bool { return !slices.Contains(lines, t) }
			if found == 0 || slices.ContainsFunc(texts, missing) { // a page may have its button before the rest
				continue
			}
			fmt.Println(strings.Join(lines, "\n"))
			if ok, _, err := post.Call(found, bmClick, 0, 0); ok == 0 {
				return fmt.Errorf("press: %w", err)
			}
			return nil
		}
	}
	for _, window := range onDesktop() {
		lines, _ := read(window, "")
		fmt.Printf("window %q: %q\n", text(window), lines)
	}
	return errors.New("no window has that button and those texts")
}

// read returns the texts in a window, and the button if it can be pressed.
func read(window uintptr, button string) (lines []string, found uintptr) {
	for _, control := range within(window) {
		line := strings.ReplaceAll(text(control), "&", "")
		if line == "" {
			continue
		}
		isButton := class(control) == "Button"
		on, _, _ := enabled.Call(control)
		if isButton && on != 0 && line == button {
			found = control
		}
		style, _, _ := long.Call(control, gwlStyle)
		switch {
		case isButton && style&bsTypeMask == bsAutoBox && send(control, bmGetCheck, 0, 0) == 1:
			line = "[x] " + line
		case isButton && style&bsTypeMask == bsAutoBox:
			line = "[ ] " + line
		case isButton && style&bsTypeMask == bsDefault:
			line = "* " + line
		}
		lines = append(lines, line)
	}
	return lines, found
}

// listed is where inList, of which there can be only so many, puts what it gets.
var listed []uintptr

var inList = syscall.NewCallback(func(window, _ uintptr) uintptr {
	if seen, _, _ := visible.Call(window); seen != 0 {
		listed = append(listed, window)
	}
	return 1
})

// within are the windows in another one that are to be seen.
func within(window uintptr) []uintptr {
	listed = nil
	children.Call(window, inList, 0)
	return listed
}

// onDesktop are the windows that are to be seen.
func onDesktop() []uintptr {
	listed = nil
	topWindows.Call(inList, 0)
	return listed
}

func text(window uintptr) string {
	var b [mostOfAText]uint16
	send(window, wmGetText, uintptr(len(b)), uintptr(unsafe.Pointer(&b[0])))
	return windows.UTF16ToString(b[:])
}

func class(window uintptr) string {
	var b [100]uint16
	className.Call(window, uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
	return windows.UTF16ToString(b[:])
}

// send asks a window and does not wait for one that is busy; its answer is then 0.
func send(window uintptr, message, w, l uintptr) (answer uintptr) {
	sendTimeout.Call(window, message, w, l, smtoAbort, answerTime, uintptr(unsafe.Pointer(&answer)))
	return answer
}

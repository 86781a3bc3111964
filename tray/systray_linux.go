package tray

import (
	"strings"

	"fyne.io/systray"
)

// early: the library takes the icon before it runs, and has it complete when it makes itself known.
const early = true

// ender returns what ends the library.
func ender(<-chan struct{}) func() { return systray.Quit }

// escapeLabel doubles what marks a key to press.
func escapeLabel(label string) string { return strings.ReplaceAll(label, "_", "__") }

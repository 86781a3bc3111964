package assets

import (
	_ "embed" // the icon
	"fmt"
)

//go:generate sh -c "cd icons && go run make.go"

// An IconState is what the icon in the tray says.
type IconState string

// All states of the icon. They differ in shape and not only in colour.
const (
	IconIdle      IconState = "idle"
	IconStreaming IconState = "streaming"
	IconProblem   IconState = "problem"
	IconPaused    IconState = "paused"
)

// An IconLook is what the icon in the tray is drawn for.
type IconLook string

// All looks of the icon.
const (
	IconForAny   IconLook = "any"      // a panel of unknown colour; not on Windows
	IconForDark  IconLook = "dark"     // a dark panel: the icon is light
	IconForLight IconLook = "light"    // a light panel
	IconTemplate IconLook = "template" // macOS, which takes the shape and has its own colour; not on Windows
)

//go:embed icons/app/64.png
var appIcon []byte

// AppIcon is the icon of the program as a PNG of 64 pixels. The caller does not change it. Other sizes and formats, for installers,
// are in the folder icons/app.
func AppIcon() []byte { return appIcon }

// TrayIcon returns the icon for the tray in the format that this system wants: an .ico file on Windows, elsewhere a PNG
// of 44 pixels, twice the size that most panels show.
func TrayIcon(state IconState, look IconLook) []byte {
	if trayIconFormat == "ico" && look != IconForLight {
		look = IconForDark
	}
	b, err := trayIcons.ReadFile(fmt.Sprintf("icons/tray/%s-%s.%s", look, state, trayIconFormat))
	if err != nil {
		panic(err) // the constants are all there are, and all are embedded
	}
	return b
}

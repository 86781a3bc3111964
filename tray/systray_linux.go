package tray

import (
	"errors"
	"image"
	"image/color"
	"image/png"
	"io"
	"strings"

	"fyne.io/systray"
)

// early: the library takes the icon before it runs, and has it complete when it makes itself known.
const early = true

// ender returns what ends the library.
func ender(<-chan struct{}) func() { return systray.Quit }

// escapeLabel doubles what marks a key to press.
func escapeLabel(label string) string { return strings.ReplaceAll(label, "_", "__") }

// pictureMagic is what a picture for the library begins with; behind it is a PNG.
const pictureMagic = "universal-p2p icon\n"

// The library sends the lower byte of each 16-bit sample that a picture gives it, and samples that are multiplied with alpha. So every pixel
// that is not opaque comes out in some other colour. Hosts want 8 bits that are not multiplied
// (https://www.freedesktop.org/wiki/Specifications/StatusNotifierItem/Icons/). The library takes any format that package image
// knows; registerPicture makes known one that gives the samples as they have to be sent, and picture puts a PNG into it.
func registerPicture() {
	image.RegisterFormat("universal-p2p icon", pictureMagic, func(r io.Reader) (image.Image, error) {
		if _, err := io.ReadFull(r, make([]byte, len(pictureMagic))); err != nil {
			return nil, err
		}
		img, err := png.Decode(r)
		if err != nil {
			return nil, err
		}
		return straight{img}, nil
	}, func(io.Reader) (image.Config, error) { return image.Config{}, errors.ErrUnsupported })
}

func picture(icon []byte) []byte { return append([]byte(pictureMagic), icon...) }

// A straight picture has pixels whose samples are not multiplied with alpha, in both bytes.
type straight struct{ image.Image }

func (s straight) At(x, y int) color.Color {
	return straightColor(color.NRGBAModel.Convert(s.Image.At(x, y)).(color.NRGBA))
}

type straightColor color.NRGBA

// RGBA breaks the promise of color.Color that its values are multiplied with alpha.
func (c straightColor) RGBA() (r, g, b, a uint32) {
	return 0x101 * uint32(c.R), 0x101 * uint32(c.G), 0x101 * uint32(c.B), 0x101 * uint32(c.A)
}

package assets

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
)

func TestTrayIcon(t *testing.T) {
	seen := make(map[[32]byte]string)
	for _, look := range []IconLook{IconForAny, IconForDark, IconForLight, IconTemplate} {
		if runtime.GOOS == "windows" && look != IconForDark && look != IconForLight {
			continue
		}
		for _, state := range []IconState{IconIdle, IconStreaming, IconProblem, IconPaused} {
			name, icon := fmt.Sprintf("%s for %s", state, look), TrayIcon(state, look)
			sum := sha256.Sum256(icon)
			if other, ok := seen[sum]; ok {
				t.Errorf("%s looks like %s", name, other)
			}
			seen[sum] = name
			if runtime.GOOS == "windows" {
				continue // TestIconFiles looks into those
			}
			img, err := png.Decode(bytes.NewReader(icon))
			if err != nil || img.Bounds() != image.Rect(0, 0, 44, 44) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// A template has no colour, or macOS shows it wrongly on one of its bars.
func TestTemplateIsBlack(t *testing.T) {
	files, err := filepath.Glob("icons/tray/template-*.png")
	if err != nil || len(files) != 4 {
		t.Fatalf("%q, %v", files, err)
	}
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		img, err := png.Decode(f)
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		clear := 0
		for y := range 44 {
			for x := range 44 {
				r, g, b, a := img.At(x, y).RGBA()
				if r|g|b != 0 {
					t.Fatalf("%s has a colour at %d, %d", name, x, y)
				}
				if a == 0 {
					clear++
				}
			}
		}
		if clear < 44*44/4 {
			t.Errorf("%s is see-through at %d pixels only", name, clear)
		}
	}
}

// What installers take is there and is what its name says.
func TestIconFiles(t *testing.T) {
	for _, size := range []int{16, 22, 24, 32, 48, 64, 128, 256, 512} {
		b, err := os.ReadFile(fmt.Sprintf("icons/app/%d.png", size))
		if err != nil {
			t.Fatal(err)
		}
		if c, err := png.DecodeConfig(bytes.NewReader(b)); err != nil || c.Width != size || c.Height != size {
			t.Errorf("%d.png is %d by %d, %v", size, c.Width, c.Height, err)
		}
	}
	b, err := os.ReadFile("icons/app/app.icns")
	if err != nil || string(b[:4]) != "icns" || int(binary.BigEndian.Uint32(b[4:])) != len(b) {
		t.Errorf("app.icns: %v", err)
	}
	icons, err := filepath.Glob("icons/*/*.ico")
	if err != nil || len(icons) != 9 {
		t.Fatalf("%q, %v", icons, err)
	}
	for _, name := range icons {
		want := []int{16, 20, 24, 32}
		if filepath.Base(name) == "app.ico" {
			want = []int{16, 20, 24, 32, 40, 48, 64, 256}
		}
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := icoSizes(t, b); !slices.Equal(got, want) {
			t.Errorf("%s has the sizes %v, want %v", name, got, want)
		}
	}
}

// icoSizes returns the sizes in an .ico file, in pixels. The entries must lie one behind the other up to the end.
func icoSizes(t *testing.T, b []byte) (sizes []int) {
	t.Helper()
	n := int(binary.LittleEndian.Uint16(b[4:]))
	at := 6 + 16*n
	for i := range n {
		e := b[6+16*i:]
		size := int(e[0])
		if size == 0 {
			size = 256
		}
		if int(binary.LittleEndian.Uint32(e[12:])) != at {
			t.Errorf("the picture of %d pixels is at %d, want %d", size, binary.LittleEndian.Uint32(e[12:]), at)
		}
		sizes = append(sizes, size)
		at += int(binary.LittleEndian.Uint32(e[8:]))
	}
	if at != len(b) {
		t.Errorf("the pictures end at %d of %d", at, len(b))
	}
	return sizes
}

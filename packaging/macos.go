package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
)

// macos makes Universal P2P.app for both kinds of processors. It has been built and looked at, but never run on a Mac, and Apple has
// not notarised it. The program in it is built without cgo.
func (b *builder) macos(ctx context.Context, made string) error {
	var slices [][]byte
	for _, arch := range []string{"amd64", "arm64"} {
		exe, err := b.compile(ctx, "darwin", arch)
		if err != nil {
			return err
		}
		data, err := os.ReadFile(exe)
		if err != nil {
			return err
		}
		slices = append(slices, data)
	}
	fat, err := universal(slices[0], slices[1])
	if err != nil {
		return err
	}
	plist, err := b.text("macos/Info.plist", map[string]string{"Version": b.version.String(), "Number": b.version.release})
	if err != nil {
		return err
	}
	icns, err := b.icon("app.icns")
	if err != nil {
		return err
	}
	licence, err := b.licence()
	if err != nil {
		return err
	}
	readme, err := embedded("macos/readme.txt")
	if err != nil {
		return err
	}
	const contents = "Universal P2P.app/Contents/"
	return writeZip(filepath.Join(made, b.name("macos.zip")), tree{
		contents + "Info.plist":               {0o644, plist},
		contents + "PkgInfo":                  {0o644, []byte("APPL????")},
		contents + "MacOS/" + program:         {0o755, fat},
		contents + "Resources/universal.icns": {0o644, icns},
		contents + "Resources/LICENSE.txt":    {0o644, licence},
		"README.txt":                          {0o644, readme},
	}, b.version.time)
}

// universal makes one program of one for Intel and one for Apple's processors (mach-o/fat.h). Each stays as it is, and so do the
// signatures that Go has put into them, without which arm64 starts nothing.
func universal(amd64, arm64 []byte) ([]byte, error) {
	const (
		magic = 0xcafebabe
		align = 14 // 16 KiB, the pages of arm64
	)
	type arch struct{ CPU, Sub, Offset, Size, Align uint32 }
	archs := []arch{{0x01000007, 3, 0, uint32(len(amd64)), align}, {0x0100000c, 0, 0, uint32(len(arm64)), align}}
	var out []byte
	round := func(n int) int { return (n + 1<<align - 1) &^ (1<<align - 1) }
	at := round(8 + 20*len(archs))
	for i, data := range [][]byte{amd64, arm64} {
		if len(data) < 8 || binary.LittleEndian.Uint32(data) != 0xfeedfacf || binary.LittleEndian.Uint32(data[4:]) != archs[i].CPU {
			return nil, fmt.Errorf("program %d is none for macOS, or for another processor", i+1)
		}
		archs[i].Offset = uint32(at)
		at = round(at + len(data))
	}
	out, err := binary.Append(out, binary.BigEndian, [2]uint32{magic, uint32(len(archs))})
	if err != nil {
		return nil, err
	}
	if out, err = binary.Append(out, binary.BigEndian, archs); err != nil {
		return nil, err
	}
	for i, data := range [][]byte{amd64, arm64} {
		out = append(out, make([]byte, int(archs[i].Offset)-len(out))...)
		out = append(out, data...)
	}
	return out, nil
}

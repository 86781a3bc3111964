package main

import (
	"context"
	"os"
	"path/filepath"
)

// macos makes Universal P2P.app, one for Intel and one for Apple's processors: both in one would be twice the download. They have been
// built and looked at, but never run on a Mac, and Apple has not notarised them. The program in them is built without cgo; the linker
// has signed it as well as one can without Apple, without which arm64 starts nothing.
func (b *builder) macos(ctx context.Context, made, arch string) error {
	exe, err := b.compile(ctx, "darwin", arch)
	if err != nil {
		return err
	}
	name := map[string]string{"amd64": "intel", "arm64": "apple"}[arch]
	return b.app(filepath.Join(made, b.name("macos-"+name+".zip")), exe)
}

// app packs the program as an app.
func (b *builder) app(file, exe string) error {
	binary, err := os.ReadFile(exe)
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
	return writeZip(file, tree{
		contents + "Info.plist":               {0o644, plist},
		contents + "PkgInfo":                  {0o644, []byte("APPL????")},
		contents + "MacOS/" + program:         {0o755, binary},
		contents + "Resources/universal.icns": {0o644, icns},
		contents + "Resources/LICENSE.txt":    {0o644, licence},
		"README.txt":                          {0o644, readme},
	}, b.version.time)
}

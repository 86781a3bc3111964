package main

import (
	"context"
	"crypto/sha1"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// windows makes a setup for one user, an MSI of the same for administrators to hand out, and a zip. Debian's makensis and wixl have no
// stub for arm64, which so gets the zip alone.
func (b *builder) windows(ctx context.Context, made, arch string) error {
	exe, err := b.windowsProgram(ctx, arch)
	if err != nil {
		return err
	}
	if err := b.windowsZip(filepath.Join(made, b.name("windows-"+arch+".zip")), exe); err != nil || arch != "amd64" {
		return err
	}
	if err := b.setup(ctx, filepath.Join(made, b.name("windows-"+arch+"-setup.exe")), exe); err != nil {
		return err
	}
	return b.msi(ctx, filepath.Join(made, b.name("windows-"+arch+".msi")), exe)
}

// windowsProgram builds the program with its icon, version and manifest, signs it and returns its path.
func (b *builder) windowsProgram(ctx context.Context, arch string) (string, error) {
	plain, err := b.compile(ctx, "windows", arch)
	if err != nil {
		return "", err
	}
	data, err := os.ReadFile(plain)
	if err != nil {
		return "", err
	}
	exe, err := b.stage("windows-"+arch+"/"+program+".exe", data, 0o755)
	if err != nil {
		return "", err
	}
	config, err := b.resources()
	if err != nil {
		return "", err
	}
	if err := b.goRun(ctx, winres, "patch", "--in", config, "--no-backup", exe); err != nil {
		return "", err
	}
	if err := b.sign.signFile(ctx, exe); err != nil {
		return "", err
	}
	return exe, os.Chtimes(exe, b.version.time, b.version.time)
}

// resources writes what go-winres is to put into the program, and returns its path.
func (b *builder) resources() (string, error) {
	icon, err := b.icon("app.ico")
	if err != nil {
		return "", err
	}
	if _, err := b.stage("winres/app.ico", icon, 0o644); err != nil {
		return "", err
	}
	const english = "0409"
	number := b.version.windows()
	config, err := json.MarshalIndent(map[string]any{
		"RT_GROUP_ICON": map[string]any{"APP": map[string]any{"0000": "app.ico"}},
		"RT_MANIFEST": map[string]any{"#1": map[string]any{english: map[string]any{
			"identity":    map[string]any{"name": "UniversalP2P", "version": number},
			"description": "Universal P2P", "minimum-os": "win10", "execution-level": "as invoker",
			"dpi-awareness": "per monitor v2", "use-common-controls-v6": true, "long-path-aware": true,
		}}},
		"RT_VERSION": map[string]any{"#1": map[string]any{"0000": map[string]any{
			"fixed": map[string]any{"file_version": number, "product_version": number},
			"info": map[string]any{english: map[string]any{
				"CompanyName": "The Universal P2P authors", "FileDescription": "Universal P2P", "FileVersion": b.version.String(),
				"InternalName": program, "LegalCopyright": "MIT licence", "OriginalFilename": program + ".exe",
				"ProductName": "Universal P2P", "ProductVersion": b.version.String(),
			}},
		}}},
	}, "", " ")
	if err != nil {
		return "", err
	}
	return b.stage("winres/winres.json", config, 0o644)
}

// windowsZip packs the program for those who want no setup.
func (b *builder) windowsZip(file, exe string) error {
	data, err := os.ReadFile(exe)
	if err != nil {
		return err
	}
	licence, err := b.licence()
	if err != nil {
		return err
	}
	readme, err := embedded("windows/readme.txt")
	if err != nil {
		return err
	}
	top := "Universal P2P/"
	return writeZip(file, tree{top + program + ".exe": {0o755, data}, top + "LICENSE.txt": {0o644, crlf(licence)}, top + "README.txt": {0o644, crlf(readme)}}, b.version.time)
}

// setup makes the installer that people double-click.
func (b *builder) setup(ctx context.Context, file, exe string) error {
	info, err := os.Stat(exe)
	if err != nil {
		return err
	}
	picture, err := b.sidebar()
	if err != nil {
		return err
	}
	side, err := b.stage("sidebar.bmp", picture, 0o644)
	if err != nil {
		return err
	}
	defines := []string{
		"-DVERSION=" + b.version.String(), "-DNUMBER=" + b.version.windows(), "-DEXE=" + exe, "-DOUT=" + file,
		"-DICON=" + filepath.Join(b.tmp, "stage", "winres", "app.ico"), "-DSIDEBAR=" + side, "-DHOMEPAGE=" + homepage, fmt.Sprintf("-DKILOBYTES=%d", info.Size()>>10),
	}
	if b.sign != nil {
		script, err := b.stage("sign.sh", b.sign.script(), 0o700)
		if err != nil {
			return err
		}
		defines = append(defines, "-DSIGN="+script) // for the uninstaller, which is made on the way
	}
	text, err := embedded("windows/setup.nsi")
	if err != nil {
		return err
	}
	script, err := b.stage("setup.nsi", text, 0o644)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "makensis", append(append([]string{"-V2", "-WX", "-INPUTCHARSET", "UTF8"}, defines...), script)...)
	cmd.Env = b.env()
	if err := quietly(cmd); err != nil {
		return err
	}
	return b.sign.signFile(ctx, file)
}

// upgradeCode is what all versions of the MSI have in common. It never changes.
const upgradeCode = "5B0C6E0E-6C4B-4B0B-9A64-0B8C64D0A7F1"

// guid makes a GUID of a name, always the same (RFC 9562, version 5).
func guid(name string) string {
	h := sha1.Sum([]byte(upgradeCode + name))
	h[6] = h[6]&0x0f | 0x50
	h[8] = h[8]&0x3f | 0x80
	return fmt.Sprintf("%X-%X-%X-%X-%X", h[0:4], h[4:6], h[6:8], h[8:10], h[10:16])
}

// msi makes the installer that administrators can hand out. wixl takes no whole paths.
func (b *builder) msi(ctx context.Context, file, exe string) error {
	dir := filepath.Join(b.tmp, "stage")
	exe, err := filepath.Rel(dir, exe)
	if err != nil {
		return err
	}
	text, err := b.text("windows/setup.wxs", map[string]string{
		"Version": b.version.release, "Next": b.version.next(), "Product": guid("product " + b.version.String()), "Upgrade": upgradeCode, "Exe": exe, "Homepage": homepage,
		"Icon": "winres/app.ico", "Program": guid("program"), "Menu": guid("menu"), "Login": guid("login"), "Magnet": guid("magnet"),
	})
	if err != nil {
		return err
	}
	source, err := b.stage("setup.wxs", text, 0o644)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "wixl", "-a", "x64", "-o", file, filepath.Base(source))
	cmd.Dir = dir
	cmd.Env = b.env()
	if err := quietly(cmd); err != nil {
		return err
	}
	// wixl puts RemoveExistingProducts behind all others, where the old version would end what was started again.
	cmd = exec.CommandContext(ctx, "msibuild", file, "-q", "UPDATE `InstallExecuteSequence` SET `Sequence` = 6800 WHERE `Action` = 'Again'")
	cmd.Env = b.env()
	if err := quietly(cmd); err != nil {
		return err
	}
	// wixl makes up a package code, which has to be another one for each package and the same for the same.
	code := "{" + guid("package "+b.version.String()+b.version.time.String()) + "}"
	cmd = exec.CommandContext(ctx, "msibuild", file, "-s", "Universal P2P", "The Universal P2P authors", "x64;1033", code)
	cmd.Env = b.env()
	if err := quietly(cmd); err != nil {
		return err
	}
	if err := setMSITimes(file, b.version.time); err != nil {
		return err
	}
	return b.sign.signFile(ctx, file)
}

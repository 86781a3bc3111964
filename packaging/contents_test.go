package main

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"debug/macho"
	"debug/pe"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"
)

// The same source gives the same bytes, in another folder and at another time; and no download is large.
func TestReproducible(t *testing.T) {
	p := built(t)
	files, err := os.ReadDir(filepath.Join(p.dir, "new"))
	if err != nil {
		t.Fatal(err)
	}
	most := int64(25_000_000)
	if _, err := os.Stat("../stream/ipfs"); err == nil {
		most = 40_000_000
	}
	var sizes strings.Builder
	for _, f := range files {
		a, err1 := os.ReadFile(filepath.Join(p.dir, "new", f.Name()))
		b, err2 := os.ReadFile(filepath.Join(p.dir, "again", f.Name()))
		if err := errors.Join(err1, err2); err != nil {
			t.Error(err)
		} else if sha256.Sum256(a) != sha256.Sum256(b) {
			t.Errorf("%s: two builds are not the same", f.Name())
		}
		fmt.Fprintf(&sizes, "%5.1f MB  %s\n", float64(len(a))/1e6, f.Name())
		if int64(len(a)) > most {
			t.Errorf("%s has %d bytes, more than %d", f.Name(), len(a), most)
		}
	}
	t.Log("sizes:\n" + sizes.String())
	if file := os.Getenv("UP2P_SIZES"); file != "" { // go test shows nothing of a test that passes
		if err := os.WriteFile(file, []byte(sizes.String()), 0o644); err != nil {
			t.Error(err)
		}
	}
	if len(files) != 18 { // 10 for Linux, 4 for Windows, 2 for macOS, the SBOM and the checksums
		t.Errorf("%d files were built, want 18", len(files))
	}
}

func TestSums(t *testing.T) {
	p := built(t)
	run(t, filepath.Join(p.dir, "new"), "sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS")
	var bom struct{ Components []component }
	data, err := os.ReadFile(p.path("new", "sbom.cdx.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &bom); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"stdlib", "github.com/anacrolix/torrent", "github.com/spf13/cobra"} {
		if !slices.ContainsFunc(bom.Components, func(c component) bool { return c.Name == want && c.Version != "" && c.PURL != "" }) {
			t.Errorf("the SBOM does not name %s", want)
		}
	}
}

// All packages for Linux have the same in them, but for what each distribution wants elsewhere.
func TestLists(t *testing.T) {
	p := built(t)
	need(t, "bsdtar")
	need(t, "dpkg-deb")
	need(t, "rpm")
	lists := map[string][]string{
		"deb": list(run(t, "", "sh", "-c", `dpkg-deb --fsys-tarfile "$1" | tar -t`, "sh", p.path("new", "linux-amd64.deb"))),
		"rpm": list(run(t, "", "rpm", "-qlp", p.path("new", "linux-amd64.rpm"))),
	}
	for _, suffix := range []string{"apk", "pkg.tar.zst"} {
		lists[suffix] = list(run(t, "", "bsdtar", "-tf", p.path("new", "linux-amd64."+suffix)))
	}
	for kind, files := range lists {
		for _, want := range []string{
			"usr/bin/universal-p2p", autostart, "usr/share/applications/universal-p2p.desktop", "usr/share/applications/universal-p2p-magnet.desktop",
			"usr/share/icons/hicolor/16x16/apps/universal-p2p.png", "usr/share/icons/hicolor/512x512/apps/universal-p2p.png",
			"usr/share/icons/hicolor/scalable/apps/universal-p2p.svg", "usr/share/man/man1/universal-p2p.1.gz",
			"usr/share/metainfo/" + appID + ".metainfo.xml", "usr/share/bash-completion/completions/universal-p2p",
			"usr/share/fish/vendor_completions.d/universal-p2p.fish",
			map[bool]string{true: "usr/share/zsh/vendor-completions/_universal-p2p", false: "usr/share/zsh/site-functions/_universal-p2p"}[kind == "deb"],
			map[bool]string{true: "usr/share/doc/universal-p2p/changelog.Debian.gz", false: "usr/share/doc/universal-p2p/changelog.gz"}[kind == "deb"],
			map[bool]string{true: "usr/share/doc/universal-p2p/copyright", false: "usr/share/licenses/universal-p2p/LICENSE"}[kind == "deb"],
		} {
			if !slices.Contains(files, want) {
				t.Errorf("%s: there is no %s", kind, want)
			}
		}
		if unit := slices.Contains(files, "usr/lib/systemd/system/universal-p2p.service"); unit != (kind != "apk") {
			t.Errorf("%s: a unit of systemd: %v", kind, unit)
		}
	}
	version := run(t, "", "rpm", "-qp", "--qf", "%{NAME} %{VERSION} %{RELEASE} %{ARCH} %{LICENSE}", p.path("new", "linux-arm64.rpm"))
	if version != "universal-p2p 0.1.0 1 aarch64 MIT" {
		t.Errorf("the rpm says it is %q", version)
	}
}

// list is the lines of what a tool has listed, without the folders, and in one spelling.
func list(out string) (files []string) {
	for line := range strings.Lines(out) {
		if line = strings.TrimSpace(line); !strings.HasSuffix(line, "/") {
			files = append(files, strings.TrimPrefix(strings.TrimPrefix(line, "."), "/"))
		}
	}
	return files
}

// What the distributions check before they take a package.
func TestLint(t *testing.T) {
	p := built(t)
	for _, tool := range []string{"lintian", "desktop-file-validate", "appstreamcli", "dpkg-deb", "man"} {
		need(t, tool)
	}
	for _, arch := range []string{"amd64", "arm64"} {
		t.Log(run(t, "", "lintian", "--allow-root", "--fail-on", "error", p.path("new", "linux-"+arch+".deb")))
	}
	dir := t.TempDir()
	run(t, "", "dpkg-deb", "-x", p.path("new", "linux-amd64.deb"), dir)
	for _, file := range []string{"usr/share/applications/universal-p2p.desktop", "usr/share/applications/universal-p2p-magnet.desktop", autostart} {
		if out := run(t, dir, "desktop-file-validate", file); out != "" {
			t.Errorf("%s: %s", file, out)
		}
	}
	run(t, dir, "appstreamcli", "validate", "--no-net", "usr/share/metainfo/"+appID+".metainfo.xml")
	if out := run(t, dir, "man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", "usr/share/man/man1/universal-p2p.1.gz"); strings.Contains(out, "warning:") {
		t.Errorf("the manual page: %s", out)
	}
	for _, script := range []string{"install.sh", "uninstall.sh", "postinst", "prerm", "postrm"} {
		run(t, "linux", "sh", "-n", script)
	}
	run(t, dir, "bash", "-n", "usr/share/bash-completion/completions/universal-p2p")
}

func TestMacApp(t *testing.T) {
	p := built(t)
	for name, cpu := range map[string]macho.Cpu{"intel": macho.CpuAmd64, "apple": macho.CpuArm64} {
		z, err := zip.OpenReader(p.path("new", "macos-"+name+".zip"))
		if err != nil {
			t.Fatal(err)
		}
		defer z.Close()
		const contents = "Universal P2P.app/Contents/"
		exe := readZip(t, &z.Reader, contents+"MacOS/universal-p2p")
		m, err := macho.NewFile(bytes.NewReader(exe))
		if err != nil {
			t.Fatal(err)
		}
		const codeSignature = 0x1d // LC_CODE_SIGNATURE, mach-o/loader.h
		signed := slices.ContainsFunc(m.Loads, func(l macho.Load) bool { return l.Raw()[0] == codeSignature })
		if m.Cpu != cpu || cpu == macho.CpuArm64 && !signed {
			t.Errorf("%s: a program for %v, signed: %v", name, m.Cpu, signed)
		}
		for _, f := range z.File {
			if strings.HasSuffix(f.Name, "MacOS/universal-p2p") && f.Mode() != 0o755 {
				t.Errorf("%s: the program has the mode %v", name, f.Mode())
			}
		}
		plist := string(readZip(t, &z.Reader, contents+"Info.plist"))
		if err := xml.Unmarshal([]byte(plist), new(struct{})); err != nil {
			t.Errorf("Info.plist: %v", err)
		}
		for _, want := range []string{"<key>LSUIElement</key>\n\t<true/>", "<string>0.1.0</string>", "<string>universal-p2p</string>"} {
			if !strings.Contains(plist, want) {
				t.Errorf("Info.plist has no %q", want)
			}
		}
		if icon := readZip(t, &z.Reader, contents+"Resources/universal.icns"); !bytes.HasPrefix(icon, []byte("icns")) {
			t.Errorf("%s: the icon is none", name)
		}
	}
}

func TestWindowsProgram(t *testing.T) {
	p := built(t)
	for arch, machine := range map[string]uint16{"amd64": pe.IMAGE_FILE_MACHINE_AMD64, "arm64": pe.IMAGE_FILE_MACHINE_ARM64} {
		z, err := zip.OpenReader(p.path("new", "windows-"+arch+".zip"))
		if err != nil {
			t.Fatal(err)
		}
		defer z.Close()
		exe := readZip(t, &z.Reader, "Universal P2P/universal-p2p.exe")
		f, err := pe.NewFile(bytes.NewReader(exe))
		if err != nil {
			t.Fatal(err)
		}
		h, ok := f.OptionalHeader.(*pe.OptionalHeader64)
		if f.Machine != machine || !ok || h.Subsystem != pe.IMAGE_SUBSYSTEM_WINDOWS_GUI {
			t.Errorf("%s: machine %#x, header %T", arch, f.Machine, f.OptionalHeader)
		}
		rsrc := f.Section(".rsrc")
		if rsrc == nil {
			t.Fatalf("%s: the program has no resources", arch)
		}
		data, err := rsrc.Data()
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range [][]byte{wide("0.1.0"), wide("Universal P2P"), []byte("longPathAware"), []byte("asInvoker"), []byte("\x89PNG")} {
			if !bytes.Contains(data, want) {
				t.Errorf("%s: the resources have no %q", arch, want)
			}
		}
	}
}

// Programs, setup and MSI of a build with a certificate are signed, and by that one.
func TestSignature(t *testing.T) {
	p := built(t)
	z, err := zip.OpenReader(p.path("old", "windows-amd64.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	exe := filepath.Join(t.TempDir(), "universal-p2p.exe")
	if err := os.WriteFile(exe, readZip(t, &z.Reader, "Universal P2P/universal-p2p.exe"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{exe, p.path("old", "windows-amd64-setup.exe"), p.path("old", "windows-amd64.msi")} {
		if out, err := verify(t, p, file); err != nil {
			t.Errorf("%s: %v\n%s", filepath.Base(file), err, out)
		}
	}
	// What is not signed, or was changed after it was, is told apart.
	if out, err := verify(t, p, p.path("new", "windows-amd64-setup.exe")); err == nil {
		t.Errorf("a setup without a signature is taken for signed:\n%s", out)
	}
	data, err := os.ReadFile(exe)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	if err := os.WriteFile(exe, data, 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := verify(t, p, exe); err == nil {
		t.Errorf("a changed program is taken for signed:\n%s", out)
	}
}

func verify(t *testing.T, p packages, file string) (string, error) {
	out, err := exec.CommandContext(t.Context(), "osslsigncode", "verify", "-CAfile", filepath.Join(p.dir, "cert", "cert.pem"), "-in", file).CombinedOutput()
	return string(out), err
}

func TestSignerOf(t *testing.T) {
	here := filepath.Join(t.TempDir(), "x.pfx")
	if err := os.WriteFile(here, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		env  map[string]string
		sign bool
		ok   bool
	}{
		{nil, false, true},
		{map[string]string{"UP2P_SIGN_PFX": here}, true, true},
		{map[string]string{"UP2P_SIGN_PFX": here + "x"}, false, false},
		{map[string]string{"UP2P_SIGN_PFX": here, "UP2P_SIGN_PASSFILE": here + "x"}, false, false},
		{map[string]string{"UP2P_SIGN_TIMESTAMP": "http://t"}, false, false},
	} {
		s, err := signerOf(func(name string) string { return c.env[name] })
		if (s != nil) != c.sign || (err == nil) != c.ok {
			t.Errorf("%v: %v, %v", c.env, s, err)
		}
	}
}

func wide(s string) (b []byte) {
	for _, u := range utf16.Encode([]rune(s)) {
		b = append(b, byte(u), byte(u>>8))
	}
	return b
}

func readZip(t *testing.T, z *zip.Reader, name string) []byte {
	t.Helper()
	f, err := z.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	data, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// run runs a command that has to work, and returns what it printed.
func run(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zeronetscript/universal_p2p/app/winetest"
)

const (
	runKey       = `HKCU\Software\Microsoft\Windows\CurrentVersion\Run`
	approvedKey  = `HKCU\Software\Microsoft\Windows\CurrentVersion\Explorer\StartupApproved\Run`
	uninstallKey = `HKCU\Software\Microsoft\Windows\CurrentVersion\Uninstall\Universal P2P`
	// Who can be chosen for what in the settings.
	registeredKey = `HKCU\Software\RegisteredApplications`
)

// A windows is a computer with Windows 10, as Wine has it.
type windows struct {
	*winetest.Prefix
	t      *testing.T
	home   string // of its user, on this system
	exe    string // the installed program
	before []string
}

func newWindows(t *testing.T) *windows {
	t.Helper()
	w := &windows{Prefix: winetest.New(t), t: t}
	w.run("winecfg", "/v", "win10")
	found, err := filepath.Glob(w.Path(`C:\users\*\AppData`))
	if err != nil || len(found) == 0 {
		t.Fatalf("the user of Wine has no home: %v", err)
	}
	w.home = filepath.Dir(found[0])
	for _, dir := range found {
		if !strings.HasSuffix(filepath.Dir(dir), "Public") {
			w.home = filepath.Dir(dir)
		}
	}
	w.exe = filepath.Join(w.home, "AppData", "Local", "Programs", "Universal P2P", "universal-p2p.exe")
	config := filepath.Join(w.home, "AppData", "Roaming", "universal-p2p", "config.toml")
	if err := os.MkdirAll(filepath.Dir(config), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(config, []byte(lonely), 0o644); err != nil {
		t.Fatal(err)
	}
	w.before = files(t, w.home)
	return w
}

// run runs a program of Windows that has to work. What it starts stays, and may keep what it has for its output: so that is a file and
// not a pipe, which would be waited for.
func (w *windows) run(program string, args ...string) string {
	w.t.Helper()
	out, err := w.output(program, args...)
	if err != nil {
		w.t.Fatalf("%s %q: %v\n%s", program, args, err, out)
	}
	return out
}

func (w *windows) output(program string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(w.t.Context(), 90*time.Second)
	defer cancel()
	file, err := os.CreateTemp(w.t.TempDir(), "output")
	if err != nil {
		return "", err
	}
	defer file.Close()
	cmd := w.Command(ctx, program, args...)
	cmd.Stdout, cmd.Stderr = file, file
	err = cmd.Run()
	out, readErr := os.ReadFile(file.Name())
	return string(out), errors.Join(err, readErr)
}

func (w *windows) status() (string, error) { return w.output(w.exe, "status", "--json") }

// installed checks what an installation has left, and gone what an uninstallation has.
func (w *windows) installed() {
	w.t.Helper()
	for _, name := range []string{w.exe, filepath.Join(w.home, `AppData/Roaming/Microsoft/Windows/Start Menu/Programs/Universal P2P.lnk`)} {
		if _, err := os.Stat(name); err != nil {
			w.t.Errorf("not installed: %v", err)
		}
	}
	if line, ok := w.Query(w.t, runKey, program); !ok || !strings.HasPrefix(line, `"C:\users\`) || !strings.HasSuffix(line, `\universal-p2p.exe" run --autostart`) {
		w.t.Errorf("at login it is started by %q", line)
	}
	if out, err := w.output("reg", "query", registeredKey, "/v", "Universal P2P"); err != nil || !strings.Contains(out, "Capabilities") {
		w.t.Errorf("it cannot be chosen for magnet links: %q, %v", out, err)
	}
	if line, ok := w.Query(w.t, `HKCU\Software\Classes\magnet\shell\open\command`, "(Default)"); ok {
		w.t.Errorf("it has taken magnet links: %q", line)
	}
}

// gone checks what an uninstallation leaves: what the user has of the program, and nothing else, or not even that.
func (w *windows) gone(kept bool) {
	w.t.Helper()
	eventually(w.t, "the program is removed", func() error {
		if _, err := os.Stat(filepath.Dir(w.exe)); !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("its folder is there, with %q: %v", files(w.t, filepath.Dir(w.exe)), err)
		}
		return nil
	})
	answers(w.t, false)
	for _, key := range []string{`HKCU\Software\Universal P2P`, `HKCU\Software\Classes\UniversalP2P.magnet`, uninstallKey} {
		if out, err := w.output("reg", "query", key); err == nil {
			w.t.Errorf("left in the registry: %s", out)
		}
	}
	if line, ok := w.Query(w.t, runKey, program); ok {
		w.t.Errorf("at login it would still be started by %q", line)
	}
	if out, err := w.output("reg", "query", approvedKey, "/v", program); err == nil {
		w.t.Errorf("what was decided about the start at login is left: %q", out)
	}
	if out, err := w.output("reg", "query", registeredKey, "/v", "Universal P2P"); err == nil {
		w.t.Errorf("it could still be chosen for magnet links: %q", out)
	}
	data, settings := filepath.Join("/AppData", "Local", program), filepath.Join("/AppData", "Roaming", program)
	for _, name := range files(w.t, w.home) {
		if !slices.Contains(w.before, name) && !strings.HasPrefix(name, data+"/") && !strings.HasPrefix(name, settings+"/") && !strings.Contains(name, "/Temp/") {
			w.t.Errorf("left behind: %s", name)
		}
	}
	for _, name := range []string{filepath.Join(data, "store"), filepath.Join(settings, "config.toml")} {
		if _, err := os.Stat(filepath.Join(w.home, name)); kept != (err == nil) {
			w.t.Errorf("%s: %v, and the user's data is to be kept: %v", name, err, kept)
		}
	}
}

// zpath is a file of this system as Wine's programs see it.
func zpath(name string) string { return `Z:` + strings.ReplaceAll(name, "/", `\`) }

// winePackages builds the packages outside, where the network is.
func winePackages(t *testing.T) (p packages, env []string) {
	if os.Getenv(insideVariable) == t.Name() {
		return packages{os.Getenv("UP2P_PACKAGES")}, nil
	}
	p = built(t)
	return p, []string{"UP2P_PACKAGES=" + p.dir}
}

func seederRig(t *testing.T) string {
	rig, err := filepath.Abs("../app/swarmtest/rig")
	if err != nil {
		t.Fatal(err)
	}
	return rig
}

// The setup, silent: installed, started at the next login, upgraded while it runs, and removed.
func TestSetup(t *testing.T) {
	p, env := winePackages(t)
	onLoopback(t, env, func(t *testing.T) {
		w := newWindows(t)
		w.run(p.path("old", "windows-amd64-setup.exe"), "/S")
		w.installed()
		if v, _ := w.Query(t, uninstallKey, "DisplayVersion"); v != oldVersion {
			t.Errorf("in the list of programs it has version %q", v)
		}
		if out, err := verify(t, p, filepath.Join(filepath.Dir(w.exe), "uninstall.exe")); err != nil {
			t.Errorf("the signature of the uninstaller: %v\n%s", err, out)
		}
		w.Restart(t)
		answers(t, true)
		eventually(t, "the old one", says(oldVersion, w.status))
		f := seed(t, seederRig(t))
		f.stream(t)
		f.stop()

		w.run(p.path("new", "windows-amd64-setup.exe"), "/S")
		eventually(t, "the new one runs again", says(newVersion, w.status))
		f.stream(t) // out of the store
		w.installed()

		w.run("reg", "delete", runKey, "/v", program, "/f") // the user does not want it at login
		w.run(w.exe, "quit")
		answers(t, false)
		w.run(p.path("new", "windows-amd64-setup.exe"), "/S")
		if line, ok := w.Query(t, runKey, program); ok {
			t.Errorf("an upgrade starts it at login again: %q", line)
		}
		w.run(w.exe, "login", "off")
		w.run(filepath.Join(filepath.Dir(w.exe), "uninstall.exe"), "/S")
		w.gone(true)
	})
}

// The same with the MSI.
func TestMSI(t *testing.T) {
	p, env := winePackages(t)
	onLoopback(t, env, func(t *testing.T) {
		w := newWindows(t)
		w.run("msiexec", "/i", zpath(p.path("old", "windows-amd64.msi")), "/qn")
		w.installed()
		w.Restart(t)
		answers(t, true)
		eventually(t, "the old one", says(oldVersion, w.status))
		f := seed(t, seederRig(t))
		f.stream(t)
		f.stop()

		w.run(w.exe, "login", "off")
		w.run("msiexec", "/i", zpath(p.path("new", "windows-amd64.msi")), "/qn")
		eventually(t, "the new one runs again", says(newVersion, w.status))
		f.stream(t)
		// Wine does not tell the old version that it is upgraded (UPGRADINGPRODUCTCODE), so that it takes its note along; off it is.
		if out := w.run(w.exe, "login", "status"); !strings.HasPrefix(out, "off") {
			t.Errorf("after an upgrade the start at login is %q, which was switched off", out)
		}
		w.run(w.exe, "login", "on")
		w.installed()
		w.Restart(t)
		eventually(t, "the new one at login", says(newVersion, w.status))
		w.run(w.exe, "login", "off")
		w.run("msiexec", "/x", zpath(p.path("new", "windows-amd64.msi")), "/qn")
		w.gone(true)
	})
}

package login

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zeronetscript/universal_p2p/app/winetest"
)

// tool is the path of a program of the system, or the end of the test.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	if os.Getenv("UP2P_REQUIRE_PEERS") == "1" {
		t.Fatalf("%s is missing, and UP2P_REQUIRE_PEERS=1", name)
	}
	t.Skipf("%s is missing", name)
	return ""
}

// run runs a tool that ends soon.
func run(t *testing.T, env []string, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, name, args...)
	c.Env = append(os.Environ(), env...)
	out, err := c.CombinedOutput()
	if err != nil {
		t.Errorf("%s: %v\n%s", filepath.Base(name), err, out)
	}
	return string(out)
}

// stayingDir is a folder that is not a temporary one, as far as the program is concerned.
func stayingDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	return dir
}

// The whole of it with the folders that the environment names, and what the desktop makes of the files.
func TestDesktopTools(t *testing.T) {
	validate := tool(t, "desktop-file-validate")
	analyze := tool(t, "systemd-analyze")
	generator := tool(t, "/usr/lib/systemd/user-generators/systemd-xdg-autostart-generator")
	for _, c := range []struct{ name, program string }{
		{"plain", "universal-p2p"},
		{"awkward", "my best & <own> #1 *;~|(x)?/universal-p2p"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := stayingDir(t)
			home := filepath.Join(dir, "home")
			t.Setenv("HOME", home)
			t.Setenv("XDG_CONFIG_HOME", "")
			t.Setenv("XDG_CONFIG_DIRS", filepath.Join(dir, "shared"))
			it := item(filepath.Join(dir, c.program))
			if err := replace(it.Exec, "#!/bin/sh\n"); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(it.Exec, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := it.Enable(); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(home, ".config", "autostart", "universal-p2p.desktop")
			if s, err := it.Status(); err != nil || s != (Status{State: On, Program: it.Exec, Where: file}) {
				t.Errorf("status: %+v, %v", s, err)
			}
			if out := run(t, nil, validate, file); out != "" {
				t.Errorf("desktop-file-validate: %s", out)
			}

			env := []string{"XDG_RUNTIME_DIR=" + dir, "XDG_CONFIG_HOME=" + filepath.Join(home, ".config")}
			units := filepath.Join(dir, "units")
			generate := func() string {
				if err := os.RemoveAll(units); err != nil {
					t.Fatal(err)
				}
				if err := os.Mkdir(units, 0o700); err != nil {
					t.Fatal(err)
				}
				run(t, env, generator, units, units, units)
				text, err := os.ReadFile(filepath.Join(units, `app-universal\x2dp2p@autostart.service`))
				if err != nil && !os.IsNotExist(err) {
					t.Fatal(err)
				}
				return string(text)
			}
			unit := generate()
			t.Log(unit)
			if !strings.Contains(unit, "ExecStart=") || !strings.Contains(unit, "run --autostart") && !strings.Contains(unit, `"run" "--autostart"`) {
				t.Errorf("the unit starts something else:\n%s", unit)
			}
			if out := run(t, env, analyze, "verify", "--user", filepath.Join(units, `app-universal\x2dp2p@autostart.service`)); strings.Contains(out, "universal") {
				t.Errorf("systemd-analyze verify: %s", out)
			}
			if link, err := os.Readlink(filepath.Join(units, "xdg-desktop-autostart.target.wants", `app-universal\x2dp2p@autostart.service`)); err != nil {
				t.Errorf("nothing wants the unit: %v %s", err, link)
			}

			if err := it.Disable(); err != nil {
				t.Fatal(err)
			}
			if out := run(t, nil, validate, file); out != "" {
				t.Errorf("desktop-file-validate, switched off: %s", out)
			}
			if unit := generate(); unit != "" {
				t.Errorf("switched off, and there is a unit:\n%s", unit)
			}
		})
	}
}

// GLib, by which GNOME, Xfce and others start programs, takes a path apart as it was put together. It does not undo %% there, so
// that the percent sign is left out.
func TestDesktopFileStarts(t *testing.T) {
	gio := tool(t, "gio")
	dir := t.TempDir()
	it := item(filepath.Join(dir, strings.ReplaceAll(awkward, "%", "")))
	it.Args = append(it.Args, "", "a b", "$HOME", "100%", "%u")
	out := filepath.Join(dir, "out")
	t.Setenv("UP2P_TEST_OUT", out)
	if err := replace(it.Exec, "#!/bin/sh\nprintf '%s\\n' \"$0\" \"$@\" >\"$UP2P_TEST_OUT.new\" && mv \"$UP2P_TEST_OUT.new\" \"$UP2P_TEST_OUT\"\n"); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(it.Exec, 0o755); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "universal-p2p.desktop")
	if err := replace(file, desktopFile(it, false)); err != nil {
		t.Fatal(err)
	}
	run(t, nil, gio, "launch", file)
	want := strings.Join(append([]string{it.Exec}, it.Args...), "\n") + "\n"
	for range 200 { // it does not wait for the program
		if got, err := os.ReadFile(out); err == nil {
			if string(got) != want {
				t.Errorf("started with\n%s\nwant\n%s", got, want)
			}
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Error("the program was not started")
}

// The tests of this package as a program for Windows, under Wine, and a program that the Run key starts.
func TestWine(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes half a minute")
	}
	p := winetest.New(t)
	exe := winetest.BuildTest(t, ".")
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	out, err := p.Run(ctx, exe, "-test.v", "-test.timeout=2m")
	if err != nil || !strings.Contains(out, "--- PASS: TestRunKeys") {
		t.Fatalf("%v\n%s", err, out)
	}

	// It left an item of its own there, which a log-in starts.
	value, ok := p.Query(t, `HKCU\`+runKey, "universal-p2p-test")
	if !ok || !strings.HasSuffix(value, ` -test.run=^TestStarted$`) {
		t.Fatalf("the Run key has %q, %v", value, ok)
	}
	p.Restart(t)
	for started := p.Path(`C:\started by login.txt`); ; time.Sleep(50 * time.Millisecond) {
		if _, err := os.Stat(started); err == nil {
			break
		}
		if ctx.Err() != nil {
			t.Fatal("nothing was started")
		}
	}
}

//go:build unix && !darwin

package login

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestXDG(t *testing.T) {
	w := programs(t)
	x := xdg{home: filepath.Join(t.TempDir(), "config")}
	w.place = x
	checkPlace(t, w, func(program string) {
		if err := os.WriteFile(x.file(x.home, item(w.mine)), []byte(desktopFile(item(program), false)), 0o600); err != nil {
			t.Fatal(err)
		}
	})
}

// A package has switched the item on for all users.
func TestXDGShared(t *testing.T) {
	w := programs(t)
	x := xdg{home: filepath.Join(t.TempDir(), "config"), shared: []string{filepath.Join(t.TempDir(), "none"), t.TempDir()}}
	w.place = x
	own := x.file(x.home, item(w.mine))
	write := func(program string) {
		if err := replace(x.file(x.shared[1], item(w.mine)), desktopFile(item(program), false)); err != nil {
			t.Fatal(err)
		}
	}
	write(w.mine)
	w.see(t, "by the package", Status{State: On, Program: w.mine, Shared: true})
	if err := w.disable(item(w.mine)); err != nil {
		t.Fatal(err)
	}
	w.see(t, "switched off", Status{})
	if err := w.enable(item(w.mine)); err != nil {
		t.Fatal(err)
	}
	w.see(t, "switched on again", Status{State: On, Program: w.mine, Shared: true})
	if _, err := os.Stat(own); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file of our own is in the way of the package's: %v", err)
	}

	write(w.old) // the program that asks is a copy beside the package's
	w.see(t, "a copy", Status{State: Elsewhere, Program: w.old, Shared: true})
	if w.repair(t) {
		t.Error("the package's program was taken away")
	}
	if err := w.enable(item(w.mine)); err != nil {
		t.Fatal(err)
	}
	w.see(t, "the copy was switched on", Status{State: On, Program: w.mine})
	if err := os.Remove(own); err != nil {
		t.Fatal(err)
	}
	write(w.gone) // the package has gone and left its file, as dpkg does
	w.see(t, "removed", Status{State: Elsewhere, Program: w.gone, Gone: true, Shared: true})
	if !w.repair(t) {
		t.Error("not repaired")
	}
	w.see(t, "repaired", Status{State: On, Program: w.mine})
}

// Files that cannot be read or written are errors, and no reason to overwrite anything.
func TestXDGUnreadable(t *testing.T) {
	x := xdg{home: t.TempDir()}
	it := item(filepath.Join(t.TempDir(), "universal-p2p"))
	if err := os.MkdirAll(x.file(x.home, it), 0o700); err != nil { // a folder in its place
		t.Fatal(err)
	}
	if _, err := x.status(it); err == nil {
		t.Error("read a folder")
	}
	if x.enable(it) == nil || x.disable(it) == nil {
		t.Error("wrote a folder")
	}
	list, err := os.ReadDir(filepath.Join(x.home, "autostart"))
	if err != nil || len(list) != 1 {
		t.Errorf("left behind: %v, %v", list, err)
	}
}

// A program that will not last is not switched on, by the exported method.
func TestEnableTemporary(t *testing.T) {
	it := item(filepath.Join(t.TempDir(), "universal-p2p"))
	for _, dir := range []string{"XDG_CONFIG_HOME", "HOME", "AppData"} {
		t.Setenv(dir, t.TempDir())
	}
	if err := it.Enable(); !errors.Is(err, ErrTemporary) {
		t.Errorf("Enable: %v", err)
	}
	if repaired, err := it.Repair(); repaired || err != nil {
		t.Errorf("Repair: %v, %v", repaired, err)
	}
}

// What most desktops would not start is refused, and not pretended.
func TestXDGUnstartable(t *testing.T) {
	x := xdg{home: t.TempDir()}
	for _, dir := range []string{`a"b`, "a'b", "a`b", "a$b", `a\b`, "a%b"} {
		it := item("/opt/" + dir + "/universal-p2p")
		if err := x.enable(it); err == nil || !strings.Contains(err.Error(), "rename the folder") {
			t.Errorf("%s: %v", dir, err)
		}
		if s, err := x.status(it); err != nil || s.Decided() {
			t.Errorf("%s: %+v, %v", dir, s, err)
		}
	}
}

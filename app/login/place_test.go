package login

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// folder is a temporary folder. T.TempDir would insist on its removal, which fails under Wine 8; the prefix goes as a whole.
func folder(t *testing.T) string {
	dir, err := os.MkdirTemp("", "login-*")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// A world is a place with programs around it.
type world struct {
	place
	mine, old, gone, wrapper string // programs; gone is none
}

// programs makes a world without its place.
func programs(t *testing.T) world {
	dir := folder(t)
	w := world{gone: filepath.Join(dir, "gone", "universal-p2p")}
	for _, p := range []struct {
		path *string
		name string
	}{{&w.mine, "mine & yours/universal-p2p"}, {&w.old, "old/universal-p2p"}, {&w.wrapper, "bin/my-start.sh"}} {
		*p.path = filepath.Join(dir, filepath.FromSlash(p.name))
		if err := os.MkdirAll(filepath.Dir(*p.path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(*p.path, []byte("#!/bin/sh\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// see checks a status, but for where it is decided.
func (w world) see(t *testing.T, when string, want Status) {
	t.Helper()
	got, err := w.status(item(w.mine))
	if err != nil {
		t.Fatalf("%s: %v", when, err)
	}
	if got.Where = ""; got != want {
		t.Errorf("%s: %+v, want %+v", when, got, want)
	}
}

// repair is Item.Repair on a place of the test.
func (w world) repair(t *testing.T) bool {
	t.Helper()
	s, err := w.status(item(w.mine))
	if err != nil {
		t.Fatal(err)
	}
	if s.needsRepair() {
		if err := w.enable(item(w.mine)); err != nil {
			t.Fatal(err)
		}
	}
	return s.needsRepair()
}

// checkPlace holds for every system. write has the place name another program; nothing is decided at first.
func checkPlace(t *testing.T, w world, write func(program string)) {
	it := item(w.mine)
	if s, err := w.status(it); err != nil || s.Decided() || s.State != Off {
		t.Errorf("at first: %+v, %v", s, err)
	}
	if w.repair(t) {
		t.Error("repaired what nobody has switched on")
	}
	for range 2 {
		if err := w.enable(it); err != nil {
			t.Fatal(err)
		}
		w.see(t, "switched on", Status{State: On, Program: w.mine})
	}
	if s, err := w.status(it); err != nil || !s.Decided() {
		t.Errorf("switched on: %+v, %v", s, err)
	}
	if w.repair(t) {
		t.Error("repaired what is right")
	}
	for range 2 {
		if err := w.disable(it); err != nil {
			t.Fatal(err)
		}
		w.see(t, "switched off", Status{})
	}
	if w.repair(t) {
		t.Error("repaired what is off")
	}
	w.see(t, "off and not repaired", Status{})

	if err := w.enable(it); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, program string
		want          Status
		repairs       bool
	}{
		{"another copy", w.old, Status{State: Elsewhere, Program: w.old}, false},
		{"a program that has gone", w.gone, Status{State: Elsewhere, Program: w.gone, Gone: true}, true},
		{"a folder", filepath.Dir(w.old) + "/../old", Status{State: On, Program: filepath.Dir(w.old) + "/../old"}, false},
		{"a wrapper of the user's", w.wrapper, Status{State: On, Program: w.wrapper}, false},
	} {
		write(c.program)
		w.see(t, c.name, c.want)
		if w.repair(t) != c.repairs {
			t.Errorf("%s: repaired: %v", c.name, !c.repairs)
		}
		if c.repairs {
			w.see(t, c.name+", repaired", Status{State: On, Program: w.mine})
		} else {
			w.see(t, c.name+", left alone", c.want)
		}
	}

	if err := w.disable(it); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := w.forget(it); err != nil {
			t.Fatal(err)
		}
		if s, err := w.status(it); err != nil || s.Decided() {
			t.Errorf("forgotten: %+v, %v", s, err)
		}
	}
}

func TestAgents(t *testing.T) {
	w := programs(t)
	var calls []string
	out := ""
	a := agents{dir: filepath.Join(folder(t), "LaunchAgents"), domain: "gui/501", launch: func(args ...string) (string, error) {
		calls = append(calls, strings.Join(args, " "))
		return out, nil
	}}
	w.place = a
	checkPlace(t, w, func(program string) {
		if err := os.WriteFile(a.file(item(w.mine)), []byte(launchAgent(item(program))), 0o600); err != nil {
			t.Fatal(err)
		}
	})

	// Switched off in the settings of the system, as macOS 12 and 13 print it.
	for _, word := range []string{"true", "disabled"} {
		if err := w.enable(item(w.mine)); err != nil {
			t.Fatal(err)
		}
		out = "disabled services = {\n\t\t\"com.apple.x\" => false\n\t\t\"io.github.zeronetscript.universal-p2p\" => " + word + "\n}\n"
		w.see(t, "disabled", Status{})
		if w.repair(t) {
			t.Error("repaired what is off")
		}
		calls = nil
		if err := w.enable(item(w.mine)); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(calls, ", "); got != "print-disabled gui/501, enable gui/501/io.github.zeronetscript.universal-p2p" {
			t.Errorf("launchctl was asked: %s", got)
		}
		out = ""
	}
}

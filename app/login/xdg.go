//go:build unix && !darwin

package login

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// xdg keeps items as files in the autostart folders. A file in an earlier folder hides those of the same name in later ones.
type xdg struct {
	home   string   // $XDG_CONFIG_HOME
	shared []string // $XDG_CONFIG_DIRS
}

func (x xdg) file(dir string, it Item) string {
	return filepath.Join(dir, "autostart", it.ID+".desktop")
}

func (x xdg) status(it Item) (Status, error) {
	for i, dir := range append([]string{x.home}, x.shared...) {
		name := x.file(dir, it)
		text, err := os.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return Status{}, err
		}
		s := x.read(it, string(text))
		s.Where, s.Shared = name, i > 0
		return s, nil
	}
	return Status{}, nil
}

// read says what the text of a file means.
func (x xdg) read(it Item, text string) Status {
	e := parseDesktopFile(text)
	if e.hidden {
		return Status{State: Off}
	}
	if !filepath.IsAbs(e.program) { // as a package may write it
		if path, err := exec.LookPath(e.program); err == nil {
			e.program = path
		}
	}
	s := Status{Program: e.program}
	s.State, s.Gone = it.stateOf(e.program)
	if s.State == Elsewhere && e.try != "" {
		if _, err := exec.LookPath(e.try); err != nil {
			s.Gone = true
		}
	}
	return s
}

// unstartable are the characters in the path of a program that desktops stumble over, however it is quoted: with a systemd session
// over all of them (seen with systemd 252: "Executable name contains special characters"), with GLib over the percent sign.
const unstartable = "\"'`$\\%"

// enable leaves the file of a package in force when it does the same: it keeps up with the package.
func (x xdg) enable(it Item) error {
	if i := strings.IndexAny(it.Exec, unstartable); i >= 0 {
		return fmt.Errorf("%s: many desktops start no program with a %q in its path; move the program, or rename the folder", it.Exec, it.Exec[i])
	}
	if s, err := (xdg{shared: x.shared}).statusShared(it); err == nil && s.State == On && sameFile(s.Program, it.Exec) {
		if err := os.Remove(x.file(x.home, it)); err == nil || errors.Is(err, fs.ErrNotExist) {
			return nil
		}
	}
	return replace(x.file(x.home, it), desktopFile(it, false))
}

// statusShared is what the packages say.
func (x xdg) statusShared(it Item) (Status, error) {
	if len(x.shared) == 0 {
		return Status{}, nil
	}
	return xdg{home: x.shared[0], shared: x.shared[1:]}.status(it)
}

// disable hides rather than removes: a package may have a file of that name, or bring one later.
func (x xdg) disable(it Item) error { return replace(x.file(x.home, it), desktopFile(it, true)) }

func (x xdg) forget(it Item) error {
	if err := os.Remove(x.file(x.home, it)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

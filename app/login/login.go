// Package login has the system start a program when the user logs in, without a question and without rights of an administrator:
// by an XDG autostart file on Linux and the BSDs, a value of the registry's Run key on Windows, a LaunchAgent on macOS.
//
// What the user decided elsewhere counts: in the settings of the desktop, in the Task Manager, in a file of his own.
package login

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// An Item is a program that is started at login. Its methods block on the disk alone, but for macOS, where launchctl is asked.
type Item struct {
	ID      string   // file name or value name in the system, the same in all versions: "universal-p2p"
	Label   string   // the same on macOS, as a reversed domain
	Name    string   // for people
	Comment string   // for people, may be empty
	Icon    string   // name in the icon theme, may be empty
	Exec    string   // the program, an absolute path
	Args    []string // what it gets
}

// A State says whether a program is started at login.
type State int

const (
	Off       State = iota
	On              // it is started, or what the user wrote there himself is
	Elsewhere       // a program of that file name is started that is not Exec: an older place of it, or another copy
)

func (s State) String() string { return [...]string{"off", "on", "elsewhere"}[s] }

// Status is what the system says about an item.
type Status struct {
	State   State
	Program string // that is started, when it is not Off
	Gone    bool   // that program is not there: nothing will be started
	Where   string // the file or the registry value that decides; empty when nobody has ever decided
	Shared  bool   // it is that of a package, for all users of this computer
}

// Decided reports whether somebody has switched the item on or off before, a package counted in.
func (s Status) Decided() bool { return s.Where != "" }

// ErrTemporary is what Enable returns for a program that will not be there at the next login.
var ErrTemporary = errors.New("the program lies in a temporary folder, which may be gone at the next login; move it to where it stays, and start it there")

// ErrUnsupported is what all methods return where no way is known.
var ErrUnsupported = errors.New("this system has no known way to start a program at login")

// A place is where one system keeps items.
type place interface {
	status(it Item) (Status, error)
	enable(it Item) error
	disable(it Item) error
	forget(it Item) error
}

// Status says whether the program is started at login.
func (it Item) Status() (Status, error) { return do(it, place.status) }

// Enable switches the item on, for Exec. A switch that the system has besides, such as the Task Manager's, is set too: it is the
// user who wants this.
func (it Item) Enable() error {
	if Temporary(it.Exec) {
		return fmt.Errorf("start at login: %s: %w", it.Exec, ErrTemporary)
	}
	_, err := do(it, func(p place, it Item) (struct{}, error) { return struct{}{}, p.enable(it) })
	return err
}

// Disable switches the item off, also where a package has switched it on for all users.
func (it Item) Disable() error {
	_, err := do(it, func(p place, it Item) (struct{}, error) { return struct{}{}, p.disable(it) })
	return err
}

// Forget takes away what the user has of the item, also that he has decided. It is for a program that is uninstalled.
func (it Item) Forget() error {
	_, err := do(it, func(p place, it Item) (struct{}, error) { return struct{}{}, p.forget(it) })
	return err
}

// Repair makes an item that is on start Exec, when it names a place where the program was before and is no more. What is off stays
// off, another copy that is there stays, and so does what the user wrote himself.
func (it Item) Repair() (repaired bool, err error) {
	s, err := it.Status()
	if err != nil || !s.needsRepair() || Temporary(it.Exec) {
		return false, err
	}
	return true, it.Enable()
}

func (s Status) needsRepair() bool { return s.State == Elsewhere && s.Gone }

// do calls f for the place of this system.
func do[T any](it Item, f func(place, Item) (T, error)) (out T, err error) {
	if err = it.check(); err == nil {
		var p place
		if p, err = here(); err == nil {
			out, err = f(p, it)
		}
	}
	if err != nil {
		return out, fmt.Errorf("start at login: %w", err)
	}
	return out, nil
}

// check refuses what no place could hold.
func (it Item) check() error {
	if !filepath.IsAbs(it.Exec) {
		return fmt.Errorf("%q is no absolute path", it.Exec)
	}
	for _, s := range append([]string{it.ID, it.Label, it.Name, it.Comment, it.Icon, it.Exec}, it.Args...) {
		if !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) || strings.ContainsAny(s, "\ufffe\uffff") { // the last two are none in XML
			return fmt.Errorf("%q has characters that cannot be written there; rename the folder or the program", s)
		}
	}
	return nil
}

// stateOf says what an item that is on means, from the program that it names.
func (it Item) stateOf(program string) (s State, gone bool) {
	if sameFile(program, it.Exec) {
		return On, false
	}
	if !strings.EqualFold(stem(program), stem(it.Exec)) && !strings.EqualFold(stem(program), it.ID) {
		return On, false // a wrapper of the user's
	}
	info, err := os.Stat(program)
	return Elsewhere, err != nil || info.IsDir()
}

// stem is the name of a program without its folder and without .exe, whatever system the path is of.
func stem(path string) string {
	name := path[strings.LastIndexAny(path, `/\`)+1:]
	if ext := len(name) - len(".exe"); ext > 0 && strings.EqualFold(name[ext:], ".exe") {
		name = name[:ext]
	}
	return name
}

func sameFile(a, b string) bool {
	if filepath.Clean(a) == filepath.Clean(b) {
		return true
	}
	i, err := os.Stat(a)
	if err != nil {
		return false
	}
	j, err := os.Stat(b)
	return err == nil && os.SameFile(i, j)
}

// passing are the folders whose content does not last: those of `go run` and `go test`, and where macOS shows a program that was
// downloaded and never moved, or a disk image.
var passing = regexp.MustCompile(`(?:^|[/\\])go-build\d*[/\\]|/AppTranslocation/|^/Volumes/|^/var/tmp/`)

// Temporary reports whether a program lies where it will not stay.
func Temporary(program string) bool {
	if passing.MatchString(program) {
		return true
	}
	below := func(dir string) bool {
		rel, err := filepath.Rel(dir, program)
		return err == nil && filepath.IsLocal(rel)
	}
	temp := os.TempDir()
	if below(temp) {
		return true
	}
	real, err := filepath.EvalSymlinks(temp) // /tmp is a link on macOS
	return err == nil && below(real)
}

// replace writes a file so that whoever reads it sees the old one or the new one. The folder is made when it is not there.
func replace(name, text string) (err error) {
	dir := filepath.Dir(name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, "."+filepath.Base(name)+".*") // a dot file is no autostart file
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	_, err = f.WriteString(text)
	if err == nil {
		err = f.Chmod(0o644)
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	return err
}

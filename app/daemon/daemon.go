// Package daemon has the system run the program where nobody logs in to a desktop: as a unit of systemd, a service of Windows, a
// daemon of launchd. It is for those who ask for it; a desktop has package login.
//
// kardianos/service talks to the system. The texts are our own: what it would write gives the program more rights than it needs,
// and its unit for a user is wanted by a target that no user's systemd has (kardianos/service#415).
package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/kardianos/service"
)

// Name is that of the service in every system.
const Name = "universal-p2p"

const (
	displayName = "Universal P2P"
	description = "Universal P2P: peer-to-peer content as plain links on this computer"
)

var (
	// ErrUnsupported is what New returns where there is no way.
	ErrUnsupported = errors.New("not supported")
	// ErrInstalled is what Install returns when the service is there already.
	ErrInstalled = errors.New("the service is installed already; `universal-p2p service uninstall` removes it")
	// ErrNotInstalled is what all but Install return when there is no service.
	ErrNotInstalled = errors.New("the service is not installed; `universal-p2p service install` installs it")
	// ErrRights is what all but Status return to a user who may not change services.
	ErrRights = errors.New("this needs the rights of an administrator")
)

// ManagedFlag is the flag of run by which the service manager of Windows starts the program.
const ManagedFlag = "--windows-service"

// Options is what is installed.
type Options struct {
	User    bool   // a service of the user, and not of the computer
	Exec    string // the program, an absolute path
	DataDir string // absolute; empty is the folder that the system has for a service, and for a user's the usual one
}

// A Manager installs and steers the service. Its methods wait for the system.
type Manager struct {
	o   Options
	svc service.Service
}

// New makes a Manager. It changes nothing.
func New(o Options) (*Manager, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	c, err := o.config()
	if err != nil {
		return nil, err
	}
	svc, err := service.New(nil, c)
	if err != nil {
		return nil, fmt.Errorf("service: %w: %w", ErrUnsupported, err)
	}
	if p := svc.Platform(); !slices.Contains([]string{"linux-systemd", "windows-service", "darwin-launchd"}, p) {
		return nil, fmt.Errorf("service: %w: this computer is not run by systemd (but by %s); have it start `universal-p2p run --headless` in its own way", ErrUnsupported, p)
	}
	return &Manager{o, svc}, nil
}

// unstartable are what systemd calls special characters in the name of a program, and those that it would replace.
const unstartable = "\"'\\$%"

func (o Options) check() error {
	for _, path := range []string{o.Exec, o.DataDir} {
		switch {
		case path == "" && path == o.DataDir:
		case !filepath.IsAbs(path):
			return fmt.Errorf("service: %q is no absolute path", path)
		case strings.ContainsFunc(path, func(r rune) bool { return r < ' ' || r == '\ufffd' || r == 0x7f }) || strings.Contains(path, "{{"):
			return fmt.Errorf("service: %q has characters that cannot be written there; rename the folder", path)
		}
	}
	if runtime.GOOS == "linux" && strings.ContainsAny(o.Exec, unstartable) {
		return fmt.Errorf("service: %s: systemd starts no program with one of %s in its path; rename the folder", o.Exec, unstartable)
	}
	if runtime.GOOS == "linux" && !o.User && o.DataDir != "" && o.DataDir != StateDir {
		return fmt.Errorf("service: the data folder of a service of the whole computer is %s, which its user alone can write; leave --data-dir out", StateDir)
	}
	if o.User && runtime.GOOS == "windows" {
		return fmt.Errorf("service: %w: Windows has no services of a user; `universal-p2p login on` starts the program when you log in", ErrUnsupported)
	}
	return nil
}

// config is what kardianos/service is told.
func (o Options) config() (*service.Config, error) {
	c := &service.Config{Name: Name, DisplayName: displayName, Description: description, Executable: o.Exec}
	switch runtime.GOOS {
	case "windows":
		dir := o.DataDir
		if dir == "" {
			// What is in ProgramData everybody can read; what is in the profile of the account nobody but it and administrators.
			dir = filepath.Join(os.Getenv("SystemRoot"), "ServiceProfiles", "LocalService", "AppData", "Local", Name)
		}
		c.Arguments = []string{"run", "--headless", ManagedFlag, "--data-dir", dir}
		c.UserName = `NT AUTHORITY\LocalService` // the account with the fewest rights that has a network
		c.Option = service.KeyValue{"OnFailure": "restart", "OnFailureDelayDuration": "5s"}
	case "darwin":
		user := ""
		if !o.User {
			if user = os.Getenv("SUDO_USER"); user == "" && os.Geteuid() == 0 {
				return nil, errors.New("service: call it by sudo from the account that shall run the program, not as root itself")
			}
		}
		c.Option = service.KeyValue{"UserService": o.User, "RunAtLoad": true, "LaunchdConfig": LaunchdPlist(o, user)}
	default:
		c.Option = service.KeyValue{"UserService": o.User, "SystemdScript": SystemdUnit(o)}
	}
	return c, nil
}

// Install installs the service, to be started with the computer, or with a user's session. It does not start it yet.
func (m *Manager) Install() error {
	if err := m.rights(); err != nil {
		return err
	}
	if _, err := m.Status(); err == nil {
		return fmt.Errorf("service: %w", ErrInstalled)
	}
	if !m.o.User {
		if err := reachable(runtime.GOOS, m.o.Exec, os.Getenv); err != nil {
			return err
		}
	}
	file, err := m.file()
	if err != nil {
		return err
	}
	if _, err := os.Stat(file); err == nil && file != "" {
		return fmt.Errorf("service: %s: %w", file, ErrInstalled)
	}
	if err := m.svc.Install(); err != nil {
		if file != "" { // what failed half-way leaves nothing behind
			if rerr := os.Remove(file); rerr != nil && !errors.Is(rerr, fs.ErrNotExist) {
				err = errors.Join(err, rerr)
			}
		}
		return m.explain("install", err)
	}
	return nil
}

// reachable refuses a program that a service of the whole computer cannot see on a system: it is kept out of everybody's home.
func reachable(system, program string, env func(string) string) error {
	if system == "windows" {
		return reachableOnWindows(program, env)
	}
	if system != "linux" { // launchd runs it as the user who has called sudo
		return nil
	}
	for _, dir := range []string{"/home/", "/root/", "/run/user/", "/tmp/", "/var/tmp/"} {
		if strings.HasPrefix(program, dir) {
			return fmt.Errorf("service: the program lies in %s, where a service of the whole computer is not let in; copy it to /usr/local/bin and call it there, or use --user", dir)
		}
	}
	return nil
}

// reachableOnWindows refuses what lies in a user's profile, which no other account but administrators can read. Setup and MSI
// install there.
func reachableOnWindows(program string, env func(string) string) error {
	users := []string{`C:\Users`, `C:\Documents and Settings`} // the latter leads to the former
	if public := env("PUBLIC"); public != "" {
		users = append(users, folderOf(public)) // they may have been moved
	}
	if home := env("USERPROFILE"); home != "" {
		users = append(users, home) // of a domain, perhaps on a server
	}
	program = slashless(program)
	for _, dir := range users {
		if d := slashless(dir); len(d) > len("C:") && strings.HasPrefix(program, d+`\`) {
			return fmt.Errorf(`service: the program lies in %s, where the service, which runs as LocalService, is not let in; `+
				`put it into a folder like C:\Program Files\Universal P2P, from the .zip of this version, and call it there`, dir)
		}
	}
	return nil
}

// slashless brings paths of Windows into one form, on every system: small letters, backslashes, and no mark of a long path in front.
func slashless(path string) string {
	path = strings.ToLower(strings.ReplaceAll(path, "/", `\`))
	return strings.TrimRight(strings.TrimPrefix(path, `\\?\`), `\`)
}

// folderOf is filepath.Dir for a path of Windows.
func folderOf(path string) string {
	path = strings.TrimRight(strings.ReplaceAll(path, "/", `\`), `\`)
	return path[:max(0, strings.LastIndexByte(path, '\\'))]
}

// Uninstall stops the service and removes it. Its data stays.
func (m *Manager) Uninstall() error {
	if err := m.present(); err != nil {
		return err
	}
	if s, err := m.Status(); err == nil && s == Running {
		if err := m.svc.Stop(); err != nil {
			return m.explain("stop", err)
		}
	}
	return m.explain("uninstall", m.svc.Uninstall())
}

// Start starts the service now.
func (m *Manager) Start() error {
	if err := m.present(); err != nil {
		return err
	}
	return m.explain("start", m.svc.Start())
}

// Stop stops the service until the next start of the computer.
func (m *Manager) Stop() error {
	if err := m.present(); err != nil {
		return err
	}
	return m.explain("stop", m.svc.Stop())
}

// A State says what the service does.
type State string

// What a service can be.
const (
	Running State = "running"
	Stopped State = "stopped"
	Failed  State = "failed" // it ended by a mistake, and is not started again
)

// Status asks the system. [ErrNotInstalled] when there is no service.
func (m *Manager) Status() (State, error) {
	s, err := m.svc.Status()
	switch {
	case errors.Is(err, service.ErrNotInstalled):
		return "", fmt.Errorf("service: %w", ErrNotInstalled)
	case err != nil && strings.Contains(err.Error(), "failed state"):
		return Failed, nil
	case err != nil:
		return "", m.explain("status", err)
	case s == service.StatusRunning:
		return Running, nil
	}
	return Stopped, nil
}

// present checks that there is a service, and that the user may do something about it.
func (m *Manager) present() error {
	if _, err := m.Status(); err != nil {
		return err
	}
	return m.rights()
}

// rights says early and plainly what the system would say late.
func (m *Manager) rights() error {
	switch {
	case runtime.GOOS == "windows": // it says so itself
	case !m.o.User && os.Geteuid() != 0:
		return fmt.Errorf("service: %w: call it with sudo, or use --user for a service of your own", ErrRights)
	case m.o.User && os.Getenv("SUDO_USER") != "":
		return errors.New("service: with --user it is a service of yours, and sudo makes it root's; call it without sudo")
	}
	return nil
}

// explain says what went wrong in words of ours, where there are any.
func (m *Manager) explain(what string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("service: %s: %w: open the terminal by “Run as administrator”", what, ErrRights)
	case errors.Is(err, fs.ErrExist):
		return fmt.Errorf("service: %w", ErrInstalled)
	}
	if runtime.GOOS == "linux" { // of a failing systemctl only the exit code is known here
		who := "systemctl"
		if m.o.User {
			who += " --user"
		}
		return fmt.Errorf("service: %s: systemctl failed (%w); `%s status` says why", what, err, who)
	}
	return fmt.Errorf("service: %s: %w", what, err)
}

// file is where the service is described, or empty when that is no file.
func (m *Manager) file() (string, error) {
	home := ""
	if m.o.User {
		var err error
		if home, err = os.UserHomeDir(); err != nil {
			return "", fmt.Errorf("service: %w", err)
		}
	}
	switch runtime.GOOS {
	case "windows":
		return "", nil
	case "darwin":
		if m.o.User {
			return filepath.Join(home, "Library", "LaunchAgents", Name+".plist"), nil
		}
		return filepath.Join("/Library/LaunchDaemons", Name+".plist"), nil
	}
	if !m.o.User {
		return filepath.Join("/etc/systemd/system", Name+".service"), nil
	}
	config := filepath.Join(home, ".config")
	if dir := os.Getenv("XDG_CONFIG_HOME"); dir != "" && filepath.Clean(dir) != config {
		return "", fmt.Errorf("service: %w: your XDG_CONFIG_HOME is %s, and only units in %s can be installed", ErrUnsupported, dir, config)
	}
	return filepath.Join(config, "systemd", "user", Name+".service"), nil
}

package daemon

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/kardianos/service"
)

// machine is a computer that is run by systemd, as far as anybody can see from the PATH and the home: `systemctl` notes how it is
// called, and answers as the real one does. fails is a word that it does not do.
type machine struct{ home, calls string }

func newMachine(t *testing.T, fails string) machine {
	t.Helper()
	dir := t.TempDir()
	m := machine{home: filepath.Join(dir, "home"), calls: filepath.Join(dir, "calls")}
	bin := filepath.Join(dir, "bin")
	for _, d := range []string{m.home, bin} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	systemctl := `#!/bin/sh
echo "$*" >>` + m.calls + `
state=` + dir + `/state
case "$1" in
"` + fails + `") echo "Failed to connect to bus" >&2; exit 1 ;;
start) echo active >$state ;;
stop) echo inactive >$state ;;
enable) echo inactive >$state ;;
disable) rm -f $state ;;
is-active) test -f $state || { echo inactive; exit 3; }; cat $state; test "$(cat $state)" = active || exit 3 ;;
list-unit-files) test -f $state && echo universal-p2p.service enabled; exit 0 ;;
esac
`
	for name, text := range map[string]string{"systemctl": systemctl, "rpm-ostree": "#!/bin/sh\n"} { // by the latter systemd is known, where it is not process 1
		if err := os.WriteFile(filepath.Join(bin, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	t.Setenv("HOME", m.home)
	t.Setenv("XDG_CONFIG_HOME", "")
	t.Setenv("SUDO_USER", "")
	detect(t)
	return m
}

// detect has kardianos/service look again what runs this computer: it looks once, when the program starts.
func detect(t *testing.T) {
	service.ChooseSystem(service.AvailableSystems()...)
}

func (m machine) called(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile(m.calls)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(m.calls); err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func see(t *testing.T, m *Manager, want State, wantErr error) {
	t.Helper()
	if s, err := m.Status(); s != want || !errors.Is(err, wantErr) {
		t.Errorf("status %q, %v; want %q, %v", s, err, want, wantErr)
	}
}

// A user's service from its installation to its end, with a systemctl that only notes what it is told.
func TestUserService(t *testing.T) {
	pc := newMachine(t, "")
	o := Options{Exec: "/opt/p2p/universal-p2p", User: true}
	m, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	see(t, m, "", ErrNotInstalled)
	for name, do := range map[string]func() error{"start": m.Start, "stop": m.Stop, "uninstall": m.Uninstall} {
		if err := do(); !errors.Is(err, ErrNotInstalled) {
			t.Errorf("%s: %v", name, err)
		}
	}
	pc.called(t)
	if err := m.Install(); err != nil {
		t.Fatal(err)
	}
	if got := pc.called(t); !strings.HasSuffix(got, "enable --user universal-p2p.service\ndaemon-reload --user\n") {
		t.Errorf("install called\n%s", got)
	}
	unit := filepath.Join(pc.home, ".config", "systemd", "user", "universal-p2p.service")
	if text, err := os.ReadFile(unit); err != nil || string(text) != SystemdUnit(o) {
		t.Errorf("the unit is\n%s\n%v", text, err)
	}
	see(t, m, Stopped, nil)
	if err := m.Install(); !errors.Is(err, ErrInstalled) {
		t.Errorf("a second time: %v", err)
	}
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	see(t, m, Running, nil)
	if err := m.Stop(); err != nil {
		t.Fatal(err)
	}
	see(t, m, Stopped, nil)
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	pc.called(t)
	if err := m.Uninstall(); err != nil {
		t.Fatal(err)
	}
	if got := pc.called(t); !strings.Contains(got, "stop --user universal-p2p.service\ndisable --user universal-p2p.service\n") {
		t.Errorf("uninstall called\n%s", got)
	}
	if _, err := os.Stat(unit); !os.IsNotExist(err) {
		t.Errorf("the unit is still there: %v", err)
	}
	see(t, m, "", ErrNotInstalled)
}

// What fails half-way leaves nothing that would be in the way of a second attempt.
func TestInstallFails(t *testing.T) {
	pc := newMachine(t, "enable")
	m, err := New(Options{Exec: "/opt/p2p/universal-p2p", User: true})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := m.Install(); err == nil || !strings.Contains(err.Error(), "`systemctl --user status` says why") || errors.Is(err, ErrInstalled) {
			t.Errorf("install: %v", err)
		}
	}
	if list, err := filepath.Glob(filepath.Join(pc.home, ".config", "systemd", "user", "*")); err != nil || len(list) != 0 {
		t.Errorf("left behind: %q, %v", list, err)
	}
}

func TestRefusals(t *testing.T) {
	newMachine(t, "")
	system, err := New(Options{Exec: "/home/me/universal-p2p"})
	if err != nil {
		t.Fatal(err)
	}
	want := "service: this needs the rights of an administrator: call it with sudo, or use --user for a service of your own"
	if os.Geteuid() == 0 {
		want = "service: the program lies in /home/, where a service of the whole computer is not let in; copy it to /usr/local/bin and call it there, or use --user"
	}
	if err := system.Install(); err == nil || err.Error() != want {
		t.Errorf("the computer's: %v", err)
	}

	if _, err := New(Options{Exec: "/opt/p2p/universal-p2p", DataDir: "/srv"}); err == nil || !strings.Contains(err.Error(), "leave --data-dir out") {
		t.Errorf("another data folder: %v", err)
	}
	if _, err := New(Options{Exec: "/opt/50%/universal-p2p"}); err == nil || !strings.Contains(err.Error(), "rename the folder") {
		t.Errorf("a program that systemd would not start: %v", err)
	}

	user, err := New(Options{Exec: "/opt/p2p/universal-p2p", User: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("SUDO_USER", "me")
	if err := user.Install(); err == nil || !strings.Contains(err.Error(), "without sudo") {
		t.Errorf("by sudo: %v", err)
	}
	t.Setenv("SUDO_USER", "")
	t.Setenv("XDG_CONFIG_HOME", "/elsewhere")
	if err := user.Install(); !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), "XDG_CONFIG_HOME") {
		t.Errorf("another config folder: %v", err)
	}
}

// Without systemd there is no service, and that is said.
func TestNoSystemd(t *testing.T) {
	if comm, err := os.ReadFile("/proc/1/comm"); err != nil || strings.TrimSpace(string(comm)) == "systemd" {
		t.Skip("this computer is run by systemd")
	}
	if _, err := os.Stat("/run/systemd/system"); err == nil {
		t.Skip("this computer is run by systemd")
	}
	t.Setenv("PATH", t.TempDir())
	detect(t)
	_, err := New(Options{Exec: "/opt/p2p/universal-p2p"})
	if !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), "not supported: this computer is not run by systemd") {
		t.Errorf("%v", err)
	}
}

// systemd takes both units, and finds little that the computer's could do.
func TestUnits(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		if os.Getenv("UP2P_REQUIRE_PEERS") == "1" {
			t.Fatal("systemd-analyze is missing, and UP2P_REQUIRE_PEERS=1")
		}
		t.Skip("systemd-analyze is missing")
	}
	dir := t.TempDir()
	t.Setenv("XDG_RUNTIME_DIR", dir)
	program := filepath.Join(dir, "my & own", "universal-p2p")
	if err := os.Mkdir(filepath.Dir(program), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(program, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	exposure := regexp.MustCompile(`Overall exposure level for \S+: (\d+\.\d)`)
	for _, c := range []struct {
		name  string
		o     Options
		flags []string
		most  float64
	}{
		{"system", Options{Exec: program}, nil, 1.5},
		{"user", Options{Exec: program, User: true, DataDir: filepath.Join(dir, `50% of "my" $data`)}, []string{"--user"}, 7},
	} {
		t.Run(c.name, func(t *testing.T) {
			unit := filepath.Join(t.TempDir(), "universal-p2p.service")
			if err := os.WriteFile(unit, []byte(SystemdUnit(c.o)), 0o644); err != nil {
				t.Fatal(err)
			}
			out, err := exec.CommandContext(t.Context(), analyze, append(c.flags, "verify", unit)...).CombinedOutput()
			if err != nil || strings.Contains(string(out), "universal-p2p") {
				t.Errorf("verify: %v\n%s", err, out)
			}
			out, err = exec.CommandContext(t.Context(), analyze, "security", "--offline=yes", "--no-pager", unit).CombinedOutput()
			if err != nil && strings.Contains(string(out), "unrecognized option") {
				t.Skip("this systemd-analyze judges no files")
			}
			found := exposure.FindStringSubmatch(string(out))
			if found == nil {
				t.Fatalf("security: %v\n%s", err, out)
			}
			level, err := strconv.ParseFloat(found[1], 64)
			t.Logf("exposure %s", found[1])
			if err != nil || level > c.most {
				t.Errorf("exposure %s, want %v at most\n%s", found[1], c.most, out)
			}
		})
	}
}

package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A person is an ordinary user of the throw-away computer.
type person struct {
	home string
	cred *syscall.Credential
}

func newPerson(t *testing.T) person {
	t.Helper()
	run(t, "", "useradd", "--create-home", "--shell", "/bin/sh", "tester")
	u, err := user.Lookup("tester")
	if err != nil {
		t.Fatal(err)
	}
	uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	p := person{u.HomeDir, &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	p.run(t, "sh", "-c", "mkdir -p ~/.config/universal-p2p && cat >~/.config/universal-p2p/config.toml <<'EOF'\n"+lonely+"EOF")
	return p
}

func (p person) command(t *testing.T, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = p.home
	cmd.Env = []string{"HOME=" + p.home, "USER=tester", "PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: p.cred, Setsid: true}
	cmd.WaitDelay = time.Second // what it starts may keep the pipes
	return cmd
}

func (p person) run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := p.command(t, name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// start starts the program and waits until it answers.
func (p person) start(t *testing.T, exe string) {
	t.Helper()
	cmd := p.command(t, exe, "run", "--headless")
	var log bytes.Buffer
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { cmd.Wait(); close(done) }()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-done
		if t.Failed() {
			t.Logf("the program said:\n%s", log.Bytes())
		}
	})
	answers(t, true)
}

func (p person) status(t *testing.T, exe string) func() (string, error) {
	return func() (string, error) {
		out, err := p.command(t, exe, "status", "--json").Output()
		return string(out), err
	}
}

// volatile is where installing and removing anything leaves something.
var volatile = []string{"/var/log", "/var/lib/dpkg", "/var/lib/apt", "/var/lib/rpm", "/var/cache", "/var/backups", "/tmp", "/run", "/mnt", "/seeder", "/proc", "/dev",
	"/root", "/usr/share/applications/mimeinfo.cache", "/usr/share/icons/hicolor/icon-theme.cache", "/home/tester"}

// traces are the files that were changed, but for volatile ones.
func traces(t *testing.T) (names []string) {
	t.Helper()
	err := filepath.WalkDir(changed, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(path, changed)
		if slices.Contains(volatile, name) {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if !d.IsDir() {
			names = append(names, name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func lacks(t *testing.T, before []string) {
	t.Helper()
	for _, name := range traces(t) {
		if _, err := os.Lstat(name); err == nil && !slices.Contains(before, name) {
			t.Errorf("left behind: %s", name)
		}
	}
	for _, pattern := range []string{"/var/lib/dpkg/info/universal-p2p.*", "/var/cache/*universal*", "/usr/share/*/universal-p2p*", "/etc/*/*/universal*"} {
		if found, _ := filepath.Glob(pattern); len(found) > 0 {
			t.Errorf("left behind: %q", found)
		}
	}
}

// apt-get installs the .deb, an ordinary user streams with it from libtorrent, it is upgraded while it runs, removed and purged.
func TestDeb(t *testing.T) {
	onThrowAway(t, func(t *testing.T, p packages) {
		need(t, "apt-get")
		tester := newPerson(t)
		before := traces(t)
		apt := func(args ...string) {
			t.Helper()
			run(t, "/", "apt-get", append([]string{"-qq", "-y", "--no-install-recommends"}, args...)...)
		}
		const exe = "/usr/bin/universal-p2p"

		apt("install", p.path("old", "linux-amd64.deb"))
		tester.start(t, exe)
		f := seed(t, "/seeder")
		f.stream(t)
		f.stop()
		magnetIsOptional(t, tester)

		apt("install", p.path("new", "linux-amd64.deb"))
		eventually(t, "the old one goes on", says(oldVersion, tester.status(t, exe)))
		tester.run(t, exe, "quit")
		answers(t, false)
		tester.start(t, exe)
		eventually(t, "the new one", says(newVersion, tester.status(t, exe)))
		f.stream(t) // there is no peer any more: it is out of the store
		run(t, "/", "dpkg", "--verify", program)
		if _, err := exec.LookPath("systemd-analyze"); err == nil {
			out, _ := exec.CommandContext(t.Context(), "systemd-analyze", "verify", "/usr/lib/systemd/system/universal-p2p.service").CombinedOutput()
			if strings.Contains(string(out), "universal-p2p.service:") {
				t.Errorf("systemd-analyze verify: %s", out)
			}
		}
		if out := tester.run(t, "man", "-P", "cat", "universal-p2p"); !strings.Contains(out, "universal-p2p run") {
			t.Errorf("the manual page is not found: %q", out)
		}

		apt("remove", program)
		answers(t, false) // who removes it does not want it to go on
		apt("purge", program)
		lacks(t, before)
		if _, err := os.Stat(filepath.Join(tester.home, ".cache/universal-p2p/store")); err != nil {
			t.Errorf("the user's data has gone: %v", err)
		}
	})
}

// magnetIsOptional has another program that plays magnet links beside ours, and ours is not the one that is taken.
func magnetIsOptional(t *testing.T, p person) {
	t.Helper()
	for _, tool := range []string{"gio", "update-desktop-database"} {
		need(t, tool)
	}
	const other = "[Desktop Entry]\nType=Application\nName=Another\nExec=true %u\nMimeType=x-scheme-handler/magnet;\n"
	p.run(t, "mkdir", "-p", p.home+"/.local/share/applications")
	p.run(t, "sh", "-c", "cat >~/.local/share/applications/another.desktop <<'EOF'\n"+other+"EOF\nupdate-desktop-database ~/.local/share/applications")
	out := p.run(t, "gio", "mime", "x-scheme-handler/magnet")
	if !strings.Contains(out, "universal-p2p-magnet.desktop") {
		t.Errorf("the program cannot be chosen for magnet links: %s", out)
	}
	first, _, _ := strings.Cut(out, "\n")
	if strings.Contains(first, "universal-p2p") {
		t.Errorf("the program has taken magnet links: %s", out)
	}
	p.run(t, "gio", "mime", "x-scheme-handler/magnet", "universal-p2p-magnet.desktop")
	if out := p.run(t, "gio", "mime", "x-scheme-handler/magnet"); !strings.Contains(strings.SplitN(out, "\n", 2)[0], "universal-p2p-magnet.desktop") {
		t.Errorf("the program was chosen for magnet links: %s", out)
	}
}

// rpm installs the .rpm, its program runs, and is removed.
func TestRpm(t *testing.T) {
	onThrowAway(t, func(t *testing.T, p packages) {
		need(t, "rpm")
		tester := newPerson(t)
		before := traces(t)
		run(t, "/", "rpm", "--install", "--nodeps", p.path("old", "linux-amd64.rpm"))
		run(t, "/", "rpm", "--upgrade", "--nodeps", p.path("new", "linux-amd64.rpm"))
		run(t, "/", "rpm", "--verify", "--nodeps", program)
		tester.start(t, "/usr/bin/universal-p2p")
		eventually(t, "the new one", says(newVersion, tester.status(t, "/usr/bin/universal-p2p")))
		run(t, "/", "rpm", "--erase", program)
		answers(t, false)
		lacks(t, before)
	})
}

// An ordinary user unpacks the archive and installs, upgrades while it runs, and uninstalls, without anybody's rights.
func TestArchive(t *testing.T) {
	onThrowAway(t, func(t *testing.T, p packages) {
		tester := newPerson(t)
		for _, which := range []string{"old", "new"} {
			tester.run(t, "tar", "-xzf", p.path(which, "linux-amd64.tar.gz"))
		}
		folder := func(version string) string { return "./" + program + "-" + version + "-linux-amd64/" }
		if out, err := exec.CommandContext(t.Context(), filepath.Join(tester.home, folder(oldVersion), "install.sh")).CombinedOutput(); err == nil {
			t.Errorf("root could install into a home folder: %s", out)
		}
		before := files(t, tester.home)
		autostart := filepath.Join(tester.home, ".config/autostart/universal-p2p.desktop")

		for _, prefix := range []string{tester.home + "/.local", tester.home + "/a $HOME \"b\" 50% & `c` \\d"} {
			exe := prefix + "/bin/universal-p2p"
			tester.run(t, folder(oldVersion)+"install.sh", "--prefix", prefix)
			for _, entry := range []string{prefix + "/share/applications/universal-p2p.desktop", prefix + "/share/applications/universal-p2p-magnet.desktop", autostart} {
				if out := tester.run(t, "desktop-file-validate", entry); out != "" {
					t.Errorf("%s: %s", entry, out)
				}
			}
			tester.start(t, exe)
			f := seed(t, "/seeder")
			f.stream(t)
			f.stop()
			if err := os.Remove(autostart); err != nil { // the user does not want it at login
				t.Error(err)
			}
			if out := tester.run(t, folder(newVersion)+"install.sh", "--prefix", prefix); !strings.Contains(out, "runs again") {
				t.Errorf("the upgrade says %q", out)
			}
			eventually(t, "the new one", says(newVersion, tester.status(t, exe)))
			f.stream(t)
			if _, err := os.Stat(autostart); err == nil {
				t.Error("the upgrade starts it at login, which was switched off")
			}
			tester.run(t, "sh", "-c", `"$1" </dev/null`, "sh", exe+"-uninstall")
			answers(t, false)
			for _, name := range files(t, tester.home) {
				kept := strings.HasPrefix(name, "/.cache/universal-p2p/") || strings.HasPrefix(name, "/.local/state/universal-p2p/")
				if !kept && !slices.Contains(before, name) && !strings.HasSuffix(name, "mimeinfo.cache") {
					t.Errorf("left behind: %s", name)
				}
			}
			if _, err := os.Stat(filepath.Join(tester.home, ".cache/universal-p2p/store")); err != nil {
				t.Errorf("the data has gone: %v", err)
			}
		}
		tester.run(t, folder(newVersion)+"install.sh", "--no-autostart")
		if out := tester.run(t, tester.home+"/.local/bin/universal-p2p", "login", "status"); !strings.HasPrefix(out, "off") {
			t.Errorf("with --no-autostart the start at login is %q", out)
		}
		tester.run(t, tester.home+"/.local/bin/universal-p2p-uninstall", "--purge")
		for _, name := range files(t, tester.home) {
			if strings.Contains(strings.TrimPrefix(name, "/"+program), program) && !slices.Contains(before, name) || strings.HasPrefix(name, "/.cache/"+program) {
				t.Errorf("left behind by --purge: %s", name)
			}
		}
	})
}

func files(t *testing.T, dir string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, strings.TrimPrefix(path, dir))
		}
		return err
	})
	if err != nil {
		t.Fatal(fmt.Errorf("files of %s: %w", dir, err))
	}
	return names
}

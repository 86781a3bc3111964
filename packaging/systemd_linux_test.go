package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// onSystemd runs body as onThrowAway does, on a computer that systemd runs: it is process 1, in a cgroup of its own, and body is one of its
// services.
func onSystemd(t *testing.T, body func(t *testing.T, p packages)) {
	t.Helper()
	if os.Getenv(insideVariable) == t.Name() {
		body(t, packages{shared})
		return
	}
	p := built(t)
	if os.Geteuid() != 0 {
		missing(t, "root, who may install")
	}
	const systemd = "/usr/lib/systemd/systemd"
	need(t, systemd)
	need(t, "unshare")
	if out, err := exec.CommandContext(t.Context(), "unshare", "-m", "mount", "-t", "cgroup2", "probe", t.TempDir()).CombinedOutput(); err != nil {
		missing(t, "the right to have cgroups ("+string(out)+")")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := copyFile(self, filepath.Join(p.dir, "test")); err != nil {
		t.Fatal(err)
	}
	rig, err := filepath.Abs("../app/swarmtest/rig")
	if err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(p.dir, "systemd.log")
	if err := os.Remove(log); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	// The cgroup is left before it is removed, which the kernel may take a moment for.
	const script = `set -e
mount -t tmpfs -o size=3g throwaway "$1"
mkdir "$1/up" "$1/work" "$1/root" "$1/cgroups"
mount -t cgroup2 cgroup2 "$1/cgroups"
own=$(mktemp -d "$1/cgroups/up2p-test-XXXXXX")
chmod 755 "$own"
echo $$ >"$own/cgroup.procs"
mount -t overlay -o "lowerdir=/,upperdir=$1/up,workdir=$1/work" overlay "$1/root"
mkdir -p "$1/root` + shared + `" "$1/root/seeder"
mount --bind "$2" "$1/root` + shared + `"
mount --bind "$3" "$1/root/seeder"
: >"$1/root/etc/fstab"
ip link set lo up
rc=0
unshare -mpfCui --kill-child sh -c "$5" sh "$1/root" "$4" || rc=$?
echo $$ >"$1/cgroups/cgroup.procs"
for try in 1 2 3 4 5; do
	find "$own" -depth -type d -exec rmdir {} \; 2>/dev/null
	[ -d "$own" ] || break
	sleep 1
done
exit $rc`
	// A kernel that is shared with others is left alone: what would set it up finds nothing that it could write. To unshare users, as
	// the unit does, is forbidden behind chroot; so the root is moved.
	const inner = `set -e
cd "$1"
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 dev dev
for node in "null 3" "zero 5" "full 7" "random 8" "urandom 9"; do
	mknod -m 666 "dev/${node% *}" c 1 "${node#* }"
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mount -t tmpfs -o mode=755 run run
mount -t tmpfs -o mode=1777 tmp tmp
mkdir -p run/systemd/system
ln -s /dev/null run/systemd/system/systemd-modules-load.service
printf %s "` + testService + `" | sed "s/@TEST@/$2/" >run/systemd/system/test.service
pivot_root . .
umount -l .
exec env -i container=up2p-test ` + systemd + ` --system --unit=test.service --log-target=null --show-status=no`
	defer func() {
		out, err := os.ReadFile(log)
		t.Logf("inside: %v\n%s", err, out)
		if err == nil && !strings.Contains(string(out), "--- PASS: "+t.Name()) {
			t.Error("the test inside has not passed")
		}
	}()
	inside(t, "-mnpf", nil, "sh", "-c", script, "sh", t.TempDir(), p.dir, rig, t.Name(), inner)
}

// testService runs the test whose name is put into it, and ends the computer with it.
const testService = `[Unit]
SuccessAction=exit-force
FailureAction=exit-force
SuccessActionExitStatus=0
FailureActionExitStatus=1
[Service]
Type=oneshot
WorkingDirectory=/
Environment=` + insideVariable + `=@TEST@ DEBIAN_FRONTEND=noninteractive HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
StandardOutput=file:` + shared + `/systemd.log
StandardError=inherit
ExecStart=` + shared + `/test -test.v -test.run ^@TEST@ -test.timeout 5m
`

// The unit of the package and those that the program writes itself, started by a systemd.
func TestSystemd(t *testing.T) {
	onSystemd(t, func(t *testing.T, p packages) {
		const (
			exe  = "/usr/bin/" + program
			own  = "/usr/local/bin/" + program
			data = "/var/lib/" + program
		)
		tester := newPerson(t)
		apt := func(args ...string) {
			t.Helper()
			run(t, "/", "apt-get", append([]string{"-qq", "-y", "--no-install-recommends"}, args...)...)
		}
		is := func(question, want string) {
			t.Helper()
			out, _ := exec.CommandContext(t.Context(), "systemctl", question, program).Output() // a No is an error as well
			if got := strings.TrimSpace(string(out)); got != want {
				t.Errorf("systemctl %s says %q, want %q\n%s", question, got, want, journal(t))
			}
		}
		status := func() (string, error) {
			out, err := exec.CommandContext(t.Context(), exe, "status", "--json", "--data-dir", data).Output()
			return string(out), err
		}

		apt("install", p.path("old", "linux-amd64.deb"))
		is("is-enabled", "disabled")
		is("is-active", "inactive")
		run(t, "/", "systemctl", "enable", "--now", program)
		eventually(t, "the old one", says(oldVersion, status))
		is("is-enabled", "enabled")
		is("is-active", "active")
		run(t, "/", "systemctl", "stop", program)
		answers(t, false)
		if err := os.WriteFile(data+"/config.toml", []byte(lonely), 0o644); err != nil {
			t.Fatal(err)
		}
		run(t, "/", "systemctl", "start", program)
		answers(t, true)
		f := seed(t, "/seeder")
		f.stream(t)
		f.stop()
		confinedProcess(t)

		apt("install", p.path("new", "linux-amd64.deb"))
		eventually(t, "the new one runs at once", says(newVersion, status))
		f.stream(t) // out of the store
		run(t, "/", "systemctl", "kill", "--signal=SEGV", program)
		eventually(t, "it is started again after a crash", func() error {
			if out := run(t, "/", "systemctl", "show", "--property=NRestarts", "--value", program); strings.TrimSpace(out) != "1" {
				return fmt.Errorf("restarts: %s", out)
			}
			return says(newVersion, status)()
		})
		run(t, "/", exe, "quit", "--data-dir", data)
		answers(t, false)
		eventually(t, "who tells it to end ends it", func() error {
			if out, _ := exec.CommandContext(t.Context(), "systemctl", "is-active", program).Output(); strings.TrimSpace(string(out)) != "inactive" {
				return fmt.Errorf("it is %s", out)
			}
			return nil
		})
		if err := copyFile(exe, own); err != nil {
			t.Fatal(err)
		}
		run(t, "/", "systemctl", "start", program)
		answers(t, true)
		apt("purge", program)
		answers(t, false)
		for _, name := range []string{data, "/var/lib/private/" + program, "/etc/systemd/system/multi-user.target.wants/" + program + ".service"} {
			if _, err := os.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("left behind: %s, %v", name, err)
			}
		}

		// What `service` installs.
		service := func(args ...string) string {
			t.Helper()
			return strings.TrimSpace(run(t, "/", own, append([]string{"service"}, args...)...))
		}
		service("install")
		is("is-enabled", "enabled")
		service("start")
		answers(t, true)
		if got := service("status"); got != "running" {
			t.Errorf("the service is %q", got)
		}
		confinedProcess(t)
		service("stop")
		answers(t, false)
		if got := service("status"); got != "stopped" {
			t.Errorf("the service is %q", got)
		}
		service("uninstall")
		if got := service("status"); got != "not installed" {
			t.Errorf("the service is %q", got)
		}
		userService(t, tester, own)
	})
}

// confinedProcess checks that the running service is somebody who can do nothing else.
func confinedProcess(t *testing.T) {
	t.Helper()
	pid := strings.TrimSpace(run(t, "/", "systemctl", "show", "--property=MainPID", "--value", program))
	text, err := os.ReadFile("/proc/" + pid + "/status")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`Uid:\t[1-9]\d{4}\t`, `NoNewPrivs:\t1\n`, `Seccomp:\t2\n`, `CapBnd:\t0+\n`} {
		if !regexp.MustCompile(want).Match(text) {
			t.Errorf("the process of the service has no %q:\n%s", want, text)
		}
	}
	if list, err := os.ReadDir("/proc/" + pid + "/root/home"); err != nil || len(list) > 0 {
		t.Errorf("the service sees homes: %v, %v", list, err)
	}
}

// userService starts a systemd for a user, as a login does, and has it run the program.
func userService(t *testing.T, tester person, from string) {
	t.Helper()
	dir := fmt.Sprintf("/run/user/%d", tester.cred.Uid)
	run(t, "/", "mkdir", "-p", filepath.Dir(dir))
	run(t, "/", "install", "-d", "-o", "tester", "-g", "tester", "-m", "700", dir)
	if out, err := exec.CommandContext(t.Context(), "systemd-run", "--unit=manager-of-tester", "--uid=tester", "--property=Delegate=yes", "--property=Type=notify",
		"--setenv=XDG_RUNTIME_DIR="+dir, "--setenv=HOME="+tester.home, "/usr/lib/systemd/systemd", "--user").CombinedOutput(); err != nil {
		t.Fatalf("the user's systemd: %v\n%s%s", err, out, journal(t))
	}
	exe := tester.home + "/bin/" + program
	tester.run(t, "mkdir", "bin")
	tester.run(t, "cp", from, exe)
	service := func(name string) string {
		t.Helper()
		return strings.TrimSpace(tester.run(t, "env", "XDG_RUNTIME_DIR="+dir, exe, "service", name, "--user"))
	}
	service("install")
	service("start")
	answers(t, true)
	if got := service("status"); got != "running" {
		t.Errorf("the user's service is %q", got)
	}
	f := seed(t, "/seeder")
	f.stream(t)
	service("stop")
	answers(t, false)
	service("uninstall")
	if got := service("status"); got != "not installed" {
		t.Errorf("the user's service is %q", got)
	}
	run(t, "/", "systemctl", "stop", "manager-of-tester")
}

func journal(t *testing.T) string {
	out, err := exec.CommandContext(t.Context(), "journalctl", "--no-pager", "--lines=30").CombinedOutput()
	if err != nil {
		return err.Error()
	}
	return string(out)
}

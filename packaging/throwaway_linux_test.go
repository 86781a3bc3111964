package main

import (
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// insideVariable says to a test binary that it is inside, and for which test.
const insideVariable = "UP2P_TEST_INSIDE"

// aTest is how long one test may take, without the building.
const aTest = 5 * time.Minute

// Where the packages and what changed are in a throw-away computer.
const (
	shared  = "/mnt/packages"
	changed = "/mnt/changed"
)

// onThrowAway runs body as root on a copy of this computer that is gone afterwards: the same files, where changes go to memory, no
// network but loopback, and no other processes. For that the test binary runs itself, with nothing but the calling test. body finds
// the packages at shared, and what it has changed below changed.
func onThrowAway(t *testing.T, body func(t *testing.T, p packages)) {
	t.Helper()
	if os.Getenv(insideVariable) == t.Name() {
		body(t, packages{shared})
		return
	}
	p := built(t)
	if os.Geteuid() != 0 {
		missing(t, "root, who may install")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	copied := filepath.Join(p.dir, "test") // the one folder that is seen inside
	if err := copyFile(self, copied); err != nil {
		t.Fatal(err)
	}
	const script = `set -e
mount -t tmpfs -o size=3g throwaway "$1"
mkdir "$1/up" "$1/work" "$1/root"
mount -t overlay -o "lowerdir=/,upperdir=$1/up,workdir=$1/work" overlay "$1/root"
mkdir -p "$1/root` + shared + `" "$1/root` + changed + `" "$1/root/seeder"
mount --bind "$2" "$1/root` + shared + `"
mount --bind "$1/up" "$1/root` + changed + `"
mount --bind "$3" "$1/root/seeder"
mount -t proc proc "$1/root/proc"
mount --rbind /dev "$1/root/dev"
ip link set lo up
cd /
exec chroot "$1/root" ` + shared + `/test -test.v -test.run "^$4\$" -test.timeout 5m`
	rig, err := filepath.Abs("../app/swarmtest/rig")
	if err != nil {
		t.Fatal(err)
	}
	inside(t, "-mnpf", nil, "sh", "-c", script, "sh", dir, p.dir, rig, t.Name())
}

// onLoopback runs body where there is no network but loopback, and no other processes.
func onLoopback(t *testing.T, env []string, body func(t *testing.T)) {
	t.Helper()
	if os.Getenv(insideVariable) == t.Name() {
		body(t)
		return
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	own := "-npf"
	if os.Geteuid() != 0 {
		own = "-rnpf"
	}
	inside(t, own, env, "sh", "-c", `ip link set lo up && exec "$0" -test.v -test.run "^$1\$" -test.timeout 5m`, self, t.Name())
}

// inside runs a command in namespaces of its own. When it ends, so does everything that it has started.
func inside(t *testing.T, own string, env []string, args ...string) {
	t.Helper()
	need(t, "unshare")
	need(t, "ip")
	flags := []string{own, "--kill-child", "--mount-proc"}
	ctx, cancel := context.WithTimeout(t.Context(), aTest+30*time.Second)
	defer cancel()
	if out, err := exec.CommandContext(ctx, "unshare", append(flags, "mount", "-t", "tmpfs", "probe", t.TempDir())...).CombinedOutput(); err != nil {
		missing(t, "the right to make namespaces ("+string(out)+")")
	}
	cmd := exec.CommandContext(ctx, "unshare", append(flags, args...)...)
	cmd.Env = slices.Concat(os.Environ(), env, []string{insideVariable + "=" + t.Name(), "DEBIAN_FRONTEND=noninteractive"})
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.CombinedOutput()
	t.Logf("inside:\n%s", out)
	if err != nil {
		t.Error(err)
	}
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	if err := os.Remove(to); err != nil && !os.IsNotExist(err) { // it may be running
		return err
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o755)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}

//go:build linux

package swarmtest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Awake and with nothing to do, the node is hardly there; asleep it is not there at all. The long variant waits until it sleeps.
func TestIPFSIdle(t *testing.T) {
	t.Parallel()
	if raced() {
		t.Skip("the race detector takes memory of its own")
	}
	hub := startKubo(t)
	host := startKubo(t, hub.addr)
	src := newSource(4000, 30*mib)
	root := host.add(write(t, src, filepath.Join(t.TempDir(), "file")), "--cid-version=1")
	p := start(t, settings{IPFS: ipfsSettings{Bootstrap: []string{hub.addr}, Routers: []string{hub.gateway}}})
	before, none := residentKiB(t, p.pid()), sockets(t, p.pid())
	whole(t, src, p.ipfs("ipfs", root, ""), time.Minute)
	time.Sleep(20 * time.Second)
	share := idleShare(t, p.pid())
	awake := residentKiB(t, p.pid())
	t.Logf("before: %.1f MiB; awake: %.1f MiB, %.3f %% of a core, %d sockets more", float64(before)/kib, float64(awake)/kib, share, sockets(t, p.pid())-none)
	if awake > 60*kib {
		t.Errorf("awake: %d KiB resident, want 60 MiB or less", awake)
	}
	if share > mostIdle {
		t.Errorf("awake: %.3f %% of a core, want %v or less", share, mostIdle)
	}
	if !long() {
		return
	}
	eventually(t, 5*time.Minute, "the node sleeps", func() bool { time.Sleep(time.Second); return sockets(t, p.pid()) <= none })
	time.Sleep(5 * time.Second)
	asleep := residentKiB(t, p.pid())
	t.Logf("asleep: %.1f MiB", float64(asleep)/kib)
	if asleep > before+10*kib {
		t.Errorf("asleep: %d KiB resident, %d before", asleep, before)
	}
}

// mostIdle is how much of a core a node may have that is awake and does nothing, in percent.
const mostIdle = 0.2

// idleShare is how much of a core a process has that does nothing, in percent. What comes once in a while (a table that is refreshed, the
// garbage) weighs too much in a short time: then it looks on for as long as the node stays awake. The long variant always does.
func idleShare(t *testing.T, pid int) (share float64) {
	t.Helper()
	const step, most = 20 * time.Second, 120 * time.Second
	cpu, begin := processorTime(t, pid), time.Now()
	for time.Since(begin) < most {
		time.Sleep(step)
		share = 100 * (processorTime(t, pid) - cpu).Seconds() / time.Since(begin).Seconds()
		if share <= mostIdle && !long() {
			break
		}
	}
	return share
}

// sockets counts the sockets of a process.
func sockets(t *testing.T, pid int) (n int) {
	t.Helper()
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	fds, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		if to, err := os.Readlink(filepath.Join(dir, fd.Name())); err == nil && strings.HasPrefix(to, "socket:") {
			n++
		}
	}
	return n
}

//go:build linux

package swarmtest

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// With nothing to do the program is hardly there: memory after a minute, and the processor time of the half minute after that. The DHT
// is on, as it is for everyone.
func TestIdle(t *testing.T) {
	t.Parallel()
	if raced() {
		t.Skip("the race detector takes memory of its own")
	}
	nodes := []string{freeAddr(t), freeAddr(t), freeAddr(t)}
	for i, n := range nodes {
		libtorrent(t, lab{Listen: []string{n}, DHT: nodes[:max(i, 1)]})
	}
	p := start(t, settings{DHT: nodes})
	time.Sleep(time.Minute)
	const span = 30 * time.Second
	before := processorTime(t, p.pid())
	time.Sleep(span)
	share := 100 * (processorTime(t, p.pid()) - before).Seconds() / span.Seconds()
	rss := residentKiB(t, p.pid())
	t.Logf("%.1f MiB resident, %.3f %% of a core", float64(rss)/kib, share)
	if rss > 40*kib {
		t.Errorf("%d KiB resident, want 40 MiB or less", rss)
	}
	if share > 0.2 { // 0.1 is the aim; the clock of a busy machine is coarse
		t.Errorf("%.3f %% of a core", share)
	}
}

// processorTime is what the threads of a process have had of the processor.
func processorTime(t *testing.T, pid int) time.Duration {
	t.Helper()
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil || len(tasks) == 0 {
		t.Fatalf("no threads of process %d: %v", pid, err)
	}
	var sum time.Duration
	for _, path := range tasks {
		data, err := os.ReadFile(path)
		if err != nil {
			continue // the thread has ended
		}
		ns, err := strconv.ParseInt(strings.Fields(string(data))[0], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		sum += time.Duration(ns)
	}
	return sum
}

// residentKiB is VmRSS of /proc/PID/status.
func residentKiB(t *testing.T, pid int) int64 {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.SplitSeq(string(data), "\n") {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			n, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatal("no VmRSS")
	return 0
}

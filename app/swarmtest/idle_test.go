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

// With nothing to do the program is hardly there: memory after a minute, and the processor time of the minute after that. The DHT is
// on, as it is for everyone, and there is an icon.
func TestIdle(t *testing.T) {
	t.Parallel()
	if raced() {
		t.Skip("the race detector takes memory of its own")
	}
	nodes := []string{freeAddr(t), freeAddr(t), freeAddr(t)}
	for i, n := range nodes {
		libtorrent(t, lab{Listen: []string{n}, DHT: nodes[:max(i, 1)]})
	}
	used := idle(t, settings{DHT: nodes})
	if share := used.share(); share > 0.1 { // a third of that was measured
		t.Errorf("%.3f %% of a core, want 0.1 or less", share)
	}
}

// Without the DHT the icon waits to be clicked on, and the disk is left alone. A thread goes to sleep twice a second, all threads together:
// that is what was measured, and the bound is twice that.
func TestIdleQuiet(t *testing.T) {
	t.Parallel()
	if raced() {
		t.Skip("the race detector takes memory of its own")
	}
	used := idle(t, settings{})
	if share := used.share(); share > 0.1 {
		t.Errorf("%.3f %% of a core, want 0.1 or less", share)
	}
	if used.written > 0 {
		t.Errorf("%d bytes written to the disk", used.written)
	}
	if most := 4 * int64(used.span/time.Second); used.switches > most {
		t.Errorf("%d switches in %v, want %d or less", used.switches, used.span, most)
	}
}

// A usageOf is what a process took in a while.
type usageOf struct {
	span     time.Duration
	cpu      time.Duration
	written  int64 // bytes, to the disk
	switches int64 // by themselves: a thread had nothing to do any more, and so had been woken up
}

func (u usageOf) share() float64 { return 100 * u.cpu.Seconds() / u.span.Seconds() }

// idle starts the program on a desktop, waits until the rush of the start is over, also that of the first recycling, and returns what
// it takes in the minute after that, or in ten of them. It judges the memory.
func idle(t *testing.T, s settings) usageOf {
	t.Helper()
	d := newDesktop(t)
	p := prepare(t, s)
	p.face = d.env
	p.launch()
	d.menu()
	time.Sleep(70 * time.Second)
	span := time.Minute
	if long() {
		span = 10 * time.Minute
	}
	measure := func() usageOf {
		return usageOf{0, processorTime(t, p.pid()), procNumber(t, p.pid(), "io", "write_bytes"), switches(t, p.pid())}
	}
	before := measure()
	time.Sleep(span)
	after := measure()
	u := usageOf{span, after.cpu - before.cpu, after.written - before.written, after.switches - before.switches}
	rss := residentKiB(t, p.pid())
	t.Logf("%.1f MiB resident; in %v %.3f %% of a core, %d bytes written (%d at the start), %d switches", float64(rss)/kib, span, u.share(), u.written, before.written, u.switches)
	if rss > 45_000_000/kib {
		t.Errorf("%d KiB resident, want 45 MB or less", rss)
	}
	return u
}

// switches counts how often the threads of a process went to sleep.
func switches(t *testing.T, pid int) (sum int64) {
	t.Helper()
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil || len(tasks) == 0 {
		t.Fatalf("no threads of process %d: %v", pid, err)
	}
	for _, task := range tasks {
		sum += procNumber(t, pid, "task/"+task.Name()+"/status", "voluntary_ctxt_switches")
	}
	return sum
}

// procNumber is a number in a file of /proc/PID, by its name.
func procNumber(t *testing.T, pid int, file, name string) int64 {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.SplitSeq(string(data), "\n") {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			n, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("no %s in %s", name, file)
	return 0
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

// residentKiB is what a process has in memory.
func residentKiB(t *testing.T, pid int) int64 {
	t.Helper()
	return procNumber(t, pid, "status", "VmRSS")
}

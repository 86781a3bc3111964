package app

import (
	"bufio"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// releasePages lets the system take back the pages of the program's own file that this process has mapped. The start touches most of a
// big program once, and each touch maps the pages around it too (do_fault_around in mm/memory.c), so that they would count as memory of
// ours for ever. What is still needed comes back from the page cache when it is touched. Only what nobody can have changed is let go:
// code and constants. When something is in the way, all stays as it is.
func releasePages() {
	self, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	maps, err := os.Open("/proc/self/maps")
	if err != nil {
		return
	}
	defer maps.Close()
	for s := bufio.NewScanner(maps); s.Scan(); {
		from, to, ok := programPages(s.Text(), self)
		if ok {
			unix.Syscall(unix.SYS_MADVISE, from, to-from, unix.MADV_DONTNEED)
		}
	}
}

// programPages reads a line of /proc/PID/maps (proc(5)): ok when it is of the file self, and can only be read or executed.
func programPages(line, self string) (from, to uintptr, ok bool) {
	fields := strings.Fields(line)
	if len(fields) < 6 || fields[1] != "r-xp" && fields[1] != "r--p" || strings.Join(fields[5:], " ") != self {
		return 0, 0, false
	}
	low, high, _ := strings.Cut(fields[0], "-")
	a, errA := strconv.ParseUint(low, 16, 64)
	b, errB := strconv.ParseUint(high, 16, 64)
	return uintptr(a), uintptr(b), errA == nil && errB == nil && a < b
}

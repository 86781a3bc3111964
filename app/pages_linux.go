package app

import (
	"bufio"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// releasePages lets the system take back the pages of the program's own file that this process has mapped. The start touches most of a
// big program once, and each touch maps the pages around it too (do_fault_around in mm/memory.c), so that they would count as memory of
// ours for ever. What is still needed comes back from the page cache when it is touched. Only what nobody has changed is let go: code and
// constants, but no constants that a loader has written first, as in a program that can lie anywhere (RELRO). When something is in the
// way, all stays as it is.
func releasePages() {
	self, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	maps, err := os.Open("/proc/self/smaps")
	if err != nil {
		return
	}
	defer maps.Close()
	for _, p := range unchangedPages(maps, self) {
		unix.Syscall(unix.SYS_MADVISE, p.from, p.to-p.from, unix.MADV_DONTNEED)
	}
}

// pages are those from an address up to another.
type pages struct{ from, to uintptr }

// unchangedPages reads /proc/PID/smaps (proc(5)): the maps of the file self that can only be read or executed, and that have no page of
// their own, here or in the swap.
func unchangedPages(smaps io.Reader, self string) (all []pages) {
	var one pages
	for s := bufio.NewScanner(smaps); s.Scan(); {
		if from, to, ok := programPages(s.Text(), self); ok {
			one = pages{from, to}
			continue
		}
		switch f := strings.Fields(s.Text()); {
		case len(f) < 2:
		case (f[0] == "Anonymous:" || f[0] == "Swap:") && f[1] != "0":
			one = pages{}
		case f[0] == "VmFlags:": // the last line of each
			if one.from < one.to {
				all = append(all, one)
			}
			one = pages{}
		}
	}
	return all
}

// programPages reads the first line of a map in it: ok when it is of the file self, and can only be read or executed.
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

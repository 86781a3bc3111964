package app

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// portOwner names the program that listens on a TCP port, as far as this user may know: others' processes are known to root
// alone. Empty when it is not known.
func portOwner(port uint16) string {
	sockets := make(map[string]bool)
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		listeningOn(table, port, sockets)
	}
	if len(sockets) == 0 {
		return ""
	}
	procs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return ""
	}
	for _, proc := range procs {
		fds, err := os.ReadDir(proc + "/fd")
		if err != nil {
			continue // it has ended, or is somebody else's
		}
		for _, fd := range fds {
			if to, err := os.Readlink(proc + "/fd/" + fd.Name()); err == nil && sockets[to] {
				name, _ := os.ReadFile(proc + "/comm") // without one the number has to do
				return strings.TrimSpace(fmt.Sprintf("%s process %s", printable(string(name)), filepath.Base(proc)))
			}
		}
	}
	return ""
}

// listeningOn adds the sockets in a table of the kernel (proc_pid_net(5)) that listen on port, as links to them look.
func listeningOn(table string, port uint16, sockets map[string]bool) {
	f, err := os.Open(table)
	if err != nil {
		return
	}
	defer f.Close()
	const listening = "0A"
	for lines := bufio.NewScanner(f); lines.Scan(); {
		col := strings.Fields(lines.Text())
		if len(col) < 10 || col[3] != listening {
			continue
		}
		_, hex, _ := strings.Cut(col[1], ":")
		if n, err := strconv.ParseUint(hex, 16, 16); err == nil && uint16(n) == port {
			sockets["socket:["+col[9]+"]"] = true
		}
	}
}

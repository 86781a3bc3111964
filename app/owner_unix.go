//go:build unix

package app

import (
	"io/fs"
	"os"
	"syscall"
)

// ourAlone reports whether what info is of belongs to this user, and nobody else may do anything with it.
func ourAlone(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == os.Geteuid() && info.Mode().Perm()&0o077 == 0
}

// sameOwner gives f the owner and the group of another file, as far as this user may, and reports whether it has the group.
func sameOwner(f *os.File, of fs.FileInfo) bool {
	st, ok := of.Sys().(*syscall.Stat_t)
	if !ok {
		return false
	}
	// An ordinary user gives files to groups that he is in, and to nobody.
	return f.Chown(int(st.Uid), int(st.Gid)) == nil || f.Chown(-1, int(st.Gid)) == nil
}

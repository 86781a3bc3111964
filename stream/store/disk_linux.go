package store

import (
	"os"

	"golang.org/x/sys/unix"
)

// diskSpace returns the bytes that are free to this user on the disk of dir, and the size of its blocks in bytes.
func diskSpace(dir string) (free, unit int64, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, 0, &os.PathError{Op: "statfs", Path: dir, Err: err}
	}
	// Frsize is what is given out at once; Bsize only what is good to read at once. Old kernels leave Frsize empty.
	unit = st.Frsize
	if unit <= 0 {
		unit = st.Bsize
	}
	return int64(st.Bavail) * unit, unit, nil
}

//go:build unix

package store

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// stampOf says when and how large the file is, without allocating. The caller sees to it that f stays open.
func stampOf(f *os.File) (stamp, error) {
	var st unix.Stat_t
	for {
		err := unix.Fstat(int(f.Fd()), &st)
		if err == nil {
			return stamp{mtime: st.Mtim.Nano(), size: st.Size}, nil
		}
		if err != unix.EINTR {
			return stamp{}, &os.PathError{Op: "fstat", Path: f.Name(), Err: err}
		}
	}
}

// noSpace tells errors that deleting something may cure.
func noSpace(err error) bool { return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) }

// syncFile brings the file of c, which is open, to the disk.
func syncFile(c *chunk) error { return c.file.Sync() }

// syncDir makes the names in dir durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// allocated is what a file or folder takes on the disk, in bytes.
func allocated(info fs.FileInfo) int64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return int64(st.Blocks) * 512
	}
	return info.Size()
}

// listFolder returns the files of a folder. Sizes and times cost a look at each file, and are there only when asked for.
func listFolder(dir string, sizes bool) ([]listed, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	entries, err := d.ReadDir(-1)
	files := make([]listed, 0, len(entries))
	for _, e := range entries {
		f := listed{e.Name(), e.Type().IsRegular(), stamp{size: -1}}
		if sizes {
			var st unix.Stat_t
			// By the open folder this is several times cheaper than by path.
			if unix.Fstatat(int(d.Fd()), f.name, &st, unix.AT_SYMLINK_NOFOLLOW) != nil {
				continue // gone, or not to be used
			}
			f.stamp = stamp{st.Mtim.Nano(), st.Size}
		}
		files = append(files, f)
	}
	return files, err
}

// soleName reports whether path is a file that has no other name, so that writing to it changes nobody else's.
func soleName(path string) bool {
	var st unix.Stat_t
	return unix.Lstat(path, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFREG && st.Nlink == 1
}

// rename is os.Rename of a file, without a look at what is there before.
func rename(from, to string) error {
	for {
		err := unix.Rename(from, to)
		if err == nil {
			return nil
		}
		if err != unix.EINTR {
			return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
		}
	}
}

// keepOpen: a file may be renamed while it is open.
const keepOpen = true

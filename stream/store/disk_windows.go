package store

import (
	"errors"
	"io/fs"
	"os"
	"unsafe"

	"golang.org/x/sys/windows"
)

// diskSpace returns the bytes that are free to this user on the disk of dir, and the size of its clusters in bytes.
func diskSpace(dir string) (free, unit int64, err error) {
	name, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return 0, 0, &os.PathError{Op: "GetDiskFreeSpace", Path: dir, Err: err}
	}
	var avail, total, all uint64
	if err := windows.GetDiskFreeSpaceEx(name, &avail, &total, &all); err != nil {
		return 0, 0, &os.PathError{Op: "GetDiskFreeSpaceEx", Path: dir, Err: err}
	}
	return int64(min(avail, 1<<62)), clusterSize(dir), nil
}

// clusterSize asks for the cluster size of the volume of dir; 4 KiB, what NTFS has as a rule, when it does not say.
func clusterSize(dir string) int64 {
	const usual = 4 << 10
	name, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return usual
	}
	var volume [windows.MAX_PATH + 1]uint16
	if err := windows.GetVolumePathName(name, &volume[0], uint32(len(volume))); err != nil {
		return usual
	}
	var sectors, sector, freeClusters, clusters uint32
	ok, _, _ := windows.NewLazySystemDLL("kernel32.dll").NewProc("GetDiskFreeSpaceW").Call(
		uintptr(unsafe.Pointer(&volume[0])), uintptr(unsafe.Pointer(&sectors)), uintptr(unsafe.Pointer(&sector)),
		uintptr(unsafe.Pointer(&freeClusters)), uintptr(unsafe.Pointer(&clusters)))
	if ok == 0 {
		return usual
	}
	return int64(sectors) * int64(sector)
}

// stampOf says when and how large the file is. The caller sees to it that f stays open.
func stampOf(f *os.File) (stamp, error) {
	var d windows.ByHandleFileInformation
	if err := windows.GetFileInformationByHandle(windows.Handle(f.Fd()), &d); err != nil {
		return stamp{}, &os.PathError{Op: "GetFileInformationByHandle", Path: f.Name(), Err: err}
	}
	return stamp{
		mtime: d.LastWriteTime.Nanoseconds(),
		size:  int64(d.FileSizeHigh)<<32 | int64(d.FileSizeLow),
	}, nil
}

// noSpace tells errors that deleting something may cure.
func noSpace(err error) bool {
	return errors.Is(err, windows.ERROR_DISK_FULL) || errors.Is(err, windows.ERROR_HANDLE_DISK_FULL)
}

// syncFile brings the file of c to the disk. Windows flushes only for who may write, and c.file is for reading.
func syncFile(c *chunk) error {
	f, err := os.OpenFile(c.path(), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// syncDir does nothing: Windows cannot flush a folder, and NTFS keeps names in its journal.
func syncDir(string) error { return nil }

// allocated is what a file or folder takes on the disk, in bytes.
func allocated(info fs.FileInfo) int64 { return info.Size() }

// listFolder returns the files of a folder. Windows tells the sizes along with the names.
func listFolder(dir string, _ bool) ([]listed, error) {
	entries, err := os.ReadDir(dir)
	files := make([]listed, 0, len(entries))
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			continue // gone, or not to be used
		}
		files = append(files, listed{e.Name(), e.Type().IsRegular(), stamp{info.ModTime().UnixNano(), info.Size()}})
	}
	return files, err
}

// soleName would have to open the file; hard links are rare here.
func soleName(string) bool { return true }

func rename(from, to string) error {
	return retry(func() error { return os.Rename(from, to) })
}

// keepOpen: a file can be neither renamed nor deleted while it is open.
const keepOpen = false

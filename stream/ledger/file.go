package ledger

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

const (
	tempSuffix  = ".tmp"
	newerSuffix = ".newer" // of a file that a newer version of this program wrote
)

// readFile reads a file of ours as readLines does, and adds the damaged lines to a count. A file that has fewer whole bytes
// than size was torn. One of a newer version is renamed, and one that is not there or was renamed is fs.ErrNotExist.
func readFile(path string, damaged *int, take func(data []byte) bool) (size, whole int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, 0, err
	}
	info, err := f.Stat()
	bad := 0
	if err == nil {
		whole, bad, err = readLines(f, take)
	}
	f.Close()
	if errors.Is(err, errNewer) {
		if err := rename(path, path+newerSuffix); err != nil {
			return 0, 0, err
		}
		return 0, 0, fmt.Errorf("%w: %w", fs.ErrNotExist, errNewer)
	}
	if err != nil {
		return 0, 0, err
	}
	*damaged += bad
	return info.Size(), whole, nil
}

// writeFile writes a file that only its user may read, so that a crash leaves either the old one or the new one.
func writeFile(path string, data []byte) (err error) {
	temp := path + tempSuffix
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = rename(temp, path)
	}
	if err != nil {
		os.Remove(temp)
		return err
	}
	syncDir(filepath.Dir(path))
	return nil
}

// rename replaces a file. On Windows that fails for a moment while a scanner or a backup reads the old one.
func rename(from, to string) (err error) {
	for wait := 10 * time.Millisecond; wait < time.Second; wait *= 2 {
		if err = os.Rename(from, to); err == nil || runtime.GOOS != "windows" {
			return err
		}
		time.Sleep(wait)
	}
	return err
}

// syncDir brings the names in a folder to the disk, on systems that can. Without it a power cut may bring back the old file,
// which is whole as well.
func syncDir(dir string) {
	d, err := os.Open(dir)
	if err != nil {
		return
	}
	d.Sync()
	d.Close()
}

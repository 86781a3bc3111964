package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gofrs/flock"
)

// temporaryName is what the names of temporary data folders begin with.
const temporaryName = dirName + "-data-"

// goneName is in its place in the names of those that are being removed.
const goneName = dirName + "-gone-"

// TryDataDir finds out whether the program can use a data folder, which is made when it is not there. One that a running program has
// is good in any case: that one is asked then.
func TryDataDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, "try-*")
	if err == nil {
		return errors.Join(f.Close(), os.Remove(f.Name()))
	}
	if held(dir) {
		return nil
	}
	return err
}

// TemporaryDataDir returns a data folder for a program that can use no other. It lies where the system has temporary files. A
// second start gets the folder of the first, and finds that one by it; so does one after a crash, which goes on with what is there.
// RemoveTemporary removes it in the end.
func TemporaryDataDir() (string, error) {
	dirs := temporaryDirs()
	for _, dir := range dirs {
		if held(dir) {
			return dir, nil
		}
	}
	if len(dirs) > 0 {
		return dirs[0], nil
	}
	dir, err := os.MkdirTemp("", temporaryName+"*") // mode 0700, and never one that was there
	if err != nil {
		return "", fmt.Errorf("data folder: %w; name one with --data-dir", err)
	}
	return dir, nil
}

// RemoveTemporary removes a folder of TemporaryDataDir, unless another program has it by now. One that comes meanwhile does not find it.
func RemoveTemporary(dir string) error {
	l := flock.New(lockFile(dir))
	ok, err := l.TryLock()
	if errors.Is(err, fs.ErrNotExist) || err == nil && !ok {
		return nil
	}
	gone := filepath.Join(filepath.Dir(dir), goneName+strings.TrimPrefix(filepath.Base(dir), temporaryName))
	if err == nil && os.Rename(dir, gone) == nil {
		dir = gone
	}
	l.Close() // before: Windows moves and removes nothing that is open
	return os.RemoveAll(dir)
}

// DialDefault is [Dial] for a program on dataDir, which is the default one, or on a temporary folder in its stead.
func DialDefault(dataDir string) (*Client, error) {
	for _, dir := range temporaryDirs() {
		if held(dir) && !held(dataDir) {
			return Dial(dir)
		}
	}
	return Dial(dataDir)
}

// temporaryDirs lists the temporary data folders of this user. Everybody can make folders and links there, by any name: what
// belongs to somebody else, or can be read or written by others, is none.
func temporaryDirs() (dirs []string) {
	found, err := os.ReadDir(os.TempDir())
	if err != nil {
		return nil
	}
	for _, entry := range found {
		dir := filepath.Join(os.TempDir(), entry.Name())
		if !strings.HasPrefix(entry.Name(), temporaryName) {
			continue
		}
		if info, err := os.Lstat(dir); err == nil && info.IsDir() && ourAlone(info) {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// held reports whether a running program has a data folder.
func held(dataDir string) bool {
	if _, err := os.Stat(lockFile(dataDir)); err != nil {
		return false
	}
	l := flock.New(lockFile(dataDir))
	ok, err := l.TryLock()
	if ok {
		l.Close()
	}
	return err == nil && !ok
}

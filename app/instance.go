package app

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// ErrRunning is what Run returns when the data folder is in use by another run of the program.
var ErrRunning = errors.New("the program runs already")

// An instance says how to reach a running program. It is written into the data folder as control.json, which only the user can
// read: who can read the token may control the program.
type instance struct {
	Addr  string `json:"addr"` // host:port
	PID   int    `json:"pid"`
	Token string `json:"token"` // bearer of the control API, new at every start
}

// newToken returns a secret with 128 bits or more.
func newToken() string { return rand.Text() }

// lockData makes the data folder and takes it for this process. The lock ends with the process, however that ends.
func lockData(dataDir string) (unlock func() error, err error) {
	if err := os.MkdirAll(dataDir, 0o700); err != nil {
		return nil, fmt.Errorf("data folder: %w; name another with --data-dir", err)
	}
	l := flock.New(lockFile(dataDir))
	ok, err := l.TryLock()
	if err != nil {
		return nil, fmt.Errorf("data folder: lock: %w; name another with --data-dir", err)
	}
	if !ok {
		return nil, fmt.Errorf("%s: %w", dataDir, ErrRunning)
	}
	return l.Close, nil
}

// announce writes control.json and returns what takes it away again.
func announce(dataDir string, in instance) (retract func() error, err error) {
	data, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	if err := replaceFile(controlFile(dataDir), append(data, '\n'), false); err != nil {
		return nil, fmt.Errorf("control file: %w", err)
	}
	return func() error {
		if err := insist(func() error { return os.Remove(controlFile(dataDir)) }); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("control file: %w", err)
		}
		return nil
	}, nil
}

// readInstance returns what the program on dataDir announced, or fs.ErrNotExist. The program may have died since.
func readInstance(dataDir string) (instance, error) {
	var in instance
	data, err := os.ReadFile(controlFile(dataDir))
	if err != nil {
		return in, fmt.Errorf("control file: %w", err)
	}
	if err := json.Unmarshal(data, &in); err != nil {
		return in, fmt.Errorf("control file: %w", err)
	}
	if _, err := parseAddr(in.Addr); err != nil { // the token must not go anywhere else
		return in, fmt.Errorf("control file: %w", err)
	}
	return in, nil
}

// firstQuota returns the quota that the first start on dataDir chose, in bytes. At the first start it is choose's, and noted.
// Without that the quota would shrink with the free space that the content itself takes.
func firstQuota(dataDir string, choose func() (int64, error)) (int64, error) {
	name := quotaFile(dataDir)
	data, err := os.ReadFile(name)
	if err == nil {
		if n, err := strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64); err == nil && n >= minQuota {
			return n, nil
		} // a damaged file: choose again
	} else if !errors.Is(err, fs.ErrNotExist) {
		return 0, fmt.Errorf("remembered quota: %w", err)
	}
	n, err := choose()
	if err != nil {
		return 0, err
	}
	if err := replaceFile(name, []byte(strconv.FormatInt(n, 10)+"\n"), true); err != nil {
		return 0, fmt.Errorf("remembered quota: %w", err)
	}
	return n, nil
}

// replaceFile replaces the file called name, readable by the user alone. Whoever reads it sees the old file or the new one. When
// lasting is true that holds for a power cut too, and the call waits for the disk.
func replaceFile(name string, data []byte, lasting bool) error {
	return replaceFileAs(name, data, lasting, nil)
}

// replaceFileAs is replaceFile for a file that may be what the old one was, which like is of, unless it is nil: to the same people.
func replaceFileAs(name string, data []byte, lasting bool, like fs.FileInfo) (err error) {
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	if like != nil {
		mode := like.Mode().Perm()
		if !sameOwner(f, like) {
			mode &^= 0o070 // another group got nothing of it
		}
		f.Chmod(mode) // where that cannot be, it is for the user alone
	}
	_, err = f.Write(data)
	if err == nil && lasting {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	return insist(func() error { return os.Rename(f.Name(), name) })
}

// insist calls f until it works, for half a second at most. On Windows a file cannot be removed or replaced while somebody
// reads it, and the commands that wait for the program read control.json now and then.
func insist(f func() error) (err error) {
	for range 50 {
		if err = f(); err == nil || errors.Is(err, fs.ErrNotExist) {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
	return err
}

// FirstLogin reports whether nobody has asked this before on the data folder, which is there: the start at login is set up once, and then it is
// the user's. The answer true is given once, whatever the caller makes of it.
func FirstLogin(dataDir string) (bool, error) {
	f, err := os.OpenFile(loginFile(dataDir), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("remembered start at login: %w", err)
	}
	return true, errors.Join(f.Sync(), f.Close())
}

//go:build linux

package swarmtest

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

// usage is what du says of dir: the bytes of the blocks that its files take.
func usage(dir string) int64 {
	var sum int64
	filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil // gone meanwhile
		}
		if info, err := d.Info(); err == nil {
			sum += info.Sys().(*syscall.Stat_t).Blocks * 512
		}
		return nil
	})
	return sum
}

// A meter looks at the size of a directory every 50 ms.
type meter struct {
	stop chan struct{}
	wg   sync.WaitGroup
	peak int64
}

func measure(t *testing.T, dir string) *meter {
	m := &meter{stop: make(chan struct{})}
	m.wg.Go(func() {
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			m.peak = max(m.peak, usage(dir))
			select {
			case <-tick.C:
			case <-m.stop:
				return
			}
		}
	})
	t.Cleanup(func() { m.end() })
	return m
}

// end stops the meter and returns the biggest size it has seen, in bytes.
func (m *meter) end() int64 {
	select {
	case <-m.stop:
	default:
		close(m.stop)
	}
	m.wg.Wait()
	return m.peak
}

// sumFile is the SHA-256 of a file.
func sumFile(t *testing.T, path string) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(h.Sum(nil))
}

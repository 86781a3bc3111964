package store

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// crashDir is set in the child of TestKill, whose store is there.
const crashDir = "STORE_TEST_CRASH_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		if err := fillForEver(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

func crashSpec() Spec { return testSpec("film", 300*50_000-1, 50_000) }

// fillForEver fills and discards chunks, and says so: "+ i" after a commit, "- i" before a discard.
func fillForEver(dir string) error {
	s, err := Open(dir, Options{Quota: 64 * mib})
	if err != nil {
		return err
	}
	o, err := s.Object(crashSpec())
	if err != nil {
		return err
	}
	fmt.Println("ready")
	for n := 0; ; n++ {
		i := rand.IntN(o.Chunks())
		switch {
		case o.Has(i) && rand.IntN(3) == 0:
			fmt.Println("-", i)
			err = o.Discard(i)
		case !o.Has(i):
			if err = tryPut(o, i); err == nil {
				fmt.Println("+", i)
			}
		}
		if n%10 == 0 && err == nil {
			err = s.WriteMeta("test", "film", "count", fmt.Appendf(nil, "%08d", n))
		}
		if err != nil {
			return err
		}
	}
}

// TestKill kills a process in the middle of its work, twenty times, and looks at what it leaves: every chunk that was
// committed, no other, and nothing else.
func TestKill(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Skip("no executable to start again: ", err)
	}
	dir := t.TempDir()
	committed := make(map[int]bool)
	kills := 20
	if testing.Short() {
		kills = 3
	}
	parts := 0
	for round := range kills {
		runAndKill(t, exe, dir, committed)
		parts += countFiles(t, dir, partSuffix) + countFiles(t, dir, tempSuffix)

		s, err := Open(dir, Options{Quota: 64 * mib, Log: testLog(t)})
		if err != nil {
			t.Fatal(err)
		}
		o, err := s.Object(crashSpec())
		if err != nil {
			t.Fatal(err)
		}
		unsaid := 0
		for i := range o.Chunks() {
			err := get(t, o, i)
			switch here := err == nil; {
			case err != nil && !errors.Is(err, ErrMissing):
				t.Errorf("round %d: chunk %d: %v", round, i, err)
			case committed[i] && !here:
				t.Errorf("round %d: chunk %d is lost", round, i)
			case !committed[i] && here: // it died before it could say so, or before it discarded it
				committed[i] = true
				unsaid++
			}
		}
		if unsaid > 1 {
			t.Errorf("round %d: %d chunks are here that nobody committed", round, unsaid)
		}
		if b, err := s.ReadMeta("test", "film", "count"); err == nil && len(b) != 8 || err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("round %d: a side file has %q, %v", round, b, err)
		}
		if n := countFiles(t, dir, partSuffix) + countFiles(t, dir, tempSuffix); n > 0 {
			t.Errorf("round %d: %d files of the crash are left", round, n)
		}
		if used := s.Usage().Used; used < du(t, dir) {
			t.Errorf("round %d: used %d, du %d", round, used, du(t, dir))
		}
		o.Close()
		s.Close()
	}
	t.Logf("%d chunks survived %d kills, which left %d unfinished files", len(committed), kills, parts)
}

// runAndKill keeps committed right while the child lives.
func runAndKill(t *testing.T, exe, dir string, committed map[int]bool) {
	t.Helper()
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), crashDir+"="+dir)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		var sign string
		var i int
		if lines.Text() == "ready" {
			go func() {
				time.Sleep(time.Duration(rand.IntN(60_000)) * time.Microsecond)
				cmd.Process.Kill()
			}()
		} else if _, err := fmt.Sscan(lines.Text(), &sign, &i); err != nil {
			t.Errorf("the child says %q", lines.Text())
		} else if sign == "+" {
			committed[i] = true
		} else {
			delete(committed, i)
		}
	}
	cmd.Wait()
	if stderr.Len() > 0 {
		t.Fatalf("the child failed: %s", &stderr)
	}
}

func countFiles(t *testing.T, dir, suffix string) (n int) {
	t.Helper()
	filepath.WalkDir(dir, func(path string, _ fs.DirEntry, _ error) error {
		if strings.HasSuffix(path, suffix) {
			n++
		}
		return nil
	})
	return n
}

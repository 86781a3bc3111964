//go:build linux

package swarmtest

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"golang.org/x/sync/semaphore"
)

// scratch is where everything of a run lives: the binary and the content that seeders share. TestMain makes and removes it.
var scratch string

func TestMain(m *testing.M) {
	flag.Parse()
	// Most tests wait rather than work: for a timeout, for a slow peer. Those that need the processor take turns (see alone).
	// Nobody waits for a place of the testing package: one who has a turn and waits for a place, and all who have a place and
	// wait for a turn, would wait for ever.
	if f := flag.Lookup("test.parallel"); f != nil {
		f.Value.Set("1000")
	}
	dir, err := os.MkdirTemp("", "swarmtest-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "swarmtest:", err)
		os.Exit(1)
	}
	scratch = dir
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// turns is how many tests may keep the processor busy at the same time.
const turns = 3

var processor = semaphore.NewWeighted(turns)

// turn waits until fewer than turns other tests keep the processor busy; then t is one of them until it ends. Tests that only
// wait (for a timeout, for a slow peer) need none.
func turn(t *testing.T) { take(t, 1) }

// alone is turn for a test that judges speed or moves much data: it keeps all others out.
func alone(t *testing.T) { take(t, turns) }

func take(t *testing.T, n int64) {
	t.Helper()
	if err := processor.Acquire(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { processor.Release(n) })
}

// raced reports whether the program under test carries the race detector.
func raced() bool { return os.Getenv("UP2P_RACE") == "1" }

// long reports whether the long variants are wanted.
func long() bool { return os.Getenv("UP2P_LONG") == "1" }

// missing ends a test that lacks a program of someone else.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("UP2P_REQUIRE_PEERS") == "1" {
		t.Fatalf("%s is missing, and UP2P_REQUIRE_PEERS=1", what)
	}
	t.Skipf("%s is missing: not tested against it", what)
}

// lookPath finds a program of someone else.
func lookPath(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		missing(t, name)
	}
	return path
}

var buildOnce = sync.OnceValues(func() (string, error) {
	if bin := os.Getenv("UP2P_BIN"); bin != "" {
		return filepath.Abs(bin)
	}
	bin := filepath.Join(scratch, "universal-p2p")
	args := []string{"build", "-o", bin}
	cgo := "CGO_ENABLED=0"
	if raced() {
		args = append(args, "-race", "-tags", "nosqlite")
		cgo = "CGO_ENABLED=1"
	}
	cmd := exec.Command("go", append(args, "../universal-p2p")...)
	cmd.Env = append(os.Environ(), cgo)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the program: %w\n%s", err, out)
	}
	return bin, nil
})

// built is the path of the program under test, built once.
func built(t *testing.T) string {
	t.Helper()
	bin, err := buildOnce()
	if err != nil {
		t.Fatal(err)
	}
	return bin
}

package app

import (
	"fmt"
	"maps"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// checkGoroutines fails the test when, at its end, goroutines are there that were not there when it was called, and shows what
// they do. Call it first: what is cleaned up is cleaned up before the look.
func checkGoroutines(t *testing.T) {
	t.Helper()
	before := goroutines()
	t.Cleanup(func() {
		var more []string
		for range 100 { // net/http lets the goroutines of closed connections end on their own
			if more = extra(before, goroutines()); len(more) == 0 {
				return
			}
			time.Sleep(50 * time.Millisecond)
		}
		t.Errorf("goroutines are left:\n\n%s", strings.Join(more, "\n\n"))
	})
}

// extra lists what after has and before has not.
func extra(before, after map[string]int) (more []string) {
	for _, stack := range slices.Sorted(maps.Keys(after)) {
		if n := after[stack] - before[stack]; n > 0 {
			more = append(more, fmt.Sprintf("%d more of\n%s", n, stack))
		}
	}
	return more
}

var variable = regexp.MustCompile(`\(0x[^)]*\)|\([^)]*\.\.\.[^)]*\)|\+0x[0-9a-f]+|0x[0-9a-f]+|in goroutine \d+`)

// goroutines counts the other goroutines by their stacks, without what differs between two of the same kind.
func goroutines() map[string]int {
	buf := make([]byte, 4<<20)
	buf = buf[:runtime.Stack(buf, true)]
	_, others, _ := strings.Cut(string(buf), "\n\n") // the first is the caller
	count := map[string]int{}
	for g := range strings.SplitSeq(others, "\n\n") {
		_, stack, _ := strings.Cut(g, "\n")
		count[strings.TrimSpace(variable.ReplaceAllString(stack, ""))]++
	}
	return count
}

// The check itself must see a goroutine that stays.
func TestGoroutineCheck(t *testing.T) {
	before := goroutines()
	stay, gone := make(chan struct{}), make(chan struct{})
	go func() { defer close(gone); <-stay }()
	for len(extra(before, goroutines())) == 0 {
		time.Sleep(time.Millisecond) // it may not run yet
	}
	more := extra(before, goroutines())
	if len(more) != 1 || !strings.Contains(more[0], "TestGoroutineCheck") {
		t.Errorf("saw %q", more)
	}
	close(stay)
	<-gone
}

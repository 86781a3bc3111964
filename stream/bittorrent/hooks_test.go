package bittorrent

import (
	"testing"
	_ "unsafe" // for go:linkname
)

//go:linkname librarySelfCheckDue github.com/anacrolix/torrent/internal/amortize.Try
func librarySelfCheckDue() bool

// The library panics when its books disagree, which those of a v2 torrent do while its piece layers come in.
func TestLibraryDoesNotCheckItself(t *testing.T) {
	if _, err := newHooks(); err != nil {
		t.Fatal(err)
	}
	for range 1 << 20 {
		if librarySelfCheckDue() {
			t.Fatal("the library is about to check its books")
		}
	}
}

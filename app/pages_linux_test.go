package app

import (
	"os"
	"strings"
	"testing"
)

func TestProgramPages(t *testing.T) {
	for line, want := range map[string][2]uintptr{
		"00400000-01771000 r-xp 00000000 fe:00 123                     /opt/a b/program": {0x400000, 0x1771000},
		"01771000-03180000 r--p 01371000 fe:00 123                     /opt/a b/program": {0x1771000, 0x3180000},
		"03180000-033a3000 rw-p 02d80000 fe:00 123                     /opt/a b/program": {}, // somebody wrote here
		"033a3000-033f0000 r--p 00000000 fe:00 124                     /opt/a":           {},
		"7fff1000-7fff2000 r--p 00000000 00:00 0                       [vvar]":           {},
		"7fff1000-7fff2000 r--p 00000000 00:00 0":                                        {},
		"x-y r--p 00000000 fe:00 123 /opt/a b/program":                                   {},
		"": {},
	} {
		from, to, ok := programPages(line, "/opt/a b/program")
		if ok != (want[1] > 0) || ok && (from != want[0] || to != want[1]) {
			t.Errorf("%q: %x to %x, %v", line, from, to, ok)
		}
	}
}

// What is let go comes back when it is needed.
func TestReleasePages(t *testing.T) {
	before, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		releasePages()
		if strings.Repeat("ab", 3) != "ababab" {
			t.Fatal("code or constants have gone")
		}
	}
	after, err := os.ReadFile("/proc/self/maps")
	if err != nil || len(after) == 0 || len(before) == 0 {
		t.Fatal(err)
	}
}

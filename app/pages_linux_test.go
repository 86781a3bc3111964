package app

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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

// What a loader has written is no constant of the file.
func TestUnchangedPages(t *testing.T) {
	const smaps = `00400000-01771000 r-xp 00000000 fe:00 123 /opt/program
Size:              19908 kB
Anonymous:             0 kB
Swap:                  0 kB
VmFlags: rd ex mr mw me
01771000-01900000 r--p 01371000 fe:00 123 /opt/program
Anonymous:             4 kB
Swap:                  0 kB
VmFlags: rd mr mw me ac
01900000-01a00000 r--p 01371000 fe:00 123 /opt/program
Anonymous:             0 kB
Swap:                  8 kB
VmFlags: rd mr mw me ac
01a00000-01b00000 rw-p 01371000 fe:00 123 /opt/program
Anonymous:             0 kB
VmFlags: rd wr mr mw me ac
01b00000-01c00000 r--p 01371000 fe:00 123 /opt/program
Anonymous:             0 kB
VmFlags: rd mr mw me
`
	want := []pages{{0x400000, 0x1771000}, {0x1b00000, 0x1c00000}}
	if got := unchangedPages(strings.NewReader(smaps), "/opt/program"); !slices.Equal(got, want) {
		t.Errorf("%x, want %x", got, want)
	}
}

// What is let go comes back when it is needed, in each kind of program. The test starts itself, built in another way.
func TestReleasePages(t *testing.T) {
	for range 3 {
		releasePages()
		if fmt.Sprint(errors.New(strings.Repeat("ab", 3))) != "ababab" {
			t.Fatal("code or constants have gone")
		}
	}
	if os.Getenv(pieVariable) != "" || testing.Short() {
		return
	}
	exe := filepath.Join(t.TempDir(), "pie.test")
	build := exec.CommandContext(t.Context(), "go", "test", "-c", "-buildmode=pie", "-o", exe, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	run := exec.CommandContext(t.Context(), exe, "-test.run=^TestReleasePages$")
	run.Env = append(os.Environ(), pieVariable+"=1")
	if out, err := run.CombinedOutput(); err != nil {
		t.Errorf("a program that can lie anywhere: %v: %s", err, out)
	}
}

const pieVariable = "UP2P_PIE_TEST"

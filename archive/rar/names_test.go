package rar

import (
	"slices"
	"testing"
)

func TestNextName(t *testing.T) {
	for _, c := range []struct {
		name string
		old  bool
		want string
	}{
		{"a.part1.rar", false, "a.part2.rar"},
		{"a.part9.rar", false, "a.part10.rar"},
		{"a.part09.rar", false, "a.part10.rar"},
		{"a.part0001.rar", false, "a.part0002.rar"},
		{"A.PART99.RAR", false, "A.PART100.RAR"},
		{"a.part1.exe", false, "a.part2.rar"},
		{"a.part1.EXE", false, "a.part2.RAR"},
		{"a.part2of5.rar", false, "a.part3of5.rar"},
		{"2012.part1.2019.rar", false, "2012.part1.2020.rar"},
		{"film 2024 cd1.rar", false, "film 2024 cd2.rar"},
		{"a.rar", false, ""},
		{"a", false, ""},
		{"", false, ""},
		{"a.part1234567890.rar", false, ""},
		{"a.rar", true, "a.r00"},
		{"A.RAR", true, "A.R00"},
		{"a.exe", true, "a.r00"},
		{"a.sfx", true, "a.r00"},
		{"a.r00", true, "a.r01"},
		{"a.r99", true, "a.s00"},
		{"A.R99", true, "A.S00"},
		{"a.z99", true, ""},
		{"a.001", true, ""},
		{"a", true, ""},
		{"", true, ""},
	} {
		if got := nextName(c.name, c.old); got != c.want {
			t.Errorf("behind %q, old %v: %q, want %q", c.name, c.old, got, c.want)
		}
	}
}

func TestFirstNames(t *testing.T) {
	for _, c := range []struct {
		name string
		want string // the first of several
	}{
		{"a.part2.rar", "a.part1.rar"},
		{"a.part10.rar", "a.part01.rar"},
		{"a.part003.rar", "a.part001.rar"},
		{"A.PART02.RAR", "A.PART01.RAR"},
		{"a.part1.rar", ""},
		{"a.part01.exe", ""},
		{"a.rar", ""},
		{"a.r00", "a.rar"},
		{"a.s17", "a.rar"},
		{"A.R05", "A.RAR"},
		{"a.x", ""},
		{"a.q00", ""},
		{"", ""},
		{"r00", ""},
		{"...", ""},
		{"film 2.rar", ""}, // may be the second film
	} {
		got := firstNames(c.name)
		if c.want == "" && got != nil || c.want != "" && (len(got) == 0 || got[0] != c.want) {
			t.Errorf("before %q: %q, want %q", c.name, got, c.want)
		}
	}
	if got := firstNames("a.part10.rar"); !slices.Contains(got, "a.part1.rar") || !slices.Contains(got, "a.part1.exe") {
		t.Errorf("before a.part10.rar: %q", got)
	}
	if got := firstNames("a.r00"); !slices.Contains(got, "a.exe") || !slices.Contains(got, "a.RAR") {
		t.Errorf("before a.r00: %q", got)
	}
}

func TestFirstsBefore(t *testing.T) {
	for _, c := range []struct {
		name   string
		number int64
		want   string
	}{
		{"cd3.rar", 2, "cd1.rar"},
		{"cd12.rar", 2, "cd10.rar"},
		{"cd3.rar", -1, "cd1.rar"},
		{"cd3.rar", 9, ""},
		{"cd3.rar", 0, ""},
		{"a.rar", 2, ""},
	} {
		got := firstsBefore(c.name, c.number)
		if c.want == "" && got != nil || c.want != "" && (len(got) == 0 || got[0] != c.want) {
			t.Errorf("before %q, which is volume %d: %q, want %q", c.name, c.number, got, c.want)
		}
	}
}

// Names lead on and on, but never to themselves.
func FuzzNames(f *testing.F) {
	for _, s := range []string{"a.part1.rar", "a.r99", "a.z99", "1.rar", "a.part999999999.rar", ".part1", "ä.rar"} {
		f.Add(s, false)
		f.Add(s, true)
	}
	f.Fuzz(func(t *testing.T, name string, old bool) {
		for _, first := range append(firstNames(name), firstsBefore(name, 3)...) {
			if first == "" || first == name && firstNames(name) != nil {
				t.Errorf("%q is before %q", first, name)
			}
		}
		seen := map[string]bool{name: true}
		for range 300 {
			if name = nextName(name, old); name == "" {
				return
			}
			if seen[name] {
				t.Fatalf("%q follows itself", name)
			}
			seen[name] = true
		}
	})
}

package store

import (
	"strings"
	"testing"
)

func TestCheckName(t *testing.T) {
	for name, ok := range map[string]bool{
		"a": true, "bittorrent": true, "0123456789abcdef": true, "v1.2_3-x": true, "bafybeigdyrzt5": true,
		strings.Repeat("a", maxNameLen): true, strings.Repeat("a", maxNameLen+1): false,
		"": false, ".": false, "..": false, ".hidden": false, "dot.": false, "a/b": false, `a\b`: false, "A": false, "ä": false,
		"a b": false, "a\x00": false, "a:b": false, "con": false, "nul.txt": false, "com1": false, "lpt9.x": false,
		"com": true, "comb": true, "console": true,
	} {
		if err := checkName("a test", name); (err == nil) != ok {
			t.Errorf("checkName(%q) = %v", name, err)
		}
	}
}

func TestParseChunkName(t *testing.T) {
	for s, want := range map[string]chunkName{
		"0":             {},
		"17":            {i: 17},
		"17.part":       {i: 17, part: true},
		"1023-0000beef": {i: 1023, sum: 0xbeef, summed: true},
	} {
		if got, ok := parseChunkName(s); !ok || got != want {
			t.Errorf("parseChunkName(%q) = %+v, %v", s, got, ok)
		}
	}
	for _, s := range []string{"", "x", "-1", "+1", "01", "1.", "1.part.part", "1-", "1-beef", "1-0000BEEF", "1-0000beef.part",
		"1-0000beef0", "99999999999", ".part", "1 ", "１"} {
		if got, ok := parseChunkName(s); ok {
			t.Errorf("parseChunkName(%q) = %+v", s, got)
		}
	}
}

// FuzzChunkName: no file name is taken for a chunk that the store would not write itself.
func FuzzChunkName(f *testing.F) {
	for _, s := range []string{"0", "17.part", "1023-0000beef", "object.json", "-1", "1-", "01"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if n, ok := parseChunkName(s); ok && n.String() != s {
			t.Errorf("%q is read as %+v, which is written %q", s, n, n.String())
		}
	})
}

package store

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestUnsetClock: what was used while the clock stood at 1970, or is to be used next year only, is not the first to go.
func TestUnsetClock(t *testing.T) {
	for said, want := range map[string]time.Duration{
		"1970-01-01T00:05:00Z": 0,
		time.Now().Add(1000 * time.Hour).UTC().Format(time.RFC3339):  0,
		time.Now().Add(-1000 * time.Hour).UTC().Format(time.RFC3339): 1000 * time.Hour,
	} {
		dir := t.TempDir()
		s := openStore(t, dir, 8*mib)
		o := openObject(t, s, testSpec("film", 4*mib, mib))
		put(t, o, 0)
		o.Close()
		must(t, s.Close())
		file := filepath.Join(dir, "objects", "test", "film", recordFile)
		data, err := os.ReadFile(file)
		must(t, err)
		before, rest, ok := strings.Cut(string(data), `"last_access": "`)
		_, after, ok2 := strings.Cut(rest, `"`)
		if !ok || !ok2 {
			t.Fatalf("%s", data)
		}
		must(t, os.WriteFile(file, []byte(before+`"last_access": "`+said+`"`+after), 0o600))
		s = openStore(t, dir, 8*mib)
		if age := time.Since(s.Roots()[0].LastAccess); (age - want).Abs() > time.Minute {
			t.Errorf("%s: used %v ago", said, age)
		}
		must(t, s.Close())
	}
}

package app

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/zeronetscript/universal_p2p/assets"
)

// How the code says that something is wrong, with the ID.
var problemID = regexp.MustCompile(`(?:web\.Problem\{\s*ID: |\breasoned\(|\.Set\()"([a-z]+)",|problemTray += +"([a-z]+)"`)

// Every problem that the program can have has words in every language, with the same values in all.
func TestProblemsHaveWords(t *testing.T) {
	ids := make(map[string]bool)
	err := filepath.WalkDir(".", func(name string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return err
		}
		text, err := os.ReadFile(name)
		for _, m := range problemID.FindAllStringSubmatch(string(text), -1) {
			ids[m[1]+m[2]] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"log", "crash", "disk", "ledger", "config", "books", "protocol", "root", "notray", "temporary"} {
		if !ids[id] {
			t.Errorf("the code has no problem %s, or the test does not find it any more", id)
		}
	}
	value := regexp.MustCompile(`\{\w+\}`)
	english := assets.Speak("en")
	for id := range ids {
		name := "problem." + id
		want := value.FindAllString(english.Text(name), -1)
		slices.Sort(want)
		for _, tag := range []string{"en", "de", "es", "fr", "zh", "ja"} {
			text := assets.Speak(tag).Text(name)
			got := value.FindAllString(text, -1)
			slices.Sort(got)
			if text == name || tag != "en" && text == english.Text(name) || !slices.Equal(got, want) {
				t.Errorf("%s in %s: %q", name, tag, text)
			}
		}
	}
}

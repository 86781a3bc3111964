package tray

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/zeronetscript/universal_p2p/assets"
)

var update = flag.Bool("update", false, "write testdata/menu.txt anew")

var languageTags = []string{"en", "de", "es", "fr", "zh", "ja"}

// states are the ones that look different.
var states = []struct {
	name  string
	state State
	icon  assets.IconState
}{
	{"idle", State{Used: 3435973837, Quota: 10 << 30, Notifications: true}, assets.IconIdle},
	{"one stream", State{Used: 512 << 20, Quota: 10 << 30, Streams: 1, Rate: 900 << 10, Login: true, LoginFixed: true}, assets.IconStreaming},
	{"streams", State{Used: 3435973837, Quota: 10 << 30, Streams: 2, Rate: 4299161, Login: true, Notifications: true}, assets.IconStreaming},
	{"paused", State{Used: 3435973837, Quota: 10 << 30, Streams: 2, Rate: 4299161, Paused: true, Notifications: true}, assets.IconPaused},
	{"problem", State{Used: 10 << 30, Quota: 10 << 30, Streams: 1, Paused: true, Problem: "/mnt/my_disk & <more>\n\u202eis full.", Notifications: true}, assets.IconProblem},
}

// sketch writes a menu as text.
func sketch(b *strings.Builder, items []item, indent string) {
	for _, it := range items {
		if it.kind == separator {
			fmt.Fprintf(b, "%s--\n", indent)
			continue
		}
		var marks []string
		for mark, on := range map[string]bool{"hidden": it.hidden, "off": it.disabled, "line": it.kind == line, "[x]": it.kind == check && it.checked, "[ ]": it.kind == check && !it.checked} {
			if on {
				marks = append(marks, mark)
			}
		}
		slices.Sort(marks)
		fmt.Fprintf(b, "%s%-13s %q %s\n", indent, it.id, it.label, strings.Join(marks, " "))
		sketch(b, it.items, indent+"  ")
	}
}

func TestMenu(t *testing.T) {
	var b strings.Builder
	for _, tag := range languageTags {
		l := assets.Speak(tag)
		for i, s := range states {
			if i > 0 && tag != "en" && s.name != "streams" && s.name != "one stream" {
				continue
			}
			fmt.Fprintf(&b, "%s, %s: %s, %q\n", tag, s.name, icon(s.state), tooltip(s.state, l))
			sketch(&b, menu(s.state, l), "  ")
			if icon(s.state) != s.icon {
				t.Errorf("%s: the icon says %s", s.name, icon(s.state))
			}
		}
	}
	got := strings.ReplaceAll(b.String(), " \n", "\n")
	golden := filepath.Join("testdata", "menu.txt")
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != strings.ReplaceAll(string(want), "\r\n", "\n") {
		t.Errorf("the menus differ from %s (-update writes it):\n%s", golden, got)
	}
}

// The items are always the same ones, or changes and the clicks would go wrong.
func TestMenuKeepsItsShape(t *testing.T) {
	var shape func(items []item) []string
	shape = func(items []item) (s []string) {
		for _, it := range items {
			s = append(append(s, fmt.Sprint(it.id, it.kind)), shape(it.items)...)
		}
		return s
	}
	want := shape(menu(State{}, assets.Speak()))
	for _, s := range states {
		if got := shape(menu(s.state, assets.Speak("ja"))); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", s.name, got, want)
		}
	}
}

func TestChanges(t *testing.T) {
	l := assets.Speak()
	a, b := states[0].state, states[0].state
	b.Used, b.Paused = 1<<30, true
	var got []string
	changes(menu(a, l), menu(b, l), func(was, is item) {
		if was.id != is.id {
			t.Errorf("%s became %s", was.id, is.id)
		}
		got = append(got, is.id)
	})
	if want := []string{"used", "streams", "pause"}; !slices.Equal(got, want) {
		t.Errorf("%v changed, want %v", got, want)
	}
	changes(menu(a, l), menu(a, l), func(_, is item) { t.Errorf("%s changed", is.id) })
	c := menu(a, l)
	c[6].items[1].label = "other"
	got = nil
	changes(menu(a, l), c, func(_, is item) { got = append(got, is.id) })
	if want := []string{"free.unused"}; !slices.Equal(got, want) {
		t.Errorf("%v changed, want %v", got, want)
	}
}

func TestOnlyFigures(t *testing.T) {
	a := states[2].state
	b := a
	b.Used, b.Rate = 1, 1
	if !onlyFigures(a, b) {
		t.Error("two figures are more than figures")
	}
	for i := range reflect.TypeFor[State]().NumField() {
		b := a
		switch f := reflect.ValueOf(&b).Elem().Field(i); f.Kind() {
		case reflect.Bool:
			f.SetBool(!f.Bool())
		case reflect.String:
			f.SetString("x")
		default:
			f.SetInt(77)
		}
		name := reflect.TypeFor[State]().Field(i).Name
		if got, want := onlyFigures(a, b), name == "Used" || name == "Rate"; got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

func TestOneLine(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"plain", "plain"},
		{"two\r\nlines\tand \x1b[31mred", "two lines and [31mred"},
		{"\u202eturned\u200b\u2066 round\ufeff", "turned round"},
		{"bad \xff bytes", "bad bytes"},
		{strings.Repeat("é", 11), strings.Repeat("é", 9) + "…"},
		{strings.Repeat("é", 10), strings.Repeat("é", 10)},
	} {
		most := 80
		if strings.HasPrefix(c.text, "é") {
			most = 10
		}
		if got := oneLine(c.text, most); got != c.want {
			t.Errorf("%q: %q, want %q", c.text, got, c.want)
		}
	}
	if n := len([]rune(tooltip(State{Problem: strings.Repeat("x", 500)}, assets.Speak()))); n > 63 {
		t.Errorf("a tooltip has %d characters", n)
	}
}

// Each action belongs to one item, and switches ask for the other of what is shown.
func TestDoes(t *testing.T) {
	var got []string
	note := func(what string) func() { return func() { got = append(got, what) } }
	flag := func(what string) func(bool) {
		return func(on bool) { got = append(got, fmt.Sprint(what, " ", on)) }
	}
	a := Actions{note("open"), flag("pause"), func(f Freeing) { got = append(got, fmt.Sprint("free ", f)) }, flag("login"), flag("notifications"), note("logs"), note("about"), note("quit")}
	var click func(items []item)
	click = func(items []item) {
		for _, it := range items {
			do := a.does(it.id, func() State { return State{Login: true} })
			if can := it.kind == action || it.kind == check; can != (do != nil) {
				t.Errorf("%s: something happens: %v", it.id, do != nil)
			} else if can {
				do()
			}
			click(it.items)
		}
	}
	click(menu(State{}, assets.Speak()))
	want := []string{"open", "pause true", "free 0", "free 1", "free 2", "login false", "notifications true", "logs", "about", "quit"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// Every text that the room asks for is there, and none is there for it that it does not ask for.
func TestTexts(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	asked := make(map[string]bool)
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`"((?:tray|note|disk|recycle|site)\.[a-z.]+)"`).FindAllStringSubmatch(string(b), -1) {
			asked[m[1]] = true
		}
	}
	asked["tray.streams.one"], asked["tray.streams.other"] = asked["tray.streams"], asked["tray.streams"]
	delete(asked, "tray.streams")
	l := assets.Speak()
	for name := range asked {
		if l.Text(name) == name {
			t.Errorf("%s is asked for and not there", name)
		}
	}
	b, err := os.ReadFile("../assets/words.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`(?m)^"((?:tray|note)\.[a-z.]+)"`).FindAllStringSubmatch(string(b), -1) {
		if !asked[m[1]] {
			t.Errorf("%s is there and nobody asks for it", m[1])
		}
	}
}

func TestLanguages(t *testing.T) {
	for _, c := range []struct {
		env  map[string]string
		want string
	}{
		{nil, ""},
		{map[string]string{"LANG": "de_DE.UTF-8"}, "de-DE"},
		{map[string]string{"LANG": "de_DE.UTF-8", "LC_MESSAGES": "fr_FR@euro"}, "fr-FR"},
		{map[string]string{"LANG": "de_DE.UTF-8", "LC_MESSAGES": "fr", "LC_ALL": "ja_JP"}, "ja-JP"},
		{map[string]string{"LANG": "de_DE", "LANGUAGE": "es:fr_CA"}, "es fr-CA de-DE"},
		{map[string]string{"LANG": "C.UTF-8", "LANGUAGE": "es"}, ""},
		{map[string]string{"LC_ALL": "POSIX", "LANG": "de"}, ""},
	} {
		if got := strings.Join(posixLanguages(func(name string) string { return c.env[name] }), " "); got != c.want {
			t.Errorf("%v: %q, want %q", c.env, got, c.want)
		}
	}
	if got := appleLanguages("(\n    \"de-DE\",\n    en,\n    \"zh-Hans\"\n)\n"); !slices.Equal(got, []string{"de-DE", "en", "zh-Hans"}) {
		t.Errorf("%q", got)
	}
	t.Logf("languages here: %q", Languages())
}

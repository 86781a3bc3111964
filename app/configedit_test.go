package app

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

// Each key can be set in a file, wherever it stands in it, and nothing else changes.
func TestEditConfig(t *testing.T) {
	for _, c := range []struct{ name, in, key, value, want string }{
		{"in an empty file", "", "quota", "2GiB", "quota = \"2GiB\"\n"},
		{"in an empty file, in a table", "", "bittorrent.dht", "false", "\n[bittorrent]\ndht = false\n"},
		{"with comments", "# mine\nquota = \"1GiB\"   # not more\n\n# all\nupload = true\n", "quota", "auto",
			"# mine\nquota = \"auto\"   # not more\n\n# all\nupload = true\n"},
		{"before a table", "upload = true # yes\n# peers\n[bittorrent]\ndht = false\n", "unused_days", "7",
			"upload = true # yes\nunused_days = 7\n# peers\n[bittorrent]\ndht = false\n"},
		{"at the top", "[bittorrent]\ndht = false\n", "quota", "1GiB", "quota = \"1GiB\"\n[bittorrent]\ndht = false\n"},
		{"without a last newline", "upload = true", "quota", "1GiB", "upload = true\nquota = \"1GiB\"\n"},
		{"behind a mark of Windows", "\ufeff[bittorrent]\r\ndht = true\r\n", "quota", "1GiB", "\ufeffquota = \"1GiB\"\n[bittorrent]\r\ndht = true\r\n"},
		{"in lines of Windows", "\ufeffupload = true\r\nquota = 99999999 # a\r\n", "quota", "1GiB", "\ufeffupload = true\r\nquota = \"1GiB\" # a\r\n"},
		{"in a table", "[bittorrent]\n  dht = false\n\n# the end", "bittorrent.port", "6881", "[bittorrent]\n  dht = false\nport = 6881\n\n# the end"},
		{"in an empty table", "upload=true\n[bittorrent] # here", "bittorrent.port", "1", "upload=true\n[bittorrent] # here\nport = 1\n"},
		{"a list", "[bittorrent]\ntrackers = [ # some\n 'udp://a#]:1', \"udp://b\\\"c\", # one\n ] # behind\nport = 1\n", "bittorrent.trackers", "udp://x:1\n\n udp://y:2 ",
			"[bittorrent]\ntrackers = [\n  \"udp://x:1\",\n  \"udp://y:2\",\n] # behind\nport = 1\n"},
		{"an empty list", "", "bittorrent.trackers", "", "\n[bittorrent]\ntrackers = []\n"},
		{"inline", "bittorrent = { dht = true, port = 5 } # x\n", "bittorrent.dht", "false", "bittorrent = { dht = false, port = 5 } # x\n"},
		{"new and inline", "bittorrent = { dht = true }\n", "bittorrent.port", "5", "bittorrent = { port = 5, dht = true }\n"},
		{"new and inline and alone", "bittorrent = {}\n", "bittorrent.port", "5", "bittorrent = { port = 5 }\n"},
		{"dotted", "bittorrent.dht = true\nupload = false\n", "bittorrent.dht", "false", "bittorrent.dht = false\nupload = false\n"},
		{"new and dotted", "bittorrent.dht = true\nupload = false\n", "bittorrent.port", "5", "bittorrent.dht = true\nupload = false\nbittorrent.port = 5\n"},
		{"spaced", " [ bittorrent ] \n\"dht\"   =true\n", "bittorrent.dht", "false", " [ bittorrent ] \n\"dht\"   =false\n"},
		{"in the second table", "[sites]\nstreams = 1\n[bittorrent]\ndht = true\n", "bittorrent.port", "1", "[sites]\nstreams = 1\n[bittorrent]\ndht = true\nport = 1\n"},
		{"in the first table", "[sites]\nstreams = 1\n[bittorrent]\ndht = true\n", "sites.new_roots", "1",
			"[sites]\nstreams = 1\nnew_roots = 1\n[bittorrent]\ndht = true\n"},
		{"a long string", "verify = \"\"\"media\"\"\" # a\n", "verify", "always", "verify = \"always\" # a\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, _, err := editConfig("c.toml", []byte(c.in), c.key, c.value)
			if err != nil || string(got) != c.want {
				t.Errorf("%v\n%s\nwant\n%s", err, got, c.want)
			}
		})
	}
	// A whole file, each key in turn.
	for _, s := range settingsOf(DefaultConfig()) {
		_, text, _ := form(s.value)
		whole := DefaultConfig().TOML()
		if got, _, err := editConfig("c.toml", []byte(whole), s.name(), text); err != nil || string(got) != whole {
			t.Errorf("%s set to what it is: %v", s.name(), err)
		}
	}
}

func settingsOf(c Config) []setting { return c.settings() }

func TestEditConfigRefuses(t *testing.T) {
	for _, c := range []struct{ in, key, value, want string }{
		{"", "quota", "much", "quota: "},
		{"", "quota", "1", "too small"},
		{"", "unused_days", "-1", "unused_days: "},
		{"", "unused_days", "x", "unused_days: \"x\" is no whole number"},
		{"", "upload", "maybe", "neither true nor false"},
		{"", "verify", "never", "verify: "},
		{"", "addr", "0.0.0.0:1", "not on this machine"},
		{"", "bittorrent.trackers", "udp://a:1\nnonsense", "no tracker"},
		{"= broken", "quota", "1GiB", "c.toml:1: "},
	} {
		_, _, err := editConfig("c.toml", []byte(c.in), c.key, c.value)
		if _, ok := errors.AsType[*ConfigError](err); !ok || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s = %q: %v, want %q", c.key, c.value, err, c.want)
		}
	}
	if _, _, err := editConfig("c.toml", nil, "nothing", "1"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of no key: %v", err)
	}
}

// FuzzEditConfig: whatever is in the file, it is changed as it should be or not at all.
func FuzzEditConfig(f *testing.F) {
	f.Add(DefaultConfig().TOML(), "quota", "1GiB")
	f.Add("bittorrent = { dht = true, trackers = ['udp://a:1'] } # x", "bittorrent.dht", "false")
	f.Add("a = '''x''''\n[b]\n", "bittorrent.port", "1")
	f.Fuzz(func(t *testing.T, in, name, text string) {
		got, c, err := editConfig("c.toml", []byte(in), name, text)
		if err != nil {
			return
		}
		if again, err := ParseConfig("c.toml", got); err != nil || again.TOML() != c.TOML() {
			t.Errorf("%v of\n%s", err, got)
		}
	})
}

func TestSetInFile(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "new", "config.toml")
	if c, err := setInFile(file, "quota", "1GiB"); err != nil || c.Quota != 1<<30 {
		t.Fatalf("%+v, %v", c, err)
	}
	link := filepath.Join(dir, "link.toml")
	if err := os.Symlink(file, link); err != nil {
		t.Skip("no links here:", err)
	}
	if _, err := setInFile(link, "upload", "false"); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != "quota = \"1GiB\"\nupload = false\n" {
		t.Errorf("%q, %v", got, err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("the link is none any more: %v, %v", info, err)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "new", "*")); err != nil || len(left) != 1 {
		t.Errorf("left behind: %q, %v", left, err)
	}
}

// Who may read the config file may do so after a change, and whose it is it stays. A new one is the user's alone, and so are other files.
func TestSetInFileKeepsMode(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("files have no such modes there")
	}
	file := filepath.Join(t.TempDir(), "config.toml")
	mode := func() fs.FileMode {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		return info.Mode()
	}
	set := func() {
		if _, err := setInFile(file, "upload", "false"); err != nil {
			t.Fatal(err)
		}
	}
	if set(); mode() != 0o600 {
		t.Errorf("a new file: %v", mode())
	}
	for _, want := range []fs.FileMode{0o644, 0o640, 0o600} {
		if err := os.Chmod(file, want); err != nil {
			t.Fatal(err)
		}
		if set(); mode() != want {
			t.Errorf("%v became %v", want, mode())
		}
	}
	if os.Geteuid() == 0 {
		if err := os.Chown(file, 65534, 65534); err != nil {
			t.Fatal(err)
		}
		set()
		if info, err := os.Stat(file); err != nil || !reflect.DeepEqual(ownerOf(info), []int{65534, 65534}) {
			t.Errorf("it is somebody else's now: %v, %v", info, err)
		}
	}
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := replaceFile(file, nil, false); err != nil || mode() != 0o600 {
		t.Errorf("another file: %v, %v", mode(), err)
	}
}

// ownerOf returns the numbers of the user and of the group, where there are any.
func ownerOf(info fs.FileInfo) []int {
	st := reflect.Indirect(reflect.ValueOf(info.Sys()))
	return []int{int(st.FieldByName("Uid").Uint()), int(st.FieldByName("Gid").Uint())}
}

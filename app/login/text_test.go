package login

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// awkward is a path with all that has a meaning in one of the three texts.
const awkward = `/opt/my "best" $HOME/50% <&'` + "`x`" + `\y/universal-p2p`

func item(program string) Item {
	return Item{
		ID: "universal-p2p", Label: "io.github.zeronetscript.universal-p2p", Name: "Universal P2P",
		Comment: "Peer-to-peer content as plain links on this computer", Icon: "universal-p2p",
		Exec: program, Args: []string{"run", "--autostart"},
	}
}

// The texts of the three systems, on every system: testdata has what is right.
func TestTexts(t *testing.T) {
	run := func(program string) string {
		text, err := runValue(item(program))
		if err != nil {
			t.Error(err)
		}
		return text + "\n"
	}
	for name, got := range map[string]string{
		"plain.desktop":   desktopFile(item("/usr/bin/universal-p2p"), false),
		"hidden.desktop":  desktopFile(item("/usr/bin/universal-p2p"), true),
		"awkward.desktop": desktopFile(item(awkward), false),
		"plain.plist":     launchAgent(item("/Applications/Universal P2P.app/Contents/MacOS/universal-p2p")),
		"awkward.plist":   launchAgent(item(awkward)),
		"plain.run.txt":   run(`C:\Program Files\Universal P2P\universal-p2p.exe`),
		"awkward.run.txt": run(`C:\Users\Zoë & 100%\$x ` + "`y`" + ` 'z'\universal-p2p.exe`),
	} {
		file := filepath.Join("testdata", name)
		if os.Getenv("UP2P_WRITE_GOLDEN") == "1" {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if text := strings.ReplaceAll(string(want), "\r\n", "\n"); got != text {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, text)
		}
	}
}

// What is written is read back.
func FuzzTexts(f *testing.F) {
	for _, s := range []string{"/usr/bin/universal-p2p", awkward, " /a b ", "/%f%%u", `/"`, `/\`, "//\\\\ \\\"", "/a\\s\\n", "/é/日本"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, program string) {
		it := item(program)
		it.Exec = "/x"
		if it.Exec = "/" + program; it.check() != nil {
			return
		}
		if e := parseDesktopFile(desktopFile(it, false)); e.program != it.Exec || e.try != it.Exec || e.hidden {
			t.Errorf("desktop file of %q: %+v", it.Exec, e)
		}
		if e := parseDesktopFile(desktopFile(it, true)); !e.hidden {
			t.Errorf("hidden desktop file of %q: %+v", it.Exec, e)
		}
		if got := parseLaunchAgent(launchAgent(it)); got != it.Exec {
			t.Errorf("LaunchAgent of %q: %q", it.Exec, got)
		}
		if line, err := runValue(it); err == nil && !strings.Contains(program, `"`) && runProgram(line) != it.Exec { // no file on Windows has one
			t.Errorf("Run value of %q: %q", it.Exec, runProgram(line))
		}
	})
}

// What others have written is understood, or starts nothing.
func TestParseDesktopFile(t *testing.T) {
	for _, c := range []struct {
		text string
		want entry
	}{
		{"", entry{hidden: true}},
		{"[Desktop Entry]\nExec=up2p\n", entry{program: "up2p"}},
		{"[Desktop Entry]\r\nExec = /usr/bin/up2p --x %U\r\nTryExec=/usr/bin/up2p", entry{program: "/usr/bin/up2p", try: "/usr/bin/up2p"}},
		{"[Desktop Entry]\nExec=\"/a b/c\" d\n[Desktop Action x]\nExec=other\nHidden=true", entry{program: "/a b/c"}},
		{"Exec=early\n[Desktop Entry]\n# Exec=no\nExec=late", entry{program: "late"}},
		{"[Desktop Entry]\nExec=a\nHidden=true", entry{hidden: true, program: "a"}},
		{"[Desktop Entry]\nExec=a\nX-GNOME-Autostart-enabled=false", entry{hidden: true, program: "a"}},
		{"[Desktop Entry]\nExec=a\nX-GNOME-Autostart-enabled=true", entry{program: "a"}},
		{`[Desktop Entry]` + "\n" + `Exec="/\\$x\\\\y\\"z"`, entry{program: `/$x\y"z`}},
		{"[Desktop Entry]\nExec=\"unclosed", entry{program: "unclosed"}},
	} {
		if got := parseDesktopFile(c.text); got != c.want {
			t.Errorf("%q: %+v, want %+v", c.text, got, c.want)
		}
	}
}

func TestParseLaunchAgent(t *testing.T) {
	plist := func(inside string) string { return `<?xml version="1.0"?><plist><dict>` + inside + `</dict></plist>` }
	const program = `<key>ProgramArguments</key><array><string>/a b</string><string>run</string></array>`
	for _, c := range []struct{ text, want string }{
		{"", ""},
		{"bplist00", ""},
		{plist(program), ""},
		{plist(program + `<key>RunAtLoad</key><false/>`), ""},
		{plist(program + `<key>RunAtLoad</key><true/>`), "/a b"},
		{plist(`<key>RunAtLoad</key><true/><key>Program</key><string>/c</string>` + program), "/c"},
		{plist(program + `<key>RunAtLoad</key><true/><key>Disabled</key><true/>`), ""},
		{plist(`<key>x</key><dict><key>RunAtLoad</key><true/></dict>` + program), ""},
		{plist(`<key>RunAtLoad</key><true/><key>Label</key><string>l</string>`), ""},
	} {
		if got := parseLaunchAgent(c.text); got != c.want {
			t.Errorf("%s: %q, want %q", c.text, got, c.want)
		}
	}
}

func TestRunValue(t *testing.T) {
	it := item(`C:\a\universal-p2p.exe`)
	it.Args = []string{"run", "", "a b", `c"d`, `e\`, `f g\`, `h\"i`}
	want := `"C:\a\universal-p2p.exe" run "" "a b" "c\"d" e\ "f g\\" "h\\\"i"`
	if got, err := runValue(it); err != nil || got != want {
		t.Errorf("%s, %v; want %s", got, err, want)
	}
	it.Exec = `C:\` + strings.Repeat("a", 300) + `.exe`
	if _, err := runValue(it); err == nil || !strings.Contains(err.Error(), "shorter path") {
		t.Errorf("a long path: %v", err)
	}
	for line, want := range map[string]string{
		`"C:\a b\c.exe" d`: `C:\a b\c.exe`, `C:\a\c.exe d`: `C:\a\c.exe`, ``: ``, `"`: ``, ` c.exe`: `c.exe`,
	} {
		if got := runProgram(line); got != want {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
	for _, c := range []struct {
		data []byte
		want bool
	}{{nil, true}, {[]byte{2, 0, 0, 0}, true}, {[]byte{6}, true}, {[]byte{3, 0, 0, 0, 1, 2}, false}, {[]byte{7}, false}, {notApproved(), false}} {
		if got := isApproved(c.data); got != c.want {
			t.Errorf("approved %v: %v", c.data, got)
		}
	}
}

func TestCheck(t *testing.T) {
	for _, program := range []string{"", "universal-p2p", "./universal-p2p"} {
		if err := item(program).check(); err == nil || !strings.Contains(err.Error(), "absolute") {
			t.Errorf("%q: %v", program, err)
		}
	}
	here, err := filepath.Abs("x")
	if err != nil {
		t.Fatal(err)
	}
	for _, tail := range []string{"\n", "\x1b[0m", "\xff", "\uffff"} {
		if err := item(here + tail).check(); err == nil || !strings.Contains(err.Error(), "rename") {
			t.Errorf("%q: %v", tail, err)
		}
	}
}

func TestTemporary(t *testing.T) {
	for _, c := range []struct {
		path string
		want bool
	}{
		{filepath.Join(os.TempDir(), "x", "universal-p2p"), true},
		{"/home/me/.cache/go-build1234/b001/exe/universal-p2p", true},
		{`C:\Users\me\go-build99\b001\exe\universal-p2p.exe`, true},
		{"/private/var/folders/ab/AppTranslocation/1-2/d/Universal P2P.app/Contents/MacOS/universal-p2p", true},
		{"/Volumes/Universal P2P/Universal P2P.app/Contents/MacOS/universal-p2p", true},
		{"/var/tmp/universal-p2p", true},
		{"/usr/bin/universal-p2p", false},
		{"/home/me/tmp/universal-p2p", false},
		{"/home/me/my-go-builds/universal-p2p", false},
	} {
		if got := Temporary(c.path); got != c.want {
			t.Errorf("%s: %v", c.path, got)
		}
	}
}

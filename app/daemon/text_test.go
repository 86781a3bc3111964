package daemon

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The texts of systemd and launchd, on every system: testdata has what is right.
func TestTexts(t *testing.T) {
	plain := Options{Exec: "/usr/local/bin/universal-p2p"}
	user := Options{Exec: "/home/me/my own <&/universal-p2p", User: true, DataDir: `/home/me/my "own" 100% $x 'y'\z;`}
	for name, got := range map[string]string{
		"system.service": SystemdUnit(plain),
		"user.service":   SystemdUnit(user),
		"system.plist":   LaunchdPlist(plain, "me"),
		"user.plist":     LaunchdPlist(user, ""),
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

func TestCheck(t *testing.T) {
	abs, err := filepath.Abs("universal-p2p")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		o    Options
		want string
	}{
		{Options{Exec: "universal-p2p"}, "absolute"},
		{Options{Exec: abs, DataDir: "data"}, "absolute"},
		{Options{Exec: abs + "\n"}, "rename"},
		{Options{Exec: abs + "{{Path}}"}, "rename"},
		{Options{Exec: abs, DataDir: filepath.Join(filepath.Dir(abs), "a\x00b")}, "rename"},
	} {
		if _, err := New(c.o); err == nil || !strings.Contains(err.Error(), c.want) || errors.Is(err, ErrUnsupported) {
			t.Errorf("%+v: %v", c.o, err)
		}
	}
}

func TestReachable(t *testing.T) {
	for _, c := range []struct {
		system, program string
		ok              bool
	}{
		{"linux", "/usr/bin/x", true}, {"linux", "/opt/x", true}, {"linux", "/homes/x", true},
		{"linux", "/home/me/x", false}, {"linux", "/root/x", false}, {"linux", "/tmp/x", false},
		{"darwin", "/Users/me/x", true},
		{"windows", `C:\Program Files\Universal P2P\universal-p2p.exe`, true},
		{"windows", `C:\Users2\x.exe`, true},
		{"windows", `D:\x.exe`, true},
		{"windows", `C:\Users\me\AppData\Local\Programs\Universal P2P\universal-p2p.exe`, false},
		{"windows", `c:/users/you/x.exe`, false},
		{"windows", `\\?\C:\Users\you\x.exe`, false},
		{"windows", `C:\Documents and Settings\me\x.exe`, false},
		{"windows", `E:\People\you\x.exe`, false},
		{"windows", `\\server\homes\me\x.exe`, false},
		{"windows", `\\server\programs\x.exe`, true},
	} {
		env := map[string]string{"PUBLIC": `E:\People\Public`, "USERPROFILE": `\\server\homes\me`}
		if err := reachable(c.system, c.program, func(name string) string { return env[name] }); (err == nil) != c.ok {
			t.Errorf("%s: %s: %v", c.system, c.program, err)
		}
	}
	// A strange environment refuses nothing by itself.
	for _, env := range []string{``, `C:`, `C:\`, `\`, `Public`} {
		if err := reachable("windows", `C:\Program Files\x.exe`, func(string) string { return env }); err != nil {
			t.Errorf("%q: %v", env, err)
		}
	}
}

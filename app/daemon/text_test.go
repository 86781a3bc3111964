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
	for program, ok := range map[string]bool{
		"/usr/bin/x": true, "/opt/x": true, "/home/me/x": false, "/root/x": false, "/tmp/x": false, "/homes/x": true,
	} {
		if err := reachable(program); (err == nil) != ok {
			t.Errorf("%s: %v", program, err)
		}
	}
}

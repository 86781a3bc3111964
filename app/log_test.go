package app

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zeronetscript/universal_p2p/stream"
	"github.com/zeronetscript/universal_p2p/stream/streamtest"
)

func TestLogDir(t *testing.T) {
	join := filepath.Join
	abs, err := filepath.Abs("somewhere")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		system string
		env    map[string]string
		want   string
	}{
		{"linux", map[string]string{"HOME": "/h"}, join("/h", ".local", "state", "universal-p2p", "log")},
		{"linux", map[string]string{"HOME": "/h", "XDG_STATE_HOME": abs}, join(abs, "universal-p2p", "log")},
		{"linux", map[string]string{"HOME": "/h", "XDG_STATE_HOME": "relative"}, join("/h", ".local", "state", "universal-p2p", "log")},
		{"freebsd", map[string]string{"XDG_STATE_HOME": abs}, join(abs, "universal-p2p", "log")},
		{"windows", map[string]string{"LocalAppData": "/l", "HOME": "/h", "XDG_STATE_HOME": abs}, join("/l", "universal-p2p", "log")},
		{"darwin", map[string]string{"HOME": "/h", "XDG_STATE_HOME": abs}, join("/h", "Library", "Logs", "universal-p2p")},
		{"linux", nil, ""},
		{"windows", map[string]string{"HOME": "/h"}, ""},
	} {
		got, err := logDir(c.system, func(name string) string { return c.env[name] })
		if got != c.want || (err != nil) != (c.want == "") {
			t.Errorf("%s, %v: %q, %v; want %q", c.system, c.env, got, err, c.want)
		}
	}
}

// A log that cannot be written is told, and everything goes to stderr.
func TestOpenLogBroken(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var stderr strings.Builder
	l := OpenLog(filepath.Join(file, "log"), slog.LevelInfo, &stderr)
	l.Info("hello")
	var p Problems
	l.Problems(&p)
	if all := p.All(); l.Broken == nil || len(all) != 1 || all[0].ID != "log" || !strings.Contains(stderr.String(), "msg=hello") {
		t.Errorf("%v, %+v, %q", l.Broken, all, stderr.String())
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	dir := t.TempDir()
	l = OpenLog(dir, slog.LevelWarn, &stderr)
	l.Warn("written")
	l.Info("not wanted")
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if data, err := os.ReadFile(filepath.Join(dir, logFile)); err != nil || !strings.Contains(string(data), "written") || strings.Contains(string(data), "wanted") || l.Broken != nil {
		t.Errorf("%q, %v, %v", data, err, l.Broken)
	}
}

// A crash is caught in the file, and told by the next start alone. The crash is that of a process of its own.
func TestCatchCrashes(t *testing.T) {
	if dir := os.Getenv("UP2P_TEST_CRASH"); dir != "" {
		if err := CatchCrashes(dir); err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() { defer close(done); panic("the roof is on fire") }()
		<-done
		select {}
	}
	dir := t.TempDir()
	open := func() string {
		l := OpenLog(dir, slog.LevelInfo, new(strings.Builder))
		if err := errors.Join(CatchCrashes(dir), l.Close()); err != nil {
			t.Fatal(err)
		}
		return l.Crashed
	}
	if crashed := open(); crashed != "" {
		t.Errorf("before any crash: %q", crashed)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{filepath.Join(dir, crashKept), ""} {
		if want != "" {
			c := exec.CommandContext(t.Context(), self, "-test.run=^TestCatchCrashes$")
			c.Env = append(os.Environ(), "UP2P_TEST_CRASH="+dir)
			if out, err := c.CombinedOutput(); err == nil {
				t.Fatalf("it did not crash: %s", out)
			}
		}
		if crashed := open(); crashed != want {
			t.Errorf("crashed: %q, want %q", crashed, want)
		}
		if data, err := os.ReadFile(filepath.Join(dir, crashKept)); err != nil || !strings.Contains(string(data), "panic: the roof is on fire") {
			t.Errorf("%q, %v", data, err)
		}
	}
	if err := CatchCrashes(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no folder: %v", err)
	}
}

// The start at login is set up once in the life of a data folder.
func TestFirstLogin(t *testing.T) {
	dir := t.TempDir()
	for _, want := range []bool{true, false, false} {
		if first, err := FirstLogin(dir); first != want || err != nil {
			t.Errorf("%v, %v; want %v", first, err, want)
		}
	}
	if first, err := FirstLogin(filepath.Join(dir, "none")); first || err == nil {
		t.Errorf("no folder: %v, %v", first, err)
	}
}

// Protocols that share a node share its label in the log, whichever of them has made it.
func TestProtocolLog(t *testing.T) {
	var out bytes.Buffer
	start := func(_ context.Context, env Env) (stream.Backend, error) {
		env.Log.Info("awake")
		return streamtest.NewMem(), nil
	}
	startAll(t.Context(), []Protocol{{Name: "names", Version: "v0", Space: "content", Start: start}}, Env{Log: slog.New(slog.NewTextHandler(&out, nil))}, t.TempDir())
	if !strings.Contains(out.String(), "protocol=content/v0") {
		t.Errorf("it logs %s", &out)
	}
}

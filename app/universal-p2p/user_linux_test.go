package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Root never has the program started at login, and may write everywhere. What an ordinary user sees is tried as one, when the tests are run by root.
func TestScriptsAsUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("TestScripts is run by an ordinary user already")
	}
	dir, err := os.MkdirTemp("", "user-*") // T.TempDir lies in a folder that is root's alone
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	scripts := filepath.Join(dir, "testdata", "script")
	if err := os.MkdirAll(scripts, 0o755); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	const nobody = 65534
	names := []string{"login.txtar", "firstlogin.txtar", "readonly.txtar"}
	copies := map[string]string{self: filepath.Join(dir, "universal-p2p.test")}
	for _, name := range names {
		copies[filepath.Join("testdata", "script", name)] = filepath.Join(scripts, name)
	}
	for from, to := range copies {
		data, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, data, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	temp := filepath.Join(dir, "tmp")
	if err := os.Mkdir(temp, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(temp, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), filepath.Join(dir, "universal-p2p.test"), "-test.run=^TestScripts$", "-test.v", "-test.timeout=2m")
	c.Dir = dir
	c.Env = append(os.Environ(), "TMPDIR="+temp, "HOME="+temp)
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	c.WaitDelay = 10 * time.Second
	out, err := c.CombinedOutput()
	if err != nil || strings.Count(string(out), "--- PASS: TestScripts/") != len(names) {
		t.Errorf("%v\n%s", err, out)
	}
}

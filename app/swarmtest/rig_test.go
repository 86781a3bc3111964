//go:build linux

package swarmtest

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The bench still works: each scenario once, with a small file. Its figures are not judged here.
func TestRig(t *testing.T) {
	t.Parallel()
	alone(t)
	py, dir := python(t), t.TempDir()
	own := "-n"
	if os.Geteuid() != 0 {
		own = "-rn"
	}
	if out, err := exec.CommandContext(t.Context(), lookPath(t, "unshare"), own, lookPath(t, "ip"), "link", "set", "lo", "up").CombinedOutput(); err != nil {
		missing(t, "the right to make a network namespace ("+string(out)+")")
	}
	data, wire, out := filepath.Join(dir, "data"), filepath.Join(dir, "wire"), filepath.Join(dir, "out.jsonl")
	run(t, nil, "go", "build", "-o", wire, "./rig/wire")
	run(t, nil, py, "rig/mkdata.py", data, "24", "512")
	env := []string{"UP2P_BIN=" + built(t)}
	bench := []string{own, py, "rig/bench.py", data, out, "--runs", "1", "--wire", wire, "--limit", "60"}
	run(t, env, "unshare", append(bench, "--sys", "up2p,libtorrent", "--scen", "full,hash")...)
	run(t, env, "unshare", append(bench, "--sys", "up2p,up2p-always", "--link", "wan", "--scen", "seek90,jump,stall4")...)
	lines, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range bytes.Lines(lines) {
		n++
		var r struct {
			Error string
			OK    *bool
		}
		if err := json.Unmarshal(line, &r); err != nil || r.Error != "" || (r.OK != nil && !*r.OK) {
			t.Errorf("%v in %s", err, line)
		}
	}
	if n != 10 {
		t.Errorf("%d results, want 10", n)
	}
	t.Log(run(t, nil, py, "rig/report.py", out))
}

// run runs a command to its end and returns what it printed.
func run(t *testing.T, env []string, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Env = append(os.Environ(), env...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out, stderr.Bytes())
	}
	return string(out)
}

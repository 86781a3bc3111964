//go:build linux

package swarmtest

import (
	"context"
	"maps"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// namespaceVariable says to a test binary that it is inside, and for which test.
const namespaceVariable = "UP2P_TEST_NAMESPACE"

// inNamespace runs body in a network namespace that has loopback and one more interface, and no way out. For that the test
// binary runs itself, with nothing but the calling test. prepare, if there is one, is called outside before that; what it
// returns is added to the environment.
func inNamespace(t *testing.T, prepare func(*testing.T) map[string]string, body func(*testing.T)) {
	t.Helper()
	if os.Getenv(namespaceVariable) == t.Name() {
		setUpNamespace(t)
		body(t)
		return
	}
	own := "-n"
	if os.Geteuid() != 0 {
		own = "-rn"
	}
	unshare := lookPath(t, "unshare")
	if out, err := exec.CommandContext(t.Context(), unshare, own, lookPath(t, "ip"), "link", "set", "lo", "up").CombinedOutput(); err != nil {
		missing(t, "the right to make a network namespace ("+string(out)+")")
	}
	env := map[string]string{namespaceVariable: t.Name(), "UP2P_BIN": built(t)}
	if prepare != nil {
		maps.Copy(env, prepare(t))
	}
	alone(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, unshare, own, self, "-test.v", "-test.run", "^"+t.Name()+"$", "-test.timeout", "4m")
	cmd.Env = os.Environ()
	for k, v := range env {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	out, err := cmd.CombinedOutput()
	t.Logf("inside the namespace:\n%s", out)
	if err != nil {
		t.Error(err)
	}
}

// namespaceAddr is the address of the interface beside loopback.
const namespaceAddr = "10.77.0.1"

func setUpNamespace(t *testing.T) {
	t.Helper()
	for _, args := range []string{
		"link set lo up",
		"link add name web0 type veth peer name web1",
		"addr add " + namespaceAddr + "/24 dev web0",
		"link set web0 up",
		"link set web1 up",
		// Chromium takes the address for its own from which it would reach this one, and sends nothing there.
		"route add 8.8.8.8 dev web0",
	} {
		if out, err := exec.CommandContext(t.Context(), "ip", strings.Fields(args)...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v %s", args, err, out)
		}
	}
}

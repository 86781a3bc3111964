//go:build linux

package swarmtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// kuboVersion is the last release of kubo that the module proxy gives out.
const kuboVersion = "v0.43.0"

// kuboOnce finds kubo, or builds it, which takes minutes, where it is required: the release as it is, kept in the user's cache.
var kuboOnce = sync.OnceValues(func() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "up2p-test", "kubo")
	bin := filepath.Join(dir, "ipfs-"+kuboVersion)
	if _, err := os.Stat(bin); err == nil {
		return bin, nil
	}
	if os.Getenv("UP2P_REQUIRE_PEERS") != "1" {
		return "", nil
	}
	src, err := os.MkdirTemp("", "kubo-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(src)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	for _, args := range [][]string{
		{"mod", "init", "x"},
		{"mod", "edit", "-require=github.com/ipfs/kubo@" + kuboVersion},
		// By go install it would be looked up in a list of versions, which not every proxy has.
		{"build", "-mod=mod", "-trimpath", "-ldflags", "-s -w", "-o", bin + ".new", "github.com/ipfs/kubo/cmd/ipfs"},
	} {
		cmd := exec.Command("go", args...)
		cmd.Dir, cmd.Env = src, append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("building kubo: %w\n%s", err, tail(out, 3000))
		}
	}
	return bin, os.Rename(bin+".new", bin)
})

// TestKubo is what makes a kubo be there: CI runs it before all others, which should not have to share the machine with a compiler.
func TestKubo(t *testing.T) {
	bin, err := kuboOnce()
	if err != nil {
		t.Fatal(err)
	}
	if bin == "" {
		missing(t, "kubo")
	}
}

// A kubo is a daemon with a repository of its own, on 127.0.0.1 only.
type kubo struct {
	*process
	t       *testing.T
	bin     string
	dir     string
	addr    string // multiaddr with the peer ID
	gateway string // http://host:port
}

// startKubo starts kubo, with others to join the hash table by.
func startKubo(t *testing.T, bootstrap ...string) *kubo {
	t.Helper()
	bin, err := kuboOnce()
	if err != nil {
		t.Fatal(err)
	}
	if bin == "" {
		missing(t, "kubo "+kuboVersion)
	}
	k := &kubo{t: t, bin: bin, dir: t.TempDir()}
	k.run("init", "--profile=test", "--empty-repo")
	k.run("config", "Routing.Type", "dhtserver")
	for key, value := range map[string]any{
		"Routing.LoopbackAddressesOnLanDHT": true,
		"AutoConf.Enabled":                  false,
		"Bootstrap":                         append([]string{}, bootstrap...),
		"Discovery.MDNS.Enabled":            false,
		"Gateway.NoFetch":                   false,
		"Routing.DelegatedRouters":          []string{},
		"Ipns.DelegatedPublishers":          []string{},
		"DNS.Resolvers":                     map[string]string{},
		"HTTPRetrieval.Enabled":             false,
		"Addresses.Swarm":                   []string{"/ip4/127.0.0.1/tcp/0"},
	} {
		data, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		k.run("config", "--json", key, string(data))
	}
	log, err := os.Create(filepath.Join(k.dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := k.command(context.Background(), "daemon")
	cmd.Stdout, cmd.Stderr = log, log
	k.process = spawn(t, cmd)
	eventually(t, time.Minute, "kubo answers", func() bool {
		if k.ended() {
			out, _ := os.ReadFile(log.Name())
			t.Fatalf("kubo ended: %v\n%s", k.err, tail(out, 3000))
		}
		out, _ := os.ReadFile(log.Name())
		return bytes.Contains(out, []byte("Daemon is ready"))
	})
	gateway, err := os.ReadFile(filepath.Join(k.dir, "gateway"))
	if err != nil {
		t.Fatal(err)
	}
	k.gateway = strings.TrimSpace(string(gateway))
	var id struct{ Addresses []string }
	if err := json.Unmarshal(k.run("id"), &id); err != nil || len(id.Addresses) == 0 {
		t.Fatalf("kubo has no address: %v", err)
	}
	k.addr = id.Addresses[0]
	return k
}

func (k *kubo) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, k.bin, args...)
	cmd.Env = append(os.Environ(), "IPFS_PATH="+k.dir, "IPFS_TELEMETRY=off", "HOME="+k.dir)
	return cmd
}

// run runs a command of kubo and returns what it printed.
func (k *kubo) run(args ...string) []byte {
	k.t.Helper()
	ctx, cancel := context.WithTimeout(k.t.Context(), 2*time.Minute)
	defer cancel()
	out, err := k.command(ctx, args...).Output()
	if err != nil {
		var stderr []byte
		if exit, ok := err.(*exec.ExitError); ok {
			stderr = exit.Stderr
		}
		k.t.Fatalf("kubo %s: %v\n%s", args[0], err, tail(stderr, 2000))
	}
	return out
}

// add adds a file or a folder, announces it in the hash table, and returns its CID.
func (k *kubo) add(path string, flags ...string) string {
	k.t.Helper()
	cid := strings.TrimSpace(string(k.run(append(append([]string{"add", "-r", "-Q"}, flags...), path)...)))
	k.run("routing", "provide", cid)
	return cid
}

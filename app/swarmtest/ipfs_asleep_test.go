//go:build linux

package swarmtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// A node that was used and sleeps takes nearly nothing: next to the same program without IPFS, no socket, no processor time, and less
// than 10 MiB.
func TestIPFSAsleep(t *testing.T) {
	t.Parallel()
	if raced() {
		t.Skip("the race detector takes memory of its own")
	}
	without := prepare(t, settings{})
	without.bin = filepath.Join(t.TempDir(), "universal-p2p")
	build := exec.Command("go", "build", "-tags", "noipfs", "-o", without.bin, "../universal-p2p")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the program without IPFS: %v\n%s", err, out)
	}
	hub := startKubo(t)
	host := startKubo(t, hub.addr)
	src := newSource(4100, 30*mib)
	root := host.add(write(t, src, filepath.Join(t.TempDir(), "file")), "--cid-version=1")
	p := start(t, settings{IPFS: ipfsSettings{Bootstrap: []string{hub.addr}, Routers: []string{hub.gateway}}})
	none := sockets(t, p.pid())
	whole(t, src, p.ipfs("ipfs", root, ""), time.Minute)
	without.launch()
	for _, c := range []string{"pause", "resume"} { // falls asleep now, and not in minutes
		if _, err := p.command(c); err != nil {
			t.Fatal(err)
		}
		eventually(t, 20*time.Second, "the node sleeps", func() bool { return sockets(t, p.pid()) <= none })
	}
	time.Sleep(150 * time.Second) // a collection comes every two minutes, and brings back pages of the program's file: compared is behind one of each
	const span = 15 * time.Second
	cpu := processorTime(t, p.pid())
	var with, bares []int64
	for range 5 {
		time.Sleep(span / 5)
		with, bares = append(with, residentKiB(t, p.pid())), append(bares, residentKiB(t, without.pid()))
	}
	share := 100 * (processorTime(t, p.pid()) - cpu).Seconds() / span.Seconds()
	slices.Sort(with)
	slices.Sort(bares)
	asleep, bare := with[2], bares[2]
	t.Logf("asleep: %.1f MiB, %.3f %% of a core; without IPFS: %.1f MiB", float64(asleep)/kib, share, float64(bare)/kib)
	if asleep > bare+10*kib {
		t.Errorf("asleep: %d KiB resident, %d without IPFS", asleep, bare)
	}
	if share > 0.1 {
		t.Errorf("asleep: %.3f %% of a core", share)
	}
}

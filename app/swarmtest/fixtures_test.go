//go:build linux

package swarmtest

import (
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// The peers of these tests work with each other, so that what fails below is the program's fault.
func TestPeersAmongThemselves(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 1, 8*mib+12345, 256*kib, nil)
	for name, seed := range seeders() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			turn(t)
			aria2 := lookPath(t, "aria2c")
			announce := trackerOf(t, f.hash, seed(t, f))
			out := t.TempDir()
			leech := spawn(t, exec.Command(aria2, "--no-conf", "--dir="+out, "--interface="+freeHost(), "--listen-port=6881-6999", "--disable-ipv6",
				"--enable-dht=false", "--bt-enable-lpd=false", "--bt-tracker="+announce, "--seed-time=0", "--file-allocation=none", f.torrent))
			select {
			case <-leech.done:
			case <-time.After(60 * time.Second):
				t.Fatal("not done within a minute")
			}
			if leech.err != nil {
				t.Fatal(leech.err)
			}
			if got := sumFile(t, filepath.Join(out, f.name)); got != f.sum(0, f.size) {
				t.Errorf("SHA-256 %s, want %s", got, f.sum(0, f.size))
			}
		})
	}
}

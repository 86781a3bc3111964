//go:build linux

package swarmtest

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"testing"
	"time"
)

// onSmallDisk makes the program's data directory a file system of its own that size bytes fill. Only the program sees it.
func (p *program) onSmallDisk(size string) {
	p.t.Helper()
	own := "-m"
	if os.Geteuid() != 0 {
		own = "-rm" // root of its own user namespace may mount
	}
	unshare := lookPath(p.t, "unshare")
	mount := "mount -t tmpfs -o size=" + size + " swarmtest " + p.data
	if err := os.MkdirAll(p.data, 0o700); err != nil {
		p.t.Fatal(err)
	}
	if out, err := exec.CommandContext(p.t.Context(), unshare, own, "sh", "-c", mount).CombinedOutput(); err != nil {
		missing(p.t, "the right to mount ("+string(out)+")")
	}
	p.wrap = []string{unshare, own, "sh", "-c", mount + ` && exec "$@"`, "sh"}
}

// inside is what makes another command see the file systems of the running program.
func (p *program) inside() []string {
	if p.wrap == nil {
		return nil
	}
	in := []string{"nsenter", "--target", strconv.Itoa(p.pid()), "--mount", "--"}
	if os.Geteuid() != 0 {
		in = slices.Insert(in, 1, "--user", "--preserve-credentials")
	}
	return in
}

// A disk that is smaller than the quota and smaller than the file: the program recycles what it can or says 507, and lives on.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 90, 96*mib, mib, nil)
	small := newFixture(t, 91, 2*mib, 256*kib, nil)
	peer, peer2 := seedLibtorrent(t, f), seedLibtorrent(t, small)
	for name, c := range map[string]struct{ size, reserve string }{
		"48 MiB":                     {"48m", "0B"},
		"6 MiB":                      {"6m", "0B"},
		"less than what others need": {"48m", "1GiB"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			turn(t)
			p := prepare(t, settings{Quota: "1GiB", Reserve: c.reserve})
			p.onSmallDisk(c.size)
			p.launch()
			for _, file := range []struct {
				*fixture
				peer string
			}{{f, peer}, {small, peer2}, {f, peer}} {
				url := p.stream(file.hash, file.name, "x.pe", file.peer)
				ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
				got := &fetch{URL: url}
				err := got.do(ctx, &verdict{file.checker(0), t})
				cancel()
				t.Logf("%d MiB: %v, %v", file.size/mib, got, err)
				switch {
				case got.Status == http.StatusOK && err == nil && got.N == file.size:
				case name == "48 MiB":
					t.Errorf("%v, %v: there is room for it if what nobody reads is recycled", got, err)
				case got.Status == http.StatusInsufficientStorage:
				case got.Status == http.StatusOK && err != nil && ctx.Err() == nil: // told by the broken connection
				default:
					t.Errorf("%v, %v: want all of it, a 507 or a broken connection", got, err)
				}
				if p.ended() {
					t.Fatalf("the program ended: %v", p.err)
				}
			}
			p.status()
		})
	}
}

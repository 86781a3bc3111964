//go:build linux

package swarmtest

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A lan is a network with two computers: the one we are on, and the one that seeds.
type lan struct {
	t   *testing.T
	far *process // holds the other one's network
}

const (
	nearAddr    = "10.78.0.1"
	farAddr     = "10.78.0.2"
	movedAddr   = "10.78.0.77" // ours, after we have moved
	nearLink    = "lan0"
	farLink     = "lan1"
	lanSeedPort = "7001"
)

func newLAN(t *testing.T) *lan {
	t.Helper()
	l := &lan{t, spawn(t, exec.Command(lookPath(t, "unshare"), "-n", "sleep", "600"))}
	ours, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, 10*time.Second, "another network", func() bool {
		theirs, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/net", l.far.pid()))
		return err == nil && theirs != ours
	})
	l.ip("link add " + nearLink + " type veth peer name " + farLink + " netns " + strconv.Itoa(l.far.pid()))
	l.ip("addr add " + nearAddr + "/24 dev " + nearLink)
	l.ip("link set " + nearLink + " up")
	for _, args := range []string{"link set lo up", "addr add " + farAddr + "/24 dev " + farLink, "link set " + farLink + " up"} {
		l.run("nsenter", append([]string{"-t", strconv.Itoa(l.far.pid()), "-n", "ip"}, strings.Fields(args)...)...)
	}
	return l
}

func (l *lan) ip(args string) { l.t.Helper(); l.run("ip", strings.Fields(args)...) }

func (l *lan) run(name string, args ...string) {
	l.t.Helper()
	if out, err := exec.CommandContext(l.t.Context(), name, args...).CombinedOutput(); err != nil {
		l.t.Fatalf("%s %s: %v %s", name, strings.Join(args, " "), err, out)
	}
}

// seed has the other computer seed f, and returns its address.
func (l *lan) seed(f *fixture) string {
	l.t.Helper()
	wrap := filepath.Join(l.t.TempDir(), "python")
	text := fmt.Sprintf("#!/bin/sh\nexec nsenter -t %d -n %s \"$@\"\n", l.far.pid(), python(l.t))
	if err := os.WriteFile(wrap, []byte(text), 0o755); err != nil {
		l.t.Fatal(err)
	}
	addr := net.JoinHostPort(farAddr, lanSeedPort)
	startScript(l.t, wrap, "seeder.py", lab{Torrents: []string{f.torrent}, Save: f.dir, Listen: []string{addr}})
	return addr
}

// A computer loses its network while a film plays, and gets it back: the same one, as when Wi-Fi comes again, or another address, as
// when it moves from one to the next. The film goes on by itself, and those who come from outside find us.
func TestNetworkLost(t *testing.T) {
	t.Parallel()
	inNamespace(t, nil, func(t *testing.T) {
		f := newFixture(t, 112, 48*mib, 256*kib, nil)
		l := newLAN(t)
		p := prepare(t, settings{})
		config, err := os.ReadFile(p.config)
		if err != nil {
			t.Fatal(err)
		}
		// So slow that no reading ahead bridges the gap.
		if err := os.WriteFile(p.config, append(config, "download_rate = \"1MiB\"\n"...), 0o600); err != nil {
			t.Fatal(err)
		}
		p.launch()
		p.add(f.torrent)
		url := p.stream(f.hash, f.name, "x.pe", l.seed(f))

		// play reads the next n bytes of the film.
		at := int64(0)
		play := func(n int64, patience time.Duration) error {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			r := &fetch{URL: url, Range: fmt.Sprintf("bytes=%d-%d", at, at+n-1), Dest: "video"}
			if err := r.do(ctx, f.checker(at)); err != nil || r.N != n {
				return fmt.Errorf("at %d: %v, %v", at, r, err)
			}
			at += n
			return nil
		}
		if err := play(2*mib, 30*time.Second); err != nil {
			t.Fatal(err)
		}

		for _, c := range []struct {
			name    string
			down    time.Duration
			lose    []string
			restore []string
			addr    string
		}{
			{"the same network", 10 * time.Second, []string{"link set " + nearLink + " down"}, []string{"link set " + nearLink + " up"}, nearAddr},
			{"another address", 5 * time.Second,
				[]string{"addr del " + nearAddr + "/24 dev " + nearLink, "link set " + nearLink + " down"},
				[]string{"link set " + nearLink + " up", "addr add " + movedAddr + "/24 dev " + nearLink}, movedAddr},
		} {
			at += 4 * mib // what is not here yet, whatever was read ahead
			for _, args := range c.lose {
				l.ip(args)
			}
			played, lost := make(chan error, 1), time.Now()
			go func() { played <- play(mib, 100*time.Second) }()
			time.Sleep(c.down)
			for _, args := range c.restore {
				l.ip(args)
			}
			back := time.Now()
			if err := <-played; err != nil {
				t.Fatalf("%s: the film does not go on: %v", c.name, err)
			}
			t.Logf("%s: the film went on %v after the network was back (%v after it was lost)", c.name, time.Since(back).Round(100*time.Millisecond), time.Since(lost).Round(100*time.Millisecond))
			port, err := os.ReadFile(p.config)
			if err != nil {
				t.Fatal(err)
			}
			_, rest, _ := strings.Cut(string(port), "\nport = ")
			number, _, _ := strings.Cut(rest, "\n")
			conn, err := net.DialTimeout("tcp", net.JoinHostPort(c.addr, number), 5*time.Second)
			if err != nil {
				t.Errorf("%s: nobody can reach us: %v", c.name, err)
				continue
			}
			conn.Close()
		}
	})
}

//go:build linux

package swarmtest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// settings is the part of the configuration that tests change. The zero value is a good start.
type settings struct {
	Quota        string   // "2GiB" when empty
	Reserve      string   // "0B" when empty: the disk of the test machine is no matter of ours
	Verify       string   // "media" when empty
	Trackers     []string // used for every torrent
	DHT          []string // nodes to start from; no DHT when nil
	IPFS         ipfsSettings
	ForeignPeers bool // drop peers with private addresses, as outside of tests
}

func (s settings) toml(t *testing.T, port int) []byte {
	t.Helper()
	var b bytes.Buffer
	fmt.Fprintf(&b, "quota = %q\n", cmp.Or(s.Quota, "2GiB"))
	fmt.Fprintf(&b, "reserve = %q\n", cmp.Or(s.Reserve, "0B"))
	fmt.Fprintf(&b, "verify = %q\n", cmp.Or(s.Verify, "media"))
	fmt.Fprintf(&b, "allow_local_peers = %v\n", !s.ForeignPeers)
	b.WriteString(s.IPFS.toml(t))
	// The last table: some tests add keys to it.
	fmt.Fprintf(&b, "[bittorrent]\nport = %d\ndht = %v\n", port, s.DHT != nil)
	fmt.Fprintf(&b, "dht_bootstrap = %s\ntrackers = %s\n", tomlStrings(t, s.DHT), tomlStrings(t, s.Trackers))
	return b.Bytes()
}

// tomlStrings writes a list the way JSON and TOML share.
func tomlStrings(t *testing.T, list []string) []byte {
	t.Helper()
	if list == nil {
		list = []string{}
	}
	data, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// A program is the built binary with a data directory of its own, running or between two runs.
type program struct {
	*process
	t      *testing.T
	bin    string
	addr   string // host:port of its HTTP server
	data   string // --data-dir
	config string // --config
	log    string // what it prints
	wrap   []string
	face   []string // environment of a desktop to show an icon on; headless when empty
}

// start runs the program with an empty data directory until the test ends.
func start(t *testing.T, s settings) *program {
	t.Helper()
	p := prepare(t, s)
	p.launch()
	return p
}

// prepare is start without the start.
func prepare(t *testing.T, s settings) *program {
	t.Helper()
	dir := t.TempDir()
	p := &program{
		t: t, bin: built(t), addr: "127.0.0.1:" + strconv.Itoa(freePort(t)),
		data: filepath.Join(dir, "data"), config: filepath.Join(dir, "config.toml"), log: filepath.Join(dir, "log"),
	}
	p.configure(s)
	t.Cleanup(p.autopsy)
	return p
}

// configure writes the configuration that the next launch reads.
func (p *program) configure(s settings) {
	p.t.Helper()
	if err := os.WriteFile(p.config, s.toml(p.t, freePort(p.t)), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// flags are the ones that every subcommand understands.
func (p *program) flags() []string {
	return []string{"--addr", p.addr, "--data-dir", p.data, "--config", p.config}
}

// launch starts the program on the data directory as it is, and returns when it answers.
func (p *program) launch() {
	p.t.Helper()
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		p.t.Fatal(err)
	}
	defer log.Close()
	args := append(append(p.wrap[:len(p.wrap):len(p.wrap)], p.bin, "run"), p.flags()...)
	if len(p.face) == 0 {
		args = append(args, "--headless")
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(append(os.Environ(), "HOME="+filepath.Dir(p.config), "GOTRACEBACK=all"), p.face...)
	cmd.Stdout, cmd.Stderr = log, log
	p.process = spawn(p.t, cmd)
	patience := 20 * time.Second
	if raced() {
		patience *= 3
	}
	eventually(p.t, patience, "the program answers", func() bool {
		if p.ended() {
			p.t.Fatalf("the program ended: %v", p.err)
		}
		resp, err := fetcher.Get("http://" + p.addr + "/")
		if err == nil {
			resp.Body.Close()
		}
		return err == nil
	})
}

// stop ends the program as a logout would, and fails the test when it does not end cleanly.
func (p *program) stop() {
	p.t.Helper()
	if err := p.terminate(20 * time.Second); err != nil {
		p.t.Errorf("the program did not stop cleanly: %v", err)
	}
}

// autopsy looks at what the program printed: a crash fails the test, wherever it happened.
func (p *program) autopsy() {
	if p.process != nil && !p.ended() {
		p.stop()
	}
	log, _ := os.ReadFile(p.log)
	for _, bad := range []string{"panic:", "panic serving", "fatal error:", "WARNING: DATA RACE"} {
		if i := bytes.Index(log, []byte(bad)); i >= 0 {
			p.t.Errorf("the program printed:\n%s", excerpt(log[i:], 6000))
			return
		}
	}
	if p.t.Failed() || os.Getenv("UP2P_KEEP_LOG") == "1" {
		p.t.Logf("the end of the program's log:\n%s", tail(log, 4000))
	}
}

func excerpt(b []byte, n int) []byte { return b[:min(n, len(b))] }
func tail(b []byte, n int) []byte    { return b[max(0, len(b)-n):] }

// command runs a subcommand and returns what it printed.
func (p *program) command(args ...string) (stdout string, err error) {
	p.t.Helper()
	argv := append(append(p.inside(), p.bin), append(args, p.flags()...)...)
	cmd := exec.CommandContext(p.t.Context(), argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), "HOME="+filepath.Dir(p.config))
	out, err := cmd.Output()
	if err != nil {
		if exit, ok := err.(*exec.ExitError); ok {
			err = fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(exit.Stderr))
		}
	}
	return string(out), err
}

// add hands a .torrent to the running program.
func (p *program) add(torrent string) {
	p.t.Helper()
	if _, err := p.command("add", torrent); err != nil {
		p.t.Fatal(err)
	}
}

// status is what "status --json" prints, as far as tests need it.
type status struct {
	Used, Quota int64
	Streams     int
	Roots       []struct {
		Protocol, Root, Name string
		Bytes, Size          int64
		Kept                 bool
	}
	Problems []string
}

func (p *program) status() status {
	p.t.Helper()
	out, err := p.command("status", "--json")
	if err != nil {
		p.t.Fatal(err)
	}
	var s status
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		p.t.Fatalf("status --json: %v in %s", err, out)
	}
	return s
}

// url is the address of path in root; hints are pairs of a query parameter and its value.
func (p *program) url(command, root, path string, hints ...string) string {
	u := "http://" + p.addr + "/bittorrent/v0/" + command + "/" + url.PathEscape(root)
	for e := range strings.SplitSeq(path, "/") {
		if e != "" {
			u += "/" + url.PathEscape(e)
		}
	}
	q := url.Values{}
	for i := 0; i+1 < len(hints); i += 2 {
		q.Add(hints[i], hints[i+1])
	}
	if len(q) > 0 {
		u += "?" + q.Encode()
	}
	return u
}

// stream is url for the bytes of a file.
func (p *program) stream(root, path string, hints ...string) string {
	return p.url("stream", root, path, hints...)
}

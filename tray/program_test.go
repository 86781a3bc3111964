package tray

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zeronetscript/universal_p2p/assets"
)

// The library has one tray in a process, and wants the main goroutine. So the tests of the icon start themselves as the program: with
// this variable the test binary shows a tray instead, takes states as lines of JSON on its standard input until that ends, and
// prints what happens.
const programVariable = "UP2P_TRAY_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(programVariable) != "" {
		program()
		return
	}
	os.Exit(m.Run())
}

func program() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var mu sync.Mutex
	say := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Printf(format+"\n", args...)
	}
	do := func(what string) func() {
		return func() {
			time.Sleep(time.Millisecond) // real actions take some time
			say("%s", what)
		}
	}
	flag := func(what string) func(bool) { return func(on bool) { do(fmt.Sprint(what, " ", on))() } }
	t := New(Options{
		Language: assets.Speak(Languages()...),
		State:    states[0].state,
		OnStatus: func(s Status) { say("status %d", s) },
		Actions: Actions{
			Open: do("open"), Pause: flag("pause"), Free: func(f Freeing) { do(fmt.Sprint("free ", f))() }, SetLogin: flag("login"),
			SetNotifications: flag("notifications"), OpenLogs: do("logs"), About: do("about"), Quit: do("quit"),
		},
	})
	go func() {
		defer cancel()
		for lines := json.NewDecoder(os.Stdin); ; {
			var s State
			if lines.Decode(&s) != nil {
				return
			}
			t.Show(s)
		}
	}()
	t.Run(ctx)
	say("ended, %s left", left())
}

// left names the goroutines of ours or of the library that are still there after a moment.
func left() string {
	buf := make([]byte, 1<<20)
	for range 100 {
		stacks := string(buf[:runtime.Stack(buf, true)])
		var found []string
		for s := range strings.SplitSeq(stacks, "\n\n") {
			if (strings.Contains(s, "systray") || strings.Contains(s, "/tray.(") || strings.Contains(s, "godbus")) && !strings.Contains(s, "main.main") {
				found = append(found, s)
			}
		}
		if len(found) == 0 {
			return "nothing"
		}
		buf = append(buf[:0], strings.Join(found, "\n\n")...)[:cap(buf)]
		time.Sleep(10 * time.Millisecond)
	}
	return strings.ReplaceAll(string(bytes.Trim(buf, "\x00")), "\n", " ")
}

// A running program.
type running struct {
	t     *testing.T
	cmd   *exec.Cmd
	in    *json.Encoder
	end   func() error
	lines chan string
	log   bytes.Buffer // its standard error
}

// patience is for anything that should take no time at all.
const patience = 20 * time.Second

func start(t *testing.T, env ...string) *running {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = os.Environ()
	return startAs(t, cmd, env...)
}

// startAs starts a command that ends up in the program.
func startAs(t *testing.T, cmd *exec.Cmd, env ...string) *running {
	t.Helper()
	p := &running{t: t, cmd: cmd, lines: make(chan string, 10_000)}
	p.cmd.Env = append(p.cmd.Env, programVariable+"=1", "LC_ALL=en_US.UTF-8", "XDG_CURRENT_DESKTOP=test", "GORACE=exitcode=0 atexit_sleep_ms=0")
	p.cmd.Env = append(p.cmd.Env, env...)
	p.cmd.Stderr = &p.log
	p.cmd.WaitDelay = patience // what it has started may keep its output open
	in, err := p.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.in, p.end = json.NewEncoder(in), in.Close
	t.Cleanup(func() {
		if p.cmd.ProcessState == nil {
			p.cmd.Process.Kill()
			p.cmd.Wait()
		}
		if t.Failed() {
			t.Logf("the program says: %s", p.log.String())
		}
	})
	go func() {
		defer close(p.lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			p.lines <- strings.TrimSuffix(s.Text(), "\r")
		}
	}()
	return p
}

// expect waits for a line, and lets others pass.
func (p *running) expect(want string) {
	p.t.Helper()
	late := time.After(patience)
	var others []string
	for {
		select {
		case line, ok := <-p.lines:
			if !ok {
				p.t.Fatalf("the program ended and did not say %q, but %q", want, others)
			}
			if line == want {
				return
			}
			others = append(others, line)
		case <-late:
			p.t.Fatalf("the program did not say %q, but %q", want, others)
		}
	}
}

func (p *running) status(s Status) { p.t.Helper(); p.expect(fmt.Sprintf("status %d", s)) }

func (p *running) show(s State) {
	p.t.Helper()
	if err := p.in.Encode(s); err != nil {
		p.t.Fatal(err)
	}
}

// stop ends the program, which must leave nothing behind.
func (p *running) stop() {
	p.t.Helper()
	p.end()
	p.expect("ended, nothing left")
	if err := p.cmd.Wait(); err != nil {
		p.t.Errorf("the program: %v", err)
	}
	for _, race := range races(p.log.String()) {
		p.t.Errorf("a data race: %s", race)
	}
}

// races returns the reports of the race detector, but for those where both sides are the tray library or what it is made of. It has some: in
// the number of its menu's revision, and in an icon that is sent while the next one takes its place. They do no harm, as all icons
// are of one size.
func races(log string) (reports []string) {
	for report := range strings.SplitSeq(log, "==================") {
		lines := strings.Split(report, "\n")
		ours := false
		for i, line := range lines[:len(lines)-1] {
			if strings.Contains(line, " by goroutine ") || strings.Contains(line, " by main goroutine") {
				at := strings.TrimSpace(lines[i+1])
				ours = ours || !slices.ContainsFunc([]string{"fyne.io/systray.", "github.com/godbus/", "reflect."}, func(library string) bool { return strings.HasPrefix(at, library) })
			}
		}
		if ours {
			reports = append(reports, report)
		}
	}
	return reports
}

// Only what is wholly the library's own is let pass.
func TestRaces(t *testing.T) {
	const report = "before\n==================\nWARNING: DATA RACE\nWrite at 0x1 by goroutine 44:\n  %s()\n      a.go:1 +0x1\n\nPrevious read at 0x1 by main goroutine:\n  %s()\n      b.go:2 +0x2\n==================\nFound 1 data race(s)\n"
	library, ours := "fyne.io/systray.refresh", "github.com/zeronetscript/universal_p2p/tray.(*painter).draw"
	for _, c := range []struct {
		write, read string
		want        int
	}{{library, library, 0}, {ours, library, 1}, {library, ours, 1}, {ours, ours, 1}} {
		if got := races(fmt.Sprintf(report, c.write, c.read)); len(got) != c.want {
			t.Errorf("%s and %s: %q", c.write, c.read, got)
		}
	}
	if got := races("nothing"); len(got) != 0 {
		t.Errorf("%q", got)
	}
}

//go:build linux

package swarmtest

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
)

// Where notes go on a bus (https://specifications.freedesktop.org/notification-spec/latest/).
const (
	noteServer = "org.freedesktop.Notifications"
	notePath   = "/org/freedesktop/Notifications"
)

// A noteBoard shows the notes of a desktop.
type noteBoard struct {
	d     *desktop
	notes chan note
	last  atomic.Uint32 // id of a note
}

type note struct {
	id          uint32
	title, text string
	actions     []string
}

func (d *desktop) newNoteBoard() *noteBoard {
	d.t.Helper()
	b := &noteBoard{d: d, notes: make(chan note, 16)}
	if err := d.conn.Export(b, notePath, noteServer); err != nil {
		d.t.Fatal(err)
	}
	if r, err := d.conn.RequestName(noteServer, dbus.NameFlagDoNotQueue); err != nil || r != dbus.RequestNameReplyPrimaryOwner {
		d.t.Fatalf("%s: %v, %v", noteServer, r, err)
	}
	return b
}

// GetCapabilities is called over the bus.
func (b *noteBoard) GetCapabilities() ([]string, *dbus.Error) {
	return []string{"actions", "body"}, nil
}

// Notify is called over the bus.
func (b *noteBoard) Notify(_ string, _ uint32, _, title, text string, actions []string, _ map[string]dbus.Variant, _ int32) (uint32, *dbus.Error) {
	n := note{b.last.Add(1), title, text, actions}
	b.notes <- n
	return n.id, nil
}

// next waits for a note.
func (b *noteBoard) next() note {
	b.d.t.Helper()
	select {
	case n := <-b.notes:
		return n
	case <-time.After(20 * time.Second):
		b.d.t.Fatal("no note came")
		return note{}
	}
}

// becomes tells what the user does with a note: a click on an action, or nothing but closing it.
func (b *noteBoard) becomes(n note, action string) {
	time.Sleep(100 * time.Millisecond) // until the program has the answer to Notify
	if action != "" {
		b.d.conn.Emit(notePath, noteServer+".ActionInvoked", n.id, action)
	}
	b.d.conn.Emit(notePath, noteServer+".NotificationClosed", n.id, uint32(2))
}

// unseen starts the program where nobody sees what it prints, as a login or a click does.
func (p *program) unseen(args ...string) *exec.Cmd {
	p.t.Helper()
	cmd := exec.Command(p.bin, append(append([]string{"run"}, args...), p.flags()...)...)
	cmd.Env = append(append(os.Environ(), "HOME="+filepath.Dir(p.config)), p.face...)
	p.process = spawn(p.t, cmd)
	return cmd
}

// exitCode waits for the program to end.
func (p *program) exitCode(cmd *exec.Cmd) int {
	p.t.Helper()
	select {
	case <-p.done:
		return cmd.ProcessState.ExitCode()
	case <-time.After(20 * time.Second):
		p.t.Fatal("it does not end")
		return 0
	}
}

// Why the program does not start is told by a note where nobody sees what it prints, and by its log.
func TestStartFails(t *testing.T) {
	t.Parallel()
	d := newDesktop(t)
	board := d.newNoteBoard()
	for _, args := range [][]string{nil, {"--autostart"}} {
		p := prepare(t, settings{})
		p.face = d.env
		if err := os.WriteFile(p.config, []byte("# mine\nquotaa = 3\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := p.unseen(args...)
		n := board.next()
		mistake := p.config + ":2: unknown key"
		logs := filepath.Join(p.data, "log")
		if n.title != "Universal P2P could not start" || !strings.HasPrefix(n.text, mistake) || !strings.HasSuffix(n.text, "the log is in "+logs) || len(n.actions) != 0 {
			t.Errorf("%+v", n)
		}
		board.becomes(n, "")
		if code := p.exitCode(cmd); code != 2 {
			t.Errorf("exit code %d", code)
		}
		if log, err := os.ReadFile(filepath.Join(logs, "universal-p2p.log")); err != nil || !bytes.Contains(log, []byte("quotaa")) {
			t.Errorf("the log: %s, %v", log, err)
		}
	}
	if len(board.notes) > 0 {
		t.Errorf("one more note: %+v", <-board.notes)
	}
}

// When another program has the port, a note names it and offers the next one, which is taken when the user says so.
func TestPortTakenNote(t *testing.T) {
	t.Parallel()
	d := newDesktop(t)
	board := d.newNoteBoard()
	for action, code := range map[string]int{"": 1, "yes": 0} {
		p := prepare(t, settings{})
		p.face = d.env
		l, err := net.Listen("tcp4", p.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		cmd := p.unseen()
		n := board.next()
		_, port, _ := net.SplitHostPort(p.addr)
		owner := "process " + strconv.Itoa(os.Getpid()) + " uses it"
		if n.title != "Port "+port+" is taken" || !strings.Contains(n.text, owner) || strings.Join(n.actions, ",") != "yes,Use the next free port" {
			t.Errorf("%+v", n)
		}
		board.becomes(n, action)
		if action != "" {
			d.menu().click(`^Quit$`)
		}
		if got := p.exitCode(cmd); got != code {
			t.Errorf("%q: exit code %d", action, got)
		}
	}
}

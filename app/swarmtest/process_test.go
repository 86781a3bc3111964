//go:build linux

package swarmtest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A process is a program that a test has started.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	err  error         // of Wait, once done is closed
}

// spawn starts cmd. It ends with the test, or with the test binary whatever becomes of that.
func spawn(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	// The signal comes when the thread ends that started the child; Go keeps its threads.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatalf("starting %s: %v", cmd.Path, err)
	}
	p := &process{cmd: cmd, done: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(p.kill)
	return p
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// kill ends the process at once and waits for its end. Ended already is fine.
func (p *process) kill() {
	p.cmd.Process.Kill()
	<-p.done
}

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// terminate asks the process to end and returns what Wait said.
func (p *process) terminate(patience time.Duration) error {
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
		return p.err
	case <-time.After(patience):
		p.kill()
		return fmt.Errorf("still running %v after SIGTERM", patience)
	}
}

// A script is a child process that answers each line of its input with one line of JSON and ends with its input.
type script struct {
	*process
	mu  sync.Mutex
	in  io.WriteCloser
	out *bufio.Reader
}

// startScript starts a python program of the folder rig and waits until it says that it is ready.
func startScript(t *testing.T, python, name string, arg any) *script {
	t.Helper()
	data, err := json.Marshal(arg)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(python, "rig/"+name, string(data))
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { out.Close() })
	var stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = w, &stderr
	s := &script{process: spawn(t, cmd), in: in, out: bufio.NewReader(out)}
	w.Close()
	if _, err := s.out.ReadString('\n'); err != nil {
		<-s.done
		t.Fatalf("%s: %v\n%s", name, s.err, stderr.Bytes())
	}
	return s
}

// ask sends a line and decodes the answer into v.
func (s *script) ask(t *testing.T, line string, v any) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := io.WriteString(s.in, line+"\n"); err != nil {
		t.Fatal(err)
	}
	answer, err := s.out.ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(answer, v); err != nil {
		t.Fatal(err)
	}
}

// ports remembers what freePort has given away, so that two tests never get the same one.
var ports = struct {
	sync.Mutex
	given map[int]bool
}{given: map[int]bool{}}

// freePort returns a TCP and UDP port that is free on every address.
func freePort(t *testing.T) int {
	t.Helper()
	ports.Lock()
	defer ports.Unlock()
	for range 100 {
		l, err := net.Listen("tcp", ":0")
		if err != nil {
			t.Fatal(err)
		}
		port := l.Addr().(*net.TCPAddr).Port
		u, err := net.ListenPacket("udp", ":"+strconv.Itoa(port))
		l.Close()
		if err != nil {
			continue
		}
		u.Close()
		if !ports.given[port] {
			ports.given[port] = true
			return port
		}
	}
	t.Fatal("no free port")
	return 0
}

// hosts counts the addresses of 127.0.0.0/8 given away.
var hosts = struct {
	sync.Mutex
	n int
}{}

// freeHost returns a loopback address of its own. Clients take two peers of one address for one.
func freeHost() string {
	hosts.Lock()
	defer hosts.Unlock()
	hosts.n++
	return fmt.Sprintf("127.77.%d.%d", hosts.n/250, 1+hosts.n%250)
}

// freeAddr returns a host:port on a loopback address of its own.
func freeAddr(t *testing.T) string {
	return net.JoinHostPort(freeHost(), strconv.Itoa(freePort(t)))
}

// waitPort waits until something accepts connections at addr. It fails when p ends before.
func waitPort(t *testing.T, p *process, addr string, patience time.Duration) {
	t.Helper()
	eventually(t, patience, "listening on "+addr, func() bool {
		if p.ended() {
			t.Fatalf("%s ended: %v", p.cmd.Path, p.err)
		}
		c, err := net.DialTimeout("tcp", addr, time.Second)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
}

// eventually waits until ok, and fails when that takes longer than patience.
func eventually(t *testing.T, patience time.Duration, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", patience, what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

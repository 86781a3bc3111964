// Package winetest runs Windows programs in tests on Linux, under Wine (https://www.winehq.org).
//
// A test that needs it is skipped, with the reason, where Wine or the compiler for Windows (Debian: wine64 and
// gcc-mingw-w64-x86-64-win32) is missing; with UP2P_REQUIRE_PEERS=1 in the environment it fails instead.
package winetest

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// A Prefix is what Wine takes for a computer with Windows: a drive C and a registry of its own. To make one takes 20 seconds and
// 700 MB, so that the tests of a package share one.
type Prefix struct {
	Dir string
	env []string
}

const (
	makeTime = 5 * time.Minute // for a Prefix, on a busy machine
	stopTime = 30 * time.Second
)

// New makes a Prefix that goes with the test, and what runs in it as well. When UP2P_WINEPREFIX names a folder it is made there, and
// stays for the next test, which must not mind what this one leaves.
func New(t *testing.T) *Prefix {
	t.Helper()
	lacks := lacking()
	if lacks != "" && os.Getenv("UP2P_REQUIRE_PEERS") == "1" {
		t.Fatalf("%s is missing, and UP2P_REQUIRE_PEERS=1", lacks)
	}
	if lacks != "" {
		t.Skipf("%s is missing", lacks)
	}
	dir := os.Getenv("UP2P_WINEPREFIX")
	if dir == "" {
		dir = filepath.Join(t.TempDir(), "wine")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	p := &Prefix{Dir: dir, env: append(os.Environ(),
		"WINEPREFIX="+dir, "HOME="+dir, "WINEARCH=win64", "WINEDEBUG=-all", "WINEDLLOVERRIDES=mscoree=;mshtml=;winemenubuilder.exe=")}
	t.Cleanup(func() { p.stop(t) })
	if _, err := os.Stat(p.Path(`C:\windows\system32\bcryptprimitives.dll`)); errors.Is(err, fs.ErrNotExist) {
		p.fill(t)
	}
	return p
}

// lacking names a program that is not here, or is empty.
func lacking() string {
	if runtime.GOOS == "windows" {
		return "a system that is not Windows itself"
	}
	for _, name := range []string{"wine", "wineboot", "wineserver", "go"} {
		if _, err := exec.LookPath(name); err != nil {
			return name
		}
	}
	if _, err := compiler(); err != nil {
		return "a C compiler for Windows"
	}
	return ""
}

func compiler() (string, error) {
	path, err := exec.LookPath("x86_64-w64-mingw32-gcc-win32")
	if err != nil {
		path, err = exec.LookPath("x86_64-w64-mingw32-gcc")
	}
	return path, err
}

// fill makes the Prefix. Wine before version 9 lacks a library that every Go program asks for; testdata has a stand-in.
func (p *Prefix) fill(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), makeTime)
	defer cancel()
	if out, err := p.output(p.cmd(ctx, "wineboot", "-i")); err != nil {
		t.Fatalf("wineboot: %v\n%s", err, out)
	}
	// What made it may still be ending. A program that comes then can meet a service manager that goes, and leave the next one to
	// another: neither would know what the other has installed.
	p.stop(t)
	gcc, err := compiler()
	if err != nil {
		t.Fatal(err)
	}
	_, self, _, _ := runtime.Caller(0)
	dll := p.Path(`C:\windows\system32\bcryptprimitives.dll`)
	if _, err := os.Stat(dll); err == nil {
		return
	}
	cc := exec.CommandContext(ctx, gcc, "-shared", "-O2", "-s", "-nostartfiles", "-e", "DllMain", "-o", dll,
		filepath.Join(filepath.Dir(self), "testdata", "bcryptprimitives.c"), "-ladvapi32")
	if out, err := cc.CombinedOutput(); err != nil {
		t.Fatalf("the stand-in for bcryptprimitives.dll: %v\n%s", err, out)
	}
}

// stop ends all that runs in the Prefix, and waits for it.
func (p *Prefix) stop(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), stopTime)
	defer cancel()
	for _, flag := range []string{"-k", "-w"} {
		p.cmd(ctx, "wineserver", flag).Run() // fails when there is none
	}
	if ctx.Err() != nil {
		t.Errorf("wineserver did not end in %v", stopTime)
	}
}

func (p *Prefix) cmd(ctx context.Context, name string, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, name, args...)
	c.Env = p.env
	return c
}

// output runs a command to its end and returns what it printed. That goes through a file: what the command has started, as the first
// one starts the services of Windows, would keep a pipe open.
func (p *Prefix) output(c *exec.Cmd) (string, error) {
	f, err := os.CreateTemp(p.Dir, "output.*")
	if err != nil {
		return "", err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	c.Stdout, c.Stderr = f, f
	runErr := c.Run()
	text, err := os.ReadFile(f.Name())
	return string(text), errors.Join(runErr, err)
}

// Command is a Windows program: a path of this system, or one of Windows. Give it files and no pipes, see Run.
func (p *Prefix) Command(ctx context.Context, program string, args ...string) *exec.Cmd {
	return p.cmd(ctx, "wine", append([]string{program}, args...)...)
}

// Run runs a Windows program to its end and returns what it printed.
func (p *Prefix) Run(ctx context.Context, program string, args ...string) (out string, err error) {
	return p.output(p.Command(ctx, program, args...))
}

// Restart is what a log-out and a log-in are: all that runs ends, and what the registry says is started. It returns when that is
// on its way.
func (p *Prefix) Restart(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), makeTime)
	defer cancel()
	p.stop(t)
	if out, err := p.output(p.cmd(ctx, "wineboot")); err != nil {
		t.Fatalf("wineboot: %v\n%s", err, out)
	}
}

// Path is where a file on drive C lies on this system.
func (p *Prefix) Path(windows string) string {
	rest := strings.TrimPrefix(windows, `C:\`)
	return filepath.Join(p.Dir, "drive_c", filepath.FromSlash(strings.ReplaceAll(rest, `\`, "/")))
}

// Query returns the value of a key of the registry as `reg query` prints it; ok is false when it is not there.
func (p *Prefix) Query(t *testing.T, key, value string) (text string, ok bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, err := p.Run(ctx, "reg", "query", key, "/v", value)
	if err != nil {
		if ctx.Err() != nil {
			t.Fatal(ctx.Err())
		}
		return "", false
	}
	for line := range strings.Lines(out) {
		if fields := strings.Fields(line); len(fields) >= 2 && fields[0] == value {
			_, text, _ = strings.Cut(line, fields[1])
			return strings.TrimSpace(text), true
		}
	}
	return "", false
}

// Build makes a program for Windows of a package, with the flags of go build that are given, and returns its path.
func Build(t *testing.T, pkg string, flags ...string) string {
	t.Helper()
	return goTool(t, append([]string{"build"}, flags...), pkg)
}

// BuildTest makes a program for Windows of the tests of a package.
func BuildTest(t *testing.T, pkg string) string {
	t.Helper()
	return goTool(t, []string{"test", "-c"}, pkg)
}

func goTool(t *testing.T, args []string, pkg string) string {
	t.Helper()
	exe := filepath.Join(t.TempDir(), "universal-p2p.exe")
	c := exec.CommandContext(t.Context(), "go", append(args, "-o", exe, pkg)...)
	c.Env = append(os.Environ(), "GOOS=windows", "GOARCH=amd64", "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return exe
}

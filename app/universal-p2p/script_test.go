package main

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/anacrolix/torrent/bencode"
	"github.com/anacrolix/torrent/metainfo"
	"github.com/gofrs/flock"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/zeronetscript/universal_p2p/app"
)

// The scripts run the real main as a process of its own.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"universal-p2p": main})
}

// TestScripts runs testdata/script/*.txtar. Each has a folder of its own for everything that the program reads and writes by
// default, no display, the conditions root and ipfs besides the usual ones, and these commands:
//
//	exits CODE COMMAND...  runs a command that has to fail with that exit code and one line on standard error
//	ready FOLDER           waits until a program runs on the data folder; a pattern as for filepath.Glob will do
//	torrent FILE OUT       makes a .torrent of a file
//	occupy VAR             takes a free port until the script ends
//	free VAR               finds a port that is free now
//	[!] hold FOLDER        takes a data folder until the script ends, or lets it go again
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			for _, v := range []string{"HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "LocalAppData", "AppData"} {
				e.Setenv(v, filepath.Join(e.WorkDir, "home"))
			}
			for _, v := range []string{"DISPLAY", "WAYLAND_DISPLAY", "XDG_CONFIG_DIRS"} {
				e.Setenv(v, "")
			}
			// No browser opens, and a script can see what would have been opened.
			e.Setenv("PATH", filepath.Join(e.WorkDir, "bin")+string(os.PathListSeparator)+e.Getenv("PATH"))
			e.Values[held{}] = map[string]*flock.Flock{}
			return nil
		},
		Condition: func(c string) (bool, error) {
			switch c {
			case "root":
				return os.Geteuid() == 0, nil
			case "ipfs": // or the program was built without
				c, err := app.LoadConfig("", false)
				return strings.Contains(c.TOML(), "[ipfs]"), err
			}
			return false, errors.New("unknown condition " + c)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "ready": ready, "torrent": makeTorrent, "occupy": occupy, "free": free, "hold": hold,
		},
	})
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != want {
		ts.Fatalf("it ended with %v, want exit code %d", err, want)
	}
	if stderr := ts.ReadFile("stderr"); strings.Count(stderr, "\n") != 1 || !strings.HasPrefix(stderr, "universal-p2p: ") {
		ts.Fatalf("not one line on standard error: %q", stderr)
	}
}

func ready(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: ready FOLDER")
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for {
		dir := ts.MkAbs(args[0])
		if found, err := filepath.Glob(dir); err == nil && len(found) > 0 {
			dir = found[0]
		}
		c, err := app.Dial(dir)
		if err == nil {
			if _, err = c.Status(ctx); err == nil {
				return
			}
		}
		if ctx.Err() != nil {
			ts.Fatalf("no program came up: %v", err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func makeTorrent(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: torrent FILE OUT")
	}
	info := metainfo.Info{PieceLength: 16 << 10}
	ts.Check(info.BuildFromFilePath(ts.MkAbs(args[0])))
	raw, err := bencode.Marshal(info)
	ts.Check(err)
	f, err := os.Create(ts.MkAbs(args[1]))
	ts.Check(err)
	meta := metainfo.MetaInfo{InfoBytes: raw}
	ts.Check(errors.Join(meta.Write(f), f.Close()))
}

func occupy(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: occupy VAR")
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { l.Close() })
	ts.Setenv(args[0], strconv.Itoa(l.Addr().(*net.TCPAddr).Port))
}

func free(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: free VAR")
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	ts.Check(err)
	ts.Setenv(args[0], strconv.Itoa(l.Addr().(*net.TCPAddr).Port))
	ts.Check(l.Close())
}

// held is the key of the data folders that a script holds.
type held struct{}

func hold(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: [!] hold FOLDER")
	}
	dir := ts.MkAbs(args[0])
	locks := ts.Value(held{}).(map[string]*flock.Flock)
	if neg {
		if locks[dir] == nil {
			ts.Fatalf("%s is not held", args[0])
		}
		ts.Check(locks[dir].Close())
		return
	}
	ts.Check(os.MkdirAll(dir, 0o700))
	l := flock.New(filepath.Join(dir, "lock"))
	ok, err := l.TryLock()
	ts.Check(err)
	if !ok {
		ts.Fatalf("somebody else has it")
	}
	locks[dir] = l
	ts.Defer(func() { l.Close() })
}

package streamtest_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"iter"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/zeronetscript/universal_p2p/stream"
	"github.com/zeronetscript/universal_p2p/stream/streamtest"
)

// A fault is one thing done wrong between a Mem and the suite, and the part of the suite that has to notice.
type fault struct {
	name    string
	caught  string // the subtest that fails
	backend func(planted, context.Context, stream.Root) (stream.Tree, error)
	close   func(planted) error
	id      func() string
	lookup  func(plantedTree, context.Context, string) (stream.File, string, error)
	files   func(plantedTree, context.Context) iter.Seq2[stream.File, error]
	closeT  func(plantedTree) error
	size    func(int64) int64
	open    func(plantedFile, context.Context) (io.ReadSeekCloser, error)
	early   bool // files are EarlyFiles, with a Verified that always says yes
	expect  bool // readers are Expecters that cannot leave what they expect
	read    func(plantedReader, []byte) (int, error)
	seek    func(plantedReader, int64, int) (int64, error)
}

var faults = []fault{
	{name: "open-ignores-context", caught: "Shared/Absent", backend: func(p planted, _ context.Context, r stream.Root) (stream.Tree, error) {
		return p.Backend.Open(context.Background(), r)
	}},
	{name: "absent-is-not-found", caught: "Shared/Absent", backend: func(p planted, ctx context.Context, r stream.Root) (stream.Tree, error) {
		if r.ID == "absent" {
			return nil, fs.ErrNotExist
		}
		return p.Backend.Open(ctx, r)
	}},
	{name: "bad-root-is-searched", caught: "Shared/BadRoot", backend: func(p planted, ctx context.Context, r stream.Root) (stream.Tree, error) {
		t, err := p.Backend.Open(ctx, r)
		if errors.Is(err, stream.ErrBadRoot) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return t, err
	}},
	{name: "open-after-close", caught: "Close", backend: func(p planted, ctx context.Context, r stream.Root) (stream.Tree, error) {
		t, err := p.Backend.Open(ctx, r)
		if errors.Is(err, stream.ErrClosed) {
			return nil, errors.New("closed")
		}
		return t, err
	}},
	{name: "goroutine-left", caught: "Close", close: func(p planted) error {
		leaveGoroutine(p.forever)
		return p.Backend.Close()
	}},
	{name: "close-does-nothing", caught: "Close", close: func(p planted) error { return nil }},
	{name: "id-as-asked", caught: "Shared/ID", id: func() string { return "a/b" }},
	{name: "id-changes", caught: "Shared/ID", id: func() string { return strings.ReplaceAll(time.Now().Format("05.000000000"), ".", "") }},
	{name: "prefix-without-slash", caught: "Shared/Lookup", lookup: func(p plantedTree, ctx context.Context, path string) (stream.File, string, error) {
		f, rest, err := p.Tree.Lookup(ctx, path)
		for g, ferr := range p.Tree.Files(ctx) {
			if err != nil && ferr == nil && strings.HasPrefix(path, g.Path()) {
				return p.file(g), strings.TrimPrefix(path[len(g.Path()):], "/"), nil
			}
		}
		return p.file(f), rest, err
	}},
	{name: "rest-forgotten", caught: "Shared/Lookup", lookup: func(p plantedTree, ctx context.Context, path string) (stream.File, string, error) {
		f, _, err := p.Tree.Lookup(ctx, path)
		return p.file(f), "", err
	}},
	{name: "no-way-through-a-file", caught: "Shared/Lookup", lookup: func(p plantedTree, ctx context.Context, path string) (stream.File, string, error) {
		f, rest, err := p.Tree.Lookup(ctx, path)
		if rest != "" {
			return nil, "", fs.ErrNotExist
		}
		return p.file(f), rest, err
	}},
	{name: "shortest-prefix-wins", caught: "ExactWins", lookup: func(p plantedTree, ctx context.Context, path string) (stream.File, string, error) {
		for i := range path {
			if f, rest, err := p.Tree.Lookup(ctx, path[:i]); path[i] == '/' && err == nil && rest == "" {
				return p.file(f), path[i+1:], nil
			}
		}
		f, rest, err := p.Tree.Lookup(ctx, path)
		return p.file(f), rest, err
	}},
	{name: "empty-path-is-the-first", caught: "Shared/Lookup", lookup: func(p plantedTree, ctx context.Context, path string) (stream.File, string, error) {
		if path == "" {
			path = "a.txt"
		}
		f, rest, err := p.Tree.Lookup(ctx, path)
		return p.file(f), rest, err
	}},
	{name: "file-twice", caught: "Shared/Files", files: func(p plantedTree, ctx context.Context) iter.Seq2[stream.File, error] {
		return func(yield func(stream.File, error) bool) {
			for f, err := range p.Tree.Files(ctx) {
				if !yield(f, err) || f.Path() == "b" && !yield(f, err) {
					return
				}
			}
		}
	}},
	{name: "file-missing", caught: "Shared/Files", files: func(p plantedTree, ctx context.Context) iter.Seq2[stream.File, error] {
		return func(yield func(stream.File, error) bool) {
			for f, err := range p.Tree.Files(ctx) {
				if f.Path() != "empty" && !yield(f, err) {
					return
				}
			}
		}
	}},
	{name: "tree-closes-once", caught: "Shared/TwoTrees", closeT: func(p plantedTree) error {
		if *p.closed {
			return fs.ErrClosed
		}
		*p.closed = true
		return p.Tree.Close()
	}},
	{name: "wrong-size", caught: "Shared/Files", size: func(n int64) int64 { return n + 1 }},
	{name: "empty-file-waits", caught: "Stuck/Empty", read: func(p plantedReader, b []byte) (int, error) {
		if p.stuck && p.File.Size() == 0 && len(b) > 0 {
			<-p.ctx.Done()
			return 0, p.ctx.Err()
		}
		return p.ReadSeekCloser.Read(b)
	}},
	{name: "reader-ignores-context", caught: "Shared/ReadCancelled", open: func(p plantedFile, _ context.Context) (io.ReadSeekCloser, error) {
		return p.File.Open(context.Background())
	}},
	{name: "waiting-reader-ignores-context", caught: "Stuck/Open", open: func(p plantedFile, ctx context.Context) (io.ReadSeekCloser, error) {
		if p.stuck {
			ctx = context.Background()
		}
		return p.File.Open(ctx)
	}},
	{name: "open-waits-for-a-byte", caught: "Stuck/Open", open: func(p plantedFile, ctx context.Context) (io.ReadSeekCloser, error) {
		r, err := p.File.Open(ctx)
		if err == nil && p.stuck {
			_, err = r.Read(make([]byte, 1))
			r.Seek(0, io.SeekStart)
		}
		return r, err
	}},
	{name: "wrong-byte", caught: "Shared/Read", read: func(p plantedReader, b []byte) (int, error) {
		n, err := p.ReadSeekCloser.Read(b)
		if n > 0 && p.File.Path() == "z.bin" {
			b[n-1] ^= 1
		}
		return n, err
	}},
	{name: "end-without-eof", caught: "Shared/Read", read: func(p plantedReader, b []byte) (int, error) {
		n, err := p.ReadSeekCloser.Read(b)
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return n, err
	}},
	{name: "closed-is-eof", caught: "Close", read: func(p plantedReader, b []byte) (int, error) {
		n, err := p.ReadSeekCloser.Read(b)
		if errors.Is(err, stream.ErrClosed) {
			err = io.EOF
		}
		return n, err
	}},
	{name: "seek-stops-at-the-end", caught: "Shared/Read", seek: func(p plantedReader, off int64, whence int) (int64, error) {
		if whence == io.SeekStart && off > p.File.Size() {
			return 0, errors.New("beyond the end")
		}
		return p.ReadSeekCloser.Seek(off, whence)
	}},
	{name: "seek-waits", caught: "Stuck/Open", seek: func(p plantedReader, off int64, whence int) (int64, error) {
		off, err := p.ReadSeekCloser.Seek(off, whence)
		if p.stuck && off < p.File.Size() {
			<-p.ctx.Done()
		}
		return off, err
	}},
	{name: "unverified-is-verified", caught: "Stuck", early: true},
	{name: "expect-is-a-fence", caught: "Shared/Expect", expect: true},
}

// TestSuiteBites runs over every fault the part of the suite that has to notice, each in a process of its own: a test that fails
// fails its parents.
func TestSuiteBites(t *testing.T) {
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			run := "^TestPlanted$/^" + strings.ReplaceAll(f.caught, "/", "$/^") + "$"
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run="+run, "-test.v")
			cmd.Env = append(os.Environ(), "UP2P_PLANTED_FAULT="+f.name)
			out, err := cmd.CombinedOutput()
			if err == nil {
				t.Fatalf("the suite passes")
			}
			if !bytes.Contains(out, []byte("--- FAIL: TestPlanted/"+f.caught+" ")) {
				t.Errorf("not caught by %s:\n%s", f.caught, out)
			}
		})
	}
}

// TestPlanted is what TestSuiteBites runs.
func TestPlanted(t *testing.T) {
	name := os.Getenv("UP2P_PLANTED_FAULT")
	for _, f := range faults {
		if f.name == name {
			plantedSuite(f).Run(t)
			return
		}
	}
	t.Skip("no fault is asked for; TestSuiteBites does")
}

func plantedSuite(f fault) streamtest.Suite {
	s := memSuite(func(*testing.T, *streamtest.MemTree) {})
	s.Limit = 300 * time.Millisecond
	wrap := func(start func(*testing.T, map[string][]byte) (stream.Backend, stream.Root), stuck bool) func(*testing.T, map[string][]byte) (stream.Backend, stream.Root) {
		return func(t *testing.T, files map[string][]byte) (stream.Backend, stream.Root) {
			b, root := start(t, files)
			p := planted{Backend: b, fault: f, stuck: stuck, forever: make(chan struct{})}
			t.Cleanup(func() { close(p.forever); b.Close() })
			return p, root
		}
	}
	s.New, s.Stuck = wrap(s.New, false), wrap(s.Stuck, true)
	return s
}

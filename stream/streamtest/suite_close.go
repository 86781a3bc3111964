package streamtest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/zeronetscript/universal_p2p/stream"
)

// testClose is about the end of a backend, with everything still in use.
func (s Suite) testClose(t *testing.T) {
	start := s.New
	if s.Stuck != nil {
		start = s.Stuck
	}
	files := fixture()
	b, root := start(t, files)
	tree := s.openOn(t, b, root)
	reader := s.openFile(t, lookup(t, tree, big))
	idle := s.openFile(t, lookup(t, tree, "z.bin"))

	waitingOpen := make(chan error, 1)
	go func() { waitingOpen <- openErr(context.Background(), b, s.Absent) }()
	if s.Stuck == nil {
		time.Sleep(50 * time.Millisecond)
		s.closeBackend(t, b)
	} else {
		check(t, wantErr(s.stuckRead(t, reader, func() { s.closeBackend(t, b) }), stream.ErrClosed))
	}
	s.within(t, "Open that waits during Close", func() error { return wantErr(<-waitingOpen, stream.ErrClosed) })
	s.within(t, "Read after Close", func() error {
		_, err := idle.Read(make([]byte, 10))
		return wantErr(err, stream.ErrClosed)
	})
	for _, id := range []string{root.ID, s.Absent} {
		s.within(t, "Open after Close", func() error {
			return wantErr(openErr(context.Background(), b, id), stream.ErrClosed)
		})
	}
	for _, end := range []func() error{reader.Close, idle.Close, tree.Close, tree.Close, b.Close} {
		s.within(t, "ends after Close", end)
	}
}

// closeBackend closes b and checks that it left no goroutine of its own behind.
func (s Suite) closeBackend(t *testing.T, b stream.Backend) {
	t.Helper()
	s.within(t, "Backend.Close", b.Close)
	// A goroutine that has told its owner that it ends still stands in the list for a moment.
	var left []string
	for range 100 {
		if left = goroutinesOf(b); len(left) == 0 {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Errorf("after Backend.Close %d goroutines of the backend are left:\n%s", len(left), strings.Join(left, "\n\n"))
}

// goroutinesOf returns the stacks of goroutines that the package of b has started, test files apart.
func goroutinesOf(b stream.Backend) (stacks []string) {
	typ := reflect.TypeOf(b)
	if typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	buf := make([]byte, 1<<20)
	buf = buf[:runtime.Stack(buf, true)]
	for stack := range strings.SplitSeq(string(buf), "\n\n") {
		_, created, ok := strings.Cut(stack, "created by ")
		if !ok {
			continue
		}
		by, file, _ := strings.Cut(created, "\n")
		if strings.HasPrefix(by, typ.PkgPath()+".") && !strings.Contains(file, "_test.go:") && !strings.Contains(by, ".Suite.") {
			stacks = append(stacks, stack)
		}
	}
	return stacks
}

func (e *env) testMetainfo(t *testing.T) {
	b, ok := e.backend.(stream.MetaBackend)
	if !ok {
		t.Skip("no MetaBackend")
	}
	id := e.open(t).ID()
	data, err := b.Metainfo(t.Context(), e.root)
	if err != nil || len(data) == 0 {
		t.Fatalf("Metainfo = %d bytes, %v", len(data), err)
	}
	if got, err := b.AddMetainfo(t.Context(), data); got != id || err != nil {
		t.Errorf("AddMetainfo of what Metainfo gave = %q, %v, want %q", got, err, id)
	}
	checkReader(t, lookup(t, e.open(t), "z.bin"), e.files["z.bin"])
	for _, bad := range [][]byte{nil, {}, []byte("no metainfo at all"), data[:len(data)/2], make([]byte, 1000)} {
		if got, err := b.AddMetainfo(t.Context(), bad); !errors.Is(err, stream.ErrBadMetainfo) {
			t.Errorf("AddMetainfo(%.20q) = %q, %v, want ErrBadMetainfo", bad, got, err)
		}
	}
	if _, err := b.Metainfo(t.Context(), stream.Root{}); !errors.Is(err, stream.ErrBadRoot) {
		t.Errorf("Metainfo of no root: %v, want ErrBadRoot", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	e.within(t, "Metainfo of an absent root", func() error {
		_, err := b.Metainfo(ctx, stream.Root{ID: e.Absent})
		return wantErr(err, context.DeadlineExceeded)
	})
}

func (e *env) testSearch(t *testing.T) {
	b, ok := e.backend.(stream.Searcher)
	if !ok {
		t.Skip("no Searcher")
	}
	if _, ok := b.Search(stream.Root{ID: "no/such root"}); ok {
		t.Error("Search knows a malformed root")
	}
	tree := e.open(t)
	if s, ok := b.Search(e.root); !ok || !s.Found {
		t.Errorf("Search of an open root = %+v, %v, want it found", s, ok)
	}
	if s, ok := b.Search(stream.Root{ID: tree.ID()}); !ok || !s.Found {
		t.Errorf("Search of an open root by its canonical ID = %+v, %v, want it found", s, ok)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- openErr(ctx, e.backend, e.Absent) }()
	e.until(t, "Search knows a root that is being opened", func() error {
		if s, ok := b.Search(stream.Root{ID: e.Absent}); !ok || s.Found {
			return fmt.Errorf("Search = %+v, %v", s, ok)
		}
		return nil
	})
	cancel()
	e.within(t, "Open after its cancellation", func() error { return wantErr(<-done, context.Canceled) })
}

// until waits for f to return nil.
func (s Suite) until(t *testing.T, what string, f func() error) {
	t.Helper()
	end := time.Now().Add(s.Limit)
	for err := f(); err != nil; err = f() {
		if time.Now().After(end) {
			t.Fatalf("%s: %v", what, err)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

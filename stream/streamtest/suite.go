// Package streamtest holds what every protocol is tested with: [Suite], the contract of package stream as tests, and [Mem], a
// Backend in memory that passes them and stands in for a swarm wherever the tests of other rooms need one.
//
// The test of a new protocol says how to start a backend that finds given files, and runs the suite:
//
//	func TestBackend(t *testing.T) {
//		streamtest.Suite{
//			New: func(t *testing.T, files map[string][]byte) (stream.Backend, stream.Root) {
//				id := seed(t, files) // a peer on loopback that has them
//				return startBackend(t), stream.Root{ID: id}
//			},
//			Absent:   "0123456789abcdef0123456789abcdef01234567",
//			BadRoots: []string{"0123", "not a hash"},
//		}.Run(t)
//	}
package streamtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/zeronetscript/universal_p2p/stream"
)

// A Suite tests whether a Backend keeps the contracts of package stream. New and Absent are required.
type Suite struct {
	// New starts a backend that can find a tree of exactly these files, path to content, and names its root. What it needs
	// beside the backend (a peer that has the files) it ends with t.Cleanup. The suite closes the backend; New may do so too,
	// since a second Close does nothing.
	New func(t *testing.T, files map[string][]byte) (stream.Backend, stream.Root)
	// Stuck is like New, but not one byte of the files ever comes: only the list of them is known. Without it, the tests of
	// a reader that waits are skipped.
	Stuck func(t *testing.T, files map[string][]byte) (stream.Backend, stream.Root)
	// Bare starts a backend that can find a file without a name, see [stream.BareTree], of which the hint "filename" is one. Without
	// it the protocol has none.
	Bare func(t *testing.T, data []byte) (stream.Backend, stream.Root)
	// Absent is the ID of a root that nobody has.
	Absent string
	// BadRoots are IDs outside the protocol's grammar. The empty one and some that no protocol can know are always tried.
	BadRoots []string
	// Folders says that the protocol has true folders, so that no tree can hold both "a.zip" and "a.zip/1.jpg".
	Folders bool
	// Names says that New's roots are names for other IDs, see [stream.Namer].
	Names bool
	// Limit is how long a call may take that has no reason to wait. Zero means 10 s.
	Limit time.Duration
}

// Run runs the suite as subtests of t.
func (s Suite) Run(t *testing.T) {
	if s.Limit == 0 {
		s.Limit = 10 * time.Second
	}
	files := fixture()
	t.Run("Shared", func(t *testing.T) {
		b, root := s.New(t, files)
		e := &env{Suite: s, backend: b, root: root, files: files}
		t.Cleanup(func() { e.within(t, "Backend.Close", b.Close) })
		t.Run("ID", e.testID)
		t.Run("BadRoot", e.testBadRoot)
		t.Run("Absent", e.testAbsent)
		t.Run("Files", e.testFiles)
		t.Run("Lookup", e.testLookup)
		t.Run("Read", e.testRead)
		t.Run("ReadCancelled", e.testReadCancelled)
		t.Run("Expect", e.testExpect)
		t.Run("Early", e.testEarly)
		t.Run("TwoTrees", e.testTwoTrees)
		t.Run("Concurrent", e.testConcurrent)
		t.Run("Metainfo", e.testMetainfo)
		t.Run("Search", e.testSearch)
		t.Run("Monitor", e.testMonitor)
		t.Run("Recognize", e.testRecognize)
	})
	t.Run("OneFile", s.testOneFile)
	t.Run("Bare", s.testBare)
	t.Run("ExactWins", s.testExactWins)
	t.Run("Stuck", s.testStuck)
	t.Run("Close", s.testClose)
}

// env is one backend with the fixture in it.
type env struct {
	Suite
	backend stream.Backend
	root    stream.Root
	files   map[string][]byte
}

// open opens the tree of the fixture, to be closed at the end of t.
func (e *env) open(t *testing.T) stream.Tree {
	t.Helper()
	return e.openOn(t, e.backend, e.root)
}

func (s Suite) openOn(t *testing.T, b stream.Backend, root stream.Root) stream.Tree {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), s.Limit)
	defer cancel()
	tree, err := b.Open(ctx, root)
	if err != nil {
		t.Fatalf("Open(%q): %v", root.ID, err)
	}
	t.Cleanup(func() { check(t, tree.Close()) })
	return tree
}

// lookup finds the file that has exactly this path.
func lookup(t *testing.T, tree stream.Tree, path string) stream.File {
	t.Helper()
	f, rest, err := tree.Lookup(t.Context(), path)
	if err != nil || rest != "" {
		t.Fatalf("Lookup(%q) = rest %q, %v", path, rest, err)
	}
	return f
}

// within fails the test when f fails, or takes longer than the limit. A late f must not touch t.
func (s Suite) within(t *testing.T, what string, f func() error) {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- f() }()
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	case <-time.After(s.Limit):
		t.Fatalf("%s takes longer than %v", what, s.Limit)
	}
}

// wantErr returns nil when got is a want.
func wantErr(got, want error) error {
	if !errors.Is(got, want) {
		return fmt.Errorf("got error %v, want %v", got, want)
	}
	return nil
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}

// big is the path of the biggest file of the fixture.
const big = "video.mkv"

// fixture returns the files that the suite works with: names that a wrong comparison mixes up, names that need escaping in a
// URL, a file of no bytes, and one that spans several pieces of any protocol.
func fixture() map[string][]byte {
	rnd := rand.NewChaCha8([32]byte([]byte("universal_p2p stream conformance")))
	random := func(n int) []byte {
		b := make([]byte, n)
		rnd.Read(b)
		return b
	}
	return map[string][]byte{
		big:                      random(300_001),
		"a.txt":                  []byte("The quick brown fox jumps over the lazy dog.\n"),
		"a.zip":                  random(20_000),
		"b":                      []byte{0},
		"dir/a.txt":              bytes.Repeat([]byte("0123456789abcdef"), 2048),
		"dir/a.zip":              random(70_000),
		"dir/deep/er/c #1 +%20?": []byte("a name that has to be escaped"),
		"dir/мир/día.srt":        []byte("1\n00:00:00,000 --> 00:00:01,000\nHi\n"),
		"empty":                  {},
		"z.bin":                  random(33_333),
	}
}

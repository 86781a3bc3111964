package streamtest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/zeronetscript/universal_p2p/stream"
)

func (e *env) testID(t *testing.T) {
	tree := e.open(t)
	id := tree.ID()
	if id == "" || url.PathEscape(id) != id {
		t.Fatalf("ID %q cannot stand in a URL path as it is", id)
	}
	again := e.openOn(t, e.backend, stream.Root{ID: id, Hints: e.root.Hints})
	if again.ID() != id {
		t.Errorf("ID of %q opened by its own ID is %q", id, again.ID())
	}
	if again.Name() != tree.Name() {
		t.Errorf("Name is %q, and %q the next time", tree.Name(), again.Name())
	}
}

func (e *env) testFiles(t *testing.T) {
	tree := e.open(t)
	for range 2 { // the second time must give the same
		checkFiles(t, tree, e.files)
	}
	for range tree.Files(t.Context()) {
		break // a caller may stop
	}
}

// checkFiles checks that the tree lists exactly these files.
func checkFiles(t *testing.T, tree stream.Tree, want map[string][]byte) {
	t.Helper()
	seen := make(map[string]bool)
	for f, err := range tree.Files(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		p := f.Path()
		f.ModTime()
		content, ok := want[p]
		switch {
		case !stream.ValidPath(p):
			t.Errorf("path %q is not valid", p)
		case seen[p]:
			t.Errorf("path %q comes twice", p)
		case !ok:
			t.Errorf("path %q was not put in", p)
		case f.Size() != int64(len(content)):
			t.Errorf("size of %q is %d, want %d", p, f.Size(), len(content))
		}
		seen[p] = true
	}
	for p := range want {
		if !seen[p] {
			t.Errorf("path %q is missing", p)
		}
	}
}

func (e *env) testLookup(t *testing.T) {
	tree := e.open(t)
	tests := []struct{ path, want, rest string }{ // no want: fs.ErrNotExist
		{"", big, ""},
		{"a.zip/1.jpg", "a.zip", "1.jpg"},
		{"dir/a.zip/1.jpg", "dir/a.zip", "1.jpg"},
		{"dir/a.zip/in/a.zip/2.jpg", "dir/a.zip", "in/a.zip/2.jpg"},
		{"a.zip/\x83e.jpg", "a.zip", "\x83e.jpg"}, // a member by its bytes
		{"empty/x", "empty", "x"},
		{"b/a.txt", "b", "a.txt"},
		{path: "a.txtx"},
		{path: "a.txtx/1"},
		{path: "a.tx"},
		{path: "a"},
		{path: "A.TXT"},
		{path: "dir"},
		{path: "dir/deep"},
		{path: "dir/deep/er"},
		{path: "dir/nothing"},
		{path: "dir/nothing/a.txt"},
		{path: "deep/er/c #1 +%20?"},
		{path: "dir/deep/er/c #1 +%2520?"},
		{path: "nothing"},
		{path: ".."},
		{path: "dir/../a.txt"},
	}
	for p := range e.files {
		tests = append(tests, struct{ path, want, rest string }{p, p, ""})
	}
	for _, tt := range tests {
		f, rest, err := tree.Lookup(t.Context(), tt.path)
		if tt.want == "" {
			if !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("Lookup(%q) = %v, rest %q, %v, want fs.ErrNotExist", tt.path, pathOf(f), rest, err)
			}
			continue
		}
		if err != nil || f.Path() != tt.want || rest != tt.rest || f.Size() != int64(len(e.files[tt.want])) {
			t.Errorf("Lookup(%q) = %v, rest %q, %v, want %q, rest %q", tt.path, pathOf(f), rest, err, tt.want, tt.rest)
		}
	}
}

func pathOf(f stream.File) string {
	if f == nil {
		return "no file"
	}
	return f.Path()
}

func (s Suite) testOneFile(t *testing.T) {
	files := map[string][]byte{"only.bin": fixture()["dir/a.zip"]}
	b, root := s.New(t, files)
	t.Cleanup(func() { check(t, b.Close()) })
	tree := s.openOn(t, b, root)
	checkFiles(t, tree, files)
	if f := lookup(t, tree, ""); f.Path() != "only.bin" {
		t.Errorf("the empty path is %q", f.Path())
	}
	checkReader(t, lookup(t, tree, "only.bin"), files["only.bin"])
}

func (s Suite) testBare(t *testing.T) {
	if s.Bare == nil {
		t.Skip("every file has a name")
	}
	data := fixture()["dir/a.zip"]
	b, root := s.Bare(t, data)
	t.Cleanup(func() { check(t, b.Close()) })
	for _, called := range []string{"", "film.mp4"} {
		root.Hints = url.Values{"filename": {called}}
		tree := s.openOn(t, b, root)
		if bare, ok := tree.(stream.BareTree); !ok || !bare.Bare() || tree.Name() != called {
			t.Errorf("called %q, the tree is called %q, %v", called, tree.Name(), ok)
		}
		id := tree.ID()
		checkFiles(t, tree, map[string][]byte{id: data}) // whatever it is called
		for path, rest := range map[string]string{
			"": "", id: "", id + "/x/y": "x/y", "film.mp4": "film.mp4", "a/" + id: "a/" + id, id + id: id + id,
		} {
			f, got, err := tree.Lookup(t.Context(), path)
			if err != nil || f.Path() != id || got != rest {
				t.Errorf("Lookup(%q) = %v, rest %q, %v, want rest %q", path, pathOf(f), got, err, rest)
			}
		}
		if f, _, err := tree.Lookup(t.Context(), "../x"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Lookup(../x) = %v, %v", pathOf(f), err)
		}
		checkReader(t, lookup(t, tree, ""), data)
	}
}

func (s Suite) testExactWins(t *testing.T) {
	if s.Folders {
		t.Skip("the protocol has true folders")
	}
	files := map[string][]byte{
		"a.zip":         []byte("an archive"),
		"a.zip/1.jpg":   []byte("a picture beside it"),
		"d/b":           []byte("a file"),
		"d/b/c/d.txt":   []byte("a text far behind it"),
		"d/b.zip/e.txt": []byte("a text in a folder"),
	}
	b, root := s.New(t, files)
	t.Cleanup(func() { check(t, b.Close()) })
	tree := s.openOn(t, b, root)
	checkFiles(t, tree, files)
	for p, content := range files {
		checkReader(t, lookup(t, tree, p), content)
	}
	for path, want := range map[string][2]string{
		"a.zip/2.jpg":       {"a.zip", "2.jpg"},
		"a.zip/1.jpg/x":     {"a.zip/1.jpg", "x"},
		"d/b/c/e.txt":       {"d/b", "c/e.txt"},
		"d/b/c/d.txt/x/y.z": {"d/b/c/d.txt", "x/y.z"},
	} {
		f, rest, err := tree.Lookup(t.Context(), path)
		if err != nil || f.Path() != want[0] || rest != want[1] {
			t.Errorf("Lookup(%q) = %v, rest %q, %v, want %q", path, pathOf(f), rest, err, want)
		}
	}
}

func (e *env) testBadRoot(t *testing.T) {
	for _, id := range append([]string{"", ".", "..", "\x00", "a b", "/", "http://127.0.0.1/", "\xff\xfe"}, e.BadRoots...) {
		e.within(t, fmt.Sprintf("Open of the bad root %q", id), func() error {
			return wantErr(openErr(t.Context(), e.backend, id), stream.ErrBadRoot)
		})
	}
}

// openErr opens a root that should not open, and returns the error.
func openErr(ctx context.Context, b stream.Backend, id string) error {
	tree, err := b.Open(ctx, stream.Root{ID: id})
	if err != nil {
		return err
	}
	tree.Close()
	return nil
}

func (e *env) testAbsent(t *testing.T) {
	start := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	e.within(t, "Open of an absent root after its deadline", func() error { // a swarm never says no
		return wantErr(openErr(ctx, e.backend, e.Absent), context.DeadlineExceeded)
	})
	if took := time.Since(start); took < 100*time.Millisecond {
		t.Errorf("Open gave up after %v, before its context ended", took)
	}
	ctx, cancel = context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	e.within(t, "Open of an absent root after its cancellation", func() error {
		return wantErr(openErr(ctx, e.backend, e.Absent), context.Canceled)
	})
}

func (e *env) testTwoTrees(t *testing.T) {
	one, two := e.open(t), e.open(t)
	f := lookup(t, two, "dir/a.txt")
	r := e.openFile(t, f)
	for range 2 { // the second does nothing
		check(t, one.Close())
	}
	checkBytes(t, r, 0, e.files["dir/a.txt"])
	checkFiles(t, two, e.files)
	checkReader(t, lookup(t, two, "z.bin"), e.files["z.bin"])
	check(t, r.Close())
	check(t, two.Close())
	checkReader(t, lookup(t, e.open(t), "a.txt"), e.files["a.txt"]) // and a tree can be opened again
}

// testConcurrent uses everything at once; it is for the race detector.
func (e *env) testConcurrent(t *testing.T) {
	shared := e.open(t)
	sharedFile := lookup(t, shared, big)
	absent := make(chan error, 6)
	var wg sync.WaitGroup
	for i := range cap(absent) {
		go func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*time.Millisecond)
			defer cancel()
			absent <- openErr(ctx, e.backend, e.Absent)
		}()
		wg.Go(func() {
			tree, err := e.backend.Open(t.Context(), e.root)
			if err != nil {
				t.Error(err)
				return
			}
			defer tree.Close()
			for _, p := range slices.Sorted(maps.Keys(e.files))[i:] {
				f, _, err := tree.Lookup(t.Context(), p)
				if err != nil {
					t.Error(err)
					return
				}
				checkRanges(t, f, e.files[p], uint64(i))
			}
			checkFiles(t, shared, e.files)
			checkRanges(t, sharedFile, e.files[big], uint64(i))
		})
	}
	wg.Wait()
	for range cap(absent) {
		e.within(t, "Open of an absent root", func() error { return wantErr(<-absent, context.DeadlineExceeded) })
	}
}

package sevenz

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// lookPath finds a program, or skips the test; with UP2P_REQUIRE_PEERS=1 a missing program fails it.
func lookPath(t testing.TB, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("UP2P_REQUIRE_PEERS") == "1" {
		t.Fatalf("%s is missing, and UP2P_REQUIRE_PEERS=1", names[0])
	}
	t.Skipf("%s is missing: not tested against it", names[0])
	return ""
}

// sevenZip runs 7-Zip in dir.
func sevenZip(t testing.TB, dir string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), lookPath(t, "7zz", "7z"), append(args, "-y", "-bd")...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("7-Zip %q: %v\n%s", args, err, out)
	}
}

// writeTree makes the files of a tree: content by path. A path with a slash at its end is a directory, and content that starts
// with "-> " is where a link leads to.
func writeTree(t testing.TB, dir string, tree map[string]string) {
	t.Helper()
	for path, content := range tree {
		full := filepath.Join(dir, path)
		if strings.HasSuffix(path, "/") {
			if err := os.MkdirAll(full, 0o755); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if to, ok := strings.CutPrefix(content, "-> "); ok {
			err = os.Symlink(to, full)
		} else {
			err = os.WriteFile(full, []byte(content), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// readTree is the opposite of writeTree.
func readTree(t testing.TB, dir string) map[string]string {
	t.Helper()
	tree := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		switch {
		case d.IsDir():
			tree[rel+"/"] = ""
		case d.Type()&fs.ModeSymlink != 0:
			to, err := os.Readlink(path)
			tree[rel] = "-> " + to
			return err
		default:
			b, err := os.ReadFile(path)
			tree[rel] = string(b)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// unpackTree unpacks a whole archive into the form of readTree. It checks on the way that stored members can be read by their
// extents too, from the parts of src if it has any.
func unpackTree(t testing.TB, src Source) map[string]string {
	t.Helper()
	a, err := Parse(t.Context(), src)
	if err != nil {
		t.Fatal(err)
	}
	tree := map[string]string{}
	for _, e := range a.Entries {
		if e.Dir {
			tree[e.Name+"/"] = ""
		} else if e.Folder < 0 {
			tree[e.Name] = ""
		}
	}
	for folder := range a.Folders {
		err := unpackFolder(t.Context(), a, src, folder, func(e *Entry, r io.Reader) error {
			b, err := io.ReadAll(r)
			if err != nil {
				return err
			}
			if int64(len(b)) != e.Size {
				return fmt.Errorf("%d bytes, want %d", len(b), e.Size)
			}
			if tree[e.Name] = string(b); e.Link {
				tree[e.Name] = "-> " + string(b)
			}
			return checkExtents(src, e, b)
		})
		if err != nil {
			t.Fatalf("folder %d, %s: %v", folder, a.Folders[folder].methods(), err)
		}
	}
	return tree
}

// unpackFolder calls f for each member of a folder.
func unpackFolder(ctx context.Context, a *Archive, src Source, folder int, f func(e *Entry, r io.Reader) error) error {
	u, err := a.Unpack(ctx, src, folder)
	if err != nil {
		return err
	}
	defer u.Close()
	for {
		i, err := u.Next()
		if err == io.EOF {
			return nil
		}
		if err == nil {
			err = f(&a.Entries[i], u)
		}
		if err != nil {
			return err
		}
	}
}

// checkExtents reads a member by its extents.
func checkExtents(src Source, e *Entry, want []byte) error {
	if e.Extents == nil {
		if e.Method == "Copy" && e.Size > 0 {
			return fmt.Errorf("%s is stored and has no extents", e.Name)
		}
		return nil
	}
	var got []byte
	for _, x := range e.Extents {
		part := src
		if v, ok := src.(*Volumes); ok {
			part = v.parts[x.Volume]
		}
		b := make([]byte, x.Length)
		if _, err := part.ReadAt(b, x.Offset); err != nil {
			return err
		}
		got = append(got, b...)
	}
	if !bytes.Equal(got, want) {
		return fmt.Errorf("the extents of %s lead to other bytes", e.Name)
	}
	return nil
}

// sameTree compares two trees.
func sameTree(t testing.TB, got, want map[string]string) {
	t.Helper()
	for path, content := range want {
		if g, ok := got[path]; !ok {
			t.Errorf("%q is missing", path)
		} else if g != content {
			t.Errorf("%q differs: %d bytes, want %d", path, len(g), len(content))
		}
	}
	for path := range got {
		if _, ok := want[path]; !ok {
			t.Errorf("%q is too much", path)
		}
	}
}

// A random is a source of content that is the same in every run.
func random(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 7)) }

// noise is content that cannot be packed.
func noise(r *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return string(b)
}

// text is content with words, runs and repeats from far back, so that every kind of match comes up.
func text(r *rand.Rand, n int) string {
	var b []byte
	for len(b) < n {
		switch r.IntN(8) {
		case 0:
			b = append(b, bytes.Repeat([]byte{byte(r.Uint32())}, r.IntN(700))...)
		case 1:
			if len(b) > 0 {
				from := r.IntN(len(b))
				b = append(b, b[from:min(len(b), from+r.IntN(2000))]...)
			}
		case 2:
			b = append(b, noise(r, r.IntN(100))...)
		default:
			for range r.IntN(30) {
				b = append(b, fmt.Sprintf("%s %d ", []string{"swarm", "piece", "torrent", "block"}[r.IntN(4)], r.IntN(1000))...)
			}
		}
	}
	return string(b[:n])
}

// A counter counts what is read of a source.
type counter struct {
	Source
	mu     sync.Mutex
	bytes  int64
	twice  int64          // bytes that were read before
	seen   []bool         // by byte, if not nil
	blocks map[int64]bool // of 16 KiB
	pieces map[int64]bool // of 1 MiB
}

func count(src Source) *counter {
	return &counter{Source: src, blocks: map[int64]bool{}, pieces: map[int64]bool{}}
}

func (c *counter) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.Source.ReadAt(p, off)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bytes += int64(n)
	for i := off; c.seen != nil && i < off+int64(n); i++ {
		if c.seen[i] {
			c.twice++
		}
		c.seen[i] = true
	}
	for i := off >> 14; i <= (off+int64(n)-1)>>14; i++ {
		c.blocks[i] = true
		c.pieces[i>>6] = true
	}
	return n, err
}

// openFile opens a file as a Source until the test ends.
func openFile(t testing.TB, path string) Source {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	return io.NewSectionReader(f, 0, info.Size())
}

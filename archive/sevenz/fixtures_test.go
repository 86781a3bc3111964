package sevenz

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/bodgit/sevenzip"
)

// fixtures are the archives that the module bodgit/sevenzip is tested with, of many programs and years. Encrypted ones are left out.
func fixtures(t testing.TB) map[string][]byte {
	t.Helper()
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/bodgit/sevenzip").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	files := map[string][]byte{}
	for _, pattern := range []string{"*.7z", "*.exe"} {
		names, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(dir)), "testdata", pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			files[filepath.Base(name)] = b
		}
	}
	if len(files) < 30 {
		t.Fatalf("only %d fixtures in %s", len(files), dir)
	}
	return files
}

// All fixtures give what that module makes of them.
func TestBodgitFixtures(t *testing.T) {
	encrypted := map[string]bool{"7zcracker.7z": true, "aes7z.7z": true, "pr472.7z": true, "t2.7z": true, "t3.7z": true, "t4.7z": true, "t5.7z": true}
	for name, b := range fixtures(t) {
		t.Run(name, func(t *testing.T) {
			if encrypted[name] {
				mustNeedPassword(t, b)
				return
			}
			r, err := sevenzip.NewReader(bytes.NewReader(b), int64(len(b)))
			if name == "COMPRESS-492.7z" { // no folders, cut into no members: strange, but nothing is wrong
				sameTree(t, unpackTree(t, bytes.NewReader(b)), nil)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]string{}
			for _, f := range r.File {
				rc, err := f.Open()
				if err != nil {
					t.Fatal(err)
				}
				content, err := io.ReadAll(rc)
				if err != nil {
					t.Fatal(err)
				}
				if rc.Close(); f.Mode()&os.ModeSymlink != 0 {
					content = append([]byte("-> "), content...)
				}
				want[f.Name] = string(content)
			}
			sameTree(t, unpackTree(t, bytes.NewReader(b)), want)
		})
	}
}

// mustNeedPassword checks that an archive, or all members with content, cannot be read for want of a password.
func mustNeedPassword(t *testing.T, b []byte) {
	t.Helper()
	a, err := Parse(t.Context(), bytes.NewReader(b))
	if err != nil {
		if !strings.Contains(err.Error(), ErrEncrypted.Error()) {
			t.Error(err)
		}
		return
	}
	for i := range a.Folders {
		if _, err := a.Unpack(t.Context(), bytes.NewReader(b), i); !a.Folders[i].encrypted() || err != ErrEncrypted {
			t.Errorf("folder %d: %v", i, err)
		}
	}
}

// The volumes among the fixtures.
func TestBodgitVolumes(t *testing.T) {
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/bodgit/sevenzip").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	parts := readShelf(t, filepath.Join(strings.TrimSpace(string(dir)), "testdata"))
	v, err := OpenVolumes(t.Context(), parts, "multi.7z.004")
	if err != nil {
		t.Fatal(err)
	}
	r, err := sevenzip.OpenReader(filepath.Join(strings.TrimSpace(string(dir)), "testdata", "multi.7z.001"))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	got := unpackTree(t, v)
	for _, f := range r.File {
		rc, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if content, err := io.ReadAll(rc); err != nil || got[f.Name] != string(content) {
			t.Errorf("%s differs, %v", f.Name, err)
		}
		rc.Close()
	}
	if len(v.parts) != 6 || len(got) != len(r.File) {
		t.Errorf("%d parts with %d members", len(v.parts), len(got))
	}
}

// An Unpacker that nobody closes leaves no goroutine behind.
func TestNoGoroutines(t *testing.T) {
	before := runtime.NumGoroutine()
	for name, b := range fixtures(t) {
		a, err := Parse(t.Context(), bytes.NewReader(b))
		if err != nil {
			continue
		}
		for i := range a.Folders {
			u, err := a.Unpack(t.Context(), bytes.NewReader(b), i)
			if err != nil {
				continue
			}
			if _, err := u.Next(); err != nil {
				continue
			}
			if _, err := u.Read(make([]byte, 100)); err != nil && err != io.EOF {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if after := runtime.NumGoroutine(); after > before {
		t.Errorf("%d goroutines, were %d", after, before)
	}
}

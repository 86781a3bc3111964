package archive

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// fixtureZip packs small files with a method of 7zz.
func fixtureZip(t testing.TB, method string) ([]byte, bool) {
	t.Helper()
	if _, err := exec.LookPath("7zz"); err != nil {
		return nil, false
	}
	switch method {
	case "bzip2", "xz", "lzma", "ppmd", "deflate64":
		return packed(t, inFolder(t, smallFiles()), "a.zip", "7zz", "a", "-bd", "-tzip", "-mx=9", "-mm="+method, "OUT", "."), true
	}
	return nil, false
}

// piped runs data through a tool.
func piped(t testing.TB, data []byte, args ...string) ([]byte, bool) {
	t.Helper()
	if _, err := exec.LookPath(args[0]); err != nil {
		return nil, false
	}
	cmd := exec.Command(args[0], append(args[1:], "-c")...)
	cmd.Stdin = bytes.NewReader(data)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%q: %v", args, err)
	}
	return out, true
}

// sparseTars returns archives of a file with holes, one of each kind that GNU tar and bsdtar write.
func sparseTars(t testing.TB) map[string][]byte {
	t.Helper()
	dir := t.TempDir()
	f, err := os.Create(filepath.Join(dir, "sparse"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 30 { // more pieces than a header has room for
		if _, err := f.WriteAt([]byte("data in a hole"), int64(i)<<17); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Truncate(5 << 20); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	tars := make(map[string][]byte)
	for name, args := range map[string][]string{
		"gnu-old": {"tar", "-S", "--format=gnu", "-cf", "OUT", "sparse"},
		"pax-0.0": {"tar", "-S", "--format=pax", "--sparse-version=0.0", "-cf", "OUT", "sparse"},
		"pax-0.1": {"tar", "-S", "--format=pax", "--sparse-version=0.1", "-cf", "OUT", "sparse"},
		"pax-1.0": {"tar", "-S", "--format=pax", "--sparse-version=1.0", "-cf", "OUT", "sparse"},
		"bsdtar":  {"bsdtar", "--format", "pax", "-cf", "OUT", "sparse"},
	} {
		if _, err := exec.LookPath(args[0]); err == nil {
			tars[name] = packed(t, dir, "a.tar", args...)
		}
	}
	return tars
}

func TestSparseTars(t *testing.T) {
	want := make([]byte, 5<<20)
	for i := range 30 {
		copy(want[i<<17:], "data in a hole")
	}
	for name, data := range sparseTars(t) {
		t.Run(name, func(t *testing.T) {
			if len(data) > 1<<20 {
				t.Errorf("the archive has no holes: %d bytes", len(data))
			}
			l := library(t, Config{})
			got, err := contents(t, l, newSource("a.tar", data).place())
			if err != nil {
				t.Fatal(err)
			}
			checkFiles(t, got, map[string][]byte{"sparse": want})
		})
	}
}

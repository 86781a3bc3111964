package sevenz

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A shelf is files in memory.
type shelf map[string]string

func (s shelf) Open(ctx context.Context, name string) (Source, error) {
	if content, ok := s[name]; ok {
		return strings.NewReader(content), nil
	}
	return nil, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
}

// readShelf puts the files of a directory on a shelf.
func readShelf(t *testing.T, dir string) shelf {
	t.Helper()
	s := shelf{}
	for name, content := range readTree(t, dir) {
		s[name] = content
	}
	return s
}

// Archives that 7-Zip has split, opened by each of their parts.
func TestSevenZipVolumes(t *testing.T) {
	tree := map[string]string{"a": noise(random(1), 10_000), "b": text(random(2), 30_000), "c": noise(random(3), 500)}
	for _, options := range []string{"-mx0 -v1000b", "-mx1 -v1000b", "-mx0 -v7000b -v100b", "-mx9 -v64b", "-mx0 -v1m"} {
		t.Run(options, func(t *testing.T) {
			dir := t.TempDir()
			writeTree(t, filepath.Join(dir, "in"), tree)
			if err := os.Mkdir(filepath.Join(dir, "out"), 0o755); err != nil {
				t.Fatal(err)
			}
			sevenZip(t, filepath.Join(dir, "in"), append([]string{"a", "../out/a.7z", "."}, strings.Fields(options)...)...)
			parts := readShelf(t, filepath.Join(dir, "out"))
			for name := range parts {
				if !IsVolume(name) {
					t.Fatalf("%s is no volume", name)
				}
				v, err := OpenVolumes(t.Context(), parts, name)
				if err != nil {
					t.Fatal(err)
				}
				if len(v.parts) != len(parts) {
					t.Fatalf("%d parts, want %d", len(v.parts), len(parts))
				}
				if len(parts) < 100 || name == "a.7z.007" {
					sameTree(t, unpackTree(t, v), tree)
				}
			}
			if len(parts) == 1 {
				return
			}
			delete(parts, fmt.Sprintf("a.7z.%03d", len(parts)))
			v, err := OpenVolumes(t.Context(), parts, "a.7z.001")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Parse(t.Context(), v); !errors.Is(err, ErrCorrupt) {
				t.Errorf("without the last part: %v", err)
			}
			delete(parts, "a.7z.001")
			if _, err := OpenVolumes(t.Context(), parts, "a.7z.002"); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("without the first part: %v", err)
			}
		})
	}
}

func TestVolumeNames(t *testing.T) {
	for name, want := range map[string]bool{
		"a.7z.001": true, "a.7z.999": true, "a.7z.1000": true, "a.001": true, "dir.x/a.b.7z.010": true,
		"a.7z": false, "a.7z.000": false, "a.7z.01": false, "a.7z.0001": false, "a7z001": false, ".001": false, "001": false, "": false,
		"a.7z.99999999999999999999": false, "a.7z.00x": false,
	} {
		if IsVolume(name) != want {
			t.Errorf("%q: %v, want %v", name, !want, want)
		}
	}
	if _, err := OpenVolumes(t.Context(), shelf{}, "a.7z"); err == nil {
		t.Error("a name without a number was taken")
	}
}

func TestVolumesSplit(t *testing.T) {
	parts := shelf{"a.001": "0123", "a.002": "", "a.003": "45", "a.004": "6789"}
	v, err := OpenVolumes(t.Context(), parts, "a.003")
	if err != nil {
		t.Fatal(err)
	}
	all := "0123456789"
	for off := int64(0); off <= 11; off++ {
		for n := int64(0); n <= 11; n++ {
			var got string
			for _, e := range v.Split(off, n) {
				if e.Length <= 0 {
					t.Errorf("an empty extent in %d+%d", off, n)
				}
				got += parts[fmt.Sprintf("a.%03d", e.Volume+1)][e.Offset : e.Offset+e.Length]
			}
			from, to := min(off, 10), min(off+n, 10)
			if want := all[from:to]; got != want {
				t.Errorf("%d+%d: %q, want %q", off, n, got, want)
			}
			b := make([]byte, n)
			if k, err := v.ReadAt(b, off); string(b[:k]) != all[from:to] || (err == nil) != (k == int(n)) {
				t.Errorf("ReadAt %d+%d: %q, %v", off, n, b[:k], err)
			}
		}
	}
}

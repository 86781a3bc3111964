package archive

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestSevenz: what 7-Zip packs in any of its ways comes out again, each member alone, in any order.
func TestSevenz(t *testing.T) {
	files := someFiles()
	files["dir/big.bin"] = files["dir/big.bin"][:100_000] // the decoder of PPMd takes seconds for a megabyte of noise
	dir := inFolder(t, files)
	for name, args := range map[string][]string{
		"copy":    {"-mx=0"},
		"lzma":    {"-m0=lzma"},
		"lzma2":   {"-m0=lzma2", "-ms=off"},
		"solid":   {"-m0=lzma2", "-ms=on"},
		"bzip2":   {"-m0=bzip2"},
		"deflate": {"-m0=deflate"},
		"ppmd":    {"-m0=ppmd"},
		"bcj":     {"-mf=BCJ", "-m0=lzma"},
		"bcj2":    {"-mf=BCJ2", "-m0=lzma"},
		"delta":   {"-mf=Delta:4", "-m0=lzma2"},
	} {
		t.Run(name, func(t *testing.T) {
			data := packed(t, dir, "7zz-"+name+".7z", append(append([]string{"7zz", "a", "-bd"}, args...), "OUT", ".")...)
			p := newSource("a.7z", data).place()
			got, err := contents(t, library(t, Config{Cache: newMemCache()}), p)
			if err != nil {
				t.Fatal(err)
			}
			checkFiles(t, got, files)
			l := library(t, Config{Cache: newMemCache()})
			for _, name := range []string{"z/last.bin", "a.txt", "dir/big.bin", "empty", "one"} {
				if b, err := read(t, l, p, name); err != nil || !bytes.Equal(b, files[name]) {
					t.Errorf("%s alone: %d bytes, %v", name, len(b), err)
				}
			}
		})
	}
}

// TestSevenzStored: a stored member is read where it lies.
func TestSevenzStored(t *testing.T) {
	files := map[string][]byte{"big.bin": noise(3, 8<<20), "small.txt": noise(4, 1000)}
	src := newSource("a.7z", packed(t, inFolder(t, files), "7zz-copy.7z", "7zz", "a", "-bd", "-mx=0", "OUT", "."))
	l := library(t, Config{})
	m := lookup(t, l, src.place(), "big.bin")
	if !m.Stored() {
		t.Fatal("it is not stored")
	}
	before, _, _ := src.touched()
	r, err := m.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	const off, n = 7 << 20, 64 << 10
	r.Seek(off, io.SeekStart)
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil || !bytes.Equal(b, files["big.bin"][off:off+n]) {
		t.Errorf("wrong bytes: %v", err)
	}
	if after, _, _ := src.touched(); after-before > n+64<<10 {
		t.Errorf("%d bytes were read for %d", after-before, n)
	}
}

// TestSevenzVolumes: a split archive is found by any of its parts, and is damaged when one is missing.
func TestSevenzVolumes(t *testing.T) {
	files := someFiles()
	out := t.TempDir()
	packed(t, inFolder(t, files), "unused", "sh", "-c", `7zz a -bd -mx=1 -v500k "$0"/a.7z . && : >"$1"`, out, "OUT")
	parts := make(map[string]*source)
	names, _ := filepath.Glob(out + "/*")
	if len(names) < 4 {
		t.Fatalf("only %d parts", len(names))
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		parts["set/"+filepath.Base(name)] = newSource("set/"+filepath.Base(name), data)
	}
	place := func(first string) Place {
		return Place{Root: "test", File: parts[first], Sibling: func(_ context.Context, path string) (Source, error) {
			if s := parts[path]; s != nil {
				return s, nil
			}
			return nil, fmt.Errorf("%s: %w", path, fs.ErrNotExist)
		}}
	}
	for _, first := range []string{"set/a.7z.001", "set/a.7z.003"} {
		got, err := contents(t, library(t, Config{Cache: newMemCache()}), place(first))
		if err != nil {
			t.Fatalf("%s: %v", first, err)
		}
		checkFiles(t, got, files)
	}
	p := place("set/a.7z.001")
	delete(parts, "set/a.7z.002")
	_, err := contents(t, library(t, Config{}), p)
	wantErr(t, "a part is missing", err, ErrCorrupt)
}

// TestSevenzEncrypted: members, or the list of them too, behind a password.
func TestSevenzEncrypted(t *testing.T) {
	dir := inFolder(t, map[string][]byte{"a.txt": noise(5, 10_000)})
	for _, headers := range []string{"-mhe=off", "-mhe=on"} {
		data := packed(t, dir, "7zz-aes.7z", "7zz", "a", "-bd", "-psecret", headers, "OUT", ".")
		_, err := read(t, library(t, Config{}), newSource("a.7z", data).place(), "a.txt")
		wantErr(t, headers, err, ErrEncrypted)
	}
}

// TestSevenzDamaged: a flipped byte is noticed, wherever it is.
func TestSevenzDamaged(t *testing.T) {
	files := map[string][]byte{"a.bin": noise(6, 200_000), "b.bin": noise(7, 200_000)}
	data := packed(t, inFolder(t, files), "7zz-solid.7z", "7zz", "a", "-bd", "-ms=on", "OUT", ".")
	start := time.Now()
	for i := 0; i < len(data); i += len(data)/40 + 1 {
		bad := bytes.Clone(data)
		bad[i] ^= 0x40
		got, err := contents(t, library(t, Config{}), newSource("a.7z", bad).place())
		for name, b := range got {
			if want, ok := files[name]; ok && !bytes.Equal(b, want) {
				t.Errorf("byte %d: wrong bytes of %s, %v", i, name, err)
			}
		}
		if err == nil && len(got) == 2 && i > 32 && i < len(data)-300 {
			t.Errorf("byte %d: nobody noticed", i)
		}
	}
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
}

package sevenz

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// code is content full of what the branch filters look for, in an order that no program would have.
func code(r *rand.Rand, n int) string {
	b := []byte(noise(r, n))
	for i := 0; i+8 <= len(b); i += 1 + r.IntN(7) {
		switch r.IntN(9) {
		case 0, 1: // x86, with near and far targets, and opcodes inside of targets
			b[i] = 0xE8 | byte(r.IntN(2))
			b[i+4] = []byte{0, 0xFF, 0xE8, b[i+4]}[r.IntN(4)]
		case 2:
			b[i], b[i+1] = 0x0F, 0x80|b[i+1]&0xF
		case 3:
			b[i|3] = 0xEB // ARM
		case 4:
			b[i|3] = []byte{0x94, 0x97, 0x90, 0xB0}[r.IntN(4)] // ARM64
			if r.IntN(2) == 0 {
				b[i|2] &= 0x0F
			}
		case 5:
			b[i&^1|1], b[i&^1+3] = 0xF0|b[i&^1|1]&7, 0xF8|b[i&^1+3]&7 // Thumb
		case 6:
			b[i&^3], b[i|3] = 0x48|b[i&^3]&3, b[i|3]&^3|1 // PowerPC
		case 7:
			b[i&^3], b[i&^3+1] = []byte{0x40, 0x7F}[r.IntN(2)], []byte{0x3F, 0xC0}[r.IntN(2)] // SPARC
		}
	}
	return string(b)
}

// bundles is content for the filter of Itanium.
func bundles(r *rand.Rand, n int) string {
	b := []byte(noise(r, n))
	for i := 0; i+16 <= n; i += 16 {
		b[i] = b[i]&^0x1F | []byte{0x10, 0x12, 0x16, 0x18, 0x1C}[r.IntN(5)]
		for slot := range 3 {
			set := func(bit, width int, v uint64) {
				for k := range width {
					at := 5 + 41*slot + bit + k
					b[i+at/8] = b[i+at/8]&^(1<<(at%8)) | byte(v>>k&1)<<(at%8)
				}
			}
			if r.IntN(3) > 0 {
				set(37, 4, 5)
				set(9, 3, 0)
			}
		}
	}
	return string(b)
}

// The tree that most tests pack.
func sampleTree() map[string]string {
	r := random(1)
	return map[string]string{
		"a.txt":                  text(r, 300_000),
		"b.bin":                  noise(r, 100_003),
		"code":                   code(r, 200_001),
		"ia64":                   bundles(r, 64_007),
		"empty":                  "",
		"one":                    "1",
		"dir/":                   "",
		"dir/none/":              "",
		"dir/c.txt":              text(r, 50_000),
		"dir/däß/日本語/𝄞 clef.txt": "names\n",
		"dir/link":               "-> ../a.txt",
		"dir/space and % + .":    "x",
		"zeros":                  strings.Repeat("\x00", 600_000),
	}
}

// Archives of 7-Zip in every method it offers, against what 7-Zip itself unpacks.
func TestSevenZipMethods(t *testing.T) {
	dir := t.TempDir()
	tree := sampleTree()
	dirs := func() { tree["dir/däß/"], tree["dir/däß/日本語/"] = "", "" }
	writeTree(t, filepath.Join(dir, "in"), tree)
	dirs()
	for _, c := range []struct{ options, method string }{
		{"-mx0", "Copy"},
		{"-m0=copy -ms=off", "Copy"},
		{"-m0=lzma", "LZMA"},
		{"-m0=lzma:d64k:lc0:lp4:pb0", "LZMA"},
		{"-m0=lzma:d1m:lc8:lp0:pb4 -ms=off", "LZMA"},
		{"-m0=lzma:d64k:lc4:lp3:pb1:eos", "LZMA"},
		{"-m0=lzma2", "LZMA2"},
		{"-m0=lzma2:d64k:c256k -mmt=2", "LZMA2"},
		{"-m0=lzma2 -mx9 -ms=off", "LZMA2"},
		{"-m0=ppmd", "PPMD"},
		{"-m0=ppmd:o2:mem16", "PPMD"},
		{"-m0=ppmd:o32:mem64k -ms=off", "PPMD"},
		{"-m0=bzip2", "BZip2"},
		{"-m0=bzip2 -mx9 -mmt=2 -ms=off", "BZip2"},
		{"-m0=deflate", "Deflate"},
		{"-m0=deflate -mx9 -ms=off", "Deflate"},
		{"-mf=bcj", "BCJ LZMA2"},
		{"-mf=bcj2", "BCJ2 LZMA2 LZMA LZMA"},
		{"-mf=bcj2 -ms=off -m0=lzma", "BCJ2 LZMA LZMA LZMA"},
		{"-m0=bcj2 -m1=copy -m2=copy -m3=copy -mb0:1 -mb0s1:2 -mb0s2:3", ""},
		{"-m0=bcj -m1=copy", "BCJ Copy"},
		{"-m0=ppc -m1=copy", "PPC Copy"},
		{"-m0=ia64 -m1=copy", "IA64 Copy"},
		{"-m0=arm -m1=copy", "ARM Copy"},
		{"-m0=armt -m1=copy", "ARMT Copy"},
		{"-m0=sparc -m1=copy", "SPARC Copy"},
		{"-m0=arm64 -m1=copy", "ARM64 Copy"},
		{"-m0=swap2 -m1=copy", "SWAP2 Copy"},
		{"-m0=swap4 -m1=lzma", "SWAP4 LZMA"},
		{"-m0=delta:1 -m1=copy", "Delta Copy"},
		{"-m0=delta:3 -m1=lzma2", "Delta LZMA2"},
		{"-m0=delta:256 -m1=lzma", "Delta LZMA"},
		{"-m0=delta:4 -m1=bcj -m2=lzma -ms=off", "Delta BCJ LZMA"},
		{"-mhc=off", "LZMA2"},
		{"-mhc=off -m0=copy -mtm=off -mtc=on -mta=on", "Copy"},
		{"-mqs=on -ms=4f", "LZMA2"},
	} {
		t.Run(c.options, func(t *testing.T) {
			work := t.TempDir()
			sevenZip(t, filepath.Join(dir, "in"), append([]string{"a", "-snl", filepath.Join(work, "a.7z"), "."}, strings.Fields(c.options)...)...)
			sevenZip(t, work, "x", "a.7z", "-oout", "-snld")
			want := readTree(t, filepath.Join(work, "out"))
			sameTree(t, want, tree)
			src := openFile(t, filepath.Join(work, "a.7z"))
			sameTree(t, unpackTree(t, src), want)
			a, err := Parse(t.Context(), src)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range a.Entries {
				if e.Folder >= 0 && c.method != "" && e.Method != c.method {
					t.Fatalf("method of %s is %q, want %q", e.Name, e.Method, c.method)
				}
			}
		})
	}
}

// What 7-Zip does with programs by itself.
func TestSevenZipExecutable(t *testing.T) {
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Skip("no program to pack: ", err)
	}
	dir := t.TempDir()
	tree := map[string]string{"program": string(self[:min(len(self), 3<<20)]), "text": text(random(2), 10_000)}
	writeTree(t, filepath.Join(dir, "in"), tree)
	for _, options := range []string{"-mx1", "-mx5", "-mx9 -m0=lzma"} {
		name := filepath.Join(dir, options+".7z")
		sevenZip(t, filepath.Join(dir, "in"), append([]string{"a", name, "."}, strings.Fields(options)...)...)
		sameTree(t, unpackTree(t, openFile(t, name)), tree)
	}
}

// Times, sizes and checksums are those that were packed.
func TestSevenZipEntries(t *testing.T) {
	dir := t.TempDir()
	writeTree(t, dir, map[string]string{"in/a": "hello", "in/b/": "", "in/c": ""})
	when := time.Date(1999, 12, 31, 23, 59, 58, 123_456_700, time.UTC)
	for _, name := range []string{"in/a", "in/b", "in/c"} {
		if err := os.Chtimes(filepath.Join(dir, name), when, when); err != nil {
			t.Fatal(err)
		}
	}
	sevenZip(t, filepath.Join(dir, "in"), "a", "../a.7z", ".")
	a, err := Parse(t.Context(), openFile(t, filepath.Join(dir, "a.7z")))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, e := range a.Entries {
		got[e.Name] = fmt.Sprintf("%d %v %08X %v %v %v %q", e.Size, e.Dir, e.CRC, e.HasCRC, e.Folder, e.Offset, e.Method)
		if !e.ModTime.Equal(when) {
			t.Errorf("%s was changed at %v, want %v", e.Name, e.ModTime, when)
		}
	}
	want := map[string]string{
		"a": `5 false 3610A686 true 0 0 "LZMA2"`,
		"b": `0 true 00000000 false -1 0 ""`,
		"c": `0 false 00000000 false -1 0 ""`,
	}
	for name, w := range want {
		if got[name] != w {
			t.Errorf("%s: %s, want %s", name, got[name], w)
		}
	}
	if len(got) != len(want) {
		t.Errorf("entries %v", got)
	}
}

func TestSevenZipEncrypted(t *testing.T) {
	dir := t.TempDir()
	writeTree(t, dir, map[string]string{"in/a": "secret", "plain": "no secret"})
	sevenZip(t, dir, "a", "names.7z", "in", "-psecret", "-mhe=on")
	if _, err := Parse(t.Context(), openFile(t, filepath.Join(dir, "names.7z"))); !errors.Is(err, ErrEncrypted) {
		t.Errorf("encrypted names: %v", err)
	}
	sevenZip(t, dir, "a", "mixed.7z", "plain")
	sevenZip(t, dir, "a", "mixed.7z", "in", "-psecret")
	src := openFile(t, filepath.Join(dir, "mixed.7z"))
	a, err := Parse(t.Context(), src)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range a.Entries {
		if e.Folder < 0 {
			continue
		}
		err := unpackFolder(t.Context(), a, src, e.Folder, func(*Entry, io.Reader) error { return nil })
		if secret := e.Name == "in/a"; e.Encrypted != secret || errors.Is(err, ErrEncrypted) != secret || err != nil != secret {
			t.Errorf("%s, %s: encrypted %v, %v", e.Name, e.Method, e.Encrypted, err)
		}
	}
}

// A method that is not known is an error for its members and not for others.
func TestSevenZipUnknownMethod(t *testing.T) {
	dir := t.TempDir()
	writeTree(t, dir, map[string]string{"a": text(random(3), 1000), "b": text(random(4), 1000)})
	sevenZip(t, dir, "a", "a.7z", "a", "-m0=deflate64")
	sevenZip(t, dir, "a", "a.7z", "b", "-m0=lzma")
	src := openFile(t, filepath.Join(dir, "a.7z"))
	a, err := Parse(t.Context(), src)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range a.Entries {
		err := a.Folders[e.Folder].Check()
		if unknown := e.Name == "a"; errors.Is(err, ErrMethod) != unknown || err != nil != unknown {
			t.Errorf("%s, %s: %v", e.Name, e.Method, err)
		}
	}
}

func TestSevenZipEmpty(t *testing.T) {
	dir := t.TempDir()
	writeTree(t, dir, map[string]string{"a": "", "b/c/": ""})
	sevenZip(t, dir, "a", "a.7z", "a", "b")
	sameTree(t, unpackTree(t, openFile(t, filepath.Join(dir, "a.7z"))), map[string]string{"a": "", "b/": "", "b/c/": ""})
	sevenZip(t, dir, "d", "a.7z", "a", "b")
	if a, err := Parse(t.Context(), openFile(t, filepath.Join(dir, "a.7z"))); err != nil || len(a.Entries) != 0 {
		t.Errorf("an archive of nothing: %v, %v", a, err)
	}
}

// A self-extracting archive, whose program has the signature in it too.
func TestSevenZipStub(t *testing.T) {
	dir := t.TempDir()
	tree := map[string]string{"a": text(random(5), 100_000), "b": "stored"}
	writeTree(t, filepath.Join(dir, "in"), tree)
	for _, c := range []struct {
		size int
		want error
	}{{1000, nil}, {65_536 - 10, nil}, {131_072 + 5, nil}, {1<<20 - 1, nil}, {2 << 20, ErrFormat}} {
		for _, options := range []string{"-mx1", "-mx0"} {
			name := filepath.Join(dir, fmt.Sprint(c.size, options, ".7z"))
			sevenZip(t, filepath.Join(dir, "in"), "a", name, ".", options)
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			stub := "MZ" + noise(random(6), c.size)[2:]
			stub = stub[:100] + signature + stub[106:c.size-3]
			src := strings.NewReader(stub + signature[:3] + string(b))
			if c.want == nil {
				sameTree(t, unpackTree(t, src), tree)
			} else if _, err := Parse(t.Context(), src); !errors.Is(err, c.want) {
				t.Errorf("%d bytes before the archive: %v", c.size, err)
			}
		}
	}
}

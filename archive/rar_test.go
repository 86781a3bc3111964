package archive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zeronetscript/universal_p2p/archive/rar/rartest"
)

// A volumeSet is the files of an archive, in one folder.
type volumeSet map[string]*source

// place is where the archive lies that is asked for by one of its files.
func (s volumeSet) place(name string) Place {
	return Place{Root: "test", File: s[name], Sibling: func(_ context.Context, path string) (Source, error) {
		if v := s[path]; v != nil {
			return v, nil
		}
		return nil, fmt.Errorf("%s: %w", path, fs.ErrNotExist)
	}}
}

// touched returns what was read of all since the last time, and the most pieces of one.
func (s volumeSet) touched() (bytes int64, pieces, most int) {
	for _, v := range s {
		n, _, p := v.touched()
		bytes, pieces, most = bytes+n, pieces+p, max(most, p)
	}
	return bytes, pieces, most
}

// rarSet makes an archive. Its volumes are called set/...
func rarSet(t testing.TB, o rartest.Options, files ...rartest.File) (s volumeSet, names []string) {
	t.Helper()
	volumes, err := rartest.Make(o, files...)
	if err != nil {
		t.Fatal(err)
	}
	s = make(volumeSet)
	for _, v := range volumes {
		name := "set/" + v.Name
		s[name] = &source{path: name, r: v, size: v.Size()}
		names = append(names, name)
	}
	return s, names
}

// rarFixtures are the files that libarchive is tested with.
func rarFixtures(t testing.TB) volumeSet {
	t.Helper()
	names, err := filepath.Glob("rar/testdata/libarchive/*.rar")
	if err != nil || len(names) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	s := make(volumeSet)
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		name = "set/" + filepath.Base(name)
		s[name] = newSource(name, data)
	}
	return s
}

// toRarFiles are files in the order of their names.
func toRarFiles(files map[string][]byte) (list []rartest.File) {
	for _, name := range slices.Sorted(maps.Keys(files)) {
		list = append(list, rartest.File{Name: name, Data: files[name], ModTime: time.Unix(1e9, 0)})
	}
	return list
}

// rarKinds are all that stored archives may be.
func rarKinds() map[string]rartest.Options {
	return map[string]rartest.Options{
		"rar4":                  {Name: "a", Format: 4},
		"rar4 volumes":          {Name: "a", Format: 4, Volume: 400_000, Digits: 2},
		"rar4 old names":        {Name: "a", Format: 4, Volume: 400_000, OldNames: true},
		"rar5":                  {Name: "a", Format: 5},
		"rar5 volumes":          {Name: "a", Format: 5, Volume: 400_000, Digits: 2},
		"rar5 old names":        {Name: "a", Format: 5, Volume: 400_000, OldNames: true},
		"rar5 quick-open":       {Name: "a", Format: 5, Quick: true},
		"rar5 quick-open, many": {Name: "a", Format: 5, Quick: true, Volume: 400_000, Digits: 2},
		"rar5 in a program":     {Name: "a", Format: 5, Stub: append([]byte("MZ"), make([]byte, 100_000)...)},
	}
}

// TestRarStored: what is stored comes out again, each member alone, asked for by any of the volumes, also in another life.
func TestRarStored(t *testing.T) {
	files := someFiles()
	for name, o := range rarKinds() {
		t.Run(name, func(t *testing.T) {
			s, names := rarSet(t, o, toRarFiles(files)...)
			for _, i := range slices.Compact([]int{0, len(names) / 2, len(names) - 1}) {
				cache := newMemCache()
				l := library(t, Config{Cache: cache})
				got, err := contents(t, l, s.place(names[i]))
				if err != nil {
					t.Fatalf("by %s: %v", names[i], err)
				}
				checkFiles(t, got, files)
				if m := lookup(t, l, s.place(names[i]), "dir/big.bin"); !m.Stored() || m.ModTime().Unix() != 1e9 {
					t.Errorf("stored: %v, of %v", m.Stored(), m.ModTime())
				}
				l.Close()
				s.touched()
				l = library(t, Config{Cache: cache})
				lookup(t, l, s.place(names[i]), "one")
				listAll(t, l, s.place(names[i]))
				if n, _, _ := s.touched(); n > 0 {
					t.Errorf("%d bytes were read for the second look", n)
				}
				if got, err = contents(t, l, s.place(names[i])); err != nil {
					t.Fatal(err)
				}
				checkFiles(t, got, files)
				l.Close()
			}
			for name, v := range s {
				if n := v.openNow(); n != 0 {
					t.Errorf("%s: %d readers are left open", name, n)
				}
			}
			l := library(t, Config{})
			for _, name := range []string{"z/last.bin", "a.txt", "dir/big.bin", "empty", "one"} {
				if b, err := read(t, l, s.place(names[0]), name); err != nil || !bytes.Equal(b, files[name]) {
					t.Errorf("%s alone: %d bytes, %v", name, len(b), err)
				}
			}
		})
	}
}

// bsdtarReads returns what bsdtar reads of a member. ok is false where it cannot.
func bsdtarReads(t *testing.T, archive, member string) (b []byte, ok bool) {
	t.Helper()
	cmd := exec.Command("bsdtar", "-xOf", "rar/testdata/libarchive/"+archive, member)
	cmd.Env = append(cmd.Environ(), "LC_ALL=C.UTF-8")
	b, err := cmd.Output()
	return b, err == nil
}

// TestRarFixtures: what RAR has packed comes out as bsdtar has it, all in order and each alone.
func TestRarFixtures(t *testing.T) {
	needTool(t, "bsdtar")
	s := rarFixtures(t)
	for _, c := range []struct {
		name    string // behind test_read_format_
		members int    // that can be read
		foreign bool   // bsdtar cannot, or not all of it: checksums have to do
	}{
		{name: "rar5_compressed.rar", members: 1},
		{name: "rar5_blake2.rar", members: 1},
		{name: "rar5_multiple_files_solid.rar", members: 4},
		{name: "rar5_solid.rar", members: 7},
		{name: "rar5_fileattr.rar", members: 4},
		{name: "rar5_hardlink.rar", members: 1},
		{name: "rar5_symlink.rar", members: 1},
		{name: "rar5_arm.rar", members: 1},
		{name: "rar5_stored_manyfiles.rar", members: 3},
		{name: "rar5_win32.rar", members: 7},
		{name: "rar5_extra_field_version.rar", members: 1, foreign: true},
		{name: "rar5_multiarchive_solid.part01.rar", members: 9, foreign: true},
		{name: "rar5_multiarchive_solid.part03.rar", members: 9, foreign: true},
		{name: "rar_compress_best.rar", members: 3},
		{name: "rar_compress_normal.rar", members: 3},
		{name: "rar_filter.rar", members: 1},
		{name: "rar_multi_lzss_blocks.rar", members: 1, foreign: true},
		{name: "rar_noeof.rar", members: 1},
		{name: "rar_subblock.rar", members: 1},
		{name: "rar_unicode.rar", members: 3},
		{name: "rar_windows.rar", members: 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := "test_read_format_" + c.name
			p := s.place("set/" + file)
			l := library(t, Config{Cache: newMemCache()})
			got, err := contents(t, l, p)
			if err != nil || len(got) != c.members {
				t.Fatalf("%d members, %v: %q", len(got), err, slices.Sorted(maps.Keys(got)))
			}
			for name, b := range got {
				if want, ok := bsdtarReads(t, file, name); !c.foreign && (!ok || !bytes.Equal(b, want)) {
					t.Errorf("%s: %d bytes are not the %d that bsdtar reads", name, len(b), len(want))
				}
			}
			for _, name := range slices.Backward(slices.Sorted(maps.Keys(got))) {
				if b, err := read(t, library(t, Config{}), p, name); err != nil || !bytes.Equal(b, got[name]) {
					t.Errorf("%s alone: %d bytes, %v", name, len(b), err)
				}
			}
		})
	}
}

// TestRarSolid: who has waited for the last member of a solid run has all those before it, without reading anything again.
func TestRarSolid(t *testing.T) {
	s := rarFixtures(t)
	p := s.place("set/test_read_format_rar5_multiarchive_solid.part01.rar")
	l := library(t, Config{Cache: newMemCache()})
	var all []*Member
	for m, err := range l.Members(t.Context(), p) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, m)
	}
	if len(all) != 9 {
		t.Fatalf("%d members", len(all))
	}
	if _, err := readMember(t.Context(), all[len(all)-1]); err != nil {
		t.Fatal(err)
	}
	s.touched()
	for _, m := range all {
		if _, err := readMember(t.Context(), m); err != nil {
			t.Errorf("%s: %v", m.Name(), err)
		}
	}
	if n, _, _ := s.touched(); n > 0 {
		t.Errorf("%d bytes were read again", n)
	}
}

// TestRarLinks: links are not there, and neither are old versions and folders.
func TestRarLinks(t *testing.T) {
	s := rarFixtures(t)
	l := library(t, Config{})
	for _, c := range []struct{ archive, link string }{
		{"rar5_symlink.rar", "symlink.txt"},
		{"rar5_hardlink.rar", "hardlink.txt"},
		{"rar_unicode.rar", "表だよ/ファイル"},
	} {
		p := s.place("set/test_read_format_" + c.archive)
		members := 0
		for m, err := range l.Members(t.Context(), p) {
			if err != nil {
				t.Fatal(err)
			}
			if members++; m.Name() == c.link {
				t.Errorf("%s lists the link %q", c.archive, m.Name())
			}
		}
		if members == 0 {
			t.Errorf("%s has no members", c.archive)
		}
		_, _, err := l.Lookup(t.Context(), p, c.link)
		wantErr(t, c.link, err, fs.ErrNotExist)
	}
}

// TestRarRefused: what needs a password, or is too much, says so.
func TestRarRefused(t *testing.T) {
	s := rarFixtures(t)
	for _, c := range []struct {
		archive, member string
		limits          Limits
		want            error
	}{
		{"rar_encryption_header.rar", "any", Limits{}, ErrEncrypted},
		{"rar_encryption_data.rar", "foo.txt", Limits{}, ErrEncrypted},
		{"rar_encryption_partially.rar", "foo.txt", Limits{}, ErrEncrypted},
		{"rar_encryption_partially.rar", "bar.txt", Limits{}, nil},
		{"rar5_solid.rar", "any", Limits{Entries: 3}, ErrLimit},
		{"rar5_solid.rar", "any", Limits{IndexBytes: 100}, ErrLimit},
		{"rar_compress_best.rar", "LibarchiveAddingTest.html", Limits{Dictionary: 64 << 10}, ErrLimit},
		{"rar5_truncated_huff.rar", "any", Limits{}, ErrCorrupt},
		{"rar_ppmd_use_after_free.rar", "any", Limits{}, ErrCorrupt},
	} {
		_, err := read(t, library(t, Config{Limits: c.limits}), s.place("set/test_read_format_"+c.archive), c.member)
		if c.want == nil && err != nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s of %s: %v, want %v", c.member, c.archive, err, c.want)
		}
	}
	set, names := rarSet(t, rartest.Options{Format: 5}, rartest.File{Name: "a", Data: noise(1, 100), Encrypted: true})
	_, err := read(t, library(t, Config{}), set.place(names[0]), "a")
	wantErr(t, "an encrypted member of RAR 5", err, ErrEncrypted)
	// A method that nobody has: the byte behind the time and the version, before the checksum is made right again.
	s2, names := rarSet(t, rartest.Options{Format: 4}, rartest.File{Name: "a", Data: noise(1, 100)})
	data, err := io.ReadAll(io.NewSectionReader(s2[names[0]].r, 0, s2[names[0]].size))
	if err != nil {
		t.Fatal(err)
	}
	head := data[7+13:]
	head[24], head[25] = 99, 0x33
	sum := crc(0, head[2:7+26])
	head[0], head[1] = byte(sum), byte(sum>>8)
	_, err = read(t, library(t, Config{}), newSource("a.rar", data).place(), "a")
	wantErr(t, "an unknown method", err, ErrMethod)
}

// TestRarMissingVolume: the error says which volume is not there, and all that lies before it can be read.
func TestRarMissingVolume(t *testing.T) {
	files := someFiles()
	for name, o := range rarKinds() {
		if o.Volume == 0 {
			continue
		}
		t.Run(name, func(t *testing.T) {
			s, names := rarSet(t, o, toRarFiles(files)...)
			const gone = 3 // dir/big.bin goes on in it
			delete(s, names[gone])
			l := library(t, Config{Cache: newMemCache()})
			p := s.place(names[0])
			if b, err := read(t, l, p, "a.txt"); err != nil || !bytes.Equal(b, files["a.txt"]) {
				t.Errorf("a member before: %d bytes, %v", len(b), err)
			}
			for range 2 {
				b, err := read(t, l, p, "dir/big.bin")
				if !errors.Is(err, ErrCorrupt) || !strings.Contains(fmt.Sprint(err), names[gone]) {
					t.Errorf("%v, want %s in it", err, names[gone])
				}
				if len(b) < 1_000_000 || !bytes.HasPrefix(files["dir/big.bin"], b) {
					t.Errorf("%d bytes came before it", len(b))
				}
			}
			_, err := read(t, l, p, "z/last.bin")
			if !errors.Is(err, ErrCorrupt) || !strings.Contains(fmt.Sprint(err), filepath.Base(names[gone])) {
				t.Errorf("a member behind: %v, want %s in it", err, names[gone])
			}
			delete(s, names[0])
			_, err = read(t, l, s.place(names[1]), "a.txt")
			if !errors.Is(err, ErrCorrupt) || !strings.Contains(fmt.Sprint(err), filepath.Base(names[0])) {
				t.Errorf("without the first one: %v, want %s in it", err, names[0])
			}
		})
	}
	// The same, where it is compressed.
	s := rarFixtures(t)
	const set = "set/test_read_format_rar5_multiarchive_solid.part0"
	delete(s, set+"3.rar")
	l := library(t, Config{})
	var last error
	for m, err := range l.Members(t.Context(), s.place(set+"1.rar")) {
		if err != nil {
			wantErr(t, "the list", err, ErrCorrupt)
			break
		}
		_, last = readMember(t.Context(), m)
	}
	if !errors.Is(last, ErrCorrupt) || !strings.Contains(fmt.Sprint(last), set+"3.rar") {
		t.Errorf("a compressed member: %v", last)
	}
}

// TestRarVolumesAtOnce: a slow source is asked for the beginnings of several volumes at once.
func TestRarVolumesAtOnce(t *testing.T) {
	s, names := rarSet(t, rartest.Options{Name: "a", Volume: 1 << 20}, rartest.File{Name: "movie.mkv", Data: noise(1, 9<<20)})
	stuck := make(chan struct{})
	for _, name := range names[1:] {
		s[name].stuck = stuck
	}
	l := library(t, Config{})
	done := make(chan error, 1)
	go func() {
		_, _, err := l.Lookup(context.Background(), s.place(names[0]), "movie.mkv")
		done <- err
	}()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		asked := 0
		for _, name := range names[1:] {
			asked += s[name].openNow()
		}
		if asked == len(names)-1 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d volumes were asked for", asked, len(names)-1)
		}
	}
	close(stuck)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// TestRarCancel: who stops waiting for a volume gets away at once, and so does the library.
func TestRarCancel(t *testing.T) {
	s, names := rarSet(t, rartest.Options{Name: "a", Volume: 1 << 20, Quick: true}, rartest.File{Name: "movie.mkv", Data: noise(1, 5<<20)})
	stuck := make(chan struct{})
	s[names[2]].stuck = stuck
	l := New(Config{})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, _, err := l.Lookup(ctx, s.place(names[0]), "movie.mkv")
	wantErr(t, "Lookup", err, context.DeadlineExceeded)
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	for name, v := range s {
		if n := v.openNow(); n != 0 {
			t.Errorf("%s: %d readers are left open", name, n)
		}
	}
	close(stuck)
}

// TestRarVolumeFails: an error of a source is its own, no fault of the archive, and the next try goes on where the walk was.
func TestRarVolumeFails(t *testing.T) {
	files := map[string][]byte{"a": noise(1, 1000), "movie.mkv": noise(2, 5<<20), "z": noise(3, 1000)}
	s, names := rarSet(t, rartest.Options{Name: "a", Volume: 1 << 20}, toRarFiles(files)...)
	broken := errors.New("the disk is gone")
	s[names[3]].err = broken
	l := library(t, Config{Cache: newMemCache()})
	_, err := read(t, l, s.place(names[0]), "z")
	wantErr(t, "a volume that fails", err, broken)
	s[names[3]].mu.Lock()
	s[names[3]].err = nil
	s[names[3]].mu.Unlock()
	got, err := contents(t, l, s.place(names[0]))
	if err != nil {
		t.Fatal(err)
	}
	checkFiles(t, got, files)
}

// TestRarDamaged: a flipped byte is noticed, wherever it is.
func TestRarDamaged(t *testing.T) {
	s := rarFixtures(t)
	for _, name := range []string{"rar5_multiple_files_solid.rar", "rar_compress_normal.rar", "rar5_stored_manyfiles.rar"} {
		src := s["set/test_read_format_"+name]
		data, err := io.ReadAll(io.NewSectionReader(src.r, 0, src.size))
		if err != nil {
			t.Fatal(err)
		}
		want, err := contents(t, library(t, Config{}), src.place())
		if err != nil {
			t.Fatal(err)
		}
		noticed := 0
		for i := 0; i < len(data); i += len(data)/60 + 1 {
			bad := bytes.Clone(data)
			bad[i] ^= 0x40
			got, err := contents(t, library(t, Config{}), newSource("a.rar", bad).place())
			for name, b := range got {
				if w, ok := want[name]; ok && !bytes.Equal(b, w) {
					t.Errorf("%s, byte %d: wrong bytes of %s, %v", src.path, i, name, err)
				}
			}
			if err != nil {
				noticed++
			}
		}
		if noticed < 20 {
			t.Errorf("%s: damage was noticed %d times", name, noticed)
		}
	}
}

// TestRarEarly: bytes of a member in several volumes are passed on early from each of them, and only of the archive that was
// asked for it is known what is verified.
func TestRarEarly(t *testing.T) {
	data := noise(1, 3<<20)
	s, names := rarSet(t, rartest.Options{Name: "a", Volume: 1 << 20}, rartest.File{Name: "movie.mkv", Data: data})
	files := make(map[string]*earlySource)
	for name, v := range s {
		files[name] = &earlySource{source: v}
	}
	p := Place{Root: "test", File: files[names[1]], Sibling: func(_ context.Context, path string) (Source, error) {
		if f := files[path]; f != nil {
			return f, nil
		}
		return nil, fs.ErrNotExist
	}}
	m := lookup(t, library(t, Config{}), p, "movie.mkv")
	if m.Verified(0, 1000) {
		t.Error("what is in another volume is said to be verified")
	}
	if !m.Verified(1_200_000, 1000) {
		t.Error("what is in the volume itself is not said to be verified")
	}
	r, err := m.OpenEarly(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if b, err := io.ReadAll(r); err != nil || !bytes.Equal(b, data) {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	for name, f := range files {
		if f.early == 0 {
			t.Errorf("%s was not opened early", name)
		}
	}
}

// An earlySource has all of its bytes, verified.
type earlySource struct {
	*source
	early int
}

func (s *earlySource) OpenEarly(ctx context.Context) (io.ReadSeekCloser, error) {
	s.early++
	return s.Open(ctx)
}

func (s *earlySource) Verified(off, n int64) bool { return true }

package rar

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const libarchive = "testdata/libarchive"

// What is in archives that the program rar made.
func TestFixtures(t *testing.T) {
	f := inFolder(t, libarchive)
	for _, c := range []struct {
		name    string // behind test_read_format_
		entries int
		err     error  // of the walk
		bad     string // members that cannot be unpacked
		secret  string // members that are encrypted
	}{
		{name: "rar5_compressed.rar", entries: 1},
		{name: "rar5_blake2.rar", entries: 1},
		{name: "rar5_multiple_files_solid.rar", entries: 4},
		{name: "rar5_solid.rar", entries: 7},
		{name: "rar5_extra_field_version.rar", entries: 2},
		{name: "rar5_fileattr.rar", entries: 8},
		{name: "rar5_hardlink.rar", entries: 2},
		{name: "rar5_symlink.rar", entries: 4},
		{name: "rar5_arm.rar", entries: 1},
		{name: "rar5_stored_manyfiles.rar", entries: 3},
		{name: "rar5_win32.rar", entries: 8},
		{name: "rar5_multiarchive_solid.part01.rar", entries: 9},
		{name: "rar5_multiarchive_solid.part03.rar", entries: 9},
		{name: "rar_compress_best.rar", entries: 6},
		{name: "rar_compress_normal.rar", entries: 6},
		{name: "rar_filter.rar", entries: 1},
		{name: "rar_multi_lzss_blocks.rar", entries: 1},
		{name: "rar_noeof.rar", entries: 1},
		{name: "rar_subblock.rar", entries: 1},
		{name: "rar_unicode.rar", entries: 6},
		{name: "rar_windows.rar", entries: 5},
		{name: "rar_encryption_data.rar", entries: 2, secret: "foo.txt bar.txt"},
		{name: "rar_encryption_partially.rar", entries: 2, secret: "foo.txt"},
		{name: "rar_encryption_header.rar", err: ErrEncrypted},
		{name: "rar_invalid1.rar", entries: 1, err: ErrCorrupt, bad: "test"},
		{name: "rar_ppmd_use_after_free.rar", err: ErrCorrupt},
		{name: "rar_ppmd_use_after_free2.rar", err: ErrCorrupt},
		{name: "rar5_truncated_huff.rar", err: ErrCorrupt},
		{name: "rar5_different_winsize_on_merge.rar", err: ErrCorrupt},
		{name: "rar5_decode_number_out_of_bounds_read.rar", err: ErrCorrupt},
		{name: "rar5_window_buf_and_size_desync.rar", err: ErrCorrupt},
		{name: "rar5_bad_window_sz_in_mltarc_file.rar", err: ErrCorrupt},
	} {
		t.Run(c.name, func(t *testing.T) {
			entries, w, err := list(f, "test_read_format_"+c.name, Limits{})
			if !errors.Is(err, c.err) || len(entries) != c.entries {
				t.Fatalf("%d entries, %v", len(entries), err)
			}
			if w == nil {
				return
			}
			got, errs := contents(w, entries)
			for _, e := range entries {
				if secret := strings.Contains(c.secret, e.Name); e.Encrypted != secret {
					t.Errorf("%s is encrypted: %v", e.Name, e.Encrypted)
				}
				if err := errs[e.Name]; (err != nil) != strings.Contains(c.bad, e.Name) || err != nil && !errors.Is(err, ErrCorrupt) {
					t.Errorf("%s: %v", e.Name, err)
				}
			}
			if c.bad == "" && !strings.Contains(c.name, ".part") && !strings.Contains(c.name, "lzss") { // which bsdtar cannot read
				likeBsdtar(t, filepath.Join(libarchive, "test_read_format_"+c.name), entries, got)
			}
		})
	}
}

// likeBsdtar holds what was read against what bsdtar reads.
func likeBsdtar(t *testing.T, archive string, entries []*Entry, got map[string][]byte) {
	t.Helper()
	if _, err := exec.LookPath("bsdtar"); err != nil {
		if os.Getenv("UP2P_REQUIRE_PEERS") == "1" {
			t.Fatal("bsdtar is missing, and UP2P_REQUIRE_PEERS=1")
		}
		t.Skip("bsdtar is not installed: not tested against it")
	}
	for _, e := range entries {
		if e.Dir || e.Link != NoLink || e.Encrypted {
			continue
		}
		name := e.Name
		if e.Backslash {
			name = strings.ReplaceAll(name, `\`, "/")
		}
		cmd := exec.Command("bsdtar", "-xOf", archive, name)
		cmd.Env = append(cmd.Environ(), "LC_ALL=C.UTF-8")
		want, err := cmd.Output()
		if err != nil {
			t.Errorf("bsdtar: %s: %v", name, err)
			continue
		}
		if e.Version == 0 && strings.Contains(archive, "extra_field_version") { // bsdtar gives out all versions of it
			want = want[:min(len(got[e.Name]), len(want))]
		}
		if !bytes.Equal(got[e.Name], want) {
			t.Errorf("%s: %d bytes are not the %d that bsdtar reads", name, len(got[e.Name]), len(want))
		}
	}
}

// A set of RAR 4, whose volumes are found from any of them.
func TestFixtureVolumes(t *testing.T) {
	f := inFolder(t, libarchive)
	for _, i := range "123456" {
		entries, w, err := list(f, "test_rar_multivolume_multiple_files.part"+string(i)+".rar", Limits{})
		if err != nil || len(entries) != 2 {
			t.Fatalf("from %c: %d entries, %v", i, len(entries), err)
		}
		if _, errs := contents(w, entries); len(errs) > 0 {
			t.Errorf("from %c: %v", i, errs)
		}
	}
}

// What headers say of fixtures.
func TestFixtureHeaders(t *testing.T) {
	f := inFolder(t, libarchive)
	for _, c := range []struct {
		archive string
		i       int
		is      func(e *Entry) bool
	}{
		{"test_read_format_rar5_hardlink.rar", 1, func(e *Entry) bool { return e.Link == Hardlink && e.Target == "file.txt" && e.Extents == nil }},
		{"test_read_format_rar5_symlink.rar", 1, func(e *Entry) bool { return e.Link == Symlink && e.Target == "file.txt" }},
		{"test_read_format_rar5_symlink.rar", 3, func(e *Entry) bool { return e.Dir && e.Name == "dir" }},
		{"test_read_format_rar5_extra_field_version.rar", 0, func(e *Entry) bool { return e.Version == 1 && e.Name == "bin/2to3" }},
		{"test_read_format_rar5_extra_field_version.rar", 1, func(e *Entry) bool { return e.Version == 0 && e.Name == "bin/2to3" }},
		{"test_read_format_rar5_blake2.rar", 0, func(e *Entry) bool { return !e.HasCRC && len(e.Blake2) == 32 }},
		{"test_read_format_rar5_win32.rar", 0, func(e *Entry) bool { return e.Dir && e.Name == "testdir" }},
		{"test_read_format_rar5_solid.rar", 6, func(e *Entry) bool { return e.Solid && e.Run == 0 && e.Dictionary == 1<<20 }},
		{"test_read_format_rar_unicode.rar", 0, func(e *Entry) bool {
			return e.UTF8 && e.Name == "表だよ/新しいフォルダ/新規テキスト ドキュメント.txt"
		}},
		{"test_read_format_rar_unicode.rar", 4, func(e *Entry) bool { return e.Link == Symlink }},
		{"test_read_format_rar_windows.rar", 0, func(e *Entry) bool { return e.Backslash && e.Name == `testdir\test.txt` }},
		{"test_read_format_rar_windows.rar", 3, func(e *Entry) bool { return e.Dir && e.ModTime.Year() == 2011 }},
	} {
		entries, _, err := list(f, c.archive, Limits{})
		if err != nil || c.i >= len(entries) {
			t.Errorf("%s: %d entries, %v", c.archive, len(entries), err)
		} else if e := entries[c.i]; !c.is(e) {
			t.Errorf("%s: entry %d is %+v", c.archive, c.i, e)
		}
	}
}

// Every packed byte of a solid run is read once, also in several volumes, and no other one.
func TestSolidReadsOnce(t *testing.T) {
	for _, name := range []string{"test_read_format_rar5_multiarchive_solid.part01.rar", "test_read_format_rar5_solid.rar"} {
		f := inFolder(t, libarchive)
		entries, w, err := list(f, name, Limits{})
		if err != nil {
			t.Fatal(err)
		}
		packed := int64(0)
		for _, e := range entries {
			packed += e.Packed
		}
		f.touched()
		u := NewUnpacker(context.Background(), run(w, entries, 0), 0)
		for range entries { // without reading any to its end
			if _, err := u.Next(); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := io.Copy(io.Discard, u); err != nil {
			t.Fatal(err)
		}
		if n, _, _ := f.touched(); n != packed {
			t.Errorf("%s: %d bytes were read of %d", name, n, packed)
		}
	}
}

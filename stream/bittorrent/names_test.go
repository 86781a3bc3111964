package bittorrent

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/anacrolix/torrent/metainfo"

	"github.com/zeronetscript/universal_p2p/stream"
)

// paths lists what the files of info are called here.
func paths(l *fileList) []string {
	var p []string
	for _, f := range l.files {
		p = append(p, f.path)
	}
	return p
}

// v1Files is an info with files of one byte each. An element of a path that begins with "attr:" is its attribute.
func v1Files(name string, files ...[]string) *metainfo.Info {
	info := &metainfo.Info{Name: name, PieceLength: 1 << 14}
	for _, path := range files {
		fi := metainfo.FileInfo{Length: 1}
		for _, e := range path {
			if attr, ok := strings.CutPrefix(e, "attr:"); ok {
				fi.Attr = attr
			} else {
				fi.Path = append(fi.Path, e)
			}
		}
		info.Files = append(info.Files, fi)
	}
	return info
}

func TestFileNames(t *testing.T) {
	tests := []struct {
		name    string
		info    *metainfo.Info
		charset string
		want    []string
	}{
		{"one file", &metainfo.Info{Name: "video.mp4", Length: 1}, "", []string{"video.mp4"}},
		{"one file of no bytes", &metainfo.Info{Name: "empty"}, "", []string{"empty"}},
		{"one file, better name", &metainfo.Info{Name: "?", NameUtf8: "é", Length: 1}, "", []string{"é"}},
		{"one file that is called like a folder", &metainfo.Info{Name: "a/b", Length: 1}, "", []string{"a_b"}},
		{"one file, bad names", &metainfo.Info{Name: "..", Length: 1}, "", []string{"_"}},
		{"one file without a name", &metainfo.Info{Length: 1}, "", []string{"_"}},
		{"folders", v1Files("top", []string{"b"}, []string{"a", "c"}, []string{"a", "b"}), "", []string{"b", "a/c", "a/b"}},
		{"the name of the torrent is no part", v1Files("a", []string{"a"}, []string{"a", "a"}), "", []string{"a", "a/a"}},
		{"better paths", &metainfo.Info{Name: "n", Files: []metainfo.FileInfo{{Path: []string{"?"}, PathUtf8: []string{"d", "é"}, Length: 1}}}, "",
			[]string{"d/é"}},
		{"padding", v1Files("n", []string{"a"}, []string{".pad", "5", "attr:p"}, []string{"b", "attr:x"}, []string{"c", "attr:hp"}), "", []string{"a", "b"}},
		{"padding of BitComet", v1Files("n", []string{"a"}, []string{"_____padding_file_0_if you see this file, please update to BitComet 0.85 or above____"},
			[]string{"d", "_____padding_file_1_"}, []string{"_____padding_file_2_", "b"}), "", []string{"a", "_____padding_file_2_/b"}},
		{"symbolic links", v1Files("n", []string{"a"}, []string{"link", "attr:l"}, []string{"exe", "attr:xl"}), "", []string{"a"}},
		{"ways out", v1Files("n", []string{"..", "..", "etc", "passwd"}, []string{"."}, []string{"a", "..", "b"}, []string{"/etc/passwd"}, []string{"../x"}), "",
			[]string{"_/_/etc/passwd", "_", "a/_/b", "_etc_passwd", ".._x"}},
		{"dots that are a name", v1Files("n", []string{"..."}, []string{".hidden"}, []string{"a.."}), "", []string{"...", ".hidden", "a.."}},
		{"a backslash is a letter here", v1Files("n", []string{`C:\x`}), "", []string{`C:\x`}},
		{"empty elements", v1Files("n", []string{"", "a", ""}, []string{""}, []string{"", ""}, []string{"b"}), "", []string{"a", "_", "_ (2)", "b"}},
		{"a file without a path", v1Files("name", []string{"a"}, []string{}), "", []string{"a", "name"}},
		{"NUL", v1Files("n", []string{"a\x00b"}, []string{"\x00"}), "", []string{"a_b", "_"}},
		{"doubles", v1Files("n", []string{"a"}, []string{"a"}, []string{"a (2)"}, []string{"a"}, []string{"d", "a"}, []string{"d/a"}, []string{"d_a"}), "",
			[]string{"a", "a (2)", "a (2) (2)", "a (3)", "d/a", "d_a", "d_a (2)"}},
		{"names that become doubles", v1Files("n", []string{"a\x00"}, []string{"a/"}, []string{".."}, []string{"_"}), "", []string{"a_", "a_ (2)", "_", "_ (2)"}},
		{"a file that is a folder as well", v1Files("n", []string{"a"}, []string{"a", "b"}), "", []string{"a", "a/b"}},
		{"UTF-8", v1Files("n", []string{"мир", "日本"}), "", []string{"мир/日本"}},
		{"UTF-8 in spite of the charset", v1Files("n", []string{"мир"}), "windows-1251", []string{"мир"}},
		{"Windows-1252, nobody says so", v1Files("n", []string{"caf\xe9"}), "", []string{"café"}},
		{"Windows-1251", v1Files("n", []string{"\xec\xe8\xf0"}), "windows-1251", []string{"мир"}},
		{"GBK", v1Files("n", []string{"\xd6\xd0\xce\xc4", "ok"}), "GBK", []string{"中文/ok"}},
		{"Shift JIS", v1Files("n", []string{"\x93\xfa\x96\x7b"}), "shift_jis", []string{"日本"}},
		{"a charset that nobody knows", v1Files("n", []string{"caf\xe9"}), "klingon", []string{"café"}},
		{"wrongly called UTF-8", v1Files("n", []string{"caf\xe9"}), "UTF-8", []string{"caf\ufffd"}},
		{"a charset in which slashes hide", v1Files("n", []string{"\xd8\x00/\x00a\x00.\x00."}), "utf-16be", nil},
		{"a charset that swallows all", v1Files("n", []string{"\x1b$B\xff"}, []string{"\xfe\xff"}), "iso-2022-kr", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := newFileList(nil, tt.info, tt.charset)
			checkFileList(t, l)
			if tt.want != nil && !slices.Equal(paths(l), tt.want) {
				t.Errorf("got  %q\nwant %q", paths(l), tt.want)
			}
		})
	}
}

// checkFileList checks what holds for the files of any torrent.
func checkFileList(t *testing.T, l *fileList) {
	t.Helper()
	if !utf8.ValidString(l.name) || l.name == "" || strings.ContainsAny(l.name, "/\x00") {
		t.Errorf("the torrent is called %q", l.name)
	}
	if len(l.byPath) != len(l.files) {
		t.Errorf("%d names for %d files", len(l.byPath), len(l.files))
	}
	for _, f := range l.files {
		if !stream.ValidPath(f.path) || !fs.ValidPath(f.path) {
			t.Errorf("path %q is not valid", f.path)
		}
		if l.byPath[f.path] != f {
			t.Errorf("%q is another file", f.path)
		}
	}
}

// A list of equal names must not take time that grows with its square.
func TestManyEqualNames(t *testing.T) {
	const n = 100_000
	info := &metainfo.Info{Name: "n", Files: make([]metainfo.FileInfo, n)}
	for i := range info.Files {
		info.Files[i] = metainfo.FileInfo{Path: []string{"a"}, Length: 1}
	}
	start := time.Now()
	l := newFileList(nil, info, "")
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("%d equal names took %v", n, d)
	}
	checkFileList(t, l)
	if last := l.files[n-1].path; last != fmt.Sprintf("a (%d)", n) {
		t.Errorf("the last is called %q", last)
	}
}

func TestFilesOfTools(t *testing.T) {
	all := []string{"big.bin", "dir/two.bin", "empty", "exact.bin", "mid.bin", "small.txt"}
	// What the library reads of a v2 file tree has no attributes, so a link is an empty file there.
	tests := []struct {
		file string
		want []string
	}{
		{"libtorrent-v1", all},
		{"libtorrent-v1-symlink", all},
		{"libtorrent-v1-single", []string{"single.bin"}},
		{"libtorrent-v2", all},
		{"libtorrent-v2-single", []string{"single.bin"}},
		{"libtorrent-hybrid", all},
		{"libtorrent-hybrid-tail", all},
		{"libtorrent-hybrid-symlink", slices.Insert(slices.Clone(all), 4, "link")},
		{"libtorrent-hybrid-single", []string{"single.bin"}},
	}
	for _, tt := range tests {
		mi, info := readFixture(t, tt.file)
		l := newFileList(nil, info, mi.Encoding)
		checkFileList(t, l)
		if !slices.Equal(paths(l), tt.want) {
			t.Errorf("%s: got  %q\nwant %q", tt.file, paths(l), tt.want)
		}
		for _, f := range l.files {
			if want := fixtureSize(f.path); f.size != want {
				t.Errorf("%s: %s has %d bytes, want %d", tt.file, f.path, f.size, want)
			}
			if info.HasV2() && f.size > 0 && f.offset%info.PieceLength != 0 {
				t.Errorf("%s: %s begins at %d, inside a piece", tt.file, f.path, f.offset)
			}
		}
	}
}

func TestFileOffsets(t *testing.T) {
	info := v1Files("n", []string{"a"}, []string{"pad", "attr:p"}, []string{"b"}, []string{"c"})
	info.Files[0].Length, info.Files[1].Length, info.Files[2].Length, info.Files[3].Length = 10, 22, 0, 5
	var got []string
	for _, f := range newFileList(nil, info, "").files {
		got = append(got, fmt.Sprint(f.path, " ", f.offset, " ", f.size))
	}
	if want := []string{"a 0 10", "b 32 0", "c 32 5"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestFileListLookup(t *testing.T) {
	info := v1Files("top", []string{"a.mp4"}, []string{"d", "big.zip"}, []string{"pad", "attr:p"}, []string{"top", "x"}, []string{"top", "d", "y"})
	info.Files[1].Length, info.Files[2].Length = 5, 1000
	l := newFileList(nil, info, "")
	tests := []struct{ path, want, rest string }{
		{"", "d/big.zip", ""}, // the biggest, and never padding
		{"a.mp4", "a.mp4", ""},
		{"top/a.mp4", "a.mp4", ""}, // as it is called where it was saved
		{"d/big.zip/1.jpg", "d/big.zip", "1.jpg"},
		{"top/d/big.zip/in/1.jpg", "d/big.zip", "in/1.jpg"},
		{"d/big.zip/\x83\x65.jpg", "d/big.zip", "\x83\x65.jpg"}, // a member by its bytes
		{"top/d/big.zip/\xe9/1.jpg", "d/big.zip", "\xe9/1.jpg"},
		{path: "\xe9.mp4"},
		{"top/x", "top/x", ""},
		{"top/top/x", "top/x", ""},
		{"top/d/y", "top/d/y", ""},
		{path: "pad"}, {path: "top"}, {path: "d"}, {path: "big.zip"}, {path: "x"}, {path: "top/"}, {path: "/a.mp4"}, {path: "top//a.mp4"},
	}
	for _, tt := range tests {
		f, rest, err := l.lookup(tt.path)
		switch {
		case tt.want == "":
			if !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("lookup(%q) = %v, %q, %v, want fs.ErrNotExist", tt.path, f, rest, err)
			}
		case err != nil || f.path != tt.want || rest != tt.rest:
			t.Errorf("lookup(%q) = %v, %q, %v, want %q, %q", tt.path, f, rest, err, tt.want, tt.rest)
		}
	}
	old := newFileList(nil, v1Files("n", []string{"d"}, []string{"d", "caf\xe9.zip"}), "")
	for path, want := range map[string][2]string{
		"d/caf\xe9.zip": {"d/café.zip", ""}, "d/\xe9": {"d", "\xe9"}, "d/café.zip/\xe9": {"d/café.zip", "\xe9"},
	} {
		if f, rest, err := old.lookup(path); err != nil || f.path != want[0] || rest != want[1] {
			t.Errorf("lookup(%q) = %v, %q, %v, want %q", path, f, rest, err, want)
		}
	}
	single := newFileList(nil, &metainfo.Info{Name: "a.zip", Length: 1}, "")
	if f, rest, err := single.lookup("a.zip/\x83"); err != nil || f.path != "a.zip" || rest != "\x83" {
		t.Errorf("in the only file: %v, %q, %v", f, rest, err)
	}
	empty := newFileList(nil, v1Files("n", []string{"a", "attr:p"}), "")
	if _, _, err := empty.lookup(""); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the biggest of no files: %v", err)
	}
}

func TestDisplayName(t *testing.T) {
	for s, want := range map[string]string{
		"":                       "",
		"A film (2020)":          "A film (2020)",
		"мир":                    "мир",
		"a\r\nSet-Cookie: x":     "aSet-Cookie: x",
		"a\x00b\x1b[31m":         "ab[31m",
		"exe.\u202egpj":          "exe.gpj", // right-to-left override
		"caf\xe9":                "caf_",
		strings.Repeat("a", 200): strings.Repeat("a", 200),
		strings.Repeat("a", 300): strings.Repeat("a", 201) + "…",
		strings.Repeat("é", 150): strings.Repeat("é", 101) + "…",
	} {
		if got := displayName(s); got != want {
			t.Errorf("displayName(%q) = %q, want %q", s, got, want)
		}
	}
}

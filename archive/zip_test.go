package archive

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"
)

// names lists the members of an archive.
func names(t testing.TB, l *Library, p Place) (list []string) {
	t.Helper()
	for m, err := range l.Members(t.Context(), p) {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, m.Name())
	}
	return list
}

func TestZipMethods(t *testing.T) {
	l := library(t, Config{})
	got, err := contents(t, l, newSource("a.zip", everyMethod(t)).place())
	if err != nil {
		t.Fatal(err)
	}
	want := make(map[string][]byte)
	for _, method := range []string{"store", "deflate", "bzip2", "zstd", "zstd-old", "xz"} {
		want[method] = []byte(hello)
	}
	checkFiles(t, got, want)
}

// unicodePath is Info-ZIP's extra field with a name in UTF-8 for a member that is called old.
func unicodePath(old, name string) string {
	b := binary.LittleEndian.AppendUint16([]byte{0x75, 0x70}, uint16(5+len(name)))
	b = binary.LittleEndian.AppendUint32(append(b, 1), crc32.ChecksumIEEE([]byte(old)))
	return string(b) + name
}

// TestZipNames: names come out in UTF-8, whatever they are written in, and lead nowhere but into the archive.
func TestZipNames(t *testing.T) {
	const (
		utf8Flag = zipFlagUTF8
		sjis     = "\x83\x65\x83\x58\x83\x67\x83\x65\x83\x58\x83\x67"                 // テストテスト
		gbk      = "\xd6\xd0\xce\xc4\xce\xc4\xbc\xfe\xc3\xfb\xb3\xc6"                 // 中文文件名称
		euckr    = "\xc7\xd1\xb1\xdb\xc6\xc4\xc0\xcf\xc0\xcc\xb8\xa7\xc0\xcc\xb4\xd9" // 한글파일이름이다
		big5     = "\xa4\xa4\xa4\xe5\xc0\xc9\xae\xd7\xa6\x57\xba\xd9"                 // 中文檔案名稱
	)
	for _, c := range []struct {
		about  string
		member rawMember
		want   string   // "" is not there
		also   []string // finds it too
	}{
		{"ASCII", rawMember{name: "a/b.txt"}, "a/b.txt", nil},
		{"UTF-8 by its flag", rawMember{name: "ä/мир", flags: utf8Flag}, "ä/мир", nil},
		{"UTF-8 by its looks", rawMember{name: "ä/мир"}, "ä/мир", nil},
		{"a flag that lies", rawMember{name: "M\x81ller", flags: utf8Flag}, "Müller", []string{"M\x81ller"}},
		{"code page 437", rawMember{name: "M\x81ller/Stra\xe1e"}, "Müller/Straße", []string{"M\x81ller/Stra\xe1e"}},
		{"Shift JIS", rawMember{name: sjis + ".txt"}, "テストテスト.txt", []string{sjis + ".txt"}},
		{"Shift JIS with a backslash in it", rawMember{name: "\x83\x5c\x83\x5c" + sjis}, "ソソテストテスト", []string{"\x83\x5c\x83\x5c" + sjis}},
		{"GBK", rawMember{name: gbk}, "中文文件名称", []string{gbk}},
		{"EUC-KR", rawMember{name: euckr}, "한글파일이름이다", []string{euckr}},
		{"Big5", rawMember{name: big5}, "中文檔案名稱", []string{big5}},
		{"too little to be sure", rawMember{name: "\x83\x65"}, "âe", []string{"\x83\x65", "テ"}},
		{"a name beside the name", rawMember{name: "M\x81ller", extra: unicodePath("M\x81ller", "Müller ☺")}, "Müller ☺", nil},
		{"that was made for another", rawMember{name: "b.txt", extra: unicodePath("a.txt", "ä.txt")}, "b.txt", nil},
		{"that is no UTF-8", rawMember{name: "b.txt", extra: unicodePath("b.txt", "\xff")}, "b.txt", nil},
		{"that leads out", rawMember{name: "b.txt", extra: unicodePath("b.txt", "../b.txt")}, "", []string{}},
		{"dots", rawMember{name: "./a/./b//c"}, "a/b/c", nil},
		{"out", rawMember{name: "../a"}, "", []string{"a"}},
		{"out and in", rawMember{name: "a/../../a/b"}, "", []string{"a/b", "b"}},
		{"absolute", rawMember{name: "/etc/passwd"}, "", []string{"etc/passwd"}},
		{"a drive", rawMember{name: `C:\x`}, "", []string{"x", "C:/x", `C:\x`}},
		{"out, on Windows", rawMember{name: `..\a`}, "", []string{"a"}},
		{"of Windows", rawMember{name: `a\b`}, "a/b", nil},
		{"of Unix", rawMember{name: `a\b`, host: zipUnix}, `a\b`, nil},
		{"NUL", rawMember{name: "a\x00b"}, "", []string{"a", "a\x00b"}},
		{"a drive in an old name", rawMember{name: "C:\\\x81"}, "", []string{"C:\\\x81", "C:/ü"}},
		{"out in an old name", rawMember{name: "../\x81"}, "", []string{"../\x81", "\x81"}},
		{"NUL in an old name", rawMember{name: "\x81\x00b"}, "", []string{"\x81\x00b", "\x81"}},
		{"nothing", rawMember{name: ""}, "", nil},
		{"only dots", rawMember{name: ".."}, "", []string{".."}},
		{"a long name", rawMember{name: strings.Repeat("n", 5000)}, "", []string{strings.Repeat("n", 5000)}},
		{"a folder", rawMember{name: "d/"}, "", []string{"d"}},
	} {
		t.Run(c.about, func(t *testing.T) {
			if c.member.content = "x"; c.about == "a folder" {
				c.member.content = ""
			}
			l := library(t, Config{})
			p := newSource("a.zip", rawZip(false, rawMember{name: "beside", content: "y"}, c.member)).place()
			want := []string{"beside"}
			if c.want != "" {
				want = append(want, c.want)
			}
			for range 2 { // before all is known, and after
				for _, name := range append(slices.Clone(c.also), c.want) {
					if name == "" {
						continue
					}
					b, err := read(t, l, p, name)
					if c.want == "" && !errors.Is(err, fs.ErrNotExist) || c.want != "" && (err != nil || string(b) != "x") {
						t.Errorf("%q: %q, %v", name, b, err)
					}
				}
				if got := names(t, l, p); !slices.Equal(got, want) {
					t.Errorf("listed are %q, want %q", got, want)
				}
			}
		})
	}
}

// TestZipTwice: of two members with one name the last counts, as for those who unpack one after the other.
func TestZipTwice(t *testing.T) {
	l := library(t, Config{})
	p := newSource("a.zip", rawZip(false, rawMember{name: "a", content: "old"}, rawMember{name: "a", content: "new"})).place()
	if b, err := read(t, l, p, "a"); err != nil || string(b) != "new" {
		t.Errorf("%q, %v", b, err)
	}
	if got := names(t, l, p); len(got) != 1 {
		t.Errorf("listed are %q", got)
	}
}

// TestZipOneName: of two members with one name, written in two ways, the one that the name leads to is the only one: what is kept of a member
// goes by its name.
func TestZipOneName(t *testing.T) {
	l := library(t, Config{})
	p := newSource("a.zip", rawZip(false, rawMember{name: "\x82", content: "old"}, rawMember{name: "é", flags: zipFlagUTF8, content: "new"})).place()
	names(t, l, p) // all is known
	for _, name := range []string{"é", "\x82"} {
		b, err := read(t, l, p, name)
		if name == "é" && (err != nil || string(b) != "new") || name != "é" && !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%q: %q, %v", name, b, err)
		}
	}
}

// TestZipLinks: links and devices are not there.
func TestZipLinks(t *testing.T) {
	const link, regular, device = 0o120777 << 16, 0o100644 << 16, 0o020666 << 16
	l := library(t, Config{})
	p := newSource("a.zip", rawZip(false,
		rawMember{name: "a", content: "x", host: zipUnix, attributes: regular},
		rawMember{name: "link", content: "a", host: zipUnix, attributes: link},
		rawMember{name: "out", content: "/etc/passwd", host: zipOSX, attributes: link},
		rawMember{name: "packed", content: "../a", method: zipDeflate, packed: deflate(t, "../a"), host: zipUnix, attributes: link},
		rawMember{name: "null", host: zipUnix, attributes: device},
		rawMember{name: "no link", content: "y", host: zipFAT, attributes: link}, // it means nothing there
	)).place()
	for _, name := range []string{"link", "out", "packed", "null", "link/x"} {
		_, err := read(t, l, p, name)
		wantErr(t, name, err, fs.ErrNotExist)
	}
	if got, want := names(t, l, p), []string{"a", "no link"}; !slices.Equal(got, want) {
		t.Errorf("listed are %q, want %q", got, want)
	}
}

// TestZipRefused: what needs a password, cannot be unpacked or is too much says so, and harms no other member.
func TestZipRefused(t *testing.T) {
	zeros := strings.Repeat("\x00", 1<<20)
	bomb := deflate(t, zeros)
	for _, c := range []struct {
		about  string
		member rawMember
		want   error
	}{
		{"a password", rawMember{flags: zipFlagEncrypted}, ErrEncrypted},
		{"a password, packed", rawMember{flags: zipFlagEncrypted, method: zipDeflate}, ErrEncrypted},
		{"strong encryption", rawMember{flags: zipFlagStrong}, ErrEncrypted},
		{"a masked header", rawMember{flags: zipFlagMasked}, ErrEncrypted},
		{"AES", rawMember{method: zipAES}, ErrEncrypted},
		{"shrink", rawMember{method: 1}, ErrMethod},
		{"implode", rawMember{method: 6}, ErrMethod},
		{"deflate64", rawMember{method: 9}, ErrMethod},
		{"LZMA", rawMember{method: 14}, ErrMethod},
		{"PPMd", rawMember{method: 98}, ErrMethod},
		{"a method of nobody", rawMember{method: 12345}, ErrMethod},
		{"a ratio", rawMember{method: zipZstd, packed: bomb, size: 1 << 30}, ErrLimit},
		{"a ratio of petabytes", rawMember{method: zipDeflate, packed: bomb, size: 1 << 50}, ErrLimit},
		{"more bytes than there are", rawMember{size: 1 << 50}, ErrCorrupt},
		{"less than it becomes", rawMember{method: zipDeflate, packed: bomb, size: 10}, ErrCorrupt},
		{"more than it becomes", rawMember{method: zipDeflate, packed: bomb, size: 1<<20 + 1}, ErrCorrupt},
		{"damage", rawMember{method: zipDeflate, packed: []byte("\xff\xff\xff\xff"), size: 10}, ErrCorrupt},
		{"a wrong checksum", rawMember{method: zipDeflate, packed: bomb, size: 1 << 20}, ErrCorrupt},
	} {
		t.Run(c.about, func(t *testing.T) {
			begun := time.Now()
			c.member.name, c.member.content = "it", "xyz"
			l := library(t, Config{})
			p := newSource("a.zip", rawZip(false, rawMember{name: "before", content: "1"}, c.member, rawMember{name: "behind", content: "2"})).place()
			_, err := read(t, l, p, "it")
			wantErr(t, "it", err, c.want)
			for name, want := range map[string]string{"before": "1", "behind": "2"} {
				if b, err := read(t, l, p, name); err != nil || string(b) != want {
					t.Errorf("%s: %q, %v", name, b, err)
				}
			}
			if got := names(t, l, p); len(got) != 3 {
				t.Errorf("listed are %q", got)
			}
			if took := time.Since(begun); took > 10*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

// TestZipOverlap: bytes that are in many members are the trick of the bombs that need no nesting.
func TestZipOverlap(t *testing.T) {
	packed := deflate(t, hello)
	m := rawMember{name: "0", content: hello, method: zipDeflate, packed: packed}
	again := m
	again.name, again.again = "1", true
	l := library(t, Config{})
	p := newSource("a.zip", rawZip(false, rawMember{name: "alone", content: "x"}, m, again)).place()
	for _, name := range []string{"0", "1"} {
		_, err := read(t, l, p, name)
		wantErr(t, name, err, ErrLimit)
	}
	if b, err := read(t, l, p, "alone"); err != nil || string(b) != "x" {
		t.Errorf("%q, %v", b, err)
	}
	// One quotes the header of the next, as Fifield's bombs do.
	inner := rawZip(false, m)
	inner = inner[:slices.Index(inner, 'P')+zipLocalLen+len(m.name)+len(packed)]
	outer := rawZip(false, rawMember{name: "outer", content: string(inner)}, m)
	at := strings.LastIndex(string(outer), zipCentralSig) // the second points into the first
	binary.LittleEndian.PutUint32(outer[at+42:], zipLocalLen+uint32(len("outer")))
	p = newSource("b.zip", outer).place()
	for _, name := range []string{"outer", "0"} {
		_, err := read(t, l, p, name)
		wantErr(t, name, err, ErrLimit)
	}
}

// TestZipLimits: a list that is too long is refused before it is read.
func TestZipLimits(t *testing.T) {
	three := rawZip(false, rawMember{name: "a"}, rawMember{name: "b"}, rawMember{name: "c"})
	for about, c := range map[string]struct {
		limits Limits
		data   []byte
		want   error
	}{
		"as many as may be":   {Limits{Entries: 3}, three, nil},
		"too many":            {Limits{Entries: 2}, three, ErrLimit},
		"a long directory":    {Limits{IndexBytes: 100}, three, ErrLimit},
		"more than it counts": {Limits{Entries: 2}, append(bytesBefore(three, zipEndSig), rawZipEnd(false, 1, 3*(zipCentralLen+1), 3*(zipLocalLen+1))...), ErrLimit},
		"billions, it says":   {Limits{}, append(bytesBefore(three, zipEndSig), rawZipEnd(true, 1<<40, 3*(zipCentralLen+1), 3*(zipLocalLen+1))...), ErrLimit},
	} {
		l := library(t, Config{Limits: c.limits})
		src := newSource("a.zip", c.data)
		n := 0
		var err error
		for _, e := range l.Members(t.Context(), src.place()) {
			if err = e; err == nil {
				n++
			}
		}
		if !errors.Is(err, c.want) || err == nil && n != 3 {
			t.Errorf("%s: %d members, %v, want %v", about, n, err, c.want)
		}
	}
}

func bytesBefore(b []byte, sig string) []byte {
	return slices.Clone(b[:strings.LastIndex(string(b), sig)])
}

// TestZip64: numbers stand where those do that are too large elsewhere.
func TestZip64(t *testing.T) {
	data := rawZip(true, rawMember{name: "a", content: "stored"}, rawMember{name: "b", content: hello, method: zipDeflate, packed: deflate(t, hello)})
	for about, data := range map[string][]byte{"as it is": data, "behind a program": append([]byte("MZ and a program"), data...)} {
		name := "a.zip"
		if about != "as it is" {
			name = "a.exe"
		}
		got, err := contents(t, library(t, Config{}), newSource(name, data).place())
		if err != nil {
			t.Fatalf("%s: %v", about, err)
		}
		checkFiles(t, got, map[string][]byte{"a": []byte("stored"), "b": []byte(hello)})
	}
}

// TestZipBeyond: a member of 5 GiB, and one behind it.
func TestZipBeyond(t *testing.T) {
	const big = 5 << 30
	data := rawZip(true, rawMember{name: "big"}, rawMember{name: "b", content: "behind"})
	le := binary.LittleEndian
	local, dir := zipLocalLen+len("big")+28, strings.Index(string(data), zipCentralSig)
	add := func(at int) { le.PutUint64(data[at:], le.Uint64(data[at:])+big) }
	first := dir + zipCentralLen + len("big") + 4
	second := first + 24 + zipCentralLen + len("b") + 4
	end := second + 24
	for _, at := range []int{first, first + 8, second + 16, end + 48, end + zipEnd64Len + 8} {
		add(at)
	}
	v := new(virtual)
	v.add(data[:local], 1)
	v.add(make([]byte, 1<<20), big>>20)
	v.add(data[local:], 1)
	l := library(t, Config{})
	p := v.source("a.zip").place()
	if b, err := read(t, l, p, "b"); err != nil || string(b) != "behind" {
		t.Errorf("%q, %v", b, err)
	}
	m, _, err := l.Lookup(t.Context(), p, "big")
	if err != nil || m.Size() != big {
		t.Fatalf("%v, %v", m, err)
	}
	r, err := m.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := r.Seek(big-3, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(r); err != nil || string(b) != "\x00\x00\x00" {
		t.Errorf("the last bytes are %q, %v", b, err)
	}
}

// TestNested: an archive may be in another, and that in a third.
func TestNested(t *testing.T) {
	inner := rawZip(false, rawMember{name: "x.txt", content: "inside"})
	for range 3 {
		inner = rawZip(false, rawMember{name: "d/in.zip", content: string(inner), method: zipDeflate, packed: deflate(t, string(inner))})
	}
	l := library(t, Config{})
	p := newSource("a.zip", inner).place()
	for depth := 1; depth <= 4; depth++ {
		m, rest, err := l.Lookup(t.Context(), p, "d/in.zip/d/x")
		if depth == 4 {
			wantErr(t, "a fourth", err, ErrLimit)
			break
		}
		if err != nil || rest != "d/x" {
			t.Fatalf("%d deep: rest %q, %v", depth, rest, err)
		}
		p = m.Place()
		if want := "a.zip" + strings.Repeat("/d/in.zip", depth); m.Path() != want {
			t.Errorf("it is called %s, want %s", m.Path(), want)
		}
	}
}

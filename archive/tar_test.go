package archive

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// A rawHead is a header of a tar, be it true or not, and what is behind it.
type rawHead struct {
	name, prefix string
	kind         byte // '0', unless it is said
	link         string
	size         string // in place of that of content
	content      string
	wrong        bool // the checksum
}

// rawTar makes a tar, with the two empty blocks at its end.
func rawTar(heads ...rawHead) []byte {
	var out []byte
	for _, h := range heads {
		b := make([]byte, tarBlock)
		copy(b[:100], h.name)
		copy(b[100:], "0000644\x000000000\x000000000\x00")
		if h.size == "" {
			h.size = fmt.Sprintf("%011o", len(h.content))
		}
		copy(b[124:136], h.size)
		copy(b[136:], "00000000001\x00        ")
		if b[156] = h.kind; h.kind == 0 {
			b[156] = '0'
		}
		copy(b[157:257], h.link)
		copy(b[257:], "ustar\x0000")
		copy(b[345:500], h.prefix)
		sum := 0
		for _, c := range b {
			sum += int(c)
		}
		if h.wrong {
			sum++
		}
		copy(b[148:], fmt.Sprintf("%06o\x00 ", sum))
		out = append(append(out, b...), h.content...)
		out = append(out, make([]byte, roundTar(int64(len(out)))-int64(len(out)))...)
	}
	return append(out, make([]byte, 2*tarBlock)...)
}

// paxRecordOf is a line of an extended header.
func paxRecordOf(key, value string) string {
	n := len(key) + len(value) + 3
	for len(strconv.Itoa(n))+len(key)+len(value)+3 != n {
		n++
	}
	return fmt.Sprintf("%d %s=%s\n", n, key, value)
}

// TestTarNames: names come out in UTF-8, whatever they are written in, and lead nowhere but into the archive.
func TestTarNames(t *testing.T) {
	const sjis = "\x83\x65\x83\x58\x83\x67\x83\x65\x83\x58\x83\x67" // テストテスト
	long := strings.Repeat("n", 300)
	pax := func(path string) []rawHead {
		return []rawHead{{name: "pax", kind: 'x', content: paxRecordOf("path", path)}, {name: "short", content: "x"}}
	}
	plain := func(name string) []rawHead { return []rawHead{{name: name, content: "x"}} }
	for _, c := range []struct {
		about string
		heads []rawHead
		want  string   // "" is not there
		also  []string // finds it too
	}{
		{"ASCII", plain("a/b.txt"), "a/b.txt", nil},
		{"UTF-8", plain("ä/мир"), "ä/мир", nil},
		{"code page 437", plain("caf\x82/a"), "café/a", []string{"caf\x82/a"}},
		{"Shift JIS", plain(sjis), "テストテスト", []string{sjis}},
		{"in two parts", []rawHead{{name: "c", prefix: "a/b", content: "x"}}, "a/b/c", nil},
		{"long, of GNU", []rawHead{{name: "././@LongLink", kind: 'L', content: long + "\x00"}, {name: "short", content: "x"}}, long, nil},
		{"pax", pax("мир/" + long), "мир/" + long, nil},
		{"pax, in bytes", pax("caf\x82"), "café", []string{"caf\x82"}},
		{"dots", plain("./a/./b//c"), "a/b/c", nil},
		{"out", plain("../a"), "", []string{"a", "../a"}},
		{"out and in", plain("a/../../a/b"), "", []string{"a/b", "b"}},
		{"out, by pax", pax("../../a"), "", []string{"a", "short"}},
		{"out, by the prefix", []rawHead{{name: "a", prefix: "..", content: "x"}}, "", []string{"a"}},
		{"absolute", plain("/etc/passwd"), "", []string{"etc/passwd"}},
		{"absolute, by pax", pax("/etc/passwd"), "", []string{"etc/passwd", "short"}},
		{"NUL", pax("a\x00b"), "", []string{"a", "a\x00b", "short"}},
		{"a backslash is a letter here", plain(`a\b`), `a\b`, nil},
		{"too long", pax(strings.Repeat("n", 5000)), "", []string{"short"}},
		{"a folder of the seventh edition", []rawHead{{name: "d/"}}, "", []string{"d"}},
		{"a folder", []rawHead{{name: "d", kind: '5'}}, "", []string{"d"}},
	} {
		t.Run(c.about, func(t *testing.T) {
			l := library(t, Config{})
			p := newSource("a.tar", rawTar(append([]rawHead{{name: "beside", content: "y"}}, c.heads...)...)).place()
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

// TestTarRawPaths: a member that is found by its bytes before all names are known is called the same as later.
func TestTarRawPaths(t *testing.T) {
	heads := []rawHead{{name: "caf\x82", content: "x"}, {name: "na\x8bf", content: "y"}}
	for i := range 5000 {
		heads = append(heads, rawHead{name: strconv.Itoa(i)})
	}
	p := newSource("a.tar", rawTar(heads...)).place()
	for raw, want := range map[string]string{"caf\x82": "a.tar/café", "na\x8bf": "a.tar/naïf"} {
		m, _, err := library(t, Config{}).Lookup(t.Context(), p, raw)
		if err != nil || m.Path() != want {
			t.Errorf("%q is %v, %v", raw, m, err)
		}
	}
}

// TestTarLinks: links and devices are not there, in a tar and in a packed one.
func TestTarLinks(t *testing.T) {
	data := rawTar(
		rawHead{name: "a", content: "x"},
		rawHead{name: "hard", kind: '1', link: "a"},
		rawHead{name: "hard with a size", kind: '1', link: "a", size: fmt.Sprintf("%011o", 1)},
		rawHead{name: "soft", kind: '2', link: "a"},
		rawHead{name: "out", kind: '2', link: "/etc/passwd"},
		rawHead{name: "null", kind: '3'}, rawHead{name: "disk", kind: '4'}, rawHead{name: "pipe", kind: '6'},
		rawHead{name: "b", content: "y"},
	)
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	w.Write(data)
	w.Close()
	for name, data := range map[string][]byte{"a.tar": data, "a.tar.gz": packed.Bytes()} {
		l := library(t, Config{})
		p := newSource(name, data).place()
		for _, link := range []string{"hard", "hard with a size", "soft", "out", "null", "disk", "pipe", "soft/x"} {
			_, err := read(t, l, p, link)
			wantErr(t, link, err, fs.ErrNotExist)
		}
		got, err := contents(t, l, p)
		if err != nil {
			t.Fatal(err)
		}
		checkFiles(t, got, map[string][]byte{"a": []byte("x"), "b": []byte("y")})
	}
}

// TestTarRefused: what is too much, unknown or damaged says so. Members before it stand.
func TestTarRefused(t *testing.T) {
	good := rawHead{name: "a", content: "x"}
	sparse := func(records ...string) []rawHead {
		return []rawHead{{kind: 'x', content: strings.Join(records, "")}, {name: "it", content: strings.Repeat("0", tarBlock)}}
	}
	version := func(major, minor string) string {
		return paxRecordOf("GNU.sparse.major", major) + paxRecordOf("GNU.sparse.minor", minor) + paxRecordOf("GNU.sparse.realsize", "9")
	}
	many := []rawHead{{kind: 'x', content: version("1", "0")}, {name: "it", content: "70000\n" + strings.Repeat("0", tarBlock)}}
	for _, c := range []struct {
		about  string
		limits Limits
		heads  []rawHead
		want   error
	}{
		{"nothing", Limits{}, nil, nil},
		{"too many members", Limits{Entries: 2}, []rawHead{{name: "b"}, {name: "c"}}, ErrLimit},
		{"a list that is too long", Limits{Entries: 1000, IndexBytes: 1000}, slices.Repeat([]rawHead{{name: strings.Repeat("n", 90)}}, 900), ErrLimit},
		{"a long header", Limits{}, []rawHead{{kind: 'x', content: paxRecordOf("comment", strings.Repeat("c", maxTarSpecial))}, {name: "b"}}, ErrLimit},
		{"a long name", Limits{}, []rawHead{{kind: 'L', size: "77777777777"}, {name: "b"}}, ErrLimit},
		{"headers of headers", Limits{}, slices.Repeat([]rawHead{{kind: 'x', content: paxRecordOf("comment", "c")}}, 200), ErrCorrupt},
		{"too many pieces", Limits{}, many, ErrLimit},
		{"pieces out of order", Limits{}, sparse(version("0", "1"), paxRecordOf("GNU.sparse.map", "5,1,0,1")), ErrCorrupt},
		{"a wrong checksum", Limits{}, []rawHead{{name: "b", wrong: true}}, ErrCorrupt},
		{"a size of no digits", Limits{}, []rawHead{{name: "b", size: "9x"}}, ErrCorrupt},
		{"a negative size", Limits{}, []rawHead{{name: "b", size: "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"}}, ErrCorrupt},
		{"a size beyond the end", Limits{}, []rawHead{{name: "b", size: "77777777777"}}, ErrCorrupt},
		{"an extended header that is none", Limits{}, []rawHead{{kind: 'x', content: "hello"}, {name: "b"}}, ErrCorrupt},
	} {
		t.Run(c.about, func(t *testing.T) {
			l := library(t, Config{Limits: c.limits})
			p := newSource("a.tar", rawTar(append([]rawHead{good}, c.heads...)...)).place()
			var err error
			first := ""
			for m, e := range l.Members(t.Context(), p) {
				if err = e; err == nil && first == "" {
					first = m.Name()
				}
			}
			if !errors.Is(err, c.want) || first != "a" {
				t.Errorf("%v, want %v; the first is %q", err, c.want, first)
			}
			if b, err := read(t, l, p, "a"); err != nil || string(b) != "x" {
				t.Errorf("the one before: %q, %v", b, err)
			}
		})
	}
	p := newSource("a.tar", rawTar(append([]rawHead{good}, sparse(version("2", "0"))...)...)).place()
	_, err := read(t, library(t, Config{}), p, "it")
	wantErr(t, "a map that nobody knows", err, ErrMethod)
}

// TestTarBomb: a packed tar that becomes very much is refused before it has.
func TestTarBomb(t *testing.T) {
	begun := time.Now()
	var b bytes.Buffer
	w, err := zstd.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	const size = 1 << 30
	head := rawTar(rawHead{name: "zeros", size: fmt.Sprintf("%011o", size)})
	w.Write(head[:tarBlock])
	zeros := make([]byte, 1<<20)
	for range size >> 20 {
		w.Write(zeros)
	}
	w.Write(rawTar(rawHead{name: "behind", content: "x"}))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	l := library(t, Config{})
	p := newSource("a.tar.zst", b.Bytes()).place()
	_, err = read(t, l, p, "behind")
	wantErr(t, "behind", err, ErrLimit)
	m, _, err := l.Lookup(t.Context(), p, "zeros")
	if err != nil {
		t.Fatal(err)
	}
	r, err := m.Open(t.Context())
	if err != nil {
		wantErr(t, "zeros", err, ErrLimit)
	} else {
		n, err := io.Copy(io.Discard, r)
		if wantErr(t, "zeros", err, ErrLimit); n > 2*harmless {
			t.Errorf("%d bytes came", n)
		}
		r.Close()
	}
	if took := time.Since(begun); took > 30*time.Second {
		t.Errorf("it took %v", took)
	}
}

// TestNestedFormats: each may be in any other.
func TestNestedFormats(t *testing.T) {
	tarred := rawTar(rawHead{name: "d/x.txt", content: "inside"})
	zipped := rawZip(false, rawMember{name: "in.tar", content: string(tarred), method: zipDeflate, packed: deflate(t, string(tarred))})
	outer := through(t, string(rawTar(rawHead{name: "caf\x82.zip", content: string(zipped)})), func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil })
	l := library(t, Config{})
	p := newSource("a.tgz", outer).place()
	for _, step := range []string{"caf\x82.zip/in.tar/d/x.txt", "in.tar/d/x.txt"} {
		m, rest, err := l.Lookup(t.Context(), p, step)
		if _, want, _ := strings.Cut(step, "/"); err != nil || rest != want {
			t.Fatalf("%q: rest %q, %v", step, rest, err)
		}
		p = m.Place()
	}
	if b, err := read(t, l, p, "d/x.txt"); err != nil || string(b) != "inside" {
		t.Errorf("%q, %v", b, err)
	}
	if got := names(t, l, p); len(got) != 1 || p.File.Path() != "a.tgz/café.zip/in.tar" {
		t.Errorf("%s has %q", p.File.Path(), got)
	}
}

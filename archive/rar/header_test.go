package rar

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/zeronetscript/universal_p2p/archive/rar/rartest"
)

// sealed5raw makes a header of RAR 5 of anything.
func sealed5raw(body []byte) []byte {
	b := append(binary.AppendUvarint(nil, uint64(len(body))), body...)
	return append(binary.LittleEndian.AppendUint32(nil, checksum(b)), b...)
}

func start5() []byte { return archiveStart(5) }
func start4() []byte { return archiveStart(4) }

// What is impossible in headers is found, and nothing else happens.
func TestHostileHeaders(t *testing.T) {
	huge := binary.AppendUvarint(nil, math.MaxUint64)
	overlong := bytes.Repeat([]byte{0x80}, 11)
	for name, c := range map[string]struct {
		archive []byte
		want    error
	}{
		"no main header":            {append([]byte("Rar!\x1a\x07\x01\x00"), header5(end5, 0, 0)...), ErrCorrupt},
		"two main headers":          {append(start5(), header5(main5, 0, 0)...), ErrCorrupt},
		"only a signature":          {[]byte("Rar!\x1a\x07\x01\x00"), ErrCorrupt},
		"RAR of the future":         {[]byte("Rar!\x1a\x07\x02\x00 and what follows"), ErrFormat},
		"a size of 11 bytes":        {append(start5(), append([]byte{1, 2, 3, 4}, overlong...)...), ErrCorrupt},
		"a size of 2 GiB":           {append(start5(), append([]byte{1, 2, 3, 4}, binary.AppendUvarint(nil, 2<<30)...)...), ErrCorrupt},
		"a size of 64 bits":         {append(start5(), append([]byte{1, 2, 3, 4}, huge...)...), ErrCorrupt},
		"a size of 0":               {append(start5(), make([]byte, 64)...), ErrCorrupt},
		"header behind the end":     {append(start5(), append([]byte{1, 2, 3, 4}, binary.AppendUvarint(nil, 1<<20)...)...), ErrCorrupt},
		"data of 64 bits":           {append(start5(), sealed5raw(append([]byte{file5, hasData5}, huge...))...), ErrCorrupt},
		"data behind the end":       {append(start5(), header5(file5, 1<<40, 0, 1<<40, 0, 0, 1, 1, 'm')...), ErrCorrupt},
		"service behind the end":    {append(start5(), header5(service5, 1<<40, 0, 1<<40, 0, 0, 1, 1, 'm')...), ErrCorrupt},
		"extra larger than all":     {append(start5(), sealed5raw([]byte{file5, hasExtra5, 100, 0, 0, 0, 0, 0, 0})...), ErrCorrupt},
		"extra of 64 bits":          {append(start5(), sealed5raw(append([]byte{file5, hasExtra5}, huge...))...), ErrCorrupt},
		"a name longer than all":    {append(start5(), header5(file5, 0, 0, 0, 0, 0, 1, 100, 'm')...), ErrCorrupt},
		"a header without fields":   {append(start5(), header5(file5, 0)...), ErrCorrupt},
		"begins inside":             {append(start5(), sealed5raw([]byte{file5, before5, 0, 0, 0, 0, 1, 1, 'm'})...), ErrCorrupt},
		"goes on in one volume":     {append(start5(), sealed5raw([]byte{file5, after5, 0, 0, 0, 0, 1, 1, 'm'})...), ErrVolume},
		"RAR 4: no size":            {append(start4(), make([]byte, 64)...), ErrCorrupt},
		"RAR 4: no main header":     {append([]byte("Rar!\x1a\x07\x00"), header4(end4, 0, nil)...), ErrCorrupt},
		"RAR 4: two main headers":   {append(start4(), header4(main4, 0, make([]byte, 6))...), ErrCorrupt},
		"RAR 4: cut off":            {append(start4(), header4(file4, hasData4, make([]byte, 8))...), ErrCorrupt},
		"RAR 4: data behind":        {append(start4(), fileHeader4(&Coding{Dictionary: 64 << 10}, 10, 1<<50, false)...), ErrCorrupt},
		"RAR 4: other blocks":       {append(start4(), header4(0x77, hasData4, []byte{0xff, 0xff, 0xff, 0xff})...), ErrCorrupt},
		"RAR 4: other without size": {append(start4(), header4(0x77, hasData4, []byte{1})...), ErrCorrupt},
		"RAR 4: a name behind":      {append(start4(), header4(file4, hasData4, append(make([]byte, 19), 0xff, 0xff, 0, 0, 0, 0))...), ErrCorrupt},
	} {
		entries, _, err := list(one(c.archive), "a.rar", Limits{})
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %d entries, %v, want %v", name, len(entries), err, c.want)
		}
		for _, e := range entries {
			if !e.Truncated {
				t.Errorf("%s: %+v", name, e)
			}
		}
	}
}

// A change of any bit of a header is seen.
func TestChecksums(t *testing.T) {
	for _, o := range []rartest.Options{{Format: 4}, {Format: 5}} {
		b := made(t, o, rartest.File{Name: "name", Data: []byte("content")})[0].Bytes()
		at := bytes.Index(b, []byte("content"))
		for i := len(signature) + 2; i < len(b); i++ {
			if i >= at && i < at+len("content") {
				continue
			}
			for bit := range 8 {
				b[i] ^= 1 << bit
				old := o.Format == 4 && b[i] >= comment4 && b[i] <= sign4 // whose checksums mean nothing
				if entries, _, err := list(one(b), "a.rar", Limits{}); err == nil && !old {
					t.Errorf("RAR %d: bit %d of byte %d: %d entries and no error", o.Format, bit, i, len(entries))
				}
				b[i] ^= 1 << bit
			}
		}
	}
}

func TestVint(t *testing.T) {
	for _, c := range []struct {
		in   string
		want uint64
		left int
		bad  bool
	}{
		{"\x00", 0, 0, false},
		{"\x7f", 127, 0, false},
		{"\x80\x01z", 128, 1, false},
		{"\x85\x80\x00", 5, 0, false},
		{"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", math.MaxUint64, 0, false},
		{"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 0, 0, true},
		{"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00", 0, 0, true},
		{"\x80", 0, 0, true},
		{"", 0, 0, true},
	} {
		cur := cursor{b: []byte(c.in)}
		if got := cur.vint(); got != c.want || len(cur.b) != c.left || cur.bad != c.bad {
			t.Errorf("%x: %d, %d bytes left, bad %v", c.in, got, len(cur.b), cur.bad)
		}
	}
}

func TestNames4(t *testing.T) {
	for _, c := range []struct {
		raw   string
		flags uint16
		want  Entry
	}{
		{"a\\b", 0, Entry{Name: "a\\b", Backslash: true}},
		{"\x95\x5c", 0, Entry{Name: "\x95\x5c", Backslash: true}}, // one character of Shift-JIS, with a '\' as its second byte
		{"ä\\b", unicode4, Entry{Name: "ä/b", UTF8: true}},
		{"_b\x00\x00\xa0\xe4\x00b\x00", unicode4, Entry{Name: "äb", UTF8: true}},
		{"a;7", version4, Entry{Name: "a", Version: 7, Backslash: true}},
		{"a;x", version4, Entry{Name: "a;x", Backslash: true}},
		{"a;7", 0, Entry{Name: "a;7", Backslash: true}},
		{"ab\x00\x00\xc0\x02", unicode4, Entry{Name: "ab", UTF8: true}}, // as in the plain name
		{"a\x00", unicode4, Entry{Name: "", UTF8: true}},
		{"a\x00\x05\xff\x80\xff\xff\xff\xff\xff\xff\xff", unicode4, Entry{Name: "\u0560", UTF8: true}}, // a run behind the plain name
	} {
		e := Entry{Backslash: true}
		e.name4([]byte(c.raw), c.flags)
		if e.Name != c.want.Name || e.UTF8 != c.want.UTF8 || e.Backslash != c.want.Backslash || e.Version != c.want.Version {
			t.Errorf("%q: %q utf8 %v backslash %v version %d", c.raw, e.Name, e.UTF8, e.Backslash, e.Version)
		}
	}
	long := unicodeName([]byte("a"), bytes.Repeat([]byte{0xff, 0x7f, 0x7f, 0x7f, 0x7f}, 10_000))
	if len(long) > 3*(maxNameBytes+200) {
		t.Errorf("a name of %d bytes", len(long))
	}
}

func TestTimes(t *testing.T) {
	if got := dosTime(0); !got.IsZero() {
		t.Error(got)
	}
	if got, want := dosTime(0x5862_5b1c), time.Date(2024, 3, 2, 11, 24, 56, 0, time.UTC); !got.Equal(want) {
		t.Errorf("%v, want %v", got, want)
	}
	if got, want := fileTime(133_000_000_000_000_000), time.Date(2022, 6, 18, 4, 26, 40, 0, time.UTC); !got.Equal(want) {
		t.Errorf("%v, want %v", got, want)
	}
	if got := fileTime(math.MaxUint64); !got.IsZero() {
		t.Error(got)
	}
}

// A header may be as long as its format allows, and no longer.
func TestLongHeaders(t *testing.T) {
	name := strings.Repeat("n", 60_000)
	for _, format := range []int{4, 5} {
		f := inMemory(made(t, rartest.Options{Name: "a", Format: format}, rartest.File{Name: name, Data: []byte("x")}, rartest.File{Name: "b"}))
		entries, w, err := list(f, "a.rar", Limits{})
		if err != nil || len(entries) != 2 || entries[0].Name != name {
			t.Fatalf("RAR %d: %d entries, %v", format, len(entries), err)
		}
		if b, err := stored(w, entries[0]); err != nil || string(b) != "x" {
			t.Errorf("RAR %d: %q, %v", format, b, err)
		}
	}
	b := append(start5(), sealed5raw(make([]byte, maxHeader5+1))...)
	if _, _, err := list(one(b), "a.rar", Limits{}); !errors.Is(err, ErrCorrupt) {
		t.Error(err)
	}
}

package rar

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"
)

// a run of the fixture that is solid.
func solid(t *testing.T, name string) (*files, *runOf) {
	t.Helper()
	f := inFolder(t, libarchive)
	entries, w, err := list(f, name, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return f, run(w, entries, 0)
}

// A run may grow while it is unpacked.
func TestRunGrows(t *testing.T) {
	_, r := solid(t, "test_read_format_rar5_solid.rar")
	grown := &runOf{w: r.w}
	u := NewUnpacker(context.Background(), grown, 0)
	for i, e := range r.entries {
		for range 2 {
			if _, err := u.Next(); err != io.EOF {
				t.Fatalf("before entry %d: %v", i, err)
			}
		}
		if n, err := u.Read(make([]byte, 10)); err != io.EOF {
			t.Errorf("behind entry %d: %d, %v", i, n, err)
		}
		grown.entries = append(grown.entries, e)
		if j, err := u.Next(); j != i || err != nil {
			t.Fatalf("entry %d: %d, %v", i, j, err)
		}
		b, err := io.ReadAll(u)
		if err == nil {
			err = check(e, b)
		}
		if err != nil {
			t.Error(err)
		}
	}
}

// Members that are passed over do not change those behind them.
func TestRunSkips(t *testing.T) {
	_, r := solid(t, "test_read_format_rar5_multiarchive_solid.part01.rar")
	for read := range r.entries {
		u := NewUnpacker(context.Background(), r, 0)
		for i, e := range r.entries[:read+1] {
			if _, err := u.Next(); err != nil {
				t.Fatal(err)
			}
			var b []byte
			var err error
			switch {
			case i == read:
				b, err = io.ReadAll(u)
				if err == nil {
					err = check(e, b)
				}
			case i%2 == 0:
				_, err = u.Read(make([]byte, 7))
			}
			if err != nil {
				t.Errorf("entry %d: %v", i, err)
			}
		}
	}
}

func TestUnpackCancelled(t *testing.T) {
	_, r := solid(t, "test_read_format_rar5_multiarchive_solid.part01.rar")
	ctx, cancel := context.WithCancel(context.Background())
	u := NewUnpacker(ctx, r, 0)
	for range 9 {
		if _, err := u.Next(); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := u.Read(make([]byte, 100)); n == 0 || err != nil {
		t.Fatal(n, err)
	}
	cancel()
	if n, err := u.Read(make([]byte, 100)); n != 0 || !errors.Is(err, context.Canceled) || errors.Is(err, ErrCorrupt) {
		t.Errorf("%d, %v", n, err)
	}
	if _, err := u.Next(); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// What a volume fails with is not damage.
func TestUnpackSourceFails(t *testing.T) {
	f, r := solid(t, "test_read_format_rar5_multiarchive_solid.part01.rar")
	u := NewUnpacker(context.Background(), r, 0)
	for range 9 {
		if _, err := u.Next(); err != nil {
			t.Fatal(err)
		}
	}
	f.fail(errSource)
	if _, err := io.Copy(io.Discard, u); !errors.Is(err, errSource) || errors.Is(err, ErrCorrupt) {
		t.Error(err)
	}
}

func TestUnpackErrors(t *testing.T) {
	for name, c := range map[string]struct {
		change func(m *Member)
		want   error
	}{
		"unknown algorithm":  {func(m *Member) { m.Algorithm = 1007 }, ErrMethod},
		"unknown method":     {func(m *Member) { m.Method = 6 }, ErrMethod},
		"RAR 1.5":            {func(m *Member) { m.Format, m.Algorithm = 4, 15 }, ErrMethod},
		"large window":       {func(m *Member) { m.Dictionary, m.Size, m.Extents[0].Len = 4<<30, 4<<30, 1<<20 }, ErrLimit},
		"behind the volume":  {func(m *Member) { m.Extents[0].Off = 1 << 40 }, ErrCorrupt},
		"before the volume":  {func(m *Member) { m.Extents[0].Off = -1 }, ErrCorrupt},
		"longer than it is":  {func(m *Member) { m.Size += 5 }, ErrCorrupt},
		"cut off":            {func(m *Member) { m.Extents[0].Len /= 2 }, ErrCorrupt},
		"without packed":     {func(m *Member) { m.Extents = nil }, ErrCorrupt},
		"of the other kind":  {func(m *Member) { m.Format, m.Algorithm = 4, 29 }, ErrCorrupt},
		"of RAR 2":           {func(m *Member) { m.Format, m.Algorithm = 4, 20 }, ErrCorrupt},
		"somewhere else":     {func(m *Member) { m.Extents[0].Off += 3 }, ErrCorrupt},
		"a header elsewhere": {func(m *Member) { m.quick = []place{{0, 20, 50, 77}} }, ErrCorrupt},
	} {
		t.Run(name, func(t *testing.T) {
			_, r := solid(t, "test_read_format_rar5_solid.rar")
			m, _ := r.Member(0)
			m.Extents = append([]Extent(nil), m.Extents...)
			c.change(&m)
			u := NewUnpacker(context.Background(), oneMember{r, m}, 0)
			_, err := u.Next()
			if err == nil {
				_, err = io.Copy(io.Discard, u)
			}
			if !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
}

// oneMember is a run of one.
type oneMember struct {
	*runOf
	m Member
}

func (r oneMember) Member(i int) (Member, bool) { return r.m, i == 0 }

// A member that ends too early is not the end of those behind it.
func TestShortMember(t *testing.T) {
	_, r := solid(t, "test_read_format_rar5_solid.rar")
	first := *r.entries[0]
	first.Size += 9
	r.entries[0] = &first
	u := NewUnpacker(context.Background(), r, 0)
	if _, err := u.Next(); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(u); !errors.Is(err, ErrCorrupt) || int64(len(b)) != first.Size-9 {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	if _, err := u.Next(); err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(u)
	if err == nil {
		err = check(r.entries[1], b)
	}
	if err != nil {
		t.Error(err)
	}
}

// Of RAR 4, too.
func TestShortMember4(t *testing.T) {
	_, r := solid(t, "test_read_format_rar_compress_best.rar")
	m, _ := r.Member(0)
	m.Size += 9
	u := NewUnpacker(context.Background(), oneMember{r, m}, 0)
	if _, err := u.Next(); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(u); !errors.Is(err, ErrCorrupt) || int64(len(b)) != m.Size-9 {
		t.Errorf("%d bytes, %v", len(b), err)
	}
}

// The window is as small as the run allows, and grows with it.
func TestWindow(t *testing.T) {
	member := func(format int, dictionary, size, packed int64) *Member {
		return &Member{size, Coding{Format: format, Dictionary: dictionary, Extents: []Extent{{0, 0, packed}}}}
	}
	for _, c := range []struct {
		members []*Member
		want    []int64
	}{
		{[]*Member{member(5, 32<<20, 1000, 900)}, []int64{256 << 10}},
		{[]*Member{member(5, 32<<20, 1<<30, 1<<29)}, []int64{32 << 20}},
		{[]*Member{member(5, 32<<20, 1<<30, 100)}, []int64{8 << 20}}, // 100 bytes cannot become a GiB
		{[]*Member{member(5, 32<<20, -1, 1<<29)}, []int64{32 << 20}},
		{[]*Member{member(5, 33<<20, -1, 1<<29)}, []int64{64 << 20}},
		{[]*Member{member(5, 4<<30, 1<<20, 1<<19), member(5, 4<<30, 3<<20, 1<<19), member(5, 4<<30, 1, 1)}, []int64{2 << 20, 8 << 20, 8 << 20}},
		{[]*Member{member(5, 128<<10, 1<<30, 1<<29)}, []int64{256 << 10}},
		{[]*Member{member(5, 1<<36, 1<<60, 1<<60), member(5, 1<<36, 1<<60, 1<<60)}, []int64{1 << 36, 1 << 36}},
		{[]*Member{member(4, 4<<20, 10, 10), member(4, 1<<20, 10, 10)}, []int64{4 << 20, 4 << 20}},
	} {
		u := NewUnpacker(context.Background(), nil, 0)
		for i, m := range c.members {
			if got := u.window(m); got != c.want[i] {
				t.Errorf("%+v: %d, want %d", m, got, c.want[i])
			}
		}
	}
}

// A decoder that panics has damaged its own archive only.
func TestPanic(t *testing.T) {
	_, r := solid(t, "test_read_format_rar5_solid.rar")
	u := NewUnpacker(context.Background(), panics{r}, 0)
	if _, err := u.Next(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := u.Read(make([]byte, 9)); !errors.Is(err, ErrCorrupt) {
			t.Error(err)
		}
	}
}

// panics is a run whose volumes panic, as a decoder might.
type panics struct{ *runOf }

func (panics) Volume(int) (Volume, error) {
	return panicVolume{bytes.NewReader(make([]byte, 1<<20))}, nil
}

type panicVolume struct{ Volume }

func (panicVolume) ReadAt([]byte, int64) (int, error) { panic("index out of range") }

// What is kept of a member is enough to read it later.
func TestCoding(t *testing.T) {
	f := inFolder(t, libarchive)
	entries, w, err := list(f, "test_read_format_rar5_multiarchive_solid.part01.rar", Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		e.quick = []place{{1, 2, 3, 1<<32 - 1}}
		b, err := e.Coding.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		var c Coding
		if err := c.UnmarshalBinary(b); err != nil || fmt.Sprint(c) != fmt.Sprint(e.Coding) {
			t.Errorf("%+v became %+v, %v", e.Coding, c, err)
		}
		for i := range b {
			if err := new(Coding).UnmarshalBinary(b[:i]); err == nil {
				t.Errorf("%d bytes of %d are a coding", i, len(b))
			}
		}
		c.quick = nil
		e.Coding = c
	}
	if _, errs := contents(w, entries); len(errs) > 0 {
		t.Error(errs)
	}
}

// A packed4 is a run of one member of RAR 4, in memory.
type packed4 struct{ data []byte }

func (o packed4) Member(i int) (Member, bool) {
	n := int64(len(o.data))
	return Member{Size: 1 << 20, Coding: Coding{
		Format: 4, Algorithm: 29, Method: 5, Dictionary: 1 << 20, Extents: []Extent{{0, 0, 1}, {0, 1, n - 1}},
	}}, i == 0
}

func (o packed4) Volume(int) (Volume, error) { return bytes.NewReader(o.data), nil }

// The model of PPMd may be as large as a tool makes it, and no larger, however its header is cut up.
func TestUnpackModel(t *testing.T) {
	for mib, want := range map[int]error{1: ErrCorrupt, 128: ErrCorrupt, 129: ErrLimit, 256: ErrLimit} {
		packed := append([]byte{0xa5, byte(mib - 1)}, make([]byte, 3)...)
		u := NewUnpacker(t.Context(), packed4{packed}, 0)
		_, err := u.Next()
		if err == nil {
			_, err = io.Copy(io.Discard, onlyReader{u})
		}
		if !errors.Is(err, want) {
			t.Errorf("%d MiB: %v, want %v", mib, err, want)
		}
	}
}

// lzThen is a block of algorithm 29 that holds nothing and ends, and a block of PPMd behind it with a model of that size.
func lzThen(mib int) []byte {
	var bits strings.Builder
	put := func(v, n int) { fmt.Fprintf(&bits, "%0*b", n, v) }
	put(0, 2) // no PPMd, no old table
	for i := range 20 {
		put(map[int]int{1: 1, 19: 1}[i], 4) // codes of one bit: the length 1, and zeros
	}
	zeros := func(n int) { put(1, 1); put(n-11, 7) }
	zeros(138)
	zeros(118)
	put(0, 1) // 256, which ends a block, is the only symbol
	zeros(138)
	zeros(11)
	put(0, 1) // it
	put(1, 1) // another block comes
	for bits.Len()%8 != 0 {
		put(0, 1)
	}
	var b []byte
	for s := bits.String(); s != ""; s = s[8:] {
		v, _ := strconv.ParseUint(s[:8], 2, 8)
		b = append(b, byte(v))
	}
	b = append(b, 0xa5, byte(mib-1))
	return append(b, bytes.Repeat([]byte("what a model makes of this is noise"), 3000)...)
}

// A model that grows in the middle of a run is refused like one at its start, and what the decoder has made of it is given back.
func TestUnpackModelLater(t *testing.T) {
	for mib, tooLarge := range map[int]bool{1: false, 100: false, 128: false, 129: true, 256: true} {
		u := NewUnpacker(t.Context(), packed4{lzThen(mib)}, 0)
		if _, err := u.Next(); err != nil {
			t.Fatal(err)
		}
		_, err := io.Copy(io.Discard, onlyReader{u})
		if errors.Is(err, ErrLimit) != tooLarge || tooLarge && u.dec != nil {
			t.Errorf("%d MiB: %v", mib, err)
		}
	}
}

// The size of a model is seen where the decoder keeps it.
func TestModelSize(t *testing.T) {
	u := NewUnpacker(t.Context(), packed4{lzThen(48)}, 0)
	if _, err := u.Next(); err != nil {
		t.Fatal(err)
	}
	if n := modelSize(u.dec); n != 0 {
		t.Errorf("a model of %d bytes before the first byte", n)
	}
	u.dec.Read(make([]byte, 10))
	if n := modelSize(u.dec); n < 64<<20 || n > 65<<20 {
		t.Errorf("a model of %d bytes, want 64 MiB", n)
	}
}

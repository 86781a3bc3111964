package rar

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"

	"github.com/zeronetscript/universal_p2p/archive/rar/rartest"
)

// A told is what a quick-open record tells of one header.
type told struct {
	off int64 // of the header
	raw []byte
}

// quickRecord makes a record that lies at the place at.
func quickRecord(at int64, list ...told) []byte {
	var data []byte
	for _, e := range list {
		item := binary.AppendUvarint([]byte{0}, uint64(at-e.off))
		item = append(binary.AppendUvarint(item, uint64(len(e.raw))), e.raw...)
		data = append(data, sealed5raw(item)...)
	}
	return data
}

// withQuick makes an archive of blocks whose quick-open record tells what tell says, given where the blocks are.
func withQuick(blocks [][]byte, tell func(offs []int64) []told) []byte {
	main := func(at int64) []byte {
		body := []byte{main5, hasExtra5, 7, 0, 6, locator5, 1}
		for i := range 4 {
			body = append(body, byte(at>>(7*i)&0x7f)|0x80)
		}
		body[len(body)-1] &^= 0x80
		return sealed5raw(body)
	}
	b := []byte("Rar!\x1a\x07\x01\x00")
	start := int64(len(b))
	b = append(b, main(0)...)
	var offs []int64
	for _, block := range blocks {
		offs = append(offs, int64(len(b)))
		b = append(b, block...)
	}
	at := int64(len(b))
	copy(b[start:], main(at-start))
	data := quickRecord(at, tell(offs)...)
	b = append(b, header5(service5, int64(len(data)), 0, uint64(len(data)), 0, 0, 1, 2, 'Q', 'O')...)
	b = append(b, data...)
	return append(b, header5(end5, 0, 0)...)
}

// fileOf is a stored file, with a header and content.
func fileOf(name byte, content []byte) (header, all []byte) {
	header = header5(file5, int64(len(content)), 0, uint64(len(content)), 0, 0, 1, 1, uint64(name))
	return header, append(bytes.Clone(header), content...)
}

// What a quick-open record tells is used, and looked at before it is believed.
func TestQuickLies(t *testing.T) {
	headA, a := fileOf('a', noise(1, 40_000))
	headB, b := fileOf('b', noise(2, 40_000))
	headC, c := fileOf('c', noise(3, 40_000))
	lie, _ := fileOf('l', noise(4, 40_000))
	longer := header5(file5, 40_000+int64(len(b)), 0, 40_000, 0, 0, 1, 1, 'a')
	blocks := [][]byte{a, b, c}
	for name, test := range map[string]struct {
		tell func(offs []int64) []told
		want string // names as they are listed
		bad  string // those that are not there
	}{
		"truth":      {func(o []int64) []told { return []told{{o[0], headA}, {o[1], headB}, {o[2], headC}} }, "abc", ""},
		"a part":     {func(o []int64) []told { return []told{{o[1], headB}} }, "abc", ""},
		"nothing":    {func(o []int64) []told { return nil }, "abc", ""},
		"a lie":      {func(o []int64) []told { return []told{{o[1], lie}} }, "alc", "l"},
		"a gap":      {func(o []int64) []told { return []told{{o[1], longer}} }, "aa", "a"}, // and c is no more
		"elsewhere":  {func(o []int64) []told { return []told{{o[1] + 1, lie}, {o[2] - 1, lie}} }, "abc", ""},
		"before all": {func(o []int64) []told { return []told{{0, lie}, {8, lie}, {-5, lie}} }, "abc", ""},
		"behind it":  {func(o []int64) []told { return []told{{o[2] + 1<<40, lie}} }, "abc", ""},
		"twice":      {func(o []int64) []told { return []told{{o[1], headB}, {o[1], headB}} }, "abc", ""},
		"no header":  {func(o []int64) []told { return []told{{o[1], []byte("not even that long")}} }, "abc", ""},
		"short":      {func(o []int64) []told { return []told{{o[1], headB[:5]}, {o[1], nil}} }, "abc", ""},
		"the end":    {func(o []int64) []told { return []told{{o[1], header5(end5, 0, 0)}} }, "a", ""},
		"a main":     {func(o []int64) []told { return []told{{o[1], header5(main5, 0, 0)}} }, "a", ""},
		"wrong sum":  {func(o []int64) []told { return []told{{o[1], append([]byte{1}, headB[1:]...)}} }, "abc", ""},
		"of a volume": {func(o []int64) []told {
			return []told{{o[1], sealed5raw([]byte{file5, before5, 0, 0, 0, 0, 1, 1, 'm'})}}
		}, "a", ""},
	} {
		t.Run(name, func(t *testing.T) {
			entries, w, err := list(one(withQuick(blocks, test.tell)), "a.rar", Limits{})
			names := ""
			for _, e := range entries {
				names += e.Name
				_, err := stored(w, e)
				if bad := bytes.Contains([]byte(test.bad), []byte(e.Name)) && (e.Name != "a" || e.Index > 0); bad != errors.Is(err, ErrCorrupt) {
					t.Errorf("%s: %v", e.Name, err)
				}
			}
			if names != test.want || err != nil && !errors.Is(err, ErrCorrupt) {
				t.Errorf("%q, %v", names, err)
			}
		})
	}
}

// A locator that leads nowhere is no error.
func TestLocator(t *testing.T) {
	for _, at := range []int64{1, 13, 20, 1000, 50_000, 1 << 27} {
		b := made(t, rartest.Options{Quick: true}, members()...)[0].Bytes()
		raw := b[8:]
		n, _ := rar5{}.size(raw[:prefix])
		for i := range 5 {
			raw[n-5+i] = byte(at>>(7*i)&0x7f) | 0x80
		}
		raw[n-1] &^= 0x80
		binary.LittleEndian.PutUint32(raw, checksum(raw[4:n]))
		entries, w, err := list(one(b), "a.rar", Limits{})
		if err != nil {
			t.Fatalf("at %d: %v", at, err)
		}
		checkMembers(t, w, entries, members())
	}
}

// A record that is larger than the limit is not read.
func TestQuickLimit(t *testing.T) {
	var list []rartest.File
	for i := range 300 {
		list = append(list, rartest.File{Name: fmt.Sprint("name ", i), Data: noise(1, 20_000)})
	}
	f := inMemory(made(t, rartest.Options{Name: "a", Quick: true}, list...))
	w, err := Open(t.Context(), f, "a.rar", Limits{HeaderBytes: 5_000})
	if err != nil {
		t.Fatal(err)
	}
	for {
		e, err := w.Next()
		if errors.Is(err, ErrLimit) {
			break
		}
		if err != nil || e.quick != nil {
			t.Fatalf("%+v, %v", e, err)
		}
	}
}

package archive

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os/exec"
	"testing"
	"unicode/utf16"
)

// sevenzHeader describes members that lie stored one behind the other, in one folder
// (https://www.7-zip.org/sdk.html, DOC/7zFormat.txt).
func sevenzHeader(names []string, sizes []int64) []byte {
	var b []byte
	number := func(v int64) { b = binary.LittleEndian.AppendUint64(append(b, 0xff), uint64(v)) }
	total := int64(0)
	for _, n := range sizes {
		total += n
	}
	b = append(b, 1, 4, 6)
	number(0) // where packed bytes begin
	b = append(b, 1, 9)
	number(total)
	b = append(b, 0, 7, 11, 1, 0, 1, 1, 0, 12) // one folder of one coder, which copies
	number(total)
	b = append(b, 0, 8, 13)
	number(int64(len(sizes)))
	b = append(b, 9)
	for _, n := range sizes[:len(sizes)-1] {
		number(n)
	}
	b = append(b, 0, 0, 5)
	number(int64(len(names)))
	text := []byte{0}
	for _, name := range names {
		for _, c := range utf16.Encode([]rune(name + "\x00")) {
			text = binary.LittleEndian.AppendUint16(text, c)
		}
	}
	b = append(b, 17)
	number(int64(len(text)))
	return append(append(b, text...), 0, 0)
}

// sevenzStart is the first 32 bytes of an archive with that header behind so many packed bytes.
func sevenzStart(header []byte, packed int64) []byte {
	le := binary.LittleEndian
	next := le.AppendUint64(nil, uint64(packed))
	next = le.AppendUint64(next, uint64(len(header)))
	next = le.AppendUint32(next, crc32.ChecksumIEEE(header))
	b := append([]byte("7z\xbc\xaf\x27\x1c\x00\x04"), le.AppendUint32(nil, crc32.ChecksumIEEE(next))...)
	return append(b, next...)
}

// bigSevenz returns a 7z of about 1 GiB, stored.
func bigSevenz() *virtual {
	unit := bigUnit()
	var names []string
	var sizes []int64
	body := new(virtual)
	for i := range bigMembers {
		names, sizes = append(names, bigName(i)), append(sizes, int64(len(unit)*bigTimes(i)))
		body.add(unit, bigTimes(i))
	}
	header := sevenzHeader(names, sizes)
	v := new(virtual)
	v.add(sevenzStart(header, body.size), 1)
	for i := range bigMembers {
		v.add(unit, bigTimes(i))
	}
	v.add(header, 1)
	return v
}

func TestFiguresSevenz(t *testing.T) {
	unit := bigUnit()
	src, cache := bigSevenz().source("stored.7z"), newMemCache()
	l := library(t, Config{Cache: cache})
	if n := listAll(t, l, src.place()); n != bigMembers {
		t.Fatalf("%d members", n)
	}
	src.atMost(t, "list", 9_000+128<<10, 3)
	listAll(t, l, src.place())
	m := lookup(t, l, src.place(), bigName(bigMiddle))
	src.atMost(t, "list again, and look up", 0, 0)
	checkStored(t, src, m, unit)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	checkRestart(t, src, cache)
}

// A solid run is unpacked once, whichever of its members are read and in which order.
func TestFiguresSevenzSolid(t *testing.T) {
	files := map[string][]byte{}
	for i := range 12 {
		files[fmt.Sprintf("%02d.bin", i)] = noise(uint64(40+i), 400_000)
	}
	data := packed(t, inFolder(t, files), "7zz-solid.7z", "7zz", "a", "-bd", "-m0=lzma2", "-ms=on", "OUT", ".")
	src := newSource("solid.7z", data)
	l := library(t, Config{Cache: newMemCache()})
	listAll(t, l, src.place())
	src.atMost(t, "list", 128<<10, 3)
	for _, i := range []int{11, 3, 0, 7, 3, 5, 11, 1} {
		name := fmt.Sprintf("%02d.bin", i)
		if got, err := read(t, l, src.place(), name); err != nil || !bytes.Equal(got, files[name]) {
			t.Fatalf("%s: %d bytes, %v", name, len(got), err)
		}
	}
	src.atMost(t, "eight members, in any order", int64(len(data))*102/100, len(data)>>20+2)
}

func FuzzSevenz(f *testing.F) {
	body := []byte("hello, hello, hello")
	header := sevenzHeader([]string{"a.txt", "d/b"}, []int64{5, int64(len(body)) - 5})
	f.Add(append(append(sevenzStart(header, int64(len(body))), body...), header...))
	if _, err := exec.LookPath("7zz"); err == nil {
		dir := inFolder(f, smallFiles())
		for _, m := range []string{"-m0=copy", "-m0=lzma", "-m0=lzma2", "-m0=bzip2", "-m0=deflate", "-m0=ppmd", "-mf=bcj2"} {
			f.Add(packed(f, dir, "a.7z", "7zz", "a", "-bd", m, "OUT", "."))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) { exercise(t, "a.7z", data, true) })
}

package rar

import (
	"bytes"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
)

// rar4 reads the headers of RAR 1.5 to 4.x: technote.txt of these versions.
type rar4 struct{}

// Types and flags of blocks.
const (
	main4    = 0x73
	file4    = 0x74
	comment4 = 0x75 // this and the next four are older than RAR 3
	sign4    = 0x79
	service4 = 0x7a
	end4     = 0x7b

	hasData4 = 0x8000

	volume4  = 0x0001 // main: one of several
	remark4  = 0x0002 // main: a comment is in the header, behind the 13 bytes that count
	solids4  = 0x0008 // main: members are solid
	sealed4  = 0x0080 // main: what follows is encrypted
	first4   = 0x0100 // main: the first volume; RAR 3 and later say so
	naming4  = 0x0010 // main: volumes are .partN.rar
	before4  = 0x0001 // file
	after4   = 0x0002
	crypt4   = 0x0004
	remarks4 = 0x0008
	solid4   = 0x0010
	window4  = 0x00e0
	large4   = 0x0100
	unicode4 = 0x0200
	salt4    = 0x0400
	version4 = 0x0800
	times4   = 0x1000
	more4    = 0x0001 // end: another volume follows
)

// Systems that a member comes from.
const (
	hostDOS  = 0
	hostOS2  = 1
	hostWin  = 2
	hostUnix = 3
	hostBeOS = 5
)

func (rar4) size(p []byte) (int, error) {
	if n := int(p[5]) | int(p[6])<<8; n >= prefix {
		return n, nil
	}
	return 0, corrupt("a header of RAR 4 has no size")
}

func (rar4) parse(raw []byte) (*block, error) {
	c := cursor{b: raw}
	b := &block{head: len(raw), number: -1}
	sum, kind, flags := c.u16(), c.u8(), c.u16()
	b.sum = checksum(raw[2:])
	c.u16() // the size
	counted := len(raw)
	switch {
	case kind == main4:
		counted = b.main4(&c, flags, len(raw))
	case kind == file4 || kind == service4:
		b.file4(&c, flags, kind == service4)
		if flags&remarks4 != 0 {
			counted = len(raw) - len(c.b)
		}
	case kind == end4:
		b.kind, b.next = endBlock, flags&more4 != 0
	case kind >= comment4 && kind <= sign4: // their checksums mean something else in each version
		counted = 0
		fallthrough
	default:
		if flags&hasData4 != 0 {
			b.data = int64(c.u32())
		}
	}
	if c.bad {
		return nil, corrupt("a header of type %#x is cut off", kind)
	}
	if counted > 0 && uint16(checksum(raw[2:counted])) != sum {
		return nil, corrupt("a header has a wrong checksum")
	}
	return b, nil
}

// main4 returns how many bytes of the header its checksum is of.
func (b *block) main4(c *cursor, flags uint16, size int) int {
	b.kind, b.oldNames = mainBlock, flags&naming4 == 0
	c.take(6) // where signatures of authenticity are
	b.solid = flags&solids4 != 0
	if b.multi = flags&volume4 != 0; flags&first4 != 0 || !b.multi {
		b.number = 0
	}
	if flags&sealed4 != 0 {
		b.kind = sealedBlock
	}
	if flags&remark4 != 0 {
		return min(13, size)
	}
	return size
}

func (b *block) file4(c *cursor, flags uint16, service bool) {
	e := &b.entry
	e.Format, e.Backslash = 4, true
	b.before, b.after = flags&before4 != 0, flags&after4 != 0
	packed, size := uint64(c.u32()), uint64(c.u32())
	host := c.u8()
	e.CRC32, e.HasCRC = c.u32(), true
	e.ModTime = dosTime(c.u32())
	e.Algorithm, e.Method = int(c.u8()), int(c.u8())-0x30
	name, attr := uint64(c.u16()), c.u32()
	switch {
	case flags&large4 != 0:
		packed |= uint64(c.u32()) << 32
		size |= uint64(c.u32()) << 32
	case size == 1<<32-1:
		size = 1<<64 - 1
	}
	e.Size = clampSize(size)
	if b.data = int64(packed); packed > maxSize || e.Method < 0 {
		c.bad = true
	}
	e.name4(c.take(name), flags)
	if flags&salt4 != 0 {
		c.take(8)
	}
	if flags&times4 != 0 {
		c.times4(&e.ModTime)
	}
	e.Encrypted = flags&crypt4 != 0
	e.Solid = flags&solid4 != 0
	e.Dir = flags&window4 == window4
	if !e.Dir {
		e.Dictionary = 64 << 10 << (flags & window4 >> 5)
	}
	switch host {
	case hostDOS, hostOS2, hostWin:
		e.Label = attr&0x08 != 0
		e.Dir = e.Dir || e.Algorithm < 20 && attr&0x10 != 0
	case hostUnix, hostBeOS:
		if attr&0xf000 == 0xa000 { // where it goes is its content
			e.Link = Symlink
		}
	}
	if b.kind = fileBlock; service {
		b.kind, b.name = serviceBlock, e.Name
	}
}

// name4 decodes a name as far as that can be done without knowing its charset.
func (e *Entry) name4(raw []byte, flags uint16) {
	if flags&unicode4 != 0 {
		e.UTF8 = true
		if plain, coded, ok := bytes.Cut(raw, []byte{0}); ok {
			raw = []byte(unicodeName(plain, coded))
		}
		raw = bytes.ReplaceAll(raw, []byte{'\\'}, []byte{'/'})
		e.Backslash = false
	}
	e.Name = string(raw)
	if flags&version4 == 0 {
		return
	}
	if i := strings.LastIndexByte(e.Name, ';'); i > 0 { // no charset has it as the second half of a character
		if n, err := strconv.ParseUint(e.Name[i+1:], 10, 30); err == nil {
			e.Name, e.Version = e.Name[:i], int(n)
		}
	}
}

// unicodeName decodes a name in UTF-16, of which only that is stored which differs from the plain name in one byte a character.
// Two bits say of each character or run where it comes from.
func unicodeName(plain, coded []byte) string {
	c := cursor{b: coded}
	high := uint16(c.u8()) << 8
	var chars []uint16
	for flags, left := uint8(0), 0; len(c.b) > 0 && len(chars) < maxNameBytes; left -= 2 {
		if left == 0 {
			flags, left = c.u8(), 8
		}
		how := flags >> 6
		flags <<= 2
		switch how {
		case 0:
			chars = append(chars, uint16(c.u8()))
		case 1:
			chars = append(chars, uint16(c.u8())|high)
		case 2:
			chars = append(chars, c.u16())
		case 3:
			n := c.u8()
			add, page := uint8(0), uint16(0)
			if n&0x80 != 0 {
				add, page = c.u8(), high
			}
			rest := plain[min(len(chars), len(plain)):]
			for _, p := range rest[:min(int(n&0x7f)+2, len(rest))] {
				chars = append(chars, uint16(p+add)|page)
			}
		}
	}
	return string(utf16.Decode(chars))
}

// times4 makes the time of modification exact. The other times, which come behind it, are of no use here.
func (c *cursor) times4(t *time.Time) {
	bad := c.bad
	defer func() { c.bad = bad }() // what is cut off here is no loss
	flags := c.u16()
	for i := range 4 {
		how := flags >> (12 - 4*i)
		if how&8 == 0 {
			continue
		}
		if i > 0 {
			c.u32()
		}
		fine := uint32(0)
		for range how & 3 { // the highest byte is always there
			fine = fine>>8 | uint32(c.u8())<<16
		}
		if i == 0 && !t.IsZero() {
			*t = t.Add(time.Duration(fine) * 100)
			if how&4 != 0 {
				*t = t.Add(time.Second)
			}
		}
	}
}

// dosTime is a time of day in a place that nobody noted: it is taken for UTC.
func dosTime(v uint32) time.Time {
	if v == 0 {
		return time.Time{}
	}
	return time.Date(1980+int(v>>25), time.Month(v>>21&15), int(v>>16&31), int(v>>11&31), int(v>>5&63), int(v&31)*2, 0, time.UTC)
}

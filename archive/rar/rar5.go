package rar

import (
	"bytes"
	"iter"
	"time"
)

// rar5 reads the headers of RAR 5.0 and later: https://www.rarlab.com/technote.htm
type rar5 struct{}

// Types and flags of headers.
const (
	main5    = 1
	file5    = 2
	service5 = 3
	sealed5  = 4
	end5     = 5

	hasExtra5 = 0x01
	hasData5  = 0x02
	before5   = 0x08
	after5    = 0x10

	volume5 = 0x01 // main: one of several
	number5 = 0x02 // main: has its number
	solids5 = 0x04 // main: members are solid

	dir5     = 0x01 // file
	hasTime5 = 0x02
	hasCRC5  = 0x04
	noSize5  = 0x08

	more5 = 0x01 // end: another volume follows
)

// Records behind the fields of a header.
const (
	locator5 = 1 // main
	crypt5   = 1 // file
	hash5    = 2
	times5   = 3
	version5 = 4
	redir5   = 5

	maxHeader5 = 2 << 20
)

func (rar5) size(p []byte) (int, error) {
	c := cursor{b: p[4:]}
	n := c.vint()
	used := len(p) - 4 - len(c.b)
	if c.bad || n > maxHeader5 {
		return 0, corrupt("a header of RAR 5 has no size")
	}
	if total := 4 + used + int(n); total >= prefix {
		return total, nil
	}
	return 0, corrupt("a header of %d bytes", n)
}

func (rar5) parse(raw []byte) (*block, error) {
	c := cursor{b: raw}
	b := &block{head: len(raw), sum: c.u32(), number: -1}
	if checksum(c.b) != b.sum {
		return nil, corrupt("a header has a wrong checksum")
	}
	c.vint() // the size
	kind, flags := c.vint(), c.vint()
	n := uint64(0)
	if flags&hasExtra5 != 0 {
		n = c.vint()
	}
	if flags&hasData5 != 0 {
		b.data = c.size()
	}
	if c.bad || n > uint64(len(c.b)) {
		return nil, corrupt("a header of type %d has no room for its own fields", kind)
	}
	at := len(c.b) - int(n)
	extra := c.b[at:]
	c.b = c.b[:at:at]
	b.before, b.after = flags&before5 != 0, flags&after5 != 0
	switch kind {
	case main5:
		b.main5(&c, extra)
	case file5, service5:
		b.file5(&c, kind == service5)
		if kind == file5 {
			b.entry.records5(extra)
		}
	case sealed5:
		b.kind = sealedBlock
	case end5:
		b.kind, b.next = endBlock, c.vint()&more5 != 0
	}
	if c.bad {
		return nil, corrupt("a header of type %d is cut off", kind)
	}
	return b, nil
}

func (b *block) main5(c *cursor, extra []byte) {
	b.kind = mainBlock
	flags := c.vint()
	b.multi, b.solid, b.number = flags&volume5 != 0, flags&solids5 != 0, 0
	if flags&number5 != 0 {
		b.number = int64(min(c.vint(), maxVolumes+1))
	}
	for kind, rec := range records(extra) {
		if kind == locator5 && rec.vint()&1 != 0 {
			b.quicks = rec.size() // from the start of this header
		}
	}
}

func (b *block) file5(c *cursor, service bool) {
	e := &b.entry
	e.Format, e.UTF8 = 5, true
	flags := c.vint()
	e.Size = clampSize(c.vint())
	if flags&noSize5 != 0 {
		e.Size = -1
	}
	e.Dir = flags&dir5 != 0
	c.vint() // attributes
	if flags&hasTime5 != 0 {
		e.ModTime = time.Unix(int64(c.u32()), 0).UTC()
	}
	if e.HasCRC = flags&hasCRC5 != 0; e.HasCRC {
		e.CRC32 = c.u32()
	}
	e.coding5(c.vint())
	c.vint() // the system it was made on
	name := string(c.take(c.vint()))
	if b.kind = fileBlock; service {
		b.kind, b.name = serviceBlock, name
	} else {
		e.Name = name
	}
}

// coding5 takes the field of compression information apart.
func (c *Coding) coding5(v uint64) {
	c.Method = int(v >> 7 & 7)
	c.Solid = v&0x40 != 0
	switch v & 0x3f {
	case 0:
		c.Algorithm = 50
		c.Dictionary = minWindow5 << (v >> 10 & 15)
	case 1:
		c.Algorithm = 70
		if v&0x100000 != 0 { // the old algorithm, only with a dictionary that its field cannot say
			c.Algorithm = 50
		}
		c.Dictionary = minWindow5 << min(v>>10&31, 24)
		c.Dictionary += c.Dictionary / 32 * int64(v>>15&31)
	default:
		c.Algorithm = 1000 + int(v&0x3f)
	}
}

const minWindow5 = 128 << 10

// records5 reads the records of a file. What is cut off in them is empty, as unrar has it.
func (e *Entry) records5(extra []byte) {
	for kind, rec := range records(extra) {
		switch kind {
		case crypt5:
			e.Encrypted = true
		case hash5:
			if rec.vint() == 0 {
				e.Blake2 = bytes.Clone(rec.take(32))
			}
		case times5:
			rec.times5(&e.ModTime)
		case version5:
			rec.vint()
			e.Version = int(min(rec.vint(), 1<<30))
		case redir5:
			e.redirect5(&rec)
		}
	}
}

// redirect5 reads where a link goes.
func (e *Entry) redirect5(c *cursor) {
	switch kind := c.vint(); kind {
	case 4:
		e.Link = Hardlink
	case 5:
		e.Link = Copy
	default: // symbolic links of Unix and Windows, junctions, and what may come
		e.Link = Symlink
	}
	c.vint() // flags
	e.Target = string(c.take(c.vint()))
}

// times5 reads the exact time of modification.
func (c *cursor) times5(t *time.Time) {
	flags := c.vint()
	if flags&2 == 0 {
		return
	}
	if flags&1 == 0 {
		*t = fileTime(c.u64())
		return
	}
	sec, nsec := int64(c.u32()), int64(0)
	if flags&0x10 != 0 {
		for _, other := range []uint64{4, 8} { // creation and access come before the nanoseconds
			if flags&other != 0 {
				c.u32()
			}
		}
		nsec = int64(c.u32() & 0x3fffffff)
	}
	*t = time.Unix(sec, min(nsec, 1e9-1)).UTC()
}

// fileTime is a time of Windows: 100 ns since 1601. What is after the year 9999 is no time.
func fileTime(v uint64) time.Time {
	const toUnix = 11644473600 // seconds
	t := time.Unix(int64(v/1e7)-toUnix, int64(v%1e7)*100).UTC()
	if v == 0 || t.Year() > 9999 {
		return time.Time{}
	}
	return t
}

// records goes through the records at the end of a header, as far as they are whole: their type and what is in them.
func records(b []byte) iter.Seq2[uint64, cursor] {
	return func(yield func(uint64, cursor) bool) {
		for c := (cursor{b: b}); len(c.b) > 0; {
			rec := cursor{b: c.take(c.vint())}
			kind := rec.vint()
			if c.bad || rec.bad || !yield(kind, rec) {
				return
			}
		}
	}
}

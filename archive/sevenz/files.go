package sevenz

import (
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

// What the attributes of a member mean. Programs on Unix put the mode of the file into the upper half and say so.
const (
	attrReparse = 0x400
	attrUnix    = 0x8000
	unixKind    = 0xF000
	unixLink    = 0xA000
)

// A file is what a header says about a member beside its content.
type file struct {
	name    string
	mtime   time.Time
	attrs   uint32
	nothing bool // no content: a directory, an empty file or an anti item
	empty   bool // an empty file
	anti    bool // an order to delete what has this name
}

// files reads a FilesInfo.
func (c *cursor) files() []file {
	n := c.count("members")
	if n > MaxEntries {
		c.fail(ErrLimit, "%d members, more than %d", n, MaxEntries)
		return nil
	}
	files := make([]file, n)
	var nothing []*file
	for c.err == nil {
		id := c.number()
		if id == idEnd {
			break
		}
		p := cursor{rest: c.bytes(c.number()), err: c.err}
		switch id {
		case idEmptyStream:
			nothing = nothing[:0]
			for i, b := range p.bools(n) {
				if files[i].nothing = b; b {
					nothing = append(nothing, &files[i])
				}
			}
		case idEmptyFile:
			for i, b := range p.bools(len(nothing)) {
				nothing[i].empty = b
			}
		case idAnti:
			for i, b := range p.bools(len(nothing)) {
				nothing[i].anti = b
			}
		case idNames:
			p.names(files)
		case idMTime:
			p.each(n, func(i int) { files[i].mtime = filetime(p.uint64()) })
		case idAttributes:
			p.each(n, func(i int) { files[i].attrs = p.uint32() })
		}
		// Other times, comments, start positions and padding say nothing that we need.
		c.err = p.err
	}
	return files
}

// each calls read for those of n members that have the property at hand.
func (c *cursor) each(n int, read func(i int)) {
	defined := c.defined(n)
	c.internal()
	for i, ok := range defined {
		if ok && c.err == nil {
			read(i)
		}
	}
}

// names reads the names: UTF-16, each with a zero behind it. Half a surrogate pair becomes U+FFFD.
func (c *cursor) names(files []file) {
	c.internal()
	b := c.rest
	var name []byte
	for i := range files {
		name = name[:0]
		for {
			if len(b) < 2 {
				c.fail(ErrCorrupt, "names of %d of %d members", i, len(files))
				return
			}
			r := rune(b[0]) | rune(b[1])<<8
			b = b[2:]
			if r == 0 {
				break
			}
			if utf16.IsSurrogate(r) && len(b) >= 2 {
				if pair := utf16.DecodeRune(r, rune(b[0])|rune(b[1])<<8); pair != utf8.RuneError {
					r = pair
					b = b[2:]
				}
			}
			name = utf8.AppendRune(name, r) // half a pair is no rune and becomes RuneError
		}
		files[i].name = string(name)
	}
}

// filetime converts from 100 nanoseconds since 1601. Zero, and what lies behind the year 9999, is no time.
func filetime(t uint64) time.Time {
	const second, epoch = 10_000_000, 11_644_473_600
	if u := time.Unix(int64(t/second)-epoch, int64(t%second)*100).UTC(); t != 0 && u.Year() < 10_000 {
		return u
	}
	return time.Time{}
}

// link reports whether the content says where a link leads to.
func (f *file) link() bool {
	return f.attrs&attrUnix != 0 && f.attrs>>16&unixKind == unixLink || f.attrs&attrReparse != 0
}

// entries joins what is known about members and about their content.
func (c *cursor) entries(files []file, s streams) []Entry {
	entries := make([]Entry, 0, len(files))
	methods := make([]string, len(s.folders))
	for i := range s.folders {
		methods[i] = s.folders[i].methods()
	}
	left := s.pieces
	for i := range files {
		f := &files[i]
		e := Entry{Name: f.name, ModTime: f.mtime, Link: f.link(), Folder: -1}
		switch {
		case f.anti:
			continue // there is nothing to read
		case f.nothing:
			e.Dir = !f.empty
		case len(left) == 0:
			c.fail(ErrCorrupt, "more members than contents")
			return nil
		default:
			p := left[0]
			left = left[1:]
			folder := &s.folders[p.folder]
			e.Folder, e.Offset, e.Size, e.CRC, e.HasCRC = p.folder, p.offset, p.size, p.crc, p.ok
			e.Encrypted, e.Method = folder.encrypted(), methods[p.folder]
			if folder.stored() && e.Size > 0 {
				e.Extents = []Extent{{Offset: folder.Packed[0].Offset + e.Offset, Length: e.Size}}
			}
		}
		entries = append(entries, e)
	}
	return entries
}

package sevenz

import "bytes"

// The ids of the header's parts.
const (
	idEnd               = 0x00
	idHeader            = 0x01
	idArchiveProperties = 0x02
	idAdditionalStreams = 0x03
	idMainStreams       = 0x04
	idFiles             = 0x05
	idPackInfo          = 0x06
	idUnpackInfo        = 0x07
	idSubStreams        = 0x08
	idSize              = 0x09
	idCRC               = 0x0A
	idFolder            = 0x0B
	idUnpackSize        = 0x0C
	idNumUnpackStreams  = 0x0D
	idEmptyStream       = 0x0E
	idEmptyFile         = 0x0F
	idAnti              = 0x10
	idNames             = 0x11
	idMTime             = 0x14
	idAttributes        = 0x15
	idEncodedHeader     = 0x17
)

// A digest is a CRC-32 that may be missing.
type digest struct {
	crc uint32
	ok  bool
}

// A piece is a run of a folder's output that is one member.
type piece struct {
	folder int
	offset int64
	size   int64
	digest
}

// streams is what a header says about folders.
type streams struct {
	folders []Folder
	pieces  []piece // in the order of the members
}

// streams reads a StreamsInfo. The packed streams start at base in the source and must end before end.
func (c *cursor) streams(base, end int64) streams {
	var s streams
	var packed []Packed
	id := c.number()
	if id == idPackInfo {
		packed = c.packInfo(base, end)
		id = c.number()
	}
	if id == idUnpackInfo {
		s.folders = c.unpackInfo(packed)
		id = c.number()
	}
	if id == idSubStreams {
		s.pieces = c.subStreams(s.folders)
		id = c.number()
	} else {
		for i := range s.folders {
			f := &s.folders[i]
			s.pieces = append(s.pieces, piece{folder: i, size: f.Size, digest: digest{f.CRC, f.HasCRC}})
		}
	}
	if id != idEnd {
		c.fail(ErrCorrupt, "id %#x in the header where the streams end", id)
	}
	return s
}

// packInfo reads where the packed streams lie: one behind the other.
func (c *cursor) packInfo(base, end int64) []Packed {
	at := base + c.size()
	n := c.count("packed streams")
	if n > 2*MaxEntries {
		c.fail(ErrLimit, "%d packed streams, more than %d", n, 2*MaxEntries)
		return nil
	}
	packed := make([]Packed, n)
	id := c.number()
	if id == idSize {
		for i := range packed {
			size := c.size()
			if at < base || at > end || size > end-at {
				c.fail(ErrCorrupt, "packed data outside of the file, which may have lost its end")
				return nil
			}
			packed[i] = Packed{Offset: at, Size: size}
			at += size
		}
		id = c.number()
	} else if n > 0 {
		c.fail(ErrCorrupt, "packed streams without a size")
	}
	if id == idCRC {
		c.digests(n)
		id = c.number()
	}
	if id != idEnd {
		c.fail(ErrCorrupt, "id %#x in the header where the packed streams end", id)
	}
	return packed
}

// digests reads n CRCs, some of which may be missing.
func (c *cursor) digests(n int) []digest {
	d := make([]digest, n)
	for i, ok := range c.defined(n) {
		if ok {
			d[i] = digest{c.uint32(), true}
		}
	}
	return d
}

// unpackInfo reads the folders and gives each of them its packed streams.
func (c *cursor) unpackInfo(packed []Packed) []Folder {
	c.expect(idFolder)
	n := c.count("folders")
	if n > MaxEntries {
		c.fail(ErrLimit, "%d folders, more than %d", n, MaxEntries)
	}
	c.internal()
	var folders []Folder
	coders := 0
	for range n {
		f := c.folder()
		if coders += len(f.Coders); coders > 2*MaxEntries {
			c.fail(ErrLimit, "more than %d coders", 2*MaxEntries)
		}
		if c.err != nil {
			return nil
		}
		if len(f.Packed) > len(packed) {
			c.fail(ErrCorrupt, "a folder has more packed streams than there are")
			return nil
		}
		for i := range f.Packed {
			f.Packed[i].Offset, f.Packed[i].Size = packed[i].Offset, packed[i].Size
		}
		packed = packed[len(f.Packed):]
		folders = append(folders, f)
	}
	c.expect(idUnpackSize)
	for i := range folders {
		f := &folders[i]
		for j := range f.Coders {
			f.Coders[j].Size = c.size()
		}
		if out := f.output(); out >= 0 {
			f.Size = f.Coders[out].Size
		} else {
			c.fail(ErrCorrupt, "a folder has not one output")
		}
	}
	id := c.number()
	if id == idCRC {
		for i, d := range c.digests(len(folders)) {
			folders[i].CRC, folders[i].HasCRC = d.crc, d.ok
		}
		id = c.number()
	}
	if id != idEnd {
		c.fail(ErrCorrupt, "id %#x in the header where the folders end", id)
	}
	return folders
}

// folder reads the graph of a folder; where its packed streams lie and how big its outputs are stands elsewhere.
func (c *cursor) folder() Folder {
	var f Folder
	inputs := 0
	n := c.few("coders")
	for range n {
		coder := c.coder()
		inputs += coder.Inputs
		f.Coders = append(f.Coders, coder)
	}
	if n == 0 || inputs < n || inputs > maxStreams {
		c.fail(ErrCorrupt, "a folder with %d coders and %d inputs", n, inputs)
		return f
	}
	taken := make([]bool, inputs)
	for range n - 1 {
		b := Bond{In: c.few("inputs"), Out: c.few("coders")}
		if b.In >= inputs || b.Out >= n || taken[b.In] {
			c.fail(ErrCorrupt, "a bond between streams that are not there or not free")
			return f
		}
		taken[b.In] = true
		f.Bonds = append(f.Bonds, b)
	}
	f.Packed = make([]Packed, inputs-(n-1))
	if len(f.Packed) == 1 {
		for in, t := range taken {
			if !t {
				f.Packed[0].In = in
			}
		}
		return f
	}
	for i := range f.Packed {
		in := c.few("inputs")
		if in >= inputs || taken[in] {
			c.fail(ErrCorrupt, "a packed stream goes where none is free")
			return f
		}
		taken[in] = true
		f.Packed[i].In = in
	}
	return f
}

func (c *cursor) coder() Coder {
	flags := c.byte()
	coder := Coder{Inputs: 1}
	id := c.bytes(uint64(flags & 0x0F))
	for _, b := range id {
		coder.Method = coder.Method<<8 | uint64(b)
	}
	if len(id) > 8 {
		coder.Method = idUnknown
	}
	if flags&0x10 != 0 {
		coder.Inputs = c.few("inputs")
		if outputs := c.few("outputs"); outputs != 1 {
			c.fail(ErrMethod, "a coder with %d outputs", outputs)
		}
	}
	if flags&0x20 != 0 {
		coder.Props = bytes.Clone(c.bytes(uint64(c.count("bytes of properties"))))
	}
	if flags&0x80 != 0 {
		c.fail(ErrCorrupt, "a coder with alternatives, which were never defined")
	}
	return coder
}

// subStreams reads how the folders are cut into members.
func (c *cursor) subStreams(folders []Folder) []piece {
	counts := make([]int, len(folders))
	total := len(folders)
	for i := range counts {
		counts[i] = 1
	}
	id := c.number()
	if id == idNumUnpackStreams {
		total = 0
		for i := range counts {
			n := c.number()
			if n > MaxEntries || total+int(n) > MaxEntries {
				c.fail(ErrLimit, "more than %d members", MaxEntries)
				return nil
			}
			counts[i] = int(n)
			total += int(n)
		}
		id = c.number()
	}
	pieces := make([]piece, 0, total)
	for i, n := range counts {
		left := folders[i].Size
		for k := range n {
			p := piece{folder: i, offset: folders[i].Size - left, size: left}
			if k < n-1 {
				if id != idSize {
					c.fail(ErrCorrupt, "members without a size")
					return nil
				}
				p.size = c.size()
			}
			if p.size > left {
				c.fail(ErrCorrupt, "members bigger than their folder")
				return nil
			}
			left -= p.size
			pieces = append(pieces, p)
		}
	}
	if id == idSize {
		id = c.number()
	}
	// A member that is all of a folder has the CRC of the folder, if there is one, and then none of its own.
	var without []*digest
	for i := range pieces {
		p := &pieces[i]
		if f := &folders[p.folder]; counts[p.folder] == 1 && f.HasCRC {
			p.digest = digest{f.CRC, true}
		} else {
			without = append(without, &p.digest)
		}
	}
	if id == idCRC {
		for i, d := range c.digests(len(without)) {
			*without[i] = d
		}
		id = c.number()
	}
	if id != idEnd {
		c.fail(ErrCorrupt, "id %#x in the header where the members' sizes end", id)
	}
	return pieces
}

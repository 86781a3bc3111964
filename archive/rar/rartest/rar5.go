package rartest

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"slices"
)

// rar5 writes the headers of RAR 5.0, as https://www.rarlab.com/technote.htm has them.
type rar5 struct{}

const signature5 = "Rar!\x1a\x07\x01\x00"

// locatorSize is how long the number in the locator is, which is only known in the end.
const locatorSize = 5

func (rar5) start(volume int, multi bool, o Options) []byte {
	flags := uint64(0)
	if multi {
		flags = 0x01
		if volume > 0 {
			flags |= 0x02
		}
	}
	body := vints(flags)
	if volume > 0 {
		body = append(body, vints(uint64(volume))...)
	}
	var extra []byte
	if o.Quick {
		extra = locator(0)
	}
	return append([]byte(signature5), header5(1, 0, body, extra, -1)...)
}

// locator is the record that says where the quick-open record is.
func locator(at int64) []byte {
	b := vints(1, 1) // its type, and that the number follows
	for i := range locatorSize {
		c := byte(at >> (7 * i) & 0x7f)
		if i < locatorSize-1 {
			c |= 0x80
		}
		b = append(b, c)
	}
	return append(vints(uint64(len(b))), b...)
}

func (rar5) end(volume int, more bool) []byte {
	flags := uint64(0)
	if more {
		flags = 1
	}
	return header5(5, 0x04, vints(flags), nil, -1)
}

func (rar5) file(f *File, p piece) []byte {
	flags := uint64(0)
	if p.before {
		flags |= 0x08
	}
	if p.after {
		flags |= 0x10
	}
	kind, attr := uint64(0x04), uint64(0o100644)
	if f.Dir {
		kind, attr = 0x01, 0o040755
	} else if f.NoSum {
		kind = 0
	}
	if !f.ModTime.IsZero() {
		kind |= 0x02
	}
	b := vints(kind, uint64(f.size()), attr)
	if !f.ModTime.IsZero() {
		b = binary.LittleEndian.AppendUint32(b, uint32(f.ModTime.Unix()))
	}
	if kind&0x04 != 0 {
		b = binary.LittleEndian.AppendUint32(b, p.crc)
	}
	b = append(b, vints(0, 1, uint64(len(f.Name)))...) // stored, on Unix
	var extra []byte
	if f.Encrypted {
		rec := append(vints(1, 0, 0), make([]byte, 1+16+16)...)
		extra = append(vints(uint64(len(rec))), rec...)
	}
	size := p.size
	if f.Dir {
		size = -1
	}
	return header5(2, flags, append(b, f.Name...), extra, size)
}

// quick5 appends the quick-open record of a volume and writes down where it is.
func quick5(v *Volume, heads []head) {
	at := v.size
	var data []byte
	for _, h := range heads {
		b := append(vints(0, uint64(at-h.off), uint64(len(h.raw))), h.raw...)
		b = append(vints(uint64(len(b))), b...)
		data = binary.LittleEndian.AppendUint32(data, crc32.ChecksumIEEE(b))
		data = append(data, b...)
	}
	body := vints(0x04, uint64(len(data)), 0)
	body = binary.LittleEndian.AppendUint32(body, crc32.ChecksumIEEE(data))
	body = append(body, vints(0, 1, 2)...)
	v.add(header5(3, 0, append(body, "QO"...), nil, int64(len(data))))
	v.add(data)

	// The main header stands in the part that begins with the signature.
	i := slices.IndexFunc(v.parts, func(p part) bool {
		b := make([]byte, len(signature5))
		p.from.ReadAt(b, p.at) // what is shorter is another part
		return p.off < at && string(b) == signature5
	})
	raw := make([]byte, v.parts[i].size)
	v.parts[i].from.ReadAt(raw, v.parts[i].at) // it was written here
	mainAt := v.parts[i].off + int64(len(signature5))
	b := raw[len(signature5):]
	copy(b[len(b)-len(locator(0)):], locator(at-mainAt))
	binary.LittleEndian.PutUint32(b, crc32.ChecksumIEEE(b[4:]))
	v.parts[i].from, v.parts[i].at = bytes.NewReader(raw), 0
}

// header5 makes a header. data is how many bytes follow it; negative: there is no such field.
func header5(kind, flags uint64, body, extra []byte, data int64) []byte {
	if extra != nil {
		flags |= 0x01
	}
	if data >= 0 {
		flags |= 0x02
	}
	b := vints(kind, flags)
	if extra != nil {
		b = append(b, vints(uint64(len(extra)))...)
	}
	if data >= 0 {
		b = append(b, vints(uint64(data))...)
	}
	b = slices.Concat(b, body, extra)
	b = append(vints(uint64(len(b))), b...)
	return append(binary.LittleEndian.AppendUint32(nil, crc32.ChecksumIEEE(b)), b...)
}

func vints(list ...uint64) (b []byte) {
	for _, v := range list {
		b = binary.AppendUvarint(b, v)
	}
	return b
}

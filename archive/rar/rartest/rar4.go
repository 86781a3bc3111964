package rartest

import (
	"encoding/binary"
	"hash/crc32"
	"strings"
	"time"
	"unicode/utf16"
)

// rar4 writes the headers of RAR 1.5 to 4.x, as its technote.txt has them.
type rar4 struct{}

func (rar4) start(volume int, multi bool, o Options) []byte {
	flags := uint16(0)
	if multi {
		flags |= 0x0001
		if volume == 0 {
			flags |= 0x0100
		}
		if !o.OldNames {
			flags |= 0x0010
		}
	}
	return append([]byte("Rar!\x1a\x07\x00"), header4(0x73, flags, make([]byte, 6))...)
}

func (rar4) end(volume int, more bool) []byte {
	flags := uint16(0x4000)
	if more {
		flags |= 0x0001
	}
	return header4(0x7b, flags, nil)
}

func (rar4) file(f *File, p piece) []byte {
	name, flags := name4(f.Name)
	flags |= 0x8000
	if p.before {
		flags |= 0x0001
	}
	if p.after {
		flags |= 0x0002
	}
	if f.Encrypted {
		flags |= 0x0004
	}
	if f.Dir {
		flags |= 0x00e0
	}
	size := f.size()
	large := size >= 1<<32-1
	if large {
		flags |= 0x0100
	}
	attr := uint32(0o100644)
	if f.Dir {
		attr = 0o040755
	}
	le := binary.LittleEndian
	b := le.AppendUint32(nil, uint32(p.size))
	b = le.AppendUint32(b, uint32(size))
	b = append(b, 3) // made on Unix
	b = le.AppendUint32(b, p.crc)
	b = le.AppendUint32(b, dosTime(f.ModTime))
	b = append(b, 20, 0x30) // stored: any version can do that
	b = le.AppendUint16(b, uint16(len(name)))
	b = le.AppendUint32(b, attr)
	if large {
		b = le.AppendUint32(b, uint32(p.size>>32))
		b = le.AppendUint32(b, uint32(size>>32))
	}
	return header4(0x74, flags, append(b, name...))
}

// name4 returns a name as it is written: if it is not ASCII, with a second one in UTF-16.
func name4(name string) ([]byte, uint16) {
	plain := []byte(strings.ReplaceAll(name, "/", `\`))
	chars := utf16.Encode([]rune(string(plain)))
	if len(chars) == len(plain) {
		return plain, 0
	}
	for i, c := range chars {
		if plain[i] = byte(c); c > 0x7f {
			plain[i] = '_'
		}
	}
	b := append(plain[:len(chars):len(chars)], 0, 0)
	for i, c := range chars {
		if i%4 == 0 {
			b = append(b, 0xaa) // the next four are written in full
		}
		b = binary.LittleEndian.AppendUint16(b, c)
	}
	return b, 0x0200
}

func dosTime(t time.Time) uint32 {
	if t = t.UTC(); t.Year() < 1980 || t.Year() > 2107 {
		return 0
	}
	day := uint32(t.Year()-1980)<<9 | uint32(t.Month())<<5 | uint32(t.Day())
	return day<<16 | uint32(t.Hour())<<11 | uint32(t.Minute())<<5 | uint32(t.Second())/2
}

func header4(kind byte, flags uint16, body []byte) []byte {
	le := binary.LittleEndian
	b := le.AppendUint16([]byte{0, 0, kind}, flags)
	b = le.AppendUint16(b, uint16(7+len(body)))
	b = append(b, body...)
	le.PutUint16(b, uint16(crc32.ChecksumIEEE(b[2:])))
	return b
}

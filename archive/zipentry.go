package archive

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"time"
	"unicode/utf8"
)

// Compression methods, APPNOTE 4.4.5.
const (
	zipStore   = 0
	zipDeflate = 8
	zipBzip2   = 12
	zipZstdOld = 20
	zipZstd    = 93
	zipXZ      = 95
	zipAES     = 99
)

// zipMethod is the name of a method, and whether it can be unpacked here.
func zipMethod(m uint16) (name string, known bool) {
	switch m {
	case zipStore:
		return "store", true
	case zipDeflate:
		return "deflate", true
	case zipBzip2:
		return "bzip2", true
	case zipZstd, zipZstdOld:
		return "zstd", true
	case zipXZ:
		return "xz", true
	case 1:
		return "shrink", false
	case 6:
		return "implode", false
	case 9:
		return "deflate64", false
	case 14:
		return "lzma", false
	case 98:
		return "ppmd", false
	case zipAES:
		return "aes", false
	}
	return fmt.Sprintf("method %d", m), false
}

// A zipCentral is one header of the central directory.
type zipCentral struct {
	host         byte // that the attributes are of
	flags        uint16
	method       uint16
	date, clock  uint16
	crc          uint32
	packed, size int64
	attributes   uint32
	at           int64 // of the local header
	name         string
	utf8Name     string // Info-ZIP's extra field 0x7075
	mtime        time.Time
}

const (
	zipFlagEncrypted = 1 << 0
	zipFlagStrong    = 1 << 6
	zipFlagUTF8      = 1 << 11
	zipFlagMasked    = 1 << 13
)

func parseZipCentral(b []byte, nameLen, extraLen int) (*zipCentral, error) {
	le := binary.LittleEndian
	h := &zipCentral{
		host: b[5], flags: le.Uint16(b[8:]), method: le.Uint16(b[10:]), clock: le.Uint16(b[12:]), date: le.Uint16(b[14:]),
		crc: le.Uint32(b[16:]), packed: int64(le.Uint32(b[20:])), size: int64(le.Uint32(b[24:])),
		attributes: le.Uint32(b[38:]), at: int64(le.Uint32(b[42:])),
		name: string(b[zipCentralLen:][:nameLen]),
	}
	h.mtime = dosTime(h.date, h.clock)
	return h, h.parseExtra(b[zipCentralLen+nameLen:][:extraLen])
}

// parseExtra reads what extends the header: APPNOTE 4.5, and Info-ZIP's extrafld.txt.
func (h *zipCentral) parseExtra(b []byte) error {
	le := binary.LittleEndian
	for len(b) >= 4 {
		id, n := le.Uint16(b), int(le.Uint16(b[2:]))
		if b = b[4:]; n > len(b) {
			break // some tools pad it; what is needed is checked below
		}
		field := b[:n]
		b = b[n:]
		switch id {
		case 0x0001: // zip64: those of the values that do not fit, in this order
			for _, v := range []*int64{&h.size, &h.packed, &h.at} {
				if *v == 0xFFFFFFFF && len(field) >= 8 {
					*v = int64(le.Uint64(field))
					field = field[8:]
				}
			}
		case 0x5455: // time as Unix counts it
			if len(field) >= 5 && field[0]&1 != 0 {
				h.mtime = time.Unix(int64(int32(le.Uint32(field[1:]))), 0).UTC()
			}
		case 0x7075: // the name in UTF-8, if the other name is still the one that it was made for
			if len(field) >= 5 && field[0] == 1 && le.Uint32(field[1:]) == crc32.ChecksumIEEE([]byte(h.name)) && utf8.Valid(field[5:]) {
				h.utf8Name = string(field[5:])
			}
		}
	}
	if h.size < 0 || h.packed < 0 || h.at < 0 {
		return fmt.Errorf("%w: a member of %d bytes, %d packed, at %d", ErrCorrupt, h.size, h.packed, h.at)
	}
	return nil
}

// Systems that the attributes and the name of a member can be of, APPNOTE 4.4.2.
const (
	zipFAT  = 0
	zipUnix = 3
	zipHPFS = 6
	zipNTFS = 10
	zipVFAT = 14
	zipOSX  = 19
)

// entry makes the i-th entry of a directory of h.
func (h *zipCentral) entry(i int) *entry {
	e := &entry{
		Raw: h.name, UTF8: h.flags&zipFlagUTF8 != 0 && utf8.ValidString(h.name),
		Size: h.size, Packed: h.packed, CRC: h.crc, HasCRC: true, ModTime: h.mtime, Run: noRun, At: h.at,
	}
	if h.utf8Name != "" {
		e.Raw, e.UTF8 = h.utf8Name, true
	}
	switch h.host {
	case zipFAT, zipHPFS, zipNTFS, zipVFAT:
		e.Backslash = true
	case zipUnix, zipOSX:
		const typeMask, link, regular, dir = 0xF000, 0xA000, 0x8000, 0x4000
		switch h.attributes >> 16 & typeMask {
		case 0, regular:
		case dir:
			e.Kind = kindDir
		case link:
			e.Kind = kindLink
		default:
			e.Kind = kindOther
		}
	}
	var known bool
	e.Method, known = zipMethod(h.method)
	e.Unknown = !known
	e.Encrypted = h.flags&(zipFlagEncrypted|zipFlagStrong|zipFlagMasked) != 0 || h.method == zipAES
	if h.method == zipStore {
		return e // its extent is found when it is opened
	}
	e.Run, e.Data = i, []byte{byte(h.method)}
	e.Memory = zipMemory(h.method)
	return e
}

// zipMemory is about what the decoder of a method takes, in bytes, before it has read how much it will be.
func zipMemory(method uint16) int64 {
	switch method {
	case zipDeflate:
		return 256 << 10
	case zipBzip2:
		return 8 << 20
	}
	return 64 << 20
}

// dosTime is a time of MS-DOS, which knows no zone, as UTC. Zero when there is none.
func dosTime(date, clock uint16) time.Time {
	if date == 0 {
		return time.Time{}
	}
	return time.Date(1980+int(date>>9), time.Month(date>>5&0xF), int(date&0x1F),
		int(clock>>11), int(clock>>5&0x3F), int(clock&0x1F)*2, 0, time.UTC)
}

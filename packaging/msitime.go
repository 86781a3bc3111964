package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"time"
)

// setMSITimes writes the time at into the summary of an MSI, where wixl has written the time at which it ran. The summary is a property
// set of OLE ([MS-OLEPS]); wixl lays it down in one piece.
func setMSITimes(file string, at time.Time) error {
	const (
		created, saved = 12, 13 // property identifiers
		fileTime       = 0x40   // their type: 100 ns since 1601
	)
	format := []byte{0xe0, 0x85, 0x9f, 0xf2, 0xf9, 0x4f, 0x68, 0x10, 0xab, 0x91, 0x08, 0x00, 0x2b, 0x27, 0xb3, 0xd9}
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	bad := errors.New("the summary of the MSI is not where it is expected")
	const header = 28 // of the property set, before the identifier of its format
	i := bytes.Index(data, format)
	if i < header || i+20 > len(data) {
		return bad
	}
	le := binary.LittleEndian
	section := i - header + int(le.Uint32(data[i+16:]))
	if section+8 > len(data) {
		return bad
	}
	found := 0
	for n := range int(le.Uint32(data[section+4:])) {
		entry := section + 8 + 8*n
		if n >= 64 || entry+8 > len(data) {
			return bad
		}
		id, value := le.Uint32(data[entry:]), section+int(le.Uint32(data[entry+4:]))
		if id != created && id != saved {
			continue
		}
		if value+12 > len(data) || le.Uint32(data[value:]) != fileTime {
			return bad
		}
		const since1601 = 11644473600 // seconds from there to 1970
		le.PutUint64(data[value+4:], uint64(at.Unix()+since1601)*10_000_000)
		found++
	}
	if found != 2 {
		return fmt.Errorf("%w: %d times in it", bad, found)
	}
	return os.WriteFile(file, data, 0o644)
}

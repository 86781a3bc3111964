package archive

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
)

// zipFormat reads zip files by their central directory, as PKWARE's APPNOTE describes them: with zip64, with data in front of the
// archive (self-extracting ones), and with sizes that stand behind the data. A local header is read when its member is.
type zipFormat struct{}

func (zipFormat) name() string { return "zip" }

const (
	zipLocalSig   = "PK\x03\x04"
	zipCentralSig = "PK\x01\x02"
	zipEndSig     = "PK\x05\x06"
	zipEnd64Sig   = "PK\x06\x06"
	zipFind64Sig  = "PK\x06\x07"
	zipSplitSig   = "PK\x07\x08" // of an archive that was to be split, and then was not

	zipLocalLen   = 30
	zipCentralLen = 46
	zipEndLen     = 22
	zipFind64Len  = 20
	zipEnd64Len   = 56

	// zipTail is read from the end of the file at once: the longest comment with all that can stand in front of it, and mostly
	// the directory too.
	zipTail = zipFind64Len + zipEndLen + 1<<16
)

func (zipFormat) match(head []byte, name string) bool {
	head, _ = bytes.CutPrefix(head, []byte(zipSplitSig))
	return bytes.HasPrefix(head, []byte(zipLocalSig)) || bytes.HasPrefix(head, []byte(zipEndSig))
}

// A zipEnd is what the end of the central directory says.
type zipEnd struct {
	at      int64 // offset of the record that the directory ends before
	entries int64
	size    int64 // bytes of the directory
	start   int64 // offset of the directory from the start of the archive
	base    int64 // offset of the archive in the file
	disk    uint32
}

// walk reads the central directory, which has to fit the limits before it is read.
func (zipFormat) walk(in *input, _ []byte) (walker, error) {
	f := in.File()
	tail := make([]byte, min(f.Size(), zipTail))
	if _, err := f.ReadAt(tail, f.Size()-int64(len(tail))); err != nil {
		return nil, err
	}
	end, err := findZipEnd(f, tail)
	if err != nil {
		return nil, err
	}
	if l := in.Limits(); end.entries > int64(l.Entries) || end.size > l.IndexBytes {
		return nil, fmt.Errorf("%w: a directory of %d entries in %d bytes", ErrLimit, end.entries, end.size)
	}
	// No more entries than fit, whatever the count says.
	dir := make([]byte, end.size)
	if at := end.base + end.start; at >= f.Size()-int64(len(tail)) {
		copy(dir, tail[at-f.Size()+int64(len(tail)):])
	} else if _, err := f.ReadAt(dir, at); err != nil {
		return nil, err
	}
	w := &zipWalker{base: end.base}
	if err := w.parse(dir, end, f.Size()); err != nil && len(w.entries) == 0 {
		return nil, err
	} else if err != nil {
		w.err = err
	}
	w.markOverlaps()
	return w, nil
}

// findZipEnd finds the end of the directory in the last bytes of f.
func findZipEnd(f volume, tail []byte) (zipEnd, error) {
	from := f.Size() - int64(len(tail))
	for i := len(tail) - zipEndLen; i >= 0; i-- {
		if tail[i] != 'P' || string(tail[i:i+4]) != zipEndSig {
			continue
		}
		comment := int(binary.LittleEndian.Uint16(tail[i+20:]))
		if i+zipEndLen+comment > len(tail) {
			continue // it is part of a comment, or cut off
		}
		end, err := readZipEnd(f, tail, i, from)
		if err != nil {
			return end, err
		}
		return end, end.place(f)
	}
	return zipEnd{}, errNoZipEnd
}

var errNoZipEnd = fmt.Errorf("%w: a zip file without an end: it is not whole", ErrCorrupt)

// readZipEnd reads the record at tail[i:], which lies at from+i, and the zip64 one that may stand before it.
func readZipEnd(f volume, tail []byte, i int, from int64) (zipEnd, error) {
	b := tail[i:]
	end := zipEnd{
		at:      from + int64(i),
		disk:    uint32(binary.LittleEndian.Uint16(b[4:])),
		entries: int64(binary.LittleEndian.Uint16(b[10:])),
		size:    int64(binary.LittleEndian.Uint32(b[12:])),
		start:   int64(binary.LittleEndian.Uint32(b[16:])),
	}
	if i < zipFind64Len || string(tail[i-zipFind64Len:][:4]) != zipFind64Sig {
		return end, nil
	}
	find := tail[i-zipFind64Len:]
	said := int64(binary.LittleEndian.Uint64(find[8:]))
	// Where it says, or right before: data may have been put in front of the archive.
	for _, at := range []int64{said, end.at - zipFind64Len - zipEnd64Len} {
		var r [zipEnd64Len]byte
		if at < 0 || at > end.at-zipFind64Len-zipEnd64Len {
			continue
		}
		if at >= from {
			copy(r[:], tail[at-from:])
		} else if _, err := f.ReadAt(r[:], at); err != nil {
			return end, err
		}
		if string(r[:4]) != zipEnd64Sig {
			continue
		}
		end.at = at
		end.disk = binary.LittleEndian.Uint32(r[16:])
		end.entries = int64(binary.LittleEndian.Uint64(r[32:]))
		end.size = int64(binary.LittleEndian.Uint64(r[40:]))
		end.start = int64(binary.LittleEndian.Uint64(r[48:]))
		return end, nil
	}
	return end, fmt.Errorf("%w: the zip64 end of the directory is not there", ErrCorrupt)
}

// place finds out where the archive starts in f.
func (e *zipEnd) place(f volume) error {
	if e.disk != 0 {
		return fmt.Errorf("%w: a zip file split into several", ErrMethod)
	}
	if e.entries < 0 || e.size < 0 || e.start < 0 || e.size > e.at || e.start > e.at-e.size {
		return fmt.Errorf("%w: a directory outside of the file", ErrCorrupt)
	}
	e.base = e.at - e.size - e.start
	if e.base == 0 || e.size < zipCentralLen {
		return nil
	}
	// Some tools put data in front and correct all offsets, but leave other data before the end record.
	var sig [4]byte
	if _, err := f.ReadAt(sig[:], e.start); err != nil {
		return err
	}
	if string(sig[:]) == zipCentralSig {
		e.base = 0
	}
	return nil
}

// A zipWalker has all entries at once.
type zipWalker struct {
	entries []*entry
	at      int   // entry that comes next
	err     error // behind the last entry
	base    int64 // bytes in front of the archive
}

func (w *zipWalker) volumes() []string { return nil }
func (w *zipWalker) state() []byte     { return nil }

func (w *zipWalker) next() (*entry, error) {
	if w.at == len(w.entries) {
		if w.err != nil {
			return nil, w.err
		}
		return nil, io.EOF
	}
	w.at++
	return w.entries[w.at-1], nil
}

// parse reads the entries of the directory. Those before an error stand.
func (w *zipWalker) parse(dir []byte, end zipEnd, size int64) error {
	for len(dir) >= 4 && string(dir[:4]) == zipCentralSig {
		if len(dir) < zipCentralLen {
			return fmt.Errorf("%w: the directory is cut off", ErrCorrupt)
		}
		name := int(binary.LittleEndian.Uint16(dir[28:]))
		extra := int(binary.LittleEndian.Uint16(dir[30:]))
		comment := int(binary.LittleEndian.Uint16(dir[32:]))
		n := zipCentralLen + name + extra + comment
		if len(dir) < n {
			return fmt.Errorf("%w: the directory is cut off", ErrCorrupt)
		}
		h, err := parseZipCentral(dir[:n], name, extra)
		if err != nil {
			return err
		}
		e := h.entry(len(w.entries))
		e.At += end.base
		if e.At < 0 || e.At > size-zipLocalLen || e.Packed > size-zipLocalLen-e.At {
			e.At = -1 // to be opened it would have to be in the file
		}
		w.entries = append(w.entries, e)
		dir = dir[n:]
	}
	if int64(len(w.entries)) < end.entries&0xFFFF {
		return fmt.Errorf("%w: a directory of %d entries says it has %d", ErrCorrupt, len(w.entries), end.entries)
	}
	return nil
}

// markOverlaps marks members that share bytes: the trick of bombs whose every byte counts many times.
func (w *zipWalker) markOverlaps() {
	sorted := make([]*entry, 0, len(w.entries))
	for _, e := range w.entries {
		if e.At >= 0 && e.Kind == kindFile {
			sorted = append(sorted, e)
		}
	}
	slices.SortStableFunc(sorted, func(a, b *entry) int {
		switch {
		case a.At < b.At:
			return -1
		case a.At > b.At:
			return 1
		}
		return 0
	})
	end, last := int64(-1), (*entry)(nil)
	for _, e := range sorted {
		if e.At < end {
			e.Unsafe, last.Unsafe = true, true
		}
		if to := e.At + zipLocalLen + int64(len(e.Raw)) + e.Packed; to > end {
			end, last = to, e
		}
	}
}

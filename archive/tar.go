package archive

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// tarFormat reads tar as POSIX (ustar and pax), GNU and the seventh edition write it. An archive is a chain: only a header
// says where the next one is, so the walk goes from one to the next and over all data between.
type tarFormat struct{}

func (tarFormat) name() string { return "tar" }

func (tarFormat) match(head []byte, _ string) bool {
	return len(head) >= tarBlock && tarChecksum(head[:tarBlock])
}

func (tarFormat) walk(in *input, from []byte) (walker, error) {
	f := in.File()
	return newTarWalker(f, f.Size(), 0, from)
}

// unpack implements format: no member of a tar is packed.
func (tarFormat) unpack(*input, *run) (unpacker, error) {
	return nil, fmt.Errorf("%w: a tar with packed members", ErrCorrupt)
}

const (
	tarBlock = 512

	maxTarSpecial = 1 << 20 // bytes of a long name, or of extended headers
	maxTarChain   = 100     // headers that only describe the next
	maxTarSparse  = 1 << 16 // pieces of a sparse member
)

// A tarWalker walks from header to header.
type tarWalker struct {
	r      io.ReaderAt
	size   int64 // of what is in r, or unknownSize
	volume int   // that extents are in
	at     int64 // of the next header

	buf     []byte // read last
	bufAt   int64
	lastHop int64 // bytes between the last two headers
}

const unknownSize = -1

func newTarWalker(r io.ReaderAt, size int64, volume int, from []byte) (*tarWalker, error) {
	w := &tarWalker{r: r, size: size, volume: volume, lastHop: maxSize}
	if from != nil {
		at, n := binary.Varint(from)
		if n != len(from) || at < 0 || size >= 0 && at > size {
			return nil, errStale
		}
		w.at = at
		return w, nil
	}
	b, err := w.read(0, tarBlock)
	switch {
	case err == io.EOF || err == nil && !tarChecksum(b):
		return nil, ErrNotArchive
	case err != nil:
		return nil, err
	}
	return w, nil
}

func (w *tarWalker) volumes() []string { return nil }
func (w *tarWalker) state() []byte     { return binary.AppendVarint(nil, w.at) }

// read returns n bytes at off, valid until the next read. io.EOF: there is nothing at all.
func (w *tarWalker) read(off int64, n int) ([]byte, error) {
	if i := off - w.bufAt; i >= 0 && i+int64(n) <= int64(len(w.buf)) {
		return w.buf[i:][:n], nil
	}
	// Small members stand close together, and so do the headers of one: worth a few bytes more.
	want := n
	if w.lastHop <= 8*tarBlock {
		want = max(n, 8*tarBlock)
	}
	if cap(w.buf) < want {
		w.buf = make([]byte, want)
	}
	w.buf = w.buf[:want]
	got, err := w.r.ReadAt(w.buf, off)
	w.buf, w.bufAt = w.buf[:got], off
	switch {
	case got >= n:
		return w.buf[:n], nil
	case err == io.EOF && got == 0:
		return nil, io.EOF
	case err == nil || err == io.EOF:
		return nil, fmt.Errorf("%w: a tar that is cut off", ErrCorrupt)
	}
	return nil, err
}

// A tarHead is what headers say of one member, those together that describe it.
type tarHead struct {
	block [tarBlock]byte // the last one
	at    int64          // of its data
	name  string         // from a long name or an extended header
	size  int64          // from an extended header, or -1
	pax   *paxRecords
}

func (w *tarWalker) next() (*entry, error) {
	start := w.at
	h := tarHead{size: -1}
	for range maxTarChain {
		if w.size >= 0 && w.at > w.size {
			return nil, fmt.Errorf("%w: a tar that is cut off", ErrCorrupt)
		}
		b, err := w.read(w.at, tarBlock)
		if err != nil {
			return nil, err // io.EOF is the end of a tar that lacks the two empty blocks
		}
		if isZero(b) {
			return nil, io.EOF
		}
		if !tarChecksum(b) {
			return nil, fmt.Errorf("%w: a tar header with a wrong checksum", ErrCorrupt)
		}
		copy(h.block[:], b)
		h.at = w.at + tarBlock
		size, ok := tarNumber(b[124:136])
		if !ok || size < 0 || size > maxSize {
			return nil, fmt.Errorf("%w: a tar header with a wrong size", ErrCorrupt)
		}
		described, err := w.describe(&h, size)
		if err != nil {
			return nil, err
		}
		if !described {
			e, err := w.entry(&h, size)
			w.lastHop = w.at - start
			return e, err
		}
		w.at = roundTar(h.at + size)
	}
	return nil, fmt.Errorf("%w: too many headers for one member", ErrCorrupt)
}

// describe takes in a header that only says something of the next one.
func (w *tarWalker) describe(h *tarHead, size int64) (bool, error) {
	kind := h.block[156]
	switch kind {
	case 'L', 'K', 'x', 'X', 'g', 'V', 'A', 'N':
	default:
		return false, nil
	}
	if kind == 'V' || kind == 'A' || kind == 'N' || kind == 'K' || kind == 'g' {
		return true, nil // nothing that matters here
	}
	if size > maxTarSpecial {
		return true, fmt.Errorf("%w: a tar header of %d bytes", ErrLimit, size)
	}
	b, err := w.read(h.at, int(size))
	if err != nil {
		return true, cutOff(err)
	}
	if kind == 'L' {
		name, _, _ := bytes.Cut(b, []byte{0})
		h.name = string(name)
		return true, nil
	}
	pax, err := parsePax(b)
	if err != nil {
		return true, err
	}
	h.pax = pax
	return true, nil
}

// cutOff is the error for data that is not there.
func cutOff(err error) error {
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: a tar that is cut off", ErrCorrupt)
	}
	return err
}

// entry makes the entry of h and moves behind its data.
func (w *tarWalker) entry(h *tarHead, size int64) (*entry, error) {
	e := h.entry()
	if p := h.pax; p != nil && p.size >= 0 {
		size = p.size
	}
	switch h.block[156] {
	case '1', '2', '3', '4', '5', '6': // without data, whatever the size says
		size, e.Size = 0, 0
	}
	stored := extent{Volume: w.volume, Off: h.at, Len: size}
	w.at = roundTar(h.at + size)
	if e.Kind != kindFile {
		return e, nil
	}
	e.Size, e.Packed = size, size
	switch p := h.pax; {
	case h.block[156] == 'S':
		return e, w.oldSparse(h, e, stored)
	case p != nil && p.sparse:
		return e, w.paxSparse(p, e, stored)
	}
	e.Extents = w.clip([]extent{stored})
	return e, nil
}

// clip takes away what lies behind the end of the file.
func (w *tarWalker) clip(x []extent) []extent {
	if w.size < 0 {
		return x
	}
	for i := range x {
		if left := max(w.size-x[i].Off, 0); x[i].Off >= 0 && x[i].Len > left {
			x[i].Len = left
			return x[:i+1]
		}
	}
	return x
}

// entry says what the block and what described it say, without a size.
func (h *tarHead) entry() *entry {
	b := h.block[:]
	e := &entry{Raw: h.plainName(), Run: noRun, Method: "store"}
	if mtime, ok := tarNumber(b[136:148]); ok {
		e.ModTime = unixTime(mtime, 0)
	}
	if p := h.pax; p != nil {
		if p.path != "" {
			e.Raw, e.UTF8 = p.path, p.utf8
		}
		if !p.mtime.IsZero() {
			e.ModTime = p.mtime
		}
	}
	switch b[156] {
	case '1', '2':
		e.Kind = kindLink
	case '3', '4', '6', 'M':
		e.Kind = kindOther
	case '5', 'D':
		e.Kind = kindDir
	}
	return e
}

// plainName is the name without extended headers.
func (h *tarHead) plainName() string {
	if h.name != "" {
		return h.name
	}
	b := h.block[:]
	name := tarString(b[:100])
	if string(b[257:263]) == "ustar\x00" {
		if prefix := tarString(b[345:500]); prefix != "" {
			return prefix + "/" + name
		}
	}
	return name
}

func tarString(b []byte) string {
	s, _, _ := bytes.Cut(b, []byte{0})
	return string(s)
}

func roundTar(n int64) int64 { return (n + tarBlock - 1) &^ (tarBlock - 1) }

func isZero(b []byte) bool { return len(bytes.TrimLeft(b, "\x00")) == 0 }

// tarChecksum checks a header. Some old tars have summed up signed bytes.
func tarChecksum(b []byte) bool {
	want, ok := tarNumber(b[148:156])
	if !ok {
		return false
	}
	var unsigned, signed int64
	for i, c := range b {
		if i >= 148 && i < 156 {
			c = ' '
		}
		unsigned += int64(c)
		signed += int64(int8(c))
	}
	return want == unsigned || want == signed
}

// tarNumber reads a number in octal digits, or in base 256 as GNU and star write those that are too large.
func tarNumber(b []byte) (int64, bool) {
	if b[0]&0x80 != 0 {
		var n int64
		if b[0]&0x40 != 0 {
			n = -1
		}
		n = n<<6 | int64(b[0]&0x3F)
		for _, c := range b[1:] {
			if n > maxSize>>4 || n < -maxSize>>4 {
				return 0, false
			}
			n = n<<8 | int64(c)
		}
		return n, true
	}
	b = bytes.TrimLeft(b, " \x00")
	if end := bytes.IndexAny(b, " \x00"); end >= 0 {
		b = b[:end]
	}
	var n int64
	for _, c := range b {
		if c < '0' || c > '7' || n > maxSize {
			return 0, false
		}
		n = n<<3 | int64(c-'0')
	}
	return n, true
}

package archive

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/klauspost/compress/zstd"
)

// A kept index is this magic, the CRC-32C of the rest, its length in bytes before zstd, and zstd of the index. The cache may
// give back anything at all, so nothing of it is believed: a damaged one is made again.
const indexMagic = "upA\x01"

var errStale = errors.New("archive: kept index is damaged or of another version")

// encode writes the index down.
func (ix *index) encode() []byte {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	var w encoder
	w.text(ix.format)
	w.flag(ix.lastWins)
	w.flag(ix.complete)
	code := faultCode(ix.fault)
	w.num(int64(code))
	if code != 0 {
		w.text(ix.fault.Error())
	}
	w.text(string(ix.state))
	w.num(int64(len(ix.volumes)))
	for _, v := range ix.volumes {
		w.text(v)
	}
	w.num(int64(len(ix.entries)))
	for _, e := range ix.entries {
		w.entry(e)
	}
	return sealIndex(w.b)
}

// sealIndex makes a blob of what was written down.
func sealIndex(raw []byte) []byte {
	z, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		panic(err) // the options are constant
	}
	defer z.Close()
	head := binary.AppendUvarint(nil, uint64(len(raw)))
	body := z.EncodeAll(raw, head)
	out := append([]byte(indexMagic), 0, 0, 0, 0)
	binary.LittleEndian.PutUint32(out[len(indexMagic):], crc32.Checksum(body, castagnoli()))
	return append(out, body...)
}

// decodeIndex reads what encode wrote. Whatever is wrong with it is errStale.
func decodeIndex(data []byte, l Limits) (*index, error) {
	raw, err := unpackIndex(data, l)
	if err != nil {
		return nil, err
	}
	r := decoder{b: raw}
	ix := newIndex(r.text(), r.flag(), l)
	ix.complete = r.flag()
	fault := r.num()
	if fault != 0 {
		ix.fault = faultOf(fault, r.text())
	}
	if s := r.text(); s != "" {
		ix.state = []byte(s)
	}
	for range r.count(1) {
		ix.volumes = append(ix.volumes, r.text())
	}
	n := r.count(8)
	ix.entries = make([]*entry, 0, n)
	ix.names = make([]string, 0, n)
	for range n {
		e := r.entry()
		if r.bad {
			return nil, errStale
		}
		if err := ix.addLocked(e); err != nil {
			return nil, fmt.Errorf("%w: %w", errStale, err)
		}
	}
	if r.bad || len(r.b) > 0 || ix.complete && ix.state != nil {
		return nil, errStale
	}
	if ix.complete {
		ix.finishLocked(ix.fault)
	}
	return ix, nil
}

func unpackIndex(data []byte, l Limits) ([]byte, error) {
	head := len(indexMagic) + 4
	if len(data) < head || string(data[:len(indexMagic)]) != indexMagic ||
		binary.LittleEndian.Uint32(data[len(indexMagic):]) != crc32.Checksum(data[head:], castagnoli()) {
		return nil, errStale
	}
	size, n := binary.Uvarint(data[head:])
	limit := uint64(4*l.IndexBytes) + 1<<20
	if n <= 0 || size > limit {
		return nil, errStale
	}
	z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(limit))
	if err != nil {
		return nil, err
	}
	defer z.Close()
	raw, err := z.DecodeAll(data[head+n:], nil)
	if err != nil || uint64(len(raw)) != size {
		return nil, errStale
	}
	return raw, nil
}

// faults are the ones that are facts about the archive, and so kept with its index. Their order is part of the format.
func faults() []error { return []error{nil, ErrCorrupt, ErrEncrypted, ErrMethod, ErrLimit} }

// isFault reports whether err is a fact about an archive.
func isFault(err error) bool { return faultCode(err) != 0 }

// faultCode is the place of err in faults, 0 when it is none of them.
func faultCode(err error) int {
	for i, f := range faults() {
		if f != nil && errors.Is(err, f) {
			return i
		}
	}
	return 0
}

// A keptFault is a fault that was found in another life.
type keptFault struct {
	kind error
	text string
}

func (f keptFault) Error() string { return f.text }
func (f keptFault) Unwrap() error { return f.kind }

func faultOf(code int64, text string) error {
	if all := faults(); code > 0 && code < int64(len(all)) {
		return keptFault{all[code], text}
	}
	return keptFault{ErrCorrupt, text}
}

type encoder struct{ b []byte }

func (w *encoder) num(v int64)   { w.b = binary.AppendVarint(w.b, v) }
func (w *encoder) text(s string) { w.num(int64(len(s))); w.b = append(w.b, s...) }
func (w *encoder) flag(v bool) {
	if v {
		w.b = append(w.b, 1)
	} else {
		w.b = append(w.b, 0)
	}
}

func (w *encoder) entry(e *entry) {
	w.text(e.Raw)
	for _, f := range []bool{e.UTF8, e.Backslash, e.HasCRC, e.Encrypted, e.Unknown, e.Solid, e.Unsafe, !e.ModTime.IsZero()} {
		w.flag(f)
	}
	w.num(int64(e.Kind))
	w.num(e.Size)
	w.num(e.Packed)
	w.num(int64(e.CRC))
	if !e.ModTime.IsZero() {
		w.num(e.ModTime.Unix())
		w.num(int64(e.ModTime.Nanosecond()))
	}
	w.text(e.Method)
	w.num(int64(e.Run))
	w.num(e.Memory)
	w.num(e.At)
	w.text(string(e.Data))
	w.num(int64(len(e.Extents)))
	for _, x := range e.Extents {
		w.num(int64(x.Volume))
		w.num(x.Off)
		w.num(x.Len)
	}
}

// A decoder reads what an encoder wrote, or anything else: then it is bad, and gives zeros.
type decoder struct {
	b   []byte
	bad bool
}

func (r *decoder) num() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

// count reads a number of things that take at least size bytes each.
func (r *decoder) count(size int) int {
	n := r.num()
	if n < 0 || n > int64(len(r.b)/size) {
		r.bad, r.b = true, nil
		return 0
	}
	return int(n)
}

func (r *decoder) text() string {
	n := r.count(1)
	s := string(r.b[:n])
	r.b = r.b[n:]
	return s
}

func (r *decoder) flag() bool {
	if len(r.b) == 0 {
		r.bad = true
		return false
	}
	v := r.b[0]
	r.b = r.b[1:]
	return v != 0
}

func (r *decoder) entry() *entry {
	e := &entry{Raw: r.text()}
	timed := false
	for _, f := range []*bool{&e.UTF8, &e.Backslash, &e.HasCRC, &e.Encrypted, &e.Unknown, &e.Solid, &e.Unsafe, &timed} {
		*f = r.flag()
	}
	e.Kind = kind(r.num())
	e.Size = r.num()
	e.Packed = r.num()
	e.CRC = uint32(r.num())
	if timed {
		e.ModTime = time.Unix(r.num(), r.num()%1e9).UTC()
	}
	e.Method = r.text()
	e.Run = int(r.num())
	e.Memory = r.num()
	e.At = r.num()
	if s := r.text(); s != "" {
		e.Data = []byte(s)
	}
	for range r.count(3) {
		e.Extents = append(e.Extents, extent{int(r.num()), r.num(), r.num()})
	}
	return e
}

package rar

import (
	"bytes"
	"fmt"
	"io"
)

const (
	blockSize = 16 << 10 // what a swarm is asked for at a time: reads do not cross its borders without need
	readSize  = 4 << 10  // of a header and what is behind it: most headers are much smaller

	sfxSize     = 1 << 20 // how far into any file the signature is looked for
	programSize = 4 << 20 // and how far into a program
	sfxStep     = 64 << 10
)

// A window is bytes of a volume that were read.
type window struct {
	off int64
	b   []byte
}

// from returns what the window has at off and behind it.
func (w *window) from(off int64) []byte {
	if i := off - w.off; i >= 0 && i < int64(len(w.b)) {
		return w.b[i:]
	}
	return nil
}

// A volume is a file of the set with what is known of it.
type volume struct {
	name   string
	r      Volume
	size   int64
	format format
	main   *block

	head, last window           // the beginning, and what was read last
	quick      map[int64][]byte // headers by their place, from the quick-open record
	quickTried bool
}

// openVolume reads the beginning of a volume, up to its main header and a bit behind it.
func openVolume(name string, r Volume) (*volume, error) {
	v := &volume{name: name, r: r, size: r.Size()}
	head, err := v.load(0, min(blockSize, v.size))
	if err != nil {
		return nil, err
	}
	v.head = window{0, head}
	if err := v.findMain(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return v, nil
}

// findMain looks for the signature and the main header behind it. In a program, bytes that look like a signature are none when no
// header follows.
func (v *volume) findMain() error {
	reach := int64(sfxSize)
	if isExecutable(v.head.b) {
		reach = programSize
	}
	reach = min(reach, v.size)
	for w := v.head; ; {
		for i := 0; ; i++ {
			n := bytes.Index(w.b[i:], []byte(signature))
			if n < 0 {
				break
			}
			i += n
			if err := v.tryMain(w.off + int64(i)); err == nil || i == 0 && w.off == 0 {
				return err
			}
		}
		next := w.off + int64(len(w.b))
		if next >= reach {
			return ErrFormat
		}
		next = max(0, next-int64(len(signature))-1) // one may lie across
		b, err := v.load(next, min(sfxStep, reach-next))
		if err != nil {
			return err
		}
		w = window{next, b}
	}
}

// tryMain reads the main header behind a signature at off.
func (v *volume) tryMain(off int64) error {
	raw, err := v.read(off, min(int64(len(signature)+2), v.size-off))
	if err != nil {
		return err
	}
	f, n := signed(raw)
	if f == nil {
		return ErrFormat
	}
	v.format = f
	b, err := v.local(off + int64(n))
	switch {
	case err == io.EOF:
		return corrupt("it ends behind its signature")
	case err != nil:
		return err
	case b.kind == sealedBlock:
		return fmt.Errorf("%w: so are the names of its members", ErrEncrypted)
	case b.kind != mainBlock:
		return corrupt("no main header")
	}
	v.main = b
	return nil
}

func isExecutable(head []byte) bool {
	for _, magic := range []string{"MZ", "\x7fELF", "\xcf\xfa\xed\xfe", "\xca\xfe\xba\xbe", "#!"} {
		if bytes.HasPrefix(head, []byte(magic)) {
			return true
		}
	}
	return false
}

// header reads the header at off. io.EOF: the volume ends there. What is at hand is used first, then the quick-open record, then
// the place itself.
func (v *volume) header(off, budget int64) (*block, error) {
	if raw := v.whole(off); raw != nil {
		return v.parse(off, raw)
	}
	v.loadQuick(off, budget)
	if raw := v.quick[off]; raw != nil {
		b, err := v.parse(off, raw)
		if err == nil {
			b.quick = true
			return b, nil
		}
	}
	return v.local(off)
}

// local reads the header at off from there.
func (v *volume) local(off int64) (*block, error) {
	if off == v.size {
		return nil, io.EOF
	}
	if off < 0 || v.size-off < prefix {
		return nil, corrupt("%s ends in the middle of a header", v.name)
	}
	p, err := v.read(off, prefix)
	if err != nil {
		return nil, err
	}
	n, err := v.format.size(p)
	if err != nil {
		return nil, err
	}
	if int64(n) > v.size-off {
		return nil, corrupt("%s ends in the middle of a header", v.name)
	}
	raw, err := v.read(off, int64(n))
	if err != nil {
		return nil, err
	}
	return v.parse(off, raw)
}

func (v *volume) parse(off int64, raw []byte) (*block, error) {
	b, err := v.format.parse(raw)
	if err != nil {
		return nil, fmt.Errorf("%w (%s at %d)", err, v.name, off)
	}
	b.off = off
	return b, nil
}

// whole returns the header at off when no read is needed for it.
func (v *volume) whole(off int64) []byte {
	for _, w := range []*window{&v.head, &v.last} {
		b := w.from(off)
		if len(b) < prefix {
			continue
		}
		if n, err := v.format.size(b[:prefix]); err == nil && n <= len(b) {
			return b[:n]
		}
	}
	return nil
}

// read returns n bytes at off, which are there. It reads a bit more, but not of another block, and nothing twice.
func (v *volume) read(off, n int64) ([]byte, error) {
	have := v.head.from(off)
	if more := v.last.from(off); len(more) > len(have) {
		have = more
	}
	if int64(len(have)) >= n {
		return have[:n], nil
	}
	from := off + int64(len(have))
	to := max(off+n, min(from+readSize, (from/blockSize+1)*blockSize))
	b, err := v.load(from, min(to, v.size)-from)
	if err != nil {
		return nil, err
	}
	v.last = window{off, append(have[:len(have):len(have)], b...)}
	return v.last.b[:n], nil
}

// load reads n bytes at off, which are there.
func (v *volume) load(off, n int64) ([]byte, error) {
	b := make([]byte, n)
	got, err := v.r.ReadAt(b, off)
	if got == len(b) {
		return b, nil
	}
	if err == nil || err == io.EOF {
		err = io.ErrUnexpectedEOF // the volume is shorter than it said
	}
	return nil, fmt.Errorf("rar: %s at %d: %w", v.name, off, err)
}

// forget drops what was only needed to walk through the volume.
func (v *volume) forget() { v.head, v.last, v.quick = window{}, window{}, nil }

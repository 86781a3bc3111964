package rar

import (
	"bytes"
	"encoding/binary"
	"io"
)

// The largest quick-open record that is read, in bytes and in headers.
const (
	maxQuick        = 32 << 20
	maxQuickHeaders = 1 << 18
)

// loadQuick reads the volume's quick-open record, if it has one that can be of use for a header at off. Such a record is a copy of
// the headers of larger members, and only spares reads: what is wrong with it does no harm, and is no error. Nor is it believed
// for good: see Check.
func (v *volume) loadQuick(off, budget int64) {
	if v.quickTried || v.main.quicks == 0 {
		return
	}
	at := v.main.off + v.main.quicks
	if off < v.main.end() || off >= at || at >= v.size {
		return
	}
	v.quickTried = true
	b, err := v.local(at)
	if err != nil || b.kind != serviceBlock || b.name != "QO" || b.entry.Method != 0 || b.before || b.after ||
		b.data > min(maxQuick, budget) || b.end() > v.size {
		return
	}
	// Behind the record is the end of the archive, mostly: a few bytes, which come with it.
	from := at + int64(b.head)
	raw, err := v.read(from, min(b.data+readSize, v.size-from))
	if err != nil {
		return
	}
	v.quick = quickHeaders(raw[:b.data], at, v.main.end())
	v.last = window{b.end(), bytes.Clone(raw[b.data:])}
}

// quickHeaders reads the headers of a quick-open record which begins at the place at. None lies before first.
func quickHeaders(data []byte, at, first int64) map[int64][]byte {
	m := make(map[int64][]byte)
	for c := (cursor{b: data}); len(c.b) > 0 && len(m) < maxQuickHeaders; {
		sum, rest := c.u32(), c.b
		n := c.vint()
		size := uint64(len(rest) - len(c.b))
		item := cursor{b: c.take(n)}
		if c.bad || checksum(rest[:size+n]) != sum {
			break
		}
		item.vint() // flags
		back := item.size()
		raw := item.take(item.vint())
		if item.bad || len(raw) < prefix || back > at-first || back < int64(len(raw)) {
			continue
		}
		if n, err := (rar5{}).size(raw[:prefix]); err == nil && n == len(raw) {
			m[at-back] = raw
		}
	}
	return m
}

// Quick reports whether only a quick-open record told of the member, so that Check has something to look at.
func (c *Coding) Quick() bool { return len(c.quick) > 0 }

// Check looks at the headers of a member that only a quick-open record told of, which lie next to its bytes. ErrCorrupt: there is
// another header, or none. It is to be called before the member is read at its Extents; an Unpacker does so itself.
func (c *Coding) Check(volume func(i int) (Volume, error)) error {
	for _, p := range c.quick {
		v, err := volume(p.volume)
		if err != nil {
			return err
		}
		raw := make([]byte, p.size)
		n, err := v.ReadAt(raw, p.off)
		if n < len(raw) && err != nil && err != io.EOF {
			return err
		}
		if n < prefix || n < len(raw) || binary.LittleEndian.Uint32(raw) != p.sum || checksum(raw[4:]) != p.sum {
			return corrupt("the quick-open record tells of a member that is not there")
		}
	}
	return nil
}

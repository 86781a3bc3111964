package archive

import (
	"bytes"
	"fmt"
	"strconv"
)

// oldSparse reads the map of a member of GNU's own type S: four pieces in the header, and blocks of 21 behind it.
func (w *tarWalker) oldSparse(h *tarHead, e *entry, stored extent) error {
	size, ok := tarNumber(h.block[483:495])
	if !ok || size < 0 || size > maxSize {
		return sparseError()
	}
	e.Size = size
	var pieces []extent
	take := func(b []byte) bool {
		for ; len(b) >= 24 && b[0] != 0; b = b[24:] {
			off, ok1 := tarNumber(b[:12])
			n, ok2 := tarNumber(b[12:24])
			if !ok1 || !ok2 {
				return false
			}
			pieces = append(pieces, extent{Off: off, Len: n})
		}
		return true
	}
	if !take(h.block[386:482]) {
		return sparseError()
	}
	for more := h.block[482] != 0; more; {
		b, err := w.read(stored.Off, tarBlock)
		if err != nil {
			return cutOff(err)
		}
		if !take(b[:504]) {
			return sparseError()
		}
		if len(pieces) > maxTarSparse {
			return fmt.Errorf("%w: a sparse member of too many pieces", ErrLimit)
		}
		more = b[504] != 0
		stored.Off += tarBlock
	}
	w.at = roundTar(stored.Off + stored.Len)
	return w.sparse(e, pieces, stored)
}

// paxSparse reads the map of a member of one of the later versions.
func (w *tarWalker) paxSparse(p *paxRecords, e *entry, stored extent) error {
	if p.realSize >= 0 {
		e.Size = p.realSize
	}
	if p.major == 0 {
		return w.sparse(e, p.pieces, stored)
	}
	if p.major != 1 || p.minor != 0 {
		e.Unknown, e.Method = true, fmt.Sprintf("sparse %d.%d", p.major, p.minor)
		return nil
	}
	pieces, used, err := w.mapInData(stored)
	if err != nil {
		return err
	}
	stored.Off += used
	stored.Len -= used
	return w.sparse(e, pieces, stored)
}

// mapInData reads the map of version 1.0, which stands before the data in decimal lines, padded to whole blocks.
func (w *tarWalker) mapInData(stored extent) (pieces []extent, used int64, err error) {
	var text []byte
	var numbers []int64
	for want := 1; len(numbers) < want; {
		if used+tarBlock > stored.Len || used > maxTarSpecial {
			return nil, 0, sparseError()
		}
		b, err := w.read(stored.Off+used, tarBlock)
		if err != nil {
			return nil, 0, cutOff(err)
		}
		text, used = append(text, b...), used+tarBlock
		for len(numbers) < want {
			line, rest, ok := bytes.Cut(text, []byte{'\n'})
			if !ok {
				break
			}
			n, err := strconv.ParseInt(string(line), 10, 64)
			if err != nil || n < 0 {
				return nil, 0, sparseError()
			}
			if text = rest; len(numbers) == 0 {
				if n > maxTarSparse {
					return nil, 0, fmt.Errorf("%w: a sparse member of too many pieces", ErrLimit)
				}
				want = 1 + 2*int(n)
			}
			numbers = append(numbers, n)
		}
	}
	for i := 1; i+1 < len(numbers); i += 2 {
		pieces = append(pieces, extent{Off: numbers[i], Len: numbers[i+1]})
	}
	return pieces, used, nil
}

// sparse makes the extents of e: pieces say where in the member the stored bytes belong, one behind the other.
func (w *tarWalker) sparse(e *entry, pieces []extent, stored extent) error {
	var at int64 // in the member
	var x []extent
	for _, p := range pieces {
		if p.Off < at || p.Len < 0 || p.Off > e.Size || p.Len > e.Size-p.Off || p.Len > stored.Len {
			return sparseError()
		}
		if p.Off > at {
			x = append(x, extent{Off: -1, Len: p.Off - at})
		}
		if p.Len > 0 {
			x = append(x, extent{Volume: w.volume, Off: stored.Off, Len: p.Len})
		}
		stored.Off += p.Len
		stored.Len -= p.Len
		at = p.Off + p.Len
	}
	if at < e.Size {
		x = append(x, extent{Off: -1, Len: e.Size - at})
	}
	e.Extents = w.clip(x)
	return nil
}

func sparseError() error { return fmt.Errorf("%w: the map of a sparse member", ErrCorrupt) }

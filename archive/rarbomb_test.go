package archive

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"slices"
	"testing"
	"time"
)

// rar5Block is a block of RAR 5: numbers, what is behind them in the header, and the data.
func rar5Block(numbers []uint64, tail string, data []byte) []byte {
	var b []byte
	for _, n := range numbers {
		b = binary.AppendUvarint(b, n)
	}
	b = append(b, tail...)
	b = append(binary.AppendUvarint(nil, uint64(len(b))), b...)
	b = append(binary.LittleEndian.AppendUint32(nil, crc32.ChecksumIEEE(b)), b...)
	return append(b, data...)
}

// A rar5Packed is a compressed member as a header has it.
type rar5Packed struct {
	name    string
	size    uint64
	unknown bool // the header has no size
	window  uint64
	data    []byte
}

// rar5Solid returns an archive of members that are solid.
func rar5Solid(members ...rar5Packed) []byte {
	b := append([]byte("Rar!\x1a\x07\x01\x00"), rar5Block([]uint64{1, 0, 4}, "", nil)...)
	for i, m := range members {
		flags, coding := uint64(0), uint64(3<<7|m.window<<10)
		if m.unknown {
			flags = 8
		}
		if i > 0 {
			coding |= 0x40
		}
		numbers := []uint64{2, 2, uint64(len(m.data)), flags, m.size, 0o100644, coding, 1, uint64(len(m.name))}
		b = append(b, rar5Block(numbers, m.name, m.data)...)
	}
	return append(b, rar5Block([]uint64{5, 0, 0}, "", nil)...)
}

// A bitWriter writes bits, the highest first.
type bitWriter struct {
	b    []byte
	free int // bits in the last byte
}

func (w *bitWriter) put(v uint64, n int) {
	for i := n - 1; i >= 0; i-- {
		if w.free == 0 {
			w.b, w.free = append(w.b, 0), 8
		}
		w.free--
		w.b[len(w.b)-1] |= byte(v>>i&1) << w.free
	}
}

// rar5Zeros packs zeros as tightly as RAR 5 can: one of them, a match of 4097 bytes, and that again many times, a bit each.
func rar5Zeros(times int) (packed []byte, size int64) {
	w := new(bitWriter)
	// The code that lengths of codes are in: 0, 1 and 2, and "zeros", which is 19, of two bits each.
	for i := range 20 {
		n := uint64(0)
		if slices.Contains([]int{0, 1, 2, 19}, i) {
			n = 2
		}
		w.put(n, 4)
	}
	zeros := func(n int) {
		for ; n >= 11; n -= min(n, 138) {
			w.put(3, 2)
			w.put(uint64(min(n, 138)-11), 7)
		}
		for range n {
			w.put(0, 2)
		}
	}
	w.put(2, 2) // literal 0: two bits
	zeros(256)
	w.put(1, 2) // 257, the last match again: one
	zeros(305 - 258)
	w.put(2, 2) // 305, a match of the longest kind: two
	w.put(1, 2) // of distances only the first
	zeros(63 + 16 + 44)
	w.put(0b10, 2)   // a zero
	w.put(0b11, 2)   // the match:
	w.put(1<<9-1, 9) // its length
	w.put(0, 1)      // from one byte before
	for range times {
		w.put(0, 1)
	}
	n := len(w.b)
	flags := byte(0x80 | 0x40 | 2<<3 | (7 - w.free))
	head := []byte{flags, 0x5a ^ flags ^ byte(n) ^ byte(n>>8) ^ byte(n>>16), byte(n), byte(n >> 8), byte(n >> 16)}
	const match = 2 + 7<<9 + 1<<9 - 1
	return append(head, w.b...), 1 + match*int64(1+times)
}

// TestRarBombs: little that becomes much is refused before it costs much.
func TestRarBombs(t *testing.T) {
	small, size := rar5Zeros(1000)
	zeros := make([]byte, size)
	big, bigSize := rar5Zeros(1 << 18) // 1 GiB
	for name, c := range map[string]struct {
		limits  Limits
		members []rar5Packed
		read    string
		want    error
	}{
		"harmless":            {Limits{}, []rar5Packed{{"a", uint64(size), false, 0, small}}, "a", nil},
		"a ratio":             {Limits{}, []rar5Packed{{"a", uint64(bigSize), false, 0, big}}, "a", ErrLimit},
		"a window":            {Limits{Dictionary: 1 << 20}, []rar5Packed{{"a", uint64(size), false, 15, small}}, "a", ErrLimit},
		"a window in a run":   {Limits{Dictionary: 1 << 20}, []rar5Packed{{"a", 1, false, 0, small}, {"b", uint64(size), false, 15, small}}, "b", ErrLimit},
		"a window for little": {Limits{}, []rar5Packed{{"a", uint64(size), false, 15, small}}, "a", nil},
		"no size":             {Limits{}, []rar5Packed{{"a", 0, true, 0, small}}, "a", ErrMethod},
		"behind no size":      {Limits{}, []rar5Packed{{"a", 0, true, 0, small}, {"b", uint64(size), false, 0, small}}, "b", nil},
		"behind a lot":        {Limits{}, []rar5Packed{{"a", 0, true, 0, big}, {"b", uint64(size), false, 0, small}}, "b", ErrLimit},
		"more than its size":  {Limits{}, []rar5Packed{{"a", 10, false, 0, big}, {"b", uint64(size), false, 0, small}}, "b", ErrCorrupt},
	} {
		t.Run(name, func(t *testing.T) {
			begun := time.Now()
			p := newSource("a.rar", rar5Solid(c.members...)).place()
			b, err := read(t, library(t, Config{Limits: c.limits, Cache: newMemCache()}), p, c.read)
			if !errors.Is(err, c.want) || err == nil && !bytes.Equal(b, zeros) {
				t.Errorf("%d bytes, %v, want %v", len(b), err, c.want)
			}
			if took := time.Since(begun); took > 15*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

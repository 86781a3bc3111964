package store

import (
	"slices"
	"sync"
)

// span is a run of bytes [from, to).
type span struct{ from, to int64 }

// spans are runs of bytes in ascending order, that neither overlap nor touch.
type spans []span

// add adds [from, to) and returns how many of its bytes are new.
func (s *spans) add(from, to int64) int64 {
	if from >= to {
		return 0
	}
	a := *s
	// a[lo:hi] are the runs that overlap or touch the new one.
	lo, _ := slices.BinarySearchFunc(a, from, func(e span, from int64) int {
		if e.to < from {
			return -1
		}
		return 1
	})
	hi, had := lo, int64(0)
	merged := span{from, to}
	for ; hi < len(a) && a[hi].from <= to; hi++ {
		had += max(0, min(a[hi].to, to)-max(a[hi].from, from))
		merged.from, merged.to = min(merged.from, a[hi].from), max(merged.to, a[hi].to)
	}
	if lo == hi {
		*s = slices.Insert(a, lo, merged)
	} else {
		a[lo] = merged
		*s = slices.Delete(a, lo+1, hi)
	}
	return to - from - had
}

// end returns where the run that holds off ends, or off when none does.
func (s spans) end(off int64) int64 {
	for _, e := range s {
		if off < e.from {
			break
		}
		if off < e.to {
			return e.to
		}
	}
	return off
}

// fill is what is known of a filling chunk: the bytes that were written. They are marked once the write has returned.
type fill struct {
	mu      sync.Mutex
	written spans
	total   int64
}

func (f *fill) add(from, to int64) {
	f.mu.Lock()
	f.total += f.written.add(from, to)
	f.mu.Unlock()
}

func (f *fill) end(off int64) int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.written.end(off)
}

// have is the number of bytes written.
func (f *fill) have() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.total
}

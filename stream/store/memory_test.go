package store

import (
	"runtime"
	"testing"
	"unsafe"
)

// TestMemory: the records of 40,000 chunks take less than 8 MB.
func TestMemory(t *testing.T) {
	const n = 40_000
	var before, after runtime.MemStats
	s := &Store{unit: 4096, roots: make(map[key]*root)}
	runtime.GC()
	runtime.ReadMemStats(&before)
	r := s.newRoot(key{"test", "many"})
	s.roots[r.key] = r
	for i := range n {
		r.chunks[i] = &chunk{root: r, i: int32(i), size: mib, cost: s.cost(mib), state: verified}
		s.ordinary.pushFront(r.chunks[i])
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	got := after.HeapAlloc - before.HeapAlloc
	t.Logf("%d bytes a chunk, of which the record has %d", got/n, unsafe.Sizeof(chunk{}))
	if got > 8_000_000 {
		t.Errorf("%d bytes for %d chunks", got, n)
	}
	runtime.KeepAlive(s)
}

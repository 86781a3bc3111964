package store

import (
	"math/rand/v2"
	"testing"
)

// TestSpans compares spans with one bool a byte.
func TestSpans(t *testing.T) {
	const size = 64
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		var s spans
		var model [size + 1]bool
		for range 40 {
			from := r.Int64N(size)
			to := from + r.Int64N(size-from) + r.Int64N(2)
			fresh := int64(0)
			for i := from; i < to; i++ {
				if !model[i] {
					fresh++
				}
				model[i] = true
			}
			if got := s.add(from, to); got != fresh {
				t.Fatalf("seed %d: add(%d, %d) = %d new bytes, want %d", seed, from, to, got, fresh)
			}
			for off := range int64(size) {
				end := off
				for model[end] {
					end++
				}
				if got := s.end(off); got != end {
					t.Fatalf("seed %d: end(%d) = %d, want %d; %v", seed, off, got, end, s)
				}
			}
			for i := 1; i < len(s); i++ {
				if s[i-1].to >= s[i].from {
					t.Fatalf("seed %d: %v is not apart", seed, s)
				}
			}
		}
	}
}

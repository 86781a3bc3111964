package store

import (
	"slices"
	"testing"
)

func TestCoverage(t *testing.T) {
	s := openStore(t, t.TempDir(), 64*mib)
	o := openObject(t, s, testSpec("film", 10*mib, mib))
	if got := o.Coverage(4); !slices.Equal(got, []uint8{0, 0, 0, 0}) {
		t.Errorf("nothing is here: %v", got)
	}
	for _, i := range []int{0, 1, 2, 9} {
		put(t, o, i)
	}
	for most, want := range map[int][]uint8{
		-1: nil, 0: nil,
		1:   {102},            // 4 of 10
		3:   {255, 0, 63},     // 0 to 2, 3 to 5, 6 to 9
		4:   {255, 85, 0, 85}, // 2, 3, 2 and 3 chunks
		10:  {255, 255, 255, 0, 0, 0, 0, 0, 0, 255},
		256: {255, 255, 255, 0, 0, 0, 0, 0, 0, 255},
	} {
		if got := o.Coverage(most); !slices.Equal(got, want) {
			t.Errorf("in %d parts: %v, want %v", most, got, want)
		}
	}
	if err := o.Reserve(5); err != nil { // filling is not here
		t.Fatal(err)
	}
	if got := o.Coverage(10); got[5] != 0 {
		t.Errorf("a filling chunk counts: %v", got)
	}
	big := openObject(t, s, testSpec("long", 5000, 1))
	put(t, big, 4999)
	if got := big.Coverage(10); got[9] != 1 {
		t.Errorf("one chunk of very many does not show: %v", got)
	}
	o.Close()
	if got := o.Coverage(4); got != nil {
		t.Errorf("of a closed object: %v", got)
	}
}

package store

import (
	"bytes"
	"errors"
	"testing"
)

// TestUneven has an object in which any chunk may be short, as the pieces of a BitTorrent v2 torrent are at the end of each file.
func TestUneven(t *testing.T) {
	dir := t.TempDir()
	spec := Spec{Space: "test", ID: "uneven", Size: 100 + 30 + 1 + 100, Chunk: 100, Sizes: []int32{100, 30, 1, 100}}
	content := func(i int) []byte { return bytes.Repeat([]byte{byte(i + 1)}, int(spec.Sizes[i])) }
	s, err := Open(dir, Options{Quota: 64 << 20})
	if err != nil {
		t.Fatal(err)
	}
	o, err := s.Object(spec)
	if err != nil {
		t.Fatal(err)
	}
	if o.Chunks() != 4 || o.ChunkSize(1) != 30 || o.ChunkSize(4) != -1 {
		t.Fatalf("%d chunks, of %d and %d bytes", o.Chunks(), o.ChunkSize(1), o.ChunkSize(4))
	}
	for i := range spec.Sizes {
		if err := errors.Join(o.WriteAt(i, content(i), 0), o.Commit(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := o.WriteAt(2, []byte{1, 2}, 0); err == nil {
		t.Error("wrote behind the end of a short chunk")
	}
	if err := errors.Join(o.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	if s, err = Open(dir, Options{Quota: 64 << 20}); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	spec.Sizes = []int32{100, 30, 2, 99} // two of them are other than before
	if o, err = s.Object(spec); err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	for i, want := range []bool{true, true, false, false} {
		got := make([]byte, spec.Sizes[i])
		_, err := o.ReadAt(i, got, 0)
		if want && (err != nil || !bytes.Equal(got, content(i))) {
			t.Errorf("chunk %d: %v", i, err)
		}
		if !want && !errors.Is(err, ErrMissing) {
			t.Errorf("chunk %d has another size now: %v", i, err)
		}
	}
	for _, sizes := range [][]int32{{101, 130}, {0, 231}, {100, 100}} {
		spec.Sizes = sizes
		spec.ID = "bad"
		if _, err := s.Object(spec); err == nil {
			t.Errorf("sizes %d were taken", sizes)
		}
	}
}

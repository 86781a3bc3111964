package ipfs

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"
)

// A block that is small on the wire is no large one in memory.
func TestDecodedSize(t *testing.T) {
	field := func(num int, b []byte) []byte {
		return append(binary.AppendUvarint(binary.AppendUvarint(nil, uint64(num)<<3|2), uint64(len(b))), b...)
	}
	link := field(2, field(1, []byte{1, 0x55, 0, 0}))
	folder := field(1, []byte{8, typeDirectory})
	sizes := func(n int) []byte { return field(1, append([]byte{8, typeFile}, field(4, make([]byte, n))...)) }
	for name, b := range map[string][]byte{
		"links":          append(bytes.Repeat(link, maxLinks+1), folder...),
		"packed sizes":   sizes(2 << 20),
		"sizes":          field(1, append([]byte{8, typeFile}, bytes.Repeat([]byte{4 << 3, 0}, maxLinks+1)...)),
		"links of shard": append(bytes.Repeat(link, 9), field(1, []byte{8, typeShard, 5 << 3, murmur3x64, 6 << 3, 8})...),
	} {
		if _, err := decodePB(b); !errors.Is(err, errMalformed) {
			t.Errorf("too many %s: %v", name, err)
		}
	}
	if n, err := decodePB(append(bytes.Repeat(link, maxLinks), folder...)); err != nil || len(n.links) != maxLinks {
		t.Errorf("as many links as there may be: %v", err)
	}
	if n, err := decodePB(append(bytes.Repeat(link, maxLinks), sizes(maxLinks)...)); err != nil || len(n.sizes) != maxLinks {
		t.Errorf("as many sizes as there may be: %v", err)
	}
	// Of a field that nobody knows nothing is kept.
	padded := field(1, bytes.Join([][]byte{{8, typeFile}, field(2, []byte("hi")), field(99, make([]byte, 2<<20))}, nil))
	n, err := decodePB(padded)
	if err != nil || string(n.data) != "hi" || n.size != 2 {
		t.Fatalf("a padded file: %v", err)
	}
	padded[bytes.Index(padded, []byte("hi"))] = 'x'
	if string(n.data) != "hi" {
		t.Error("two bytes of a file keep the whole block")
	}
}

package rar

import (
	"fmt"
	"hash/crc32"
	"math"
)

// A blockKind is what a header is of.
type blockKind uint8

const (
	otherBlock blockKind = iota // skipped
	mainBlock
	fileBlock
	serviceBlock // comments, recovery records, quick-open, streams of NTFS
	endBlock
	sealedBlock // what follows is encrypted, headers too
)

// A block is a header, and where the data behind it lie.
type block struct {
	kind          blockKind
	off           int64 // of the header in its volume
	head          int   // bytes of the header
	data          int64 // bytes behind it
	sum           uint32
	before, after bool // the data began in an earlier volume, or go on in the next one
	quick         bool // this is what a quick-open record says; nobody looked at the place itself

	multi    bool   // main: one volume of several
	solid    bool   // main: members may be unpacked with what was unpacked before them
	oldNames bool   // main: volumes are called .rar, .r00, .r01
	number   int64  // main: of this volume, from 0; -1: it does not say
	quicks   int64  // main: where the quick-open record is; 0: nowhere
	next     bool   // end: another volume follows
	name     string // service
	entry    Entry  // file
}

// end is where the next header is.
func (b *block) end() int64 { return b.off + int64(b.head) + b.data }

// prefix is how many bytes of a header say how long it is. No header is shorter, in either format.
const prefix = 7

// A format reads headers of RAR 4 or 5.
type format interface {
	// size returns the bytes of the header that begins with p, which is prefix bytes, at least prefix itself.
	size(p []byte) (int, error)
	// parse reads a whole header. Its checksum is verified.
	parse(raw []byte) (*block, error)
}

// The signatures, without what differs between them: 0 is RAR 4, 1 and another 0 RAR 5.
const signature = "Rar!\x1a\x07"

// IsArchive reports whether the first bytes of a file are the signature of a RAR archive. A self-extracting one begins with a
// program.
func IsArchive(head []byte) bool {
	f, _ := signed(head)
	return f != nil
}

// signed returns the format whose signature b begins with, and its length.
func signed(b []byte) (format, int) {
	const n = len(signature)
	if len(b) <= n || string(b[:n]) != signature {
		return nil, 0
	}
	if b[n] == 0 {
		return rar4{}, n + 1
	}
	if b[n] == 1 && len(b) > n+1 && b[n+1] == 0 {
		return rar5{}, n + 2
	}
	return nil, 0
}

func corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrCorrupt, fmt.Sprintf(format, args...))
}

// checksum is the CRC-32 that RAR has of everything; RAR 4 keeps 16 bits of it for headers.
func checksum(b []byte) uint32 { return crc32.ChecksumIEEE(b) }

// clampSize makes a number of a header a number of bytes, or -1 where it cannot be one.
func clampSize(v uint64) int64 {
	if v > math.MaxInt64 {
		return -1
	}
	return int64(v)
}

// Package archive finds the members of archives inside any file that can be read at any place, and reads of that file only what
// a member needs.
//
// A [Library] is asked for a path inside a [Place], and answers with a [Member], which is read like any other file. Formats are
// zip, rar, 7z, tar, and tar inside gzip, bzip2, xz, zstd, lz4 or brotli. They are recognised by content.
//
// A member that was stored is read where it lies: it is a list of extents of the archive's volumes. One that was compressed is
// unpacked once, by one goroutine, into a spool that all its readers follow. What is unpacked together (a solid group of a rar or
// 7z, a whole tar.gz) is one run, and one spool. The list of members is made once and kept in the [Cache].
//
// Archives come from strangers. Every number in them is checked before it is believed, memory is bounded by [Limits], names lead
// nowhere but into the archive, links are left out, and a decoder that panics has damaged its own archive only.
//
// The package knows neither HTTP nor any protocol, and imports nothing else of this program.
package archive

import (
	"context"
	"errors"
	"io"
	"time"
)

// What can be wrong with an archive, for callers to tell apart with errors.Is. A member that is not there is fs.ErrNotExist; a
// source that fails passes its own error on, and so does a cache.
var (
	ErrNotArchive = errors.New("archive: not an archive")                // so nothing is below this file
	ErrEncrypted  = errors.New("archive: protected by a password")       // the member, or all of the archive
	ErrMethod     = errors.New("archive: unknown compression method")    // nobody here can unpack it
	ErrCorrupt    = errors.New("archive: damaged")                       // the archive contradicts itself, or a member its checksum
	ErrLimit      = errors.New("archive: larger than is safe to unpack") // a bound of Limits
	ErrClosed     = errors.New("archive: the program stops")             // after Library.Close
)

// A Source is a file that may be an archive, or one volume of it. Any stream.File is one, and so is a [Member].
type Source interface {
	Path() string
	Size() int64 // bytes
	ModTime() time.Time
	// Open returns a reader at offset 0, whose Read blocks for data and fails with ctx's error once ctx is done.
	Open(ctx context.Context) (io.ReadSeekCloser, error)
}

// Limits bound what an archive can cost. A zero field has the default of [DefaultLimits].
type Limits struct {
	Entries    int   // members, with folders and links
	IndexBytes int64 // bytes of a central directory, a 7z header, all headers of a rar or tar together
	NameBytes  int   // bytes of one name
	Dictionary int64 // bytes of memory that one decoder may take
	Ratio      int64 // bytes that one packed byte may become; a deflated one cannot become more than 1032
}

// DefaultLimits are for archives of strangers on a small machine.
func DefaultLimits() Limits {
	return Limits{Entries: 200_000, IndexBytes: 64 << 20, NameBytes: 4 << 10, Dictionary: 256 << 20, Ratio: 1100}
}

func (l Limits) orDefaults() Limits {
	d := DefaultLimits()
	if l.Entries > 0 {
		d.Entries = l.Entries
	}
	if l.IndexBytes > 0 {
		d.IndexBytes = l.IndexBytes
	}
	if l.NameBytes > 0 {
		d.NameBytes = l.NameBytes
	}
	if l.Dictionary > 0 {
		d.Dictionary = l.Dictionary
	}
	if l.Ratio > 0 {
		d.Ratio = l.Ratio
	}
	return d
}

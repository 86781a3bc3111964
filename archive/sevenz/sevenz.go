// Package sevenz says where the members of a 7z archive lie and unpacks them.
//
// [Parse] reads the headers and nothing else, so that the list of an archive of many gigabytes costs a few kilobytes. Members that
// were stored as they are have [Extent]s: any range of them can be read from the source at once. All others are unpacked folder
// by folder: a folder is one compressed stream with one member (or, in a solid archive, many) in it, and an [Unpacker] goes through
// it once, from front to back.
//
// The content comes from strangers. Whatever the archive says is checked before memory is spent on it, a decoder that panics is
// an [ErrCorrupt], and names are handed on as they are written: the caller decides what a name may mean.
//
// The format is described in DOC/7zFormat.txt of 7-Zip's source.
package sevenz

import (
	"errors"
	"io"
	"time"
)

// What can be wrong with an archive. Errors of the source are none of these and are passed on.
var (
	ErrFormat    = errors.New("no 7z archive")
	ErrCorrupt   = errors.New("corrupt 7z archive")
	ErrEncrypted = errors.New("7z archive or member needs a password")
	ErrMethod    = errors.New("7z method not supported")
	ErrLimit     = errors.New("7z archive over the limit")
)

// The limits. An archive, or a folder, beyond them is an [ErrLimit].
const (
	MaxEntries = 200_000   // members and directories
	MaxHeader  = 64 << 20  // bytes of header, unpacked
	MaxMemory  = 264 << 20 // bytes that the decoders of a folder look back: 256 MiB, and some for the small ones of BCJ2
	maxStub    = 1 << 20   // bytes of program before the archive in a self-extracting one
	maxStreams = 32        // coders of a folder, and inputs of all its coders
)

// A Source is the archive: one file, or [Volumes]. Its ReadAt blocks until the bytes are there, and is expected to fail when the
// context of the call that it is given to ends.
type Source interface {
	io.ReaderAt
	Size() int64 // bytes
}

// An Archive is what the headers say. It holds no reader and can be kept and loaded again as plain data.
type Archive struct {
	Entries []Entry
	Folders []Folder
}

// An Entry is a member or a directory.
type Entry struct {
	Name      string    // as written, with slashes; not cleaned, not unique, empty if the archive does not say
	Size      int64     // bytes
	ModTime   time.Time // UTC; zero if the archive does not say
	CRC       uint32    // CRC-32 (IEEE) of the content, if HasCRC
	HasCRC    bool
	Dir       bool
	Link      bool // a symbolic link or a reparse point: the content is where it leads to
	Encrypted bool
	Method    string // such as "LZMA2" or "BCJ LZMA"; empty if there is no content
	Folder    int    // which of Folders has the content; -1 if there is none
	Offset    int64  // of the content in what the folder unpacks to, in bytes
	// Extents say where the content lies in the source, if it was stored as it is. Nil otherwise.
	Extents []Extent
}

// An Extent is a run of bytes in a source. Volume is 0 unless the source is [Volumes]; the offset counts from the start of the volume.
type Extent struct {
	Volume         int
	Offset, Length int64
}

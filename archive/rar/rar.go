// Package rar says where the members of a RAR archive lie, and unpacks those that are compressed.
//
// A [Walker] follows the chain of headers through one volume or many and reads no more than it must: of each header its own
// block of 16 KiB, of a RAR 5 archive with a quick-open record that record instead, and nothing behind the member that it
// was left at. A stored member is a list of extents, to be read at any place. A compressed one is read from its start by an
// [Unpacker], which hands the member's packed bytes, and no others, to github.com/nwaples/rardecode.
//
// Formats: RAR 1.5 to 4.x ("RAR 3", see https://www.rarlab.com/technote.htm of version 4.20 and older) and RAR 5.0 to 7.x (the
// present technote). Archives are hostile: every number is checked before it is used, and every loop goes forward.
package rar

import (
	"errors"
	"io"
	"math"
	"time"
)

// What can be wrong with an archive. Errors of a Volume are passed on as they are.
var (
	ErrFormat    = errors.New("rar: not a RAR archive")
	ErrEncrypted = errors.New("rar: protected by a password")
	ErrMethod    = errors.New("rar: unknown compression method")
	ErrCorrupt   = errors.New("rar: damaged archive")
	ErrLimit     = errors.New("rar: larger than is safe to read")
	ErrVolume    = errors.New("rar: a volume of the set is missing")
)

// A Volume is one file of an archive. ReadAt may block for data; it is called by one goroutine at a time for each Volume, but
// for several volumes at once.
type Volume interface {
	io.ReaderAt
	Size() int64 // bytes
}

// Volumes opens the files of a set.
type Volumes interface {
	// Open returns the file called name, which has no folder, and reads nothing of it. fs.ErrNotExist: there is none.
	Open(name string) (Volume, error)
}

// Limits bound what an archive can cost. A zero field is no bound, but for Volumes and Dictionary, which have one anyway.
type Limits struct {
	Entries     int   // members of all volumes together
	HeaderBytes int64 // bytes of all headers and quick-open records together
	NameBytes   int   // bytes of one name
	Volumes     int   // files of a set; 0: 65535, which is what RAR can count
	Dictionary  int64 // bytes of one decoder's dictionary; 0: 256 MiB
}

const (
	maxVolumes        = 65535
	defaultDictionary = 256 << 20
)

func (l Limits) withDefaults() Limits {
	if l.Entries <= 0 {
		l.Entries = math.MaxInt
	}
	if l.HeaderBytes <= 0 {
		l.HeaderBytes = math.MaxInt64
	}
	if l.NameBytes <= 0 {
		l.NameBytes = math.MaxInt
	}
	if l.Volumes <= 0 {
		l.Volumes = maxVolumes
	}
	if l.Dictionary <= 0 {
		l.Dictionary = defaultDictionary
	}
	return l
}

// Link is how a member points to another instead of having content of its own.
type Link uint8

const (
	NoLink   Link = iota
	Symlink       // symbolic: Unix, Windows, or a junction
	Hardlink      // the same file as an earlier member
	Copy          // the same content as an earlier member ("file reference" of RAR 5)
)

// NoRun is Entry.Run of a member that needs no unpacking.
const NoRun = -1

// An Entry is what an archive says of one member.
type Entry struct {
	Index int // its place in the archive, from 0

	// Name has slashes between its elements, unless Backslash says that it is still in the archive's own bytes: then '\' is to
	// be replaced, but only once the charset is known, for it is the second half of many characters of Shift-JIS.
	Name      string
	UTF8      bool // Name is UTF-8 by the archive's word; else it is in a charset that nobody noted
	Backslash bool

	Size    int64 // bytes unpacked; negative: not known
	Packed  int64 // bytes in all volumes
	ModTime time.Time
	CRC32   uint32 // of the content
	HasCRC  bool
	Blake2  []byte // BLAKE2sp of the content, 32 bytes, or nil; RAR 5 archives have it or the CRC

	Dir, Label bool   // a folder; a volume label, which has no content
	Link       Link   //
	Target     string // what Link points to, where the header says it: RAR 5
	Version    int    // of files that are kept in several versions: 1 is the oldest; 0 for the newest and for all others
	Encrypted  bool   // cannot be read without a password, or not without a member before it that needs one

	// Truncated: a volume is missing, or the archive is cut off, so that Extents are fewer bytes than Packed. Missing is the name
	// that the missing volume should have.
	Truncated bool
	Missing   string

	Coding
}

// A Coding says where a member's bytes lie and how they are packed: all that it takes to read them later, without its headers.
type Coding struct {
	Format     int   // 4 (RAR 1.5 to 4.x) or 5 (RAR 5.0 to 7.x)
	Method     int   // 0: stored; 1 (fastest) to 5 (best)
	Algorithm  int   // unpack version: 15, 20, 26, 29, 36 of Format 4; 50 or 70 of Format 5; others are unknown
	Dictionary int64 // bytes of the window
	Solid      bool  // the archive is solid, so that others may be in its run

	// Run is Index of the member that unpacking starts with: the same for all that are solid together. NoRun: stored, or without
	// content.
	Run int

	Extents []Extent // the bytes, as they are in the volumes: packed or stored
	quick   []place  // headers that are only known from a quick-open record, to be looked at before they are believed
}

// An Extent is a piece of a volume.
type Extent struct {
	Volume   int   // in Walker.Volumes
	Off, Len int64 // bytes
}

// A place is where a header lies, and its CRC-32.
type place struct {
	volume int
	off    int64
	size   int
	sum    uint32
}

// Stored reports whether the member's bytes lie in Extents as they are.
func (c *Coding) Stored() bool { return c.Method == 0 }

// Known reports whether an Unpacker knows how to unpack the member.
func (c *Coding) Known() bool {
	switch c.Algorithm {
	case 20, 26, 29, 36, 50, 70:
		return c.Method <= 5
	}
	return c.Method == 0
}

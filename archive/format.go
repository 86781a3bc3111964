package archive

import (
	"context"
	"io"
	"time"
)

// A format knows one kind of archive. It has no state of its own and is safe for concurrent use; what it gets from an input lives
// as long as that input, and every read through it fails once the input's context is done.
//
// A format may panic on a hostile archive, and may return any error of its own: both become ErrCorrupt, unless the error is
// one of our sentinels, or came from the source.
type format interface {
	// name is a short constant, for the kept index and for logs: "zip".
	name() string
	// match reports whether a file is of this format by its first bytes, at least 4 KiB of it or all. name is its last element
	// and may only decide what the bytes leave open. An executable is also shown its first 1 MiB: self-extracting archives.
	match(head []byte, name string) bool
	// walk starts to list the archive. from is nil, or what walker.state said when an earlier walk was left: then the first
	// entry is the one that would have come next. walk may read what it needs to start (a central directory, say), but no
	// more than that.
	walk(in *input, from []byte) (walker, error)
	// unpack opens a run at its start.
	unpack(in *input, r *run) (unpacker, error)
}

// A walker lists the entries of an archive in its own order. It serves one goroutine.
type walker interface {
	// volumes are the paths of the files that extents and runs lie in, in order, as input.open takes them. Nil is the one file
	// of the input. It may grow while entries come. Those that are missing from the end of a set are left out, but for the
	// one that an entry goes on in.
	volumes() []string
	// next returns the next entry, and reads nothing behind it. io.EOF: there is no more. Entries of one run come in the
	// order they are unpacked in.
	next() (*entry, error)
	// state describes the place between the entry that next returned last and the one that follows. It is kept on disk,
	// and checked by walk as any hostile input. Nil: a walk starts at the beginning each time, which is fine where the whole
	// directory is read at once; next is then called until it says io.EOF.
	state() []byte
}

// An unpacker goes through one run once, from its start. It serves one goroutine.
type unpacker interface {
	// next returns the place in run.entries() of the next member, never the same or an earlier one, and its bytes. The reader is
	// valid until the following next, and need not be read to the end before. Readers need not check sizes and checksums
	// themselves, and must not stop the run when those of one member are wrong if they can go on. io.EOF: the run has ended.
	next() (i int, r io.Reader, err error)
	close() error
}

// kind says what an entry is. Only files have content here.
type kind uint8

const (
	kindFile  kind = iota
	kindDir        // a folder
	kindLink       // symbolic or hard: never followed, and so not listed
	kindOther      // device, pipe, alternate stream, volume label: not listed
)

// noRun is entry.Run of what is not packed.
const noRun = -1

// An entry is what an archive says of one member. A format fills it in as it finds it; names are cleaned later, for all formats in
// the same way.
type entry struct {
	Raw       string // the name in the archive's own bytes
	UTF8      bool   // Raw is said to be UTF-8; else its charset is guessed
	Backslash bool   // '\' separates elements of Raw, as it does on DOS and Windows
	Kind      kind
	Size      int64 // bytes unpacked; negative: not known before it is unpacked, and not served
	Packed    int64 // bytes in the archive; of a member of a larger run its share or 0
	CRC       uint32
	HasCRC    bool // CRC is the IEEE CRC-32 of the content
	ModTime   time.Time
	Method    string // "store", "deflate": for people
	Encrypted bool   // ErrEncrypted to open
	Unknown   bool   // ErrMethod to open: nothing here can unpack Method
	Unsafe    bool   // ErrLimit to open: it shares bytes with other members, as bombs do

	// Extents is where a stored member lies, in order. They are Size bytes together, or fewer when a volume is missing or
	// the archive is cut off.
	Extents []extent
	// Run is the run that a compressed member is in, or noRun. A member that is not solid is a run of one.
	Run int
	// Solid says that the run may have other members, also ones that the walk has not come to yet. All entries of a run agree.
	Solid bool
	// Memory is about what the decoder of the run needs, in bytes, its dictionary mainly.
	Memory int64
	// At and Data are the format's own: the place of a header, coder properties. They come back in run.entries and locate.
	At   int64
	Data []byte
}

// An extent is a piece of a volume.
type extent struct {
	Volume int   // in walker.volumes, or outputOf a run
	Off    int64 // bytes; negative: a hole that reads as zeros
	Len    int64
}

// A run is what has to be unpacked from its start to get at any of it.
type run struct {
	n       int             // entry.Run
	volumes func() []string // walker.volumes
	// entries are those of the run in the order they are unpacked. Of a solid run there may be more at each call: the walk that
	// lists them goes on meanwhile. unpacker.next is only called when there is one that it has not come to.
	entries func() []*entry
}

// A locator is a format that finds the extents of a stored member only when it is opened, or checks them then: by a header that
// lies beside the data. Entries whose Extents are nil and whose Run is noRun need one.
type locator interface {
	// volumes are those of the walk.
	locate(in *input, e *entry, volumes []string) ([]extent, error)
}

// A volume is one file of an archive. ReadAt blocks for data, is safe for concurrent use (calls wait for each other), and
// asks the source for exactly what is read.
type volume interface {
	io.ReaderAt
	Size() int64 // bytes
	Path() string
}

// inputer is what an input is to a format, written out to be read in one place.
var _ interface {
	// Context ends when nobody wants the result any more.
	Context() context.Context
	// Limits are the bounds of the library.
	Limits() Limits
	// File is the file that was asked for.
	File() volume
	// Open returns the file at a path as walker.volumes has it, once and for all: the same volume each time. It reads
	// nothing. fs.ErrNotExist: there is no such file.
	Open(path string) (volume, error)
	// Beside returns the path of another file in the folder of File, for Open.
	Beside(name string) string
	// Output is what a run of the archive is unpacked to: for formats that are one inside the other, as tar in gzip. Extents
	// with the Volume outputOf(run) lie in it.
	Output(run int) (io.ReaderAt, error)
} = (*input)(nil)

// outputOf is the extent.Volume of what a run is unpacked to.
func outputOf(run int) int { return -1 - run }

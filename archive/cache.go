package archive

import "io/fs"

// A Cache keeps what was found out and what was unpacked, across restarts if it can. It may forget any of it at any time. Keys and
// names are made of [a-z0-9-], at most 64 bytes. Errors other than fs.ErrNotExist reach the reader who needed the room, so that
// "no space" is still told from "damaged". Its methods are safe for concurrent use.
type Cache interface {
	// Load returns the blob that Save kept: fs.ErrNotExist when there is none. The bytes are checked here.
	Load(key, name string) ([]byte, error)
	// Save keeps a blob of at most MaxBlob bytes, and replaces the one of that name.
	Save(key, name string, data []byte) error
	// Spool opens a run of size bytes cut into chunks; the last may be shorter. title is for people. All who open the same key
	// say the same sizes. The caller closes it.
	Spool(key, title string, size, chunk int64) (Spool, error)
}

// MaxBlob bounds what Save has to keep at once, in bytes.
const MaxBlob = 16 << 20

// A Spool is what was unpacked of one run, or of a stretch of it. What is in it can be made again, so it goes first when space is
// needed.
type Spool interface {
	// Has reports whether chunk i is here.
	Has(i int) bool
	// ReadAt reads all of p at off of chunk i. fs.ErrNotExist: the chunk is not here, maybe no longer.
	ReadAt(i int, p []byte, off int64) (int, error)
	// Write keeps all of chunk i at once.
	Write(i int, p []byte) error
	// Discard drops chunk i: it was wrong.
	Discard(i int) error
	// Hold returns the window of a reader, of nothing yet.
	Hold() SpoolHold
	Close() error
}

// A SpoolHold keeps chunks from going: those that one reader needs now.
type SpoolHold interface {
	// Set moves the hold to the chunks [from, to), which need not be here.
	Set(from, to int)
	Release()
}

// nowhere is the cache of a library without one. It is not asked for spools.
type nowhere struct{}

func (nowhere) Load(string, string) ([]byte, error)          { return nil, fs.ErrNotExist }
func (nowhere) Save(string, string, []byte) error            { return nil }
func (nowhere) Spool(_, _ string, _, _ int64) (Spool, error) { return nil, fs.ErrNotExist }

package app

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"

	"github.com/zeronetscript/universal_p2p/archive"
	"github.com/zeronetscript/universal_p2p/stream/store"
)

// archiveSpace is the space of the store that the lists and unpacked members of archives are in.
const archiveSpace = "archive"

// newLibrary returns what looks into archives and unpacks them, with all of it kept in st. It is closed before st.
func newLibrary(st *store.Store, log *slog.Logger) *archive.Library {
	return archive.New(archive.Config{Cache: archiveCache{st}, Log: log.With("room", "archive")})
}

// archiveCache makes the store fit what the archives need of it.
type archiveCache struct{ store *store.Store }

var _ archive.Cache = archiveCache{}

// Load implements archive.Cache.
func (c archiveCache) Load(key, name string) ([]byte, error) {
	return c.store.ReadMeta(archiveSpace, key, name)
}

// Save implements archive.Cache.
func (c archiveCache) Save(key, name string, data []byte) error {
	return c.store.WriteMeta(archiveSpace, key, name, data)
}

// Spool implements archive.Cache. What is in it can be unpacked again, and so goes first.
func (c archiveCache) Spool(key, title string, size, chunk int64) (archive.Spool, error) {
	o, err := c.store.Object(store.Spec{Space: archiveSpace, ID: key, Name: title, Size: size, Chunk: chunk, Disposable: true})
	if err != nil {
		return nil, err
	}
	return spool{o}, nil
}

// A spool is an object that is written a whole chunk at a time.
type spool struct{ o *store.Object }

func (s spool) Has(i int) bool          { return s.o.Has(i) }
func (s spool) Discard(i int) error     { return s.o.Discard(i) }
func (s spool) Hold() archive.SpoolHold { return s.o.Hold() }
func (s spool) Close() error            { return s.o.Close() }
func (s spool) missing(i int, err error) error {
	return fmt.Errorf("%w: chunk %d: %w", fs.ErrNotExist, i, err)
}

// ReadAt implements archive.Spool.
func (s spool) ReadAt(i int, p []byte, off int64) (int, error) {
	n, err := s.o.ReadAt(i, p, off)
	if errors.Is(err, store.ErrMissing) {
		err = s.missing(i, err)
	}
	return n, err
}

// Write implements archive.Spool.
func (s spool) Write(i int, p []byte) error {
	if err := s.o.WriteAt(i, p, 0); err != nil {
		return err
	}
	err := s.o.Commit(i)
	if errors.Is(err, store.ErrMissing) { // it went at once: there is no room even for what is needed now
		return fmt.Errorf("chunk %d of an unpacked member: %w", i, store.ErrFull)
	}
	return err
}

package archive

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"
)

// A Member is one file of an archive. It is a Source, and a stream.File by its shape. It is good for as long as the Place that
// it was found in. Its methods are safe for concurrent use.
type Member struct {
	a     *archive
	place Place
	i     int // in the index
	e     *entry
	name  string
}

func (a *archive) member(p Place, i int) *Member {
	e, name := a.index().at(i)
	return &Member{a: a, place: p, i: i, e: e, name: name}
}

// Path is the path of the archive, a slash, and Name: unique in its tree, and valid for fs.ValidPath.
func (m *Member) Path() string { return m.place.File.Path() + "/" + m.name }

// Name is the slash-separated name inside the archive.
func (m *Member) Name() string { return m.name }

// Size is how many bytes the member has.
func (m *Member) Size() int64 { return max(m.e.Size, 0) }

// ModTime is zero when the archive does not say.
func (m *Member) ModTime() time.Time { return m.e.ModTime }

// Method is how the member is packed, for people: "store", "deflate".
func (m *Member) Method() string { return m.e.Method }

// Encrypted reports whether a password is needed: Open fails with ErrEncrypted.
func (m *Member) Encrypted() bool { return m.e.Encrypted }

// Stored reports whether any part of the member can be read without unpacking what is before it.
func (m *Member) Stored() bool { return m.e.Run == noRun }

const (
	maxMember = 1 << 43  // bytes, packed
	harmless  = 64 << 20 // whatever it was packed to
)

// Err is why Open would fail, nil if it would not. What only shows when the member is read is not known yet.
func (m *Member) Err() error {
	err := m.refused()
	if err == nil {
		return m.a.fault(m.e)
	}
	return fmt.Errorf("%s: %w", m.Path(), err)
}

func (m *Member) refused() error {
	switch e, l := m.e, m.a.lib.limits; {
	case e.Encrypted:
		return ErrEncrypted
	case e.Unknown:
		return fmt.Errorf("%w: %s", ErrMethod, e.Method)
	case e.Unsafe:
		return fmt.Errorf("%w: it overlaps another member", ErrLimit)
	case e.Size < 0:
		return fmt.Errorf("%w: its size is not known", ErrMethod)
	case e.Run >= 0 && (e.Size > maxMember || e.Size > harmless && e.Packed > 0 && e.Size/e.Packed > l.Ratio):
		return fmt.Errorf("%w: %d bytes out of %d", ErrLimit, e.Size, e.Packed)
	}
	return nil
}

// Open returns a reader at offset 0. It reads nothing yet: Read does, and blocks for data until ctx is done. Seek never blocks. The
// reader serves one goroutine, and forwards Expect, as stream.Expecter has it, to the reader of the archive. Open, or a later
// Read, fails as Err says; ErrCorrupt comes in place of bytes, never after a shorter content that looks whole.
func (m *Member) Open(ctx context.Context) (io.ReadSeekCloser, error) {
	return m.open(ctx, false)
}

func (m *Member) open(ctx context.Context, early bool) (io.ReadSeekCloser, error) {
	if err := m.Err(); err != nil {
		return nil, err
	}
	return &memberReader{ctx: ctx, m: m, early: early, part: -1}, nil
}

// Place is where an archive inside this one lies. Its siblings are the other members of the archive that this one is in.
func (m *Member) Place() Place {
	return Place{Root: m.a.key, File: m, Sibling: m.sibling, depth: m.place.depth + 1}
}

func (m *Member) sibling(ctx context.Context, path string) (Source, error) {
	name, ok := strings.CutPrefix(path, m.place.File.Path()+"/")
	if !ok {
		return nil, fmt.Errorf("archive: %s: %w", path, fs.ErrNotExist)
	}
	other, rest, err := m.a.lib.Lookup(ctx, m.place, name)
	if err == nil && rest != "" {
		err = fmt.Errorf("archive: %s: %w", path, fs.ErrNotExist)
	}
	if err != nil {
		return nil, err
	}
	return other, nil
}

// extents returns where the bytes of the member are, and finds out when the archive only tells beside them.
func (m *Member) extents(ctx context.Context) ([]extent, error) {
	e := m.e
	switch {
	case e.Run >= 0:
		l := m.a.index().layout(e.Run)
		if at := l.find(e); at >= 0 {
			return []extent{{Volume: outputOf(e.Run), Off: at, Len: e.Size}}, nil
		}
		return nil, fmt.Errorf("archive: %s: its list is made anew", m.Path())
	case e.Extents != nil || e.Size == 0:
		return e.Extents, nil
	}
	m.a.mu.Lock()
	x, format := m.a.located[e], m.a.format
	m.a.mu.Unlock()
	loc, ok := format.(locator)
	if x != nil || !ok {
		return x, nil
	}
	leases := newLeases(ctx, idleTime)
	lease := leases.take(m.place)
	defer lease.release()
	in := newInput(ctx, leases, m.place, m.a.lib.limits)
	defer in.Close()
	x, err := locate(loc, in, e, m.a.index().volumeList())
	if source := in.Failed(err); source != nil {
		return nil, source
	}
	if err == nil {
		err = (&entry{Extents: x}).check()
	}
	if err != nil {
		if !isFault(err) {
			err = fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
		m.a.setFault(e, fmt.Errorf("%s: %w", m.Path(), err))
		return nil, m.a.fault(e)
	}
	m.a.mu.Lock()
	defer m.a.mu.Unlock()
	m.a.located[e] = x
	return x, nil
}

// locate is loc.locate that survives what strangers have made to break it.
func locate(loc locator, in *input, e *entry, volumes []string) (x []extent, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", ErrCorrupt, p)
		}
	}()
	return loc.locate(in, e, volumes)
}

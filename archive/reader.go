package archive

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
)

// A memberReader reads a member, extent by extent.
type memberReader struct {
	ctx   context.Context
	m     *Member
	early bool

	pos     int64
	expect  int64 // end of what is expected, 0: nothing said
	extents []extent
	located bool
	closed  bool

	// The extent that was read last.
	part  int // in extents, -1: none
	begin int64
	r     partReader

	// The checksum of the bytes up to upTo, all of which were read.
	sum  uint32
	upTo int64
}

// A partReader reads one extent, from where it lies. Offsets are those of the extent.
type partReader interface {
	read(p []byte, off int64) (int, error)
	expect(off, n int64)
	close()
}

// Expect says that the n bytes from off are meant to be read, and nothing else.
func (r *memberReader) Expect(off, n int64) {
	if off < 0 || n < 0 || off > r.m.Size() {
		return
	}
	r.expect = off + min(n, r.m.Size()-off)
	if r.r != nil {
		r.tell()
	}
}

// tell passes on what is expected of the extent from pos on.
func (r *memberReader) tell() {
	x := r.extents[r.part]
	if off, end := r.pos-r.begin, min(r.expect-r.begin, x.Len); off >= 0 && end > off {
		r.r.expect(off, end-off)
	}
}

// Seek implements io.Seeker.
func (r *memberReader) Seek(off int64, whence int) (int64, error) {
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		off += r.pos
	case io.SeekEnd:
		off += r.m.Size()
	default:
		return 0, fmt.Errorf("archive: seek: bad whence %d", whence)
	}
	if off < 0 {
		return 0, fmt.Errorf("archive: seek to %d: %w", off, fs.ErrInvalid)
	}
	r.pos = off
	return off, nil
}

// Read implements io.Reader.
func (r *memberReader) Read(p []byte) (int, error) {
	if r.closed {
		return 0, fmt.Errorf("archive: %s: %w", r.m.Path(), os.ErrClosed)
	}
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	if r.m.a.lib.ctx.Err() != nil {
		return 0, ErrClosed
	}
	if err := r.m.a.fault(r.m.e); err != nil {
		return 0, err
	}
	if r.pos >= r.m.Size() {
		return 0, io.EOF
	}
	if len(p) == 0 {
		return 0, nil
	}
	if err := r.find(); err != nil {
		return 0, err
	}
	off := r.pos - r.begin
	p = p[:min(int64(len(p)), r.extents[r.part].Len-off)]
	n, err := r.r.read(p, off)
	if n > 0 {
		err = r.check(p[:n])
		if err != nil {
			return 0, err
		}
		r.pos += int64(n)
		return n, nil
	}
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = fmt.Errorf("%s: %w: it is cut off", r.m.Path(), ErrCorrupt)
	}
	return 0, err
}

// find opens the extent that pos is in.
func (r *memberReader) find() error {
	if !r.located {
		x, err := r.m.extents(r.ctx)
		if err != nil {
			return err
		}
		r.extents, r.located = x, true
	}
	if r.part >= 0 && r.pos >= r.begin && r.pos < r.begin+r.extents[r.part].Len {
		return nil
	}
	r.drop()
	var begin int64
	for i, x := range r.extents {
		if r.pos < begin+x.Len {
			part, err := r.openPart(x)
			if err != nil {
				return err
			}
			r.part, r.begin, r.r = i, begin, part
			if r.expect > r.pos {
				r.tell()
			}
			return nil
		}
		begin += x.Len
	}
	return fmt.Errorf("%s: %w: it is cut off, or a volume is missing", r.m.Path(), ErrCorrupt)
}

func (r *memberReader) openPart(x extent) (partReader, error) {
	switch {
	case x.Off < 0:
		return hole{}, nil
	case x.Volume < 0:
		return r.m.openRun(r.ctx, -1-x.Volume, x)
	}
	src, err := r.m.volume(r.ctx, x.Volume)
	if err != nil {
		return nil, err
	}
	if left := src.Size() - x.Off; left < x.Len {
		x.Len = max(left, 0)
	}
	open := src.Open
	if f, ok := src.(earlyFile); ok && r.early {
		open = f.OpenEarly
	}
	in, err := open(r.ctx)
	if err != nil {
		return nil, err
	}
	return &sourcePart{r: in, x: x, at: -1}, nil
}

// volume finds a volume of the archive.
func (m *Member) volume(ctx context.Context, i int) (Source, error) {
	paths := m.a.index().volumeList()
	if i == 0 && len(paths) == 0 {
		return m.place.File, nil
	}
	if i >= len(paths) {
		return nil, fmt.Errorf("%s: %w: a volume is missing", m.Path(), ErrCorrupt)
	}
	if paths[i] == m.place.File.Path() {
		return m.place.File, nil
	}
	if m.place.Sibling == nil || !fs.ValidPath(paths[i]) {
		return nil, fmt.Errorf("%s: %w: its volume %s is missing", m.Path(), ErrCorrupt, paths[i])
	}
	src, err := m.place.Sibling(ctx, paths[i])
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w: its volume %s is missing", m.Path(), ErrCorrupt, paths[i])
	}
	return src, err
}

// check continues the checksum of a stored member, which nobody else looks at. The last bytes are not given out if it is wrong.
func (r *memberReader) check(p []byte) error {
	e := r.m.e
	if !e.HasCRC || e.Run >= 0 || r.early || r.pos > r.upTo {
		return nil
	}
	skip := r.upTo - r.pos // read before
	if skip >= int64(len(p)) {
		return nil
	}
	r.sum = crc32.Update(r.sum, crc32.IEEETable, p[skip:])
	if r.upTo += int64(len(p)) - skip; r.upTo == e.Size && r.sum != e.CRC {
		r.m.a.setFault(e, fmt.Errorf("%s: %w: the checksum is wrong", r.m.Path(), ErrCorrupt))
		return r.m.a.fault(e)
	}
	return nil
}

func (r *memberReader) drop() {
	if r.r != nil {
		r.r.close()
		r.r, r.part = nil, -1
	}
}

// Close ends all that was done for the reader alone.
func (r *memberReader) Close() error {
	r.closed = true
	r.drop()
	return nil
}

// sourcePart reads an extent of a volume.
type sourcePart struct {
	r  io.ReadSeekCloser
	x  extent
	at int64 // offset of r in the extent, -1: not there yet
}

func (s *sourcePart) read(p []byte, off int64) (int, error) {
	if off >= s.x.Len {
		return 0, io.ErrUnexpectedEOF
	}
	if s.at != off {
		if _, err := s.r.Seek(s.x.Off+off, io.SeekStart); err != nil {
			return 0, err
		}
		s.at = off
	}
	n, err := s.r.Read(p[:min(int64(len(p)), s.x.Len-off)])
	s.at += int64(n)
	if n == 0 && err == nil {
		err = io.ErrNoProgress
	}
	return n, err
}

func (s *sourcePart) expect(off, n int64) {
	if x, ok := s.r.(expecter); ok {
		x.Expect(s.x.Off+off, n)
	}
}

func (s *sourcePart) close() { s.r.Close() }

// A hole reads as zeros.
type hole struct{}

func (hole) read(p []byte, _ int64) (int, error) { clear(p); return len(p), nil }
func (hole) expect(int64, int64)                 {}
func (hole) close()                              {}

// runPart reads an extent of what a run is unpacked to.
type runPart struct {
	ctx   context.Context
	u     *unpacking
	r     *runReader
	x     extent
	lease *lease
}

func (m *Member) openRun(ctx context.Context, run int, x extent) (partReader, error) {
	u, err := m.a.lib.unpacking(m.a, run)
	if err != nil {
		return nil, err
	}
	return &runPart{ctx: ctx, u: u, r: u.reader(m.e, x.Off, x.Off+x.Len), x: x, lease: m.a.leases.take(m.place)}, nil
}

func (r *runPart) read(p []byte, off int64) (int, error) { return r.u.read(r.ctx, r.r, p, r.x.Off+off) }
func (r *runPart) expect(off, n int64)                   { r.u.expect(r.r, r.x.Off+off+n) }

func (r *runPart) close() {
	r.u.leave(r.r)
	r.lease.release()
	r.u.a.lib.release(r.u)
}

// An earlyFile is a source whose bytes can be had before they are verified, as stream.EarlyFile says.
type earlyFile interface {
	OpenEarly(ctx context.Context) (io.ReadSeekCloser, error)
	Verified(off, n int64) bool
}

// OpenEarly is like Open, but passes on the bytes of a stored member before they are verified, if the archive's file can do that.
func (m *Member) OpenEarly(ctx context.Context) (io.ReadSeekCloser, error) { return m.open(ctx, true) }

// Verified reports whether OpenEarly has no advantage for the n bytes from off: they are here, or have to be unpacked.
func (m *Member) Verified(off, n int64) bool {
	f, ok := m.place.File.(earlyFile)
	if off < 0 || n < 0 || off > m.Size() || n > m.Size()-off {
		return false
	}
	if !ok || !m.Stored() || n == 0 {
		return true
	}
	extents, volumes := m.e.Extents, m.a.index().volumeList()
	if extents == nil {
		m.a.mu.Lock()
		extents = m.a.located[m.e]
		m.a.mu.Unlock()
	}
	var begin int64
	for _, x := range extents {
		from, to := max(off-begin, 0), min(off+n-begin, x.Len)
		own := x.Volume == 0 && len(volumes) == 0 || x.Volume < len(volumes) && volumes[max(x.Volume, 0)] == m.place.File.Path()
		if from < to && x.Off >= 0 && x.Volume >= 0 && (!own || !f.Verified(x.Off+from, to-from)) {
			return false // of other volumes nobody knows without opening them
		}
		begin += x.Len
	}
	return extents != nil
}

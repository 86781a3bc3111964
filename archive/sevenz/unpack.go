package sevenz

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// An Output is what a folder unpacks to, from front to back. It serves one goroutine, reads nothing ahead but what its decoders
// buffer (32 KiB of each packed stream), and can rest between two reads for as long as one likes.
type Output struct {
	feed    feed
	out     exactReader
	closers []io.Closer
	err     error
}

// Open starts to unpack a folder. Reading and unpacking stop with ctx's error once ctx is done; a ReadAt of src that is blocked
// then is expected to end by itself. Errors are those of [Folder.Check].
func (f *Folder) Open(ctx context.Context, src io.ReaderAt) (o *Output, err error) {
	if err := f.Check(); err != nil {
		return nil, err
	}
	o = &Output{feed: feed{ctx: ctx, src: src}}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
		if err != nil {
			o.Close()
			o, err = nil, o.explain(err)
		}
	}()
	g := graph{f, o}
	out, err := g.coder(f.output(), 0)
	o.out = exactReader{out, f.Size}
	return o, err
}

// Read unpacks what fits into p, or less. At the end of the folder it returns io.EOF, and ErrCorrupt if the end comes too early.
// Errors of the source and of the context are passed on, and stay.
func (o *Output) Read(p []byte) (int, error) {
	if o.err == nil {
		o.err = o.feed.ctx.Err()
	}
	if o.err != nil {
		return 0, o.err
	}
	n, err := o.read(p)
	if err != nil && err != io.EOF {
		err = o.explain(err)
	}
	o.err = err
	return n, err
}

// read reads from the decoders, which may panic on what strangers have packed.
func (o *Output) read(p []byte) (n int, err error) {
	defer func() {
		if p := recover(); p != nil {
			n, err = 0, fmt.Errorf("%v", p)
		}
	}()
	return o.out.Read(p)
}

// explain says whose fault it was: that of the source or the context, or of the archive.
func (o *Output) explain(err error) error {
	switch {
	case o.feed.err != nil:
		return o.feed.err
	case errors.Is(err, ErrCorrupt):
		return err
	}
	return fmt.Errorf("%w: %w", ErrCorrupt, err)
}

// Close frees the decoders. The source stays open.
func (o *Output) Close() error {
	for _, c := range o.closers {
		c.Close() // they only give memory back
	}
	o.closers = nil
	if o.err == nil {
		o.err = errClosed
	}
	return nil
}

var errClosed = errors.New("the folder is closed")

// A graph puts the decoders of a folder together, from the output to the packed streams.
type graph struct {
	f *Folder
	o *Output
}

// coder opens a coder with all that it reads from. A folder whose bonds run in a circle is deeper than it has coders.
func (g graph) coder(n, depth int) (io.Reader, error) {
	if n < 0 || depth > len(g.f.Coders) {
		return nil, errors.New("coders in a circle")
	}
	c := g.f.Coders[n]
	first := 0
	for _, before := range g.f.Coders[:n] {
		first += before.Inputs
	}
	in := make([]io.Reader, c.Inputs)
	for i := range in {
		var err error
		if in[i], err = g.input(first+i, depth); err != nil {
			return nil, err
		}
	}
	m, _ := lookup(c.Method)
	r, err := m.open(c.Props, c.Size, in)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", m.name, err)
	}
	switch c := r.(type) {
	case io.Closer:
		g.o.closers = append(g.o.closers, c)
	case interface{ Close() }:
		g.o.closers = append(g.o.closers, closeFunc(c.Close))
	}
	return &exactReader{r, c.Size}, nil
}

// input finds what an input reads from.
func (g graph) input(in, depth int) (io.Reader, error) {
	for _, b := range g.f.Bonds {
		if b.In == in {
			return g.coder(b.Out, depth+1)
		}
	}
	for _, p := range g.f.Packed {
		if p.In == in {
			return &packedReader{feed: &g.o.feed, at: p.Offset, end: p.Offset + p.Size}, nil
		}
	}
	return nil, errors.New("a coder without input")
}

// A closeFunc is a Close without an error.
type closeFunc func()

func (f closeFunc) Close() error {
	f()
	return nil
}

// An Unpacker goes through the members of a folder, as an [Output] goes through its bytes.
type Unpacker struct {
	out     *Output
	entries []Entry
	index   []int // of entries in the archive
	next    int
	at      int64 // bytes that came out
	crc     uint32
}

// Unpack starts with the members of a folder; see [Folder.Open].
func (a *Archive) Unpack(ctx context.Context, src io.ReaderAt, folder int) (*Unpacker, error) {
	out, err := a.Folders[folder].Open(ctx, src)
	if err != nil {
		return nil, err
	}
	u := &Unpacker{out: out}
	for i, e := range a.Entries {
		if e.Folder == folder {
			u.entries = append(u.entries, e)
			u.index = append(u.index, i)
		}
	}
	return u, nil
}

// Next goes on to the next member, unpacking what is left of the one before, and returns its index in the archive's Entries.
// Behind the last it returns io.EOF; what the folder has besides members is not unpacked.
func (u *Unpacker) Next() (int, error) {
	if u.next > 0 {
		left := io.LimitedReader{R: u.out, N: u.left()}
		if n, err := io.Copy(io.Discard, &left); err != nil || left.N > 0 {
			return 0, errors.Join(err, u.out.err)
		} else {
			u.at += n
		}
	}
	if u.next == len(u.entries) {
		return 0, io.EOF
	}
	u.next++
	u.crc = 0
	if e := u.entry(); e.Offset != u.at || e.Size < 0 {
		return 0, fmt.Errorf("%w: members that overlap", ErrCorrupt)
	}
	return u.index[u.next-1], nil
}

func (u *Unpacker) entry() *Entry { return &u.entries[u.next-1] }

// left is how many bytes of the member have not been read.
func (u *Unpacker) left() int64 { return u.entry().Offset + u.entry().Size - u.at }

// Read reads from the member that Next has returned. At its end it compares the checksum: io.EOF says that all bytes were
// right, as far as the archive can tell. After a wrong checksum, Next can go on with other members.
func (u *Unpacker) Read(p []byte) (int, error) {
	if u.next == 0 {
		return 0, io.EOF
	}
	left := u.left()
	if left == 0 {
		if e := u.entry(); e.HasCRC && e.CRC != u.crc {
			return 0, fmt.Errorf("%w: the checksum of a member is wrong", ErrCorrupt)
		}
		return 0, io.EOF
	}
	n, err := u.out.Read(p[:min(int64(len(p)), left)])
	u.at += int64(n)
	u.crc = crc32.Update(u.crc, crc32.IEEETable, p[:n])
	if err == io.EOF {
		err = fmt.Errorf("%w: a folder shorter than its members", ErrCorrupt)
	}
	return n, err
}

// Close frees the decoders. The source stays open.
func (u *Unpacker) Close() error { return u.out.Close() }

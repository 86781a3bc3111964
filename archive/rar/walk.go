package rar

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
)

// A Walker lists the members of an archive in the archive's order. It serves one goroutine, and starts others only while Next waits
// for them.
type Walker struct {
	ctx context.Context
	set *set

	position
	count int   // entries so far
	run   int   // the run that a solid member belongs to now; NoRun: none began
	shut  bool  // a member of it is encrypted, so that those behind it cannot be unpacked
	err   error // what the walk ended with

	// Where the walk is between two entries, when a volume has failed. hop: the next volume is to come. kept is behind the last
	// entry, from where all that can be found again.
	open *Entry // its header was read
	more bool   // there is more of it
	hop  bool
	kept position
}

// A position is where a walk goes on.
type position struct {
	at    int   // the volume
	off   int64 // of the next header there; 0: behind the main header
	spent int64 // bytes of headers so far
}

// Open begins to list the archive that the file called name is, or is a volume of: any of them will do. Name has no folder. ctx is
// that of the whole walk; the caller sees to it that reads of the volumes fail once it is done.
func Open(ctx context.Context, from Volumes, name string, l Limits) (*Walker, error) {
	s, err := openSet(from, name, l.withDefaults())
	if err != nil {
		return nil, err
	}
	return &Walker{ctx: ctx, set: s, run: NoRun}, nil
}

// Volumes returns the names of the files that extents lie in, not to be changed. It grows while entries come.
func (w *Walker) Volumes() []string { return slices.Clip(w.set.names) }

// Volume returns a file of Volumes.
func (w *Walker) Volume(i int) Volume { return w.set.files[i] }

// Next returns the next entry, and io.EOF behind the last one. ErrVolume: a volume is missing; a member that begins before it and
// goes on in it was returned as a truncated one. After an error of a volume, Next may be called again, and goes on where
// it was.
func (w *Walker) Next() (*Entry, error) {
	if w.err != nil {
		return nil, w.err
	}
	if w.open == nil {
		b, err := w.nextFile()
		if err == nil {
			err = w.begin(b)
		}
		if err != nil {
			return nil, w.stop(err)
		}
	}
	e := w.open
	if err := w.rest(e); err != nil {
		return nil, w.stop(err)
	}
	e.Index = w.count
	w.finish(e)
	w.count++
	w.open, w.kept = nil, w.position
	return e, nil
}

// nextFile goes to the next header of a file.
func (w *Walker) nextFile() (*block, error) {
	for {
		if err := w.enter(); err != nil {
			return nil, err
		}
		b, err := w.header(nil)
		if err != nil {
			return nil, err
		}
		switch b.kind {
		case fileBlock:
			return b, nil
		case endBlock:
			if !b.next {
				return nil, io.EOF
			}
			w.hop = true
		case mainBlock, sealedBlock:
			return nil, corrupt("%s has two main headers", w.set.names[w.at])
		default:
			if err := w.skip(b); err != nil {
				return nil, err
			}
		}
	}
}

// stop keeps an error that will be the same each time.
func (w *Walker) stop(err error) error {
	for _, final := range []error{io.EOF, ErrCorrupt, ErrLimit, ErrVolume, ErrFormat, ErrEncrypted} {
		if errors.Is(err, final) {
			w.err = err
			break
		}
	}
	return err
}

// header reads the header that is next, which is in the middle of the member e if that is not nil.
func (w *Walker) header(e *Entry) (*block, error) {
	for {
		if err := w.ctx.Err(); err != nil {
			return nil, err
		}
		budget := w.set.limits.HeaderBytes - w.spent
		v, err := w.set.volume(w.at, w.volumesOf(e), budget)
		if err != nil {
			return nil, err
		}
		if w.off == 0 {
			w.off = v.main.end()
		}
		b, err := v.header(w.off, budget)
		if err == io.EOF { // the block that says so is younger than RAR 2
			if err = w.nextVolume(false); err == nil {
				continue
			}
		}
		if err != nil {
			return nil, err
		}
		if w.spent += int64(b.head); w.spent > w.set.limits.HeaderBytes {
			return nil, fmt.Errorf("%w: more than %d bytes of headers", ErrLimit, w.set.limits.HeaderBytes)
		}
		return b, nil
	}
}

// volumesOf says in how many volumes the rest of a member will be, about. 0: not known.
func (w *Walker) volumesOf(e *Entry) int {
	if e == nil || e.Size < 0 || len(e.Extents) == 0 {
		return 0
	}
	left, each := e.Size-sum(e.Extents), e.Extents[len(e.Extents)-1].Len
	if left <= 0 || each <= 0 {
		return 0
	}
	if !e.Stored() { // it will be less, nobody knows how much
		return 1
	}
	return int(min(left/each+1, maxAhead))
}

// skip goes behind a block and its data.
func (w *Walker) skip(b *block) error {
	if v := w.set.volumes[w.at]; b.end() > v.size {
		return corrupt("%s is cut off", v.name)
	}
	w.off = b.end()
	return nil
}

// nextVolume goes to the next volume, when there is one. more: the archive says that there is.
func (w *Walker) nextVolume(more bool) error {
	if !w.set.volumes[0].main.multi {
		return io.EOF
	}
	ok, err := w.set.has(w.at + 1)
	switch {
	case err != nil:
		return err
	case !ok && more:
		return missingError{w.set.missing()}
	case !ok:
		return io.EOF
	}
	w.set.volumes[w.at].forget()
	w.at, w.off, w.hop = w.at+1, 0, false
	return nil
}

// enter goes to the next volume if that is to come.
func (w *Walker) enter() error {
	if !w.hop {
		return nil
	}
	return w.nextVolume(true)
}

// begin makes an entry of the header of a file.
func (w *Walker) begin(b *block) error {
	if b.before {
		return corrupt("%s begins in the middle of %q", w.set.names[w.at], b.entry.Name)
	}
	if w.count >= w.set.limits.Entries {
		return fmt.Errorf("%w: more than %d members", ErrLimit, w.set.limits.Entries)
	}
	if n := len(b.entry.Name); n > w.set.limits.NameBytes {
		return fmt.Errorf("%w: a name of %d bytes", ErrLimit, n)
	}
	w.open = &b.entry
	w.take(w.open, b)
	return nil
}

// rest collects what is left of a member that begin took up.
func (w *Walker) rest(e *Entry) error {
	for w.more && w.err == nil {
		err := w.enter()
		if err == io.EOF {
			err = fmt.Errorf("%w: %q goes on behind %s, which is said to be all", ErrVolume, e.Name, w.set.names[w.at])
		}
		if errors.Is(err, ErrVolume) {
			var gone missingError
			if errors.As(err, &gone) {
				e.Missing = gone.name
			}
			w.cut(e, err)
			return nil
		}
		if err != nil {
			return err
		}
		b, err := w.part(e)
		if err != nil {
			return err
		}
		w.take(e, b)
	}
	return nil
}

// take adds what a header says of a member.
func (w *Walker) take(e *Entry, b *block) {
	v := w.set.volumes[w.at]
	from := b.off + int64(b.head)
	n := max(0, min(b.data, v.size-from))
	if n > 0 {
		e.Extents = append(e.Extents, Extent{w.at, from, n})
	}
	if b.quick {
		e.quick = append(e.quick, place{w.at, b.off, b.head, b.sum})
	}
	e.Packed += b.data
	w.more, w.hop = b.after, b.after
	if n < b.data {
		w.cut(e, corrupt("%s is cut off", v.name))
	} else if !b.after {
		w.off = b.end()
	}
}

// part reads the header by which a member goes on in the volume that the walk has come to.
func (w *Walker) part(e *Entry) (*block, error) {
	for {
		b, err := w.header(e)
		if err != nil {
			return nil, err
		}
		if b.kind == fileBlock || b.kind == endBlock {
			return b, e.goesOn(b)
		}
		if err := w.skip(b); err != nil {
			return nil, err
		}
	}
}

// cut ends the walk behind a member that is not all there.
func (w *Walker) cut(e *Entry, why error) {
	e.Truncated, e.HasCRC, e.Blake2 = true, false, nil // those were of the part
	w.err = why
}

// goesOn takes over what the header of a further part says of the member.
func (e *Entry) goesOn(b *block) error {
	o := &b.entry
	if b.kind != fileBlock || !b.before || o.Name != e.Name {
		return corrupt("%q does not go on in the next volume", e.Name)
	}
	if e.Size < 0 {
		e.Size = o.Size
	}
	e.CRC32, e.HasCRC, e.Blake2 = o.CRC32, o.HasCRC, o.Blake2
	e.Encrypted = e.Encrypted || o.Encrypted
	return nil
}

// finish says how the member is read.
func (w *Walker) finish(e *Entry) {
	solid := e.Solid
	e.Run, e.Solid = NoRun, false
	packed := sum(e.Extents)
	switch {
	case e.Dir || e.Label || e.Link == Hardlink || e.Link == Copy:
		e.Extents = nil
	case e.Stored():
		if e.Size < 0 && !e.Truncated {
			e.Size = packed
		}
		if e.Size >= 0 && !e.Encrypted {
			e.Extents = clip(e.Extents, e.Size)
		}
	case e.Size == 0 && packed == 0:
	default:
		e.Solid = w.set.volumes[0].main.solid
		if !e.Solid || !solid || w.run == NoRun {
			w.run, w.shut = e.Index, false
		}
		w.shut = w.shut || e.Encrypted
		e.Run, e.Encrypted = w.run, w.shut
	}
}

func sum(list []Extent) int64 {
	n := int64(0)
	for _, x := range list {
		n += x.Len
	}
	return n
}

// clip returns the first n bytes of the extents.
func clip(list []Extent, n int64) []Extent {
	for i := range list {
		if list[i].Len >= n {
			list[i].Len = n
			if n > 0 {
				i++
			}
			return list[:i]
		}
		n -= list[i].Len
	}
	return list
}

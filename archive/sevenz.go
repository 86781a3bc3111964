package archive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/zeronetscript/universal_p2p/archive/sevenz"
)

// sevenzFormat reads 7z archives: one file, or one cut into parts called .7z.001 and so on. A folder of it is a run; members of one
// that was stored are extents.
type sevenzFormat struct{}

func (sevenzFormat) name() string { return "7z" }

const sevenzSig = "7z\xBC\xAF\x27\x1C"

// match: the parts of a split archive but the first have no signature, so there the name decides.
func (sevenzFormat) match(head []byte, name string) bool {
	if bytes.HasPrefix(head, []byte(sevenzSig)) || isProgram(head) && bytes.Contains(head, []byte(sevenzSig)) {
		return true
	}
	stem := name[:max(0, len(name)-len(path.Ext(name)))]
	return sevenz.IsVolume(name) && strings.EqualFold(path.Ext(stem), ".7z")
}

// A sevenzSource is the archive as one run of bytes, and the paths of its files.
type sevenzSource struct {
	sevenz.Source
	paths []string // nil: the one file of the input
}

// sevenzParts opens the parts of a split archive, in order.
type sevenzParts struct {
	in    *input
	paths []string
}

// Open implements sevenz.Opener.
func (p *sevenzParts) Open(_ context.Context, name string) (sevenz.Source, error) {
	at := p.in.Beside(name)
	v, err := p.in.Open(at)
	if err != nil {
		return nil, err
	}
	p.paths = append(p.paths, at)
	return v, nil
}

func openSevenz(in *input) (sevenzSource, error) {
	f := in.File()
	name := path.Base(f.Path())
	if !sevenz.IsVolume(name) {
		return sevenzSource{f, nil}, nil
	}
	parts := &sevenzParts{in: in}
	v, err := sevenz.OpenVolumes(in.Context(), parts, name)
	if errors.Is(err, fs.ErrNotExist) {
		return sevenzSource{}, fmt.Errorf("%w: its first part is missing", ErrCorrupt)
	}
	return sevenzSource{v, parts.paths}, err
}

func (sevenzFormat) walk(in *input, _ []byte) (walker, error) {
	src, err := openSevenz(in)
	if err != nil {
		return nil, sevenzError(err)
	}
	a, err := sevenz.Parse(in.Context(), src.Source)
	if err != nil {
		return nil, sevenzError(err)
	}
	if len(a.Entries) > in.Limits().Entries {
		return nil, fmt.Errorf("%w: %d members", ErrLimit, len(a.Entries))
	}
	return &sevenzWalker{archive: a, paths: src.paths, counts: countMembers(a)}, nil
}

// countMembers counts the members of each folder.
func countMembers(a *sevenz.Archive) []int {
	counts := make([]int, len(a.Folders))
	for _, e := range a.Entries {
		if e.Folder >= 0 {
			counts[e.Folder]++
		}
	}
	return counts
}

// A sevenzWalker has all entries at once.
type sevenzWalker struct {
	archive *sevenz.Archive
	paths   []string
	counts  []int // members of each folder
	at      int   // entry that comes next
	opened  int   // folders below are described by an entry already
}

func (w *sevenzWalker) volumes() []string { return w.paths }
func (w *sevenzWalker) state() []byte     { return nil }

func (w *sevenzWalker) next() (*entry, error) {
	if w.at == len(w.archive.Entries) {
		return nil, io.EOF
	}
	e := &w.archive.Entries[w.at]
	w.at++
	out := &entry{
		Raw: e.Name, UTF8: true, Size: e.Size, CRC: e.CRC, HasCRC: e.HasCRC, ModTime: e.ModTime, Method: e.Method,
		Encrypted: e.Encrypted, Run: noRun,
	}
	switch {
	case e.Dir:
		out.Kind = kindDir
	case e.Link:
		out.Kind = kindLink
	}
	if e.Folder < 0 {
		out.Method = "store"
		return out, nil
	}
	if e.Extents != nil {
		out.Packed = e.Size
		for _, x := range e.Extents {
			out.Extents = append(out.Extents, extent{x.Volume, x.Offset, x.Length})
		}
		return out, nil
	}
	return out, w.packed(out, e)
}

// packed fills in what a compressed member needs. The first one of a folder describes the folder.
func (w *sevenzWalker) packed(out *entry, e *sevenz.Entry) error {
	f := &w.archive.Folders[e.Folder]
	out.Run, out.Solid, out.Memory, out.At = e.Folder, w.counts[e.Folder] > 1, f.Memory(), e.Offset
	if !out.Solid {
		for _, p := range f.Packed {
			out.Packed += p.Size
		}
	}
	switch err := f.Check(); {
	case errors.Is(err, sevenz.ErrEncrypted):
		out.Encrypted = true
	case errors.Is(err, sevenz.ErrMethod):
		out.Unknown = true
	}
	if e.Folder < w.opened {
		return nil
	}
	w.opened = e.Folder + 1
	var err error
	out.Data, err = f.AppendBinary(nil)
	return err
}

func (sevenzFormat) unpack(in *input, r *run) (unpacker, error) {
	src, err := openSevenz(in)
	if err != nil {
		return nil, sevenzError(err)
	}
	entries := r.entries()
	if len(entries) == 0 {
		return nil, fmt.Errorf("%w: an empty folder", ErrCorrupt)
	}
	f, err := sevenz.ParseFolder(entries[0].Data)
	if err != nil {
		return nil, sevenzError(err)
	}
	out, err := f.Open(in.Context(), src)
	if err != nil {
		return nil, sevenzError(err)
	}
	return &sevenzUnpacker{run: r, out: out}, nil
}

// A sevenzUnpacker goes through the output of a folder.
type sevenzUnpacker struct {
	run *run
	out *sevenz.Output
	at  int64 // offset in the output
	i   int   // entry that comes next
}

func (u *sevenzUnpacker) next() (int, io.Reader, error) {
	entries := u.run.entries()
	if u.i >= len(entries) {
		return 0, nil, io.EOF
	}
	e := entries[u.i]
	if e.At < u.at {
		return 0, nil, fmt.Errorf("%w: members of a folder overlap", ErrCorrupt)
	}
	if _, err := io.CopyN(io.Discard, u, e.At-u.at); err == io.EOF {
		return 0, nil, fmt.Errorf("%w: a folder ends before its members", ErrCorrupt)
	} else if err != nil {
		return 0, nil, err
	}
	u.i++
	return u.i - 1, io.LimitReader(u, max(e.Size, 0)), nil
}

// Read reads the output, and counts.
func (u *sevenzUnpacker) Read(p []byte) (int, error) {
	n, err := u.out.Read(p)
	u.at += int64(n)
	if err != nil && err != io.EOF {
		err = sevenzError(err)
	}
	return n, err
}

func (u *sevenzUnpacker) close() error { return u.out.Close() }

// sevenzError says it in the words of this package.
func sevenzError(err error) error {
	switch {
	case errors.Is(err, sevenz.ErrFormat):
		return fmt.Errorf("%w: %w", ErrNotArchive, err)
	case errors.Is(err, sevenz.ErrEncrypted):
		return fmt.Errorf("%w: %w", ErrEncrypted, err)
	case errors.Is(err, sevenz.ErrMethod):
		return fmt.Errorf("%w: %w", ErrMethod, err)
	case errors.Is(err, sevenz.ErrLimit):
		return fmt.Errorf("%w: %w", ErrLimit, err)
	case errors.Is(err, sevenz.ErrCorrupt):
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return err
}

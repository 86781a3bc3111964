package archive

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"

	"github.com/zeronetscript/universal_p2p/archive/rar"
)

// rarFormat reads RAR archives of versions 1.5 to 7, in one file or in volumes. An archive is a chain of headers, as a tar is, unless
// a quick-open record tells of them all at once. A stored member is extents; a compressed one is a run, alone or with
// those that are solid with it.
type rarFormat struct{}

func (rarFormat) name() string { return "rar" }

const rarSig = "Rar!\x1a\x07"

func (rarFormat) match(head []byte, _ string) bool {
	return rar.IsArchive(head) || isProgram(head) && bytes.Contains(head, []byte(rarSig))
}

// rarFiles are the files beside the one that was asked for.
type rarFiles struct{ in *input }

// Open implements rar.Volumes.
func (f rarFiles) Open(name string) (rar.Volume, error) {
	v, err := f.in.Open(f.in.Beside(name))
	if err != nil {
		return nil, err
	}
	return v, nil
}

// walk starts at the first volume of the set, whichever was asked for.
func (rarFormat) walk(in *input, from []byte) (walker, error) {
	// Names that are too long are for others to leave out, as in all formats.
	limits := rar.Limits{Entries: in.Limits().Entries, HeaderBytes: in.Limits().IndexBytes, Dictionary: in.Limits().Dictionary}
	var w *rar.Walker
	var err error
	if from == nil {
		w, err = rar.Open(in.Context(), rarFiles{in}, path.Base(in.File().Path()), limits)
	} else {
		w, err = rar.Resume(in.Context(), rarFiles{in}, from, limits)
	}
	if err != nil {
		return nil, rarError(err)
	}
	return &rarWalker{in: in, w: w}, nil
}

// A rarWalker puts what a rar.Walker says into the words of this package.
type rarWalker struct {
	in    *input
	w     *rar.Walker
	paths []string // of the volumes, and behind them of a missing one that a member goes on in
}

func (w *rarWalker) state() []byte { return w.w.State() }

func (w *rarWalker) volumes() []string {
	names := w.w.Volumes()
	for i := len(w.paths); i < len(names); i++ {
		w.paths = append(w.paths, w.in.Beside(names[i]))
	}
	return w.paths
}

func (w *rarWalker) next() (*entry, error) {
	e, err := w.w.Next()
	if err != nil {
		return nil, rarError(err)
	}
	out := &entry{
		Raw: e.Name, UTF8: e.UTF8, Backslash: e.Backslash, Kind: rarKind(e), Size: e.Size, Packed: e.Packed, CRC: e.CRC32,
		HasCRC: e.HasCRC, ModTime: e.ModTime, Method: rarMethod(e), Encrypted: e.Encrypted, Run: noRun,
	}
	switch {
	case e.Run != rar.NoRun:
		out.Run, out.Solid, out.Unknown = e.Run, e.Solid, !e.Known()
		out.Memory = rarMemory(e, w.in.Limits())
	case !e.Quick():
		out.Extents = w.extents(e)
		return out, nil
	}
	// The header is not sure yet, or the bytes are not what is to be read.
	if e.Missing != "" {
		out.At = 1 + int64(w.miss(e.Missing))
	}
	out.Data, err = e.Coding.MarshalBinary()
	return out, err
}

// extents says where a stored member lies. What is in a missing volume is said to be there, so that who reads on finds out which
// one it is.
func (w *rarWalker) extents(e *rar.Entry) []extent {
	out, left := rarExtents(e.Extents), e.Size
	for _, x := range out {
		left -= x.Len
	}
	if e.Missing != "" && left > 0 {
		out = append(out, extent{Volume: w.miss(e.Missing), Len: left})
	}
	return out
}

// miss adds a missing volume, and returns its place. The walk has ended by then.
func (w *rarWalker) miss(name string) int {
	w.paths = append(w.volumes(), w.in.Beside(name))
	return len(w.paths) - 1
}

func rarExtents(list []rar.Extent) []extent {
	out := make([]extent, 0, len(list)+1)
	for _, x := range list {
		out = append(out, extent{x.Volume, x.Off, x.Len})
	}
	return out
}

func rarKind(e *rar.Entry) kind {
	switch {
	case e.Dir:
		return kindDir
	case e.Label, e.Version > 0: // an old version of a file has the name of the new one
		return kindOther
	case e.Link != rar.NoLink:
		return kindLink
	}
	return kindFile
}

// rarMethod is the version of the algorithm and how hard it tried, as unrar has it: "rar50 m3".
func rarMethod(e *rar.Entry) string {
	if e.Method == 0 {
		return "store"
	}
	return fmt.Sprintf("rar%d m%d", e.Algorithm, e.Method)
}

// rarModel is for the model of PPMd that RAR 3 may use, in any of its blocks. Only the packed bytes say how large it is, in the
// middle of what the decoder decodes. With the settings of the tools it is smaller than this; the most that they can be told to
// make, and that is unpacked, are 128 MiB, which take 171 here. To count on that would let only one such archive be read at a time.
const rarModel = 64 << 20

// rarMemory is about what the decoder of a run that begins with e takes. What is too much shows when it gets there, for a window need not
// be larger than what is unpacked into it.
func rarMemory(e *rar.Entry, l Limits) int64 {
	n := e.Dictionary
	if !e.Solid && e.Size >= 0 {
		n = min(n, e.Size)
	}
	if e.Format == 4 {
		n += rarModel
	}
	return min(max(n, 1<<20), l.Dictionary)
}

// locate implements locator for stored members that only a quick-open record told of.
func (rarFormat) locate(in *input, e *entry, volumes []string) ([]extent, error) {
	if len(e.Data) == 0 {
		return nil, fmt.Errorf("%w: it is cut off before its first byte", ErrCorrupt)
	}
	c, err := rarCoding(e)
	if err != nil {
		return nil, err
	}
	if err := c.Check(func(i int) (rar.Volume, error) { return rarVolume(in, volumes, i) }); err != nil {
		return nil, rarError(err)
	}
	out, left := rarExtents(c.Extents), e.Size
	for _, x := range out {
		left -= x.Len
	}
	if e.At > 0 && e.At <= int64(len(volumes)) && left > 0 {
		out = append(out, extent{Volume: int(e.At) - 1, Len: left})
	}
	return out, nil
}

func rarCoding(e *entry) (rar.Coding, error) {
	var c rar.Coding
	if err := c.UnmarshalBinary(e.Data); err != nil {
		return c, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return c, nil
}

// rarVolume opens a volume. One that is missing is a fault of the set, and no member that is not there.
func rarVolume(in *input, volumes []string, i int) (rar.Volume, error) {
	if i < 0 || i >= len(volumes) {
		return nil, fmt.Errorf("%w: a volume is missing", ErrCorrupt)
	}
	v, err := in.Open(volumes[i])
	if errors.Is(err, fs.ErrNotExist) && in.Failed(err) == nil {
		return nil, fmt.Errorf("%w: its volume %s is missing", ErrCorrupt, volumes[i])
	}
	if err != nil {
		return nil, err
	}
	return v, nil
}

func (rarFormat) unpack(in *input, r *run) (unpacker, error) {
	u := &rarUnpacker{in: in, run: r, at: -1}
	u.dec = rar.NewUnpacker(in.Context(), u, in.Limits().Dictionary)
	return u, nil
}

// A rarUnpacker unpacks a run, and is what the decoder knows of it.
type rarUnpacker struct {
	in  *input
	run *run
	dec *rar.Unpacker
	at  int        // the member that is being read
	e   *entry     // the same
	to  rar.Member // the one behind it
}

// Member implements rar.Run.
func (u *rarUnpacker) Member(i int) (rar.Member, bool) { return u.to, i == u.at+1 }

// Volume implements rar.Run.
func (u *rarUnpacker) Volume(i int) (rar.Volume, error) { return rarVolume(u.in, u.run.volumes(), i) }

func (u *rarUnpacker) next() (int, io.Reader, error) {
	entries := u.run.entries()
	if u.at+1 >= len(entries) {
		return 0, nil, io.EOF
	}
	e := entries[u.at+1]
	c, err := rarCoding(e)
	if err != nil {
		return 0, nil, err
	}
	if err := u.drain(); err != nil {
		return 0, nil, err
	}
	u.to = rar.Member{Size: e.Size, Coding: c}
	if _, err := u.dec.Next(); err != nil {
		return 0, nil, u.wrong(err)
	}
	u.at, u.e = u.at+1, e
	return u.at, u, nil
}

// drain unpacks a member of unknown size, which is not read but in front of others, as long as it does not become too much.
func (u *rarUnpacker) drain() error {
	if u.e == nil || u.e.Size >= 0 {
		return nil
	}
	buf := make([]byte, stepBytes)
	for out := int64(0); ; {
		n, err := u.Read(buf)
		switch out += int64(n); {
		case out > harmless && out/u.in.Limits().Ratio > u.in.read.Load():
			return fmt.Errorf("%w: more than %d bytes out of %d", ErrLimit, out, u.in.read.Load())
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
	}
}

// Read implements io.Reader.
func (u *rarUnpacker) Read(p []byte) (int, error) {
	n, err := u.dec.Read(p)
	if err != nil && err != io.EOF {
		err = u.wrong(err)
	}
	return n, err
}

// wrong says what is wrong with the member that is being read.
func (u *rarUnpacker) wrong(err error) error {
	volumes := u.run.volumes()
	if u.e != nil && errors.Is(err, rar.ErrCorrupt) && u.e.At > 0 && u.e.At <= int64(len(volumes)) {
		return fmt.Errorf("%w: its volume %s is missing", ErrCorrupt, volumes[u.e.At-1])
	}
	return rarError(err)
}

func (u *rarUnpacker) close() error { return nil }

// rarError says it in the words of this package.
func rarError(err error) error {
	switch {
	case errors.Is(err, rar.ErrFormat):
		return fmt.Errorf("%w: %w", ErrNotArchive, err)
	case errors.Is(err, rar.ErrEncrypted):
		return fmt.Errorf("%w: %w", ErrEncrypted, err)
	case errors.Is(err, rar.ErrMethod):
		return fmt.Errorf("%w: %w", ErrMethod, err)
	case errors.Is(err, rar.ErrLimit):
		return fmt.Errorf("%w: %w", ErrLimit, err)
	case errors.Is(err, rar.ErrCorrupt), errors.Is(err, rar.ErrVolume):
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return err
}

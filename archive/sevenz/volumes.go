package sevenz

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"sort"
	"strconv"
)

// MaxVolumes is how many parts a split archive may have.
const MaxVolumes = 10_000

// An Opener finds the other parts of a split archive.
type Opener interface {
	// Open returns the file called name in the place where the archive is, or an error that wraps [io/fs.ErrNotExist].
	Open(ctx context.Context, name string) (Source, error)
}

// Volumes are the parts of an archive that was cut into files of any size, as one [Source].
type Volumes struct {
	parts []Source
	ends  []int64 // the offset behind each part
}

// IsVolume reports whether name is the name of a part of a split archive: "a.7z.001" and so on.
func IsVolume(name string) bool {
	_, _, ok := cutNumber(name)
	return ok
}

// cutNumber takes the number of the part off the end of a name: at least three digits behind a dot.
func cutNumber(name string) (stem string, number int, ok bool) {
	dot := len(name)
	for dot > 0 && name[dot-1] >= '0' && name[dot-1] <= '9' {
		dot--
	}
	digits := name[dot:]
	if dot < 2 || name[dot-1] != '.' || len(digits) < 3 || len(digits) > 3 && digits[0] == '0' {
		return "", 0, false
	}
	number, err := strconv.Atoi(digits)
	return name[:dot], number, err == nil && number > 0
}

// OpenVolumes opens all parts of the split archive that name is any part of. The set ends before the first part that does not
// exist; whether that is its end, [Parse] will tell. The parts stay the caller's.
func OpenVolumes(ctx context.Context, dir Opener, name string) (*Volumes, error) {
	stem, _, ok := cutNumber(name)
	if !ok {
		return nil, fmt.Errorf("%q: %w: not the name of a part", name, ErrFormat)
	}
	v := &Volumes{}
	for i := 1; ; i++ {
		part, err := dir.Open(ctx, fmt.Sprintf("%s%03d", stem, i))
		switch {
		case errors.Is(err, fs.ErrNotExist) && i > 1:
			return v, nil
		case err != nil:
			return nil, fmt.Errorf("part %d of a split archive: %w", i, err)
		case i > MaxVolumes:
			return nil, fmt.Errorf("%w: more than %d parts", ErrLimit, MaxVolumes)
		case part.Size() < 0 || part.Size() > maxSize-v.Size():
			return nil, fmt.Errorf("%w: part %d has a size of %d bytes", ErrCorrupt, i, part.Size())
		}
		v.ends = append(v.ends, v.Size()+part.Size())
		v.parts = append(v.parts, part)
	}
}

// Size is the length of all parts together in bytes.
func (v *Volumes) Size() int64 {
	if len(v.ends) == 0 {
		return 0
	}
	return v.ends[len(v.ends)-1]
}

// ReadAt reads across the borders of the parts.
func (v *Volumes) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, errors.New("reading volumes at a negative offset")
	}
	for _, e := range v.Split(off, int64(len(p))) {
		k, err := v.parts[e.Volume].ReadAt(p[n:n+int(e.Length)], e.Offset)
		n += k
		if k < int(e.Length) {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF // the part is shorter than it said
			}
			return n, fmt.Errorf("part %d: %w", e.Volume+1, err)
		}
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// Split says which runs of the parts the n bytes from off are. What lies behind the last part is left out.
func (v *Volumes) Split(off, n int64) []Extent {
	var extents []Extent
	i := sort.Search(len(v.ends), func(i int) bool { return v.ends[i] > off })
	for ; i < len(v.ends) && n > 0; i++ {
		begin := v.ends[i] - v.parts[i].Size()
		length := min(n, v.ends[i]-off)
		if length > 0 {
			extents = append(extents, Extent{i, off - begin, length})
		}
		off += length
		n -= length
	}
	return extents
}

// split turns the extents of a into extents of the single parts, if src has parts.
func split(a *Archive, src Source) {
	v, ok := src.(*Volumes)
	if !ok {
		return
	}
	for i := range a.Entries {
		e := &a.Entries[i]
		var parts []Extent
		for _, x := range e.Extents {
			parts = append(parts, v.Split(x.Offset, x.Length)...)
		}
		e.Extents = slices.Clip(parts)
	}
}

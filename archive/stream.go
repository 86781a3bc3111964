package archive

import (
	"bytes"
	"context"

	"fmt"
	"io"

	"github.com/mholt/archives"
)

// streamFormat reads a tar that is compressed as a whole. There is one run: the tar. Its members are extents of what it is
// unpacked to.
type streamFormat struct {
	kind  string // "gzip"
	magic archives.Format
	open  func(in *input, state []byte) (decompressor, error)
}

// streamFormats are the compressions that tars come in. Whether a file is one is what archives knows; whether a tar is in it shows
// only when it is unpacked, since one block of bzip2 or xz may be longer than what a look can cost.
func streamFormats() []format {
	plain := func(open func(io.Reader) (decompressor, error)) func(*input, []byte) (decompressor, error) {
		return func(in *input, _ []byte) (decompressor, error) {
			return open(in.section(in.File(), 0, in.File().Size()))
		}
	}
	limited := func(open func(io.Reader, Limits) (decompressor, error)) func(*input, []byte) (decompressor, error) {
		return func(in *input, _ []byte) (decompressor, error) {
			return open(in.section(in.File(), 0, in.File().Size()), in.Limits())
		}
	}
	return []format{
		streamFormat{"gzip", archives.Gz{}, func(in *input, state []byte) (decompressor, error) { return newGzip(in.File(), state) }},
		streamFormat{"bzip2", archives.Bz2{}, plain(newBzip2)},
		streamFormat{"xz", archives.Xz{}, limited(newXZ)},
		streamFormat{"zstd", archives.Zstd{}, limited(newZstd)},
		streamFormat{"lz4", archives.Lz4{}, plain(newLz4)},
		streamFormat{"brotli", archives.Brotli{}, plain(newBrotli)},
	}
}

// tarRun is the run of a compressed tar.
const tarRun = 0

func (f streamFormat) name() string { return "tar." + f.kind }

// match: brotli has no magic, so there the name has to say it too.
func (f streamFormat) match(head []byte, name string) bool {
	byHead, err := f.magic.Match(context.Background(), "", bytes.NewReader(head))
	if err != nil || !byHead.ByStream {
		return false
	}
	if f.kind != "brotli" {
		return true
	}
	byName, err := f.magic.Match(context.Background(), name, nil)
	return err == nil && byName.ByName
}

func (f streamFormat) walk(in *input, from []byte) (walker, error) {
	out, err := in.Output(tarRun)
	if err != nil {
		return nil, err
	}
	w, err := newTarWalker(out, unknownSize, outputOf(tarRun), from)
	if err != nil {
		return nil, err
	}
	return w, nil
}

func (f streamFormat) unpack(in *input, r *run) (unpacker, error) {
	return f.resume(in, r, nil)
}

// resume implements resumer.
func (f streamFormat) resume(in *input, r *run, state []byte) (unpacker, error) {
	if r.n != tarRun {
		return nil, fmt.Errorf("%w: a compressed tar has one run", ErrCorrupt)
	}
	d, err := f.open(in, state)
	if err != nil {
		return nil, err
	}
	return &single{decompressor: d}, nil
}

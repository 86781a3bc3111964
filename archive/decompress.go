package archive

import (
	"bufio"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
	"github.com/mholt/archives"
	fastxz "github.com/mikelolasagasti/xz"
)

// A decompressor turns a stream into what was compressed. Close gives its memory back, not its source.
type decompressor interface {
	io.ReadCloser
}

// A checkpointer is a decompressor or an unpacker that can go on later from where it is.
type checkpointer interface {
	// checkpoint returns what resume needs to go on behind the last byte read, nil when this is no place for it.
	checkpoint() []byte
}

// A resumer is a format whose runs can be entered in the middle. It gets what checkpoint of an earlier unpacker of the run has
// returned, and the cache kept: so it is checked as any hostile input. The first reader of the unpacker begins behind the
// byte that was read last then.
type resumer interface {
	resume(in *input, r *run, state []byte) (unpacker, error)
}

// section reads n bytes of v from off, in pieces that are worth asking for.
func (in *input) section(v volume, off, n int64) *bufio.Reader {
	return bufio.NewReaderSize(io.NewSectionReader(v, off, n), 32<<10)
}

func newBzip2(r io.Reader) (decompressor, error) {
	return io.NopCloser(bzip2.NewReader(r)), nil
}

func newXZ(r io.Reader, l Limits) (decompressor, error) {
	x, err := fastxz.NewReader(r, uint32(min(l.Dictionary, 1<<31)))
	if err != nil {
		return nil, unpackError(err)
	}
	return io.NopCloser(limitErrors{x}), nil
}

func newZstd(r io.Reader, l Limits) (decompressor, error) {
	// As archives says it, for a decoder that takes no more than it must.
	d, err := archives.Zstd{DecoderOptions: []zstd.DOption{
		zstd.WithDecoderConcurrency(1),
		zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(uint64(min(max(l.Dictionary/2, zstd.MinWindowSize), 1<<31))),
	}}.OpenReader(r)
	if err != nil {
		return nil, unpackError(err)
	}
	return struct {
		io.Reader
		io.Closer
	}{limitErrors{d}, d}, nil
}

func newLz4(r io.Reader) (decompressor, error) { return archives.Lz4{}.OpenReader(r) }

func newBrotli(r io.Reader) (decompressor, error) { return archives.Brotli{}.OpenReader(r) }

// limitErrors says ErrLimit when a decoder was asked for too much memory.
type limitErrors struct{ r io.Reader }

func (l limitErrors) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	return n, unpackError(err)
}

func unpackError(err error) error {
	switch {
	case errors.Is(err, fastxz.ErrMemlimit), errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return fmt.Errorf("%w: its dictionary is too large", ErrLimit)
	case errors.Is(err, fastxz.ErrOptions):
		return fmt.Errorf("%w: %w", ErrMethod, err)
	}
	return err
}

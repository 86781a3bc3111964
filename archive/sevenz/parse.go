package sevenz

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
)

const signature = "7z\xBC\xAF\x27\x1C"

// startSize is the length of the fixed header in bytes: signature, version, and where the real header is.
const startSize = 32

// Parse reads the headers of an archive: 32 bytes at its start (up to 1 MiB if there is a program before it, as in a
// self-extracting archive) and the header proper at its end. What it returns does not refer to src.
//
// Errors are ErrFormat, ErrCorrupt, ErrEncrypted (the names themselves need a password), ErrMethod, ErrLimit, and those of src and ctx.
func Parse(ctx context.Context, src Source) (*Archive, error) {
	start, err := findStart(ctx, src)
	if err != nil {
		return nil, err
	}
	if start.size == 0 {
		return &Archive{}, nil
	}
	if start.size > MaxHeader {
		return nil, fmt.Errorf("%w: a header of %d bytes, more than %d", ErrLimit, start.size, MaxHeader)
	}
	header := make([]byte, start.size)
	if err := readFull(ctx, src, header, start.offset); err != nil {
		return nil, err
	}
	if crc32.ChecksumIEEE(header) != start.crc {
		return nil, fmt.Errorf("%w: the header's checksum is wrong", ErrCorrupt)
	}
	c := &cursor{rest: header}
	id := c.number()
	// A header may be packed, and what is in there be packed again; one time is what programs do.
	for depth := 0; id == idEncodedHeader; depth++ {
		if depth == 4 {
			return nil, fmt.Errorf("%w: a header packed more than %d times", ErrLimit, depth)
		}
		header, err := unpackHeader(ctx, src, c, start)
		if err != nil {
			return nil, err
		}
		c = &cursor{rest: header}
		id = c.number()
	}
	if id != idHeader && c.err == nil {
		c.fail(ErrCorrupt, "id %#x where the header starts", id)
	}
	a := c.archive(start)
	if c.err != nil {
		return nil, c.err
	}
	split(a, src)
	return a, nil
}

// archive reads the header proper, behind its id.
func (c *cursor) archive(start start) *Archive {
	var s streams
	var files []file
	id := c.number()
	if id == idArchiveProperties {
		for c.number() != idEnd {
			c.bytes(c.number())
		}
		id = c.number()
	}
	if id == idAdditionalStreams {
		c.streams(start.base, start.offset)
		id = c.number()
	}
	if id == idMainStreams {
		s = c.streams(start.base, start.offset)
		id = c.number()
	}
	if id == idFiles {
		files = c.files()
		id = c.number()
	}
	if id != idEnd {
		c.fail(ErrCorrupt, "id %#x where the header ends", id)
	}
	if c.err != nil {
		return nil
	}
	return &Archive{Entries: c.entries(files, s), Folders: s.folders}
}

// unpackHeader unpacks the header that c describes.
func unpackHeader(ctx context.Context, src Source, c *cursor, start start) ([]byte, error) {
	s := c.streams(start.base, start.offset)
	if len(s.folders) != 1 && c.err == nil {
		c.fail(ErrCorrupt, "a header in %d folders", len(s.folders))
	}
	if c.err != nil {
		return nil, c.err
	}
	f := &s.folders[0]
	if f.Size > MaxHeader {
		return nil, fmt.Errorf("%w: a header of %d bytes, more than %d", ErrLimit, f.Size, MaxHeader)
	}
	out, err := f.Open(ctx, src)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	// The size is only a claim: most of the memory waits for the first MiB.
	header := make([]byte, min(f.Size, 1<<20))
	if _, err := io.ReadFull(out, header); err != nil {
		return nil, err
	}
	if n := int64(len(header)); n < f.Size {
		header = append(make([]byte, 0, f.Size), header...)[:f.Size]
		if _, err := io.ReadFull(out, header[n:]); err != nil {
			return nil, err
		}
	}
	if f.HasCRC && crc32.ChecksumIEEE(header) != f.CRC {
		return nil, fmt.Errorf("%w: the checksum of the packed header is wrong", ErrCorrupt)
	}
	return header, nil
}

// A start is the fixed header, with offsets in the source.
type start struct {
	base   int64 // where packed streams are counted from
	offset int64 // of the header
	size   int64
	crc    uint32
}

// findStart reads the fixed header at the start of the source, or looks for it behind a program.
func findStart(ctx context.Context, src Source) (start, error) {
	chunk := make([]byte, min(startSize, src.Size()))
	if err := readFull(ctx, src, chunk, 0); err != nil {
		return start{}, err
	}
	if bytes.HasPrefix(chunk, []byte(signature)) {
		return parseStart(chunk, 0, src.Size())
	}
	// A program that unpacks 7z archives may have the signature in itself, so only a header that makes sense counts.
	const step = 64 << 10
	for at := int64(0); at < min(maxStub, src.Size()-startSize); at += step {
		chunk = make([]byte, min(step+startSize-1, src.Size()-at))
		if err := readFull(ctx, src, chunk, at); err != nil {
			return start{}, err
		}
		for i := 0; ; i++ {
			n := bytes.Index(chunk[i:], []byte(signature))
			if n < 0 || len(chunk)-i-n < startSize {
				break
			}
			i += n
			if s, err := parseStart(chunk[i:], at+int64(i), src.Size()); err == nil {
				return s, nil
			}
		}
	}
	return start{}, ErrFormat
}

// parseStart reads the fixed header in b, which lies at at in a source of size bytes.
func parseStart(b []byte, at, size int64) (start, error) {
	if len(b) < startSize {
		return start{}, fmt.Errorf("%w: it ends in the first header", ErrCorrupt)
	}
	if binary.LittleEndian.Uint32(b[8:]) != crc32.ChecksumIEEE(b[12:startSize]) {
		return start{}, fmt.Errorf("%w: the checksum of the first header is wrong", ErrCorrupt)
	}
	if b[6] != 0 {
		return start{}, fmt.Errorf("%w: version %d.%d of the format", ErrMethod, b[6], b[7])
	}
	s := start{base: at + startSize, crc: binary.LittleEndian.Uint32(b[28:])}
	offset, length := binary.LittleEndian.Uint64(b[12:]), binary.LittleEndian.Uint64(b[20:])
	if left := uint64(size - s.base); offset > left || length > left-offset {
		return start{}, fmt.Errorf("%w: the file has lost its end, or a part of the archive is missing", ErrCorrupt)
	}
	s.offset, s.size = s.base+int64(offset), int64(length)
	return s, nil
}

// readFull fills p from offset off of src.
func readFull(ctx context.Context, src io.ReaderAt, p []byte, off int64) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	n, err := src.ReadAt(p, off)
	switch {
	case n == len(p):
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case err == io.EOF || err == nil:
		return fmt.Errorf("%w: the file is shorter than it was said to be", ErrCorrupt)
	}
	return fmt.Errorf("reading a 7z archive: %w", err)
}

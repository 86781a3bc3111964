package archive

import (
	"bufio"
	"compress/flate"
	"compress/gzip"
	"io"
)

// newDeflate reads the n bytes of v from off as RFC 1951 has it, from the start or where a checkpoint says.
func newDeflate(v volume, off, n int64, state []byte) (decompressor, error) {
	return flate.NewReader(bufio.NewReaderSize(io.NewSectionReader(v, off, n), 32<<10)), nil
}

// newGzip reads all of the file as RFC 1952 has it.
func newGzip(in *input, state []byte) (decompressor, error) {
	return gzip.NewReader(in.section(in.File(), 0, in.File().Size()))
}

package web

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/zeronetscript/universal_p2p/stream"
)

// maxHead is how many bytes are looked at to see what a file without a name is.
const maxHead = 1 << 10

// endingOf tells by the first bytes of a file which ending a name of it would have, "" for none that is known. It is for files that have no
// name; a name has the last word, see contentType.
func endingOf(ctx context.Context, file stream.File) (string, error) {
	head := make([]byte, min(maxHead, file.Size()))
	if len(head) == 0 {
		return "", nil
	}
	r, err := file.Open(ctx)
	if err != nil {
		return "", err
	}
	defer r.Close()
	if x, ok := r.(stream.Expecter); ok {
		x.Expect(0, int64(len(head)))
	}
	if _, err := io.ReadFull(r, head); errors.Is(err, io.EOF) {
		return "", io.ErrUnexpectedEOF
	} else if err != nil {
		return "", err
	}
	return ending(head), nil
}

// ending returns the ending for files that begin with head. What a browser could take for code gets the ending of that, and is guarded
// like every file that has it.
func ending(head []byte) string {
	for _, m := range magics {
		if len(head) >= m.off && bytes.HasPrefix(head[m.off:], []byte(m.bytes)) {
			return m.ending
		}
	}
	switch {
	case len(head) >= 12 && string(head[4:8]) == "ftyp":
		return ftypEnding(head)
	case bytes.HasPrefix(head, []byte("\x1A\x45\xDF\xA3")): // https://www.rfc-editor.org/rfc/rfc8794
		if bytes.Contains(head[:min(len(head), 64)], []byte("webm")) {
			return "webm"
		}
		return "mkv"
	case bytes.HasPrefix(head, []byte("OggS")):
		if bytes.Contains(head, []byte("\x80theora")) {
			return "ogv"
		}
		return "ogg"
	case len(head) >= 12 && string(head[:4]) == "RIFF":
		return map[string]string{"WAVE": "wav", "AVI ": "avi", "WEBP": "webp"}[string(head[8:12])]
	case len(head) >= 10 && string(head[:2]) == "BM" && string(head[6:10]) == "\x00\x00\x00\x00":
		return "bmp"
	case len(head) > 4 && head[0] == 0xFF && mpegEnding(head) != "":
		return mpegEnding(head)
	}
	return textEnding(head)
}

// magics are the bytes at a place in files that tell what they are.
var magics = []struct {
	off           int
	bytes, ending string
}{
	{0, "\xFF\xD8\xFF", "jpg"}, {0, "\x89PNG\r\n\x1A\n", "png"}, {0, "GIF87a", "gif"}, {0, "GIF89a", "gif"},
	{0, "\x00\x00\x01\x00", "ico"}, {0, "II*\x00", "tif"}, {0, "MM\x00*", "tif"}, {0, "\xFF\x0A", "jxl"}, {0, "\x00\x00\x00\x0CJXL \r\n\x87\n", "jxl"},
	{0, "ID3", "mp3"}, {0, "fLaC", "flac"}, {8, "AIFF", "aiff"}, {8, "AIFC", "aiff"}, {0, "FLV\x01", "flv"}, {0, "\x00\x00\x01\xBA", "mpg"},
	{0, "PK\x03\x04", "zip"}, {0, "PK\x05\x06", "zip"}, {0, "Rar!\x1A\x07", "rar"}, {0, "7z\xBC\xAF\x27\x1C", "7z"}, {257, "ustar", "tar"},
	{0, "\x1F\x8B\x08", "gz"}, {0, "BZh", "bz2"}, {0, "\xFD7zXZ\x00", "xz"}, {0, "\x28\xB5\x2F\xFD", "zst"}, {0, "\x04\x22\x4D\x18", "lz4"},
	{0, "%PDF-", "pdf"}, {0, "WEBVTT", "vtt"}, {0, "d8:announce", "torrent"},
}

// ftypEnding tells the files of ISO 14496-12 from each other by their brands.
func ftypEnding(head []byte) string {
	switch string(head[8:12]) {
	case "qt  ":
		return "mov"
	case "M4A ", "M4B ":
		return "m4a"
	case "avif", "avis":
		return "avif"
	case "heic", "heix", "hevc":
		return "heic"
	case "mif1", "msf1":
		if bytes.Contains(head[:min(len(head), 64)], []byte("avif")) {
			return "avif"
		}
		return "heif"
	}
	return "mp4"
}

// mpegEnding tells a frame of MPEG audio from noise: ISO 11172-3, and ISO 13818-7 for ADTS.
func mpegEnding(head []byte) string {
	layer, version := head[1]>>1&3, head[1]>>3&3
	switch {
	case head[1]&0xE0 != 0xE0:
		return ""
	case layer == 0 && head[1]&0xF0 == 0xF0 && head[2]>>2&0xF < 13:
		return "aac"
	case layer == 1 && version != 1 && head[2]>>4 != 0xF && head[2]>>4 != 0 && head[2]>>2&3 != 3:
		return "mp3"
	}
	return ""
}

// textEnding tells what text is, as a browser would (https://mimesniff.spec.whatwg.org/).
func textEnding(head []byte) string {
	switch http.DetectContentType(head) {
	case "text/html; charset=utf-8":
		return "html"
	case "text/xml; charset=utf-8":
		if bytes.Contains(head, []byte("<svg")) {
			return "svg"
		}
		return "xml"
	case "text/plain; charset=utf-8", "text/plain; charset=utf-16le", "text/plain; charset=utf-16be":
		if bytes.HasPrefix(bytes.TrimSpace(head), []byte("<svg")) {
			return "svg"
		}
		return "txt"
	}
	return ""
}

package stream_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"testing"
	"time"

	"github.com/zeronetscript/universal_p2p/stream"
)

type file struct {
	path string
	size int64
}

func (f file) Path() string     { return f.path }
func (f file) Size() int64      { return f.size }
func (file) ModTime() time.Time { return time.Time{} }
func (file) Open(context.Context) (io.ReadSeekCloser, error) {
	return nil, errors.ErrUnsupported
}

var _ stream.File = file{}

func TestFind(t *testing.T) {
	files := make(map[string]file)
	for _, p := range []string{"a", "a.txt", "a.zip", "d/a.zip", "d/a.zip/in.jpg", "d/e/f", "é/ö"} {
		files[p] = file{path: p}
	}
	tests := []struct {
		path, want, rest string // want "" means fs.ErrNotExist
	}{
		{"a.txt", "a.txt", ""},
		{"d/e/f", "d/e/f", ""},
		{"é/ö", "é/ö", ""},
		{"a.zip/1.jpg", "a.zip", "1.jpg"},
		{"a.zip/x/y/1.jpg", "a.zip", "x/y/1.jpg"},
		{"d/a.zip/1.jpg", "d/a.zip", "1.jpg"},
		{"d/a.zip/in.jpg", "d/a.zip/in.jpg", ""}, // exactly that path wins over a member
		{"d/a.zip/in.jpg/deep", "d/a.zip/in.jpg", "deep"},
		{path: "a.txtx"},
		{path: "a.tx"},
		{path: "d"},
		{path: "d/e"},
		{path: "A.TXT"},
		{path: "e/f"},
		{path: ""},
		{path: "."},
		{path: "/a.txt"},
		{path: "a.txt/"},
		{path: "a.zip//1.jpg"},
		{path: "a.zip/../a.txt"},
		{"a.zip/\xff", "a.zip", "\xff"}, // a member may be known by its bytes
		{"d/a.zip/\x83\x65/\xe9.jpg", "d/a.zip", "\x83\x65/\xe9.jpg"},
		{path: "\xff"},
		{path: "d/\xff/a.zip"},
		{path: "a.zip/\xff/../x"},
		{path: "a.zip/\xff\x00"},
		{path: "a.zip/\x00"},
	}
	for _, tt := range tests {
		f, rest, err := stream.Find(files, tt.path)
		if tt.want == "" {
			if !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("Find(%q) = %q, %q, %v, want fs.ErrNotExist", tt.path, f.path, rest, err)
			}
			continue
		}
		if err != nil || f.path != tt.want || rest != tt.rest {
			t.Errorf("Find(%q) = %q, %q, %v, want %q, %q", tt.path, f.path, rest, err, tt.want, tt.rest)
		}
	}
}

func TestBiggest(t *testing.T) {
	tests := []struct {
		files []file
		want  string
		ok    bool
	}{
		{nil, "", false},
		{[]file{{"empty", 0}}, "empty", true},
		{[]file{{"a", 1}, {"b", 3}, {"c", 2}}, "b", true},
		{[]file{{"a", 3}, {"b", 3}}, "a", true}, // of equals the first
	}
	for _, tt := range tests {
		f, ok := stream.Biggest(tt.files)
		if f.path != tt.want || ok != tt.ok {
			t.Errorf("Biggest(%v) = %q, %v, want %q, %v", tt.files, f.path, ok, tt.want, tt.ok)
		}
	}
}

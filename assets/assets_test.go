package assets

import (
	"archive/zip"
	"bytes"
	"io/fs"
	"net/url"
	"strings"
	"testing"
)

func TestDemoPage(t *testing.T) {
	p := DemoPage{
		Origin: "http://127.0.0.1:1", Addr: "127.0.0.1:2", InfoHash: strings.Repeat("a", 40),
		Hints: url.Values{"x.pe": {"127.0.0.1:3"}}, Pictures: []string{"<1>.jpg"},
	}
	var b bytes.Buffer
	if _, err := p.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`src="http://127.0.0.1:2/bittorrent/v0/stream/` + p.InfoHash + `/video.webm?x.pe=127.0.0.1:3"`,
		`/pictures/%3C1%3E.jpg?x.pe=`, "/hello.txt", "/pictures.zip/%3C1%3E.jpg?", "/pictures.part1.rar/%3C1%3E.jpg?", "color-scheme: light dark",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if strings.Contains(b.String(), "<1>") || strings.Contains(b.String(), "ZgotmplZ") {
		t.Error("a value got into the page the wrong way")
	}
}

// The archive holds the very pictures that lie beside it, stored, so that a picture in it is a run of bytes of the torrent.
func TestDemoContent(t *testing.T) {
	data, err := fs.ReadFile(Demo(), "pictures.zip")
	if err != nil {
		t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	pictures, err := fs.Glob(Demo(), "pictures/*.jpg")
	if err != nil || len(pictures) == 0 || len(pictures) != len(z.File) {
		t.Fatalf("%d pictures, %d in the archive, %v", len(pictures), len(z.File), err)
	}
	for _, m := range z.File {
		want, err := fs.ReadFile(Demo(), "pictures/"+m.Name)
		if err != nil {
			t.Fatal(err)
		}
		got, err := fs.ReadFile(z, m.Name)
		if err != nil || !bytes.Equal(got, want) || m.Method != zip.Store {
			t.Errorf("%s: method %d, %d bytes, want %d, %v", m.Name, m.Method, len(got), len(want), err)
		}
	}
	if v, err := fs.Stat(Demo(), "video.webm"); err != nil || v.Size() > 600<<10 {
		t.Errorf("video: %v, %v", v, err)
	}
}

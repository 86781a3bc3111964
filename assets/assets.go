// Package assets holds what the program shows and is not code: pages, their style sheet, and the content of the demo.
//
// Everything is embedded, so that the program is one file and needs no network to show a page. The media of the demo are made
// by demo/make.sh.
package assets

import (
	"embed"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"net/url"
	"strings"
)

//go:embed page
var pages embed.FS

//go:embed demo/content
var demo embed.FS

// Demo returns the files of the demo: video.webm, pictures/*.jpg, the same pictures in pictures.zip and in the volumes of
// pictures.part1.rar, hello.txt.
func Demo() fs.FS {
	sub, err := fs.Sub(demo, "demo/content")
	if err != nil {
		panic(err) // the name is a constant and valid
	}
	return sub
}

// A DemoPage is what the page of the demo has to know.
type DemoPage struct {
	Origin   string     // where the page itself comes from
	Addr     string     // host and port of the program
	InfoHash string     // hex
	Hints    url.Values // for the addresses: how to find the peer
	CID      string     // of the folder on IPFS; "" when there is none
	Pictures []string   // names in the folder pictures, and in the archives
}

// Folders says where the pictures are: in a folder of the torrent, and in archives.
func (p DemoPage) Folders() []string {
	return []string{"pictures", "pictures.zip", "pictures.part1.rar"}
}

// URL is the address of a file of the torrent, or of a member of an archive in it.
func (p DemoPage) URL(path ...string) string { return p.address("stream", path) }

// IPFS is the address of a file on IPFS, or of a member of an archive there.
func (p DemoPage) IPFS(path ...string) string {
	u := url.URL{Scheme: "http", Host: p.Addr, Path: "/ipfs/v0/stream/" + p.CID}
	return u.JoinPath(path...).String()
}

// Page is the address of the page that shows it to people.
func (p DemoPage) Page(path ...string) string { return p.address("play", path) }

func (p DemoPage) address(command string, path []string) string {
	query := strings.ReplaceAll(p.Hints.Encode(), "%3A", ":") // easier to read, and as good
	u := url.URL{Scheme: "http", Host: p.Addr, Path: "/bittorrent/v0/" + command + "/" + p.InfoHash, RawQuery: query}
	return u.JoinPath(path...).String()
}

// Style is the style sheet, for the template.
func (p DemoPage) Style() template.CSS { return style() }

// WriteTo writes the page.
func (p DemoPage) WriteTo(w io.Writer) (int64, error) {
	var b strings.Builder
	if err := render(&b, "demo.html", p); err != nil {
		return 0, err
	}
	n, err := io.WriteString(w, b.String())
	return int64(n), err
}

func render(w io.Writer, name string, data any) error {
	t, err := template.ParseFS(pages, "page/"+name)
	if err == nil {
		err = t.Execute(w, data)
	}
	if err != nil {
		return fmt.Errorf("page %s: %w", name, err)
	}
	return nil
}

// StyleHash is what a Content-Security-Policy calls the style sheet that is in every page.
func StyleHash() string { return hash(string(style())) }

func style() template.CSS { return template.CSS(file("style.css")) }

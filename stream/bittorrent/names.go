package bittorrent

import (
	"fmt"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/anacrolix/torrent/metainfo"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
)

// newFileList names the files of info. charset is the "encoding" of the .torrent, "" if it has none (BEP 54 calls it
// obsolete; it says what the bytes of old names mean).
func newFileList(s *swarm, info *metainfo.Info, charset string) *fileList {
	decode := nameDecoder(charset)
	l := &fileList{name: cleanElement(decode(info.BestName())), byPath: make(map[string]*file), raw: make(map[string]*file)}
	again := make(map[string]int)
	for _, fi := range info.UpvertedFiles() {
		if isPadding(fi) {
			continue
		}
		elems := fi.BestPath()
		if !info.IsDir() || len(elems) == 0 {
			elems = []string{info.BestName()}
		}
		f := &file{s: s, path: l.unique(cleanPath(elems, decode), again), offset: fi.TorrentOffset, size: fi.Length}
		l.files = append(l.files, f)
		l.byPath[f.path] = f
		if raw := strings.Join(elems, "/"); !utf8.ValidString(raw) {
			l.raw[raw] = f
		}
	}
	return l
}

// isPadding reports whether fi only fills up a piece: BEP 47, and what BitComet did before.
func isPadding(fi metainfo.FileInfo) bool {
	if strings.ContainsAny(fi.Attr, "pl") { // p: padding, l: a symbolic link, which has no bytes of its own
		return true
	}
	p := fi.BestPath()
	return len(p) > 0 && strings.HasPrefix(p[len(p)-1], "_____padding_file_")
}

// cleanPath makes a valid path of what a torrent says: nothing in it leads out of its folder, and it is text.
func cleanPath(elems []string, decode func(string) string) string {
	clean := make([]string, 0, len(elems))
	for _, e := range elems {
		if e == "" {
			continue
		}
		clean = append(clean, cleanElement(decode(e)))
	}
	if len(clean) == 0 {
		return "_"
	}
	return strings.Join(clean, "/")
}

func cleanElement(e string) string {
	e = strings.Map(func(r rune) rune {
		if r == '/' || r == 0 {
			return '_'
		}
		return r
	}, e)
	switch e {
	case "", ".", "..":
		return "_"
	}
	return e
}

// unique returns path, with a number before its extension if the list has it already. again counts how often it had, so that a
// hundred thousand equal names cost no more than different ones.
func (l *fileList) unique(name string, again map[string]int) string {
	candidate, ext := name, path.Ext(name)
	for l.byPath[candidate] != nil {
		again[name]++
		candidate = fmt.Sprintf("%s (%d)%s", strings.TrimSuffix(name, ext), again[name]+1, ext)
	}
	return candidate
}

// nameDecoder returns what turns the bytes of a name into text. Bytes that are UTF-8 are taken as they are; else the
// charset counts, else Windows-1252, which has a letter for nearly every byte.
func nameDecoder(charset string) func(string) string {
	var enc encoding.Encoding = charmap.Windows1252
	if e, err := htmlindex.Get(charset); err == nil {
		enc = e
	}
	return func(s string) string {
		if utf8.ValidString(s) {
			return s
		}
		if d, err := enc.NewDecoder().String(s); err == nil && utf8.ValidString(d) {
			return d
		}
		return strings.ToValidUTF8(s, "_")
	}
}

// displayName is a name for people, of something a peer or a page has said: one line of text, not too long.
func displayName(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "_"))
	const limit = 200
	for i := range s {
		if i > limit {
			return s[:i] + "…"
		}
	}
	return s
}

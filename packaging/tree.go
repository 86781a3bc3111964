package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"
)

// A tree is what is to be packed: files by their slash-separated paths.
type tree map[string]entry

type entry struct {
	mode fs.FileMode
	data []byte
}

func (t tree) add(name string, mode fs.FileMode, data []byte) { t[name] = entry{mode, data} }

// names are the paths in order.
func (t tree) names() []string {
	var names []string
	for name := range t {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// folders are all folders above the files, in order.
func (t tree) folders() []string {
	var dirs []string
	for name := range t {
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			dirs = append(dirs, dir)
		}
	}
	slices.Sort(dirs)
	return slices.Compact(dirs)
}

// writeTarGz packs t. Nobody's name and no time but at is in it.
func writeTarGz(file string, t tree, at time.Time) error {
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return err
	}
	w := tar.NewWriter(z)
	for _, dir := range t.folders() {
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: dir + "/", Mode: 0o755, ModTime: at, Format: tar.FormatPAX}); err != nil {
			return err
		}
	}
	for _, name := range t.names() {
		e := t[name]
		h := tar.Header{Name: name, Mode: int64(e.mode), Size: int64(len(e.data)), ModTime: at, Format: tar.FormatPAX}
		if err := w.WriteHeader(&h); err != nil {
			return err
		}
		if _, err := w.Write(e.data); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	return os.WriteFile(file, out.Bytes(), 0o644)
}

// writeZip packs t.
func writeZip(file string, t tree, at time.Time) error {
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, name := range t.names() {
		h := zip.FileHeader{Name: name, Method: zip.Deflate, Modified: at}
		h.SetMode(t[name].mode)
		f, err := w.CreateHeader(&h)
		if err != nil {
			return err
		}
		if _, err := f.Write(t[name].data); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	return os.WriteFile(file, out.Bytes(), 0o644)
}

// gzipped is data as gzip -9n has it.
func gzipped(data []byte) ([]byte, error) {
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := z.Write(data); err != nil {
		return nil, err
	}
	err = z.Close()
	return out.Bytes(), err
}

// crlf is a text as Windows has it.
func crlf(text []byte) []byte {
	return []byte(strings.ReplaceAll(string(text), "\n", "\r\n"))
}

// embedded reads a file of sources.
func embedded(name string) ([]byte, error) {
	data, err := sources.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("packaging: %w", err)
	}
	return data, nil
}

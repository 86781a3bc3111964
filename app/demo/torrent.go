package demo

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/anacrolix/torrent/bencode"
	"github.com/anacrolix/torrent/metainfo"
	"github.com/anacrolix/torrent/storage"
)

// pieceLength is small, in bytes, so that even this little torrent has a few dozen pieces to jump about in.
const pieceLength = 32 << 10

// content is a torrent in memory: the files of a file system, one after the other.
type content struct {
	meta  *metainfo.MetaInfo
	files []string // paths
	data  []byte
}

// newContent makes a torrent called name of all the files in fsys. The same files give the same infohash.
func newContent(name string, fsys fs.FS) (*content, error) {
	c := &content{}
	info := metainfo.Info{Name: name, PieceLength: pieceLength}
	err := fs.WalkDir(fsys, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(fsys, path)
		if err != nil {
			return err
		}
		c.files = append(c.files, path)
		c.data = append(c.data, data...)
		info.Files = append(info.Files, metainfo.FileInfo{Path: strings.Split(path, "/"), Length: int64(len(data))})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("demo content: %w", err)
	}
	rest := c.data
	err = info.GeneratePieces(func(fi metainfo.FileInfo) (io.ReadCloser, error) {
		r := io.NopCloser(bytes.NewReader(rest[:fi.Length]))
		rest = rest[fi.Length:]
		return r, nil
	})
	if err != nil {
		return nil, fmt.Errorf("demo content: %w", err)
	}
	raw, err := bencode.Marshal(info)
	if err != nil {
		return nil, fmt.Errorf("demo content: %w", err)
	}
	c.meta = &metainfo.MetaInfo{InfoBytes: raw}
	return c, nil
}

var (
	_ storage.ClientImpl = (*content)(nil)
	_ storage.PieceImpl  = piece{}
)

// OpenTorrent lets the torrent client seed c: every piece is there, and none can be written.
func (c *content) OpenTorrent(context.Context, *metainfo.Info, metainfo.Hash) (storage.TorrentImpl, error) {
	return storage.TorrentImpl{
		Piece: func(p metainfo.Piece) storage.PieceImpl {
			return piece{bytes.NewReader(c.data[p.Offset() : p.Offset()+p.Length()])}
		},
		Close: func() error { return nil },
	}, nil
}

// A piece of a content.
type piece struct{ io.ReaderAt }

func (piece) WriteAt([]byte, int64) (int, error) { return 0, fs.ErrPermission }
func (piece) MarkComplete() error                { return nil }
func (piece) MarkNotComplete() error             { return nil }
func (piece) Completion() storage.Completion     { return storage.Completion{Ok: true, Complete: true} }

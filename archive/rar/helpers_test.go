package rar

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/zeronetscript/universal_p2p/archive/rar/rartest"
)

const pieceSize = 1 << 20

// files is a folder of volumes that counts what is read of them, as a swarm would have to deliver it.
type files struct {
	list map[string]Volume

	mu      sync.Mutex
	opened  []string
	bytes   int64
	blocks  map[place]bool
	pieces  map[place]bool
	reading int // now
	most    int // at once
	err     error
}

func (f *files) Open(name string) (Volume, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.opened = append(f.opened, name)
	if v := f.list[name]; v != nil {
		return &counted{f, name, v}, nil
	}
	return nil, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
}

// touched returns what was read since the last time.
func (f *files) touched() (bytes int64, blocks, pieces int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	bytes, blocks, pieces = f.bytes, len(f.blocks), len(f.pieces)
	f.bytes, f.blocks, f.pieces = 0, nil, nil
	return bytes, blocks, pieces
}

// fail lets all reads fail with err, or no more with nil.
func (f *files) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

type counted struct {
	f    *files
	name string
	Volume
}

func (c *counted) ReadAt(p []byte, off int64) (int, error) {
	c.f.mu.Lock()
	c.f.reading++
	c.f.most = max(c.f.most, c.f.reading)
	err := c.f.err
	c.f.mu.Unlock()
	defer func() {
		c.f.mu.Lock()
		c.f.reading--
		c.f.mu.Unlock()
	}()
	if err != nil {
		return 0, err
	}
	n, err := c.Volume.ReadAt(p, off)
	c.f.mu.Lock()
	defer c.f.mu.Unlock()
	if c.f.blocks == nil {
		c.f.blocks, c.f.pieces = make(map[place]bool), make(map[place]bool)
	}
	c.f.bytes += int64(n)
	id := int(crc32.ChecksumIEEE([]byte(c.name)))
	for b := off / blockSize; n > 0 && b <= (off+int64(n)-1)/blockSize; b++ {
		c.f.blocks[place{volume: id, off: b}] = true
		c.f.pieces[place{volume: id, off: b * blockSize / pieceSize}] = true
	}
	return n, err
}

// inMemory are files of a set.
func inMemory(volumes []*rartest.Volume) *files {
	f := &files{list: make(map[string]Volume)}
	for _, v := range volumes {
		f.list[v.Name] = v
	}
	return f
}

// one is a single file, called a.rar.
func one(data []byte) *files {
	return &files{list: map[string]Volume{"a.rar": bytes.NewReader(data)}}
}

// inFolder are the files of a folder.
func inFolder(t testing.TB, dir string) *files {
	t.Helper()
	f := &files{list: make(map[string]Volume)}
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if b, err := os.ReadFile(name); err == nil {
			f.list[filepath.Base(name)] = bytes.NewReader(b)
		}
	}
	return f
}

// made makes an archive.
func made(t testing.TB, o rartest.Options, members ...rartest.File) []*rartest.Volume {
	t.Helper()
	v, err := rartest.Make(o, members...)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// list returns all entries, also those before an error.
func list(from Volumes, name string, l Limits) ([]*Entry, *Walker, error) {
	w, err := Open(context.Background(), from, name, l)
	if err != nil {
		return nil, nil, err
	}
	var entries []*Entry
	for {
		e, err := w.Next()
		if err == io.EOF {
			return entries, w, nil
		}
		if err != nil {
			return entries, w, err
		}
		entries = append(entries, e)
	}
}

// runOf is the run of one entry.
type runOf struct {
	w       *Walker
	entries []*Entry
}

func (r *runOf) Volume(i int) (Volume, error) { return r.w.Volume(i), nil }

func (r *runOf) Member(i int) (Member, bool) {
	if i >= len(r.entries) {
		return Member{}, false
	}
	return Member{r.entries[i].Size, r.entries[i].Coding}, true
}

// run returns the members of the run n.
func run(w *Walker, entries []*Entry, n int) *runOf {
	r := &runOf{w: w}
	for _, e := range entries {
		if e.Run == n {
			r.entries = append(r.entries, e)
		}
	}
	return r
}

// maxContent is more than any member of the tests has, and fits into memory.
const maxContent = 64 << 20

var errContent = errors.New("wrong content")

// check holds content against the checksum.
func check(e *Entry, b []byte) error {
	if e.Size >= 0 && int64(len(b)) != e.Size {
		return fmt.Errorf("%s: %w: %d bytes of %d", e.Name, errContent, len(b), e.Size)
	}
	if e.HasCRC && checksum(b) != e.CRC32 {
		return fmt.Errorf("%s: %w: checksum", e.Name, errContent)
	}
	return nil
}

// stored reads a stored member.
func stored(w *Walker, e *Entry) ([]byte, error) {
	if err := e.Check(func(i int) (Volume, error) { return w.Volume(i), nil }); err != nil {
		return nil, err
	}
	var all []byte
	for _, x := range e.Extents {
		b := make([]byte, x.Len)
		if n, err := w.Volume(x.Volume).ReadAt(b, x.Off); n < len(b) {
			return nil, err
		}
		all = append(all, b...)
	}
	return all, check(e, all)
}

// contents reads all members that can be read. Errors are by member.
func contents(w *Walker, entries []*Entry) (map[string][]byte, map[string]error) {
	got, errs := make(map[string][]byte), make(map[string]error)
	for i, e := range entries {
		switch {
		case e.Dir, e.Label, e.Link != NoLink, e.Encrypted:
		case e.Run == NoRun:
			b, err := stored(w, e)
			if got[e.Name] = b; err != nil {
				errs[e.Name] = err
			}
		case e.Run == i:
			unpack(run(w, entries, i), got, errs)
		}
	}
	return got, errs
}

func unpack(r *runOf, got map[string][]byte, errs map[string]error) {
	u := NewUnpacker(context.Background(), r, 0)
	for {
		i, err := u.Next()
		if err == io.EOF {
			return
		}
		if err != nil {
			for _, e := range r.entries {
				if _, ok := got[e.Name]; !ok {
					errs[e.Name] = err
				}
			}
			return
		}
		e := r.entries[i]
		b, err := io.ReadAll(io.LimitReader(u, maxContent))
		if err == nil {
			err = check(e, b)
		}
		if got[e.Name] = b; err != nil {
			errs[e.Name] = err
		}
	}
}

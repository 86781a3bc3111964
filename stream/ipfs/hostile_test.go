package ipfs_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ipfs/go-cid"

	"github.com/zeronetscript/universal_p2p/stream"
	"github.com/zeronetscript/universal_p2p/stream/ipfs/ipfspeer"
)

// bench is a peer that has what a test makes, and a backend that finds it.
func bench(t testing.TB) (*ipfspeer.Peer, stream.Backend) {
	t.Helper()
	p := newPeer(t)
	_, url := newRouter(t, p)
	return p, newBackend(t, newStore(t, t.TempDir(), 64<<20), []string{url}, nil)
}

// try opens a root and reads some bytes at off of the file at path, and returns what fails first.
func try(t testing.TB, b stream.Backend, root cid.Cid, path string, off int64, n int) ([]byte, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	tree, err := b.Open(ctx, stream.Root{ID: root.String()})
	if err != nil {
		return nil, err
	}
	defer tree.Close()
	f, rest, err := tree.Lookup(ctx, path)
	if err != nil {
		return nil, err
	}
	if rest != "" {
		return nil, fmt.Errorf("rest %q", rest)
	}
	r, err := f.Open(ctx)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if off < 0 {
		off += f.Size()
	}
	if _, err := r.Seek(off, io.SeekStart); err != nil {
		return nil, err
	}
	got := make([]byte, n)
	k, err := io.ReadFull(r, got)
	return got[:k], err
}

// list returns the paths of a tree.
func list(t testing.TB, b stream.Backend, root cid.Cid) (paths []string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	tree, err := b.Open(ctx, stream.Root{ID: root.String()})
	if err != nil {
		return nil, err
	}
	defer tree.Close()
	for f, err := range tree.Files(ctx) {
		if err != nil {
			return paths, err
		}
		paths = append(paths, f.Path())
	}
	return paths, nil
}

// A few blocks can stand for any number of bytes. Up to a limit that is a file like any other, of which any part can be read at once.
func TestBomb(t *testing.T) {
	p, b := bench(t)
	leaf := random(1, 1<<20)
	c, size := raw(p, leaf), uint64(len(leaf))
	for size < 1<<43 {
		c = pb(p, fsData(fileType, num(3, 2*size), num(4, size), num(4, size)), to(c, "", size), to(c, "", size))
		size *= 2
	}
	for _, off := range []int64{0, 1<<40 + 17, -5} {
		want := leaf[(off+1<<43)%(1<<20):]
		if got, err := try(t, b, c, "", off, 5); err != nil || !bytes.Equal(got, want[:5]) {
			t.Errorf("at %d of %d: %v", off, size, err)
		}
	}
	for range 3 {
		c = pb(p, fsData(fileType, num(3, 2*size), num(4, size), num(4, size)), to(c, "", size), to(c, "", size))
		size *= 2
	}
	if _, err := try(t, b, c, "", 0, 1); !errors.Is(err, stream.ErrCorrupt) {
		t.Errorf("a file of %d bytes: %v", size, err)
	}
}

// What a block says of those behind it has to be so.
func TestLies(t *testing.T) {
	p, b := bench(t)
	data := random(2, 3<<20)
	whole := raw(p, data[:1<<20])
	half := raw(p, data[:1<<19])
	dir := pb(p, fsData(folderType), to(whole, "a", 1<<20))
	deep := whole
	for range 100 {
		deep = pb(p, fsData(fileType, num(3, 3<<20), num(4, 3<<20)), to(deep, "", 3<<20))
	}
	hollow := pb(p, fsData(fileType))
	for range 12 {
		hollow = pb(p, fsData(fileType, bytes.Repeat(num(4, 0), 100)), bytes.Repeat(to(hollow, "", 0), 100))
	}
	many := pb(p, fsData(fileType, num(3, 1)), nil)
	for name, c := range map[string]cid.Cid{
		"a part is longer":        pb(p, fsData(fileType, num(3, 1<<19), num(4, 1<<19)), to(whole, "", 1<<19)),
		"a part is shorter":       pb(p, fsData(fileType, num(3, 1<<20), num(4, 1<<20)), to(half, "", 1<<20)),
		"the sum is wrong":        pb(p, fsData(fileType, num(3, 7), num(4, 1<<20)), to(whole, "", 1<<20)),
		"more links than sizes":   pb(p, fsData(fileType, num(3, 1<<20), num(4, 1<<20)), to(whole, "", 1<<20), to(whole, "", 1<<20)),
		"more sizes than links":   pb(p, fsData(fileType, num(3, 2<<20), num(4, 1<<20), num(4, 1<<20)), to(whole, "", 1<<20)),
		"the sum overflows":       pb(p, fsData(fileType, num(4, 1<<63), num(4, 1<<63)), to(whole, "", 0), to(whole, "", 0)),
		"a part is a folder":      pb(p, fsData(fileType, num(3, 1<<20), num(4, 1<<20)), to(dir, "", 1<<20)),
		"too deep":                deep,
		"a size without data":     many,
		"no type":                 pb(p, bin(1, num(3, 5))),
		"an unknown type":         pb(p, fsData(17)),
		"no data":                 pb(p, to(whole, "", 1)),
		"a link to nothing":       pb(p, fsData(fileType, num(4, 1)), bin(2, num(3, 1))),
		"a broken link":           pb(p, fsData(fileType, num(4, 1)), bin(2, bin(1, []byte{1, 2, 3}))),
		"no protocol buffer":      pb(p, []byte{0xff, 0xff, 0xff}),
		"a field behind its end":  pb(p, []byte{0x0a, 0x7f, 1}),
		"a shard of any function": pb(p, fsData(shardType, num(5, 0x12), num(6, 256))),
		"a shard of any width":    pb(p, fsData(shardType, num(5, 0x22), num(6, 77))),
	} {
		if got, err := try(t, b, c, "", 0, 1); !errors.Is(err, stream.ErrCorrupt) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
	// Nothing is fetched for parts without bytes, however many there are.
	if _, err := try(t, b, hollow, "", 0, 1); err != io.EOF {
		t.Errorf("nothing in many blocks: %v", err)
	}
	// A folder may lie of a raw block: then it cannot be read.
	for _, size := range []uint64{3, 1<<20 + 1} {
		lie := pb(p, fsData(folderType), to(whole, "a", size))
		if _, err := try(t, b, lie, "a", 0, 3); !errors.Is(err, stream.ErrCorrupt) {
			t.Errorf("a folder that says %d of a block: %v", size, err)
		}
	}
	// It may also say nothing.
	if got, err := try(t, b, pb(p, fsData(folderType), to(whole, "a", 0)), "a", 0, 3); err != nil || !bytes.Equal(got, data[:3]) {
		t.Errorf("a folder without sizes: %v", err)
	}
}

// Names that are no element of a path are hidden, and of equal ones the first counts.
func TestNames(t *testing.T) {
	p, b := bench(t)
	one, two := raw(p, []byte("one")), raw(p, []byte("other"))
	dir := pb(p, fsData(folderType), to(one, "a", 3), to(two, "a", 5), to(one, "", 3), to(one, ".", 3), to(one, "..", 3), to(one, "x/y", 3),
		to(one, "n\x00l", 3), to(one, "\xff\xfe", 3), to(one, "b\\c", 3), to(one, "..a", 3))
	paths, err := list(t, b, dir)
	slices.Sort(paths)
	if want := []string{"..a", "a", `b\c`}; err != nil || !slices.Equal(paths, want) {
		t.Errorf("%q, %v, want %q", paths, err, want)
	}
	if got, err := try(t, b, dir, "a", 0, 3); err != nil || string(got) != "one" {
		t.Errorf("%q, %v", got, err)
	}
	for _, path := range []string{"..", ".", "x/y", "n\x00l", "\xff\xfe", "/a", "a/"} {
		if _, err := try(t, b, dir, path, 0, 1); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%q: %v", path, err)
		}
	}
}

// Symlinks lead to files of the tree, by ways that end.
func TestSymlinks(t *testing.T) {
	p, b := bench(t)
	file := raw(p, []byte("here"))
	link := func(target string) cid.Cid { return pb(p, fsData(symlinkType, bin(2, []byte(target)))) }
	sub := pb(p, fsData(folderType), to(file, "f", 4), to(link("../g"), "up", 9), to(link("../../x"), "out", 9), to(link("f"), "side", 9))
	dir := pb(p, fsData(folderType), to(file, "g", 4), to(sub, "sub", 9), to(link("sub"), "d", 9), to(link("sub/f"), "to", 9), to(link("loop2"), "loop1", 9),
		to(link("loop1"), "loop2", 9), to(link("/g"), "abs", 9), to(link(".."), "parent", 9), to(link("nowhere"), "dangling", 9), to(link("."), "self", 9))
	for _, path := range []string{"g", "sub/up", "sub/side", "to", "d/f", "d/up", "d/side", "self/g", "self/self/d/f"} {
		if got, err := try(t, b, dir, path, 0, 4); err != nil || string(got) != "here" {
			t.Errorf("%s: %q, %v", path, got, err)
		}
	}
	for _, path := range []string{"sub/out", "loop1", "loop2/x", "abs", "parent", "parent/g", "dangling", strings.Repeat("self/", 40) + "g"} {
		if _, err := try(t, b, dir, path, 0, 1); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if paths, err := list(t, b, dir); err != nil || !slices.Equal(paths, []string{"g", "sub/f"}) {
		t.Errorf("%q, %v", paths, err)
	}
}

// Folders in folders, and folders that contain one another's blocks so often that no list of them ends.
func TestEndlessFolders(t *testing.T) {
	p, b := bench(t)
	file := raw(p, []byte("x"))
	wide := pb(p, fsData(folderType), to(file, "x", 1))
	for range 40 { // 2^40 files
		wide = pb(p, fsData(folderType), to(wide, "a", 99), to(wide, "b", 99))
	}
	if paths, err := list(t, b, wide); !errors.Is(err, stream.ErrCorrupt) || len(paths) > 100_000 {
		t.Errorf("%d files, %v", len(paths), err)
	}
	deep := file
	for range 200 {
		deep = pb(p, fsData(folderType), to(deep, "d", 9))
	}
	if _, err := list(t, b, deep); !errors.Is(err, stream.ErrCorrupt) {
		t.Errorf("200 folders in each other: %v", err)
	}
	if _, err := try(t, b, wide, "", 0, 1); err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, stream.ErrCorrupt) {
		t.Errorf("the biggest of 2^40 files: %v", err)
	}
	shard := pb(p, fsData(shardType, num(5, 0x22), num(6, 256)))
	for range 30 {
		shard = pb(p, fsData(shardType, num(5, 0x22), num(6, 256)), to(shard, "00", 9), to(shard, "01", 9))
	}
	if _, err := list(t, b, shard); !errors.Is(err, stream.ErrCorrupt) {
		t.Errorf("an endless shard: %v", err)
	}
}

// An index stands for its folder, and the biggest file for a tree without one.
func TestIndexAndBiggest(t *testing.T) {
	p, b := bench(t)
	ctx := context.Background()
	site, err := p.AddFolder(ctx, map[string][]byte{"index.html": []byte("<p>hi"), "big.bin": random(1, 99_999), "sub/index.html": []byte("<p>sub"), "none/x": []byte("x")}, ipfspeer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{"": "<p>hi", "sub": "<p>sub"} {
		if got, err := try(t, b, site, path, 0, len(want)); err != nil || string(got) != want {
			t.Errorf("%q: %q, %v", path, got, err)
		}
	}
	if _, err := try(t, b, site, "none", 0, 1); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a folder without an index: %v", err)
	}
	big := random(3, 700_000)
	plain, err := p.AddFolder(ctx, map[string][]byte{"a": []byte("a"), "s/t/big": big, "s/b": random(4, 600_000), "z": random(5, 400_000)}, ipfspeer.Options{Chunk: 64 << 10})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := try(t, b, plain, "", 0, len(big)); err != nil || !bytes.Equal(got, big) {
		t.Errorf("the biggest file: %v", err)
	}
}

// A file that has no name is called what a page calls it, if that can be a name.
func TestBareFile(t *testing.T) {
	p, b := bench(t)
	c := raw(p, []byte("bare"))
	ctx := context.Background()
	for said, want := range map[string]string{"film.mp4": "film.mp4", "a\nb": "ab", "../x": "", "a/b": "", ".": "", "": ""} {
		tree, err := b.Open(ctx, stream.Root{ID: c.String(), Hints: map[string][]string{"filename": {said}}})
		if err != nil {
			t.Fatal(err)
		}
		if f, _, err := tree.Lookup(ctx, ""); err != nil || f.Path() != c.String() || f.Size() != 4 || tree.Name() != want {
			t.Errorf("called %q it is called %q, %v", said, tree.Name(), err)
		}
		tree.Close()
	}
	// The bytes of an identity CID are in it.
	id, err := cid.V1Builder{Codec: cid.Raw, MhType: 0}.Sum([]byte("in the name"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := try(t, b, id, "", 0, 11); err != nil || string(got) != "in the name" {
		t.Errorf("%q, %v", got, err)
	}
}

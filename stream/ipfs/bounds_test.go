package ipfs_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ipfs/go-cid"

	"github.com/zeronetscript/universal_p2p/stream"
	"github.com/zeronetscript/universal_p2p/stream/ipfs"
)

// identity makes a CID that has its block in it.
func identity(t testing.TB, codec uint64, data []byte) cid.Cid {
	t.Helper()
	c, err := cid.V1Builder{Codec: codec, MhType: 0}.Sum(data)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// The search for the biggest file looks at nothing twice, and holds no folders that wait for their turn.
func TestSearchIsBounded(t *testing.T) {
	p, b := bench(t)
	empty := identity(t, cid.DagProtobuf, fsData(folderType))
	var links bytes.Buffer
	for i := range 50_000 {
		links.Write(to(empty, fmt.Sprint(i), 0))
	}
	wide := pb(p, fsData(folderType), links.Bytes())
	links.Reset()
	for i := range 2000 {
		links.Write(to(wide, fmt.Sprint(i), 0))
	}
	all := pb(p, fsData(folderType), links.Bytes())
	begin := time.Now()
	if _, err := try(t, b, all, "", 0, 1); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("folders without a file: %v", err)
	}
	if took := time.Since(begin); took > 8*time.Second {
		t.Errorf("100,000,000 empty folders took %v", took)
	}
	// What a CID has in it needs no network, and ends with the patience all the same.
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	tree, err := b.Open(ctx, stream.Root{ID: wide.String()})
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	cancel()
	if _, _, err := tree.Lookup(ctx, ""); !errors.Is(err, context.Canceled) {
		t.Errorf("a search that nobody waits for: %v", err)
	}
}

// More folders and files than a tree may have are an error, however small they are.
func TestSearchEnds(t *testing.T) {
	p, b := bench(t)
	var folders, links bytes.Buffer
	for i := range 3 {
		links.Reset()
		for j := range 40_000 {
			n := 40_000*i + j
			empty := identity(t, cid.DagProtobuf, fsData(folderType, num(9, uint64(n))))
			links.Write(to(empty, fmt.Sprint(j), 0))
		}
		folders.Write(to(pb(p, fsData(folderType), links.Bytes()), fmt.Sprint(i), 0))
	}
	if _, err := try(t, b, pb(p, fsData(folderType), folders.Bytes()), "", 0, 1); !errors.Is(err, stream.ErrCorrupt) {
		t.Errorf("120,000 empty folders: %v", err)
	}
}

// Blocks on the way to a piece of a file are held together: they may not be large all of them.
func TestWalkIsBounded(t *testing.T) {
	p, b := bench(t)
	none := identity(t, cid.Raw, nil)
	heavy := func(c cid.Cid, size uint64) cid.Cid {
		const n = 50_000
		return pb(p, fsData(fileType, num(3, size), bin(4, make([]byte, n)), num(4, size)), bytes.Repeat(to(none, "", 0), n), to(c, "", size))
	}
	leaf := raw(p, random(1, 1<<20))
	large := pb(p, fsData(fileType, num(3, 2<<20), num(4, 1<<20), num(4, 1<<20)), to(leaf, "", 1<<20), to(leaf, "", 1<<20))
	small := raw(p, []byte("small"))
	for range 3 {
		large = heavy(large, 2<<20)
	}
	if _, err := try(t, b, large, "", 1<<20, 5); err != nil {
		t.Errorf("a few large blocks: %v", err)
	}
	for range 3 {
		large = heavy(large, 2<<20)
	}
	if _, err := try(t, b, large, "", 1<<20, 5); !errors.Is(err, stream.ErrCorrupt) {
		t.Errorf("many large blocks: %v", err)
	}
	// A small part of a file, which is put together at once.
	small = heavy(small, 5)
	if got, err := try(t, b, heavy(small, 5), "", 0, 5); err != nil || string(got) != "small" {
		t.Errorf("a large block around a few bytes: %q, %v", got, err)
	}
	for range 3 {
		small = heavy(small, 5)
	}
	top := pb(p, fsData(fileType, num(3, 5), num(4, 5)), to(small, "", 5))
	if _, err := try(t, b, top, "", 0, 5); !errors.Is(err, stream.ErrCorrupt) {
		t.Errorf("large blocks around a few bytes: %v", err)
	}
}

// A list holds the folders that it is in: they may not be large all of them, nor their names long.
func TestListIsBounded(t *testing.T) {
	p, b := bench(t)
	file := identity(t, cid.Raw, []byte("x"))
	var files bytes.Buffer
	for i := range 40_000 {
		files.Write(to(file, fmt.Sprint(i), 1))
	}
	dir := file
	for range 6 {
		dir = pb(p, fsData(folderType), to(dir, "d", 9), files.Bytes())
	}
	if paths, err := list(t, b, dir); !errors.Is(err, stream.ErrCorrupt) || len(paths) > 0 {
		t.Errorf("%d files out of 240,000 in folders in each other: %v", len(paths), err)
	}
	long := strings.Repeat("a", 3000)
	dir = pb(p, fsData(folderType), to(file, "f", 1))
	one := pb(p, fsData(folderType), to(dir, long, 9))
	if paths, err := list(t, b, one); err != nil || !slices.Equal(paths, []string{long + "/f"}) {
		t.Errorf("%d files under a long name: %v", len(paths), err)
	}
	if _, err := list(t, b, pb(p, fsData(folderType), to(one, long, 9))); !errors.Is(err, stream.ErrCorrupt) {
		t.Errorf("names that are too long together: %v", err)
	}
}

// What is here is not asked for, nor what has its bytes in its CID, nor anything twice.
func TestNothingAskedTwice(t *testing.T) {
	p, b := bench(t)
	file := raw(p, []byte("here"))
	dir := pb(p, fsData(folderType), to(file, "f", 4))
	if _, err := try(t, b, dir, "f", 0, 4); err != nil {
		t.Fatal(err)
	}
	tree, err := b.Open(context.Background(), stream.Root{ID: dir.String()})
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	other, _ := rawBlock([]byte("not here"))
	got := ipfs.Missing(tree, file, other, dir, identity(t, cid.Raw, []byte("x")), other)
	if !slices.Equal(got, []cid.Cid{other}) {
		t.Errorf("asks for %v, want %v", got, other)
	}
}

// serve asks the gateway for a path.
func serve(t testing.TB, b stream.Backend, path string) (body string, code int, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, path, nil)
	err = b.(*ipfs.Backend).ServeNative(w, r, func(string, string, string) error { return nil })
	return w.Body.String(), w.Code, err
}

// A page of the gateway that lists a folder has the bounds that other lists have.
func TestPageIsBounded(t *testing.T) {
	p, b := bench(t)
	file := identity(t, cid.Raw, []byte("x"))
	var files bytes.Buffer
	for i := range 40_000 {
		files.Write(to(file, fmt.Sprint("file", i), 1))
	}
	wide := pb(p, fsData(folderType), files.Bytes())
	if body, code, err := serve(t, b, "/ipfs/"+wide.String()+"/"); err != nil || code != 200 || !strings.Contains(body, ">file39999<") {
		t.Errorf("40,000 files: %d, %d bytes, %v", code, len(body), err)
	}
	site := pb(p, fsData(folderType), files.Bytes(), to(identity(t, cid.Raw, []byte("<p>hi")), "index.html", 5))
	long := strings.Repeat("a", 3000)
	top := pb(p, fsData(folderType), to(wide, long, 9), to(site, long+"b", 9))
	if _, code, err := serve(t, b, "/ipfs/"+top.String()+"/"+long+"/"); !errors.Is(err, stream.ErrCorrupt) {
		t.Errorf("40,000 long addresses: %d, %v", code, err)
	}
	if body, code, err := serve(t, b, "/ipfs/"+top.String()+"/"+long+"b/"); err != nil || code != 200 || body != "<p>hi" {
		t.Errorf("a folder that has an index: %d, %q, %v", code, body, err)
	}
	shard := pb(p, fsData(shardType, num(5, 0x22), num(6, 256)))
	for range 30 {
		shard = pb(p, fsData(shardType, num(5, 0x22), num(6, 256)), to(shard, "00", 9), to(shard, "01", 9))
	}
	many := pb(p, fsData(shardType, num(5, 0x22), num(6, 8)), bytes.Repeat(to(shard, "0", 9), 9))
	for name, c := range map[string]cid.Cid{"an endless shard": shard, "a shard with too many links": many} {
		if body, code, err := serve(t, b, "/ipfs/"+c.String()+"/"); !errors.Is(err, stream.ErrCorrupt) || body != "" {
			t.Errorf("%s: %d, %q, %v", name, code, body, err)
		}
	}
}

package ipfs

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/ipfs/boxo/gateway"
	"github.com/ipfs/boxo/ipld/unixfs"
	"github.com/ipfs/boxo/path"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
)

// A seenNode is what a path of the gateway leads to.
type seenNode struct {
	d     *dag
	cid   cid.Cid
	node  *fsNode // nil when it is none that we read, or not here; then the library has the word
	bytes int     // of its block
	err   error   // why the library may not have it either
}

// see looks what is at p.
func (b *watched) see(ctx context.Context, p path.ImmutablePath) (md gateway.ContentPathMetadata, s seenNode) {
	md, err := b.BlocksBackend.ResolvePath(ctx, p)
	d := dagOf(ctx)
	if err != nil || d == nil || len(md.LastSegmentRemainder) > 0 {
		return md, s
	}
	s.d, s.cid = d, md.LastSegment.RootCid()
	if s.cid.Prefix().Codec != cid.DagProtobuf {
		return md, s
	}
	data, err := d.block(ctx, s.cid)
	if err != nil {
		return md, s
	}
	s.bytes = len(data)
	if s.node, err = decode(s.cid, data); err != nil {
		if saysFolder(data) {
			s.err = err // the library would list it, however large it is
		}
		return md, s
	}
	if s.node.mtime != 0 {
		md.ModTime = time.Unix(s.node.mtime, 0)
	}
	return md, s
}

// saysFolder reports whether a block says that it is a folder or a part of one, whatever else is wrong with it.
func saysFolder(block []byte) bool {
	for f := range fields(block) {
		if f.num != 1 {
			continue
		}
		for g := range fields(f.bytes) {
			if g.num == 1 && (g.value == typeDirectory || g.value == typeShard) {
				return true
			}
		}
	}
	return false
}

// reader returns a reader of ours for a file: it fetches no more than is asked for, where the library's fetches ahead whatever the
// range. It is nil when there is no file.
func (s seenNode) reader(ctx context.Context) *reader {
	if s.node == nil || !s.node.isFile() {
		return nil
	}
	return newReader(ctx, &file{t: &tree{d: s.d}, cid: s.cid, size: int64(s.node.size), root: s.node})
}

// get is Get for a file that we read and for a folder, ok false for anything else.
func (b *watched) get(ctx context.Context, p path.ImmutablePath, ranges []gateway.ByteRange) (md gateway.ContentPathMetadata, res *gateway.GetResponse, ok bool) {
	md, s := b.see(ctx, p)
	if s.err != nil || s.node != nil && s.node.isDir() {
		return md, s.page(ctx, p), true
	}
	r := s.reader(ctx)
	if r == nil {
		return md, nil, false
	}
	if len(ranges) > 0 { // the library answers the first
		off, n := span(ranges[0], r.size)
		r.Seek(off, io.SeekStart) // which cannot fail, as off is in the file
		r.Expect(off, n)
	}
	return md, gateway.NewGetResponseFromReader(r, r.size), true
}

// A page that lists a folder is made in memory: so many bytes for all of it, and for an entry beside its name and its address.
const (
	maxPage   = 96 << 20
	pageEntry = 400
)

// page is the answer for a folder: the library makes a page of it, or looks for an index.html. It gets the whole list, within our
// bounds, where its own has none. What the call may not send, or has no list for, is noted in the call.
func (s seenNode) page(ctx context.Context, p path.ImmutablePath) *gateway.GetResponse {
	var links []unixfs.LinkResult
	err := s.err
	c := callOf(ctx)
	if err == nil {
		err = c.has(p) // before all parts of the folder are fetched
	}
	if err == nil {
		links, err = s.list(ctx, len(p.String()))
	}
	if c.failed(ctx, err) != nil {
		links = []unixfs.LinkResult{{Err: err}}
	}
	all := make(chan unixfs.LinkResult, len(links))
	for _, l := range links {
		all <- l
	}
	close(all)
	return gateway.NewGetResponseFromDirectoryListing(s.size(), all, nil)
}

// errNoIndex is there when a folder has an index.html that cannot be read: then there is no list in its place.
var errNoIndex = errors.New("ipfs: the index.html of the folder could not be read")

// list returns the entries of a folder that is asked for by an address of so many bytes.
func (s seenNode) list(ctx context.Context, address int) (links []unixfs.LinkResult, err error) {
	if s.node == nil {
		return nil, nil
	}
	if _, err := s.d.entry(ctx, s.node, "index.html"); err == nil {
		return []unixfs.LinkResult{{Err: errNoIndex}}, nil
	}
	left := maxPage
	err = s.d.entries(ctx, s.node, func(l link) bool {
		left -= pageEntry + l.weight() + len(l.name) + address
		links = append(links, unixfs.LinkResult{Link: &ipld.Link{Name: l.name, Size: l.size, Cid: l.cid}})
		return left >= 0
	})
	if err == nil && left < 0 {
		err = malformed("a folder that takes more than %d bytes to list", maxPage)
	}
	return links, err
}

// size is what a folder says that all in it has, in bytes.
func (s seenNode) size() uint64 {
	if s.node == nil {
		return 0
	}
	sum := uint64(s.bytes)
	for _, l := range s.node.links {
		sum = min(sum+min(l.size, maxFile), maxFile)
	}
	return sum
}

// sniffed is how many bytes the library looks at to see what a file is.
const sniffed = 4 << 10

// head is Head for a file that we read, ok false for anything else.
func (b *watched) head(ctx context.Context, p path.ImmutablePath) (md gateway.ContentPathMetadata, res *gateway.HeadResponse, ok bool) {
	md, s := b.see(ctx, p)
	r := s.reader(ctx)
	if r == nil {
		return md, nil, false
	}
	r.Expect(0, min(sniffed, r.size))
	return md, gateway.NewHeadResponseForFile(r, r.size), true
}

// span is where a range begins in a file of so many bytes, and how many bytes it has at most.
func span(r gateway.ByteRange, size int64) (off, n int64) {
	if r.From < 0 { // so many bytes from the end
		off = max(0, size+r.From)
		return off, size - off
	}
	off = min(r.From, size)
	n = size - off
	if r.To != nil && *r.To >= r.From && *r.To-r.From < n {
		n = *r.To - r.From + 1
	}
	return off, n
}

package ipfs

import (
	"context"
	"io"
	"time"

	"github.com/ipfs/boxo/gateway"
	"github.com/ipfs/boxo/path"
	"github.com/ipfs/go-cid"
)

// file returns a reader of ours for the file at p: it fetches no more than is asked for, where the library's fetches ahead whatever
// the range. It is nil when there is no file, or none that we read; then the library has the word.
func (b *watched) file(ctx context.Context, p path.ImmutablePath) (gateway.ContentPathMetadata, *reader) {
	md, err := b.BlocksBackend.ResolvePath(ctx, p)
	d := dagOf(ctx)
	if err != nil || d == nil || len(md.LastSegmentRemainder) > 0 {
		return md, nil
	}
	c := md.LastSegment.RootCid()
	if c.Prefix().Codec != cid.DagProtobuf {
		return md, nil
	}
	root, err := d.load(ctx, c)
	if err != nil || !root.isFile() {
		return md, nil
	}
	if root.mtime != 0 {
		md.ModTime = time.Unix(root.mtime, 0)
	}
	return md, newReader(ctx, &file{t: &tree{d: d}, cid: c, size: int64(root.size), root: root})
}

// get is Get for a file that we read, ok false for anything else.
func (b *watched) get(ctx context.Context, p path.ImmutablePath, ranges []gateway.ByteRange) (md gateway.ContentPathMetadata, res *gateway.GetResponse, ok bool) {
	md, r := b.file(ctx, p)
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

// sniffed is how many bytes the library looks at to see what a file is.
const sniffed = 4 << 10

// head is Head for a file that we read, ok false for anything else.
func (b *watched) head(ctx context.Context, p path.ImmutablePath) (md gateway.ContentPathMetadata, res *gateway.HeadResponse, ok bool) {
	md, r := b.file(ctx, p)
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

package ipfs

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/ipfs/boxo/blockservice"
	"github.com/ipfs/boxo/files"
	"github.com/ipfs/boxo/gateway"
	"github.com/ipfs/boxo/path"
	"github.com/ipfs/go-cid"

	"github.com/zeronetscript/universal_p2p/stream"
)

// rootProtocol is the protocol that a root belongs to, whatever name has led to it.
const rootProtocol = ipfsNamespace + "/v0"

// errCutShort says that an answer ended before it was complete.
var errCutShort = errors.New("ipfs: the answer broke off")

// callKey is where the context of a request has its call.
type callKey struct{}

// A call is a request on its way through the library, which knows nothing of it. It belongs to the goroutine of the request.
type call struct {
	found func(protocol, root, path string) error
	held  []func() // gives back what fetches for roots have
	err   error    // what is to be said instead of the library's answer
	noted bool     // found was called
	root  string   // that was looked into last
}

func callOf(ctx context.Context) *call {
	c, _ := ctx.Value(callKey{}).(*call)
	return c
}

// end notes a root in which nothing was found, for which blocks were fetched all the same, and gives back what was held.
func (c *call) end() {
	if !c.noted && c.root != "" && c.err == nil {
		c.found(rootProtocol, c.root, "")
	}
	for _, done := range c.held {
		done()
	}
}

// has takes note that something was found in a root. The error says that nothing may be sent of it.
func (c *call) has(p path.ImmutablePath) error {
	if c.err != nil {
		return c.err
	}
	c.noted = true
	c.err = c.found(rootProtocol, canonical(p.RootCid()), strings.Join(p.Segments()[2:], "/"))
	return c.err
}

// failed takes note of an error that the library has no good answer to: it would call all of them its own, and tell pages where
// our files are. What it knows better than we do stays its own: names that lead nowhere, malformed CIDs, formats.
func (c *call) failed(ctx context.Context, err error) error {
	_, isPath := errors.AsType[*fs.PathError](err)
	_, isSyscall := errors.AsType[*os.SyscallError](err)
	switch {
	case err == nil || c.err != nil:
	case ctx.Err() != nil:
		c.err = context.Cause(ctx)
	case errors.Is(err, stream.ErrClosed), errors.Is(err, stream.ErrNoSpace), errors.Is(err, stream.ErrBusy), errors.Is(err, stream.ErrCorrupt),
		isPath, isSyscall:
		c.err = err
	}
	return err
}

// watched is the library's way to the content, with a call looking on.
type watched struct {
	*gateway.BlocksBackend
	here   *gateway.BlocksBackend // asks nobody
	blocks blockservice.BlockService
	visit  func(ctx context.Context, root cid.Cid) (_ context.Context, done func(), err error)
}

var (
	_ gateway.IPFSBackend     = (*watched)(nil)
	_ gateway.WithContextHint = (*watched)(nil)
)

// enter returns the context in which blocks are fetched for the root of p.
func (b *watched) enter(ctx context.Context, p path.ImmutablePath) (context.Context, *call, error) {
	c, root := callOf(ctx), canonical(p.RootCid())
	inside, done, err := b.visit(ctx, p.RootCid())
	if err != nil {
		return ctx, c, c.failed(ctx, err)
	}
	c.held, c.root = append(c.held, done), root
	return inside, c, nil
}

// leave says what a caller gets who was given err, and otherwise has found p.
func leave(ctx context.Context, c *call, p path.ImmutablePath, err error) error {
	if err != nil {
		return c.failed(ctx, err)
	}
	return c.has(p)
}

// Get implements gateway.IPFSBackend.
func (b *watched) Get(ctx context.Context, p path.ImmutablePath, ranges ...gateway.ByteRange) (gateway.ContentPathMetadata, *gateway.GetResponse, error) {
	ctx, c, err := b.enter(ctx, p)
	if err != nil {
		return gateway.ContentPathMetadata{}, nil, err
	}
	md, res, ok := b.get(ctx, p, ranges)
	if !ok {
		md, res, err = b.BlocksBackend.Get(ctx, p, ranges...)
	}
	if refused := leave(ctx, c, p, err); refused != nil {
		if err == nil {
			res.Close()
		}
		return md, nil, refused
	}
	return md, res, nil
}

// GetAll implements gateway.IPFSBackend.
func (b *watched) GetAll(ctx context.Context, p path.ImmutablePath) (gateway.ContentPathMetadata, files.Node, error) {
	ctx, c, err := b.enter(ctx, p)
	if err != nil {
		return gateway.ContentPathMetadata{}, nil, err
	}
	md, node, err := b.BlocksBackend.GetAll(ctx, p)
	if refused := leave(ctx, c, p, err); refused != nil {
		if err == nil {
			node.Close()
		}
		return md, nil, refused
	}
	return md, node, nil
}

// GetBlock implements gateway.IPFSBackend.
func (b *watched) GetBlock(ctx context.Context, p path.ImmutablePath) (gateway.ContentPathMetadata, files.File, error) {
	ctx, c, err := b.enter(ctx, p)
	if err != nil {
		return gateway.ContentPathMetadata{}, nil, err
	}
	md, file, err := b.BlocksBackend.GetBlock(ctx, p)
	if refused := leave(ctx, c, p, err); refused != nil {
		if err == nil {
			file.Close()
		}
		return md, nil, refused
	}
	return md, file, nil
}

// Head implements gateway.IPFSBackend.
func (b *watched) Head(ctx context.Context, p path.ImmutablePath) (gateway.ContentPathMetadata, *gateway.HeadResponse, error) {
	ctx, c, err := b.enter(ctx, p)
	if err != nil {
		return gateway.ContentPathMetadata{}, nil, err
	}
	md, res, ok := b.head(ctx, p)
	if !ok {
		md, res, err = b.BlocksBackend.Head(ctx, p)
	}
	if refused := leave(ctx, c, p, err); refused != nil {
		if err == nil {
			res.Close()
		}
		return md, nil, refused
	}
	return md, res, nil
}

// ResolvePath implements gateway.IPFSBackend.
func (b *watched) ResolvePath(ctx context.Context, p path.ImmutablePath) (gateway.ContentPathMetadata, error) {
	ctx, c, err := b.enter(ctx, p)
	if err != nil {
		return gateway.ContentPathMetadata{}, err
	}
	md, err := b.BlocksBackend.ResolvePath(ctx, p)
	return md, leave(ctx, c, p, err)
}

// GetCAR implements gateway.IPFSBackend.
func (b *watched) GetCAR(ctx context.Context, p path.ImmutablePath, params gateway.CarParams) (gateway.ContentPathMetadata, io.ReadCloser, error) {
	ctx, c, err := b.enter(ctx, p)
	if err != nil {
		return gateway.ContentPathMetadata{}, nil, err
	}
	// The library begins the answer before it has anything to put into it.
	if _, err := b.blocks.GetBlock(ctx, p.RootCid()); err != nil {
		return gateway.ContentPathMetadata{}, nil, c.failed(ctx, err)
	}
	md, car, err := b.BlocksBackend.GetCAR(ctx, p, params)
	if refused := leave(ctx, c, p, err); refused != nil {
		if err == nil {
			car.Close()
		}
		return md, nil, refused
	}
	return md, car, nil
}

// cachedTime is how long it may take to find out whether something is here: only for a name somebody has to be asked.
const cachedTime = 2 * time.Second

// IsCached implements gateway.IPFSBackend.
func (b *watched) IsCached(ctx context.Context, p path.Path) bool {
	ctx, cancel := context.WithTimeout(ctx, cachedTime)
	defer cancel()
	return b.here.IsCached(ctx, p)
}

// ResolveMutable implements gateway.IPFSBackend.
func (b *watched) ResolveMutable(ctx context.Context, p path.Path) (path.ImmutablePath, time.Duration, time.Time, error) {
	to, ttl, modified, err := b.BlocksBackend.ResolveMutable(ctx, p)
	return to, ttl, modified, callOf(ctx).failed(ctx, err)
}

// GetIPNSRecord implements gateway.IPFSBackend.
func (b *watched) GetIPNSRecord(ctx context.Context, c cid.Cid) ([]byte, error) {
	record, err := b.BlocksBackend.GetIPNSRecord(ctx, c)
	return record, callOf(ctx).failed(ctx, err)
}

// A gatewayWriter takes the library's answer, unless there is something else to be said, and sees whether it is complete.
type gatewayWriter struct {
	http.ResponseWriter
	call    *call
	hasBody bool

	code int // 0 until the answer has begun
	sent int64
}

// WriteHeader implements [http.ResponseWriter].
func (w *gatewayWriter) WriteHeader(code int) {
	if w.code == 0 && w.call.err == nil {
		w.code = code
		w.ResponseWriter.WriteHeader(code)
	}
}

// Write implements [http.ResponseWriter].
func (w *gatewayWriter) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	if w.code == 0 {
		return 0, w.call.err
	}
	n, err := w.ResponseWriter.Write(p)
	w.sent += int64(n)
	return n, err
}

// outcome is what [gatewayServer.serve] returns.
func (w *gatewayWriter) outcome(ctx context.Context) error {
	if w.code == 0 || !w.hasBody {
		return w.call.err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	length, err := strconv.ParseInt(w.Header().Get("Content-Length"), 10, 64)
	isShort := err == nil && w.code/100 == 2 && w.sent < length
	// Where the library says that a stream has failed nobody would see it. At the end of a tar is a sentence as well, which the
	// specification's tests want to read; it is none that a tar could have there.
	isBroken := w.Header().Get("X-Stream-Error") != "" && w.Header().Get("Content-Type") != "application/x-tar"
	if isShort || isBroken {
		return errCutShort
	}
	return nil
}

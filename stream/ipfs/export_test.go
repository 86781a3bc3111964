package ipfs

import (
	"context"
	"time"

	"github.com/ipfs/go-cid"
	madns "github.com/multiformats/go-multiaddr-dns"

	"github.com/zeronetscript/universal_p2p/stream"
)

// MaxBlock is the size of the largest block that peers exchange.
const MaxBlock = maxBlock

// WithResolver sets who is asked for DNSLink.
func WithResolver(c Config, r madns.BasicResolver) Config {
	c.resolver = r
	return c
}

// Awake reports whether the node is.
func (b *Backend) Awake() bool { return b.waker.awake() != nil }

// Wake wakes the node and lets go of it again.
func (b *Backend) Wake(ctx context.Context) (time.Duration, error) {
	begin := time.Now()
	_, release, err := b.waker.hold(ctx)
	if err != nil {
		return 0, err
	}
	took := time.Since(begin)
	release()
	return took, nil
}

// Missing returns which blocks a tree would ask for ahead.
func Missing(t stream.Tree, cids ...cid.Cid) []cid.Cid { return t.(*tree).d.missing(cids) }

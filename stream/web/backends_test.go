package web

import (
	"context"
	"fmt"
	"iter"
	"net/url"
	"sync/atomic"
	"testing"

	"github.com/zeronetscript/universal_p2p/stream"
	"github.com/zeronetscript/universal_p2p/stream/streamtest"
)

// plainBackend hides what a backend can do beside the contract.
type plainBackend struct{ stream.Backend }

// lonely is a backend with as many peers as a test says.
type lonely struct {
	*streamtest.Mem
	peers atomic.Int32
}

// alone makes the backend of a front a lonely one, that knows 3 addresses.
func alone(l *lonely) func(*Config) {
	return func(c *Config) {
		l.Mem = c.Protocols[0].Backend.(*streamtest.Mem)
		c.Protocols[0].Backend = l
	}
}

func (l *lonely) Search(root stream.Root) (stream.Search, bool) {
	s, ok := l.Mem.Search(root)
	s.Peers, s.Known = int(l.peers.Load()), 3
	return s, ok
}

// breaking is a backend whose lists repeat their first file and break after so many.
type breaking struct {
	stream.Backend
	after int
}

func (b breaking) Open(ctx context.Context, root stream.Root) (stream.Tree, error) {
	t, err := b.Backend.Open(ctx, root)
	if err != nil {
		return nil, err
	}
	return breakingTree{t, b.after}, nil
}

type breakingTree struct {
	stream.Tree
	after int
}

func (t breakingTree) Files(ctx context.Context) iter.Seq2[stream.File, error] {
	return func(yield func(stream.File, error) bool) {
		for f := range t.Tree.Files(ctx) {
			for range t.after {
				if !yield(f, nil) {
					return
				}
			}
			yield(nil, errBreaks)
			return
		}
	}
}

func mustParse(t *testing.T, rawURL string) (stream.Request, *url.URL) {
	t.Helper()
	u, err := url.Parse(rawURL)
	if err != nil {
		t.Fatal(err)
	}
	req, err := stream.ParsePath(u.EscapedPath())
	if err != nil {
		t.Fatal(err)
	}
	return req, u
}

// nameless is a backend of names that stand for nothing: it knows so at once, or waits for somebody who says.
type nameless struct {
	stream.Backend
	waits bool
}

func (b nameless) Open(ctx context.Context, root stream.Root) (stream.Tree, error) {
	if !b.waits {
		return nil, stream.ErrNoName
	}
	<-ctx.Done()
	return nil, fmt.Errorf("%w: %w", stream.ErrNoName, ctx.Err())
}

package ipfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"time"

	"github.com/ipfs/boxo/namesys"
	"github.com/ipfs/boxo/path"
	"github.com/ipfs/go-cid"

	"github.com/zeronetscript/universal_p2p/stream"
)

// Names is the protocol ipns/v0 on the node of a Backend: its roots are names of IPNS, and domain names with a DNSLink. A tree that
// is open stays what the name stood for when it was opened, and its ID is the CID of that; a later Open asks again. A CID is a root
// as well.
type Names struct {
	b *Backend

	mu    sync.Mutex
	names map[string]*naming
}

// A naming is a name that somebody waits for, or that was found.
type naming struct {
	waiting int
	id      string // of the tree, the last time; "" when it was never found
}

var (
	_ stream.Backend       = (*Names)(nil)
	_ stream.Searcher      = (*Names)(nil)
	_ stream.Canonicalizer = (*Names)(nil)
	_ stream.Recognizer    = (*Names)(nil)
	_ stream.Namer         = (*Names)(nil)
)

// Names returns the names of b. They end with it, and it with them.
func (b *Backend) Names() *Names { return &Names{b: b, names: make(map[string]*naming)} }

// Close implements stream.Backend. It closes the node, which is of no use without either protocol.
func (n *Names) Close() error { return n.b.Close() }

// maxNamings is how many names are remembered that were found.
const maxNamings = 256

// Open implements stream.Backend.
func (n *Names) Open(ctx context.Context, root stream.Root) (stream.Tree, error) {
	if _, err := parseFS(root.ID); err == nil {
		return n.b.Open(ctx, root)
	}
	name, err := parseName(root.ID)
	if err != nil {
		return nil, err
	}
	n.begin(name)
	t, err := n.open(ctx, name, root.Hints.Get(filenameHint))
	if err != nil {
		n.end(name, "")
		return nil, err
	}
	n.end(name, t.ID())
	return t, nil
}

func (n *Names) begin(name string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	e := n.names[name]
	if e == nil {
		if len(n.names) >= maxNamings {
			for other, e := range n.names {
				if e.waiting == 0 {
					delete(n.names, other)
				}
			}
		}
		e = new(naming)
		n.names[name] = e
	}
	e.waiting++
}

func (n *Names) end(name, id string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	e := n.names[name]
	if e.waiting--; id != "" {
		e.id = id
	} else if e.waiting == 0 && e.id == "" {
		delete(n.names, name)
	}
}

// open opens what a name stands for now.
func (n *Names) open(ctx context.Context, name, filename string) (*tree, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(n.b.life, cancel)()
	c, inner, err := n.resolve(ctx, name)
	if err != nil {
		return nil, n.b.closedOr(err)
	}
	t, err := n.b.openTree(ctx, target{cid: c, name: filename})
	if err != nil || inner == "" {
		return t, n.b.closedOr(err)
	}
	defer t.Close()
	a, rest, err := t.walk(ctx, inner)
	if err == nil && rest != "" || errors.Is(err, fs.ErrNotExist) {
		err = stream.ErrNoName // what it says it stands for is not there
	}
	if err != nil {
		return nil, fmt.Errorf("ipfs: what %s stands for: %w", name, n.b.closedOr(err))
	}
	return n.b.openTree(ctx, target{cid: a.cid, name: filename})
}

// resolve waits until it is known what a name stands for: a network never says no, but the DNS does. As long as that is not known it is
// stream.ErrNoName, beside ctx's error if that is why it waits no more.
func (n *Names) resolve(ctx context.Context, name string) (c cid.Cid, inner string, err error) {
	p, err := path.NewPath("/ipns/" + name)
	if err != nil {
		return cid.Undef, "", fmt.Errorf("%w: %v", stream.ErrBadRoot, err)
	}
	for wait := 500 * time.Millisecond; ; wait = min(2*wait, 10*time.Second) {
		res, err := n.b.nameSystem().Resolve(ctx, p)
		if err == nil {
			if res.Path.Namespace() != path.IPFSNamespace {
				return cid.Undef, "", fmt.Errorf("%w: the name stands for %s", stream.ErrBadRoot, res.Path.Namespace())
			}
			segments := res.Path.Segments()
			c, err := parseFS(segments[1])
			return c, strings.Join(segments[2:], "/"), err
		}
		if errors.Is(err, namesys.ErrMissingDNSLinkRecord) || errors.Is(err, namesys.ErrMultipleDNSLinkRecords) {
			return cid.Undef, "", fmt.Errorf("ipfs: %s: %w: %w", name, stream.ErrNoName, err)
		}
		if errors.Is(err, stream.ErrClosed) {
			return cid.Undef, "", err
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return cid.Undef, "", fmt.Errorf("ipfs: %s: %w: %w", name, stream.ErrNoName, ctx.Err())
		}
	}
}

// Search implements stream.Searcher.
func (n *Names) Search(root stream.Root) (stream.Search, bool) {
	if _, err := parseFS(root.ID); err == nil {
		return n.b.Search(root)
	}
	name, err := parseName(root.ID)
	if err != nil {
		return stream.Search{}, false
	}
	n.mu.Lock()
	e := n.names[name]
	var id string
	waiting := false
	if e != nil {
		id, waiting = e.id, e.waiting > 0
	}
	n.mu.Unlock()
	if s, ok := n.b.Search(stream.Root{ID: id}); ok {
		return s, true
	}
	return n.b.peers(), waiting
}

// Canonical implements stream.Canonicalizer. What a name stands for nobody can tell without asking; it has one spelling all the same.
func (n *Names) Canonical(root stream.Root) (id string, ok bool) {
	if id, ok = n.b.Canonical(root); ok {
		return id, true
	}
	id, err := parseName(root.ID)
	return id, err == nil
}

// Names implements stream.Namer.
func (*Names) Names(root stream.Root) bool {
	_, err := parseFS(root.ID)
	return err != nil
}

// Content implements stream.Namer.
func (*Names) Content() string { return rootProtocol }

// Recognize implements stream.Recognizer. A domain name alone is no link: any word with a dot could be one.
func (*Names) Recognize(text string) (root stream.Root, path string, ok bool) {
	text = strings.TrimSpace(text)
	root, path, ok = recognize("ipns", text)
	if !ok || root.ID == text && isDomain(text) {
		return stream.Root{}, "", false
	}
	name, err := parseName(root.ID)
	if err != nil {
		return stream.Root{}, "", false
	}
	root.ID = name
	return root, path, true
}

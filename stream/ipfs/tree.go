package ipfs

import (
	"context"
	"io"
	"io/fs"
	"iter"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"

	"github.com/zeronetscript/universal_p2p/stream"
)

const (
	maxDepth    = 64      // folders in folders
	maxFiles    = 100_000 // that a tree lists
	maxPath     = 4096    // bytes of a path
	maxSymlinks = 16      // that one path goes through
	maxSearched = 2000    // folders that are looked through for the biggest file
	listAhead   = 32      // nodes that a listing asks for together
)

// A tree is one use of a dag.
type tree struct {
	d     *dag
	root  *fsNode
	name  string // what the hints say that the file is called
	close func()
}

var _ stream.BareTree = (*tree)(nil)

func newTree(d *dag, root *fsNode, name string) *tree {
	if !isName(name) {
		name = ""
	}
	t := &tree{d: d, root: root, name: displayName(name)}
	t.close = sync.OnceFunc(func() { d.b.release(d) })
	return t
}

// ID implements stream.Tree: the CID in version 1 and base32.
func (t *tree) ID() string { return t.d.id }

// Name implements stream.Tree. IPFS has none; it is that of the hints.
func (t *tree) Name() string { return t.name }

// Bare implements stream.BareTree.
func (t *tree) Bare() bool { return t.root.isFile() }

// Close implements stream.Tree.
func (t *tree) Close() error {
	t.close()
	return nil
}

// at is a node on the way along a path.
type at struct {
	path string // real, without symlinks
	cid  cid.Cid
	size uint64  // what the link says
	node *fsNode // nil for a raw block, which nobody has to see to know that it is a file
}

// Lookup implements stream.Tree. A folder is its index.html. The root without one is its biggest file. Symlinks are followed
// inside the tree.
//
// When the CID is that of a file, the file has no name, see stream.BareTree.
func (t *tree) Lookup(ctx context.Context, p string) (stream.File, string, error) {
	if p != "" && !stream.CanLookUp(p) {
		return nil, "", fs.ErrNotExist
	}
	if t.root.isFile() {
		if first, behind, _ := strings.Cut(p, "/"); first == t.d.id {
			p = behind
		}
		return t.only(), p, nil
	}
	a, rest, err := t.walk(ctx, p)
	if err != nil {
		return nil, "", err
	}
	if a.node != nil && a.node.isDir() {
		dir := a
		if a, err = t.child(ctx, dir, "index.html"); err == nil && a.node != nil && !a.node.isFile() {
			err = fs.ErrNotExist
		}
		if err == fs.ErrNotExist && p == "" {
			a, err = t.biggest(ctx)
		}
		if err != nil {
			return nil, "", err
		}
	}
	f, err := t.file(ctx, a)
	if err != nil {
		return nil, "", err
	}
	return f, rest, nil
}

// only is the file that the root is. Its path is the same whatever it is called, and so is the place that an archive has by it.
func (t *tree) only() *file {
	return &file{t: t, path: t.d.id, cid: t.d.cid, size: int64(t.root.size), root: t.root}
}

// walk goes along p, which ends in a folder or in a file; then rest is what is behind it.
func (t *tree) walk(ctx context.Context, p string) (a at, rest string, err error) {
	top := at{cid: t.d.cid, node: t.root}
	a, rest = top, p
	for links := 0; rest != ""; {
		if a.node == nil || a.node.isFile() {
			return a, rest, nil
		}
		name, behind, _ := strings.Cut(rest, "/")
		if a, err = t.child(ctx, a, name); err != nil {
			return at{}, "", err
		}
		if rest = behind; a.node == nil || a.node.kind != typeSymlink {
			continue
		}
		if links++; links > maxSymlinks {
			return at{}, "", fs.ErrNotExist
		}
		to := path.Join(path.Dir(a.path), string(a.node.data), rest)
		if path.IsAbs(string(a.node.data)) || to == ".." || strings.HasPrefix(to, "../") {
			return at{}, "", fs.ErrNotExist // out of the tree
		}
		if to == "." {
			to = ""
		}
		if to != "" && !stream.ValidPath(to) {
			return at{}, "", fs.ErrNotExist
		}
		a, rest = top, to
	}
	return a, rest, nil
}

// child returns the entry of a folder.
func (t *tree) child(ctx context.Context, dir at, name string) (at, error) {
	if dir.node == nil || !dir.node.isDir() {
		return at{}, fs.ErrNotExist
	}
	l, err := t.d.entry(ctx, dir.node, name)
	if err != nil {
		return at{}, err
	}
	return t.follow(ctx, dir.path, l)
}

// follow returns what a link in the folder called dir leads to.
func (t *tree) follow(ctx context.Context, dir string, l link) (a at, err error) {
	a = at{path: path.Join(dir, l.name), cid: l.cid, size: l.size}
	if len(a.path) > maxPath {
		return at{}, malformed("a path of %d bytes", len(a.path))
	}
	if l.cid.Prefix().Codec == cid.Raw {
		return a, nil
	}
	a.node, err = t.d.load(ctx, l.cid)
	return a, err
}

// file makes a file of a node that is one.
func (t *tree) file(ctx context.Context, a at) (*file, error) {
	f := &file{t: t, path: a.path, cid: a.cid, root: a.node}
	switch {
	case a.node == nil && (a.size > 0 || isEmptyRaw(a.cid)):
		if a.size > 2*maxBlock {
			return nil, malformed("a raw block of %d bytes", a.size)
		}
		f.size = int64(a.size)
		return f, nil
	case a.node == nil: // whoever made the folder did not say
		n, err := t.d.load(ctx, a.cid)
		if err != nil {
			return nil, err
		}
		f.root = n
	case !a.node.isFile():
		return nil, fs.ErrNotExist
	}
	f.size = int64(f.root.size)
	return f, nil
}

// isEmptyRaw knows the CID of no bytes.
func isEmptyRaw(c cid.Cid) bool {
	d, err := multihash.Decode(c.Hash())
	if err != nil {
		return false
	}
	empty, err := multihash.Sum(nil, d.Code, d.Length)
	return err == nil && string(empty) == string(c.Hash())
}

// biggest returns the biggest file of the tree, by what the folders say of their entries.
func (t *tree) biggest(ctx context.Context) (at, error) {
	s := search{t: t, seen: map[string]bool{string(t.d.cid.Hash()): true}, folders: []at{{cid: t.d.cid, node: t.root}}}
	for i := 0; i < len(s.folders); i++ {
		if err := s.look(ctx, s.folders[i]); err != nil {
			return at{}, err
		}
	}
	if s.best.path == "" {
		return at{}, fs.ErrNotExist
	}
	return s.best, nil
}

// A search goes through folders for the biggest file, the outer ones first.
type search struct {
	t       *tree
	best    at
	folders []at            // in the order in which they are looked at; without their nodes, of which there may be too many to hold
	seen    map[string]bool // multihashes: what is there again has nothing bigger in it
}

// look looks at one folder, and notes those in it.
func (s *search) look(ctx context.Context, dir at) (err error) {
	d := s.t.d
	if dir.node == nil {
		if dir.node, err = d.load(ctx, dir.cid); err != nil {
			return err
		}
	}
	var inner []link
	err = d.entries(ctx, dir.node, func(l link) bool {
		if l.cid.Prefix().Codec != cid.Raw {
			inner = append(inner, l)
		} else if s.best.path == "" || l.size > s.best.size {
			s.best = at{path: path.Join(dir.path, l.name), cid: l.cid, size: l.size}
		}
		return true
	})
	if err != nil {
		return err
	}
	for i, l := range inner {
		// What cannot hold a bigger file need not be looked at.
		if s.best.path != "" && l.size > 0 && l.size <= s.best.size || s.seen[string(l.cid.Hash())] {
			continue
		}
		if len(s.seen) >= maxFiles {
			return malformed("more than %d files and folders", maxFiles)
		}
		s.seen[string(l.cid.Hash())] = true
		if i%listAhead == 0 {
			d.loadAhead(ctx, nodesOf(inner[i:min(i+listAhead, len(inner))]))
		}
		a, err := s.t.follow(ctx, dir.path, l)
		if err != nil {
			return err
		}
		s.note(a)
	}
	return nil
}

// note takes note of an entry of a folder.
func (s *search) note(a at) {
	switch {
	case a.node.isDir() && len(s.folders) < maxSearched && strings.Count(a.path, "/") < maxDepth:
		a.node = nil
		s.folders = append(s.folders, a)
	case a.node.isFile() && (s.best.path == "" || a.node.size > s.best.size):
		a.size = a.node.size
		s.best = a
	}
}

func nodesOf(links []link) (cids []cid.Cid) {
	for _, l := range links {
		if l.cid.Prefix().Codec != cid.Raw {
			cids = append(cids, l.cid)
		}
	}
	return cids
}

// Files implements stream.Tree, in the order of the folders. Symlinks are left out.
func (t *tree) Files(ctx context.Context) iter.Seq2[stream.File, error] {
	return func(yield func(stream.File, error) bool) {
		if t.root.isFile() {
			yield(t.only(), nil)
			return
		}
		l := lister{t: t, yield: yield}
		more, err := l.list(ctx, at{cid: t.d.cid, node: t.root}, 0)
		if err != nil {
			yield(nil, err)
		} else if more {
			t.d.setSize(l.bytes)
		}
	}
}

type lister struct {
	t     *tree
	yield func(stream.File, error) bool
	files int
	bytes int64
	open  tally // links of the folders that it is in
}

// list yields the files of a folder, and of those in it. more is false when the caller has enough.
func (l *lister) list(ctx context.Context, dir at, depth int) (more bool, err error) {
	if depth > maxDepth {
		return false, malformed("more than %d folders in each other", maxDepth)
	}
	outer := l.open
	defer func() { l.open = outer }()
	var links []link
	err = l.t.d.entries(ctx, dir.node, func(e link) bool {
		links = append(links, e)
		return l.open.add(e)
	})
	if err == nil && !l.open.fits() {
		err = malformed("folders in each other with more than %d entries, or with names of more than %d bytes", maxEntries, maxHeld)
	}
	if err != nil {
		return false, err
	}
	dir.node = nil // its links are all that is needed from here on
	for i, e := range links {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		if i%listAhead == 0 {
			l.t.d.loadAhead(ctx, nodesOf(links[i:min(i+listAhead, len(links))]))
		}
		a, err := l.t.follow(ctx, dir.path, e)
		if err != nil {
			return false, err
		}
		if l.files++; l.files > maxFiles {
			return false, malformed("more than %d files", maxFiles)
		}
		switch {
		case a.node != nil && a.node.isDir():
			if more, err := l.list(ctx, a, depth+1); !more || err != nil {
				return false, err
			}
			continue
		case a.node != nil && !a.node.isFile():
			continue
		}
		f, err := l.t.file(ctx, a)
		if err != nil {
			return false, err
		}
		l.bytes += f.size
		if !l.yield(f, nil) {
			return false, nil
		}
	}
	return true, nil
}

// A file is one file of a tree.
type file struct {
	t    *tree
	path string
	cid  cid.Cid
	size int64
	root *fsNode // nil: a raw block of that size
}

var _ stream.File = (*file)(nil)

func (f *file) Path() string { return f.path }
func (f *file) Size() int64  { return f.size }

// ModTime implements stream.File: UnixFS 1.5 has it, most do not say.
func (f *file) ModTime() time.Time {
	if f.root == nil || f.root.mtime == 0 {
		return time.Time{}
	}
	return time.Unix(f.root.mtime, 0)
}

// Open implements stream.File.
func (f *file) Open(ctx context.Context) (io.ReadSeekCloser, error) { return newReader(ctx, f), nil }

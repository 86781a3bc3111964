package streamtest

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/zeronetscript/universal_p2p/stream"
)

// Mem is a [stream.Backend] whose trees lie in memory: a real one by the contract (it passes [Suite]), and one whose swarm
// does what a test wants. A [MemTree] can be silent; a [MemFile] can hold bytes back, be slow, fail, or turn out corrupt.
// Everything that waits in a Mem waits on channels and timers only, so that it works inside a testing/synctest bubble.
//
// Its identifiers are 1 to 64 letters and digits; small letters are the canonical spelling.
type Mem struct {
	mu      sync.Mutex          // guards all below, and every MemTree and MemFile
	changed chan struct{}       // closed and replaced when anything changes that someone may wait for
	roots   map[string]*MemTree // by canonical ID
	waiting map[string]int      // by canonical ID: calls of Open that wait
	counts  Counts
	misuse  []string
	closed  bool
}

// Counts says what was asked of a Mem and what is in use now.
type Counts struct {
	Opens   int   // calls of Backend.Open so far
	Waiting int   // calls of Backend.Open that wait now
	Trees   int   // open now
	Readers int   // open now
	Read    int64 // bytes that readers have returned so far
}

var (
	_ stream.MetaBackend = (*Mem)(nil)
	_ stream.Searcher    = (*Mem)(nil)
	_ stream.Monitor     = (*Mem)(nil)
	_ stream.Recognizer  = (*Mem)(nil)
)

// NewMem returns a Mem that knows no tree.
func NewMem() *Mem {
	return &Mem{changed: make(chan struct{}), roots: make(map[string]*MemTree), waiting: make(map[string]int)}
}

// Add makes a tree of files, path to content, that Open finds from now on. It replaces one of the same id. The contents are
// not copied. Open trees keep what they had.
func (m *Mem) Add(id, name string, files map[string][]byte) *MemTree {
	canonical, err := memID(id)
	if err != nil {
		panic(err)
	}
	t := &MemTree{m: m, id: canonical, name: name, byPath: make(map[string]*MemFile)}
	for _, p := range slices.Sorted(maps.Keys(files)) {
		f := newMemFile(m, p, files[p])
		t.files = append(t.files, f)
		t.byPath[p] = f
	}
	m.change(func() { m.roots[canonical] = t })
	return t
}

// AddBare makes a tree of one file that has no name, see [stream.BareTree], but the hint "filename".
func (m *Mem) AddBare(id string, data []byte) *MemTree {
	canonical, err := memID(id)
	if err != nil {
		panic(err)
	}
	t := m.Add(id, "", map[string][]byte{canonical: data})
	m.change(func() { t.bare = true })
	return t
}

// Counts returns the state of the counters.
func (m *Mem) Counts() Counts {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.counts
}

// Misuse lists what callers did against the contract: a tree closed before its readers, a reader in two goroutines at once, a
// reader used after its Close.
func (m *Mem) Misuse() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.misuse)
}

// Open implements [stream.Backend].
func (m *Mem) Open(ctx context.Context, root stream.Root) (stream.Tree, error) {
	id, err := memID(root.ID)
	if err != nil {
		return nil, err
	}
	m.change(func() { m.counts.Opens++; m.counts.Waiting++; m.waiting[id]++ })
	defer m.change(func() { m.counts.Waiting--; m.waiting[id]-- })
	var t *MemTree
	err = m.wait(ctx, func() bool {
		if t = m.roots[id]; t == nil || t.silent {
			return false
		}
		m.counts.Trees++
		t.open++
		return true
	})
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", id, err)
	}
	return newMemHandle(t, root.Hints.Get("filename")), nil
}

// Canonical implements [stream.Canonicalizer].
func (*Mem) Canonical(root stream.Root) (id string, ok bool) {
	id, err := memID(root.ID)
	return id, err == nil
}

// Close implements [stream.Backend]. A Mem has no goroutine to wait for.
func (m *Mem) Close() error {
	m.change(func() { m.closed = true })
	return nil
}

// Search implements [stream.Searcher].
func (m *Mem) Search(root stream.Root) (s stream.Search, ok bool) {
	id, err := memID(root.ID)
	if err != nil {
		return s, false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if t := m.roots[id]; t != nil && t.open > 0 {
		return stream.Search{Peers: 1, Known: 1, Found: true}, true
	}
	return s, m.waiting[id] > 0
}

// memMeta is the form of a Mem's metainfo: JSON, with the contents in it.
type memMeta struct {
	ID    string            `json:"id"`
	Name  string            `json:"name"`
	Files map[string][]byte `json:"files"`
}

// Metainfo implements [stream.MetaBackend].
func (m *Mem) Metainfo(ctx context.Context, root stream.Root) ([]byte, error) {
	tree, err := m.Open(ctx, root)
	if err != nil {
		return nil, err
	}
	defer tree.Close()
	t := tree.(*memHandle).MemTree
	meta := memMeta{ID: t.id, Name: t.name, Files: make(map[string][]byte)}
	for _, f := range t.files {
		meta.Files[f.path] = f.data
	}
	return json.Marshal(meta)
}

// AddMetainfo implements [stream.MetaBackend].
func (m *Mem) AddMetainfo(ctx context.Context, data []byte) (string, error) {
	var meta memMeta
	if err := json.Unmarshal(data, &meta); err != nil {
		return "", fmt.Errorf("%w: %w", stream.ErrBadMetainfo, err)
	}
	id, err := memID(meta.ID)
	if err != nil {
		return "", fmt.Errorf("%w: %w", stream.ErrBadMetainfo, err)
	}
	for p := range meta.Files {
		if !stream.ValidPath(p) {
			return "", fmt.Errorf("%w: bad path %q", stream.ErrBadMetainfo, p)
		}
	}
	m.Add(id, meta.Name, meta.Files)
	return id, ctx.Err()
}

// change runs f under the lock and wakes everyone who waits.
func (m *Mem) change(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f()
	close(m.changed)
	m.changed = make(chan struct{})
}

// wait blocks until ready, called under the lock, says true. Before that it fails with ctx's error or ErrClosed.
func (m *Mem) wait(ctx context.Context, ready func() bool) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		m.mu.Lock()
		closed, changed := m.closed, m.changed
		ok := !closed && ready()
		m.mu.Unlock()
		if closed {
			return stream.ErrClosed
		}
		if ok {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
}

// memID returns the canonical spelling of a Mem's identifier.
func memID(id string) (string, error) {
	bad := func(c rune) bool { return (c < 'a' || c > 'z') && (c < '0' || c > '9') }
	canonical := strings.ToLower(id)
	if id == "" || len(id) > 64 || strings.ContainsFunc(canonical, bad) {
		return "", fmt.Errorf("%w: %q", stream.ErrBadRoot, id)
	}
	return canonical, nil
}

// A MemTree is one tree of a [Mem], seen by the test that made it.
type MemTree struct {
	m      *Mem
	id     string
	name   string
	files  []*MemFile
	byPath map[string]*MemFile
	bare   bool

	silent bool // guarded by m.mu, like open
	open   int
}

// Silence makes Open of the tree wait, as for a swarm in which nobody answers, until it is called with false.
func (t *MemTree) Silence(on bool) { t.m.change(func() { t.silent = on }) }

// File returns the file with that path, to play with. There has to be one.
func (t *MemTree) File(path string) *MemFile {
	f := t.byPath[path]
	if f == nil {
		panic(fmt.Sprintf("streamtest: tree %s has no file %q", t.id, path))
	}
	return f
}

// Files returns every file, by path.
func (t *MemTree) Files() []*MemFile { return t.files }

// A memHandle is one use of a tree, from Backend.Open to Tree.Close.
type memHandle struct {
	*MemTree
	called  string // a bare file, by whoever has opened it
	list    []stream.File
	listed  map[string]stream.File
	readers int // guarded by m.mu, like closed
	closed  bool
}

var _ stream.BareTree = (*memHandle)(nil)

func newMemHandle(t *MemTree, called string) *memHandle {
	h := &memHandle{MemTree: t, called: called, listed: make(map[string]stream.File, len(t.files))}
	for _, f := range t.files {
		file := (&memFile{f, h}).as()
		h.list = append(h.list, file)
		h.listed[f.path] = file
	}
	return h
}

func (h *memHandle) ID() string { return h.id }
func (h *memHandle) Bare() bool { return h.bare }

func (h *memHandle) Name() string {
	if h.bare {
		return h.called
	}
	return h.name
}

func (h *memHandle) Lookup(ctx context.Context, path string) (stream.File, string, error) {
	if err := h.m.wait(ctx, func() bool { return true }); err != nil {
		return nil, "", err
	}
	if h.bare {
		if path != "" && !stream.ValidPath(path) {
			return nil, "", fs.ErrNotExist
		}
		if first, behind, _ := strings.Cut(path, "/"); first == h.id {
			path = behind
		}
		return h.list[0], path, nil
	}
	if path != "" {
		return stream.Find(h.listed, path)
	}
	f, ok := stream.Biggest(h.list)
	if !ok {
		return nil, "", fs.ErrNotExist
	}
	return f, "", nil
}

func (h *memHandle) Files(ctx context.Context) iter.Seq2[stream.File, error] {
	return func(yield func(stream.File, error) bool) {
		for _, f := range h.list {
			if err := h.m.wait(ctx, func() bool { return true }); err != nil {
				yield(nil, err)
				return
			}
			if !yield(f, nil) {
				return
			}
		}
	}
}

func (h *memHandle) Close() error {
	h.m.change(func() {
		if h.closed {
			return
		}
		h.closed = true
		h.open--
		h.m.counts.Trees--
		if h.readers > 0 {
			h.m.misuse = append(h.m.misuse, "tree "+h.id+" closed before its readers")
		}
	})
	return nil
}

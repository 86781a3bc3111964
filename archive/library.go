package archive

import (
	"container/list"
	"context"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"log/slog"
	"strconv"
	"sync"
	"time"
	"weak"
)

// Config is what a Library needs. All of it may be left out.
type Config struct {
	// Cache keeps lists of members and what was unpacked. Without it that is done in memory, of which there is less.
	Cache  Cache
	Limits Limits       // zero fields have the defaults
	Log    *slog.Logger // nil is silence
}

const (
	idleTime   = time.Minute // what nobody waits for any more is kept at hand so long
	restTime   = 2 * time.Second
	indexBytes = 64 << 20 // of lists of members in memory, those in use apart
	maxIndexes = 100
)

// A Library finds and unpacks members. Its methods are safe for concurrent use.
type Library struct {
	cache      Cache
	memoryOnly bool
	limits     Limits
	log        *slog.Logger
	formats    []format
	memory     *memory
	budgets    [maxDepth]*budget // by how deep an archive is in others: one decoder may wait for another

	ctx    context.Context // until Close
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu       sync.Mutex
	closed   bool
	archives map[string]weak.Pointer[archive] // by key: one for each that is in use or remembered
	recent   list.List                        // of *archive, the last used in front
	runs     map[string]*unpacking            // by key: those in use
}

// New returns a library. The caller closes it.
func New(cfg Config) *Library {
	l := &Library{
		cache: cfg.Cache, limits: cfg.Limits.orDefaults(), log: cfg.Log, formats: formats(),
		memory:   newMemory(memoryBytes),
		archives: make(map[string]weak.Pointer[archive]), runs: make(map[string]*unpacking),
	}
	for i := range l.budgets {
		l.budgets[i] = newBudget(l.limits.Dictionary >> i)
	}
	if l.cache == nil {
		l.cache, l.memoryOnly = nowhere{}, true
	}
	if l.log == nil {
		l.log = slog.New(slog.DiscardHandler)
	}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	return l
}

// Close stops everything that unpacks or looks through archives, and returns when it has ended and is kept. What is read
// after that fails with ErrClosed. A second Close does nothing.
func (l *Library) Close() error {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.cancel()
	l.wg.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, u := range l.runs {
		u.store.close()
	}
	return nil
}

// start runs f, unless the library is closed. Close waits for it.
func (l *Library) start(f func()) (ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.wg.Go(f)
	}
	return !l.closed
}

// startFor starts the goroutine of u, which is a use of it.
func (l *Library) startFor(u *unpacking) (ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		u.refs++
		l.wg.Go(u.produce)
	}
	return !l.closed
}

// Lookup returns the member that path names or passes through, in the archive at p. Behind a member, as in "b.zip/1.jpg", rest is
// what is left ("1.jpg"): it may be an archive too, see [Member.Place]. Nothing there: fs.ErrNotExist; the errors of this package
// otherwise, or what reading the archive failed with. It reads of the archive what it has to, and waits for it, until ctx is
// done. What was read is kept, and the work goes on with the next call.
//
// Names that are not UTF-8 are also found by their bytes; as what they are written in shows only when all of them are known, that reads
// the whole list. Of several members with one name it is the last, where the archive has
// a list of them, and else the first.
func (l *Library) Lookup(ctx context.Context, p Place, path string) (m *Member, rest string, err error) {
	a, err := l.archive(p)
	if err != nil {
		return nil, "", err
	}
	lease := a.leases.take(p)
	defer lease.release()
	var i int
	found := func() (ok bool) {
		i, rest, ok = a.index().find(path)
		return ok && a.index().named(i) // what is kept of a member is kept by its name
	}
	ok, err := a.want(ctx, found)
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", p.File.Path(), err)
	}
	if !ok {
		return nil, "", fmt.Errorf("archive: %s has no %s: %w", p.File.Path(), path, fs.ErrNotExist)
	}
	return a.member(p, i), rest, nil
}

// Members yields all members of the archive at p that have content or would have some, in its own order: no folders, and no
// links. An error ends the sequence. It may come after members: an archive that is damaged has those before the damage.
func (l *Library) Members(ctx context.Context, p Place) iter.Seq2[*Member, error] {
	return func(yield func(*Member, error) bool) {
		a, err := l.archive(p)
		if err != nil {
			yield(nil, err)
			return
		}
		lease := a.leases.take(p)
		defer lease.release()
		for i := 0; ; i++ {
			// Those whose charset has to be guessed have a name when all are known.
			known := func() bool { return a.index().named(i) }
			ok, err := a.want(ctx, known)
			if err != nil {
				yield(nil, fmt.Errorf("%s: %w", p.File.Path(), err))
				return
			}
			if !ok || a.index().shown(i) && !yield(a.member(p, i), nil) {
				return
			}
		}
	}
}

// archive returns the one archive at p.
func (l *Library) archive(p Place) (*archive, error) {
	if p.depth >= maxDepth {
		return nil, fmt.Errorf("%s: %w: more than %d archives, one inside the other", p.File.Path(), ErrLimit, maxDepth)
	}
	key := p.key()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, ErrClosed
	}
	a := l.archives[key].Value()
	if a == nil {
		a = newArchive(l, key, p)
		if len(l.archives) > 2*maxIndexes {
			for k, w := range l.archives {
				if w.Value() == nil {
					delete(l.archives, k)
				}
			}
		}
		l.archives[key] = weak.Make(a)
	}
	l.remember(a)
	return a, nil
}

// remember keeps the archives used last, as far as there is room. The caller has locked mu.
func (l *Library) remember(a *archive) {
	if a.recent != nil {
		l.recent.MoveToFront(a.recent)
	} else {
		a.recent = l.recent.PushFront(a)
	}
	var used int64
	n := 0
	for e := l.recent.Front(); e != nil; {
		next := e.Next()
		old := e.Value.(*archive)
		used += old.size()
		if n++; n > 1 && (used > indexBytes || n > maxIndexes) {
			l.recent.Remove(e)
			old.recent = nil
		}
		e = next
	}
}

// unpacking returns what unpacks a run of a, to be released.
func (l *Library) unpacking(a *archive, run int) (*unpacking, error) {
	key := a.key + "-r" + strconv.Itoa(run)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, ErrClosed
	}
	u := l.runs[key]
	if u == nil {
		u = newUnpacking(a, run, key)
		l.runs[key] = u
	}
	u.refs++
	return u, nil
}

// release ends a use of u.
func (l *Library) release(u *unpacking) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if u.refs--; u.refs == 0 {
		delete(l.runs, u.key)
		u.store.close()
	}
}

// An outputAt reads what a run is unpacked to, for a walk.
type outputAt struct {
	ctx context.Context
	u   *unpacking
}

// ReadAt implements io.ReaderAt.
func (o outputAt) ReadAt(p []byte, off int64) (n int, err error) {
	r := o.u.reader(nil, off, off+int64(len(p)))
	defer o.u.leave(r)
	for n < len(p) && err == nil {
		var m int
		m, err = o.u.read(o.ctx, r, p[n:], off+int64(n))
		n += m
	}
	if err != nil && err != io.EOF && !isFault(err) {
		err = sourceError{err}
	}
	return n, err
}

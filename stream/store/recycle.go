package store

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"time"
)

// A Root is what the store has of one object: its chunks and its side files.
type Root struct {
	Space, ID  string
	Name       string // for people; may be empty
	Bytes      int64  // on disk, with side files and folders
	Size       int64  // of the whole object; 0 when there are only side files
	LastAccess time.Time
	Kept       bool // by the user: never recycled
	Held       bool // a reader is using it
}

// Roots lists what is in the store, last used first.
func (s *Store) Roots() []Root {
	s.mu.Lock()
	roots := make([]Root, 0, len(s.roots))
	for _, r := range s.roots {
		if r.gone {
			continue
		}
		roots = append(roots, Root{
			Space: r.space, ID: r.id, Name: r.name, Bytes: r.bytes, Size: r.size,
			LastAccess: r.access, Kept: r.keep, Held: r.isHeld(),
		})
	}
	s.mu.Unlock()
	slices.SortFunc(roots, func(a, b Root) int {
		return cmp.Or(b.LastAccess.Compare(a.LastAccess), cmp.Compare(a.Space, b.Space), cmp.Compare(a.ID, b.ID))
	})
	return roots
}

// Keep protects a root from being recycled, or ends that. It waits for the disk: the wish outlives a crash. fs.ErrNotExist
// when there is no such root.
func (s *Store) Keep(space, id string, keep bool) error {
	k := key{space, id}
	r, err := s.acquire(k, false)
	if err != nil {
		return fmt.Errorf("store: %s: %w", k, err)
	}
	defer s.release(r)
	s.mu.Lock()
	s.setKept(r, keep)
	s.mu.Unlock()
	return s.saveRoot(r)
}

// setKept changes whether r is kept; s.mu is held.
func (s *Store) setKept(r *root, keep bool) {
	if r.keep == keep {
		return
	}
	if r.keep = keep; keep {
		s.keptBytes += r.bytes
	} else {
		s.keptBytes -= r.bytes
	}
	s.relist(r)
	s.setBare(r)
	s.markDirty(r)
}

// Remove deletes a root, kept or not, with its side files. What readers hold at this moment stays, and then the side files
// do. It returns the bytes freed; fs.ErrNotExist when there is no such root.
func (s *Store) Remove(space, id string) (freed int64, err error) {
	defer s.tell()
	k := key{space, id}
	r, err := s.acquire(k, false)
	if err != nil {
		return 0, fmt.Errorf("store: %s: %w", k, err)
	}
	freed, err = s.purge(context.Background(), r, math.MaxInt64)
	if err != nil {
		return freed, fmt.Errorf("store: %s: %w", k, err)
	}
	return freed, nil
}

// Want says what to recycle. The zero Want recycles nothing.
type Want struct {
	All       bool          // every root
	UnusedFor time.Duration // those nobody used for so long, when positive
	Free      int64         // as many bytes as this, when positive; with the others, at most those
}

// Recycle deletes roots, unused for longest first, and returns the bytes freed. Kept roots, and those that readers use, stay.
// It stops early when ctx is done, with its error.
func (s *Store) Recycle(ctx context.Context, w Want) (freed int64, err error) {
	defer s.tell()
	if !w.All && w.UnusedFor <= 0 && w.Free <= 0 {
		return 0, nil
	}
	target := int64(math.MaxInt64)
	if w.Free > 0 {
		target = w.Free
	}
	roots := s.Roots()
	slices.Reverse(roots)
	for _, root := range roots {
		if freed >= target {
			break
		}
		if root.Kept || root.Held || w.UnusedFor > 0 && !w.All && time.Since(root.LastAccess) < w.UnusedFor {
			continue
		}
		r, err := s.acquire(key{root.Space, root.ID}, false)
		if err != nil {
			continue // it has gone by itself, or the store is being closed
		}
		s.mu.Lock()
		spare := r.keep || r.isHeld()
		s.mu.Unlock()
		if spare {
			s.release(r)
			continue
		}
		n, err := s.purge(ctx, r, target-freed)
		freed += n
		if err != nil {
			return freed, fmt.Errorf("store: recycling: %w", err)
		}
	}
	return freed, nil
}

// purge drops chunks of r that nobody holds, unused for longest first, until target bytes are freed, then, unless that is
// reached or somebody holds anything, the rest of the root. It releases r.
func (s *Store) purge(ctx context.Context, r *root, target int64) (freed int64, err error) {
	type aged struct {
		*chunk
		used time.Duration
	}
	s.mu.Lock()
	chunks := make([]aged, 0, len(r.chunks))
	for _, c := range r.chunks {
		chunks = append(chunks, aged{c, c.used})
	}
	s.mu.Unlock()
	slices.SortFunc(chunks, func(a, b aged) int { return cmp.Compare(a.used, b.used) })
	for _, c := range chunks {
		if err = ctx.Err(); err != nil || freed >= target {
			break
		}
		var n int64
		if n, err = s.drop(c.chunk, true); err != nil {
			break
		}
		freed += n
	}
	if err == nil && freed < target {
		var n int64
		n, err = s.dropMetas(r)
		freed += n
	}
	return freed + s.release(r), err
}

// dropMetas deletes the side files of r, and ends its being kept, unless somebody holds anything of it.
func (s *Store) dropMetas(r *root) (freed int64, err error) {
	r.files.Lock()
	defer r.files.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.isHeld() {
		return 0, nil
	}
	s.setKept(r, false)
	names := slices.Collect(maps.Keys(r.metas)) // only who has r.files changes them
	for _, name := range names {
		s.mu.Unlock()
		err := removeFile(filepath.Join(r.dir, name+metaSuffix))
		s.mu.Lock()
		if err != nil {
			return freed, err
		}
		freed += r.metas[name]
		s.book(r, -r.metas[name])
		delete(r.metas, name)
	}
	return freed, nil
}

// drop drops c, unless it has gone already or, with spareHeld, a reader holds it, and returns the bytes freed.
func (s *Store) drop(c *chunk, spareHeld bool) (freed int64, err error) {
	c.io.Lock()
	defer c.io.Unlock()
	s.mu.Lock()
	drop := (c.state == filling || c.state == verified) && !(spareHeld && c.root.held(int(c.i)))
	if drop {
		s.beginDrop(c)
	}
	s.mu.Unlock()
	if !drop {
		return 0, nil
	}
	return s.finishDrop(c, nil)
}

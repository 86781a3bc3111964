package store

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// The tag by which backup programs know folders that are not worth a backup. https://bford.info/cachedir/
const (
	tagFile = "CACHEDIR.TAG"
	tagText = "Signature: 8a477f597d28d172789f06886806bc55\n# Everything in this folder can be fetched again.\n"
)

// load lists what is on the disk. It reads no chunk; each is checked when it is read for the first time. It does not even look
// at the files where object.json says how large they are: on a cold disk that takes seconds, and survey has time.
func (s *Store) load() error {
	s.base = s.emptyCost()
	s.used = s.base
	spaces, err := os.ReadDir(s.dir)
	if err != nil {
		return err
	}
	tagged := false
	for _, space := range spaces {
		if space.Name() == tagFile {
			tagged = true
			continue
		}
		dir := filepath.Join(s.dir, space.Name())
		if !space.IsDir() || checkName("a space", space.Name()) != nil {
			s.stranger(dir)
			continue
		}
		ids, err := os.ReadDir(dir)
		if err != nil {
			s.log.Warn("cannot list a folder", "err", err)
		}
		for _, id := range ids {
			if !id.IsDir() || checkName("an object", id.Name()) != nil {
				s.stranger(filepath.Join(dir, id.Name()))
				continue
			}
			s.loadRoot(key{space.Name(), id.Name()})
		}
	}
	if !tagged {
		if err := os.WriteFile(filepath.Join(s.dir, tagFile), []byte(tagText), 0o600); err != nil {
			s.log.Warn("backups will include the store", "err", err)
		}
	}
	s.loadLists()
	return nil
}

// loadLists puts all chunks into their lists: those of roots used long ago before others, and in a root from its beginning,
// which is behind a reader as a rule. All come before what this process will use.
func (s *Store) loadLists() {
	roots := make([]*root, 0, len(s.roots))
	total := 0
	for _, r := range s.roots {
		roots = append(roots, r)
		total += len(r.chunks)
	}
	slices.SortFunc(roots, func(a, b *root) int { return a.access.Compare(b.access) })
	age := -time.Duration(total)
	var chunks []*chunk
	for _, r := range roots {
		chunks = chunks[:0]
		for _, c := range r.chunks {
			chunks = append(chunks, c)
		}
		slices.SortFunc(chunks, func(a, b *chunk) int {
			return cmp.Compare(a.i, b.i)
		})
		for _, c := range chunks {
			c.used = age
			age++
			s.listFor(r).pushFront(c)
		}
		s.setBare(r)
	}
}

// loadRoot lists one root. Whatever is wrong with it, it does not stop the others.
func (s *Store) loadRoot(k key) {
	r := s.newRoot(k)
	entries, err := os.ReadDir(r.dir)
	if err != nil {
		s.log.Warn("cannot list a folder", "err", err)
	}
	known := s.loadRecord(r)
	s.book(r, s.rootCost())
	for _, e := range entries {
		name := e.Name()
		path := filepath.Join(r.dir, name)
		meta, isMeta := strings.CutSuffix(name, metaSuffix)
		n, isShard := parseIndex(name)
		switch {
		case name == recordFile:
		case strings.HasSuffix(name, tempSuffix) && e.Type().IsRegular():
			s.discard(path, "left by a crash")
		case isMeta && e.Type().IsRegular() && checkName("a side file", meta) == nil:
			s.loadMeta(r, e, meta)
		case isShard && n <= maxChunks/shardSize && e.IsDir():
			s.loadShard(r, e, n)
		default:
			s.stranger(path)
		}
	}
	if !known {
		r.access = r.lastWrite()
	}
	if len(r.chunks) == 0 && len(r.metas) == 0 && !r.keep {
		os.Remove(filepath.Join(r.dir, recordFile))
		os.Remove(r.dir) // unless a stranger is in it
		s.book(r, -r.bytes)
		return
	}
	s.roots[k] = r
}

// born is before the first version of this program. An earlier time was told by a clock that had not been set yet, as some computers
// start with: nothing is as old as that, and the present is as good a guess.
var born = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)

// loadRecord reads object.json. A damaged one is deleted; the chunks do not need it.
func (s *Store) loadRecord(r *root) (known bool) {
	path := filepath.Join(r.dir, recordFile)
	data, err := readBounded(path, maxRecord)
	if errors.Is(err, fs.ErrNotExist) {
		return false
	}
	var rec record
	if err == nil {
		rec, err = parseRecord(data, r.key)
	}
	if err != nil {
		s.log.Warn("dropped a damaged file", "path", path, "err", err)
		os.Remove(path)
		return false
	}
	r.name, r.size, r.chunkSize, r.disposable, r.saved = rec.Name, rec.Size, rec.Chunk, rec.Disposable, true
	r.uneven, r.loose = rec.Uneven || rec.Loose, rec.Loose
	r.keep = rec.Kept // nothing is booked yet
	if now := time.Now(); rec.LastAccess.Before(now) && !(rec.LastAccess.Before(born) && now.After(born)) {
		r.access = rec.LastAccess
	}
	return true
}

func (s *Store) loadMeta(r *root, e fs.DirEntry, name string) {
	info, err := e.Info()
	if err != nil || info.Size() > maxMeta {
		s.discard(filepath.Join(r.dir, e.Name()), "too large")
		return
	}
	r.metas[name] = s.cost(info.Size())
	s.book(r, r.metas[name])
}

// loadShard lists the chunks in folder n of r.
func (s *Store) loadShard(r *root, dir fs.DirEntry, n int) {
	path := filepath.Join(r.dir, dir.Name())
	files, err := listFolder(path, r.chunkSize == 0 || r.uneven) // when nobody knows the sizes, the files have to say
	if err != nil {
		s.log.Warn("cannot list a folder", "err", err)
	}
	d := &shard{peak: len(files)}
	if info, err := dir.Info(); err == nil {
		// A folder keeps the size it once had.
		for d.peak < shardSize && s.shardCost(d.peak) < info.Size() {
			d.peak += 32
		}
	}
	for _, f := range files {
		if s.loadChunk(r, path, f, n) {
			d.n++
		}
	}
	if d.n == 0 && os.Remove(path) == nil {
		return
	}
	r.shards[n] = d
	s.book(r, s.shardCost(d.peak))
}

// listed is one entry of a folder.
type listed struct {
	name    string
	regular bool
	stamp   stamp // size -1: nobody looked
}

// loadChunk takes in one file of folder n of r, and reports whether it is a chunk.
func (s *Store) loadChunk(r *root, dir string, f listed, n int) bool {
	name, ok := parseChunkName(f.name)
	if !ok || name.i/shardSize != n || !f.regular {
		s.stranger(filepath.Join(dir, f.name))
		return false
	}
	size, want := f.stamp.size, f.stamp.size
	if r.chunkSize > 0 && !r.uneven {
		want = sizeOf(r.size, r.chunkSize, name.i)
	}
	if size < 0 {
		size = want // survey will look
	}
	why := ""
	switch {
	case name.part:
		why = "left by a crash"
	case r.chunks[name.i] != nil:
		why = "the chunk is there twice"
	case size <= 0 || size != want:
		why = "it has the wrong size"
	}
	if why != "" {
		s.discard(filepath.Join(dir, f.name), why)
		return false
	}
	c := &chunk{
		root: r, size: size, cost: s.cost(size), i: int32(name.i), state: verified,
		sum: name.sum, summed: name.summed, mtime: f.stamp.mtime,
	}
	r.chunks[name.i] = c
	s.book(r, c.cost)
	return true
}

// survey looks at the size of each chunk that was there before and that nobody has used since, and drops what is not right.
func (s *Store) survey(ctx context.Context) {
	s.mu.Lock()
	var chunks []*chunk
	for _, l := range []*list{&s.kept, &s.disposable, &s.ordinary} {
		for c := l.back; c != nil && c.used < 0; c = c.prev {
			chunks = append(chunks, c)
		}
	}
	s.mu.Unlock()
	for _, c := range chunks {
		if ctx.Err() != nil {
			return
		}
		info, err := os.Lstat(c.pathAs(false))
		if err == nil && info.Mode().IsRegular() && info.Size() == c.size || err != nil && !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if s.verify(c, true) != nil { // says what is wrong
			s.tidy(c.root)
		}
	}
	s.tell()
}

// lastWrite is when the newest chunk was written: what is known of a root without a record.
func (r *root) lastWrite() time.Time {
	var newest int64
	for _, c := range r.chunks {
		newest = max(newest, c.mtime)
	}
	if newest == 0 {
		return time.Now()
	}
	return time.Unix(0, newest)
}

// discard deletes a file of ours that is of no use.
func (s *Store) discard(path, why string) {
	s.log.Info("dropped a file", "path", path, "why", why)
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.log.Warn("cannot delete a file", "err", err)
		s.stranger(path)
	}
}

// stranger leaves alone what the store did not write: somebody may have pointed it to the wrong folder. It counts as used.
func (s *Store) stranger(path string) {
	var n int64
	filepath.WalkDir(path, func(_ string, e fs.DirEntry, err error) error {
		if err == nil {
			if info, err := e.Info(); err == nil {
				n += allocated(info)
			}
		}
		return nil
	})
	s.base += n
	s.used += n
	s.log.Warn("this does not belong to the store, and is left alone", "path", path, "bytes", n)
}

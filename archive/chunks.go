package archive

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"sync"
)

const (
	smallRun     = 1 << 20   // one of at most so many bytes is kept in memory
	smallChunk   = 256 << 10 // of runs of up to fewChunks of them
	fewChunks    = 64
	largeChunk   = 1 << 20
	stretchBytes = 1 << 30 // a run whose end is not known is cut into stretches

	memoryBytes = 48 << 20 // of all that is kept in memory
)

// chunks are what was unpacked of one run, cut up: in memory, or in spools of the cache. Safe for concurrent use.
type chunks struct {
	key    string
	title  string
	size   int64 // unknownSize: the run may grow
	chunk  int64 // bytes of each, but for the last
	memory *memory
	cache  Cache // nil: memory only

	mu     sync.Mutex
	spools map[int]Spool // by stretch
	last   *tail
	closed bool
}

func newChunks(l *Library, key, title string, size int64) *chunks {
	c := &chunks{key: key, title: title, size: size, chunk: largeChunk, memory: l.memory, cache: l.cache, spools: make(map[int]Spool)}
	if size >= 0 && size <= smallChunk*fewChunks {
		c.chunk = smallChunk
	}
	if l.memoryOnly || size >= 0 && size <= smallRun {
		c.cache = nil
	}
	return c
}

// spool returns the spool of chunk i, and which chunk it is there.
func (c *chunks) spool(i int64) (Spool, int, error) {
	per := max((c.size+c.chunk-1)/c.chunk, 1)
	key, size := c.key, c.size
	stretch := 0
	if c.size < 0 {
		per, size = stretchBytes/c.chunk, stretchBytes
		stretch = int(i / per)
		key = fmt.Sprintf("%s-s%d", c.key, stretch)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.spools[stretch]
	if c.closed {
		return nil, 0, fs.ErrClosed
	}
	if s == nil {
		var err error
		if s, err = c.cache.Spool(key, c.title, size, c.chunk); err != nil {
			return nil, 0, err
		}
		c.spools[stretch] = s
	}
	return s, int(i % per), nil
}

func (c *chunks) has(i int64) bool {
	if c.memory.has(chunkKey{c.key, i}) {
		return true
	}
	c.mu.Lock()
	final := c.last != nil && c.last.final && c.last.off == i*c.chunk
	c.mu.Unlock()
	if final || c.cache == nil {
		return final
	}
	s, j, err := c.spool(i)
	return err == nil && s.Has(j)
}

// read reads all of p at off of chunk i. Not ok: it is not here.
func (c *chunks) read(i int64, p []byte, off int64) (ok bool, err error) {
	if data := c.memory.get(chunkKey{c.key, i}); data != nil {
		return copy(p, data[min(off, int64(len(data))):]) == len(p), nil
	}
	if c.inTail(i, p, off) {
		return true, nil
	}
	if c.cache == nil {
		return false, nil
	}
	s, j, err := c.spool(i)
	if err != nil {
		return false, err
	}
	if _, err = s.ReadAt(j, p, off); errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// write keeps chunk i. What is damaged in part is kept in memory only, for what is right in it.
func (c *chunks) write(i int64, data []byte, damaged bool) error {
	if c.cache == nil || damaged {
		c.memory.put(chunkKey{c.key, i}, append([]byte(nil), data...))
		return nil
	}
	s, j, err := c.spool(i)
	if err != nil {
		return err
	}
	return s.Write(j, data)
}

// A tail is what was unpacked last of a run whose size was not known before: part of a chunk, which is none for a spool. final
// says that it is the end of the run.
type tail struct {
	off   int64
	data  []byte
	final bool
}

// keepTail keeps the tail, if the run has one.
func (c *chunks) keepTail(off int64, data []byte, final bool) {
	if c.size >= 0 {
		return
	}
	t := &tail{off, append([]byte(nil), data...), final}
	c.mu.Lock()
	c.last = t
	c.mu.Unlock()
	if c.cache != nil {
		c.cache.Save(c.key, "tail", t.seal()) // without it, it is unpacked again
	}
}

// loadTail finds the tail of another life.
func (c *chunks) loadTail() *tail {
	if c.cache == nil || c.size >= 0 {
		return nil
	}
	sealed, err := c.cache.Load(c.key, "tail")
	if err != nil {
		return nil
	}
	t := openTail(sealed)
	if t == nil || t.off%c.chunk != 0 || int64(len(t.data)) >= c.chunk {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last == nil {
		c.last = t
	}
	return c.last
}

// inTail reads all of p at off of chunk i, if it is in the tail.
func (c *chunks) inTail(i int64, p []byte, off int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.last
	return t != nil && t.off == i*c.chunk && off+int64(len(p)) <= int64(len(t.data)) && copy(p, t.data[off:]) == len(p)
}

// seal makes a blob: the CRC-32C of the rest, whether it is final, the offset and the bytes.
func (t *tail) seal() []byte {
	b := make([]byte, 5, 5+binary.MaxVarintLen64+len(t.data))
	if t.final {
		b[4] = 1
	}
	b = binary.AppendVarint(b, t.off)
	b = append(b, t.data...)
	binary.LittleEndian.PutUint32(b, crc32.Checksum(b[4:], castagnoli()))
	return b
}

func openTail(b []byte) *tail {
	if len(b) < 5 || binary.LittleEndian.Uint32(b) != crc32.Checksum(b[4:], castagnoli()) {
		return nil
	}
	off, n := binary.Varint(b[5:])
	if n <= 0 || off < 0 || off > maxSize {
		return nil
	}
	return &tail{off, b[5+n:], b[4] != 0}
}

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// discard drops chunk i, but keeps it in memory when it has something right in it.
func (c *chunks) discard(i int64, shared bool) {
	if c.cache == nil {
		if !shared {
			c.memory.drop(chunkKey{c.key, i})
		}
		return
	}
	s, j, err := c.spool(i)
	if err != nil || !s.Has(j) {
		return
	}
	if shared {
		n := c.chunk
		if c.size >= 0 {
			n = min(n, c.size-i*c.chunk)
		}
		data := make([]byte, n)
		if _, err := s.ReadAt(j, data, 0); err == nil {
			c.memory.put(chunkKey{c.key, i}, data)
		}
	}
	s.Discard(j) // what the cache cannot drop now it drops when it is written anew
}

func (c *chunks) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for _, s := range c.spools {
		s.Close()
	}
	clear(c.spools)
}

// A window is what one reader needs of the chunks.
type window struct {
	c     *chunks
	spool Spool
	hold  SpoolHold
	at    int64 // chunk that it starts at
}

// set moves the window to n chunks from i on, as far as their stretch goes.
func (w *window) set(i, n int64) {
	if w.c.cache == nil || w.hold != nil && i == w.at {
		return
	}
	s, j, err := w.c.spool(i)
	if err != nil {
		return
	}
	if s != w.spool {
		w.release()
		w.spool, w.hold = s, s.Hold()
	}
	w.at = i
	w.hold.Set(j, j+int(n))
}

func (w *window) release() {
	if w.hold != nil {
		w.hold.Release()
		w.spool, w.hold = nil, nil
	}
}

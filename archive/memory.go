package archive

import (
	"container/list"
	"sync"
)

// memory keeps chunks of runs that are too small for the disk, and of libraries without a cache: the least recently used go
// when there are too many bytes.
type memory struct {
	limit int64

	mu     sync.Mutex
	used   int64
	chunks map[chunkKey]*list.Element
	order  list.List // of *memoryChunk, the last used in front
}

type chunkKey struct {
	run   string
	chunk int64
}

type memoryChunk struct {
	key  chunkKey
	data []byte
}

func newMemory(limit int64) *memory {
	return &memory{limit: limit, chunks: make(map[chunkKey]*list.Element)}
}

func (m *memory) get(k chunkKey) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.chunks[k]
	if e == nil {
		return nil
	}
	m.order.MoveToFront(e)
	return e.Value.(*memoryChunk).data
}

func (m *memory) has(k chunkKey) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.chunks[k] != nil
}

// put keeps data, which is not changed any more.
func (m *memory) put(k chunkKey, data []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.remove(m.chunks[k])
	m.chunks[k] = m.order.PushFront(&memoryChunk{k, data})
	for m.used += int64(len(data)); m.used > m.limit && m.order.Len() > 1; {
		m.remove(m.order.Back())
	}
}

func (m *memory) drop(k chunkKey) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.remove(m.chunks[k])
}

func (m *memory) remove(e *list.Element) {
	if e == nil {
		return
	}
	c := m.order.Remove(e).(*memoryChunk)
	delete(m.chunks, c.key)
	m.used -= int64(len(c.data))
}

package store

import "sync"

// openFiles bounds how many chunk files are open at a time, so that small reads need not open one each. It is a clock: a file
// that was used since the hand came by stays.
type openFiles struct {
	max    int
	mu     sync.Mutex
	slots  []*chunk // chunks with an open file; more than max only while all of them are in use
	hand   int
	closed bool
}

// add takes in c, whose file was just opened and whose io the caller holds exclusively, and closes others beyond the bound.
func (f *openFiles) add(c *chunk) {
	var closing []*chunk
	f.mu.Lock()
	if f.closed {
		f.mu.Unlock()
		c.file.Close()
		c.file = nil
		return
	}
	for tries := 2 * len(f.slots); len(f.slots) >= f.max && tries > 0; tries-- {
		f.hand %= len(f.slots)
		v := f.slots[f.hand]
		if v.hot.Swap(false) || !v.io.TryLock() {
			f.hand++
			continue
		}
		f.drop(v)
		closing = append(closing, v)
	}
	c.slot = int32(len(f.slots))
	f.slots = append(f.slots, c)
	c.hot.Store(true)
	f.mu.Unlock()
	for _, v := range closing {
		v.file.Close()
		v.file = nil
		v.io.Unlock()
	}
}

// drop takes c out of the slots; mu is held.
func (f *openFiles) drop(c *chunk) {
	last := len(f.slots) - 1
	moved := f.slots[last]
	f.slots[c.slot], moved.slot = moved, c.slot
	f.slots[last] = nil
	f.slots = f.slots[:last]
}

// close closes the file of c, if open. The caller holds c.io exclusively.
func (f *openFiles) close(c *chunk) {
	if c.file == nil {
		return
	}
	f.mu.Lock()
	f.drop(c)
	f.mu.Unlock()
	c.file.Close()
	c.file = nil
}

// closeAll waits for the users of each file and closes it. No file stays open from then on.
func (f *openFiles) closeAll() {
	f.mu.Lock()
	f.closed = true
	all := append([]*chunk(nil), f.slots...)
	f.mu.Unlock()
	for _, c := range all {
		c.io.Lock()
		f.close(c)
		c.io.Unlock()
	}
}

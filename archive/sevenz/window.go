package sevenz

// A window is what an LZMA decoder has unpacked and looks back into: a ring that starts small, since the size that an archive
// claims to need is only a claim.
type window struct {
	buf   []byte
	pos   int    // where the next byte goes
	have  int    // how many bytes back there is something
	max   int    // what buf may grow to
	total uint64 // bytes since the last reset
}

// firstWindow is what a window has at first, in bytes.
const firstWindow = 4 << 20

// windowSize is the memory that a dictionary takes for a stream of size bytes.
func windowSize(dict, size int64) int64 {
	return max(min(dict, size), 4<<10)
}

func (w *window) init(dict, size int64) {
	w.max = int(windowSize(dict, size))
	w.buf = make([]byte, min(w.max, firstWindow))
}

// room makes sure that there is space behind pos: it grows the window, or goes back to its start.
func (w *window) room() {
	if w.pos < len(w.buf) {
		return
	}
	if len(w.buf) == w.max {
		w.pos = 0
		return
	}
	// Nothing has been overwritten so far, so what is there can stay where it is.
	old := w.buf
	w.buf = make([]byte, w.max)
	copy(w.buf, old)
}

// reset forgets what was before.
func (w *window) reset() {
	w.have, w.total = 0, 0
}

// back returns the byte at a distance, or 0 if there is none so far back.
func (w *window) back(dist int) byte {
	if dist > w.have {
		return 0
	}
	i := w.pos - dist
	if i < 0 {
		i += len(w.buf)
	}
	return w.buf[i]
}

func (w *window) put(b byte) {
	w.buf[w.pos] = b
	w.advance(1)
}

func (w *window) advance(n int) {
	w.pos += n
	w.total += uint64(n)
	w.have = min(w.have+n, len(w.buf))
}

// copy repeats n bytes from a distance that is not beyond what there is, as far as limit allows, and returns how many are left.
func (w *window) copy(dist, n, limit int) int {
	now := min(n, limit-w.pos)
	pos, end := w.pos, w.pos+now
	from := pos - dist
	if from < 0 {
		// From behind pos to the end of the ring, and on from its start. What is overwritten has been read before.
		from += len(w.buf)
		pos += copy(w.buf[pos:end], w.buf[from:])
		from = 0
	}
	// If the match overlaps itself, it has a period, and what there is of it grows with each turn.
	for pos < end {
		pos += copy(w.buf[pos:end], w.buf[from:pos])
	}
	w.advance(now)
	return n - now
}

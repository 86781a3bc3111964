package store

// Coverage tells how much of an object is here and verified: the object is cut into parts of equally many chunks, as many as
// there are chunks and most at most, and each part is a number from 0 (nothing of it) to 255 (all of it). It is for pictures:
// the answer may be old by the time it is looked at. Nil when the handle is closed or most is not positive.
func (o *Object) Coverage(most int) []uint8 {
	chunks := o.Chunks()
	n := min(chunks, most)
	if n <= 0 || o.closed.Load() {
		return nil
	}
	// Part p has the chunks from p*chunks/n on. The products stay far below 2^63, with maxChunks chunks.
	here := make([]int, n)
	o.store.mu.Lock()
	for i, c := range o.root.chunks {
		if c.state == verified && i < chunks {
			here[((i+1)*n-1)/chunks]++
		}
	}
	o.store.mu.Unlock()
	parts := make([]uint8, n)
	for p := range parts {
		size := (p+1)*chunks/n - p*chunks/n
		parts[p] = uint8(here[p] * 255 / size)
		if here[p] > 0 && parts[p] == 0 {
			parts[p] = 1
		}
	}
	return parts
}

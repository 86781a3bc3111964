package store

// list is a chain of chunks from the most to the least recently used, with the sum of what they cost. Store.mu guards it.
type list struct {
	front, back *chunk
	n           int
	bytes       int64
}

func (l *list) pushFront(c *chunk) { l.insertBefore(c, l.front) }

// insertBefore puts c in front of at, or at the back when at is nil.
func (l *list) insertBefore(c, at *chunk) {
	c.in, c.next = l, at
	if at == nil {
		c.prev, l.back = l.back, c
	} else {
		c.prev, at.prev = at.prev, c
	}
	if c.prev == nil {
		l.front = c
	} else {
		c.prev.next = c
	}
	l.n++
	l.bytes += c.cost
}

func (l *list) remove(c *chunk) {
	if c.prev == nil {
		l.front = c.next
	} else {
		c.prev.next = c.next
	}
	if c.next == nil {
		l.back = c.prev
	} else {
		c.next.prev = c.prev
	}
	c.in, c.prev, c.next = nil, nil, nil
	l.n--
	l.bytes -= c.cost
}

func (l *list) toFront(c *chunk) {
	if l.front != c {
		l.remove(c)
		l.pushFront(c)
	}
}

// merge puts chunks, oldest use first, to their places among those that are there. Chunks of equal age go in front.
func (l *list) merge(oldestFirst []*chunk) {
	at := l.back
	for _, c := range oldestFirst {
		for at != nil && at.used <= c.used {
			at = at.prev
		}
		if at == nil {
			l.pushFront(c)
		} else {
			l.insertBefore(c, at.next)
		}
	}
}

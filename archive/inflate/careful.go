package inflate

// symbols decodes symbols of the block. It returns whether the next one needs input.
func (r *Reader) symbols() (more bool, err error) {
	if !r.built && !r.build() { // after a checkpoint
		return false, r.corrupt("a code for literals or distances that is none")
	}
	why := r.fast()
	if why == stopHungry {
		why = r.careful()
	}
	switch why {
	case stopEnd:
		return false, r.endBlock()
	case stopSymbol:
		return false, r.corrupt("a symbol that must not occur")
	case stopFar:
		return false, r.corrupt("a distance to before the start")
	}
	return why == stopHungry, nil
}

// careful decodes symbols one by one, each only when all of its bits are there.
func (r *Reader) careful() stop {
	for r.w < outLimit {
		r.top()
		e, n := lookup(r.lit[:], litRoot, r.acc, 0)
		if n > r.nacc {
			return stopHungry
		}
		if e.literal() { // one, even if the entry has two: the second may not have come
			r.take(n)
			r.out[r.w] = byte(e.value())
			r.w++
			continue
		}
		if e&entryStop != 0 {
			r.take(n)
			return e.why()
		}
		length, at := more(e, r.acc, n)
		e, n = lookup(r.dist[:], distRoot, r.acc, at)
		if n > r.nacc {
			return stopHungry
		}
		if e&entryStop != 0 {
			r.take(at) // as the fast loop does: an error says the same wherever it is found
			return stopSymbol
		}
		d, n := more(e, r.acc, n)
		if n > r.nacc {
			return stopHungry
		}
		r.take(n)
		if d > r.w {
			return stopFar
		}
		for range length {
			r.out[r.w] = r.out[r.w-d]
			r.w++
		}
	}
	return stopFull
}

// lookup finds the symbol whose code begins at bit at of acc. It returns its entry and the bit behind the code. That may be
// more than acc has; then the entry means nothing.
func lookup(table []entry, root uint, acc uint64, at uint) (entry, uint) {
	acc >>= at
	e := table[acc&(1<<root-1)]
	if e&entryLink != 0 {
		acc >>= root
		at += root
		e = table[e.second(acc)]
	}
	return e, at + e.code()
}

// more returns the length or distance of e, whose code ends at bit at of acc, and the bit behind what follows it.
func more(e entry, acc uint64, at uint) (int, uint) {
	return e.step(acc >> (at - e.code())), at - e.code() + e.bits()
}

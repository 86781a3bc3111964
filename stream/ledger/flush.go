package ledger

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"slices"
	"time"
)

const (
	retryAfter = time.Minute
	tidyEvery  = 24 * time.Hour
	minCompact = 256 << 10 // bytes: a shorter history is never written anew for its length
)

// run is the flusher: the one goroutine of a Ledger. It sleeps until something was noted, and then a while longer, so that many
// notes become one write. Once a day it forgets what is too old.
func (l *Ledger) run(ctx context.Context) {
	defer close(l.done)
	day := time.NewTicker(tidyEvery)
	defer day.Stop()
	wait := l.opt.FlushEvery
	if l.Err() != nil {
		wait = retryAfter
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-day.C:
			l.expire()
			continue
		case <-l.poke:
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		wait = l.opt.FlushEvery
		if err := l.flush(); err != nil {
			l.failed(err)
			l.wake()
			wait = retryAfter
		}
	}
}

// failed keeps why the files cannot be written, and logs the first of many such reasons.
func (l *Ledger) failed(err error) {
	l.mu.Lock()
	first := l.broken == nil
	l.broken = err
	l.mu.Unlock()
	if first {
		l.log.Warn("cannot write down who used what; it is tried again every minute", "err", err)
	}
}

// expire forgets what is too old.
func (l *Ledger) expire() {
	if l.opt.doubt() {
		return
	}
	before := time.Now().Add(-l.opt.Keep)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.tree.expire(before.Unix()) {
		l.anew = true
		l.wake()
	}
	if l.decisions.expire(before) {
		l.undecided = true
		l.wake()
	}
}

// flush brings the files up to date.
func (l *Ledger) flush() error {
	l.disk.Lock()
	defer l.disk.Unlock()
	err := errors.Join(l.flushHistory(), l.flushDecisions())
	if err == nil {
		l.mu.Lock()
		l.broken = nil
		l.mu.Unlock()
	}
	return err
}

// flushHistory appends what is new, or writes all anew when that is due; disk is held.
func (l *Ledger) flushHistory() error {
	l.mu.Lock()
	records, most := l.news()
	anew := l.anew || len(records) > 0 && l.size+most > l.longest()
	if !anew {
		l.settle()
	}
	l.mu.Unlock()
	if anew {
		return l.rewrite()
	}
	if len(records) == 0 {
		return nil
	}
	if err := l.append(records); err != nil {
		l.mu.Lock()
		l.pending, l.anew = nil, true // nobody knows what is in the file now
		l.mu.Unlock()
		return fmt.Errorf("ledger: %w", err)
	}
	return nil
}

// longest is how long the history may become before it is written anew, in bytes.
func (l *Ledger) longest() int64 { return min(max(4*l.compact, minCompact), l.opt.MaxBytes/2) }

// news returns what the file does not have yet, and the most bytes that takes; mu is held.
func (l *Ledger) news() (records []record, most int64) {
	if l.anew {
		return nil, 0
	}
	records = l.pending
	for i := range records {
		most += records[i].mostBytes()
	}
	// Whatever was used since the last time is in front.
	old := len(records)
	for n := l.tree.all.first; n != nil && n.seq > l.flushed; n = n.links[byUse].next {
		if n.level == itemLevel {
			records = append(records, newRecord(opSet, n, n.sum))
			most += int64(n.cost)
			n.written()
		}
	}
	slices.Reverse(records[old:]) // what was used first goes first
	return records, most
}

// settle notes that the file has everything; mu is held.
func (l *Ledger) settle() {
	l.pending, l.anew, l.flushed = nil, false, l.tree.seq
}

func (l *Ledger) append(records []record) (err error) {
	var data []byte
	for i := range records {
		if data, err = appendLine(data, &records[i]); err != nil {
			return err
		}
	}
	f, err := os.OpenFile(l.path(historyFile), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil && info.Size() != l.size {
		err = fmt.Errorf("%s has %d bytes and not %d: somebody else writes to it", f.Name(), info.Size(), l.size)
	}
	if err == nil {
		_, err = f.Write(data)
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	l.size += int64(len(data))
	return err
}

// rewrite writes the history anew, with nothing in it that is not alive; disk is held.
func (l *Ledger) rewrite() error {
	l.mu.Lock()
	records := l.snapshot()
	l.settle()
	l.mu.Unlock()
	data, err := appendLine(nil, head{format})
	for i := 0; err == nil && i < len(records); i++ {
		data, err = appendLine(data, &records[i])
	}
	if err == nil {
		err = writeFile(l.path(historyFile), data)
	}
	if err != nil {
		l.mu.Lock()
		l.pending, l.anew = nil, true
		l.mu.Unlock()
		return fmt.Errorf("ledger: %w", err)
	}
	l.size, l.compact = int64(len(data)), int64(len(data))
	return nil
}

// snapshot returns records for all that is alive, last used last; mu is held.
func (l *Ledger) snapshot() []record {
	records := make([]record, 0, len(l.tree.nodes)+1)
	if s := l.tree.top.sum; s != (sum{}) {
		records = append(records, newRecord(opAdd, l.tree.top, s))
	}
	for n := l.tree.all.last; n != nil; n = n.links[byUse].prev {
		n.onDisk = true
		if r, ok := n.record(); ok {
			records = append(records, r)
		}
	}
	return records
}

// record is what a new file says of n, if anything.
func (n *node) record() (r record, any bool) {
	switch {
	case n.level == itemLevel:
		return newRecord(opSet, n, n.sum), true
	case n.dropped:
		return newRecord(opDrop, n, n.sum), true
	}
	return newRecord(opAdd, n, n.sum), n.sum != (sum{})
}

// loadHistory reads the history file. What does not belong there any more goes with the next flush.
func (l *Ledger) loadHistory() error {
	os.Remove(l.path(historyFile) + tempSuffix) // of a crash
	l.anew = true                               // nothing that is folded while reading needs a record
	now, doubt := time.Now(), l.opt.doubt()
	latest := now.Unix() // nothing was used later
	if doubt {
		latest = math.MaxInt64
	}
	lines := 0
	size, whole, err := readFile(l.path(historyFile), &l.damaged, func(data []byte) bool {
		lines++
		return l.tree.apply(data, latest)
	})
	if errors.Is(err, errNewer) {
		l.log.Warn("a newer version of this program wrote this file; it was kept aside", "file", l.path(historyFile)+newerSuffix)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("ledger: %s: %w", l.path(historyFile), err)
	}
	l.tree.sort()
	l.tree.fitAll()
	old := !doubt && l.tree.expire(now.Add(-l.opt.Keep).Unix())
	if size > 0 && !old && l.damaged == 0 && whole == size && lines == l.lines() {
		l.settle()
		l.size, l.compact = size, size
	}
	return nil
}

// lines is how many records a new file would have.
func (l *Ledger) lines() (n int) {
	if l.tree.top.sum != (sum{}) {
		n++
	}
	for m := l.tree.all.first; m != nil; m = m.links[byUse].next {
		if _, any := m.record(); any {
			n++
		}
	}
	return n
}

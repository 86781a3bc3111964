// Package ledger is the "access from" trace: which site used what, when and how much, and what the user has decided about it.
//
// [Attribute] says which [Site] is behind a request. A [Ledger] notes what sites use and answers who used what; it also keeps
// the user's rules (allow, block) and marks such as "the user was told of this site". A [Gate] stands before the content: it decides about
// each request by those rules and by limits on what a site may have at a time, and has the ledger note it. A [Signer] makes the
// tags by which a site is known in URLs, and the tokens with which it controls what is its own. The package knows no protocol and
// answers no request: a root is two words to it.
//
// # What is hostile
//
// Everything but the user's own calls. Names, addresses and numbers come from web pages and programs, and any of them may come
// a million times. So all names are normalised and short or not listed, and the history is bounded in entries and in bytes, in memory and
// on disk. When it is full the least recently used entry is folded into the one above it: the sums of an item go into its
// root's, those of a root into its site's, and those of a site into the total. An origin can fill half of the room; then its own
// entries are folded.
//
// # On disk
//
//	<dir>/history     a line for each change, appended every few seconds; written anew when it has become long, and by Open
//	<dir>/decisions   a line for each rule and mark, written anew at each change
//
// A line is JSON behind its CRC-32C, so that one torn or damaged line costs that line. A file is written anew beside the old one,
// synced and then renamed. Appending is not synced: a power cut may cost the last half minute of history, the end of the program
// costs nothing, and kill -9 the last few seconds. What the user decides or forgets is on the disk when the call returns.
//
// # Locks
//
// Ledger.disk is for who writes files and is taken first; Ledger.mu is for everything in memory and is never held during I/O,
// so that a request waits for no disk.
package ledger

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// A Root is what a protocol knows content by.
type Root struct {
	Protocol string // "bittorrent/v0"
	ID       string // in the one spelling of the protocol; not empty
}

// Options are the limits of a Ledger. The zero value of each field means the default.
type Options struct {
	Keep       time.Duration // how long the history reaches back, to the day; 180 days
	MaxEntries int           // sites, roots and items in all; 20,000, and 64 at least
	MaxBytes   int64         // of history on disk, also while it is written anew; 16 MiB, and 1 MiB at least
	FlushEvery time.Duration // how long a note may stay in memory only; 5 s
	Doubt      func() bool   // says that the clock may be wrong: then nothing is forgotten for its age; nil is never
	Log        *slog.Logger  // nil is silence
}

func (o *Options) doubt() bool { return o.Doubt != nil && o.Doubt() }

func (o *Options) fill() error {
	if o.Keep < 0 || o.MaxEntries < 0 || o.MaxBytes < 0 || o.FlushEvery < 0 {
		return errors.New("ledger: no option may be negative")
	}
	if o.Keep == 0 {
		o.Keep = 180 * 24 * time.Hour
	}
	if o.MaxEntries == 0 {
		o.MaxEntries = 20_000
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = 16 << 20
	}
	if o.FlushEvery == 0 {
		o.FlushEvery = 5 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.MaxEntries = max(o.MaxEntries, 64)
	o.MaxBytes = max(o.MaxBytes, 1<<20)
	return nil
}

const (
	historyFile   = "history"
	decisionsFile = "decisions"
)

// A Ledger is the history of use and what was decided, in a folder. Its methods are safe for concurrent use.
type Ledger struct {
	dir string
	opt Options
	log *slog.Logger

	cancel context.CancelFunc
	done   chan struct{} // closed when the flusher has ended
	poke   chan struct{}

	disk    sync.Mutex
	size    int64 // of the history file, as we left it
	compact int64 // its size after it was written anew

	mu        sync.Mutex
	closed    bool
	tree      *tree
	flushed   uint64   // the seq of the last use that the file has
	pending   []record // folded since, oldest first
	anew      bool     // the history has to be written anew: appending is not enough any more
	decisions decisions
	undecided bool // decisions is newer than its file
	damaged   int
	broken    error // of the last attempt to write
}

// Open opens the ledger in dir, which is created when it does not exist. Nobody else may use dir: the caller holds a lock on it.
// Whatever is in the files, Open drops what is damaged, counts and logs it, and goes on with the rest; a file that a newer version
// wrote is renamed to <file>.newer. The error says that dir cannot be read at all. A dir that cannot be written is none, see
// [Ledger.Err]. Open blocks while it reads, and writes the files anew if that makes them shorter.
func Open(dir string, o Options) (*Ledger, error) {
	if err := o.fill(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	l := &Ledger{dir: dir, opt: o, log: o.Log, done: make(chan struct{}), poke: make(chan struct{}, 1)}
	// A quarter for what is alive, a quarter for what has been appended since, and another for the new file beside that.
	l.tree = newTree(o.MaxEntries, int(min(o.MaxBytes/4, 1<<30)), l.folded)
	if err := errors.Join(l.loadHistory(), l.loadDecisions()); err != nil {
		return nil, err
	}
	if l.damaged > 0 {
		l.log.Warn("part of the history of use was damaged and is lost", "dir", dir, "lines", l.damaged)
	}
	ctx, cancel := context.WithCancel(context.Background())
	l.cancel = cancel
	if err := l.flush(); err != nil {
		l.failed(err)
		l.wake() // what the disk does not take now it may take later
	}
	go l.run(ctx)
	return l, nil
}

// Close writes what is pending, ends the flusher and waits for it. Notes are dropped from now on, and what changes something is
// fs.ErrClosed; questions are still answered. A second Close does nothing.
func (l *Ledger) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil
	}
	l.closed = true
	l.mu.Unlock()
	l.cancel()
	<-l.done
	return l.flush()
}

// note counts one request of a site for an item, and the bytes it was sent so far; path may be empty, for the root as such. It takes
// microseconds and waits for no disk.
func (l *Ledger) note(site Site, root Root, path string, bytes int64) {
	l.count(site, root, path, 1, bytes)
}

// grow counts bytes that were sent later, for a request that has been noted. It makes no new entry: what was forgotten in the
// meantime stays forgotten, and its bytes count for what is left above it.
func (l *Ledger) grow(site Site, root Root, path string, bytes int64) {
	l.count(site, root, path, 0, bytes)
}

func (l *Ledger) count(site Site, root Root, path string, requests, bytes int64) {
	if site.Kind() == None {
		site = UnknownSite()
	}
	e := entry{site: site}
	if root.ID != "" {
		e = e.item(root, path).listed()
	}
	now := time.Now().Unix()
	s := sum{first: now, last: now, requests: requests, bytes: max(bytes, 0)}

	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	n := l.tree.find(e, requests > 0)
	for ; n == nil; n = l.tree.find(e, false) {
		e = e.up()
	}
	n.sum.add(s)
	l.tree.touch(n)
	if requests > 0 {
		l.claim(n.rootNode(), true)
	}
	if n.level != itemLevel {
		l.pend(newRecord(opAdd, n, s))
		n.written()
	}
	l.tree.fit(n)
	l.wake()
}

// claim gives a site its claim to a root, or takes it back, and reports whether that changed anything; mu is held. n may be nil.
func (l *Ledger) claim(n *node, claimed bool) (changed bool) {
	if n == nil || !l.tree.claim(n, claimed) {
		return false
	}
	o := opDrop
	if claimed {
		o = opClaim
	}
	l.pend(newRecord(o, n, sum{}))
	n.written()
	l.wake()
	return true
}

// folded is told of each entry that is about to be folded, while mu is held. The file has to hear of it: as a whole entry that
// has gone, or only of its sums if it was never there.
func (l *Ledger) folded(n *node) {
	if n.onDisk {
		l.pend(newRecord(opFold, n, n.folding()))
		return
	}
	l.pend(newRecord(opAdd, n.parent, n.folding()))
	n.parent.written()
}

// maxPending bounds the changes that wait to be appended. With more it is as well to write the whole anew.
const maxPending = 4096

func (l *Ledger) pend(r record) {
	if l.anew {
		return
	}
	if len(l.pending) == maxPending {
		l.pending, l.anew = nil, true
		return
	}
	l.pending = append(l.pending, r)
}

// wake tells the flusher that there is something to write.
func (l *Ledger) wake() {
	select {
	case l.poke <- struct{}{}:
	default:
	}
}

// Damaged returns how many lines Open had to drop.
func (l *Ledger) Damaged() int { return l.damaged }

// Err returns why the ledger could not write its files the last time it tried, nil if it could. It goes on trying.
func (l *Ledger) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.broken
}

// alive is fs.ErrClosed behind a Close; mu is held.
func (l *Ledger) alive() error {
	if l.closed {
		return fmt.Errorf("ledger: %w", fs.ErrClosed)
	}
	return nil
}

func (l *Ledger) path(name string) string { return filepath.Join(l.dir, name) }

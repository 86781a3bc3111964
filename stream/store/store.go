// Package store keeps every byte on disk that can be fetched again, of every protocol, under one hard quota.
//
// An [Object] is an immutable run of bytes, cut into chunks: a torrent and its pieces, a CID and its blocks, an unpacked archive
// member. A chunk is absent, filling, or verified. The store knows no protocol: whoever fills a chunk checks it and says
// [Object.Commit]; from then on it is served by [Object.ReadAt] until it is evicted, least recently used first.
//
// # On disk
//
// Each chunk is a plain file of its own:
//
//	<dir>/objects/<space>/<id>/object.json       name, sizes, last access: for people and for age, see record
//	<dir>/objects/<space>/<id>/<name>.meta       small side files of the protocol
//	<dir>/objects/<space>/<id>/<i/1024>/<i>.part chunk i, filling
//	<dir>/objects/<space>/<id>/<i/1024>/<i>      chunk i, verified; or <i>-<sum> with a CRC-32C when the object has no check
//
// The other layout that was weighed is one sparse file an object, with a byte of state a chunk, and eviction by punching
// holes. It makes a chunk about a tenth of a millisecond cheaper, which is nothing beside hashing a piece, and it costs a
// second truth: the state bytes can disagree with the data, space is freed in other ways on each system, and not at all on
// exFAT and FAT. With a file a chunk the folder's listing is the only truth. Commit is a rename, so that a crash at any moment
// leaves either a chunk or a .part, which the next [Open] deletes; eviction is an unlink and works everywhere; and what the
// store counts is what du counts.
//
// # What is trusted
//
// The disk may lie: a power cut loses what was not written back, disks rot, people edit files. So a chunk is trusted only if
// this process committed or checked it, and its size and modification time are what they were then; ReadAt looks at both
// after each read. Any other chunk is checked as a whole by [Spec.Check] first; a wrong one is dropped and missing, to be
// fetched again. For the same reason no fsync is needed on the way in: it happens in the background, half a minute later,
// for what still exists by then.
//
// # Locks
//
// Taken in this order, left to right, never the other way; TryLock may jump the order:
//
//	root.files   the side files, object.json and the folder of one root
//	chunk.io     the file of one chunk and its state; shared for reading and writing bytes, exclusive to commit, check and drop
//	Store.room   one goroutine at a time evicts
//	Store.mu     all maps, lists and sums; never held during I/O
//	openFiles.mu, fill.mu
package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// What the store answers when it cannot give bytes or room. Tell them apart with errors.Is. A store or an object that was
// closed is fs.ErrClosed, a root or a side file that does not exist fs.ErrNotExist.
var (
	ErrMissing = errors.New("not here")                       // these bytes have to be fetched, maybe again
	ErrFull    = errors.New("no room and nothing to recycle") // everything else is kept, held or being filled
)

// Options are the limits of a Store.
type Options struct {
	Quota   int64        // bytes, as du counts them, that the store may use; 0 is DefaultQuota
	Reserve int64        // bytes of the disk that the store leaves free; 0 leaves none
	Log     *slog.Logger // nil is silence
}

const (
	fillStale = 2 * time.Minute  // a filling chunk nobody wrote for so long goes before any verified one
	fillGrace = 2 * time.Second  // one written more recently is in use and never goes
	diskFresh = 2 * time.Second  // how long an answer of the disk about its free space is believed
	diskTrust = 30 * time.Second // and after evicting for it: some file systems free what was deleted only later
	openLimit = 128              // chunk files that stay open
)

// A Store is a folder of objects under one quota. Its methods are safe for concurrent use.
type Store struct {
	dir     string // <dir>/objects
	log     *slog.Logger
	start   time.Time
	unit    int64                                // bytes the disk gives out at once
	avail   func() (free, unit int64, err error) // asks the disk
	files   openFiles
	buffers sync.Pool // *[]byte of 128 KiB

	room sync.Mutex

	mu         sync.Mutex
	closed     bool
	quota      int64
	reserve    int64
	base       int64 // bytes that no root accounts for: folders, and files that are not ours
	used       int64 // bytes booked, with base; see cost
	keptBytes  int64 // of them in kept roots
	bareBytes  int64 // of them in roots without chunks that nobody has open
	roots      map[key]*root
	filling    list // by last write
	kept       list // verified chunks of kept roots; this list and the next two by last read
	disposable list
	ordinary   list
	diskFree   int64         // what the disk would have left once all filling chunks are full
	diskNext   time.Duration // since start: when to ask the disk again
	notices    []notice
	hasNotices atomic.Bool

	keeper keeper
}

type key struct{ space, id string }

func (k key) String() string { return k.space + "/" + k.id }

// A notice tells a handle that a verified chunk has gone.
type notice struct {
	tell func(i int)
	i    int
}

// Open opens the store in dir, which is created when it does not exist. Nobody else may use dir: the caller holds a lock on
// it. Files of a crashed process are cleaned up, damaged ones are dropped and logged; files that the store does not know are
// left alone, and counted. Open blocks while it lists the folder.
func Open(dir string, o Options) (*Store, error) {
	return open(dir, o, nil)
}

func open(dir string, o Options, avail func() (free, unit int64, err error)) (*Store, error) {
	if o.Quota < 0 || o.Reserve < 0 {
		return nil, fmt.Errorf("store: quota %d and reserve %d must not be negative", o.Quota, o.Reserve)
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if avail == nil {
		avail = func() (int64, int64, error) { return diskSpace(dir) }
	}
	if o.Quota == 0 {
		var err error
		if o.Quota, err = DefaultQuota(dir); err != nil {
			return nil, err
		}
	}
	s := &Store{
		dir: filepath.Join(dir, "objects"), log: o.Log, start: time.Now(), avail: avail,
		quota: o.Quota, reserve: o.Reserve, roots: make(map[key]*root),
	}
	s.files.max = openLimit
	s.buffers.New = func() any { b := make([]byte, 128<<10); return &b }
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	_, unit, err := avail()
	if err != nil {
		return nil, fmt.Errorf("store: free space of %s: %w", dir, err)
	}
	s.unit = max(unit, 4<<10)
	if err := s.load(); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.keeper.cancel, s.keeper.done, s.keeper.poke = cancel, make(chan struct{}), make(chan struct{}, 1)
	if err := s.trim(); err != nil {
		s.log.Warn("the store cannot keep its limits yet", "quota", o.Quota, "reserve", o.Reserve, "err", err)
	}
	if len(s.roots) > 0 {
		s.keeper.wake(&s.keeper.lookDue, surveyAfter)
	}
	go s.keep(ctx)
	return s, nil
}

// Close writes what is pending and closes all files. Objects should be closed before; what is still in use fails with
// fs.ErrClosed from now on. A second Close does nothing.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.mu.Unlock()
	s.keeper.stop()
	err := s.saveRoots(context.Background())
	s.files.closeAll()
	return err
}

// Usage is what a Store takes, in bytes.
type Usage struct {
	Used    int64 // as du counts: whole blocks, side files and folders too
	Held    int64 // of Used: chunks in the windows of readers
	Kept    int64 // of Used: kept roots
	Quota   int64
	Reserve int64
	Free    int64 // of the disk, to this user; -1 when the disk does not say
}

// Usage reports what the store takes. It asks the disk, and so may block as a small read does.
func (s *Store) Usage() Usage {
	free, _, err := s.avail()
	if err != nil {
		free = -1
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	u := Usage{Used: s.used, Kept: s.keptBytes, Quota: s.quota, Reserve: s.reserve, Free: free}
	for _, r := range s.roots {
		u.Held += s.heldBytes(r)
	}
	return u
}

// Quota is how many bytes the store may use. It costs nothing, unlike [Store.Usage].
func (s *Store) Quota() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.quota
}

// SetLimits changes the quota and the reserve, in bytes, and evicts at once what no longer fits. The limits hold in any case;
// the error is ErrFull when readers hold, or the user keeps, more than the new quota: it goes as soon as they let go.
func (s *Store) SetLimits(quota, reserve int64) error {
	if quota <= 0 || reserve < 0 {
		return fmt.Errorf("store: quota %d must be positive and reserve %d not negative", quota, reserve)
	}
	defer s.tell()
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return fmt.Errorf("store: %w", fs.ErrClosed)
	}
	s.quota, s.reserve, s.diskNext = quota, reserve, 0
	s.mu.Unlock()
	if err := s.trim(); err != nil {
		return fmt.Errorf("store: at most %d bytes, and %d left free: %w", quota, reserve, err)
	}
	return nil
}

// DefaultQuota is the quota for a store in dir when nobody says otherwise: the smaller of 10 GiB and a tenth of the space
// that is free, but never under 512 MiB.
func DefaultQuota(dir string) (int64, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return 0, fmt.Errorf("store: %w", err)
	}
	free, _, err := diskSpace(dir)
	for errors.Is(err, fs.ErrNotExist) && dir != filepath.Dir(dir) {
		dir = filepath.Dir(dir)
		free, _, err = diskSpace(dir)
	}
	if err != nil {
		return 0, fmt.Errorf("store: free space of %s: %w", dir, err)
	}
	return quotaFor(free), nil
}

func quotaFor(free int64) int64 { return max(512<<20, min(10<<30, free/10)) }

// now is the age of the store: a clock that nobody sets back.
func (s *Store) now() time.Duration { return time.Since(s.start) }

// tell passes on the notices that gathered. Public methods that may drop chunks do it last, when they hold no lock.
func (s *Store) tell() {
	if !s.hasNotices.Load() {
		return
	}
	s.mu.Lock()
	notices := s.notices
	s.notices = nil
	s.hasNotices.Store(false)
	s.mu.Unlock()
	for _, n := range notices {
		n.tell(n.i)
	}
}

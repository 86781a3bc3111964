package stream

import "errors"

// What can go wrong, for callers to tell apart with errors.Is. A path that leads nowhere is fs.ErrNotExist, and a swarm that
// does not answer is the context's error.
var (
	ErrBadRoot     = errors.New("stream: malformed root")           // no such identifier can exist
	ErrNoName      = errors.New("stream: a name of nothing")        // a root that is a name, of which nobody says what it stands for
	ErrBadPath     = errors.New("stream: malformed path")           // a URL outside the grammar
	ErrBadMetainfo = errors.New("stream: malformed metainfo")       // an upload that is no .torrent
	ErrClosed      = errors.New("stream: backend is closed")        // the program stops
	ErrBusy        = errors.New("stream: too many roots are open")  // at once; one has to be closed first
	ErrNoSpace     = errors.New("stream: no disk space left")       // the disk is full and nothing can be recycled
	ErrCorrupt     = errors.New("stream: content failed its check") // bytes already passed on were wrong
)

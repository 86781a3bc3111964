// Package stream holds the contracts between the web front and the peer-to-peer protocols, and the grammar of our URLs.
//
// A protocol is a [Backend]. It opens a [Root] (an infohash, a CID) as a [Tree] of [File]s, and a File is an immutable run of
// bytes that arrives when it is read. The package knows no protocol, no HTTP handler and no disk, and imports the standard
// library only; package streamtest has the conformance suite that every Backend passes, and a Backend in memory.
package stream

import (
	"context"
	"io"
	"iter"
	"net/url"
	"time"
)

// A Root names a tree of files the way a URL carries it.
type Root struct {
	// ID is the decoded root element: an infohash, a magnet URI, a CID.
	ID string
	// Hints are the query parameters that help to find peers (tr, ws, x.pe, dn). They come from web pages: a Backend treats
	// them as hostile. Nil is fine.
	Hints url.Values
}

// A Backend serves one version of one protocol. Its methods are safe for concurrent use.
type Backend interface {
	// Open finds the tree called root and returns once its list of files is known, or with ctx's error: a swarm never says
	// no. A malformed root is an [ErrBadRoot]. While the Tree is open the backend stays connected to it.
	Open(ctx context.Context, root Root) (Tree, error)
	// Close stops the network side and returns when no goroutine of the backend is left. Reads of open Trees fail with
	// [ErrClosed], and so does Open from then on. A second Close does nothing.
	Close() error
}

// A Tree is the immutable list of files behind one root. Its methods are safe for concurrent use.
type Tree interface {
	// ID is the one canonical spelling of the root: roots that name the same content have the same ID. It can stand in a URL
	// path as it is.
	ID() string
	// Name is what the publisher called the tree, for people to read. It may be empty and is not a path.
	Name() string
	// Lookup returns the file that path names or passes through. Behind a file, as in "a.zip/1.jpg", rest is what is left
	// ("1.jpg"), which need not be UTF-8. A file of exactly that path wins over a way into an archive. The empty path is the
	// biggest file. Nothing there, or no path by [CanLookUp]: [io/fs.ErrNotExist].
	Lookup(ctx context.Context, path string) (f File, rest string, err error)
	// Files yields every file in the protocol's own order. An error ends the sequence.
	Files(ctx context.Context) iter.Seq2[File, error]
	// Close ends the use of the tree. The caller has closed its readers before. A second Close does nothing.
	Close() error
}

// A BareTree is a Tree that can be a single file that its network has no name for, such as that of a CID on IPFS.
type BareTree interface {
	Tree
	// Bare reports whether it is. Then the Path of the file is the ID, Name is what the hints of the root call it, if they do, and
	// every Lookup finds it and leaves all of the path that is not the ID: whoever asks for the file may call it what he likes.
	Bare() bool
}

// A File is a run of bytes of known length that never changes. Its methods are safe for concurrent use.
type File interface {
	Path() string       // slash-separated, valid for fs.ValidPath, unique in its Tree
	Size() int64        // bytes
	ModTime() time.Time // zero when the protocol does not say
	// Open returns a reader at offset 0, possibly before any byte has arrived. Read blocks for data and fails once ctx is
	// done, with ctx's error. Seek never blocks and never fetches. A reader serves one goroutine. Everything Read returns has
	// been verified.
	Open(ctx context.Context) (io.ReadSeekCloser, error)
}

// An EarlyFile can pass on bytes before they are verified, so that a player need not wait for a whole piece.
type EarlyFile interface {
	File
	// OpenEarly is like Open, but Read returns bytes as they arrive. Once bytes it has returned turn out to be wrong, the next
	// Read fails with [ErrCorrupt]. Verified bytes are preferred wherever there are any.
	OpenEarly(ctx context.Context) (io.ReadSeekCloser, error)
	// Verified reports whether the n bytes from off are here and verified now, so that reading them waits for no one.
	Verified(off, n int64) bool
}

// An Expecter is a reader that fetches better when it knows what it is for.
type Expecter interface {
	// Expect says, before the first Read, that the caller means to read the n bytes from off and nothing else: nothing
	// outside needs to be fetched ahead of time. Reading elsewhere stays possible.
	Expect(off, n int64)
}

// A MetaBackend can hand out and take in the description of a tree as a file of its own: BitTorrent's .torrent.
type MetaBackend interface {
	Backend
	// Metainfo returns the description of root, blocking as Open does.
	Metainfo(ctx context.Context, root Root) (data []byte, err error)
	// AddMetainfo keeps a description, so that Open of the root needs nobody's help to list the files, and returns the
	// canonical ID of the root. Data that is no valid description is [ErrBadMetainfo].
	AddMetainfo(ctx context.Context, data []byte) (id string, err error)
}

// A Searcher can tell how the search for a tree goes while Open waits for it.
type Searcher interface {
	// Search reports on a root that is being opened or open. ok is false for any other.
	Search(root Root) (s Search, ok bool)
}

// A Canonicalizer is a Backend that can tell the canonical ID of most roots by their looks.
type Canonicalizer interface {
	// Canonical returns what Tree.ID would be, as far as the root itself tells; the network may know better. It asks nobody and
	// takes no time. ok is false for what is no root, and for one that says nothing of its ID. Of a name, see [Namer], it is the one
	// spelling of the name.
	Canonical(root Root) (id string, ok bool)
}

// A Namer is a Backend some of whose roots are names for content.
type Namer interface {
	// Names reports whether a root is a name: what it stands for can be something else the next time, and nobody should remember
	// it for long. It asks nobody.
	Names(root Root) bool
	// Content is the protocol, with its version, that everything belongs to that is found by a name, and a root that is none:
	// "ipfs/v0".
	Content() string
}

// Search is the state of the search for a tree.
type Search struct {
	Peers int  // connected now
	Known int  // addresses known, connected or not
	Found bool // the list of files is known
}

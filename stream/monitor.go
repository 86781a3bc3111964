package stream

import "context"

// A Monitor is a Backend that can tell what it does now, for people to look at.
type Monitor interface {
	// Activities reports on every root that the backend is connected for, in no order: those that are read, those that are
	// searched for, and those that were used a moment ago. It waits for nobody, and nothing is kept or computed for it while
	// nobody asks. The slices are the caller's.
	Activities() []Activity
}

// MaxHave is the most parts that [Activity.Have] has.
const MaxHave = 256

// Activity is what happens with one root. All of it may be old by the time it is looked at.
type Activity struct {
	Root string // canonical, as Tree.ID; while the list of files is not known, the identifier it is searched by
	Name string // for people; it may be empty, and comes from strangers
	Search

	Readers int       // of its files
	Reading []float64 // where in the whole they are: 0 is the start, 1 the end

	Size             int64 // bytes of the whole; 0 while that is not known
	Received, Served int64 // bytes of content since the root was joined
	// Have tells how much of the whole is here and verified: it is cut into parts, at most MaxHave, as equal as the protocol's
	// pieces allow, each from 0 (nothing of it) to 255 (all of it). Nil while the list of files is not known.
	Have []uint8
}

// A Recognizer is a Backend that can tell by its looks whether a text that somebody has pasted names one of its roots.
type Recognizer interface {
	// Recognize returns the root that a text names, an identifier or a link in the form that the network itself uses, and the path
	// in it, "" when the link is to the whole. It asks nobody. The hints are those of the text, and those that are known of the
	// root and anybody may know.
	Recognize(text string) (root Root, path string, ok bool)
}

// A Gatherer is a Backend whose roots can have content in common, which is in the store once.
type Gatherer interface {
	// Gather is told that a root is kept from now on. What is here of it is put with it, if it came for another root, or it would
	// go with that one. It does not wait for that.
	Gather(id string)
}

// A Leaver is a Backend that can part from a root before it would by itself.
type Leaver interface {
	// Leave disconnects from a root that nobody has open, and returns when nothing of it is held or written any more, or with
	// ctx's error. For a root that is open, and for one that the backend is not connected for, it does nothing.
	Leave(ctx context.Context, id string) error
}

// A Pauser is a Backend that can keep away from its network for a while.
type Pauser interface {
	// Pause begins or ends that. While it lasts, the backend parts from every root as soon as nobody has it open; there is nobody who
	// opens one. Pause waits for nothing.
	Pause(on bool)
}

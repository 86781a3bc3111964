package archive

import "context"

// A Place is where an archive lies.
type Place struct {
	// Root names the tree of the file for the cache, such as "bittorrent/v0/<infohash>": what is at Root and File.Path never changes.
	Root string
	File Source
	// Sibling returns another file of the tree, for archives of several volumes: fs.ErrNotExist when there is none. It waits
	// for no network. Nil: there are no others.
	Sibling func(ctx context.Context, path string) (Source, error)
}

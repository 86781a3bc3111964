package ipfs

import (
	"context"
	"fmt"
	"io/fs"
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"
	"github.com/spaolacci/murmur3"

	"github.com/zeronetscript/universal_p2p/stream"
)

// murmur3x64 is the multicodec of the hash that places names in a HAMT: the first 64 bits of MurmurHash3 for x64.
const murmur3x64 = 0x22

const (
	maxShardDepth = 16       // a HAMT uses up the 64 bits of its hash before
	maxShards     = 10_000   // blocks of one folder
	maxEntries    = 200_000  // of one folder
	maxHeld       = 48 << 20 // bytes of memory for the links of one folder
)

// A tally counts links that are held at the same time, and what they take.
type tally struct {
	links int
	bytes int
}

// add reports whether there was room for one more.
func (t *tally) add(l link) bool {
	t.links++
	t.bytes += l.weight()
	return t.fits()
}

func (t *tally) fits() bool { return t.links <= maxEntries && t.bytes <= maxHeld }

// isName reports whether a link's name can be an element of a path. Others are hidden: they cannot be asked for.
func isName(s string) bool {
	return stream.ValidPath(s) && !strings.Contains(s, "/")
}

// entry returns the link called name in a folder. Nothing there is fs.ErrNotExist.
func (d *dag) entry(ctx context.Context, dir *fsNode, name string) (link, error) {
	if dir.kind == typeDirectory {
		for _, l := range dir.links {
			if l.name == name && isName(name) {
				return l, nil
			}
		}
		return link{}, fs.ErrNotExist
	}
	if !isName(name) {
		return link{}, fs.ErrNotExist
	}
	hash := murmur3.Sum64([]byte(name))
	for depth := 0; depth < maxShardDepth; depth++ {
		width := bits.Len64(dir.fanout - 1)
		if depth*width+width > 64 {
			break
		}
		// The bits are taken from the front of the hash, as it stands in memory.
		slot := hash << (depth * width) >> (64 - width)
		prefix := fmt.Sprintf("%0*X", len(strconv.FormatUint(dir.fanout-1, 16)), slot)
		l, ok := shardLink(dir, prefix)
		if !ok || l.name != prefix && l.name[len(prefix):] != name {
			return link{}, fs.ErrNotExist
		}
		if l.name != prefix {
			l.name = name
			return l, nil
		}
		next, err := d.load(ctx, l.cid)
		if err != nil {
			return link{}, err
		}
		if next.kind != typeShard || next.fanout != dir.fanout {
			return link{}, malformed("a part of a folder is none")
		}
		dir = next
	}
	return link{}, malformed("a folder that is too deep")
}

// shardLink returns the one link of a shard that has a prefix.
func shardLink(dir *fsNode, prefix string) (link, bool) {
	for _, l := range dir.links {
		if strings.HasPrefix(l.name, prefix) {
			return l, true
		}
	}
	return link{}, false
}

// entries calls each for all links of a folder, until it returns false. Names that come again are left out, as are those that
// cannot be asked for.
func (d *dag) entries(ctx context.Context, dir *fsNode, each func(link) bool) error {
	seen := make(map[string]bool)
	left := maxShards
	var all tally
	_, err := d.entriesIn(ctx, dir, 0, &left, func(l link) bool {
		if !isName(l.name) || seen[l.name] {
			return true
		}
		seen[l.name] = true
		return all.add(l) && each(l)
	})
	if err == nil && !all.fits() {
		err = malformed("a folder with more than %d entries, or with names of more than %d bytes", maxEntries, maxHeld)
	}
	return err
}

func (d *dag) entriesIn(ctx context.Context, dir *fsNode, depth int, left *int, each func(link) bool) (more bool, err error) {
	if dir.kind == typeDirectory {
		for _, l := range dir.links {
			if !each(l) {
				return false, nil
			}
		}
		return true, nil
	}
	if depth >= maxShardDepth {
		return false, malformed("a folder that is too deep")
	}
	digits := len(strconv.FormatUint(dir.fanout-1, 16))
	for i, l := range dir.links {
		switch {
		case len(l.name) < digits:
			return false, malformed("a link of a shard without its place")
		case len(l.name) > digits:
			l.name = l.name[digits:]
			if !each(l) {
				return false, nil
			}
			continue
		}
		if *left--; *left < 0 {
			return false, malformed("a folder in more than %d parts", maxShards)
		}
		if i%shardsAhead == 0 {
			d.loadAhead(ctx, shardsOf(dir.links[i:min(i+shardsAhead, len(dir.links))], digits))
		}
		sub, err := d.load(ctx, l.cid)
		if err != nil {
			return false, err
		}
		if sub.kind != typeShard || sub.fanout != dir.fanout {
			return false, malformed("a part of a folder is none")
		}
		if more, err := d.entriesIn(ctx, sub, depth+1, left, each); !more || err != nil {
			return false, err
		}
	}
	return true, nil
}

// shardsAhead is how many parts of a folder are asked for together.
const shardsAhead = 16

func shardsOf(links []link, digits int) (cids []cid.Cid) {
	for _, l := range links {
		if len(l.name) == digits {
			cids = append(cids, l.cid)
		}
	}
	return cids
}

// loadAhead asks for blocks that are about to be loaded, all at once, and returns when they are here, or some could not be had. It
// reads none that is here already.
func (d *dag) loadAhead(ctx context.Context, cids []cid.Cid) {
	missing := d.missing(cids)
	if len(missing) < 2 {
		return // one alone comes as fast when it is loaded
	}
	done := make(chan struct{}, len(missing))
	for _, c := range missing {
		go func() {
			d.block(ctx, c)
			done <- struct{}{}
		}()
	}
	for range missing {
		<-done
	}
}

// missing returns which of the blocks have to be fetched, each once.
func (d *dag) missing(cids []cid.Cid) (missing []cid.Cid) {
	for _, c := range cids {
		if c.Prefix().MhType != multihash.IDENTITY && !slices.Contains(missing, c) && !d.b.shelves.has(c.Hash()) {
			missing = append(missing, c)
		}
	}
	return missing
}

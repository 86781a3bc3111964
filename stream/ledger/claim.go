package ledger

import (
	"cmp"
	"errors"
	"slices"
)

// A site claims every root that it asked for, until it is forgotten or folded, or the site says that it needs it no more. Claims
// are what its control token is good for, and what counts for its share of the disk. Taking back a claim leaves the trace of what
// was used, which belongs to the user.

// ErrNoClaim is the answer about any root that is not the site's own, whether others use it or nobody does: a site learns nothing
// about others.
var ErrNoClaim = errors.New("ledger: this site has not asked for it")

// Claim returns what a site, with those below it, used of a root that it claims, or else [ErrNoClaim].
func (l *Ledger) Claim(site Site, root Root) (RootUse, error) {
	if site.Kind() == None {
		return RootUse{}, ErrNoClaim
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	var nodes []*node
	l.eachUse(site, root, func(n *node) { nodes = append(nodes, n) })
	if uses := rootUses(nodes); len(uses) > 0 && uses[0].Claimed {
		return uses[0], nil
	}
	return RootUse{}, ErrNoClaim
}

// Disown takes back the claim of a site, and of those below it, to a root, and reports whether nobody claims it now: then its data
// may go. Asking for the root again claims it again. Without a claim it is [ErrNoClaim]. Disown waits for no disk.
func (l *Ledger) Disown(site Site, root Root) (last bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.alive(); err != nil {
		return false, err
	}
	if site.Kind() == None {
		return false, ErrNoClaim
	}
	err = ErrNoClaim
	l.eachUse(site, root, func(n *node) {
		if l.claim(n, false) {
			err = nil
		}
	})
	return err == nil && l.tree.claims[root] == 0, err
}

// Claims returns how many sites claim a root, each label by itself.
func (l *Ledger) Claims(root Root) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.tree.claims[root]
}

// A share is what a site has of a root that is on the disk.
type share struct {
	root  Root
	bytes int64 // what of it counts for the site: whoever claims a root counts an equal part of it
	alone bool  // nobody else claims it
	used  uint64
}

// shares are what a site, with those below it, claims of what is on the disk, unused for longest first.
func (l *Ledger) shares(site Site, disk map[Root]int64) (shares []share) {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := make(map[Root]int)
	var own []int
	l.eachRoot(site, func(n *node) {
		root := n.root()
		bytes := disk[root]
		if n.dropped || bytes <= 0 {
			return
		}
		i, ok := at[root]
		if !ok {
			i = len(shares)
			at[root] = i
			shares, own = append(shares, share{root: root}), append(own, 0)
		}
		own[i]++
		claims := l.tree.claims[root]
		shares[i].bytes = bytes / int64(claims) * int64(own[i])
		shares[i].alone = claims == own[i]
		shares[i].used = max(shares[i].used, n.seq)
	})
	slices.SortFunc(shares, func(a, b share) int { return cmp.Compare(a.used, b.used) })
	return shares
}

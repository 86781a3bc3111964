package ledger

import (
	"cmp"
	"iter"
	"slices"
	"time"
)

// Use is what was counted.
type Use struct {
	First, Last time.Time // access; zero if there was none
	Requests    int64
	Bytes       int64 // sent
}

func (s sum) use() Use {
	u := Use{Requests: s.requests, Bytes: s.bytes}
	if s.last > 0 {
		u.First, u.Last = time.Unix(s.first, 0), time.Unix(s.last, 0)
	}
	return u
}

// SiteUse is what a site used. A site without a label includes those below it.
type SiteUse struct {
	Site Site
	Use
	Roots    int   // that are listed; one that is listed below two labels counts twice
	Labels   int   // sites below this one
	Unlisted int64 // items that are counted and not listed any more
	Rule     Rule  // in force
}

// RootUse is what was used of a root.
type RootUse struct {
	Root Root
	Use
	Items    int   // that are listed
	Unlisted int64 // items that are counted and not listed any more
	Claimed  bool  // false once all that used it have taken back their claim, see [Ledger.Disown]
}

// ItemUse is how an item was used.
type ItemUse struct {
	Path string // "" for the root as such
	Use
}

// Total is everything that is still counted, also what is not listed any more.
func (l *Ledger) Total() Use {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.tree.top.total().use()
}

// Sites yields all sites without a label that used something or that there is a rule for, last access first, as they are now.
func (l *Ledger) Sites() iter.Seq[SiteUse] {
	l.mu.Lock()
	defer l.mu.Unlock()
	uses := make([]SiteUse, 0, len(l.decisions.sites))
	for n := l.tree.top.children.first; n != nil; n = n.links[byParent].next {
		uses = append(uses, l.siteUse(n))
	}
	for site, d := range l.decisions.sites {
		if site.Label() == "" && l.tree.find(entry{site: site}, false) == nil {
			uses = append(uses, SiteUse{Site: site, Rule: d.rule})
		}
	}
	return byLast(uses, func(u SiteUse) (time.Time, string) { return u.Last, u.Site.name })
}

// SubSites yields the sites below one without a label, as [Ledger.Sites] does.
func (l *Ledger) SubSites(origin Site) iter.Seq[SiteUse] {
	l.mu.Lock()
	defer l.mu.Unlock()
	var uses []SiteUse
	for _, n := range l.labels(origin) {
		uses = append(uses, l.siteUse(n))
	}
	for site, d := range l.decisions.sites {
		if site.Label() != "" && site.Origin() == origin && l.tree.find(entry{site: site}, false) == nil {
			uses = append(uses, SiteUse{Site: site, Rule: d.rule})
		}
	}
	return byLast(uses, func(u SiteUse) (time.Time, string) { return u.Last, u.Site.name })
}

// Site returns what one site used, and its rule.
func (l *Ledger) Site(site Site) SiteUse {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := l.tree.find(entry{site: site}, false); n != nil && n != l.tree.top {
		return l.siteUse(n)
	}
	return SiteUse{Site: site, Rule: l.decisions.rule(site)}
}

// siteUse sums up the node of a site; mu is held.
func (l *Ledger) siteUse(n *node) SiteUse {
	s := n.total()
	u := SiteUse{Site: n.site, Use: s.use(), Unlisted: s.folded, Rule: l.decisions.rule(n.site)}
	for c := n.children.first; c != nil; c = c.links[byParent].next {
		if c.level == labelLevel {
			u.Labels++
			u.Roots += len(c.below(rootLevel))
		} else {
			u.Roots++
		}
	}
	return u
}

// Roots yields what a site used, last access first, as it is now. For the zero Site that is all of all sites. A root that several of
// the sites used is there once.
func (l *Ledger) Roots(site Site) iter.Seq[RootUse] {
	l.mu.Lock()
	defer l.mu.Unlock()
	var nodes []*node
	l.eachRoot(site, func(n *node) { nodes = append(nodes, n) })
	return byLast(rootUses(nodes), func(u RootUse) (time.Time, string) { return u.Last, u.Root.Protocol + "/" + u.Root.ID })
}

// rootUses sums up nodes of roots, each root once; mu is held.
func rootUses(nodes []*node) (uses []RootUse) {
	at := make(map[Root]int)
	var sums []sum
	for _, n := range nodes {
		i, ok := at[n.root()]
		if !ok {
			i = len(uses)
			at[n.root()] = i
			uses, sums = append(uses, RootUse{Root: n.root()}), append(sums, sum{})
		}
		sums[i].add(n.total())
		uses[i].Claimed = uses[i].Claimed || !n.dropped
		for c := n.children.first; c != nil; c = c.links[byParent].next {
			uses[i].Items++
		}
	}
	for i, s := range sums {
		uses[i].Use, uses[i].Unlisted = s.use(), s.folded
	}
	return uses
}

// Items yields what a site used of a root, last access first, as it is now. For the zero Site that is what all sites used. An
// item that several of the sites used is there once.
func (l *Ledger) Items(site Site, root Root) iter.Seq[ItemUse] {
	l.mu.Lock()
	defer l.mu.Unlock()
	sums := make(map[string]sum)
	l.eachUse(site, root, func(n *node) {
		for c := n.children.first; c != nil; c = c.links[byParent].next {
			s := sums[c.name]
			s.add(c.sum)
			sums[c.name] = s
		}
	})
	uses := make([]ItemUse, 0, len(sums))
	for path, s := range sums {
		uses = append(uses, ItemUse{path, s.use()})
	}
	return byLast(uses, func(u ItemUse) (time.Time, string) { return u.Last, u.Path })
}

// Users yields the sites that used a root and what of it, each site by itself and with its label, last access first.
func (l *Ledger) Users(root Root) iter.Seq[SiteUse] {
	l.mu.Lock()
	defer l.mu.Unlock()
	var uses []SiteUse
	l.eachUse(Site{}, root, func(n *node) {
		s := n.total()
		uses = append(uses, SiteUse{Site: n.site, Use: s.use(), Roots: 1, Unlisted: s.folded, Rule: l.decisions.rule(n.site)})
	})
	return byLast(uses, func(u SiteUse) (time.Time, string) { return u.Last, u.Site.name })
}

// eachSite calls f with the node of a site and of those below it, or with all; mu is held.
func (l *Ledger) eachSite(site Site, f func(n *node)) {
	tops := l.sites()
	if site.Kind() != None {
		n := l.tree.find(entry{site: site}, false)
		if n == nil {
			return
		}
		tops = []*node{n}
	}
	for _, n := range tops {
		f(n)
		for _, below := range n.below(labelLevel) {
			f(below)
		}
	}
}

// eachRoot calls f with the nodes of all roots of a site; mu is held.
func (l *Ledger) eachRoot(site Site, f func(n *node)) {
	l.eachSite(site, func(n *node) {
		for c := n.children.first; c != nil; c = c.links[byParent].next {
			if c.level == rootLevel {
				f(c)
			}
		}
	})
}

// eachUse calls f with the nodes of one root in a site and those below it; mu is held.
func (l *Ledger) eachUse(site Site, root Root, f func(n *node)) {
	l.eachSite(site, func(s *node) {
		if n := l.tree.nodes[nodeKey{s, rootLevel, root.Protocol, root.ID}]; n != nil {
			f(n)
		}
	})
}

// byLast sorts by last access, latest first, and then by name.
func byLast[T any](uses []T, key func(T) (time.Time, string)) iter.Seq[T] {
	slices.SortFunc(uses, func(a, b T) int {
		at, an := key(a)
		bt, bn := key(b)
		return cmp.Or(bt.Compare(at), cmp.Compare(an, bn))
	})
	return slices.Values(uses)
}

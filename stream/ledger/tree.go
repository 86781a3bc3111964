package ledger

import (
	"cmp"
	"math"
	"slices"
	"strings"
)

// The tree is the history in memory: sites, their labels, the roots they used and the items in those. It is bounded in entries
// and in the bytes they take in the file; beyond that the least recently used entry is folded into the one above it, whose sums
// then speak for it.
type tree struct {
	top     *node // has no name
	nodes   map[nodeKey]*node
	all     chain        // every node but the top, last used first
	cost    int          // bytes in the file, at most
	most    int          // nodes
	mostFor int          // bytes
	claims  map[Root]int // how many sites claim a root
	seq     uint64
	onFold  func(n *node) // before n goes
}

type level uint8

const (
	topLevel level = iota
	siteLevel
	labelLevel
	rootLevel
	itemLevel
)

// nodeKey finds a node below its parent. Only roots have two names.
type nodeKey struct {
	parent *node
	level  level
	name   string // origin, label, protocol of a root, path of an item
	id     string // of a root
}

// A node is an entry. Its key never changes; the rest belongs to whoever holds the lock of the tree.
type node struct {
	nodeKey
	site     Site // as a whole
	children chain
	links    [2]link
	sum      sum // of an item: all of it; of others: of what was folded into them
	group    group
	cost     int32
	onDisk   bool   // the file may have a record of it, or of something below it
	dropped  bool   // of a root: the site has taken back its claim
	seq      uint64 // of its last use
}

// group bounds what one origin may take, so that the flood of one does not wash away the trace of the others.
type group struct{ nodes, cost int }

// sum is what is counted. Times are seconds of Unix time.
type sum struct {
	first, last     int64
	requests, bytes int64
	folded          int64 // items that are in here without a name
}

func (s *sum) add(o sum) {
	if s.first == 0 || o.first != 0 && o.first < s.first {
		s.first = o.first
	}
	s.last = max(s.last, o.last)
	s.requests = addUp(s.requests, o.requests)
	s.bytes = addUp(s.bytes, o.bytes)
	s.folded = addUp(s.folded, o.folded)
}

// addUp adds what is not negative, and stays at the end of the scale.
func addUp(a, b int64) int64 {
	if b > math.MaxInt64-a {
		return math.MaxInt64
	}
	return a + b
}

// chain is a doubly linked list through one of the links of its nodes, last used first.
type chain struct {
	first, last *node
	by          int
}

type link struct{ prev, next *node }

const (
	byUse    = 0 // tree.all
	byParent = 1 // node.children
)

func (l *chain) push(n *node) {
	n.links[l.by] = link{next: l.first}
	if l.first != nil {
		l.first.links[l.by].prev = n
	} else {
		l.last = n
	}
	l.first = n
}

func (l *chain) remove(n *node) {
	at := n.links[l.by]
	if at.prev != nil {
		at.prev.links[l.by].next = at.next
	} else {
		l.first = at.next
	}
	if at.next != nil {
		at.next.links[l.by].prev = at.prev
	} else {
		l.last = at.prev
	}
	n.links[l.by] = link{}
}

func (l *chain) toFront(n *node) {
	if l.first != n {
		l.remove(n)
		l.push(n)
	}
}

func newTree(most, mostFor int, onFold func(*node)) *tree {
	t := &tree{nodes: make(map[nodeKey]*node), claims: make(map[Root]int), most: most, mostFor: mostFor, onFold: onFold}
	t.top = &node{children: chain{by: byParent}}
	return t
}

// entry says which node is meant: that of a site, of a root of it, or of an item in that.
type entry struct {
	site   Site
	root   Root // the zero Root for a site
	path   string
	isItem bool
}

// up is the entry above e, and the one without a site above all.
func (e entry) up() entry {
	switch {
	case e.isItem:
		return entry{site: e.site, root: e.root}
	case e.root != Root{}:
		return entry{site: e.site}
	case e.site.Label() != "":
		return entry{site: e.site.Origin()}
	}
	return entry{}
}

// The longest names that get an entry of their own, in bytes.
const (
	maxProtocol = 64
	maxRoot     = 256
	maxPath     = 1024
)

// fits reports whether all names of e are short enough for an entry of its own.
func (e entry) fits() bool {
	return len(e.root.Protocol) <= maxProtocol && len(e.root.ID) <= maxRoot && len(e.path) <= maxPath
}

// item is an item of a root, for the site of e.
func (e entry) item(root Root, path string) entry { return entry{e.site, root, path, true} }

// listed is e, or what is above it when a name is too long to be listed.
func (e entry) listed() entry {
	if e.fits() {
		e = e.clean() // which may make a name longer
	}
	for !e.fits() {
		e = e.up()
	}
	return e
}

// clean is e with names that come back from the file as they went there.
func (e entry) clean() entry {
	e.root.Protocol, e.root.ID = cleanText(e.root.Protocol), cleanText(e.root.ID)
	e.path = cleanText(e.path)
	return e
}

func cleanText(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// find returns the node of e, nil if there is none. With create there is always one.
func (t *tree) find(e entry, create bool) *node {
	if e.site.Kind() == None {
		return t.top
	}
	origin, label := e.site.split()
	n := t.child(nodeKey{t.top, siteLevel, origin, ""}, e.site, create)
	if n != nil && label != "" {
		n = t.child(nodeKey{n, labelLevel, label, ""}, e.site, create)
	}
	if n != nil && e.root != (Root{}) {
		n = t.child(nodeKey{n, rootLevel, e.root.Protocol, e.root.ID}, e.site, create)
		if n != nil && e.isItem {
			n = t.child(nodeKey{n, itemLevel, e.path, ""}, e.site, create)
		}
	}
	return n
}

func (t *tree) child(key nodeKey, site Site, create bool) *node {
	n := t.nodes[key]
	if n != nil || !create {
		return n
	}
	// The names come out of requests: a copy, or a short name keeps a long URL alive.
	key.name, key.id = strings.Clone(key.name), strings.Clone(key.id)
	n = &node{nodeKey: key, children: chain{by: byParent}}
	switch key.level {
	case siteLevel:
		n.site = Site{key.name}
	case labelLevel:
		n.site = Site{strings.Clone(site.name)}
	default:
		n.site = key.parent.site
	}
	r := newRecord(opSet, n, sum{})
	n.cost = int32(r.mostBytes())
	t.nodes[key] = n
	t.all.push(n)
	key.parent.children.push(n)
	t.book(n, 1)
	if n.level == rootLevel {
		t.claims[n.root()]++
	}
	return n
}

// claim says whether the site of a root claims it. It reports whether that changed anything.
func (t *tree) claim(n *node, claimed bool) (changed bool) {
	if n.dropped == !claimed {
		return false
	}
	if n.dropped = !claimed; claimed {
		t.claims[n.root()]++
	} else {
		t.unclaim(n.root())
	}
	return true
}

func (t *tree) unclaim(root Root) {
	if t.claims[root]--; t.claims[root] == 0 {
		delete(t.claims, root)
	}
}

// book counts n in or, with -1, out.
func (t *tree) book(n *node, sign int) {
	t.cost += sign * int(n.cost)
	g := n.origin()
	g.group.nodes += sign
	g.group.cost += sign * int(n.cost)
}

// origin is the node just below the top that n belongs to.
func (n *node) origin() *node {
	for n.level > siteLevel {
		n = n.parent
	}
	return n
}

// rootNode is the node of the root that n is or is in, nil if there is none.
func (n *node) rootNode() *node {
	for n.level > rootLevel {
		n = n.parent
	}
	if n.level < rootLevel {
		return nil
	}
	return n
}

// root is the root that n is, or is in.
func (n *node) root() Root {
	n = n.rootNode()
	return Root{n.name, n.id}
}

// touch makes n, and all above it, the last used ones. Those above end up in front, so that the last of all never has children.
func (t *tree) touch(n *node) {
	t.seq++
	for ; n != t.top; n = n.parent {
		n.seq = t.seq
		t.all.toFront(n)
		n.parent.children.toFront(n)
	}
}

// fit folds what is too much: first of the origin of n, which may have half of everything, and then of all.
func (t *tree) fit(n *node) {
	if n != t.top {
		g := n.origin()
		for g.group.nodes > t.most/2 || g.group.cost > t.mostFor/2 {
			t.fold(g.oldest())
		}
	}
	for len(t.nodes) > t.most || t.cost > t.mostFor {
		t.fold(t.all.last)
	}
}

// fitAll folds what is too much of a tree that was filled without fit. A tree that comes back from its file is: to fold on the
// way would be to count twice what the file folds later.
func (t *tree) fitAll() {
	for _, n := range t.top.below(siteLevel) {
		t.fit(n)
	}
}

// oldest is the last used, of the last used, of the last used child, or n itself.
func (n *node) oldest() *node {
	for n.children.last != nil {
		n = n.children.last
	}
	return n
}

// fold puts an entry without children into the one above it, where its sums live on without its name.
func (t *tree) fold(n *node) {
	t.onFold(n)
	n.parent.sum.add(n.folding())
	t.unlink(n)
}

// folding is what n adds to the one above it when it is folded.
func (n *node) folding() sum {
	s := n.sum
	if n.level == itemLevel {
		s.folded = 1
	}
	return s
}

// remove takes n away with all below it, as if it had never been, and what is above it and has become empty.
func (t *tree) remove(n *node) {
	parent := n.parent
	t.cut(n)
	for n = parent; n != t.top && n.children.first == nil && n.sum == (sum{}); n = parent {
		parent = n.parent
		t.unlink(n)
	}
}

// cut takes n away with all below it.
func (t *tree) cut(n *node) {
	for n.children.first != nil {
		t.cut(n.children.first)
	}
	t.unlink(n)
}

func (t *tree) unlink(n *node) {
	t.all.remove(n)
	n.parent.children.remove(n)
	delete(t.nodes, n.nodeKey)
	t.book(n, -1)
	if n.level == rootLevel && !n.dropped {
		t.unclaim(n.root())
	}
}

// total is the sum of n and of all below it.
func (n *node) total() sum {
	s := n.sum
	for c := n.children.first; c != nil; c = c.links[byParent].next {
		s.add(c.total())
	}
	return s
}

// sort brings the nodes into the order of their times.
func (t *tree) sort() {
	nodes := make([]*node, 0, len(t.nodes))
	for n := t.all.last; n != nil; n = n.links[byUse].prev {
		nodes = append(nodes, n)
	}
	slices.SortStableFunc(nodes, func(a, b *node) int { return cmp.Compare(a.sum.last, b.sum.last) })
	for _, n := range nodes {
		t.touch(n)
	}
}

// expire takes away what was last used before a time, and reports whether there was anything.
func (t *tree) expire(before int64) (any bool) {
	for n := t.all.last; n != nil; n = t.all.last {
		if n.sum.last >= before {
			break
		}
		t.remove(n)
		any = true
	}
	fade := func(n *node) {
		if n.level != itemLevel && n.sum.last != 0 && n.sum.last < before {
			n.sum, any = sum{}, true
		}
	}
	fade(t.top)
	for n := t.all.first; n != nil; n = n.links[byUse].next {
		fade(n)
	}
	return any
}

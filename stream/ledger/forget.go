package ledger

// Forgetting takes entries out of memory and out of the file, which is written anew before the call returns. The marks of a
// site go with its history: they tell that it was here. Rules stay until they are taken back.

// Forget forgets that a site used an item; path as it was noted.
func (l *Ledger) Forget(site Site, root Root, path string) error {
	return l.forget(func() { l.drop(entry{site: site}.item(root, path)) })
}

// ForgetUse forgets that a site used a root, and all that it used of it.
func (l *Ledger) ForgetUse(site Site, root Root) error {
	return l.forget(func() {
		if root.ID != "" {
			l.dropRoot(site, root)
		}
	})
}

// ForgetRoot forgets a root, whoever used it.
func (l *Ledger) ForgetRoot(root Root) error {
	return l.forget(func() {
		for _, s := range l.sites() {
			if root.ID != "" {
				l.dropRoot(s.site, root)
			}
		}
	})
}

// ForgetSite forgets all that a site used, and its marks. A site without a label includes those below it.
func (l *Ledger) ForgetSite(site Site) error {
	return l.forget(func() {
		l.drop(entry{site: site})
		l.undecided = l.decisions.unmark(site) || l.undecided
	})
}

// ForgetAll forgets the whole history and all marks.
func (l *Ledger) ForgetAll() error {
	return l.forget(func() {
		seq := l.tree.seq
		l.tree = newTree(l.tree.most, l.tree.mostFor, l.folded)
		l.tree.seq = seq
		clear(l.decisions.marks)
		l.undecided = true
	})
}

// forget does a change while mu is held, and writes the files anew.
func (l *Ledger) forget(change func()) error {
	l.disk.Lock()
	defer l.disk.Unlock()
	l.mu.Lock()
	if err := l.alive(); err != nil {
		l.mu.Unlock()
		return err
	}
	change()
	l.mu.Unlock()
	err := l.rewrite()
	if err == nil {
		err = l.flushDecisions()
	}
	if err != nil {
		l.failed(err)
		l.wake()
	}
	return err
}

// dropRoot takes a root out of a site and of those below it; mu is held.
func (l *Ledger) dropRoot(site Site, root Root) {
	labels := l.labels(site)
	l.drop(entry{site: site, root: root})
	for _, n := range labels {
		l.drop(entry{site: n.site, root: root})
	}
}

// drop takes an entry out of the tree; mu is held.
func (l *Ledger) drop(e entry) {
	if e.site.Kind() == None {
		return
	}
	if n := l.tree.find(e.clean(), false); n != nil {
		l.tree.remove(n)
	}
}

// sites are the nodes of all sites without a label, last used first; mu is held.
func (l *Ledger) sites() []*node { return l.tree.top.below(siteLevel) }

// labels are the nodes of the sites below one without a label; mu is held.
func (l *Ledger) labels(site Site) []*node {
	if n := l.tree.find(entry{site: site}, false); n != nil && n.level == siteLevel {
		return n.below(labelLevel)
	}
	return nil
}

// below are the children of n at one level, last used first.
func (n *node) below(at level) (nodes []*node) {
	for c := n.children.first; c != nil; c = c.links[byParent].next {
		if c.level == at {
			nodes = append(nodes, c)
		}
	}
	return nodes
}

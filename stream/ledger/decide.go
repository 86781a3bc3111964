package ledger

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"os"
	"slices"
	"strings"
	"time"
)

// Rule is what the user decided about a site.
type Rule uint8

// The rules.
const (
	Default Rule = iota // nothing was decided
	Allow
	Block
)

// String is the word for r: "default", "allow" or "block".
func (r Rule) String() string {
	switch r {
	case Allow:
		return "allow"
	case Block:
		return "block"
	}
	return "default"
}

// MarshalText implements [encoding.TextMarshaler].
func (r Rule) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (r *Rule) UnmarshalText(text []byte) error {
	for _, known := range []Rule{Default, Allow, Block} {
		if string(text) == known.String() {
			*r = known
			return nil
		}
	}
	return fmt.Errorf("ledger: %.20q is no rule; say default, allow or block", text)
}

// ErrTooMany is the answer to a rule beyond those that are kept.
var ErrTooMany = fmt.Errorf("ledger: there are %d rules already; take back some that are not needed", maxRules)

const (
	maxRules = 10_000
)

// decisions is what was decided. Whoever uses it holds a lock.
type decisions struct {
	sites map[Site]decided
	hosts map[string]int   // how many blocked sites without a label have this domain
	roots map[Root]decided // the blocked ones
	marks map[mark]time.Time
	most  int // marks
}

type decided struct {
	rule Rule
	at   time.Time
}

// Decide makes a rule for a site and takes back the one before; Default leaves none. It waits for the disk. A rule for a site
// without a label holds for those below it as well. To block a site that has a domain is to block every scheme and port of it and
// all domains in it, but for those that have a rule of their own: or a page would come back as www. The error is [ErrSite], [ErrTooMany], or that of the disk; then the rule holds
// until the program ends, and writing it is tried again.
func (l *Ledger) Decide(site Site, rule Rule) error {
	if site.Kind() == None {
		return ErrSite
	}
	return l.decide(func(d *decisions) error {
		if rule == Default {
			d.set(site, decided{})
			return nil
		}
		defer d.answered(site)
		if _, ok := d.sites[site]; !ok && d.full() {
			return ErrTooMany
		}
		d.set(site, decided{rule, now()})
		return nil
	})
}

// answered takes away the marks of a site that waited for the rule that it has now.
func (d *decisions) answered(site Site) {
	maps.DeleteFunc(d.marks, func(m mark, _ time.Time) bool {
		return m.name == Asking && (m.site == site || m.site.Origin() == site)
	})
}

// BlockRoot blocks a root, whoever asks for it, or takes that back. It waits for the disk. Its errors are those of
// [Ledger.Decide].
func (l *Ledger) BlockRoot(root Root, block bool) error {
	if e := (entry{root: root}); root.ID == "" || !e.fits() || e.clean() != e {
		return fmt.Errorf("ledger: %.60q cannot be a root", root.Protocol+"/"+root.ID)
	}
	return l.decide(func(d *decisions) error {
		if !block {
			delete(d.roots, root)
			return nil
		}
		if _, ok := d.roots[root]; !ok && d.full() {
			return ErrTooMany
		}
		d.roots[root] = decided{Block, now()}
		return nil
	})
}

// ForgetDecisions takes back all rules. It waits for the disk.
func (l *Ledger) ForgetDecisions() error {
	return l.decide(func(d *decisions) error {
		clear(d.sites)
		clear(d.hosts)
		clear(d.roots)
		return nil
	})
}

func (d *decisions) full() bool { return len(d.sites)+len(d.roots) >= maxRules }

// now is the time as it comes back from a file.
func now() time.Time { return time.Now().UTC().Truncate(time.Second) }

func (l *Ledger) decide(change func(d *decisions) error) error {
	l.disk.Lock()
	defer l.disk.Unlock()
	l.mu.Lock()
	err := l.alive()
	if err == nil {
		err = change(&l.decisions)
	}
	if err == nil {
		l.undecided = true
	}
	l.mu.Unlock()
	if err != nil {
		return err
	}
	if err := l.flushDecisions(); err != nil {
		l.failed(err)
		l.wake()
		return err
	}
	return nil
}

// Rule is the rule for a site. That of its origin holds where there is none for its label, and where it is [Block].
func (l *Ledger) Rule(site Site) Rule {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.decisions.rule(site)
}

func (d *decisions) rule(site Site) Rule {
	own, above := d.sites[site].rule, d.sites[site.Origin()].rule
	if above == Default && d.blocksDomain(site) {
		above = Block
	}
	if above == Block || own == Default {
		return above
	}
	return own
}

// rules are what was decided about a site, and about a root.
func (l *Ledger) rules(site Site, root Root) (rule Rule, blocked bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, blocked = l.decisions.roots[root]
	return l.decisions.rule(site), blocked
}

// set makes a rule for a site, or none when x is Default.
func (d *decisions) set(site Site, x decided) {
	domain := ""
	if site.Label() == "" {
		domain = site.domain()
	}
	if old := d.sites[site].rule; old == Block && domain != "" {
		if d.hosts[domain]--; d.hosts[domain] == 0 {
			delete(d.hosts, domain)
		}
	}
	if x.rule == Default {
		delete(d.sites, site)
		return
	}
	d.sites[site] = x
	if x.rule == Block && domain != "" {
		d.hosts[domain]++
	}
}

// blocksDomain reports whether the domain of a site is blocked, or one that it is in.
func (d *decisions) blocksDomain(site Site) bool {
	if len(d.hosts) == 0 {
		return false
	}
	for domain := site.domain(); domain != ""; {
		if d.hosts[domain] > 0 {
			return true
		}
		_, domain, _ = strings.Cut(domain, ".")
	}
	return false
}

// Blocked reports whether a root is blocked.
func (l *Ledger) Blocked(root Root) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, ok := l.decisions.roots[root]
	return ok
}

// BlockedRoots are the blocked roots and when that was decided, the latest first.
func (l *Ledger) BlockedRoots() iter.Seq2[Root, time.Time] {
	l.mu.Lock()
	blocked := make(map[Root]time.Time, len(l.decisions.roots))
	for root, d := range l.decisions.roots {
		blocked[root] = d.at
	}
	l.mu.Unlock()
	return latest(blocked, func(a, b Root) int {
		return cmp.Or(cmp.Compare(a.Protocol, b.Protocol), cmp.Compare(a.ID, b.ID))
	})
}

// latest goes through times from the last to the first, and in a fixed order where they are the same.
func latest[K comparable](times map[K]time.Time, compare func(a, b K) int) iter.Seq2[K, time.Time] {
	keys := slices.SortedFunc(maps.Keys(times), func(a, b K) int {
		return cmp.Or(times[b].Compare(times[a]), compare(a, b))
	})
	return func(yield func(K, time.Time) bool) {
		for _, k := range keys {
			if !yield(k, times[k]) {
				return
			}
		}
	}
}

// A decision is a line of the file of decisions: a rule of a site, a blocked root, or a mark of a site.
type decision struct {
	Site     Site      `json:"s,omitzero"`
	Protocol string    `json:"v,omitempty"`
	Root     string    `json:"r,omitempty"`
	Rule     Rule      `json:"rule,omitzero"`
	Mark     Mark      `json:"mark,omitempty"`
	At       time.Time `json:"at"`
}

// list are the lines for all decisions.
func (d *decisions) list() []decision {
	lines := make([]decision, 0, len(d.sites)+len(d.roots)+len(d.marks))
	for site, x := range d.sites {
		lines = append(lines, decision{Site: site, Rule: x.rule, At: x.at})
	}
	for root, x := range d.roots {
		lines = append(lines, decision{Protocol: root.Protocol, Root: root.ID, Rule: x.rule, At: x.at})
	}
	for m, at := range d.marks {
		lines = append(lines, decision{Site: m.site, Mark: m.name, At: at})
	}
	return lines
}

// apply takes in a line; false when it says nothing sensible.
func (d *decisions) apply(data []byte) bool {
	var x decision
	if err := json.Unmarshal(data, &x); err != nil {
		return false
	}
	root := entry{root: Root{x.Protocol, x.Root}}
	isSite, isRoot := x.Site != Site{}, x.Root != "" && root.fits() && root.clean() == root
	switch {
	case isSite && x.Mark != "" && len(x.Mark) <= maxMark:
		d.mark(x.Site, x.Mark, x.At)
	case isSite && x.Rule != Default && !d.full():
		d.set(x.Site, decided{x.Rule, x.At})
	case isRoot && x.Rule == Block && !d.full():
		d.roots[root.root] = decided{x.Rule, x.At}
	default:
		return false
	}
	return true
}

// flushDecisions writes the file of decisions, if it is behind; disk is held.
func (l *Ledger) flushDecisions() error {
	l.mu.Lock()
	if !l.undecided {
		l.mu.Unlock()
		return nil
	}
	lines := l.decisions.list()
	l.undecided = false
	l.mu.Unlock()
	data, err := appendLine(nil, head{format})
	for i := 0; err == nil && i < len(lines); i++ {
		data, err = appendLine(data, &lines[i])
	}
	if err == nil {
		err = writeFile(l.path(decisionsFile), data)
	}
	if err != nil {
		l.mu.Lock()
		l.undecided = true
		l.mu.Unlock()
		return fmt.Errorf("ledger: %w", err)
	}
	return nil
}

// loadDecisions reads the file of decisions. It is written anew when part of it was damaged or is too old.
func (l *Ledger) loadDecisions() error {
	os.Remove(l.path(decisionsFile) + tempSuffix)
	l.decisions = decisions{make(map[Site]decided), make(map[string]int), make(map[Root]decided), make(map[mark]time.Time), max(8, l.opt.MaxEntries/8)}
	damaged := 0
	size, whole, err := readFile(l.path(decisionsFile), &damaged, l.decisions.apply)
	if errors.Is(err, errNewer) {
		l.log.Warn("a newer version of this program wrote this file; it was kept aside", "file", l.path(decisionsFile)+newerSuffix)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("ledger: %s: %w", l.path(decisionsFile), err)
	}
	l.damaged += damaged
	old := !l.opt.doubt() && l.decisions.expire(time.Now().Add(-l.opt.Keep))
	l.undecided = old || damaged > 0 || whole < size
	return nil
}

package ledger

import (
	"container/list"
	"fmt"
	"hash/maphash"
	"slices"
	"sync"
	"time"
)

// Limits bound what one site, or one kind of sites, may have. A field of zero or less is no limit; when all are zero, the default
// holds.
type Limits struct {
	Streams   int // answered at the same time
	NewRoots  int // a minute, on average: roots that it has not asked for lately
	Burst     int // of them at once, after a quiet time; at least 1
	DiskShare int // percent of the quota of the disk that its roots may hold
}

// fill puts in the defaults.
func (o *GateOptions) fill() {
	for _, x := range []struct {
		field *Limits
		value Limits
	}{
		{&o.Site, Limits{24, 30, 60, 50}},
		{&o.Unknown, Limits{12, 10, 20, 20}},
		{&o.Local, Limits{48, 240, 480, 0}},
		{&o.All, Limits{48, 120, 240, 0}},
	} {
		if *x.field == (Limits{}) {
			*x.field = x.value
		}
	}
	if o.Sites <= 0 {
		o.Sites = 1024
	}
}

// Limit is one of the bounds.
type Limit uint8

// The bounds that can be reached.
const (
	StreamLimit  Limit = iota + 1 // too many streams at a time
	NewRootLimit                  // too many new roots lately
	DiskLimit                     // its roots hold more than its share of the disk
)

// LimitError says which limit was reached, and what would help.
type LimitError struct {
	Limit      Limit
	RetryAfter time.Duration // how long to wait, in whole seconds; zero for DiskLimit
}

// Error implements error. It names no site: any page may read it.
func (e *LimitError) Error() string {
	switch e.Limit {
	case StreamLimit:
		return "ledger: this site has too many streams open; close some of them and try again"
	case NewRootLimit:
		return fmt.Sprintf("ledger: this site asks for too much that is new; try again in %d seconds", e.RetryAfter/time.Second)
	}
	return "ledger: what this site has asked for fills its share of the disk; recycle some of it and try again"
}

// A limiter bounds what sites have at a time. A site of the web counts by its origin, because a label cannot be proved. It knows
// a bounded number of sites, starts with nothing counted, and touches no disk. Its methods are safe for concurrent use.
type limiter struct {
	opt  GateOptions // filled
	seed maphash.Seed

	mu    sync.Mutex
	all   *account
	sites map[Site]*list.Element // of *account
	order list.List              // last used first
}

// An account is what one site has and had.
type account struct {
	site    Site
	limits  Limits
	streams int
	tokens  float64 // new roots that it may open now
	filled  time.Time
	lately  []recent // the roots that were let in last, a ring
	next    int
}

// lately is how many roots of a site the limiter remembers. Asking for one of them again, as players do for each range, is free.
const lately = 256

// A recent is a root that a site was let in for.
type recent struct {
	root  uint64 // hash
	found bool   // and then let have
}

// streamRetry is a guess: streams end when they end.
const streamRetry = 5 * time.Second

func newLimiter(o GateOptions) *limiter {
	l := &limiter{opt: o, seed: maphash.MakeSeed(), sites: make(map[Site]*list.Element)}
	l.all = newAccount(Site{}, o.All, time.Now())
	return l
}

func newAccount(site Site, limits Limits, now time.Time) *account {
	limits.Burst = max(limits.Burst, 1)
	return &account{site: site, limits: limits, tokens: float64(limits.Burst), filled: now}
}

// An admission is one stream that a site was let open. It ends with release.
type admission struct {
	payers []*account // the first is that of the site
	root   uint64     // hash
	isNew  bool       // the site had not asked for the root lately,
	had    bool       // or it had, and was let have it
}

// admit lets a site open a stream of a root. Otherwise the error is a [*LimitError], and nothing was counted. It never waits.
func (l *limiter) admit(site Site, root Root) (*admission, error) {
	now := time.Now()
	hash := maphash.Comparable(l.seed, root)
	l.mu.Lock()
	defer l.mu.Unlock()
	a, isPage := l.account(site, now)
	payers := []*account{a, l.all}
	if !isPage {
		payers = payers[:1]
	}
	at := a.recent(hash)
	isNew := at < 0
	for _, p := range payers {
		if err := p.refuse(isNew, now); err != nil {
			return nil, err
		}
	}
	for _, p := range payers {
		p.streams++
		if isNew && p.limits.NewRoots > 0 {
			p.tokens--
		}
	}
	if isNew {
		a.remember(hash)
	}
	return &admission{payers, hash, isNew, !isNew && a.lately[at].found}, nil
}

// release ends an admission; once.
func (l *limiter) release(a *admission) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range a.payers {
		p.streams--
	}
}

// renounce makes the root of an admission new again: it was refused in the end. What it cost stays paid.
func (l *limiter) renounce(a *admission) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := a.payers[0].recent(a.root); i >= 0 && !a.had {
		a.payers[0].lately[i] = recent{}
	}
}

// accept notes that the site of an admission was let have its root.
func (l *limiter) accept(a *admission) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := a.payers[0].recent(a.root); i >= 0 {
		a.payers[0].lately[i].found = true
	}
}

func (m Limits) share(quota int64) int64 {
	if m.DiskShare <= 0 || m.DiskShare >= 100 {
		return quota
	}
	return quota/100*int64(m.DiskShare) + quota%100*int64(m.DiskShare)/100
}

// limits are those for a site, and the site whose account they are for.
func (l *limiter) limits(site Site) (limits Limits, payer Site, isPage bool) {
	switch site.Kind() {
	case Web:
		return l.opt.Site, site.Origin(), true
	case Direct:
		return l.opt.Local, OpenedDirectly(), false
	case Program:
		return l.opt.Local, ProgramSite(""), false // the names are easily made up
	}
	return l.opt.Unknown, UnknownSite(), true
}

// account returns the account that pays for a site; mu is held.
func (l *limiter) account(site Site, now time.Time) (a *account, isPage bool) {
	limits, payer, isPage := l.limits(site)
	if e := l.sites[payer]; e != nil {
		l.order.MoveToFront(e)
		return e.Value.(*account), isPage
	}
	if len(l.sites) >= l.opt.Sites && !l.drop() && payer.Kind() == Web {
		return l.account(UnknownSite(), now)
	}
	a = newAccount(payer, limits, now)
	l.sites[payer] = l.order.PushFront(a)
	return a, isPage
}

// drop forgets the account that has not been used for longest, of those without a stream. Only so many are looked at, and those
// with a stream are in use and go to the front.
func (l *limiter) drop() bool {
	for range min(64, l.order.Len()) {
		e := l.order.Back()
		if a := e.Value.(*account); a.streams == 0 {
			l.order.Remove(e)
			delete(l.sites, a.site)
			return true
		}
		l.order.MoveToFront(e)
	}
	return false
}

// refuse says why an account cannot have one stream more, and fills up its tokens.
func (a *account) refuse(isNew bool, now time.Time) error {
	if a.limits.Streams > 0 && a.streams >= a.limits.Streams {
		return &LimitError{Limit: StreamLimit, RetryAfter: streamRetry}
	}
	if !isNew {
		return nil
	}
	if a.limits.NewRoots <= 0 {
		return nil
	}
	perSecond := float64(a.limits.NewRoots) / 60
	a.tokens = min(a.tokens+max(0, now.Sub(a.filled).Seconds())*perSecond, float64(a.limits.Burst))
	a.filled = now
	if a.tokens < 1 {
		wait := time.Duration((1 - a.tokens) / perSecond * float64(time.Second))
		return &LimitError{Limit: NewRootLimit, RetryAfter: wait.Truncate(time.Second) + time.Second}
	}
	return nil
}

// recent returns where a root is in the ring, or -1.
func (a *account) recent(hash uint64) int {
	return slices.IndexFunc(a.lately, func(r recent) bool { return r.root == hash })
}

func (a *account) remember(hash uint64) {
	if len(a.lately) < lately {
		a.lately = append(a.lately, recent{root: hash})
		return
	}
	a.lately[a.next] = recent{root: hash}
	a.next = (a.next + 1) % lately
}

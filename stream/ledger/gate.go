package ledger

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
)

// Why a request is refused, beside a [*LimitError]. The texts name no site: any page may read them.
var (
	ErrSiteBlocked = errors.New("ledger: the user of this computer has blocked this site")
	ErrRootBlocked = errors.New("ledger: the user of this computer has blocked this content")
	ErrAsking      = errors.New("ledger: this site has to wait until the user of this computer has allowed it")
)

// GateOptions are what a Gate goes by. The zero value of each field means the default.
type GateOptions struct {
	Site    Limits // each origin of the web; 24 streams, 30 roots a minute, 60 at once, 50 %
	Unknown Limits // all pages together that do not say where they are from; 12, 10, 20, 20 %
	Local   Limits // all programs together, and likewise all that the user opens; 48, 240, 480, no share
	All     Limits // all pages together, known or not; DiskShare does not count; 48, 120, 240
	Sites   int    // how many sites are told apart at a time, 1024; who comes when there are more in use is treated as unknown

	AskNewSites bool         // pages that the user has not allowed have to wait, see [Gate.AskNewSites]
	Disk        Disk         // nil is no share of the disk for anybody
	Notify      func(Notice) // nil is silence; it is called by [Gate.Begin], must not block, and several may call at a time
}

// Disk is the room that roots take, as a Gate sees it. Its methods are safe for concurrent use.
type Disk interface {
	// Usage returns the quota in bytes, and the bytes on disk of each root. The caller leaves the map as it is.
	Usage() (quota int64, roots map[Root]int64)
	// Recycle frees what it can of a root, nothing if the user keeps it or somebody reads it, and returns how many bytes that
	// was. It may wait for the disk.
	Recycle(ctx context.Context, root Root) (freed int64, err error)
}

// A Notice is what the user should be told, once.
type Notice struct {
	Site Site
	What Mark // Exposed or Asking
}

// A Gate decides about requests for content: by the user's rules, and by what the site has already. It notes in a Ledger what it
// lets through. Its methods are safe for concurrent use.
type Gate struct {
	ledger  *Ledger
	limiter *limiter
	disk    Disk
	notify  func(Notice)
	ask     atomic.Bool
	room    sync.Mutex // who has it makes room
}

// NewGate returns a Gate in front of a ledger, which stays the caller's.
func NewGate(l *Ledger, o GateOptions) *Gate {
	o.fill()
	g := &Gate{ledger: l, limiter: newLimiter(o), disk: o.Disk, notify: o.Notify}
	if g.notify == nil {
		g.notify = func(Notice) {}
	}
	g.ask.Store(o.AskNewSites)
	return g
}

// AskNewSites changes the setting. With it, a page is refused with [ErrAsking] until there is a rule that allows its site: used
// sites as well as new ones, because a history can be folded and forgotten, and a decision cannot. Such sites are marked
// [Asking] until the user decides. Programs, and what the user opens, never have to ask.
func (g *Gate) AskNewSites(on bool) { g.ask.Store(on) }

// Begin asks whether a site may look for a root, which is spelled as the URL has it. If it may, the caller ends the Access.
// Otherwise the error is [ErrSiteBlocked], [ErrRootBlocked], [ErrAsking] or a [*LimitError], and nothing was counted. Begin takes
// microseconds and waits for nothing.
func (g *Gate) Begin(site Site, root Root) (*Access, error) {
	if site.Kind() == None {
		site = UnknownSite()
	}
	if err := g.allowed(site, root); err != nil {
		return nil, err
	}
	adm, err := g.limiter.admit(site, root)
	if err != nil {
		return nil, err
	}
	if site.Overlay() != "" && g.ledger.Mark(site.Origin(), Exposed) {
		g.notify(Notice{site.Origin(), Exposed})
	}
	return &Access{gate: g, adm: adm, site: site, root: root}, nil
}

// allowed is nil if nothing was decided against it.
func (g *Gate) allowed(site Site, root Root) error {
	rule, rootBlocked := g.ledger.rules(site, root)
	isPage := site.Kind() == Web || site.Kind() == Unknown
	switch {
	case rule == Block:
		return ErrSiteBlocked
	case rootBlocked:
		return ErrRootBlocked
	case rule == Default && isPage && g.ask.Load():
		if g.ledger.Mark(site, Asking) {
			g.notify(Notice{site, Asking})
		}
		return ErrAsking
	}
	return nil
}

// makeRoom recycles what a site has beyond its share of the disk, so that a root that it does not have yet gets room.
func (g *Gate) makeRoom(ctx context.Context, site Site, root Root) error {
	limits, payer, _ := g.limiter.limits(site)
	if g.disk == nil || limits.DiskShare <= 0 || limits.DiskShare >= 100 {
		return nil
	}
	g.room.Lock() // or two would make room for one
	defer g.room.Unlock()
	quota, disk := g.disk.Usage()
	if quota <= 0 {
		return nil
	}
	shares := g.ledger.shares(payer, disk)
	over := -limits.share(quota)
	for _, s := range shares {
		if s.root == root {
			return nil
		}
		over += s.bytes
	}
	for _, s := range shares {
		if over < 0 {
			break
		}
		if !s.alone {
			continue
		}
		freed, err := g.disk.Recycle(ctx, s.root)
		if err != nil && ctx.Err() != nil {
			return ctx.Err()
		}
		over -= freed // what cannot be recycled stays, and counts
	}
	if over >= 0 {
		return &LimitError{Limit: DiskLimit}
	}
	return nil
}

// growStep is how many bytes an Access keeps to itself before it tells the ledger.
const growStep = 1 << 20

// An Access is one request that was let through. It belongs to one goroutine.
type Access struct {
	gate *Gate
	adm  *admission
	site Site
	root Root // as it was asked for, and then as it is called
	path string

	noted, void, ended bool
	unsaid             int64 // bytes that the ledger does not know of
}

// Found says which item the request is for: root in the one spelling of the protocol, so that the spellings of one root count
// as one, and the path of a file, or "" for the root as such. An error says that nothing may be sent: it is [ErrRootBlocked] if
// the user has blocked the root, whatever it was called before; a [*LimitError] if the site has filled its share of the disk; or
// that of ctx. A later call only looks whether its root is blocked.
//
// Found waits for nothing, unless the site was not let have the root lately and has more than its share. Then it recycles what that site has
// not used for longest and nobody else claims.
func (a *Access) Found(ctx context.Context, root Root, path string) error {
	if a.noted && root != a.root && a.gate.ledger.Blocked(root) { // what was asked for leads on into another root
		return ErrRootBlocked
	}
	if a.noted || a.void || a.ended {
		return nil
	}
	err := ErrRootBlocked
	if !a.gate.ledger.Blocked(root) {
		err = nil
		if !a.adm.had {
			err = a.gate.makeRoom(ctx, a.site, root)
		}
	}
	if err != nil {
		a.void = true
		a.gate.limiter.renounce(a.adm)
		return err
	}
	if !a.adm.had {
		a.gate.limiter.accept(a.adm)
	}
	a.root, a.path, a.noted = root, path, true
	a.gate.ledger.note(a.site, root, path, 0)
	return nil
}

// Moved says that what was found has another path than Found was told, which only showed when it was looked into. It counts as a
// request for that too, and so does what is sent from now on.
func (a *Access) Moved(path string) {
	if !a.noted || a.ended || path == a.path {
		return
	}
	a.gate.ledger.grow(a.site, a.root, a.path, a.unsaid)
	a.path, a.unsaid = path, 0
	a.gate.ledger.note(a.site, a.root, path, 0)
}

// Malformed says that what was asked for is no root: there is nothing to note.
func (a *Access) Malformed() { a.void = true }

// Sent counts bytes of content that were sent. It waits for no disk.
func (a *Access) Sent(n int64) {
	if a.unsaid += max(n, 0); a.unsaid >= growStep && a.noted && !a.ended {
		a.gate.ledger.grow(a.site, a.root, a.path, a.unsaid)
		a.unsaid = 0
	}
}

// End ends the request. A root that was looked for and never found is noted as it was asked for: peers have heard the
// question. A second End does nothing.
func (a *Access) End() {
	if a.ended {
		return
	}
	a.ended = true
	a.gate.limiter.release(a.adm)
	switch {
	case a.void:
	case a.noted:
		a.gate.ledger.grow(a.site, a.root, a.path, a.unsaid)
	default:
		a.gate.ledger.note(a.site, a.root, "", 0)
	}
}

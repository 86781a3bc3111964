package app

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"

	"github.com/zeronetscript/universal_p2p/stream/ledger"
	"github.com/zeronetscript/universal_p2p/stream/store"
	"github.com/zeronetscript/universal_p2p/stream/web"
)

// A desk is the running program as its interface sees it.
type desk struct {
	version   string
	store     *store.Store
	ledger    *ledger.Ledger
	prefs     *preferences
	protocols []web.Protocol
	broken    []web.Problem // protocols that did not start
	log       *slog.Logger
}

var _ web.Desk = (*desk)(nil)

// How much one look is told of.
const (
	maxRoots      = 300
	maxSites      = 300
	maxVisits     = 1000
	maxRootsSites = 5 // named with a root
)

// Overview implements web.Desk.
func (d *desk) Overview(context.Context) (web.Overview, error) {
	u := d.store.Usage()
	o := web.Overview{
		Version: d.version, Used: u.Used, Kept: u.Kept, Quota: u.Quota, Reserve: u.Reserve, Free: u.Free,
		Problems: d.problems(u),
	}
	users, roots := d.users(), d.store.Roots()
	names := make(map[rootKey]string, len(roots))
	held := make(map[ledger.Site]int64)
	for i, r := range roots {
		key := rootKey{r.Space, r.ID}
		names[key] = r.Name
		for _, site := range users[key] {
			held[site] += r.Bytes / int64(len(users[key]))
		}
		if i >= maxRoots {
			o.More++
			o.MoreBytes += r.Bytes
			continue
		}
		o.Roots = append(o.Roots, rootView(r, users[key]))
	}
	o.Sites = d.sites(held)
	for root := range d.ledger.BlockedRoots() {
		key := d.key(root)
		o.Blocked = append(o.Blocked, web.RootName{Protocol: key.space, Root: key.id, Name: names[key]})
	}
	return o, nil
}

func rootView(r store.Root, users []ledger.Site) web.RootView {
	v := web.RootView{
		RootStatus: web.RootStatus{
			Protocol: r.Space, Root: r.ID, Name: r.Name, Bytes: r.Bytes, Size: r.Size, LastAccess: r.LastAccess, Kept: r.Kept,
		},
		InUse: r.Held,
	}
	for _, site := range users[:min(len(users), maxRootsSites)] {
		v.Sites = append(v.Sites, site.String())
	}
	return v
}

// problems lists what is wrong now.
func (d *desk) problems(u store.Usage) []web.Problem {
	ps := slices.Clone(d.broken)
	if u.Free >= 0 && u.Free < u.Reserve {
		ps = append(ps, web.Problem{ID: "disk", Values: map[string]any{"free": u.Free, "reserve": u.Reserve}, Text: diskProblem(u)})
	}
	if err := d.ledger.Err(); err != nil {
		ps = append(ps, web.Problem{ID: "ledger", Text: "The history of use cannot be written, and will be lost at the end: " + err.Error() + "."})
	}
	if err := d.prefs.problem(); err != nil {
		ps = append(ps, web.Problem{ID: "config", Text: "The config file has a mistake and cannot be read: " + err.Error() + "."})
	}
	return ps
}

// diskProblem says that the disk is nearly full.
func diskProblem(u store.Usage) string {
	return fmt.Sprintf("The disk has %s left, which is less than the reserve of %s: new content may fail until there is room.",
		RoundSize(u.Free), RoundSize(u.Reserve))
}

// A rootKey is what the store calls a root. The ledger has the version of the protocol in it as well.
type rootKey struct{ space, id string }

// key is what the store calls a root of the ledger.
func (d *desk) key(root ledger.Root) rootKey {
	for _, p := range d.protocols {
		if root.Protocol == p.Name+"/"+p.Version {
			return rootKey{p.Name, root.ID}
		}
	}
	return rootKey{root.Protocol, root.ID}
}

// root is what the ledger calls a root of the store.
func (d *desk) root(protocol, id string) ledger.Root {
	for _, p := range d.protocols {
		if protocol == p.Name {
			return ledger.Root{Protocol: p.Name + "/" + p.Version, ID: id}
		}
	}
	return ledger.Root{Protocol: protocol, ID: id}
}

// users returns who used each root, by origin, last first.
func (d *desk) users() map[rootKey][]ledger.Site {
	users := make(map[rootKey][]ledger.Site)
	for site := range d.ledger.Sites() {
		for use := range d.ledger.Roots(site.Site) {
			key := d.key(use.Root)
			users[key] = append(users[key], site.Site)
		}
	}
	return users
}

// sites lists who used anything, or has a rule, with what each holds of the disk.
func (d *desk) sites(held map[ledger.Site]int64) (views []web.SiteView) {
	asking := make(map[ledger.Site]bool)
	for site := range d.ledger.Marked(ledger.Asking) {
		asking[site.Origin()] = true
	}
	for use := range d.ledger.Sites() {
		views = append(views, siteView(use, held[use.Site], asking[use.Site]))
		delete(asking, use.Site)
	}
	for site := range asking { // refused so far, and so without a use
		views = append(views, siteView(d.ledger.Site(site), held[site], true))
	}
	slices.SortStableFunc(views, func(a, b web.SiteView) int {
		if a.Asking != b.Asking {
			return cmp.Compare(b2i(b.Asking), b2i(a.Asking))
		}
		return b.Last.Compare(a.Last)
	})
	return views[:min(len(views), maxSites)]
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func siteView(use ledger.SiteUse, held int64, asking bool) web.SiteView {
	return web.SiteView{
		Site: use.Site.String(), Kind: kindOf(use.Site), Rule: use.Rule, First: use.First, Last: use.Last,
		Requests: use.Requests, Sent: use.Bytes, Held: held, Roots: use.Roots, Asking: asking, Overlay: use.Site.Overlay(),
	}
}

func kindOf(site ledger.Site) string {
	switch site.Kind() {
	case ledger.Direct:
		return "direct"
	case ledger.Program:
		return "program"
	case ledger.Web:
		return "web"
	}
	return "unknown"
}

// RecycleRoot implements web.Desk.
func (d *desk) RecycleRoot(_ context.Context, protocol, root string) (int64, error) {
	freed, err := d.store.Remove(protocol, root)
	d.log.Info("recycled on request", "protocol", protocol, "root", root, "bytes", freed)
	return freed, err
}

// RecycleSite implements web.Desk.
func (d *desk) RecycleSite(ctx context.Context, site ledger.Site) (freed int64, err error) {
	users := d.users()
	for _, r := range d.store.Roots() {
		by := users[rootKey{r.Space, r.ID}]
		if r.Kept || len(by) != 1 || by[0] != site.Origin() {
			continue
		}
		if err := ctx.Err(); err != nil {
			return freed, err
		}
		n, err := d.store.Remove(r.Space, r.ID)
		if freed += n; err != nil {
			return freed, err
		}
	}
	d.log.Info("recycled on request", "site", site, "bytes", freed)
	return freed, nil
}

// Decide implements web.Desk.
func (d *desk) Decide(_ context.Context, site ledger.Site, rule ledger.Rule) error {
	return d.ledger.Decide(site, rule)
}

// BlockRoot implements web.Desk.
func (d *desk) BlockRoot(_ context.Context, protocol, root string, block bool) error {
	return d.ledger.BlockRoot(d.root(protocol, root), block)
}

// History implements web.Desk.
func (d *desk) History(ctx context.Context, site ledger.Site) (visits []web.Visit, err error) {
	names := make(map[rootKey]string)
	for _, r := range d.store.Roots() {
		names[rootKey{r.Space, r.ID}] = r.Name
	}
	for root := range d.ledger.Roots(site) {
		key := d.key(root.Root)
		for item := range d.ledger.Items(site, root.Root) {
			if len(visits) == maxVisits || ctx.Err() != nil {
				return visits, ctx.Err()
			}
			visits = append(visits, web.Visit{
				Site: site.String(), RootName: web.RootName{Protocol: key.space, Root: key.id, Name: names[key]},
				Path: item.Path, First: item.First, Last: item.Last, Requests: item.Requests, Sent: item.Bytes,
			})
		}
	}
	return visits, nil
}

// Forget implements web.Desk.
func (d *desk) Forget(_ context.Context, site ledger.Site) error {
	if site.Kind() == ledger.None {
		return d.ledger.ForgetAll()
	}
	return d.ledger.ForgetSite(site)
}

// Settings implements web.Desk.
func (d *desk) Settings(context.Context) ([]web.Setting, error) { return d.prefs.list(), nil }

// Set implements web.Desk.
func (d *desk) Set(_ context.Context, name, value string) error { return d.prefs.set(name, value) }

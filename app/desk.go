package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"time"

	"github.com/zeronetscript/universal_p2p/stream"
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
	said      *Problems
	changed   func() // there is something else to see
	log       *slog.Logger
}

var _ web.Desk = (*desk)(nil)

// How much one look is told of.
const (
	maxRoots      = 300
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
	o.Held, o.Names = make(map[ledger.Site]int64), make(map[ledger.Root]string, len(roots))
	for i, r := range roots {
		root := d.root(r)
		o.Names[root] = r.Name
		for _, site := range users[root] {
			o.Held[site] += r.Bytes / int64(len(users[root]))
		}
		if i >= maxRoots {
			o.More++
			o.MoreBytes += r.Bytes
			continue
		}
		o.Roots = append(o.Roots, rootView(r, users[root]))
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
	ps := append(slices.Clone(d.broken), d.said.All()...)
	if diskLow(u) {
		ps = append(ps, web.Problem{ID: "disk", Values: map[string]any{"free": u.Free, "reserve": u.Reserve}, Text: diskProblem(u)})
	}
	if err := d.ledger.Err(); err != nil {
		ps = append(ps, reasoned("ledger", err, "The history of use cannot be written, and will be lost at the end"))
	}
	if err := d.prefs.problem(); err != nil {
		ps = append(ps, reasoned("config", err, "The config file has a mistake and cannot be read"))
	}
	return ps
}

// reasoned is a problem that comes from an error: text says what that means for the user.
func reasoned(id string, why error, text string) web.Problem {
	return web.Problem{ID: id, Values: map[string]any{"reason": why.Error()}, Text: text + ": " + why.Error() + "."}
}

// diskProblem says that the disk is nearly full.
func diskProblem(u store.Usage) string {
	return fmt.Sprintf("The disk has %s left, which is less than the reserve of %s: new content may fail until there is room.",
		RoundSize(u.Free), RoundSize(u.Reserve))
}

// root is what the ledger calls a root of the store: there the version of the protocol is in it as well.
func (d *desk) root(r store.Root) ledger.Root {
	for _, p := range d.protocols {
		if r.Space == p.Name {
			return ledger.Root{Protocol: p.Name + "/" + p.Version, ID: r.ID}
		}
	}
	return ledger.Root{Protocol: r.Space, ID: r.ID}
}

// users returns who used each root, by origin, last first.
func (d *desk) users() map[ledger.Root][]ledger.Site {
	users := make(map[ledger.Root][]ledger.Site)
	for site := range d.ledger.Sites() {
		for use := range d.ledger.Roots(site.Site) {
			users[use.Root] = append(users[use.Root], site.Site)
		}
	}
	return users
}

// RecycleRoot implements web.Desk.
func (d *desk) RecycleRoot(ctx context.Context, protocol, root string) (int64, error) {
	freed, err := d.remove(ctx, protocol, root)
	if err != nil {
		return freed, err
	}
	d.log.Info("recycled on request", "protocol", protocol, "root", root, "bytes", freed)
	return freed, nil
}

// leaveTime is how long a protocol gets to part from a root that is to be removed.
const leaveTime = 5 * time.Second

// remove removes a root. What is connected for it and not in use is left first, or something of it would stay.
func (d *desk) remove(ctx context.Context, protocol, root string) (freed int64, err error) {
	for _, p := range d.protocols {
		if b, ok := p.Backend.(stream.Leaver); ok && p.Name == protocol {
			ctx, cancel := context.WithTimeout(ctx, leaveTime)
			if err := b.Leave(ctx, root); err != nil {
				d.log.Debug("not left in time", "protocol", protocol, "root", root, "err", err)
			}
			cancel()
		}
	}
	defer d.changed()
	return d.store.Remove(protocol, root)
}

// RecycleSite implements web.Desk.
func (d *desk) RecycleSite(ctx context.Context, site ledger.Site) (freed int64, err error) {
	users := d.users()
	for _, r := range d.store.Roots() {
		by := users[d.root(r)]
		if r.Kept || len(by) != 1 || by[0] != site.Origin() {
			continue
		}
		if err := ctx.Err(); err != nil {
			return freed, err
		}
		n, err := d.remove(ctx, r.Space, r.ID)
		if freed += n; err != nil && !errors.Is(err, fs.ErrNotExist) { // it may have gone by itself
			return freed, err
		}
	}
	d.log.Info("recycled on request", "site", site, "bytes", freed)
	return freed, nil
}

// Settings implements web.Desk.
func (d *desk) Settings(context.Context) ([]web.Setting, error) { return d.prefs.list(), nil }

// Set implements web.Desk.
func (d *desk) Set(_ context.Context, name, value string) error {
	defer d.changed()
	return d.prefs.set(name, value)
}

// recycled is called now and then with the bytes that were removed because nobody had used them.
func (d *desk) recycled(freed int64, notify func(Note)) {
	d.changed()
	if freed > noteRecycled {
		notify(Note{What: NoteRecycled, Bytes: freed})
	}
	if u := d.store.Usage(); diskLow(u) {
		notify(Note{What: NoteDiskLow, Bytes: u.Free})
	}
}

// full is called when content failed because there was no room for it: on the disk, or in the quota.
func (d *desk) full(notify func(Note)) {
	if u := d.store.Usage(); diskFull(u) {
		notify(Note{What: NoteDiskLow, Bytes: u.Free})
		return
	}
	notify(Note{What: NoteFull})
}

package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/zeronetscript/universal_p2p/stream/ledger"
	"github.com/zeronetscript/universal_p2p/stream/store"
	"github.com/zeronetscript/universal_p2p/stream/web"
)

// books are the ledger of who used what, the gate in front of the content, and the key that tags are made with.
type books struct {
	ledger *ledger.Ledger
	gate   *ledger.Gate
	signer *ledger.Signer
	temp   string // a folder that goes with the program, if the one in the data folder could not be used
}

// openBooks opens the ledger. When the data folder has no room for it, or what is there cannot be read, the program runs with an empty
// one that it forgets at the end, and there is a problem. An error says that not even that was possible.
func openBooks(o Options, room ledger.Disk, doubt func() bool) (b *books, problems []web.Problem, err error) {
	b = new(books)
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("ledger: %w", err), b.Close())
		}
	}()
	opt := ledger.Options{Keep: time.Duration(o.Config.HistoryDays) * 24 * time.Hour, Doubt: doubt, Log: o.Log.With("room", "ledger")}
	dir, key := ledgerDir(o.DataDir), keyFile(o.DataDir)
	b.ledger, err = ledger.Open(dir, opt)
	if err == nil {
		b.signer, err = ledger.OpenSigner(key)
	}
	if err != nil {
		problems = append(problems, reasoned("books", err, "What sites used is not remembered, and what you decided about them does not hold"))
		o.Log.Error("the ledger cannot be used", "err", err)
		if b.temp, err = os.MkdirTemp("", dirName+"-*"); err != nil {
			return b, nil, err
		}
		dir, key = ledgerDir(b.temp), keyFile(b.temp)
		if b.ledger != nil { // then it is only the key
			b.signer, err = ledger.OpenSigner(key)
		} else if b.ledger, err = ledger.Open(dir, opt); err == nil {
			b.signer, err = ledger.OpenSigner(key)
		}
		if err != nil {
			return b, nil, err
		}
	}
	gate := o.Config.gate()
	gate.Disk = room
	gate.Notify = func(n ledger.Notice) { notice(o, n) }
	b.gate = ledger.NewGate(b.ledger, gate)
	return b, problems, nil
}

// Close closes the ledger, after the last request.
func (b *books) Close() error {
	var errs []error
	if b.ledger != nil {
		errs = append(errs, b.ledger.Close())
	}
	if b.temp != "" {
		errs = append(errs, os.RemoveAll(b.temp))
	}
	return errors.Join(errs...)
}

// notice tells the user what a gate has noticed.
func notice(o Options, n ledger.Notice) {
	switch n.What {
	case ledger.Exposed:
		o.Notify(Note{What: NoteExposed, Site: n.Site.String()})
		o.Log.Warn("a page of an overlay network loads content: peers can see the address of this computer", "site", n.Site)
	case ledger.Asking:
		o.Notify(Note{What: NoteSiteWaits, Site: n.Site.String()})
		o.Log.Warn("a new site waits to be allowed", "site", n.Site)
	}
}

// gate is what the config says about sites.
func (c Config) gate() ledger.GateOptions {
	limits := func(streams, roots, share int) ledger.Limits {
		if share == 0 {
			share = 100 // which is no limit; all zeros would mean the default
		}
		return ledger.Limits{Streams: streams, NewRoots: roots, Burst: 2 * roots, DiskShare: share}
	}
	s := c.Sites
	o := ledger.GateOptions{
		Site:        limits(s.Streams, s.NewRoots, s.DiskShare),
		Unknown:     limits(s.UnknownStreams, s.UnknownNewRoots, s.UnknownDiskShare),
		AskNewSites: c.AskNewSites,
	}
	// All pages together may have what two of them may, and never less than by default.
	o.All = ledger.Limits{Streams: 48, NewRoots: 120, Burst: 240, DiskShare: 100}
	o.All.Streams = together(s.Streams, 2, o.All.Streams)
	o.All.NewRoots = together(s.NewRoots, 4, o.All.NewRoots)
	o.All.Burst = 2 * o.All.NewRoots
	return o
}

// together is a limit for several whose own limit is n, where 0 is none.
func together(n, times, least int) int {
	if n == 0 {
		return 0
	}
	return max(n*times, least)
}

// A disk is the store as the gate sees it: by the roots of protocols, not by the spaces of the store.
type disk struct {
	store    *store.Store
	versions map[string][]string // of the protocol that a space belongs to
}

var _ ledger.Disk = disk{}

func newDisk(st *store.Store, protocols []Protocol) disk {
	r := disk{st, make(map[string][]string)}
	for _, p := range protocols {
		space := cmp.Or(p.Space, p.Name)
		r.versions[space] = append(r.versions[space], p.Name+"/"+p.Version)
	}
	return r
}

// Usage implements ledger.Disk. What was unpacked from archives belongs to no site: it goes first in any case.
func (r disk) Usage() (quota int64, roots map[ledger.Root]int64) {
	roots = make(map[ledger.Root]int64)
	for _, root := range r.store.Roots() {
		for _, protocol := range r.versions[root.Space] {
			roots[ledger.Root{Protocol: protocol, ID: root.ID}] = root.Bytes
		}
	}
	return r.store.Usage().Quota, roots
}

// Recycle implements ledger.Disk.
func (r disk) Recycle(ctx context.Context, root ledger.Root) (freed int64, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	for _, have := range r.store.Roots() {
		for _, protocol := range r.versions[have.Space] {
			if (ledger.Root{Protocol: protocol, ID: have.ID}) != root || have.Kept || have.Held {
				continue
			}
			freed, err := r.store.Remove(have.Space, have.ID)
			if errors.Is(err, fs.ErrNotExist) {
				err = nil // somebody was faster
			}
			return freed, err
		}
	}
	return 0, nil
}

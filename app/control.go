package app

import (
	"context"
	"log/slog"
	"os"
	"slices"

	"github.com/zeronetscript/universal_p2p/stream"
	"github.com/zeronetscript/universal_p2p/stream/store"
	"github.com/zeronetscript/universal_p2p/stream/web"
)

// A control is the running program as the control API sees it.
type control struct {
	version  string
	addr     string
	store    *store.Store
	problems []string // sentences for the user
	said     *Problems
	streams  func() int                  // files being sent now
	gather   func(protocol, root string) // of a root that is kept now
	changed  func()                      // there is something else to see
	quit     context.CancelFunc
	log      *slog.Logger
}

var _ web.Control = (*control)(nil)

// Status implements web.Control.
func (c *control) Status(context.Context) (web.Status, error) {
	u := c.store.Usage()
	s := web.Status{
		Version:  c.version,
		PID:      os.Getpid(),
		Addr:     c.addr,
		Used:     u.Used,
		Quota:    u.Quota,
		Reserve:  u.Reserve,
		Streams:  c.streams(),
		Problems: slices.Clone(c.problems),
	}
	for _, p := range c.said.All() {
		s.Problems = append(s.Problems, p.Text)
	}
	for _, r := range c.store.Roots() {
		s.Roots = append(s.Roots, web.RootStatus{
			Protocol: r.Space, Root: r.ID, Name: r.Name,
			Bytes: r.Bytes, Size: r.Size, LastAccess: r.LastAccess, Kept: r.Kept,
		})
	}
	if diskLow(u) {
		s.Problems = append(s.Problems, diskProblem(u))
	}
	return s, nil
}

// Recycle implements web.Control.
func (c *control) Recycle(ctx context.Context, what web.Recycle) (freed int64, err error) {
	freed, err = c.store.Recycle(ctx, store.Want(what))
	c.log.Info("recycled on request", "bytes", freed)
	c.changed()
	return freed, err
}

// Keep implements web.Control.
func (c *control) Keep(_ context.Context, protocol, root string, keep bool) error {
	if err := c.store.Keep(protocol, root, keep); err != nil {
		return err
	}
	if keep {
		c.gather(protocol, root)
	}
	return nil
}

// gatherOf returns what tells a protocol that a root is kept now.
func gatherOf(protocols []web.Protocol) func(protocol, root string) {
	return func(protocol, root string) {
		for _, p := range protocols {
			if b, ok := p.Backend.(stream.Gatherer); ok && p.Name == protocol {
				b.Gather(root)
			}
		}
	}
}

// Quit implements web.Control.
func (c *control) Quit() {
	c.log.Info("told to quit")
	c.quit()
}

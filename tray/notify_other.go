//go:build !linux

package tray

import (
	"context"
	"fmt"
	"time"

	"github.com/gen2brain/beeep"

	"github.com/zeronetscript/universal_p2p/assets"
)

// deskTimeout is for a desktop that hangs.
const deskTimeout = 30 * time.Second

// A beeepDesk shows notes by a library, which has a way on every system. It cannot tell of clicks.
type beeepDesk struct{}

func newDesk(assets.Language, func()) desk {
	beeep.AppName = "Universal P2P"
	return beeepDesk{}
}

// show hands the note over. The library takes no context: one that hangs is left to itself when ctx ends, or after a while.
func (beeepDesk) show(ctx context.Context, n ready) error {
	defer n.says(false) // nobody can click on it
	text := n.text
	if n.without != "" {
		text += " " + n.without
	}
	done := make(chan error, 1)
	go func() { done <- beeep.Notify(harmless(n.title), harmless(text), assets.AppIcon()) }()
	ctx, cancel := context.WithTimeout(ctx, deskTimeout)
	defer cancel()
	select {
	case err := <-done:
		if err != nil {
			return fmt.Errorf("notification: %w", err)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("notification: %w", ctx.Err())
	}
}

func (beeepDesk) close() {}

//go:build !linux && !windows && !(darwin && cgo)

package tray

import "context"

func (t *Tray) run(context.Context) { t.is(NotBuilt) }

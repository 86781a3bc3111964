package app

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/zeronetscript/universal_p2p/stream/store"
)

// recycling is the part of the store that the recycler needs.
type recycling interface {
	Recycle(ctx context.Context, w store.Want) (freed int64, err error)
}

// startRecycler removes the roots that nobody has used for so many days, now and then until ctx ends; none while days are 0, or
// while the clock is in doubt. Each time it tells done how many bytes that gave. The caller waits for the returned group.
func startRecycler(ctx context.Context, st recycling, daysNow func() int64, doubt func() bool, done func(freed int64), log *slog.Logger) *sync.WaitGroup {
	var wg sync.WaitGroup
	wg.Go(func() {
		next := time.NewTimer(firstRecycle)
		defer next.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-next.C:
			}
			freed := int64(0)
			if days := daysNow(); !doubt() && days > 0 {
				freed = recycleUnused(ctx, st, days, log)
			}
			done(freed)
			next.Reset(recycleEvery)
		}
	})
	return &wg
}

func recycleUnused(ctx context.Context, st recycling, days int64, log *slog.Logger) (freed int64) {
	freed, err := st.Recycle(ctx, store.Want{UnusedFor: time.Duration(days) * 24 * time.Hour})
	switch {
	case err != nil && ctx.Err() == nil:
		log.Error("recycling failed", "err", err)
	case freed > 0:
		log.Info("recycled what nobody used", "days", days, "bytes", freed)
	}
	return freed
}

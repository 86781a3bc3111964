package app

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zeronetscript/universal_p2p/stream/store"
)

// A wanted is a store that notes what it is asked to recycle, and fails every second time.
type wanted struct {
	mu   sync.Mutex
	list []store.Want
}

func (s *wanted) Recycle(_ context.Context, w store.Want) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = append(s.list, w)
	if len(s.list)%2 == 0 {
		return 0, errors.New("the disk is on strike")
	}
	return 1 << 20, nil
}

func (s *wanted) all() []store.Want {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.list
}

// never is that the clock is right.
func never() bool { return false }

func TestRecycler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var st wanted
		var rounds, freed atomic.Int64
		done := func(n int64) { rounds.Add(1); freed.Add(n) }
		wg := startRecycler(ctx, &st, func() int64 { return 30 }, never, done, slog.New(slog.DiscardHandler))
		time.Sleep(firstRecycle - time.Second)
		synctest.Wait()
		if n := len(st.all()); n != 0 {
			t.Errorf("recycled %d times before the start was over", n)
		}
		time.Sleep(24*time.Hour + 2*time.Second)
		synctest.Wait()
		if n := len(st.all()); n != 25 {
			t.Errorf("recycled %d times in a day, want 25", n)
		}
		for _, w := range st.all() {
			if w != (store.Want{UnusedFor: 30 * 24 * time.Hour}) {
				t.Errorf("wanted %+v", w)
			}
		}
		if rounds.Load() != 25 || freed.Load() != 13<<20 { // every second time the disk is on strike
			t.Errorf("told of %d rounds and %d bytes", rounds.Load(), freed.Load())
		}
		cancel()
		wg.Wait()
	})
}

// With 0 days nothing is recycled, until the user wants it otherwise.
func TestRecyclerOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var st wanted
		var days atomic.Int64
		wg := startRecycler(ctx, &st, days.Load, never, func(int64) {}, slog.New(slog.DiscardHandler))
		time.Sleep(24 * time.Hour)
		if n := len(st.all()); n != 0 {
			t.Errorf("recycled %d times", n)
		}
		days.Store(7)
		time.Sleep(recycleEvery)
		synctest.Wait()
		if all := st.all(); len(all) != 1 || all[0].UnusedFor != 7*24*time.Hour {
			t.Errorf("wanted %+v", all)
		}
		cancel()
		wg.Wait()
	})
}

package app

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zeronetscript/universal_p2p/stream/store"
)

// A fakeClock is a computer whose clock can be set while time goes on.
type fakeClock struct {
	start time.Time
	off   atomic.Int64 // nanoseconds
}

func (f *fakeClock) read() (time.Time, time.Duration) {
	now := time.Now()
	return now.Round(0).Add(time.Duration(f.off.Load())), now.Sub(f.start)
}

func TestClock(t *testing.T) {
	const day, year = 24 * time.Hour, 365 * 24 * time.Hour
	type step struct {
		wait  time.Duration // before
		set   time.Duration // then the clock leaps
		boot  bool          // and the program starts anew
		doubt bool          // what is said then
	}
	for _, c := range []struct {
		name  string
		steps []step
	}{
		{"steady", []step{{0, 0, false, false}, {time.Hour, 0, false, false}, {100 * day, 0, false, false}}},
		{"corrected a little", []step{{time.Hour, 14 * time.Hour, false, false}, {time.Hour, -14 * time.Hour, false, false}}},
		{"a year ahead for a moment", []step{{time.Hour, year, false, true}, {time.Minute, -year, false, true}, {2 * time.Hour, 0, false, true}, {time.Hour, 0, false, false}}},
		{"a year ahead for good", []step{{time.Hour, year, false, true}, {time.Hour, 0, false, true}, {2 * time.Hour, 0, false, false}, {time.Hour, 0, false, false}}},
		{"a year back", []step{{time.Hour, -year, false, true}, {3 * time.Hour, 0, false, false}, {time.Hour, year, false, true}}},
		{"started over night", []step{{0, 12 * time.Hour, true, false}}},
		{"started after the holidays", []step{{0, 20 * day, true, true}, {time.Hour, 0, false, true}, {2 * time.Hour, 0, false, false}}},
		{"started in 1970", []step{{0, -30 * year, true, true}, {time.Minute, 30 * year, false, true}, {3 * time.Hour, 0, false, false}}},
		{"ahead, and started again at once", []step{{time.Hour, year, false, true}, {time.Second, 0, true, true}, {time.Second, 0, true, true}, {3 * time.Hour, 0, false, false}, {time.Second, 0, true, false}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "clock")
			synctest.Test(t, func(t *testing.T) {
				f := &fakeClock{start: time.Now()}
				k := openClockOf(file, slog.New(slog.DiscardHandler), f.read)
				for i, s := range c.steps {
					time.Sleep(s.wait)
					f.off.Add(int64(s.set))
					if s.boot {
						f.start = time.Now()
						k = openClockOf(file, slog.New(slog.DiscardHandler), f.read)
					}
					if got := k.Doubt(); got != s.doubt {
						t.Errorf("step %d: doubt %v, want %v", i, got, s.doubt)
					}
				}
			})
		})
	}
}

// What cannot be read or written is no reason to doubt, or to fail.
func TestClockFile(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "clock")
	if err := os.WriteFile(file, []byte("late"), 0o600); err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	if openClock(file, log).Doubt() || openClock(filepath.Join(dir, "none", "clock"), log).Doubt() {
		t.Error("in doubt for a file")
	}
	if r, err := readClock(file); err != nil || time.Since(r.Seen) > time.Minute {
		t.Errorf("%+v, %v", r, err)
	}
}

// It writes next to nothing: a disk may sleep.
func TestClockSaves(t *testing.T) {
	file := filepath.Join(t.TempDir(), "clock")
	synctest.Test(t, func(t *testing.T) {
		f := &fakeClock{start: time.Now()}
		k := openClockOf(file, slog.New(slog.DiscardHandler), f.read)
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		time.Sleep(saveClock - time.Second)
		k.Doubt()
		if _, err := os.Stat(file); !os.IsNotExist(err) {
			t.Errorf("written too soon: %v", err)
		}
		time.Sleep(time.Second)
		k.Doubt()
		if _, err := os.Stat(file); err != nil {
			t.Error(err)
		}
	})
}

// Nothing is removed for its age while the clock is in doubt, and everything that is due afterwards.
func TestRecyclerDoubts(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		f := &fakeClock{start: time.Now()}
		k := openClockOf(filepath.Join(dir, "clock"), slog.New(slog.DiscardHandler), f.read)
		var st wanted
		wg := startRecycler(ctx, &st, func() int64 { return 30 }, k.Doubt, func(int64) {}, slog.New(slog.DiscardHandler))
		time.Sleep(firstRecycle + time.Second)
		synctest.Wait()
		f.off.Store(int64(365 * 24 * time.Hour))
		time.Sleep(3 * recycleEvery)
		synctest.Wait()
		if n := len(st.all()); n != 1 {
			t.Errorf("recycled %d times, the first time before the clock leapt", n)
		}
		time.Sleep(recycleEvery)
		synctest.Wait()
		if all := st.all(); len(all) != 2 || all[1] != (store.Want{UnusedFor: 30 * 24 * time.Hour}) {
			t.Errorf("afterwards: %+v", all)
		}
		cancel()
		wg.Wait()
	})
}

package store

import (
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestReserve: the store leaves the disk what it is told to, evicting for it, and is full when it cannot.
func TestReserve(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		var others atomic.Int64 // bytes that others take of a disk of 100 MiB
		asked := 0
		disk := func() (free, unit int64, err error) {
			asked++
			return 100*mib - others.Load() - du(t, dir), 4096, nil
		}
		s, err := open(dir, Options{Quota: 80 * mib, Reserve: 40 * mib}, disk)
		must(t, err)
		o := openObject(t, s, testSpec("film", 200*mib, mib))
		write := func(from, to int) {
			t.Helper()
			for i := from; i < to; i++ {
				put(t, o, i)
				if free, _, _ := disk(); free < 40*mib-others.Load() {
					t.Fatalf("chunk %d leaves %d bytes", i, free)
				}
			}
		}
		write(0, 100)
		if u := s.Usage(); u.Free < 40*mib || u.Free > 42*mib {
			t.Errorf("%d bytes are free", u.Free)
		}
		if asked > 250 { // 100 for write, 100 for Usage and a few
			t.Errorf("the disk was asked %d times", asked)
		}
		others.Store(30 * mib) // somebody else fills the disk
		time.Sleep(time.Minute)
		put(t, o, 100)
		if u := s.Usage(); u.Free < 40*mib || u.Used > 30*mib {
			t.Errorf("with others: %+v", u)
		}
		others.Store(90 * mib)
		time.Sleep(time.Minute)
		if err := o.Reserve(101); !errors.Is(err, ErrFull) {
			t.Errorf("reserving without space: %v", err)
		}
		others.Store(0)
		time.Sleep(time.Minute)
		put(t, o, 101)
		must(t, get(t, o, 101))
		must(t, s.SetLimits(80*mib, 0))
		o.Close()
		must(t, s.Close())
	})
}

// TestReserveLateFree: on a file system that frees deleted space only half a minute later, the store does not empty itself.
func TestReserveLateFree(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		taken, at := int64(0), time.Time{} // what the disk says, renewed every 20 s
		disk := func() (free, unit int64, err error) {
			if now := du(t, dir); now > taken || time.Since(at) > 20*time.Second {
				taken, at = now, time.Now()
			}
			return 100*mib - taken, 4096, nil
		}
		s, err := open(dir, Options{Quota: 80 * mib, Reserve: 50 * mib}, disk)
		must(t, err)
		o := openObject(t, s, testSpec("film", 400*mib, mib))
		for i := range 200 {
			put(t, o, i)
			disk() // notices the most
			time.Sleep(time.Second)
		}
		if used := s.Usage().Used; used < 30*mib {
			t.Errorf("only %d bytes are left", used)
		}
		o.Close()
		must(t, s.Close())
	})
}

// TestDiskFull runs on a real disk that is full: a small tmpfs.
func TestDiskFull(t *testing.T) {
	dir := smallDisk(t, "8m")
	s := openStore(t, filepath.Join(dir, "store"), 512*mib)
	o := openObject(t, s, testSpec("film", 64*mib, mib))
	t.Cleanup(func() { s.Close() }) // before the disk goes

	for i := range o.Chunks() { // eight times the disk: others are evicted
		put(t, o, i)
		must(t, get(t, o, i))
	}
	// Fill the rest of the disk, and some of what the store has reserved and not yet written. It is a chunk of another size,
	// which gets a new file: one that inherits the file of another has its space already.
	odd := openObject(t, s, testSpec("odd", 900<<10, 900<<10))
	must(t, odd.Reserve(0))
	fillDisk(t, filepath.Join(dir, "others"))
	hold := o.Hold()
	hold.Set(0, o.Chunks())
	if err := tryPut(odd, 0); !errors.Is(err, ErrFull) {
		t.Errorf("writing to a full disk: %v", err)
	}
	if err := o.Reserve(1); err != nil && !errors.Is(err, ErrFull) {
		t.Errorf("reserving on a full disk: %v", err)
	}
	if err := s.WriteMeta("test", "film", "info", make([]byte, 100_000)); !errors.Is(err, ErrFull) {
		t.Errorf("a side file on a full disk: %v", err)
	}
	right := 0
	for i := range o.Chunks() {
		if err := get(t, o, i); err == nil {
			right++
		} else if !errors.Is(err, ErrMissing) {
			t.Error(err)
		}
	}
	if right == 0 {
		t.Error("nothing is left of what was held")
	}
	hold.Release()
	must(t, o.Discard(1))
	put(t, o, 0) // by eviction
	must(t, get(t, o, 0))
	must(t, s.WriteMeta("test", "film", "info", make([]byte, 100_000)))
}

// fillDisk writes to path until there is no space.
func fillDisk(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	must(t, err)
	defer f.Close()
	for _, n := range []int{mib, 4096} {
		for err = nil; err == nil; {
			_, err = f.Write(make([]byte, n))
		}
		if !noSpace(err) {
			t.Fatal(err)
		}
	}
}

func TestDefaultQuota(t *testing.T) {
	for free, want := range map[int64]int64{
		0: 512 * mib, 4 << 30: 512 * mib, 20 << 30: 2 << 30, 100 << 30: 10 << 30, 1 << 50: 10 << 30,
	} {
		if got := quotaFor(free); got != want {
			t.Errorf("with %d free: %d, want %d", free, got, want)
		}
	}
	q, err := DefaultQuota(filepath.Join(t.TempDir(), "not", "there", "yet"))
	if err != nil || q < 512*mib || q > 10<<30 {
		t.Errorf("%d, %v", q, err)
	}
	for _, o := range []Options{{Quota: -1}, {Reserve: -1}} {
		if _, err := Open(t.TempDir(), o); err == nil {
			t.Errorf("accepted %+v", o)
		}
	}
}

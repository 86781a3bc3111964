package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func ids(s *Store) string {
	var ids []string
	for _, r := range s.Roots() {
		ids = append(ids, r.ID)
	}
	return strings.Join(ids, " ")
}

// fourRoots makes a, b, c, d of 3 MiB each with a side file, used in that order, a day apart. c is kept.
func fourRoots(t *testing.T, s *Store) {
	t.Helper()
	for _, id := range []string{"a", "b", "c", "d"} {
		o := openObject(t, s, testSpec(id, 3*mib, mib))
		for i := range 3 {
			put(t, o, i)
		}
		must(t, s.WriteMeta("test", id, "info", []byte("about "+id)))
		o.Close()
		time.Sleep(24 * time.Hour)
	}
	must(t, s.Keep("test", "c", true))
}

func TestRecycle(t *testing.T) {
	for name, test := range map[string]struct {
		want Want
		left string
	}{
		"nothing":          {Want{}, "d c b a"},
		"all":              {Want{All: true}, "c"},
		"unused":           {Want{UnusedFor: 80 * time.Hour}, "d c b"},
		"unused, younger":  {Want{UnusedFor: 10 * time.Hour}, "c"},
		"a little":         {Want{Free: 1}, "d c b a"}, // one chunk
		"one root":         {Want{Free: 3*mib + 30_000}, "d c b"},
		"more than is":     {Want{Free: 1 << 50}, "c"},
		"unused, a little": {Want{UnusedFor: 10 * time.Hour, Free: 3*mib + 100_000}, "d c b"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				s := openStore(t, dir, 64*mib)
				defer s.Close()
				fourRoots(t, s)
				before := s.Usage().Used
				freed, err := s.Recycle(t.Context(), test.want)
				if err != nil || ids(s) != test.left {
					t.Errorf("left %q, want %q, %v", ids(s), test.left, err)
				}
				if after := s.Usage().Used; before-after != freed || du(t, dir) > after {
					t.Errorf("freed %d; used %d before, %d after; du %d", freed, before, after, du(t, dir))
				}
				if w := test.want.Free; w > 0 && w < mib*100 && (freed < w || freed > w+2*mib) {
					t.Errorf("freed %d, asked for %d", freed, w)
				}
			})
		})
	}
}

func TestRecycleHeldAndCancelled(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := openStore(t, dir, 64*mib)
		defer s.Close()
		fourRoots(t, s)
		o := openObject(t, s, testSpec("a", 3*mib, mib))
		hold := o.Hold()
		hold.Set(1, 2)
		idle := openObject(t, s, testSpec("b", 3*mib, mib)) // open, but nobody reads
		_, err := s.Recycle(t.Context(), Want{All: true})
		must(t, err)
		if !o.HasAll(0, 3) || len(missing(idle, 0, 3)) != 3 || ids(s) != "a b c" {
			t.Errorf("left %q", ids(s))
		}
		put(t, idle, 0) // and goes on
		must(t, get(t, idle, 0))

		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		hold.Release()
		if freed, err := s.Recycle(ctx, Want{All: true}); !errors.Is(err, context.Canceled) || freed != 0 {
			t.Errorf("cancelled: %d, %v", freed, err)
		}
		o.Close()
		idle.Close()
	})
}

func TestRemove(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := openStore(t, dir, 64*mib)
		defer s.Close()
		fourRoots(t, s)
		before := s.Usage().Used
		freed, err := s.Remove("test", "c") // kept
		if err != nil || ids(s) != "d b a" || before-s.Usage().Used != freed || s.Usage().Kept != 0 {
			t.Errorf("freed %d, %v, left %q, %+v", freed, err, ids(s), s.Usage())
		}
		if _, err := os.Stat(filepath.Join(dir, "objects", "test", "c")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the folder: %v", err)
		}
		for _, id := range []string{"c", "nobody"} {
			if _, err := s.Remove("test", id); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s: %v", id, err)
			}
			if err := s.Keep("test", id, true); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s: %v", id, err)
			}
		}
		o := openObject(t, s, testSpec("a", 3*mib, mib))
		hold := o.Hold()
		hold.Set(1, 2)
		if _, err := s.Remove("test", "a"); err != nil || o.Has(0) || !o.Has(1) {
			t.Errorf("removing what is held: %v", err)
		}
		if b, err := s.ReadMeta("test", "a", "info"); err != nil || string(b) != "about a" {
			t.Errorf("the side file of a held root: %q, %v", b, err)
		}
		hold.Release()
		if _, err := s.Remove("test", "a"); err != nil || o.Has(1) {
			t.Errorf("removing what is open: %v", err)
		}
		if _, err := s.ReadMeta("test", "a", "info"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the side file of a removed root: %v", err)
		}
		put(t, o, 0)
		must(t, get(t, o, 0))
		o.Close()
	})
}

// TestKeep: being kept survives a restart, and ends a restart later.
func TestKeep(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir, 64*mib)
	put(t, openObject(t, s, testSpec("film", mib, mib)), 0)
	must(t, s.Keep("test", "film", true))
	must(t, s.Keep("test", "film", true))
	for _, keep := range []bool{true, false} {
		// Not closed: the wish is on the disk already. The other store only looks, and is not used again.
		s := openStore(t, dir, 64*mib)
		r := s.Roots()
		if len(r) != 1 || r[0].Kept != keep || (s.Usage().Kept == r[0].Bytes) != keep {
			t.Errorf("keep %v: %+v, %+v", keep, r, s.Usage())
		}
		must(t, s.Keep("test", "film", false))
		must(t, s.Close())
	}
}

func TestMeta(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir, 64*mib)
	if _, err := s.ReadMeta("test", "film", "info"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("reading what is not there: %v", err)
	}
	must(t, s.WriteMeta("test", "film", "info", []byte("first")))
	must(t, s.WriteMeta("test", "film", "info", []byte("second")))
	must(t, s.WriteMeta("test", "film", "peers", nil))
	must(t, s.WriteMeta("test", "film", "0", make([]byte, 100_000)))
	if err := s.WriteMeta("test", "film", "info", make([]byte, maxMeta+1)); err == nil {
		t.Error("accepted more than 16 MiB")
	}
	for _, bad := range [][3]string{
		{"..", "film", "info"}, {"test", "a/b", "info"}, {"test", "film", "../../x"}, {"test", "film", ""},
	} {
		if err := s.WriteMeta(bad[0], bad[1], bad[2], nil); err == nil {
			t.Errorf("accepted %q", bad)
		}
		if _, err := s.ReadMeta(bad[0], bad[1], bad[2]); err == nil || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	check := func(s *Store) {
		t.Helper()
		for name, want := range map[string]int{"info": 6, "peers": 0, "0": 100_000} {
			if b, err := s.ReadMeta("test", "film", name); err != nil || len(b) != want {
				t.Errorf("%s: %d bytes, %v", name, len(b), err)
			}
		}
		if u := s.Usage().Used; u < du(t, dir) {
			t.Errorf("used %d, du %d", u, du(t, dir))
		}
	}
	check(s)
	o := openObject(t, s, testSpec("film", mib, mib)) // the object comes later
	put(t, o, 0)
	must(t, o.Discard(0)) // and loses its chunks
	o.Close()
	check(s)
	must(t, s.Close())
	s = openStore(t, dir, 64*mib)
	check(s)
	must(t, s.Close())
	if err := s.WriteMeta("test", "film", "info", nil); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
	if _, err := s.ReadMeta("test", "film", "info"); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

// TestMetaQuota: side files count. Those of roots without chunks go, oldest first, when they take too much or nothing else is
// left, and not before.
func TestMetaQuota(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := openStore(t, dir, 8*mib)
		defer s.Close()
		for i := range 10 {
			must(t, s.WriteMeta("test", fmt.Sprint("m", i), "info", make([]byte, 50_000)))
			time.Sleep(time.Second)
		}
		o := openObject(t, s, testSpec("film", 40*mib, mib))
		for i := range 20 {
			put(t, o, i)
		}
		if n := len(s.Roots()); n != 11 {
			t.Errorf("%d roots: side files went before chunks", n)
		}
		for i := range 300 { // far more than the quota
			must(t, s.WriteMeta("test", fmt.Sprint("n", i), "info", make([]byte, 50_000)))
			time.Sleep(time.Second)
			if u := s.Usage().Used; u > 8*mib {
				t.Fatalf("used %d", u)
			}
		}
		left := ids(s)
		if len(strings.Fields(left)) < 15 || !strings.HasPrefix(left, "n299 n298 ") || strings.Contains(left, " m") {
			t.Errorf("left: %s", left)
		}
		if n := 20 - len(missing(o, 0, 20)); n < 5 {
			t.Errorf("only %d chunks are left beside the side files", n)
		}
		if du := du(t, dir); du > 8*mib {
			t.Errorf("du %d", du)
		}
		o.Close()
	})
}

// TestRecordTimes: object.json is there soon after a root is new, then at most once a minute, and at the end.
func TestRecordTimes(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := openStore(t, dir, 8*mib)
		o := openObject(t, s, testSpec("film", 4*4096, 4096))
		put(t, o, 0)
		path := filepath.Join(dir, "objects", "test", "film", recordFile)
		read := func() time.Time {
			t.Helper()
			synctest.Wait()
			data, err := os.ReadFile(path)
			must(t, err)
			rec, err := parseRecord(data, key{"test", "film"})
			must(t, err)
			return rec.LastAccess
		}
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("it is there at once: %v", err)
		}
		start := time.Now()
		time.Sleep(saveNewAfter)
		if at := read(); !at.Equal(start.UTC().Truncate(time.Second)) {
			t.Errorf("it says %v", at)
		}
		writes, last := 0, read()
		for range 600 {
			must(t, get(t, o, 0))
			time.Sleep(time.Second)
			if at := read(); !at.Equal(last) {
				writes++
				last = at
			}
		}
		if writes < 9 || writes > 10 {
			t.Errorf("written %d times in ten minutes", writes)
		}
		must(t, get(t, o, 0))
		end := time.Now()
		o.Close()
		must(t, s.Close())
		if at := read(); !at.Equal(end.UTC().Truncate(time.Second)) {
			t.Errorf("at the end it says %v, not %v", at, end)
		}
	})
}

// TestIdle: a store that nobody uses does nothing at all, and Close ends its goroutine (synctest fails otherwise).
func TestIdle(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := openStore(t, dir, 8*mib)
		o := openObject(t, s, testSpec("film", 4*mib, mib))
		put(t, o, 0)
		o.Close()
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if at := s.keeper.next(); !at.IsZero() {
			t.Errorf("something is due at %v", at)
		}
		if n := len(s.keeper.unsynced); n > 0 {
			t.Errorf("%d chunks are not synced", n)
		}
		must(t, s.Close())
		must(t, s.Close())
	})
}

package store

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestLRU: the least recently used goes first, but disposable ones before, and never what is held, kept or being filled.
func TestLRU(t *testing.T) {
	s := openStore(t, t.TempDir(), 64*mib)
	film := openObject(t, s, testSpec("film", 8*mib, mib))
	spec := testSpec("member", 8*mib, mib)
	spec.Disposable = true
	member := openObject(t, s, spec)
	kept := openObject(t, s, testSpec("kept", 8*mib, mib))
	for i := range 3 {
		put(t, kept, i)
	}
	for i := range 5 {
		put(t, film, i)
	}
	must(t, film.WriteAt(7, make([]byte, 9), 0))
	for i := range 3 {
		put(t, member, i)
	}
	must(t, s.Keep("test", "kept", true))
	must(t, get(t, film, 0))
	hold := film.Hold()
	hold.Set(1, 2)

	var order []string
	for {
		s.room.Lock()
		_, err := s.evict(0)
		s.room.Unlock()
		if errors.Is(err, ErrFull) {
			break
		}
		must(t, err)
		order = append(order, fmt.Sprint(missing(member, 0, 3), missing(film, 0, 5)))
	}
	want := []string{"[0] []", "[0 1] []", "[0 1 2] []", "[0 1 2] [2]", "[0 1 2] [2 3]", "[0 1 2] [2 3 4]", "[0 1 2] [0 2 3 4]"}
	if !slices.Equal(order, want) {
		t.Errorf("evicted in the order\n%q, want\n%q", order, want)
	}
	if !kept.HasAll(0, 3) || !film.Has(1) {
		t.Error("what was kept or held has gone")
	}
	if _, err := film.ReadFilling(7, make([]byte, 9), 0); err != nil {
		t.Errorf("the filling chunk has gone: %v", err)
	}
	if u := s.Usage(); u.Held != film.root.chunks[1].cost || u.Kept != kept.root.bytes {
		t.Errorf("usage %+v", u)
	}
	hold.Release()
	hold.Release()
	s.room.Lock()
	defer s.room.Unlock()
	if _, err := s.evict(0); err != nil || film.Has(1) {
		t.Errorf("a released chunk stays: %v", err)
	}
}

// TestKeepRemembersAge: chunks that are kept for a while go back to their places by age.
func TestKeepRemembersAge(t *testing.T) {
	s := openStore(t, t.TempDir(), 64*mib)
	a := openObject(t, s, testSpec("a", 6*mib, mib))
	b := openObject(t, s, testSpec("b", 6*mib, mib))
	for i := range 6 {
		put(t, a, i)
		put(t, b, i)
	}
	must(t, get(t, a, 2))
	must(t, s.Keep("test", "a", true))
	must(t, get(t, a, 0))
	must(t, s.Keep("test", "a", false))
	var order []string
	for range 12 {
		before := [2][]int{missing(a, 0, 6), missing(b, 0, 6)}
		s.room.Lock()
		_, err := s.evict(0)
		s.room.Unlock()
		must(t, err)
		for k, o := range []*Object{a, b} {
			for _, i := range missing(o, 0, 6) {
				if !slices.Contains(before[k], i) {
					order = append(order, fmt.Sprint(o.root.id, i))
				}
			}
		}
	}
	want := []string{"b0", "a1", "b1", "b2", "a3", "b3", "a4", "b4", "a5", "b5", "a2", "a0"}
	if !slices.Equal(order, want) {
		t.Errorf("evicted %v, want %v", order, want)
	}
}

// TestFolderSize: folders that once had many files stay large, and are counted so, also after a restart.
func TestFolderSize(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir, 64*mib)
	o := openObject(t, s, testSpec("many", 3000*4096, 4096))
	for i := range o.Chunks() {
		put(t, o, i)
	}
	for i := range o.Chunks() {
		if i%500 != 0 {
			must(t, o.Discard(i))
		}
	}
	o.Close()
	for range 2 {
		if used, du := s.Usage().Used, du(t, dir); used < du {
			t.Errorf("used %d, du %d", used, du)
		}
		must(t, s.Close())
		s = openStore(t, dir, 64*mib)
	}
}

// TestFillingGoes: a filling chunk that nobody has written to for long goes first, and one written recently when nothing else
// is left; one in a window never.
func TestFillingGoes(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := openStore(t, dir, 64*mib)
		o := openObject(t, s, testSpec("film", 8*mib, mib))
		evict := func() error {
			s.room.Lock()
			defer s.room.Unlock()
			_, err := s.evict(0)
			return err
		}
		is := func(i int, want state) {
			t.Helper()
			s.mu.Lock()
			defer s.mu.Unlock()
			if c := o.root.chunks[i]; c == nil && want != gone || c != nil && c.state != want {
				t.Errorf("chunk %d is not %d: %v", i, want, c)
			}
		}
		p := make([]byte, 100)
		hold := o.Hold()
		hold.Set(0, 1)
		must(t, o.WriteAt(0, p, 0)) // held
		must(t, o.WriteAt(1, p, 0)) // stale
		time.Sleep(fillStale)
		put(t, o, 2)
		must(t, o.WriteAt(3, p, 0)) // recent
		time.Sleep(fillGrace - time.Nanosecond)
		must(t, evict())
		is(1, gone)
		is(2, verified)
		must(t, evict())
		is(2, gone)
		is(3, filling)
		if err := evict(); !errors.Is(err, ErrFull) {
			t.Errorf("evicted what was written a moment ago: %v", err)
		}
		time.Sleep(time.Nanosecond)
		must(t, evict())
		is(3, gone)
		time.Sleep(time.Hour)
		if err := evict(); !errors.Is(err, ErrFull) {
			t.Errorf("evicted what is held: %v", err)
		}
		is(0, filling)
		o.Close()
		must(t, evict())
		if roots := s.Roots(); len(roots) > 0 {
			t.Errorf("left behind: %+v", roots)
		}
		s.Close()
	})
}

// TestFull: there is no room beside what is held; a chunk larger than the quota evicts nothing at all.
func TestFull(t *testing.T) {
	s := openStore(t, t.TempDir(), 4*mib)
	o := openObject(t, s, testSpec("film", 100*mib, mib))
	big := openObject(t, s, testSpec("big", 100*mib, 5*mib))
	hold := o.Hold()
	hold.Set(0, 100)
	n := 0
	var err error
	for ; n < 10 && err == nil; n++ {
		err = tryPut(o, n)
	}
	if n--; !errors.Is(err, ErrFull) || n != 3 {
		t.Errorf("%d chunks fit, then %v", n, err)
	}
	if err := big.Reserve(0); !errors.Is(err, ErrFull) {
		t.Errorf("reserving more than the quota: %v", err)
	}
	if !o.HasAll(0, n) {
		t.Error("held chunks have gone")
	}
	hold.Set(1, 100)
	if err := tryPut(o, 50); err != nil || o.Has(0) {
		t.Errorf("a chunk left the window and stays: %v", err)
	}
	hold.Release()
	must(t, s.Keep("test", "film", true))
	if err := tryPut(o, 51); !errors.Is(err, ErrFull) {
		t.Errorf("no room beside what is kept, but %v", err)
	}
}

// TestStream: a film eight times the quota goes through, and du is never above the quota.
func TestStream(t *testing.T) {
	dir := t.TempDir()
	const quota = 16 * mib
	s := openStore(t, dir, quota)
	o := openObject(t, s, testSpec("film", 8*quota, mib))
	hold := o.Hold()
	peak := int64(0)
	for i := range o.Chunks() {
		hold.Set(i, i+4)
		must(t, o.Reserve(i))
		peak = max(peak, du(t, dir))
		put(t, o, i)
		must(t, get(t, o, i))
		peak = max(peak, du(t, dir))
	}
	if peak > quota || peak < quota-2*mib {
		t.Errorf("du was up to %d of %d", peak, quota)
	}
}

// TestShrink: less quota evicts at once, except what is held, which follows as soon as it is let go.
func TestShrink(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir, 64*mib)
	o := openObject(t, s, testSpec("film", 32*mib, mib))
	for i := range o.Chunks() {
		put(t, o, i)
	}
	must(t, s.SetLimits(20*mib, 0))
	if u := s.Usage(); u.Used > 20*mib || u.Used < 18*mib || du(t, dir) > 20*mib {
		t.Errorf("used %d, du %d", u.Used, du(t, dir))
	}
	if o.Has(0) || !o.Has(31) {
		t.Error("the wrong end has gone")
	}
	hold := o.Hold()
	hold.Set(25, 32)
	if err := s.SetLimits(4*mib, 0); !errors.Is(err, ErrFull) {
		t.Errorf("shrinking under what is held: %v", err)
	}
	if !o.HasAll(25, 32) || o.Has(24) {
		t.Error("not exactly what is held is here")
	}
	hold.Release()
	for end := time.Now().Add(10 * time.Second); s.Usage().Used > 4*mib; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("still %d bytes", s.Usage().Used)
		}
	}
	for _, limits := range [][2]int64{{0, 0}, {-1, 0}, {1, -1}} {
		if err := s.SetLimits(limits[0], limits[1]); err == nil {
			t.Errorf("accepted %v", limits)
		}
	}
	o.Close()
	must(t, s.Close())
	s = openStore(t, dir, 2*mib) // and a smaller one while it was closed
	if used := s.Usage().Used; used > 2*mib || du(t, dir) > 2*mib {
		t.Errorf("used %d, du %d", used, du(t, dir))
	}
}

// TestEvictionUnderRead: while chunks come and go under a small quota, no reader ever sees a byte that is not its own.
func TestEvictionUnderRead(t *testing.T) {
	const objects, chunks, size = 4, 24, 100_000
	dir := t.TempDir()
	s := openStore(t, dir, 3*mib) // a third of it all
	s.files.max = 8
	shared := make([]*Object, objects)
	for i := range shared {
		spec := testSpec(fmt.Sprint("object", i), chunks*size-777, size)
		spec.Disposable = i == 0
		shared[i] = openObject(t, s, spec)
	}
	want := make(map[[2]int][]byte)
	for i, o := range shared {
		for j := range chunks {
			want[[2]int{i, j}] = content(o.root.id, j, o.ChunkSize(j))
		}
	}
	rounds := 800
	if testing.Short() {
		rounds = 300
	}
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(g), 3))
			p := make([]byte, size)
			var hold *Hold
			for range rounds {
				i, j := r.IntN(objects), r.IntN(chunks)
				o, data := shared[i], want[[2]int{i, j}]
				off := r.IntN(len(data))
				q := p[:r.IntN(len(data)-off)+1]
				n, err := o.ReadAt(j, q, int64(off))
				if err == nil && (n != len(q) || string(q) != string(data[off:off+n])) {
					t.Errorf("chunk %d of %d: wrong bytes", j, i)
					return
				}
				switch {
				case errors.Is(err, ErrMissing):
					if err := tryPut(o, j); err != nil && !errors.Is(err, ErrMissing) && !errors.Is(err, ErrFull) {
						t.Error(err)
						return
					}
				case err != nil:
					t.Error(err)
					return
				}
				switch r.IntN(40) {
				case 0:
					if err := o.Discard(j); err != nil {
						t.Error(err)
					}
				case 1:
					if hold == nil {
						hold = o.Hold()
						hold.Set(j, j+2)
					} else {
						hold.Release()
						hold = nil
					}
				case 2:
					if n, err := o.ReadFilling(j, q, int64(off)); err == nil && string(q[:n]) != string(data[off:off+n]) {
						t.Errorf("filling chunk %d of %d: wrong bytes", j, i)
					}
				case 3:
					if g == 0 {
						s.SetLimits(3*mib-r.Int64N(mib), 0)
					}
				}
			}
			if hold != nil {
				hold.Release()
			}
		})
	}
	wg.Wait()
	s.trim()
	if u := s.Usage(); u.Used > u.Quota || du(t, dir) > u.Used {
		t.Errorf("used %d of %d, du %d", u.Used, u.Quota, du(t, dir))
	}
}

// TestDropped: whoever has the object open is told of each chunk that goes, and can use the store then.
func TestDropped(t *testing.T) {
	s := openStore(t, t.TempDir(), 4*mib)
	var mu sync.Mutex
	var told [2][]int
	spec := testSpec("film", 32*mib, mib)
	var o [2]*Object
	for k := range o {
		spec.Dropped = func(i int) {
			mu.Lock()
			defer mu.Unlock()
			if o[k].Has(i) {
				t.Errorf("chunk %d is here", i)
			}
			told[k] = append(told[k], i)
		}
		o[k] = openObject(t, s, spec)
	}
	for i := range 6 {
		put(t, o[0], i)
	}
	must(t, o[0].WriteAt(9, make([]byte, 1), 0)) // evicts 3
	must(t, o[0].Discard(9))                     // was never verified
	must(t, o[0].Discard(4))
	for k := range told {
		if want := []int{0, 1, 2, 3, 4}; !slices.Equal(told[k], want) {
			t.Errorf("handle %d was told %v, want %v", k, told[k], want)
		}
	}
}

// TestInherit: a new chunk gets the file of the one that is evicted for it, and nothing of what was in it can be read.
func TestInherit(t *testing.T) {
	s := openStore(t, t.TempDir(), 4*mib)
	o := openObject(t, s, testSpec("film", 64*mib, mib))
	first := -1
	for i := range o.Chunks() {
		put(t, o, i)
		if !o.Has(0) {
			first = i
			break
		}
	}
	if first < 0 {
		t.Fatal("nothing was evicted")
	}
	oldest := o.root.chunks[1]
	before, err := os.Stat(oldest.path())
	must(t, err)
	must(t, o.Reserve(first+1))
	after, err := os.Stat(o.root.chunks[first+1].path())
	must(t, err)
	if o.Has(1) || !os.SameFile(before, after) {
		t.Fatalf("chunk %d has a file of its own", first+1)
	}
	if n, err := o.ReadFilling(first+1, make([]byte, 10), 0); n != 0 || !errors.Is(err, ErrMissing) {
		t.Fatalf("read %d bytes of another chunk: %v", n, err)
	}
	if err := o.Commit(first + 1); !errors.Is(err, ErrMissing) {
		t.Fatalf("committed what nobody wrote: %v", err)
	}
	put(t, o, first+1)
	must(t, get(t, o, first+1))
}

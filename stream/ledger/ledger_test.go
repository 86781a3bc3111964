package ledger

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

var (
	film  = Root{"bittorrent/v0", "0123456789abcdef0123456789abcdef01234567"}
	album = Root{"ipfs/v0", "bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi"}
)

func open(t testing.TB, dir string, o Options) *Ledger {
	t.Helper()
	l, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func reopen(t testing.TB, l *Ledger) *Ledger {
	t.Helper()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return open(t, l.dir, l.opt)
}

// dump writes down everything that l knows, in a fixed order.
func dump(l *Ledger) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	lines := []string{fmt.Sprint("top ", l.tree.top.sum)}
	for _, n := range l.tree.nodes {
		line := fmt.Sprint(n.level, " ", n.site, " ", n.sum, " ", n.dropped)
		if n.level >= rootLevel {
			line += fmt.Sprint(" ", n.root())
		}
		if n.level == itemLevel {
			line += fmt.Sprintf(" %q", n.name)
		}
		lines = append(lines, line)
	}
	for _, d := range l.decisions.list() {
		lines = append(lines, fmt.Sprint(d))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// check holds the tree to what must always be true of it.
func check(t testing.TB, l *Ledger) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	tr := l.tree
	if len(tr.nodes) > tr.most || tr.cost > tr.mostFor {
		t.Errorf("%d entries of %d bytes; at most %d of %d", len(tr.nodes), tr.cost, tr.most, tr.mostFor)
	}
	cost, all := 0, 0
	claims := make(map[Root]int)
	seq := uint64(math.MaxUint64)
	for n := tr.all.first; n != nil; n = n.links[byUse].next {
		all++
		cost += int(n.cost)
		if tr.nodes[n.nodeKey] != n || n.seq > seq {
			t.Errorf("%v is out of place", n.nodeKey)
		}
		seq = n.seq
		if n.level == rootLevel && !n.dropped {
			claims[n.root()]++
		}
		if n.level == siteLevel && (n.group.nodes > tr.most/2+1 || n.group.cost > tr.mostFor/2+int(n.cost)) {
			t.Errorf("%s has %d entries of %d bytes", n.site, n.group.nodes, n.group.cost)
		}
		if r, any := n.record(); any {
			if line, err := appendLine(nil, &r); err != nil || len(line) > int(n.cost) || len(line) > maxLine {
				t.Errorf("%v takes %d bytes, counted as %d (%v)", n.nodeKey, len(line), n.cost, err)
			}
		}
	}
	if all != len(tr.nodes) || cost != tr.cost {
		t.Errorf("%d entries of %d bytes are listed, %d of %d counted", all, cost, len(tr.nodes), tr.cost)
	}
	hosts := make(map[string]int)
	for s, d := range l.decisions.sites {
		if d.rule == Block && s.domain() != "" && s.Label() == "" {
			hosts[s.domain()]++
		}
	}
	if fmt.Sprint(hosts) != fmt.Sprint(l.decisions.hosts) {
		t.Errorf("domains %v, counted %v", hosts, l.decisions.hosts)
	}
	if fmt.Sprint(claims) != fmt.Sprint(tr.claims) {
		t.Errorf("claims %v, counted %v", claims, tr.claims)
	}
}

func one[T any](t testing.TB, seq func(func(T) bool)) (x T) {
	t.Helper()
	n := 0
	for x = range seq {
		n++
	}
	if n != 1 {
		t.Fatalf("%d of them, want 1", n)
	}
	return x
}

func TestNote(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := open(t, t.TempDir(), Options{})
		page, other := site(t, "https://example.org"), site(t, "http://127.0.0.1:43110/1Site")
		start := time.Now()
		l.note(page, film, "a.mp4", 0)
		time.Sleep(time.Minute)
		l.grow(page, film, "a.mp4", 1000)
		l.note(page, film, "b.mp4", 10)
		time.Sleep(time.Minute)
		l.note(other, film, "a.mp4", 5)
		l.note(page, album, "", 0)

		for range 2 {
			items := slices.Collect(l.Items(page, film))
			if len(items) != 2 || items[0].Path != "a.mp4" && items[1].Path != "a.mp4" {
				t.Fatalf("%+v", items)
			}
			slices.SortFunc(items, func(a, b ItemUse) int { return cmp.Compare(a.Path, b.Path) })
			want := ItemUse{"a.mp4", Use{start, start.Add(time.Minute), 1, 1000}}
			if a := items[0]; a.Path != want.Path || !a.First.Equal(want.First) || !a.Last.Equal(want.Last) || a.Requests != 1 || a.Bytes != 1000 {
				t.Errorf("%+v, want %+v", a, want)
			}
			roots := slices.Collect(l.Roots(page))
			if len(roots) != 2 || roots[0].Root != album || roots[1].Root != film || roots[1].Items != 2 || roots[1].Bytes != 1010 || roots[1].Requests != 2 || !roots[1].Claimed {
				t.Errorf("%+v", roots)
			}
			users := slices.Collect(l.Users(film))
			if len(users) != 2 || users[0].Site != other || users[1].Site != page {
				t.Errorf("%+v", users)
			}
			sites := slices.Collect(l.Sites())
			if len(sites) != 2 || sites[0].Bytes+sites[1].Bytes != 1015 {
				t.Errorf("%+v", sites)
			}
			if sub := one(t, l.SubSites(other.Origin())); sub.Site != other || sub.Bytes != 5 || sub.Roots != 1 {
				t.Errorf("%+v", sub)
			}
			if u := l.Site(other.Origin()); u.Labels != 1 || u.Roots != 1 || u.Requests != 1 {
				t.Errorf("%+v", u)
			}
			if total := l.Total(); total.Requests != 4 || total.Bytes != 1015 {
				t.Errorf("%+v", total)
			}
			if n := len(slices.Collect(l.Roots(Site{}))); n != 2 {
				t.Errorf("%d roots in all", n)
			}
			check(t, l)
			l = reopen(t, l) // and the same from the disk
		}
	})
}

// TestReplay does at random whatever can be done to a small ledger, and compares memory with what comes back from the disk.
func TestReplay(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { replay(t, rand.New(rand.NewPCG(seed, 1))) })
		})
	}
}

func replay(t *testing.T, r *rand.Rand) {
	l := open(t, t.TempDir(), Options{MaxEntries: 64 + r.IntN(64), MaxBytes: 1 << 20, Keep: 100 * 24 * time.Hour})
	sites := []Site{OpenedDirectly(), UnknownSite(), ProgramSite("curl/8")}
	for i := range 8 {
		sites = append(sites, site(t, fmt.Sprintf("https://%d.example", i)), site(t, fmt.Sprintf("http://127.0.0.1:43110/1Site%d", i)))
	}
	for range 600 {
		s, root := sites[r.IntN(len(sites))], Root{"bittorrent/v0", fmt.Sprint("root", r.IntN(12))}
		path := []string{"", "a", "\u2028<&>\"\\\x01", strings.Repeat("\x02", 900), "\xff\xfe", strings.Repeat("long", 300)}[r.IntN(6)]
		switch n := r.IntN(100); {
		case n < 50:
			l.note(s, root, path, r.Int64N(1000))
		case n < 75:
			l.grow(s, root, path, r.Int64N(1000))
		case n < 80:
			l.Disown(s, root)
		case n < 82:
			l.Forget(s, root, path)
		case n < 83:
			l.ForgetUse(s, root)
		case n < 84:
			l.ForgetRoot(root)
		case n < 85:
			l.ForgetSite(s)
		case n < 87:
			l.Decide(s, Rule(r.IntN(3)))
		case n < 88:
			l.BlockRoot(root, r.IntN(2) == 0)
		case n < 90:
			l.Mark(s, Mark([]string{"exposed", "asking", "x"}[r.IntN(3)]))
		case n < 97:
			time.Sleep(time.Duration(r.Int64N(int64(10 * time.Second))))
		case n < 98:
			time.Sleep(time.Duration(r.Int64N(int64(20 * 24 * time.Hour))))
		default:
			check(t, l)
			before, total := dump(l), l.Total()
			l = reopen(t, l)
			check(t, l)
			if l.Damaged() != 0 || l.Err() != nil {
				t.Fatalf("%d lines damaged, %v", l.Damaged(), l.Err())
			}
			if after := dump(l); after != before || l.Total() != total {
				t.Fatal(diff(before, after))
			}
		}
	}
}

// diff are the lines that only one of two dumps has.
func diff(before, after string) string {
	var b strings.Builder
	old, now := strings.Split(before, "\n"), strings.Split(after, "\n")
	for _, line := range old {
		if !slices.Contains(now, line) {
			b.WriteString("\n- " + line)
		}
	}
	for _, line := range now {
		if !slices.Contains(old, line) {
			b.WriteString("\n+ " + line)
		}
	}
	return b.String()
}

// TestBounds floods a ledger from one site with many roots, from many sites, and with long names.
func TestBounds(t *testing.T) {
	const most = 1 << 20
	dir := t.TempDir()
	l := open(t, dir, Options{MaxEntries: 2000, MaxBytes: most, FlushEvery: time.Millisecond})
	quiet := site(t, "https://quiet.example")
	l.note(quiet, film, "film.mp4", 7)
	onDisk := func() (n int64) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if info, err := e.Info(); err == nil && !strings.HasPrefix(e.Name(), "decisions") {
				n += info.Size()
			}
		}
		return n
	}
	loud, requests := site(t, "https://loud.example"), int64(1)
	flood := func(n int, note func(i int)) {
		t.Helper()
		for i := range n {
			note(i)
			if requests++; i%5000 == 0 {
				check(t, l)
				if got := onDisk(); got > most {
					t.Fatalf("%d bytes on disk", got)
				}
			}
		}
	}
	flood(100_000, func(i int) { l.note(loud, Root{"bittorrent/v0", fmt.Sprint(i)}, strings.Repeat("\x01", i%2000), 1) })
	if u := l.Site(quiet); u.Bytes != 7 || u.Roots != 1 {
		t.Errorf("the flood of one site has washed away another: %+v", u)
	}
	if u := l.Site(loud); u.Requests != 100_000 || u.Bytes != 100_000 {
		t.Errorf("the sums of what was folded are lost: %+v", u)
	}
	flood(100_000, func(i int) { l.note(Site{fmt.Sprintf("https://%d.example", i)}, film, "x", 1) })
	flood(1000, func(i int) { l.note(loud, Root{strings.Repeat("p", 100), strings.Repeat("r", 300)}, "", 1) })
	if got := l.Total(); got.Requests != requests {
		t.Errorf("%d requests, want %d", got.Requests, requests)
	}
	for i := range 10_000 {
		l.Mark(Site{fmt.Sprintf("https://%d.example", i)}, Exposed)
	}
	if n := len(l.decisions.marks); n > 2000/8 {
		t.Errorf("%d marks", n)
	}
	before := dump(l)
	l = reopen(t, l)
	check(t, l)
	if got := onDisk(); dump(l) != before || got > most {
		t.Errorf("%d bytes on disk, or the flood changed on its way", got)
	}
}

func TestRulesAreBounded(t *testing.T) {
	l := open(t, t.TempDir(), Options{})
	for i := range maxRules {
		l.decisions.set(Site{fmt.Sprintf("https://%d.example", i)}, decided{rule: Block})
	}
	if err := l.Decide(site(t, "https://one.more.example"), Block); !errors.Is(err, ErrTooMany) {
		t.Errorf("%v", err)
	}
	if err := l.BlockRoot(film, true); !errors.Is(err, ErrTooMany) {
		t.Errorf("%v", err)
	}
	if err := l.Decide(site(t, "https://1.example"), Allow); err != nil {
		t.Errorf("an old rule cannot be changed: %v", err)
	}
}

func TestSumsStayInRange(t *testing.T) {
	l := open(t, t.TempDir(), Options{})
	for range 3 {
		l.note(UnknownSite(), film, "", math.MaxInt64)
		l.grow(UnknownSite(), film, "", -5)
	}
	l.note(Site{}, Root{}, "", math.MinInt64) // nobody, nothing
	if u := l.Site(UnknownSite()); u.Bytes != math.MaxInt64 || u.Requests != 4 {
		t.Errorf("%+v", u)
	}
	l = reopen(t, l)
	if u := l.Site(UnknownSite()); u.Bytes != math.MaxInt64 || u.Requests != 4 {
		t.Errorf("%+v", u)
	}
}

// TestKeep: the history reaches back as far as it should, while the program runs and after a restart, and no further.
func TestKeep(t *testing.T) {
	for _, restart := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			l := open(t, t.TempDir(), Options{Keep: 90 * 24 * time.Hour})
			page := site(t, "https://example.org")
			l.note(page, film, "a.mp4", 1)
			l.Mark(page, Exposed)
			if err := l.Decide(page, Allow); err != nil {
				t.Fatal(err)
			}
			pass := func(d time.Duration) {
				if restart {
					if err := l.Close(); err != nil {
						t.Fatal(err)
					}
				}
				time.Sleep(d)
				if restart {
					l = open(t, l.dir, l.opt)
				}
			}
			pass(80 * 24 * time.Hour)
			l.note(page, album, "", 1)
			if u := l.Site(page); u.Roots != 2 {
				t.Errorf("after 80 days: %+v", u)
			}
			pass(20 * 24 * time.Hour)
			if got := one(t, l.Roots(page)); got.Root != album {
				t.Errorf("after 100 days: %+v", got)
			}
			pass(100 * 24 * time.Hour)
			if u := l.Site(page); u.Requests != 0 || u.Rule != Allow || l.Total().Requests != 0 || len(l.tree.nodes) > 0 {
				t.Errorf("after 200 days: %+v", u)
			}
			if !l.Mark(page, Exposed) {
				t.Error("the mark is still there")
			}
		})
	}
}

// While the clock may be wrong nothing is forgotten for its age, and no time is corrected, neither at the start nor while the
// program runs. Afterwards all is as it should be.
func TestKeepInDoubt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var doubt atomic.Bool
		o := Options{Keep: 90 * 24 * time.Hour, Doubt: doubt.Load}
		l := open(t, t.TempDir(), o)
		page := site(t, "https://example.org")
		l.note(page, film, "a.mp4", 1)
		l.Mark(page, Exposed)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		doubt.Store(true)
		time.Sleep(200 * 24 * time.Hour) // the clock leaps
		l = open(t, l.dir, o)
		time.Sleep(48 * time.Hour)
		if got := one(t, l.Roots(page)); got.Root != film || l.Mark(page, Exposed) {
			t.Errorf("in doubt: %+v", got)
		}
		doubt.Store(false)
		time.Sleep(48 * time.Hour)
		if u := l.Site(page); u.Requests != 0 || len(l.tree.nodes) > 0 {
			t.Errorf("afterwards: %+v", u)
		}
	})
}

// A clock that was wrong for a day does not keep entries for ever.
func TestClockFromTheFuture(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := open(t, t.TempDir(), Options{})
		dir := l.dir
		l.Close()
		future := time.Now().Add(1000 * 24 * time.Hour).Unix()
		data, _ := appendLine(nil, head{format})
		path := "a"
		data, _ = appendLine(data, &record{Site: UnknownSite(), Protocol: "p", Root: "r", Path: &path, First: future, Last: future, Requests: 1})
		if err := os.WriteFile(filepath.Join(dir, historyFile), data, 0o600); err != nil {
			t.Fatal(err)
		}
		l = open(t, dir, Options{})
		if u := l.Site(UnknownSite()); u.Requests != 1 || u.Last.After(time.Now()) {
			t.Errorf("%+v", u)
		}
	})
}

func TestForget(t *testing.T) {
	zero := site(t, "http://127.0.0.1:43110")
	a, b := site(t, "http://127.0.0.1:43110/1A"), site(t, "http://127.0.0.1:43110/1B")
	web := site(t, "https://example.org")
	for name, c := range map[string]struct {
		forget func(l *Ledger) error
		gone   []string // of what fill notes, in the same words
	}{
		"item":           {func(l *Ledger) error { return l.Forget(a, film, "x") }, []string{"A film x"}},
		"no such item":   {func(l *Ledger) error { return l.Forget(a, film, "nothing") }, nil},
		"use":            {func(l *Ledger) error { return l.ForgetUse(a, film) }, []string{"A film x", "A film y"}},
		"use of an all":  {func(l *Ledger) error { return l.ForgetUse(zero, film) }, []string{"A film x", "A film y", "B film x"}},
		"no root":        {func(l *Ledger) error { return l.ForgetUse(a, Root{}) }, nil},
		"root":           {func(l *Ledger) error { return l.ForgetRoot(film) }, []string{"A film x", "A film y", "B film x", "W film x"}},
		"no root at all": {func(l *Ledger) error { return l.ForgetRoot(Root{}) }, nil},
		"label":          {func(l *Ledger) error { return l.ForgetSite(a) }, []string{"A film x", "A film y", "A mark"}},
		"origin":         {func(l *Ledger) error { return l.ForgetSite(zero) }, []string{"A film x", "A film y", "B film x", "B album x", "A mark"}},
		"no site":        {func(l *Ledger) error { return l.ForgetSite(Site{}) }, nil},
		"all": {func(l *Ledger) error { return l.ForgetAll() },
			[]string{"A film x", "A film y", "B film x", "B album x", "W film x", "A mark", "W mark"}},
	} {
		t.Run(name, func(t *testing.T) {
			l := open(t, t.TempDir(), Options{})
			l.note(a, film, "x", 1)
			l.note(a, film, "y", 1)
			l.note(b, film, "x", 1)
			l.note(b, album, "x", 1)
			l.note(web, film, "x", 1)
			l.Mark(a, Exposed)
			l.Mark(web, Exposed)
			if err := l.Decide(a, Block); err != nil {
				t.Fatal(err)
			}
			if err := l.flush(); err != nil {
				t.Fatal(err)
			}
			if err := c.forget(l); err != nil {
				t.Fatal(err)
			}
			// As after kill -9: what was forgotten is not on the disk any more, though nobody has closed the ledger.
			copied := t.TempDir()
			if err := os.CopyFS(copied, os.DirFS(l.dir)); err != nil {
				t.Fatal(err)
			}
			for _, l := range []*Ledger{l, open(t, copied, Options{})} {
				check(t, l)
				have := make(map[string]bool)
				for word, s := range map[string]Site{"A": a, "B": b, "W": web} {
					for name, root := range map[string]Root{"film": film, "album": album} {
						for item := range l.Items(s, root) {
							have[word+" "+name+" "+item.Path] = true
						}
					}
					for marked := range l.Marked(Exposed) {
						have[word+" mark"] = have[word+" mark"] || marked == s
					}
				}
				for _, what := range []string{"A film x", "A film y", "B film x", "B album x", "W film x", "A mark", "W mark"} {
					if have[what] == slices.Contains(c.gone, what) {
						t.Errorf("%s: there is %v", what, have[what])
					}
				}
				if l.Rule(a) != Block {
					t.Error("the rule has gone with the history")
				}
			}
			if err := l.ForgetDecisions(); err != nil || l.Rule(a) != Default {
				t.Errorf("%v, %v", l.Rule(a), err)
			}
		})
	}
}

// What was forgotten stays so when a request that began before ends after.
func TestForgetUnderway(t *testing.T) {
	l := open(t, t.TempDir(), Options{})
	page := site(t, "https://example.org")
	l.note(page, film, "x", 1)
	if err := l.ForgetAll(); err != nil {
		t.Fatal(err)
	}
	l.grow(page, film, "x", 1)
	for u := range l.Sites() {
		t.Errorf("%+v is back", u)
	}
}

func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := open(t, t.TempDir(), Options{FlushEvery: time.Hour})
		l.note(UnknownSite(), film, "", 1)
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				if err := l.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		l.note(UnknownSite(), album, "", 1)
		for _, err := range []error{l.Decide(UnknownSite(), Block), l.BlockRoot(film, true), l.ForgetAll(), l.ForgetSite(UnknownSite())} {
			if !errors.Is(err, fs.ErrClosed) {
				t.Errorf("%v", err)
			}
		}
		if _, err := l.Disown(UnknownSite(), film); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("%v", err)
		}
		if l.Mark(UnknownSite(), Exposed) || l.Rule(UnknownSite()) != Default {
			t.Error("a closed ledger has changed")
		}
		if got := one(t, open(t, l.dir, Options{}).Roots(UnknownSite())); got.Root != film {
			t.Errorf("%+v", got)
		}
	})
}

// TestFlush: notes are on the disk after the time for that, in one piece, without Close; and nothing is written before.
func TestFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := open(t, t.TempDir(), Options{FlushEvery: 5 * time.Second})
		file := filepath.Join(l.dir, historyFile)
		size := func() int64 {
			info, err := os.Stat(file)
			if err != nil {
				t.Fatal(err)
			}
			return info.Size()
		}
		empty := size()
		for range 100 {
			l.note(UnknownSite(), film, "x", 1)
		}
		time.Sleep(4 * time.Second)
		synctest.Wait()
		if got := size(); got != empty {
			t.Errorf("%d bytes were written at once", got-empty)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		first := size()
		if first == empty || first > empty+300 {
			t.Errorf("100 notes of one item are %d bytes", first-empty)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if got := size(); got != first {
			t.Errorf("%d bytes were written for nothing", got-first)
		}
	})
}

// TestDiskInTheWay: what cannot be written now is written later, and meanwhile everything works.
func TestDiskInTheWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := open(t, t.TempDir(), Options{})
		page := site(t, "https://example.org")
		l.note(page, film, "x", 1)
		if err := os.RemoveAll(l.dir); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(l.dir, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if l.Err() == nil {
			t.Fatal("nobody has noticed")
		}
		if err := l.Decide(page, Block); err == nil || l.Rule(page) != Block {
			t.Errorf("%v, and the rule is %v", err, l.Rule(page))
		}
		l.note(page, film, "y", 1)
		if err := os.Remove(l.dir); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		if err := l.Err(); err != nil {
			t.Fatal(err)
		}
		before := dump(l)
		copied := t.TempDir()
		if err := os.CopyFS(copied, os.DirFS(l.dir)); err != nil {
			t.Fatal(err)
		}
		if after := dump(open(t, copied, Options{})); after != before {
			t.Error(diff(before, after))
		}
	})
}

func TestOptions(t *testing.T) {
	if _, err := Open(t.TempDir(), Options{Keep: -1}); err == nil {
		t.Error("a negative option")
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(file, Options{}); err == nil {
		t.Error("a file for a folder")
	}
}

// TestConcurrent is for the race detector.
func TestConcurrent(t *testing.T) {
	l := open(t, t.TempDir(), Options{MaxEntries: 100, FlushEvery: time.Millisecond})
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			s := site(t, fmt.Sprintf("https://%d.example", i))
			for j := range 300 {
				root := Root{"p/v0", fmt.Sprint(j % 50)}
				l.note(s, root, "x", 1)
				l.grow(s, root, "x", 1)
				l.Mark(s, Mark(fmt.Sprint(j%3)))
				switch j % 20 {
				case 0:
					l.Decide(s, Rule(j%3))
				case 1:
					l.ForgetUse(s, root)
				case 2:
					l.Disown(s, root)
				case 3:
					for u := range l.Sites() {
						l.Site(u.Site)
						l.Users(root)
						for range l.Roots(u.Site) {
						}
					}
				}
			}
		})
	}
	wg.Wait()
	check(t, l)
	before := dump(l)
	if l = reopen(t, l); dump(l) != before {
		t.Error("memory and disk differ")
	}
}

package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// begin is Begin that has to be let in.
func begin(t testing.TB, g *Gate, s Site, root Root) *Access {
	t.Helper()
	a, err := g.Begin(s, root)
	if err != nil {
		t.Fatalf("%s is refused: %v", s, err)
	}
	return a
}

// refused is Begin that must not be let in.
func refused(t testing.TB, g *Gate, s Site, root Root, want error) {
	t.Helper()
	a, err := g.Begin(s, root)
	if a != nil || !errors.Is(err, want) {
		t.Errorf("%s is told %v, want %v", s, err, want)
	}
}

func limit(t testing.TB, g *Gate, s Site, root Root) *LimitError {
	t.Helper()
	a, err := g.Begin(s, root)
	if err == nil { // it may be the disk
		err = a.Found(t.Context(), root, "")
		a.End()
	}
	var limit *LimitError
	if !errors.As(err, &limit) {
		t.Fatalf("%s is told %v, want a limit", s, err)
	}
	return limit
}

func numbered(i int) Root { return Root{"bittorrent/v0", fmt.Sprintf("%040d", i)} }

// TestMoved: what goes by another path once it has been looked into is noted there from then on.
func TestMoved(t *testing.T) {
	l := open(t, t.TempDir(), Options{})
	g := NewGate(l, GateOptions{})
	page := site(t, "https://example.org")
	a := begin(t, g, page, film)
	a.Moved("nothing is found yet")
	if err := a.Found(t.Context(), film, "a.zip"); err != nil {
		t.Fatal(err)
	}
	a.Sent(3)
	a.Moved("a.zip")
	a.Moved("a.zip/1.jpg")
	a.Sent(4)
	a.End()
	a.Moved("it is over")
	got := make(map[string]int64)
	for i := range l.Items(page, film) {
		got[i.Path] = i.Bytes
	}
	if len(got) != 2 || got["a.zip"] != 3 || got["a.zip/1.jpg"] != 4 {
		t.Errorf("the items are %v", got)
	}
}

func TestAccess(t *testing.T) {
	l := open(t, t.TempDir(), Options{})
	g := NewGate(l, GateOptions{})
	page := site(t, "https://example.org")
	asked := Root{film.Protocol, "magnet:?xt=urn:btih:" + film.ID}

	a := begin(t, g, page, asked)
	a.Sent(10) // of nothing that has a name
	if err := a.Found(t.Context(), film, "a.mp4"); err != nil {
		t.Fatal(err)
	}
	a.Sent(-5)
	a.Sent(growStep)
	if got := one(t, l.Items(page, film)); got.Path != "a.mp4" || got.Requests != 1 || got.Bytes != growStep+10 {
		t.Errorf("underway: %+v", got)
	}
	a.Sent(7)
	if err := a.Found(t.Context(), album, "b"); err != nil {
		t.Fatal(err)
	}
	a.End()
	a.Sent(growStep)
	a.End()
	if got := one(t, l.Items(page, film)); got.Requests != 1 || got.Bytes != growStep+17 {
		t.Errorf("at the end: %+v", got)
	}
	if got := one(t, l.Roots(page)); got.Root != film {
		t.Errorf("%+v", got)
	}

	a = begin(t, g, page, asked) // never found
	a.End()
	if got := one(t, l.Items(page, asked)); got.Path != "" || got.Requests != 1 || got.Bytes != 0 {
		t.Errorf("%+v", got)
	}
	a = begin(t, g, page, Root{film.Protocol, "nonsense"})
	a.Malformed()
	a.End()
	begin(t, g, Site{}, film).End()
	if u := l.Site(page); u.Requests != 2 || u.Roots != 2 {
		t.Errorf("%+v", u)
	}
	if u := l.Site(UnknownSite()); u.Requests != 1 {
		t.Errorf("who is nobody is not unknown: %+v", u)
	}
}

// TestNoDiskOnTheWay: whoever writes files has them locked while requests come and go.
func TestNoDiskOnTheWay(t *testing.T) {
	l := open(t, t.TempDir(), Options{MaxEntries: 64, FlushEvery: time.Millisecond})
	g := NewGate(l, GateOptions{Site: Limits{NewRoots: -1}, All: Limits{NewRoots: -1}})
	l.disk.Lock()
	defer l.disk.Unlock()
	for i := range 2 * maxPending {
		s := Site{fmt.Sprintf("http://%d.onion", i)}
		a := begin(t, g, s, numbered(i))
		if err := a.Found(t.Context(), numbered(i), "a.mp4"); err != nil {
			t.Fatal(err)
		}
		a.Sent(2 * growStep)
		a.End()
		l.Disown(s, numbered(i))
	}
}

func TestBlockedSite(t *testing.T) {
	l := open(t, t.TempDir(), Options{})
	g := NewGate(l, GateOptions{})
	zero := site(t, "http://127.0.0.1:43110")
	bad, good := site(t, "http://127.0.0.1:43110/1Bad"), site(t, "http://127.0.0.1:43110/1Good")
	decide := func(s Site, r Rule) {
		t.Helper()
		if err := l.Decide(s, r); err != nil {
			t.Fatal(err)
		}
	}
	decide(bad, Block)
	refused(t, g, bad, film, ErrSiteBlocked)
	begin(t, g, good, film).End()
	begin(t, g, zero, film).End()
	decide(zero, Block)
	decide(good, Allow) // which does not help below an origin that is blocked: a label cannot be proved
	refused(t, g, zero, film, ErrSiteBlocked)
	refused(t, g, good, film, ErrSiteBlocked)
	begin(t, g, site(t, "http://127.0.0.1:43111"), film).End()
	for _, s := range []Site{UnknownSite(), OpenedDirectly(), ProgramSite("curl/8")} {
		decide(s, Block)
		refused(t, g, s, film, ErrSiteBlocked)
	}
	l = reopen(t, l)
	g = NewGate(l, GateOptions{})
	refused(t, g, bad, film, ErrSiteBlocked)
	if err := l.Decide(zero, Default); err != nil {
		t.Fatal(err)
	}
	begin(t, g, good, film).End()
	refused(t, g, bad, film, ErrSiteBlocked)
	if err := l.Decide(Site{}, Block); !errors.Is(err, ErrSite) {
		t.Errorf("%v", err)
	}
	if u := l.Site(bad); u.Requests != 0 || u.Rule != Block {
		t.Errorf("a refused request was counted: %+v", u)
	}
}

// TestBlockedDomain: a site does not come back under another name of the same owner; addresses and this computer are told apart
// by port, because there each has another owner.
func TestBlockedDomain(t *testing.T) {
	l := open(t, t.TempDir(), Options{})
	for range 2 {
		for _, s := range []string{"https://bad.example", "http://192.0.2.1:80", "http://127.0.0.1:43110", "http://x.localhost:1", "https://half.example/label", "http://[2001:db8::1]"} {
			if err := l.Decide(site(t, s), Block); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.Decide(site(t, "https://good.bad.example"), Allow); err != nil {
			t.Fatal(err)
		}
		check(t, l)
		for s, want := range map[string]Rule{
			"https://bad.example": Block, "http://bad.example": Block, "https://bad.example:8443": Block, "https://www.bad.example": Block,
			"wss://a.b.bad.example/label": Block, "https://good.bad.example": Allow, "http://good.bad.example": Block,
			"https://notbad.example": Default, "https://example": Default, "https://bad.example.org": Default,
			"http://192.0.2.1": Block, "http://192.0.2.1:81": Default, "http://127.0.0.1:43110/1Site": Block, "http://127.0.0.1:43111": Default,
			"http://x.localhost:1": Block, "http://x.localhost:2": Default, "http://y.x.localhost:1": Default,
			"https://half.example": Default, "https://half.example/label": Block, "https://half.example/other": Default,
			"http://[2001:db8::1]": Block, "http://[2001:db8::1]:81": Default,
		} {
			if got := l.Rule(site(t, s)); got != want {
				t.Errorf("%s: %s, want %s", s, got, want)
			}
		}
		l = reopen(t, l)
	}
	if err := l.Decide(site(t, "https://bad.example"), Default); err != nil || l.Rule(site(t, "http://www.bad.example")) != Default {
		t.Errorf("%v, and the domain stays blocked", err)
	}
	if err := l.ForgetDecisions(); err != nil {
		t.Fatal(err)
	}
	check(t, l)
}

func TestBlockedRoot(t *testing.T) {
	l := open(t, t.TempDir(), Options{})
	g := NewGate(l, GateOptions{})
	page := site(t, "https://example.org")
	if err := l.BlockRoot(film, true); err != nil {
		t.Fatal(err)
	}
	refused(t, g, page, film, ErrRootBlocked)
	refused(t, g, OpenedDirectly(), film, ErrRootBlocked)
	begin(t, g, page, album).End()
	a := begin(t, g, page, Root{film.Protocol, "another spelling"})
	if err := a.Found(t.Context(), film, "a.mp4"); !errors.Is(err, ErrRootBlocked) {
		t.Errorf("%v", err)
	}
	a.End()
	if got := one(t, l.Roots(page)); got.Root != album {
		t.Errorf("%+v", got)
	}
	l = reopen(t, l)
	g = NewGate(l, GateOptions{})
	refused(t, g, page, film, ErrRootBlocked)
	n := 0
	for root := range l.BlockedRoots() {
		if n++; root != film {
			t.Errorf("%v", root)
		}
	}
	if err := l.BlockRoot(film, false); err != nil || n != 1 {
		t.Errorf("%d blocked roots, %v", n, err)
	}
	begin(t, g, page, film).End()
	for _, root := range []Root{{}, {"p", ""}, {"p", "\xff"}, {"p", string(make([]byte, maxRoot+1))}} {
		if err := l.BlockRoot(root, true); err == nil {
			t.Errorf("%q is blocked", root)
		}
	}
}

// notices is what a gate said, for several goroutines.
type notices struct {
	mu   sync.Mutex
	said []Notice
}

func (n *notices) add(x Notice) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.said = append(n.said, x)
}

func (n *notices) take() []Notice {
	n.mu.Lock()
	defer n.mu.Unlock()
	said := n.said
	n.said = nil
	return said
}

func TestAskNewSites(t *testing.T) {
	l := open(t, t.TempDir(), Options{})
	var said notices
	g := NewGate(l, GateOptions{AskNewSites: true, Notify: said.add})
	page, other := site(t, "https://example.org"), site(t, "https://other.example")
	for range 3 {
		refused(t, g, page, film, ErrAsking)
	}
	refused(t, g, other, film, ErrAsking)
	refused(t, g, UnknownSite(), film, ErrAsking)
	begin(t, g, OpenedDirectly(), film).End()
	begin(t, g, ProgramSite("VLC/3"), film).End()
	if got := said.take(); !slices.Equal(got, []Notice{{page, Asking}, {other, Asking}, {UnknownSite(), Asking}}) {
		t.Errorf("%v", got)
	}
	if l.Site(page).Requests != 0 {
		t.Error("who has to wait was counted")
	}
	l = reopen(t, l)
	g = NewGate(l, GateOptions{AskNewSites: true, Notify: said.add})
	waiting := func() (sites []Site) {
		for s := range l.Marked(Asking) {
			sites = append(sites, s)
		}
		return sites
	}
	if got := waiting(); len(got) != 3 {
		t.Errorf("%v wait after a restart", got)
	}
	if err := errors.Join(l.Decide(page, Allow), l.Decide(other, Block)); err != nil {
		t.Fatal(err)
	}
	if got := waiting(); !slices.Equal(got, []Site{UnknownSite()}) {
		t.Errorf("%v wait after the user's word", got)
	}
	begin(t, g, page, film).End()
	refused(t, g, other, film, ErrSiteBlocked)

	// Allowing an origin answers for all its labels.
	a, b := site(t, "http://127.0.0.1:43110/1A"), site(t, "http://127.0.0.1:43110/1B")
	refused(t, g, a, film, ErrAsking)
	refused(t, g, b, film, ErrAsking)
	if err := l.Decide(a.Origin(), Allow); err != nil {
		t.Fatal(err)
	}
	begin(t, g, a, film).End()
	begin(t, g, b, film).End()
	if got := waiting(); len(got) != 1 {
		t.Errorf("%v", got)
	}

	g.AskNewSites(false)
	begin(t, g, UnknownSite(), film).End()
	g.AskNewSites(true)
	refused(t, g, UnknownSite(), film, ErrAsking)
}

// TestExposed: the first load of a page of an overlay network is told once, however many come at a time, also after a restart.
func TestExposed(t *testing.T) {
	l := open(t, t.TempDir(), Options{})
	var said notices
	g := NewGate(l, GateOptions{Notify: said.add})
	onion, i2p := site(t, "http://abc.onion:8080/x"), site(t, "http://abc.i2p")
	if err := l.Decide(i2p, Block); err != nil {
		t.Fatal(err)
	}
	refused(t, g, i2p, film, ErrSiteBlocked)
	begin(t, g, site(t, "https://example.org"), film).End()
	if got := said.take(); len(got) > 0 {
		t.Errorf("%v", got)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() { begin(t, g, onion, film).End() })
	}
	wg.Wait()
	if got := said.take(); !slices.Equal(got, []Notice{{onion.Origin(), Exposed}}) {
		t.Errorf("%v", got)
	}
	l = reopen(t, l)
	g = NewGate(l, GateOptions{Notify: said.add})
	begin(t, g, onion, film).End()
	if got := said.take(); len(got) > 0 {
		t.Errorf("said again: %v", got)
	}
	if err := l.Decide(i2p, Allow); err != nil {
		t.Fatal(err)
	}
	begin(t, g, i2p, film).End()
	if got := said.take(); !slices.Equal(got, []Notice{{i2p, Exposed}}) {
		t.Errorf("%v", got)
	}
	l.Unmark(i2p, Exposed)
	n := 0
	for s, at := range l.Marked(Exposed) {
		if n++; s != onion.Origin() || time.Since(at) > time.Minute {
			t.Errorf("%v, %v", s, at)
		}
	}
	if n != 1 {
		t.Errorf("%d sites are marked", n)
	}
}

func TestStreams(t *testing.T) {
	g := NewGate(open(t, t.TempDir(), Options{}), GateOptions{Site: Limits{Streams: 3}, Unknown: Limits{Streams: 1}, All: Limits{Streams: 6}})
	page, label := site(t, "http://127.0.0.1:43110"), site(t, "http://127.0.0.1:43110/1Site")
	accesses := []*Access{begin(t, g, page, film), begin(t, g, label, film), begin(t, g, label, album)}
	for _, s := range []Site{page, label} {
		if err := limit(t, g, s, film); err.Limit != StreamLimit || err.RetryAfter < time.Second || err.RetryAfter%time.Second != 0 {
			t.Errorf("%+v", err)
		}
	}
	accesses[0].End()
	accesses[0].End() // gives back no second one
	accesses[0] = begin(t, g, page, film)
	limit(t, g, page, film)

	other := site(t, "https://example.org")
	accesses = append(accesses, begin(t, g, other, film), begin(t, g, other, film), begin(t, g, UnknownSite(), film))
	limit(t, g, UnknownSite(), film)
	limit(t, g, other, film) // pages have all that all pages may have
	for range 48 {
		accesses = append(accesses, begin(t, g, OpenedDirectly(), film)) // which is the user, and not theirs
	}
	limit(t, g, OpenedDirectly(), film)
	for i := range 48 {
		accesses = append(accesses, begin(t, g, ProgramSite(fmt.Sprint("program", string(rune('a'+i%26)))), film))
	}
	limit(t, g, ProgramSite("mpv"), film)
	for _, a := range accesses {
		a.End()
	}
	for _, e := range g.limiter.sites {
		if n := e.Value.(*account).streams; n != 0 {
			t.Errorf("%d streams are left", n)
		}
	}
	if g.limiter.all.streams != 0 {
		t.Errorf("%d streams are left in all", g.limiter.all.streams)
	}
}

func TestNewRoots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(open(t, t.TempDir(), Options{}), GateOptions{
			Site: Limits{NewRoots: 6, Burst: 3}, Unknown: Limits{NewRoots: 2, Burst: 2}, All: Limits{NewRoots: 60, Burst: 100}})
		page := site(t, "https://example.org")
		for i := range 3 {
			begin(t, g, page, numbered(i)).End()
		}
		err := limit(t, g, page, numbered(3))
		if err.Limit != NewRootLimit || err.RetryAfter != 11*time.Second && err.RetryAfter != 10*time.Second {
			t.Errorf("%+v", err)
		}
		for range 100 {
			begin(t, g, page, numbered(1)).End() // each range of a known root is free
		}
		time.Sleep(err.RetryAfter)
		begin(t, g, page, numbered(3)).End() // who waits as told is let in
		limit(t, g, page, numbered(4))
		time.Sleep(time.Hour)
		for i := range 3 {
			begin(t, g, page, numbered(10+i)).End()
		}
		limit(t, g, page, numbered(20))

		// Pages that do not say where they are from share one small quota; the others have their own.
		begin(t, g, UnknownSite(), numbered(0)).End()
		begin(t, g, Site{}, numbered(1)).End()
		if err := limit(t, g, UnknownSite(), numbered(2)); err.RetryAfter < 29*time.Second || err.RetryAfter > 31*time.Second {
			t.Errorf("%+v", err)
		}
		begin(t, g, site(t, "https://other.example"), numbered(3)).End()
	})
}

// TestAllPages: many origins of one owner get no more than all pages may have.
func TestAllPages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(open(t, t.TempDir(), Options{}), GateOptions{All: Limits{NewRoots: 60, Burst: 100}})
		n := 0
		for i := range 1000 {
			a, err := g.Begin(site(t, fmt.Sprintf("https://%d.example", i)), numbered(i))
			if err == nil {
				a.End()
				n++
			}
		}
		if n != 100 {
			t.Errorf("%d of 1000 were let in", n)
		}
		begin(t, g, OpenedDirectly(), film).End()
		time.Sleep(2 * time.Second)
		begin(t, g, site(t, "https://late.example"), film).End()
	})
}

// TestManySites: the limiter knows a bounded number of sites, and forgets none that is in use.
func TestManySites(t *testing.T) {
	g := NewGate(open(t, t.TempDir(), Options{}), GateOptions{
		Sites: 50, Site: Limits{Streams: 2, NewRoots: -1}, Unknown: Limits{Streams: 5}, All: Limits{Streams: 1000}})
	busy := site(t, "https://busy.example")
	begin(t, g, busy, film)
	begin(t, g, busy, film)
	for i := range 100_000 {
		begin(t, g, Site{fmt.Sprintf("https://%d.example", i)}, film).End()
	}
	if n := len(g.limiter.sites); n > 50 || n != g.limiter.order.Len() {
		t.Errorf("%d sites", n)
	}
	limit(t, g, busy, film)
	// When all that are known are in use, the next ones share what unknown pages have.
	for i := range 60 {
		s := Site{fmt.Sprintf("https://in-use-%d.example", i)}
		_, err := g.Begin(s, film)
		if err != nil {
			if i < 49+5 {
				t.Errorf("site %d is refused: %v", i, err)
			}
			continue
		}
		if i >= 49+5 {
			t.Errorf("site %d is let in", i)
		}
	}
	if n := len(g.limiter.sites); n > 50+3 {
		t.Errorf("%d sites", n)
	}
}

func TestManyRootsOfASite(t *testing.T) {
	g := NewGate(open(t, t.TempDir(), Options{}), GateOptions{Site: Limits{NewRoots: -1}, All: Limits{NewRoots: -1}})
	page := site(t, "https://example.org")
	for i := range 100_000 {
		begin(t, g, page, numbered(i)).End()
	}
	if n := len(g.limiter.sites[page].Value.(*account).lately); n > lately {
		t.Errorf("%d roots are remembered", n)
	}
}

// disk is a Disk in memory.
type disk struct {
	mu       sync.Mutex
	quota    int64
	roots    map[Root]int64
	kept     map[Root]bool
	recycled []Root
	err      error
}

func (d *disk) Usage() (int64, map[Root]int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	roots := make(map[Root]int64)
	for root, n := range d.roots {
		roots[root] = n
	}
	return d.quota, roots
}

func (d *disk) Recycle(ctx context.Context, root Root) (int64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.kept[root] || d.err != nil {
		return 0, d.err
	}
	d.recycled = append(d.recycled, root)
	n := d.roots[root]
	delete(d.roots, root)
	return n, nil
}

func TestDiskShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &disk{quota: 1000, roots: make(map[Root]int64), kept: make(map[Root]bool)}
		l := open(t, t.TempDir(), Options{})
		g := NewGate(l, GateOptions{Site: Limits{DiskShare: 50}, Unknown: Limits{DiskShare: 20}, Disk: d})
		page, other := site(t, "https://example.org"), site(t, "https://other.example")
		use := func(s Site, root Root, bytes int64) {
			t.Helper()
			a := begin(t, g, s, root)
			if err := a.Found(t.Context(), root, ""); err != nil {
				t.Fatal(err)
			}
			d.mu.Lock()
			d.roots[root] = bytes
			d.mu.Unlock()
			a.End()
			time.Sleep(time.Second)
		}
		wantRecycled := func(roots ...Root) {
			t.Helper()
			if !slices.Equal(d.recycled, roots) {
				t.Errorf("recycled %v, want %v", d.recycled, roots)
			}
			d.recycled = nil
		}
		use(page, numbered(0), 200)
		use(page, numbered(1), 200)
		use(page, numbered(0), 200) // 1 is the oldest now
		use(page, numbered(2), 99)
		wantRecycled()
		use(page, numbered(3), 1) // brings it to its share
		wantRecycled()
		use(page, numbered(4), 300)
		wantRecycled(numbered(1)) // and no more than that
		use(other, numbered(4), 300)
		use(page, numbered(5), 1) // 4 counts a half now: 200+99+1+150
		wantRecycled()
		use(page, numbered(6), 100)
		wantRecycled()
		d.kept[numbered(0)] = true
		use(page, numbered(7), 0) // 200+99+1+150+1+100; 0 is kept, so it is 2 that goes
		wantRecycled(numbered(2))

		// With nothing to recycle, what is new is refused, again and again; what it has can still be used.
		d.roots[numbered(0)] = 500
		for root := range d.roots {
			d.kept[root] = true
		}
		for range 3 {
			if err := limit(t, g, page, numbered(8)); err.Limit != DiskLimit || err.RetryAfter != 0 {
				t.Errorf("%+v", err)
			}
		}
		use(page, numbered(6), 100)
		use(OpenedDirectly(), numbered(9), 0) // the user has no share
		use(ProgramSite("VLC"), numbered(9), 0)
		wantRecycled()
		if g.limiter.all.streams != 0 {
			t.Errorf("%d streams are left of the refused ones", g.limiter.all.streams)
		}

		// Giving up its claims helps, and a disk that fails does not.
		clear(d.kept)
		d.err = errors.New("the disk is on fire")
		if err := limit(t, g, page, numbered(8)); err.Limit != DiskLimit {
			t.Errorf("%+v", err)
		}
		if _, err := l.Disown(page, numbered(0)); err != nil {
			t.Fatal(err)
		}
		use(page, numbered(8), 1)
		d.err = nil

		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		d.roots[numbered(6)], d.err = 1000, ctx.Err()
		a := begin(t, g, page, numbered(10))
		if err := a.Found(ctx, numbered(10), ""); !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
		a.End()
		d.quota, d.err = 0, nil // nobody knows
		use(page, numbered(10), 0)
		wantRecycled()
	})
}

// A root that was asked for, and not found then, needs room when it is found: a page could else ask, leave, and ask again.
func TestDiskShareOfASecondTry(t *testing.T) {
	d := &disk{quota: 1000, roots: map[Root]int64{film: 900}, kept: map[Root]bool{film: true}}
	l := open(t, t.TempDir(), Options{})
	g := NewGate(l, GateOptions{Disk: d})
	page := site(t, "https://example.org")
	l.note(page, film, "", 0)
	for _, leave := range []func(*Access){(*Access).Malformed, func(*Access) {}} {
		a := begin(t, g, page, album)
		leave(a)
		a.End()
	}
	for range 2 {
		if err := limit(t, g, page, album); err.Limit != DiskLimit {
			t.Errorf("%+v", err)
		}
	}
	clear(d.kept)
	for range 2 {
		a := begin(t, g, page, album)
		if err := a.Found(t.Context(), album, ""); err != nil || !slices.Equal(d.recycled, []Root{film}) {
			t.Errorf("%v, recycled %v", err, d.recycled)
		}
		a.End()
	}
}

// After a restart everything is new to the gate. What a site has on the disk it may use, as big as it is and whatever it calls it.
func TestDiskShareAfterRestart(t *testing.T) {
	d := &disk{quota: 1000, roots: map[Root]int64{film: 900}}
	l := open(t, t.TempDir(), Options{})
	page := site(t, "https://example.org")
	l.note(page, film, "", 0)
	for _, asked := range []Root{film, {film.Protocol, "another spelling"}} {
		a := begin(t, NewGate(l, GateOptions{Disk: d}), page, asked)
		if err := a.Found(t.Context(), film, "a.mp4"); err != nil || len(d.recycled) > 0 {
			t.Errorf("%v, recycled %v", err, d.recycled)
		}
		a.End()
	}
	a := begin(t, NewGate(l, GateOptions{Disk: d}), page, album)
	if err := a.Found(t.Context(), album, ""); err != nil || !slices.Equal(d.recycled, []Root{film}) {
		t.Errorf("%v, recycled %v", err, d.recycled)
	}
	a.End()
}

func TestClaims(t *testing.T) {
	l := open(t, t.TempDir(), Options{})
	a, b := site(t, "http://127.0.0.1:43110/1A"), site(t, "http://127.0.0.1:43110/1B")
	other := site(t, "https://other.example")
	l.note(a, film, "x", 3)
	l.note(b, film, "y", 4)
	l.note(other, album, "x", 1)
	l.note(UnknownSite(), numbered(1), "", 1)
	no := func(s Site, root Root) {
		t.Helper()
		// What others have and what nobody has is the same to a site, to the letter.
		for _, root := range []Root{root, {"p", "absent"}, {}} {
			if u, err := l.Claim(s, root); err != ErrNoClaim || u != (RootUse{}) {
				t.Errorf("%s claims %v: %+v, %v", s, root, u, err)
			}
			if last, err := l.Disown(s, root); err != ErrNoClaim || last {
				t.Errorf("%s disowns %v: %v, %v", s, root, last, err)
			}
		}
	}
	no(a, album)
	no(other, film)
	no(Site{}, film)
	no(site(t, "http://127.0.0.1:43110/1C"), film)
	if u, err := l.Claim(a.Origin(), film); err != nil || u.Bytes != 7 || u.Items != 2 || !u.Claimed {
		t.Errorf("%+v, %v", u, err)
	}
	if u, err := l.Claim(a, film); err != nil || u.Bytes != 3 || u.Root != film {
		t.Errorf("%+v, %v", u, err)
	}
	if n := l.Claims(film); n != 2 {
		t.Errorf("%d claims", n)
	}
	if last, err := l.Disown(a, film); last || err != nil {
		t.Errorf("%v, %v", last, err)
	}
	for range 2 {
		no(a, film)
		if n := l.Claims(film); n != 1 {
			t.Errorf("%d claims", n)
		}
		if got := one(t, l.Roots(a)); got.Claimed || got.Bytes != 3 {
			t.Errorf("the trace has gone with the claim: %+v", got)
		}
		if u, err := l.Claim(b, film); err != nil || u.Bytes != 4 {
			t.Errorf("%+v, %v", u, err)
		}
		l = reopen(t, l)
	}
	if last, err := l.Disown(a.Origin(), film); !last || err != nil {
		t.Errorf("%v, %v", last, err)
	}
	l.grow(a, film, "x", 1) // of a request that began before
	no(a, film)
	l.note(a, film, "x", 1)
	if u, err := l.Claim(a, film); err != nil || u.Bytes != 5 {
		t.Errorf("%+v, %v", u, err)
	}
	check(t, l)
}

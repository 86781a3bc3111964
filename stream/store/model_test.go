package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
)

// model is what a store should look like from outside. It does not know which chunks are evicted, only which may be.
type model struct {
	t       *testing.T
	r       *rand.Rand
	dir     string
	s       *Store
	quota   int64
	objects []*modelObject
	log     []string
}

type modelObject struct {
	spec      Spec
	o         *Object // nil while closed
	hold      *Hold
	from, to  int // held
	kept      bool
	committed map[int]bool // since it was last seen missing
	written   map[int]int64
}

// TestModel does random things to a store and compares it with a model after each of them.
func TestModel(t *testing.T) {
	seeds, steps := 6, 1500
	if testing.Short() {
		seeds, steps = 2, 400
	}
	for seed := range seeds {
		t.Run(fmt.Sprint("seed", seed), func(t *testing.T) {
			m := &model{t: t, r: rand.New(rand.NewPCG(uint64(seed), 7)), dir: t.TempDir(), quota: 2 * mib}
			for i, size := range []int64{300_000, 1_000_000, 2_500_000, 4096, 700_001} {
				chunk := []int64{16 << 10, 100_000, 65536, 4096, 9000}[i]
				spec := testSpec(fmt.Sprint("object", i), size, chunk)
				if spec.Disposable = i == 1; i == 4 {
					spec.Check = nil
				}
				m.objects = append(m.objects, &modelObject{spec: spec, committed: map[int]bool{}, written: map[int]int64{}})
			}
			m.open()
			for range steps {
				m.step()
				m.s.trim() // what the keeper does soon after something was let go, but now
				m.check()
				if t.Failed() {
					for _, line := range m.log[max(0, len(m.log)-20):] {
						t.Log(line)
					}
					return
				}
			}
			for _, x := range m.objects {
				m.closeObject(x)
			}
			m.s.Close()
		})
	}
}

func (m *model) logf(format string, args ...any) { m.log = append(m.log, fmt.Sprintf(format, args...)) }

func (m *model) open() {
	s, err := Open(m.dir, Options{Quota: m.quota, Log: testLog(m.t)})
	if err != nil {
		m.t.Fatal(err)
	}
	m.s = s
}

func (m *model) closeObject(x *modelObject) {
	if x.o != nil {
		x.o.Close()
		x.o, x.hold, x.from, x.to = nil, nil, 0, 0
	}
}

func (m *model) step() {
	x := m.objects[m.r.IntN(len(m.objects))]
	op := m.r.IntN(100)
	switch {
	case op < 2:
		m.reopen()
		return
	case op < 4:
		m.setLimits()
		return
	case op < 6:
		m.recycle()
		return
	case op < 8:
		m.keep(x)
		return
	}
	if x.o == nil {
		o, err := m.s.Object(x.spec)
		if m.full(err, m.s.rootCost()) {
			return
		}
		x.o, x.hold = o, o.Hold()
		m.logf("open %s", x.spec.ID)
	}
	i := m.r.IntN(x.o.Chunks())
	switch {
	case op < 12:
		m.logf("close %s", x.spec.ID)
		m.closeObject(x)
	case op < 20:
		x.from = i
		x.to = min(i+m.r.IntN(6), x.o.Chunks())
		x.hold.Set(x.from, x.to)
		m.logf("hold %s %d-%d", x.spec.ID, x.from, x.to)
	case op < 24:
		m.logf("discard %s %d", x.spec.ID, i)
		if err := x.o.Discard(i); err != nil {
			m.t.Error(err)
		}
		delete(x.committed, i)
		delete(x.written, i)
	case op < 60:
		m.fill(x, i)
	default:
		m.read(x, i)
	}
}

// fill writes some or all of chunk i, and commits it when it is complete.
func (m *model) fill(x *modelObject, i int) {
	if x.committed[i] && x.o.Has(i) {
		return
	}
	data := content(x.spec.ID, i, x.o.ChunkSize(i))
	from := min(x.written[i], int64(len(data)))
	to := from + m.r.Int64N(int64(len(data))-from+1)
	if m.r.IntN(3) > 0 {
		from, to = 0, int64(len(data))
	}
	err := x.o.WriteAt(i, data[from:to], from)
	m.logf("write %s %d %d-%d of %d: %v", x.spec.ID, i, from, to, len(data), err)
	if m.full(err, m.s.cost(int64(len(data)))+m.s.shardCost(1)) {
		return
	}
	if from <= x.written[i] {
		x.written[i] = max(x.written[i], to)
	}
	err = x.o.Commit(i)
	m.logf("commit %s %d: %v", x.spec.ID, i, err)
	switch {
	case err == nil:
		if to != int64(len(data)) && x.written[i] != int64(len(data)) {
			m.t.Errorf("commit of %d of %d bytes", x.written[i], len(data))
		}
		x.committed[i] = true
	case !errors.Is(err, ErrMissing):
		m.t.Error(err)
	case from == 0 && to == int64(len(data)):
		m.t.Errorf("commit of a full chunk: %v", err)
	}
}

func (m *model) read(x *modelObject, i int) {
	had := x.o.Has(i)
	err := get(m.t, x.o, i)
	m.logf("read %s %d: %v", x.spec.ID, i, err)
	switch {
	case had != (err == nil):
		m.t.Errorf("Has said %v, reading %v", had, err)
	case err == nil && !x.committed[i]:
		m.t.Error("read a chunk that was not committed")
	case err != nil && !errors.Is(err, ErrMissing):
		m.t.Error(err)
	}
}

func (m *model) setLimits() {
	m.quota = 600_000 + m.r.Int64N(2*mib)
	err := m.s.SetLimits(m.quota, 0)
	m.logf("quota %d: %v", m.quota, err)
	m.full(err, 0)
}

func (m *model) reopen() {
	m.logf("reopen")
	for _, x := range m.objects {
		m.closeObject(x)
		clear(x.written)
	}
	if err := m.s.Close(); err != nil {
		m.t.Error(err)
	}
	m.open()
}

func (m *model) keep(x *modelObject) {
	err := m.s.Keep(x.spec.Space, x.spec.ID, !x.kept)
	m.logf("keep %s %v: %v", x.spec.ID, !x.kept, err)
	if err == nil {
		x.kept = !x.kept
	}
}

func (m *model) recycle() {
	w := []Want{{All: true}, {Free: 1 + m.r.Int64N(mib)}, {UnusedFor: 1}, {UnusedFor: 1 << 50}}[m.r.IntN(4)]
	before := m.s.Usage().Used
	freed, err := m.s.Recycle(context.Background(), w)
	m.logf("recycle %+v: %d, %v", w, freed, err)
	if after := m.s.Usage().Used; err != nil || before-after != freed {
		m.t.Errorf("recycled %d bytes, used went from %d to %d, %v", freed, before, after, err)
	}
	for _, x := range m.objects {
		for i := range x.written { // they may have gone
			if x.o == nil || x.from == x.to {
				delete(x.written, i)
			}
		}
	}
}

// full reports whether err is not nil, and finds fault with an ErrFull for n bytes while something could be evicted.
func (m *model) full(err error, n int64) bool {
	if err == nil {
		return false
	}
	if !errors.Is(err, ErrFull) {
		m.t.Error(err)
		return true
	}
	m.s.mu.Lock()
	kept := m.s.keptBytes
	m.s.mu.Unlock()
	if kept+m.s.base+n > m.quota {
		return true
	}
	for _, x := range m.objects {
		for i := range x.committed {
			held := x.from <= i && i < x.to
			if !held && !x.kept && m.has(x, i) {
				m.t.Errorf("%v, but chunk %d of %s could go", err, i, x.spec.ID)
			}
		}
	}
	return true
}

func (m *model) has(x *modelObject, i int) bool {
	m.s.mu.Lock()
	defer m.s.mu.Unlock()
	r := m.s.roots[key{x.spec.Space, x.spec.ID}]
	return r != nil && r.chunks[i] != nil && r.chunks[i].state == verified
}

// check looks at what must hold after every step.
func (m *model) check() {
	m.t.Helper()
	pinned := m.s.base
	for _, x := range m.objects {
		for i := range x.committed {
			if m.has(x, i) {
				continue
			}
			if x.from <= i && i < x.to || x.kept {
				m.t.Errorf("chunk %d of %s was held or kept, and has gone", i, x.spec.ID)
			}
			delete(x.committed, i)
			delete(x.written, i)
		}
	}
	u := m.s.Usage()
	disk := du(m.t, m.dir)
	if disk > u.Used {
		m.t.Errorf("du says %d bytes, the store %d", disk, u.Used)
	}
	if u.Used > m.quota && u.Kept+u.Held == 0 {
		m.t.Errorf("%d bytes of %d, and none are kept or held", u.Used, m.quota)
	}
	m.s.mu.Lock()
	defer m.s.mu.Unlock()
	var sum, kept, bare int64
	for _, r := range m.s.roots {
		n := m.s.rootCost()
		for _, c := range r.chunks {
			n += c.cost
			want := m.s.listFor(r)
			if c.state == filling {
				want = &m.s.filling
			}
			if c.in != want {
				m.t.Errorf("chunk %d of %s is in the wrong list", c.i, r.key)
			}
		}
		for _, d := range r.shards {
			n += m.s.shardCost(d.peak)
		}
		for _, b := range r.metas {
			n += b
		}
		if n != r.bytes {
			m.t.Errorf("%s: %d bytes are booked, %d are there", r.key, r.bytes, n)
		}
		if sum += n; r.keep {
			kept += n
		}
		if r.bare {
			bare += n
		}
		if wantBare := r.pins == 0 && len(r.chunks) == 0 && !r.keep; r.bare != wantBare {
			m.t.Errorf("%s: bare is %v", r.key, r.bare)
		}
	}
	if m.s.used != pinned+sum || m.s.keptBytes != kept || m.s.bareBytes != bare {
		m.t.Errorf("used %d kept %d bare %d, counted %d %d %d", m.s.used, m.s.keptBytes, m.s.bareBytes, pinned+sum, kept, bare)
	}
	var listed int64
	for _, l := range []*list{&m.s.filling, &m.s.kept, &m.s.disposable, &m.s.ordinary} {
		n := 0
		for c := l.back; c != nil; c = c.prev {
			listed += c.cost
			n++
		}
		if n != l.n {
			m.t.Errorf("a list of %d chunks says %d", n, l.n)
		}
	}
}

package archive

import (
	"fmt"
	"testing"

	"github.com/zeronetscript/universal_p2p/archive/rar/rartest"
)

// bigRar returns the archive of the figures as RAR.
func bigRar(t testing.TB, o rartest.Options) (volumeSet, []string) {
	t.Helper()
	unit := bigUnit()
	var files []rartest.File
	for i := range bigMembers {
		body := new(virtual)
		body.add(unit, bigTimes(i))
		files = append(files, rartest.File{Name: bigName(i), Body: body, Size: body.size, NoSum: true})
	}
	return rarSet(t, o, files...)
}

// atMost fails when more was read of all volumes since the last time, or more pieces of one of them.
func (s volumeSet) atMost(t testing.TB, what string, bytes int64, pieces, most int) {
	t.Helper()
	n, p, one := s.touched()
	t.Logf("%-50s %11d bytes %5d pieces, %3d of one volume", what, n, p, one)
	if n > bytes || p > pieces || one > most {
		t.Errorf("%s: %d bytes of %d pieces, %d of one volume, want at most %d of %d, %d", what, n, p, one, bytes, pieces, most)
	}
}

// nothingFrom fails when anything was read behind off since the last time.
func (s *source) nothingFrom(t testing.TB, what string, off int64) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for b := range s.blocks {
		if b*blockBytes >= off {
			t.Errorf("%s: block %d was read, which is behind %d", what, b, off)
		}
	}
}

func TestFiguresRar(t *testing.T) {
	unit := bigUnit()
	const volume = 100 << 20 // 11 of them
	for _, c := range []struct {
		name string
		o    rartest.Options
	}{
		{"rar4", rartest.Options{Format: 4}},
		{"rar5", rartest.Options{Format: 5}},
		{"rar5 quick", rartest.Options{Format: 5, Quick: true}},
		{"rar4 volumes", rartest.Options{Format: 4, Volume: volume, OldNames: true}},
		{"rar5 volumes", rartest.Options{Format: 5, Volume: volume}},
		{"rar5 volumes quick", rartest.Options{Format: 5, Volume: volume, Quick: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, names := bigRar(t, c.o)
			cache := newMemCache()
			l := library(t, Config{Cache: cache})
			p, n := s.place(names[0]), len(names)
			if c.o.Volume > 0 && n < 10 {
				t.Fatalf("%d volumes", n)
			}
			if !c.o.Quick {
				// By name: a block for each header on the way, and nothing behind it.
				m := lookup(t, l, p, bigName(30))
				s[names[0]].nothingFrom(t, "open by name", m.e.Extents[0].Off+blockBytes)
				s.atMost(t, "open by name, 31st member", 32*blockBytes, 32, 32)
				lookup(t, l, p, bigName(20))
				s.atMost(t, "open by name, one before", 0, 0, 0)
			}
			if n := listAll(t, l, p); n != bigMembers {
				t.Fatalf("%d members", n)
			}
			if c.o.Quick {
				s.atMost(t, "list by quick-open", int64(n)*64<<10, 3*n, 3)
			} else {
				s.atMost(t, "list", int64(bigMembers+2*n)*blockBytes, bigMembers+2*n, bigMembers+2)
			}
			listAll(t, l, p)
			s.atMost(t, "list again", 0, 0, 0)
			checkRarRanges(t, s, lookup(t, l, p, bigName(bigMiddle)), unit)
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			l = library(t, Config{Cache: cache})
			listAll(t, l, p)
			lookup(t, l, p, bigName(3))
			s.atMost(t, "list and look up after a restart", 0, 0, 0)
		})
	}
}

// checkRarRanges reads a few ranges of a member, and holds what they cost against what they may: their own bytes, their pieces and
// two more, and one for each volume that they go on in.
func checkRarRanges(t *testing.T, s volumeSet, m *Member, unit []byte) {
	t.Helper()
	s.touched()
	for _, at := range []int64{90, 10, 50, 99, 0} {
		const n = 64 << 10
		checkRange(t, m, unit, m.Size()/100*at, n)
		s.atMost(t, fmt.Sprintf("64 KiB at %d%% of 512 MiB", at), n+64<<10, 3, 3)
	}
	checkRange(t, m, unit, 12345, 20<<20)
	s.atMost(t, "20 MiB of 512 MiB", 20<<20+64<<10, 22, 22)
	x, err := m.extents(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(x) < 2 {
		return
	}
	checkRange(t, m, unit, x[0].Len-1<<20, 2<<20)
	s.atMost(t, "2 MiB across two volumes", 2<<20+64<<10, 5, 3)
	checkRange(t, m, unit, x[0].Len-1000, x[1].Len+2000)
	s.atMost(t, "1 KB, all of a volume, 1 KB", x[1].Len+2000+64<<10, 104, 101)
}

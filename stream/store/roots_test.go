package store

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"sync"
	"testing"
)

// TestRootsComeAndGo: roots are opened, written to, kept, removed and recycled by eight goroutines at once. Nothing gets lost,
// mixed up or counted wrong, and in the end everything goes.
func TestRootsComeAndGo(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir, 2*mib)
	rounds := 400
	if testing.Short() {
		rounds = 100
	}
	fine := func(err error) bool {
		return err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrFull) || errors.Is(err, ErrMissing)
	}
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(g), 5))
			for range rounds {
				id := fmt.Sprint("r", r.IntN(5))
				var err error
				switch r.IntN(10) {
				case 0:
					_, err = s.Remove("test", id)
				case 1:
					_, err = s.Recycle(t.Context(), Want{All: r.IntN(4) == 0, Free: r.Int64N(mib)})
				case 2:
					err = s.Keep("test", id, r.IntN(4) == 0)
				case 3, 4:
					err = s.WriteMeta("test", id, "info", bytes.Repeat([]byte(id), 1+r.IntN(20_000)))
				case 5:
					var b []byte
					if b, err = s.ReadMeta("test", id, "info"); err == nil && !bytes.Equal(b, bytes.Repeat([]byte(id), len(b)/len(id))) {
						t.Errorf("the side file of %s has %d other bytes", id, len(b))
					}
				default:
					var o *Object
					if o, err = s.Object(testSpec(id, 40*50_000, 50_000)); err != nil {
						break
					}
					for range 4 {
						i := r.IntN(o.Chunks())
						if err = get(t, o, i); errors.Is(err, ErrMissing) {
							err = tryPut(o, i)
						}
						if !fine(err) {
							break
						}
					}
					o.Close()
				}
				if !fine(err) {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if u := s.Usage(); u.Used > 2*mib && u.Kept == 0 || du(t, dir) > u.Used {
		t.Errorf("%+v, du %d", u, du(t, dir))
	}
	for _, r := range s.Roots() {
		if _, err := s.Remove(r.Space, r.ID); err != nil {
			t.Error(err)
		}
	}
	if u := s.Usage(); u.Used != s.base || u.Kept != 0 || s.bareBytes != 0 || len(s.roots) != 0 {
		t.Errorf("left behind: %+v, %d", u, s.bareBytes)
	}
	if du := du(t, dir); du > 5*4096 {
		t.Errorf("%d bytes are left on the disk", du)
	}
}

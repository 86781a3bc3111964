package bittorrent_test

import (
	"strings"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"github.com/zeronetscript/universal_p2p/stream"
	"github.com/zeronetscript/universal_p2p/stream/streamtest"
)

func TestConformance(t *testing.T) {
	seeded := func(stuck bool) func(*testing.T, map[string][]byte) (stream.Backend, stream.Root) {
		return func(t *testing.T, files map[string][]byte) (stream.Backend, stream.Root) {
			name := "folder"
			if len(files) == 1 {
				for name = range files {
				}
			}
			var uploads *rate.Limiter
			if stuck {
				uploads = rate.NewLimiter(rate.Every(24*time.Hour), 16<<10)
				uploads.AllowN(time.Now(), 16<<10)
			}
			s := newSeed(t, name, 16<<10, files, uploads)
			b, _ := newBackend(t, t.TempDir(), 64<<20, nil)
			return b, s.root()
		}
	}
	streamtest.Suite{
		New:      seeded(false),
		Stuck:    seeded(true),
		Absent:   strings.Repeat("ab", 20),
		BadRoots: []string{"magnet:?dn=x", strings.Repeat("a", 39), strings.Repeat("x", 64), "magnet:?xt=urn:btih:zz"},
		Folders:  true, // of the seeder's disk; that an exact path wins is shown in TestLookup
	}.Run(t)
}

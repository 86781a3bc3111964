//go:build linux

package swarmtest

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/zeronetscript/universal_p2p/app/swarmtest/relay"
)

// behind puts a wire in front of a peer.
func behind(t *testing.T, peer string, w relay.Wire) *relay.Relay {
	t.Helper()
	r, err := relay.Listen(freeAddr(t), peer, w)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// A player is a client that goes on where it stopped, over many connections.
type player struct {
	src  *source
	from int64 // where it begins again when it has reached the end
	at   int64 // the next byte it wants
}

// play reads until the connection ends for whatever reason. A wrong byte fails the test.
func (p *player) play(t *testing.T, ctx context.Context, url string) {
	check := p.src.checker(p.at)
	f := &fetch{URL: url, Range: spanFrom(p.at)}
	_ = f.do(ctx, &verdict{check, t}) // the end of the program is the end of the connection
	if p.at = check.off; p.at == p.src.size {
		p.at = p.from
	}
}

// A verdict turns a wrong byte into a failed test; the error itself would look like a broken connection.
type verdict struct {
	*checker
	t *testing.T
}

func (v *verdict) Write(b []byte) (int, error) {
	n, err := v.checker.Write(b)
	if err != nil {
		v.t.Error(err)
	}
	return n, err
}

// The program is killed again and again while two readers read. What it had verified is still there and still right: the wire tells
// how much was fetched twice.
func TestKill(t *testing.T) {
	t.Parallel()
	alone(t)
	const kills, readers = 20, 2
	f := newFixture(t, 70, 224*mib, mib, nil)
	wire := behind(t, seedLibtorrent(t, f), relay.Wire{Rate: 16e6})
	p := prepare(t, settings{})
	p.launch()
	p.add(f.torrent)
	url := p.stream(f.hash, f.name, "x.pe", wire.Addr())
	seed := uint64(time.Now().UnixNano())
	t.Logf("random seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	players := [readers]*player{{src: f.source}, {src: f.source, from: f.size / 2, at: f.size / 2}}
	for range kills {
		before := wire.Down()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		var wg sync.WaitGroup
		for _, pl := range players {
			wg.Go(func() { pl.play(t, ctx, url) })
		}
		eventually(t, 30*time.Second, "bytes come", func() bool {
			return wire.Down() > before+64*kib || wire.Down() >= f.size
		})
		time.Sleep(time.Duration(rnd.Int64N(int64(900 * time.Millisecond))))
		p.kill()
		wg.Wait()
		cancel()
		p.launch()
		if t.Failed() {
			t.FailNow()
		}
	}
	whole(t, f.source, url, 2*time.Minute)
	again := wire.Down() - f.size - overhead(f.size, kills+1)
	t.Logf("%.1f MiB were fetched twice because of %d kills: %.0f KiB a reader and kill", float64(again)/mib, kills, float64(again)/kib/kills/readers)
	if limit := int64(kills * readers * f.piece); again > limit {
		t.Errorf("%d bytes were fetched twice, want at most %d: one piece for each reader and kill", again, limit)
	}
	// Nothing is fetched any more.
	before := wire.Down()
	p.stop()
	p.launch()
	whole(t, f.source, url, time.Minute)
	if more := wire.Down() - before; more > 100*kib {
		t.Errorf("%d bytes were fetched of a file that was complete", more)
	}
}

// overhead is what the protocol itself puts on the wire for size bytes over a number of connections: 13 bytes for each block of
// 16 KiB, besides handshakes, bitfields and the list of files.
func overhead(size int64, connections int64) int64 { return size/(16*kib)*13 + connections*16*kib }

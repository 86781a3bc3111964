package bittorrent_test

import (
	"bytes"
	"errors"
	"io"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/zeronetscript/universal_p2p/stream"
	"github.com/zeronetscript/universal_p2p/stream/store"
	"golang.org/x/time/rate"
)

// What an earlier visit left of a piece was never verified, and nobody would find it wrong now: an early reader does not get it.
func TestLeftovers(t *testing.T) {
	data := randomBytes(8 << 20)
	s := newSeed(t, "video.mp4", 4<<20, map[string][]byte{"video.mp4": data}, nil)
	dir := t.TempDir()
	st, err := store.Open(filepath.Join(dir, "store"), store.Options{Quota: 512 << 20})
	if err != nil {
		t.Fatal(err)
	}
	obj, err := st.Object(store.Spec{
		Space: "bittorrent", ID: s.mi.HashInfoBytes().HexString(), Size: int64(len(data)), Chunk: 4 << 20,
		Check: func(int, io.Reader) error { return errors.New("not asked for") },
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := obj.WriteAt(1, bytes.Repeat([]byte("wrong"), 300_000), 0); err != nil {
		t.Fatal(err)
	}
	obj.Close()
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}

	b, _ := newBackend(t, dir, 512<<20, nil)
	f := lookup(t, open(t, b, s.root()), "video.mp4")
	if got := readAll(t, f, 4<<20, 1<<20, true); !bytes.Equal(got, data[4<<20:5<<20]) {
		t.Error("bytes that nobody has verified were passed on")
	}
	if got := readAll(t, f, 0, int64(len(data)), false); !bytes.Equal(got, data) {
		t.Error("wrong bytes")
	}
}

// Whoever leaves early has got bytes that were not verified: their pieces are fetched to the end all the same, and verified.
func TestDebtsArePaid(t *testing.T) {
	data := randomBytes(32 << 20)
	s := newSeed(t, "video.mp4", 4<<20, map[string][]byte{"video.mp4": data}, rate.NewLimiter(16<<20, 256<<10))
	b, st := newBackend(t, t.TempDir(), 512<<20, nil)
	f := lookup(t, open(t, b, s.root()), "video.mp4")
	if got := readAll(t, f, 20<<20, 64<<10, true); !bytes.Equal(got, data[20<<20:20<<20+64<<10]) {
		t.Fatal("wrong bytes")
	}
	obj, err := st.Object(store.Spec{
		Space: "bittorrent", ID: s.mi.HashInfoBytes().HexString(), Size: int64(len(data)), Chunk: 4 << 20,
		Check: func(int, io.Reader) error { return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer obj.Close()
	eventually(t, "the piece is verified", func() bool { return obj.Has(5) })
}

// More readers than the quota has room for windows: each gets its piece in turn, and all of them the right bytes.
func TestReadersInATightQuota(t *testing.T) {
	const piece = 4 << 20
	data := randomBytes(12 * piece)
	s := newSeed(t, "video.mp4", piece, map[string][]byte{"video.mp4": data}, nil)
	b, _ := newBackend(t, t.TempDir(), 5*piece, nil)
	f := lookup(t, open(t, b, s.root()), "video.mp4")
	var wg sync.WaitGroup
	start := time.Now()
	for k := range 4 {
		wg.Go(func() {
			for i := range 8 {
				off := int64((k*3+i*5)%12)*piece + 1000
				if got := readAll(t, f, off, 100_000, k%2 == 0); !bytes.Equal(got, data[off:off+100_000]) {
					t.Errorf("reader %d: wrong bytes at %d", k, off)
				}
			}
		})
	}
	wg.Wait()
	t.Log(time.Since(start))
}

// A reader that nothing comes for says so in the end, and others go on.
func TestNoRoomForOne(t *testing.T) {
	const piece = 4 << 20
	data := randomBytes(4 * piece)
	s := newSeed(t, "video.mp4", piece, map[string][]byte{"video.mp4": data}, nil)
	b, st := newBackend(t, t.TempDir(), piece+piece/2, nil)
	f := lookup(t, open(t, b, s.root()), "video.mp4")
	// Somebody else holds what there is.
	obj, err := st.Object(store.Spec{Space: "other", ID: "x", Size: piece, Chunk: piece, Check: func(int, io.Reader) error { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	defer obj.Close()
	hold := obj.Hold()
	hold.Set(0, 1)
	if err := obj.WriteAt(0, make([]byte, piece), 0); err != nil {
		t.Fatal(err)
	}
	if err := obj.Commit(0); err != nil {
		t.Fatal(err)
	}
	r, err := f.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := r.Read(make([]byte, 10)); !errors.Is(err, stream.ErrNoSpace) {
		t.Fatalf("without room: %v, want ErrNoSpace", err)
	}
	hold.Release()
	if got := readAll(t, f, 0, piece, false); !bytes.Equal(got, data[:piece]) {
		t.Error("wrong bytes once there is room")
	}
}

// While others need room, a piece stays of which an open reader has passed on bytes: what comes instead of it would be verified,
// and those bytes never.
func TestDebtsInATightQuota(t *testing.T) {
	const piece = 4 << 20
	data := randomBytes(4 * piece)
	s := newSeed(t, "video.mp4", piece, map[string][]byte{"video.mp4": data}, rate.NewLimiter(4<<20, 64<<10))
	b, st := newBackend(t, t.TempDir(), 512<<20, nil)
	f := lookup(t, open(t, b, s.root()), "video.mp4")
	r, err := f.OpenEarly(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	r.(stream.Expecter).Expect(0, 2*piece)
	for _, off := range []int64{piece, 0} { // it owes the second piece, and goes on in the first
		if _, err := r.Seek(off, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(r, make([]byte, 256<<10)); err != nil {
			t.Fatal(err)
		}
	}
	b.Tighten()
	obj, err := st.Object(store.Spec{
		Space: "bittorrent", ID: s.mi.HashInfoBytes().HexString(), Size: int64(len(data)), Chunk: piece,
		Check: func(int, io.Reader) error { return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer obj.Close()
	eventually(t, "the pieces are verified", func() bool { return obj.HasAll(0, 2) })
	stats := s.t.Stats()
	if n := stats.BytesWrittenData.Int64(); n > 2*piece+64<<10 {
		t.Errorf("%d bytes were sent, of %d: some were thrown away", n, 2*piece)
	}
}

// The last bytes that an early reader said it wants are not passed on while a piece is being hashed of which it got some: that is the
// last chance to say that they were wrong.
func TestEarlyEndIsVerified(t *testing.T) {
	const piece = 1 << 20
	data := randomBytes(8 * piece)
	s := newSeed(t, "video.mp4", piece, map[string][]byte{"video.mp4": data}, nil)
	b, st := newBackend(t, t.TempDir(), 512<<20, nil)
	f := lookup(t, open(t, b, s.root()), "video.mp4")
	obj, err := st.Object(store.Spec{
		Space: "bittorrent", ID: s.mi.HashInfoBytes().HexString(), Size: int64(len(data)), Chunk: piece,
		Check: func(int, io.Reader) error { return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer obj.Close()
	for off := int64(0); off < int64(len(data)); off += 2 * piece {
		if got := readAll(t, f, off, 2*piece, true); !bytes.Equal(got, data[off:off+2*piece]) {
			t.Fatalf("wrong bytes at %d", off)
		}
		for i := int(off / piece); i < int(off/piece)+2; i++ {
			if obj.Filled(i) {
				t.Errorf("piece %d was not verified when all of it had been read", i)
			}
		}
	}
}

package rar

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zeronetscript/universal_p2p/archive/rar/rartest"
)

// computed is a body of any size, whose bytes are made when they are read.
type computed struct{ seed uint64 }

func (c computed) ReadAt(p []byte, off int64) (int, error) {
	var word [8]byte
	for i := range p {
		at := uint64(off) + uint64(i)
		if i == 0 || at%8 == 0 {
			x := (at/8 + c.seed) * 0x9e3779b97f4a7c15
			x ^= x >> 29
			binary.LittleEndian.PutUint64(word[:], x*0xbf58476d1ce4e5b9)
		}
		p[i] = word[at%8]
	}
	return len(p), nil
}

// gibibyte are 200 members of together 1 GiB, the largest of them in the middle.
func gibibyte() []rartest.File {
	var list []rartest.File
	for i := range 200 {
		f := rartest.File{Name: fmt.Sprintf("pictures/%03d.jpg", i), Body: computed{uint64(i)}, Size: 2_697_000, NoSum: true}
		if i == 100 {
			f.Name, f.Size = "film.mkv", 512<<20
		}
		list = append(list, f)
	}
	return list
}

// The large archives of these tests.
func gibibytes(t testing.TB) map[string][]*rartest.Volume {
	all := make(map[string][]*rartest.Volume)
	for name, o := range map[string]rartest.Options{
		"rar5 quick":            {Format: 5, Quick: true},
		"rar5":                  {Format: 5},
		"rar4":                  {Format: 4},
		"rar5 quick 11 volumes": {Format: 5, Quick: true, Volume: 100 << 20, Digits: 2},
		"rar5 11 volumes":       {Format: 5, Volume: 100 << 20, Digits: 2},
		"rar4 11 volumes":       {Format: 4, Volume: 100 << 20, OldNames: true},
	} {
		o.Name = "set"
		all[name] = made(t, o, gibibyte()...)
	}
	return all
}

// What the listing of an archive of 1 GiB costs.
func TestListCost(t *testing.T) {
	for name, volumes := range gibibytes(t) {
		t.Run(name, func(t *testing.T) {
			f := inMemory(volumes)
			entries, w, err := list(f, volumes[0].Name, Limits{})
			if err != nil || len(entries) != 200 {
				t.Fatalf("%d entries, %v", len(entries), err)
			}
			n, blocks, pieces := f.touched()
			t.Logf("%d bytes, %d blocks, %d pieces, %d reads at once", n, blocks, pieces, f.most)
			quick := entries[7].quick != nil
			switch parts := 200 + len(volumes) - 1; {
			case quick && (pieces > 3*len(volumes) || n > int64(16<<10*len(volumes)+200*100)):
				t.Errorf("%d bytes in %d pieces of %d volumes", n, pieces, len(volumes))
			case blocks > parts+len(volumes)+2 || n > int64(parts*blockSize): // each volume ends in a header, and some lie across two blocks
				t.Errorf("%d blocks for %d headers in %d volumes", blocks, parts, len(volumes))
			}
			// A second look needs nothing, and the content is where it is said to be.
			e := entries[100]
			var at int64
			for _, x := range e.Extents {
				b := make([]byte, 100)
				want := make([]byte, 100)
				w.Volume(x.Volume).ReadAt(b, x.Off)
				computed{100}.ReadAt(want, at)
				if string(b) != string(want) {
					t.Errorf("%d of the film is not at %d of volume %d", at, x.Off, x.Volume)
				}
				at += x.Len
			}
			if at != 512<<20 {
				t.Errorf("the film has %d bytes", at)
			}
		})
	}
}

// To find a member costs a block for each header before it, and nothing behind it.
func TestFindCost(t *testing.T) {
	for name, volumes := range gibibytes(t) {
		t.Run(name, func(t *testing.T) {
			f := inMemory(volumes)
			w, err := Open(context.Background(), f, volumes[0].Name, Limits{})
			if err != nil {
				t.Fatal(err)
			}
			var e *Entry
			for e == nil || e.Index < 50 {
				if e, err = w.Next(); err != nil {
					t.Fatal(err)
				}
			}
			n, blocks, pieces := f.touched()
			t.Logf("%d bytes, %d blocks, %d pieces", n, blocks, pieces)
			last := e.Extents[len(e.Extents)-1]
			if e.quick != nil {
				if pieces > 3*len(w.Volumes()) {
					t.Errorf("%d pieces", pieces)
				}
				return
			}
			if ahead := len(w.Volumes()) - 1 - last.Volume; blocks > 51+last.Volume+1+ahead || n > int64(blocks)*blockSize {
				t.Errorf("%d bytes in %d blocks for 51 headers", n, blocks)
			}
		})
	}
}

// slow are files of which each read takes a second, as those of a swarm do.
type slow struct{ *files }

func (s slow) Open(name string) (Volume, error) {
	v, err := s.files.Open(name)
	if err != nil {
		return nil, err
	}
	return slowVolume{v}, nil
}

type slowVolume struct{ Volume }

func (v slowVolume) ReadAt(p []byte, off int64) (int, error) {
	time.Sleep(time.Second)
	return v.Volume.ReadAt(p, off)
}

// The beginnings of volumes are fetched together, or a film in 20 of them would take 20 times as long to begin.
func TestVolumesTogether(t *testing.T) {
	film := rartest.File{Name: "film.mkv", Body: computed{1}, Size: 1990 << 20, NoSum: true}
	for _, o := range []rartest.Options{
		{Format: 4, OldNames: true}, {Format: 4, Digits: 2}, {Format: 5, Digits: 2}, {Format: 5, Digits: 2, Quick: true},
	} {
		o.Name, o.Volume = "set", 100<<20
		volumes := made(t, o, film)
		if len(volumes) != 20 {
			t.Fatalf("%d volumes", len(volumes))
		}
		synctest.Test(t, func(t *testing.T) {
			begin := time.Now()
			f := slow{inMemory(volumes)}
			w, err := Open(context.Background(), f, volumes[7].Name, Limits{})
			if err != nil {
				t.Fatal(err)
			}
			e, err := w.Next()
			if err != nil || len(e.Extents) != 20 || sum(e.Extents) != film.Size {
				t.Fatalf("%+v, %v", e, err)
			}
			if took := time.Since(begin); took > 3*time.Second {
				t.Errorf("%+v: found after %v", o, took)
			}
			if n, blocks, _ := f.touched(); blocks != 20 {
				t.Errorf("%+v: %d bytes in %d blocks", o, n, blocks)
			}
			if e, err := w.Next(); err != io.EOF {
				t.Errorf("%v, %v", e, err)
			}
			if took := time.Since(begin); took > 4*time.Second {
				t.Errorf("%+v: listed after %v", o, took)
			}
		})
	}
}

// Volumes with many members are asked for together, too, when a walk has passed some.
func TestManyMembersTogether(t *testing.T) {
	volumes := gibibytes(t)["rar5 quick 11 volumes"]
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		f := slow{inMemory(volumes)}
		if entries, _, err := list(f, volumes[3].Name, Limits{}); err != nil || len(entries) != 200 {
			t.Fatalf("%d entries, %v", len(entries), err)
		}
		took := time.Since(begin)
		t.Logf("listed after %v, %d reads at once", took, f.most)
		if took > 20*time.Second {
			t.Errorf("listed after %v", took)
		}
	})
}

// Cancelling ends reads that wait, and the walk with them, and leaves no goroutine.
func TestFetchCancelled(t *testing.T) {
	volumes := made(t, rartest.Options{Name: "set", Volume: 10_000, Digits: 2}, rartest.File{Name: "a", Data: noise(1, 190_000)})
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		f := stuck{inMemory(volumes), ctx}
		w, err := Open(ctx, f, "set.part01.rar", Limits{})
		if err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(time.Hour, cancel)
		if _, err := w.Next(); !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
	})
}

// stuck are files of which only the first is there.
type stuck struct {
	*files
	ctx context.Context
}

func (s stuck) Open(name string) (Volume, error) {
	v, err := s.files.Open(name)
	if err != nil || name == "set.part01.rar" {
		return v, err
	}
	return stuckVolume{v, s.ctx}, nil
}

type stuckVolume struct {
	Volume
	ctx context.Context
}

func (v stuckVolume) ReadAt([]byte, int64) (int, error) {
	<-v.ctx.Done()
	return 0, v.ctx.Err()
}

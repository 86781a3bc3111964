package rar

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/zeronetscript/universal_p2p/archive/rar/rartest"
)

func noise(seed uint64, n int) []byte {
	rnd := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	b := make([]byte, n)
	rnd.Read(b)
	return b
}

// members are what archives of the tests have in them.
func members() []rartest.File {
	day := time.Date(2024, 2, 29, 12, 34, 56, 0, time.UTC)
	list := []rartest.File{
		{Name: "docs", Dir: true, ModTime: day},
		{Name: "docs/a.txt", Data: []byte("The quick brown fox jumps over the lazy dog.\n"), ModTime: day},
		{Name: "empty"},
		{Name: "docs/big.bin", Data: noise(1, 300_000), ModTime: day},
		{Name: "docs/Zwölf Boxkämpfer/日本語.txt", Data: []byte("ab"), ModTime: day},
	}
	for i := range 20 {
		list = append(list, rartest.File{Name: fmt.Sprintf("small/%02d.bin", i), Data: noise(uint64(i+2), 100*i+1)})
	}
	return append(list, rartest.File{Name: "last.bin", Data: noise(99, 70_000), ModTime: day})
}

// kinds are all that archives may be.
func kinds() map[string]rartest.Options {
	all := make(map[string]rartest.Options)
	for _, format := range []int{4, 5} {
		for _, volume := range []int64{0, 2 << 10, 50_000} {
			for _, old := range []bool{false, true} {
				for _, quick := range []bool{false, true} {
					o := rartest.Options{Name: "set", Format: format, Volume: volume, OldNames: old, Quick: quick, Digits: 2}
					if old && volume == 0 || quick && format == 4 {
						continue
					}
					all[fmt.Sprintf("rar%d volume %d old %v quick %v", format, volume, old, quick)] = o
				}
			}
		}
	}
	return all
}

func TestStored(t *testing.T) {
	for name, o := range kinds() {
		t.Run(name, func(t *testing.T) {
			volumes := made(t, o, members()...)
			f := inMemory(volumes)
			for _, i := range []int{0, 1, len(volumes) / 2, len(volumes) - 1} {
				if i >= len(volumes) {
					continue
				}
				entries, w, err := list(f, volumes[i].Name, Limits{})
				if err != nil {
					t.Fatalf("from %s: %v", volumes[i].Name, err)
				}
				checkMembers(t, w, entries, members())
				if got := len(w.Volumes()); got != len(volumes) {
					t.Errorf("from %s: %d volumes of %d", volumes[i].Name, got, len(volumes))
				}
			}
		})
	}
}

// checkMembers holds entries against what was stored.
func checkMembers(t *testing.T, w *Walker, entries []*Entry, want []rartest.File) {
	t.Helper()
	if len(entries) != len(want) {
		t.Fatalf("%d entries of %d", len(entries), len(want))
	}
	for i, e := range entries {
		f := want[i]
		name := e.Name
		if e.Backslash { // all here is ASCII then
			name = string(bytes.ReplaceAll([]byte(name), []byte(`\`), []byte("/")))
		}
		if name != f.Name || e.Dir != f.Dir || e.Index != i || e.Size != int64(len(f.Data)) || e.Method != 0 || e.Encrypted || e.Run != NoRun {
			t.Errorf("entry %d is %+v, want %s of %d bytes", i, e, f.Name, len(f.Data))
			continue
		}
		if d := e.ModTime.Sub(f.ModTime).Abs(); d > time.Second && !f.ModTime.IsZero() || f.ModTime.IsZero() != e.ModTime.IsZero() {
			t.Errorf("%s is of %v, want %v", name, e.ModTime, f.ModTime)
		}
		b, err := stored(w, e)
		if err != nil || !bytes.Equal(b, f.Data) {
			t.Errorf("%s: %d bytes, %v", name, len(b), err)
		}
	}
}

// A walk stops anywhere, and goes on later, maybe in another life of the program, without reading again what was read.
func TestResume(t *testing.T) {
	for name, o := range kinds() {
		t.Run(name, func(t *testing.T) {
			f := inMemory(made(t, o, members()...))
			first := firstOf(f)
			want, whole, err := list(f, first, Limits{})
			if err != nil {
				t.Fatal(err)
			}
			for stop := range want {
				w, err := Open(context.Background(), f, first, Limits{})
				if err != nil {
					t.Fatal(err)
				}
				for range stop {
					if _, err := w.Next(); err != nil {
						t.Fatal(err)
					}
				}
				state := w.State()
				if w, err = Resume(context.Background(), f, state, Limits{}); err != nil {
					t.Fatalf("behind %d: %v", stop, err)
				}
				if again := w.State(); !bytes.Equal(again, state) {
					t.Errorf("behind %d: state %x became %x", stop, state, again)
				}
				for i := stop; ; i++ {
					e, err := w.Next()
					if err == io.EOF && i == len(want) {
						break
					}
					if err != nil || i >= len(want) || e.Name != want[i].Name || e.Index != i || fmt.Sprint(e.Extents) != fmt.Sprint(want[i].Extents) {
						t.Fatalf("behind %d: entry %d is %v, %v", stop, i, e, err)
					}
				}
				if got := fmt.Sprint(w.Volumes()); got != fmt.Sprint(whole.Volumes()) {
					t.Errorf("behind %d: volumes %v", stop, got)
				}
			}
		})
	}
}

func firstOf(f *files) string {
	for _, name := range []string{"set.rar", "set.part01.rar", "set.part001.rar", "set.part0001.rar"} {
		if f.list[name] != nil {
			return name
		}
	}
	panic("no first volume")
}

// The end of a walk is the end after Resume, too.
func TestResumeEnd(t *testing.T) {
	f := inMemory(made(t, rartest.Options{Name: "set", Volume: 50_000, Digits: 2}, members()...))
	_, w, err := list(f, "set.part01.rar", Limits{})
	if err != nil {
		t.Fatal(err)
	}
	f.touched()
	w, err = Resume(context.Background(), f, w.State(), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if e, err := w.Next(); err != io.EOF {
		t.Errorf("%v, %v", e, err)
	}
	if n, _, _ := f.touched(); n > 0 {
		t.Errorf("%d bytes were read for nothing", n)
	}
}

// A set without its last volumes has the members before, and says what is missing. One without its first volume has none.
func TestMissingVolume(t *testing.T) {
	for name, o := range kinds() {
		if o.Volume == 0 {
			continue
		}
		t.Run(name, func(t *testing.T) {
			volumes := made(t, o, members()...)
			f := inMemory(volumes)
			gone := volumes[len(volumes)/2].Name
			delete(f.list, gone)
			entries, w, err := list(f, volumes[0].Name, Limits{})
			if !errors.Is(err, ErrVolume) {
				t.Fatalf("%d entries, %v", len(entries), err)
			}
			if len(entries) == 0 || len(entries) >= len(members()) || len(w.Volumes()) != len(volumes)/2 {
				t.Errorf("%d entries in %d volumes", len(entries), len(w.Volumes()))
			}
			last := entries[len(entries)-1]
			if last.Truncated != (sum(last.Extents) < last.Packed || last.Packed < last.Size) {
				t.Errorf("%s has %d of %d bytes, truncated %v", last.Name, sum(last.Extents), last.Size, last.Truncated)
			}
			again, err := Resume(context.Background(), f, w.State(), Limits{})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := again.Next(); !errors.Is(err, ErrVolume) {
				t.Errorf("after Resume: %v", err)
			}

			f = inMemory(volumes)
			delete(f.list, volumes[0].Name)
			if _, _, err := list(f, volumes[1].Name, Limits{}); !errors.Is(err, ErrVolume) {
				t.Errorf("without the first: %v", err)
			}
		})
	}
	if _, _, err := list(inMemory(nil), "a.rar", Limits{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a file: %v", err)
	}
}

// Volumes of other sets, or in another order, are noticed.
func TestMixedVolumes(t *testing.T) {
	for name, o := range kinds() {
		if o.Volume == 0 {
			continue
		}
		t.Run(name, func(t *testing.T) {
			volumes := made(t, o, members()...)
			if o.Format == 5 { // those of RAR 4 have no numbers
				f := inMemory(volumes)
				f.list[volumes[1].Name], f.list[volumes[2].Name] = f.list[volumes[2].Name], f.list[volumes[1].Name]
				if _, _, err := list(f, volumes[0].Name, Limits{}); !errors.Is(err, ErrCorrupt) {
					t.Errorf("swapped: %v", err)
				}
			}
			f := inMemory(volumes)
			f.list[volumes[1].Name] = f.list[volumes[0].Name]
			if _, _, err := list(f, volumes[0].Name, Limits{}); !errors.Is(err, ErrCorrupt) {
				t.Errorf("the first twice: %v", err)
			}
			o.Format = 9 - o.Format
			f = inMemory(volumes)
			f.list[volumes[1].Name] = made(t, o, members()...)[1]
			if _, _, err := list(f, volumes[0].Name, Limits{}); !errors.Is(err, ErrCorrupt) {
				t.Errorf("of the other format: %v", err)
			}
		})
	}
}

// At every place an archive may be cut off, and what is before it is still right.
func TestCutOff(t *testing.T) {
	small := []rartest.File{
		{Name: "a", Data: noise(1, 50)}, {Name: "b", Data: noise(2, 10)}, {Name: "c/d", Dir: true}, {Name: "e", Data: noise(3, 99)},
	}
	for _, o := range []rartest.Options{{Format: 4}, {Format: 5}, {Format: 5, Quick: true}} {
		whole := made(t, o, small...)[0].Bytes()
		headers := headersOf(t, whole)
		for n := range len(whole) {
			entries, w, err := list(one(whole[:n]), "a.rar", Limits{})
			for i, e := range entries {
				if e.Truncated {
					if i != len(entries)-1 || err == nil {
						t.Errorf("%+v cut at %d: %s is truncated", o, n, e.Name)
					}
					continue
				}
				if b, err := stored(w, e); err != nil || !bytes.Equal(b, small[i].Data) {
					t.Errorf("%+v cut at %d: %s: %v", o, n, e.Name, err)
				}
			}
			switch { // between two headers nobody can know that there was another one
			case headers[int64(n)] && err != nil, !headers[int64(n)] && !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrFormat):
				t.Errorf("%+v cut at %d of %d: %d entries, %v", o, n, len(whole), len(entries), err)
			}
		}
	}
}

// headersOf returns where there are headers in an archive, behind the main one.
func headersOf(t *testing.T, b []byte) map[int64]bool {
	t.Helper()
	v, err := openVolume("a.rar", bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	places := make(map[int64]bool)
	for b := v.main; err == nil; b, err = v.local(b.end()) {
		places[b.end()] = true
	}
	if err != io.EOF {
		t.Fatal(err)
	}
	return places
}

func TestEncrypted(t *testing.T) {
	for _, format := range []int{4, 5} {
		secret := rartest.File{Name: "secret", Data: []byte("whatever it is"), Encrypted: true}
		open := rartest.File{Name: "open", Data: []byte("for all")}
		f := inMemory(made(t, rartest.Options{Name: "a", Format: format}, secret, open))
		entries, w, err := list(f, "a.rar", Limits{})
		if err != nil || len(entries) != 2 || !entries[0].Encrypted || entries[1].Encrypted {
			t.Fatalf("rar %d: %v, %v", format, entries, err)
		}
		if b, err := stored(w, entries[1]); err != nil || string(b) != "for all" {
			t.Errorf("rar %d: %q, %v", format, b, err)
		}
	}
	// Where headers are, too, nothing is to be seen.
	for format, b := range map[int][]byte{
		4: append([]byte("Rar!\x1a\x07\x00"), header4(main4, sealed4, make([]byte, 6))...),
		5: append([]byte("Rar!\x1a\x07\x01\x00"), header5(sealed5, 0, 0, 0, 15, 1, 2)...),
	} {
		if _, _, err := list(one(append(b, noise(1, 100)...)), "a.rar", Limits{}); !errors.Is(err, ErrEncrypted) {
			t.Errorf("rar %d: %v", format, err)
		}
	}
}

func TestProgram(t *testing.T) {
	stub := append([]byte("MZ"), noise(7, 1_300_000)...)
	copy(stub[5000:], "Rar!\x1a\x07\x00 is what I look for, and Rar!\x1a\x07\x01\x00") // as those of WinRAR have it
	for name, o := range kinds() {
		t.Run(name, func(t *testing.T) {
			if o.Stub = stub; o.Volume > 0 {
				o.Volume += int64(len(stub))
			}
			volumes := made(t, o, members()...)
			for _, v := range volumes {
				entries, w, err := list(inMemory(volumes), v.Name, Limits{})
				if err != nil {
					t.Fatalf("from %s: %v", v.Name, err)
				}
				checkMembers(t, w, entries, members())
			}
		})
	}
	if _, _, err := list(one(append([]byte("MZ"), noise(8, 6<<20)...)), "a.rar", Limits{}); !errors.Is(err, ErrFormat) {
		t.Errorf("a program: %v", err)
	}
	if _, _, err := list(one(nil), "a.rar", Limits{}); !errors.Is(err, ErrFormat) {
		t.Errorf("an empty file: %v", err)
	}
}

func TestLimits(t *testing.T) {
	f := inMemory(made(t, rartest.Options{Name: "set", Volume: 50_000, Digits: 2}, members()...))
	for _, c := range []struct {
		l    Limits
		want int // entries
	}{
		{Limits{Entries: 3}, 3},
		{Limits{HeaderBytes: 300}, 3},
		{Limits{NameBytes: 12}, 4},
		{Limits{Volumes: 2}, 3},
	} {
		entries, _, err := list(f, "set.part01.rar", c.l)
		if !errors.Is(err, ErrLimit) || len(entries) != c.want {
			t.Errorf("%+v: %d entries, %v", c.l, len(entries), err)
		}
	}
}

var errSource = errors.New("no peers")

// A source that fails is no fault of the archive: the walk goes on where it was when it works again.
func TestSourceFails(t *testing.T) {
	for name, o := range kinds() {
		t.Run(name, func(t *testing.T) {
			f := inMemory(made(t, o, members()...))
			flaky := &flaky{files: f, every: 3}
			var entries []*Entry
			var w *Walker
			var err error
			for range 10 {
				if w, err = Open(context.Background(), flaky, firstOf(f), Limits{}); err == nil {
					break
				}
			}
			for failed := 0; err != io.EOF; {
				var e *Entry
				if e, err = w.Next(); err == nil {
					entries = append(entries, e)
				} else if err != io.EOF {
					if failed++; !errors.Is(err, errSource) || failed > 1000 {
						t.Fatal(err)
					}
				}
			}
			flaky.every = 1 << 30
			checkMembers(t, w, entries, members())
		})
	}
}

// flaky are files of which every so manieth read fails.
type flaky struct {
	*files
	every, n int
}

func (f *flaky) Open(name string) (Volume, error) {
	v, err := f.files.Open(name)
	if err != nil {
		return nil, err
	}
	return &flakyVolume{f, v}, nil
}

type flakyVolume struct {
	f *flaky
	Volume
}

func (v *flakyVolume) ReadAt(p []byte, off int64) (int, error) {
	v.f.mu.Lock()
	v.f.n++
	fail := v.f.n%v.f.every == 0
	v.f.mu.Unlock()
	if fail {
		return 0, errSource
	}
	return v.Volume.ReadAt(p, off)
}

func TestWalkCancelled(t *testing.T) {
	f := inMemory(made(t, rartest.Options{Name: "set"}, members()...))
	ctx, cancel := context.WithCancel(context.Background())
	w, err := Open(ctx, f, "set.rar", Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Next(); err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := w.Next(); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

package rar

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/zeronetscript/universal_p2p/archive/rar/rartest"
)

// limits are those of fuzz targets.
func limits() Limits {
	return Limits{Entries: 1000, HeaderBytes: 1 << 20, NameBytes: 1 << 10, Volumes: 10, Dictionary: 16 << 20}
}

// walkAll lists an archive, and holds each entry against what must be true of any.
func walkAll(t *testing.T, from *files, name string) ([]*Entry, *Walker) {
	entries, w, err := list(from, name, limits())
	if err != nil && !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrFormat) && !errors.Is(err, ErrEncrypted) &&
		!errors.Is(err, ErrLimit) && !errors.Is(err, ErrVolume) {
		t.Fatalf("an error of no kind: %v", err)
	}
	if w == nil {
		return nil, nil
	}
	at := Extent{}
	for i, e := range entries {
		if e.Index != i || e.Run > i || e.Run < NoRun || e.Run >= 0 && entries[e.Run].Run != e.Run || e.Size < -1 {
			t.Fatalf("%+v", e)
		}
		for _, x := range e.Extents {
			if x.Off < 0 || x.Len <= 0 || x.Volume < at.Volume || x.Volume == at.Volume && x.Off < at.Off || x.Off+x.Len > w.Volume(x.Volume).Size() {
				t.Fatalf("%+v behind %+v", x, at)
			}
			at = Extent{x.Volume, x.Off + x.Len, 0}
		}
		if n := sum(e.Extents); !e.Truncated && e.Stored() && !e.Encrypted && !e.Dir && e.Link == NoLink && !e.Label && n != e.Size && n != e.Packed {
			t.Fatalf("%d bytes of %+v", n, e)
		}
	}
	return entries, w
}

// unpackSome unpacks what it can of an archive, and hangs nowhere.
func unpackSome(t *testing.T, w *Walker, entries []*Entry) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // for what takes a second on an idle machine
	defer cancel()
	left := int64(8 << 20)
	for i, e := range entries {
		if e.Run != i || e.Encrypted {
			continue
		}
		u := NewUnpacker(ctx, run(w, entries, i), limits().Dictionary)
		for left > 0 {
			if _, err := u.Next(); err != nil {
				break
			}
			n, err := io.Copy(io.Discard, io.LimitReader(u, left))
			if left -= n; errors.Is(err, context.DeadlineExceeded) {
				t.Fatal("unpacking hangs")
			}
		}
	}
}

// seeds adds the smaller fixtures.
func seeds(f *testing.F, add func(b []byte)) {
	names, err := filepath.Glob(filepath.Join(libarchive, "*.rar"))
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		if len(b) < 16<<10 {
			add(b)
		}
	}
	for _, o := range []rartest.Options{{Format: 4}, {Format: 5}, {Format: 5, Quick: true}, {Format: 4, Volume: 2 << 10}, {Format: 5, Volume: 2 << 10}} {
		for _, v := range made(f, o, rartest.File{Name: "a/b", Data: noise(1, 3000)}, rartest.File{Name: "ä"}) {
			add(v.Bytes())
		}
	}
}

// Any file as it is, as both volumes of a set.
func FuzzArchive(f *testing.F) {
	seeds(f, func(b []byte) { f.Add(b) })
	f.Fuzz(func(t *testing.T, b []byte) {
		from := one(b)
		from.list["a.r00"] = bytes.NewReader(b)
		entries, w := walkAll(t, from, "a.rar")
		if w != nil {
			unpackSome(t, w, entries)
		}
	})
}

// blocks makes an archive of headers whose checksums are right, or the fuzzer would never get behind them. Each is a length of two
// bytes, the header without checksum and size, and a number of bytes of data, and these.
func blocks(b []byte, seal func(body []byte) []byte) []byte {
	var all []byte
	take := func(n int) []byte {
		n = min(n, len(b))
		v := b[:n]
		b = b[n:]
		return v
	}
	for len(b) > 2 {
		n := int(binary.LittleEndian.Uint16(take(2)))
		all = append(all, seal(take(n))...)
		if len(b) > 0 {
			all = append(all, take(int(take(1)[0]))...)
		}
	}
	return all
}

// unblocks is the way back, for seeds.
func unblocks(b []byte, f format) (parts []byte) {
	for len(b) > prefix {
		n, err := f.size(b[:prefix])
		if err != nil || n > len(b) {
			return parts
		}
		body := b[2:n]
		if f == format(rar5{}) {
			c := cursor{b: b[4:n]}
			c.vint()
			body = c.b
		}
		parts = binary.LittleEndian.AppendUint16(parts, uint16(len(body)))
		parts = append(parts, body...)
		data := int64(0)
		if block, err := f.parse(b[:n]); err == nil {
			data = min(block.data, 255, int64(len(b)-n))
		}
		parts = append(parts, byte(data))
		parts = append(parts, b[n:n+int(data)]...)
		b = b[n+int(data):]
	}
	return parts
}

func FuzzRAR5(f *testing.F) {
	seeds(f, func(b []byte) {
		if form, n := signed(b); form == (rar5{}) {
			f.Add(unblocks(b[n:], form))
		}
	})
	f.Fuzz(func(t *testing.T, b []byte) {
		from := one(append([]byte("Rar!\x1a\x07\x01\x00"), blocks(b, sealed5raw)...))
		entries, w := walkAll(t, from, "a.rar")
		if w != nil {
			resumeAnywhere(t, from, entries)
			unpackSome(t, w, entries)
		}
	})
}

func FuzzRAR4(f *testing.F) {
	seeds(f, func(b []byte) {
		if form, n := signed(b); form == (rar4{}) {
			f.Add(unblocks(b[n:], form))
		}
	})
	f.Fuzz(func(t *testing.T, b []byte) {
		from := one(append([]byte("Rar!\x1a\x07\x00"), blocks(b, sealed4raw)...))
		entries, w := walkAll(t, from, "a.rar")
		if w != nil {
			resumeAnywhere(t, from, entries)
			unpackSome(t, w, entries)
		}
	})
}

// sealed4raw gives a header of RAR 4, all but its checksum, the right size and checksum.
func sealed4raw(body []byte) []byte {
	b := append([]byte{0, 0}, body...)
	if len(b) < prefix {
		return b
	}
	binary.LittleEndian.PutUint16(b[5:], uint16(len(b)))
	binary.LittleEndian.PutUint16(b, uint16(checksum(b[2:])))
	return b
}

// resumeAnywhere stops a walk in its middle, and holds the rest against what came the first time.
func resumeAnywhere(t *testing.T, from *files, want []*Entry) {
	w, err := Open(context.Background(), from, "a.rar", limits())
	if err != nil {
		t.Fatal(err)
	}
	stop := len(want) / 2
	for range stop {
		if _, err := w.Next(); err != nil {
			t.Fatal(err)
		}
	}
	if w, err = Resume(context.Background(), from, w.State(), limits()); err != nil {
		t.Fatal(err)
	}
	for i := stop; i < len(want); i++ {
		if e, err := w.Next(); err != nil || e.Name != want[i].Name || e.Run != want[i].Run || sum(e.Extents) != sum(want[i].Extents) {
			t.Fatalf("entry %d: %+v, %v, want %+v", i, e, err, want[i])
		}
	}
}

// A quick-open record of anything, with right checksums.
func FuzzQuick(f *testing.F) {
	head, all := fileOf('a', noise(1, 300))
	f.Add(quickRecord(1000, told{50, head}), int64(1000), true)
	f.Add(all, int64(30), false)
	f.Fuzz(func(t *testing.T, data []byte, at int64, sealed bool) {
		if sealed { // one item of anything
			data = sealed5raw(data)
		}
		for off, raw := range quickHeaders(data, at, 20) {
			if off < 20 || off >= at || len(raw) < prefix {
				t.Fatalf("a header of %d bytes at %d", len(raw), off)
			}
			if b, err := (rar5{}).parse(raw); err == nil && b.end() < 0 {
				t.Fatalf("%+v", b)
			}
		}
		// As the record of a real archive, whose members are read all the same.
		archive := withQuick([][]byte{all, all}, func(o []int64) []told { return []told{{o[1], data}} })
		entries, w := walkAll(t, one(archive), "a.rar")
		for _, e := range entries {
			if _, err := stored(w, e); err != nil && !errors.Is(err, ErrCorrupt) && !errors.Is(err, errContent) {
				t.Fatal(err)
			}
		}
	})
}

// Packed bytes of anything.
func FuzzUnpack(f *testing.F) {
	archive := inFolder(f, libarchive)
	for _, name := range []string{"rar5_compressed", "rar5_multiple_files_solid", "rar_compress_normal", "rar_compress_best", "rar5_win32"} {
		entries, w, err := list(archive, "test_read_format_"+name+".rar", Limits{})
		if err != nil {
			f.Fatal(err)
		}
		for _, e := range entries {
			if e.Run == e.Index {
				x := e.Extents[0]
				b := make([]byte, x.Len)
				w.Volume(0).ReadAt(b, x.Off) // it was read before
				f.Add(b, uint8(e.Format), uint8(e.Algorithm), uint8(e.Method), e.Size, uint16(100))
			}
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, format, algorithm, method uint8, size int64, cut uint16) {
		file := bytes.NewReader(b)
		first := min(int64(cut), int64(len(b)))
		m := Member{size, Coding{Format: 4 + int(format%2), Algorithm: int(algorithm), Method: 1 + int(method%5), Dictionary: 1 << 20, Extents: []Extent{{0, 0, first}}}}
		rest := m
		rest.Extents = []Extent{{0, first, int64(len(b)) - first}}
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // for what takes a second on an idle machine
		defer cancel()
		u := NewUnpacker(ctx, runOfTwo{file, []Member{m, rest, m}}, 16<<20)
		for left := int64(8 << 20); left > 0; {
			_, err := u.Next()
			if err == nil {
				var n int64
				n, err = io.Copy(io.Discard, io.LimitReader(u, left))
				left -= n
			} else if err == io.EOF || !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrMethod) && !errors.Is(err, ErrLimit) {
				if err != io.EOF {
					t.Fatal(err)
				}
				return
			} else {
				return
			}
			if errors.Is(err, context.DeadlineExceeded) {
				t.Fatal("unpacking hangs")
			}
		}
	})
}

// runOfTwo is a run of members of one file.
type runOfTwo struct {
	v       Volume
	members []Member
}

func (r runOfTwo) Volume(int) (Volume, error) { return r.v, nil }

func (r runOfTwo) Member(i int) (m Member, ok bool) {
	if i >= len(r.members) {
		return m, false
	}
	return r.members[i], true
}

// What was kept on disk may be anything, too.
func FuzzState(f *testing.F) {
	from := inMemory(made(f, rartest.Options{Name: "a", Volume: 2 << 10, OldNames: true}, members()...))
	w, err := Open(context.Background(), from, "a.rar", Limits{})
	if err != nil {
		f.Fatal(err)
	}
	for i := range 20 {
		e, err := w.Next()
		if err != nil {
			f.Fatal(err)
		}
		if coding, err := e.Coding.MarshalBinary(); err == nil && i%5 == 0 {
			f.Add(w.State())
			f.Add(coding)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		w, err := Resume(context.Background(), from, b, limits())
		if err != nil && !errors.Is(err, fs.ErrInvalid) && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		for range 10 {
			if err != nil {
				break
			}
			_, err = w.Next()
		}
		var c Coding
		if err := c.UnmarshalBinary(b); err != nil {
			return
		}
		volume := func(i int) (Volume, error) { return from.Open("a.rar") }
		c.Check(volume)
		u := NewUnpacker(context.Background(), runOfTwo{from.list["a.rar"], []Member{{100, c}}}, 1<<20)
		if _, err := u.Next(); err == nil {
			io.Copy(io.Discard, io.LimitReader(u, 1<<20))
		}
	})
}

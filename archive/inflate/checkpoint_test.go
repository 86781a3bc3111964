package inflate

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// through writes c and reads it again.
func through(t testing.TB, c Checkpoint) Checkpoint {
	t.Helper()
	b, err := c.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	var got Checkpoint
	if err := got.UnmarshalBinary(b); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(c.window, got.window) || c.given != got.given || !reflect.DeepEqual(c.state, got.state) {
		t.Fatalf("%+v became %+v", c.state, got.state)
	}
	return got
}

// resumed reads what follows c of the stream z in a reader of its own.
func resumed(t testing.TB, c Checkpoint, z []byte) []byte {
	t.Helper()
	c = through(t, c)
	got, err := io.ReadAll(Resume(c, bytes.NewReader(z[c.InputOffset():])))
	if err != nil {
		t.Fatalf("from %d on, input byte %d: %v", c.Offset(), c.InputOffset(), err)
	}
	return got
}

// A checkpoint at every byte of the output.
func TestCheckpointEverywhere(t *testing.T) {
	one, oneData := oneBlock(700, 11)
	list := []stream{{"one block", one, oneData}}
	mixed := slices.Concat(goroot(t, "src/compress/testdata/gettysburg.txt")[:400], noise(100), make([]byte, 300))
	for _, l := range levels {
		list = append(list, stream{fmt.Sprintf("mixed at level %d", l), deflate(t, mixed, l), mixed})
	}
	list = append(list, stream{"small blocks", smallBlocks(t, mixed), mixed})
	for _, s := range list {
		// When the input comes a byte at a time, so do batches, and the state is that of each place. Else it is always that of the
		// start, so that not every place needs a look.
		for step, src := range map[int]io.Reader{1: iotest.OneByteReader(bytes.NewReader(s.z)), 13: bytes.NewReader(s.z)} {
			r := NewReader(src)
			for at := 0; ; at += step {
				c := r.Checkpoint()
				if c.Offset() != int64(at) || c.Offset() != r.Offset() {
					t.Fatalf("%s: at %d says %d", s.name, at, c.Offset())
				}
				if got := resumed(t, c, s.z); !bytes.Equal(got, s.data[at:]) {
					t.Fatalf("%s from %d: %d bytes, want %d", s.name, at, len(got), len(s.data)-at)
				}
				if _, err := io.CopyN(io.Discard, r, int64(step)); err == io.EOF {
					break
				} else if err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// smallBlocks deflates data as blocks of a few bytes of every type, with the input never on a byte's boundary for long.
func smallBlocks(t testing.TB, data []byte) []byte {
	w := new(bitWriter)
	lit := make([]uint8, 257)
	for i := range lit {
		lit[i] = 8
	}
	lit[255], lit[256] = 9, 9
	hl := newHuffman(lit)
	for i := 0; len(data) > 0; i++ {
		n := min(len(data), 1+i%7)
		part := data[:n]
		data = data[n:]
		switch i % 3 {
		case 0:
			w.stored(0, part)
		case 1:
			w.bits(typeFixed<<1, 3)
			for _, b := range part {
				w.fixed(uint64(b))
			}
			w.fixed(endOfBlock)
		default:
			w.dynamic(0, lit, []uint8{0})
			for _, b := range part {
				w.symbol(hl, int(b))
			}
			w.symbol(hl, endOfBlock)
		}
	}
	return w.stored(1, nil).bytes()
}

// Checkpoints of a reader that itself was resumed, again and again, anywhere in every stream.
func TestCheckpointChain(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, s := range streams(t) {
		r := NewReader(bytes.NewReader(s.z))
		var got []byte
		for {
			p := make([]byte, 1+rnd.IntN(1+len(s.data)/5))
			n, err := io.ReadFull(r, p)
			got = append(got, p[:n]...)
			c := through(t, r.Checkpoint())
			if c.Offset() != int64(len(got)) {
				t.Fatalf("%s: at %d says %d", s.name, len(got), c.Offset())
			}
			if err != nil {
				if err != io.EOF && err != io.ErrUnexpectedEOF { // of ReadFull
					t.Fatalf("%s at %d: %v", s.name, len(got), err)
				}
				break
			}
			r = Resume(c, bytes.NewReader(s.z[c.InputOffset():]))
		}
		if !bytes.Equal(got, s.data) {
			t.Fatalf("%s: %d bytes, want %d", s.name, len(got), len(s.data))
		}
	}
}

// To go on costs no more than the batch before: input that was used long ago is not asked for.
func TestCheckpointIsClose(t *testing.T) {
	for _, s := range streams(t) {
		r := NewReader(bytes.NewReader(s.z))
		for {
			if _, err := io.CopyN(io.Discard, r, 10_000); err == io.EOF {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			c := r.Checkpoint()
			if behind := c.Offset() - c.out; behind < 0 || behind > batchSize+windowSize {
				t.Fatalf("%s: starts %d bytes of output before", s.name, behind)
			}
			if ahead := c.InputOffset() - r.InputOffset(); ahead > 0 {
				t.Fatalf("%s: starts %d bytes of input too late", s.name, ahead)
			}
		}
	}
}

// A checkpoint does not change with its reader, nor with others that resume from it.
func TestCheckpointIsAlone(t *testing.T) {
	text := goroot(t, "src/testdata/Isaac.Newton-Opticks.txt")
	z := deflate(t, text, 6)
	r := NewReader(bytes.NewReader(z))
	if _, err := io.CopyN(io.Discard, r, 123_456); err != nil {
		t.Fatal(err)
	}
	c := r.Checkpoint()
	before, _ := c.MarshalBinary()
	for range 2 {
		if got := resumed(t, c, z); !bytes.Equal(got, text[123_456:]) {
			t.Error("not the rest")
		}
	}
	if _, err := io.Copy(io.Discard, r); err != nil {
		t.Fatal(err)
	}
	r.Reset(Checkpoint{}, bytes.NewReader(deflate(t, noise(100_000), 6)))
	if _, err := io.Copy(io.Discard, r); err != nil {
		t.Fatal(err)
	}
	if after, _ := c.MarshalBinary(); !bytes.Equal(before, after) {
		t.Error("it has changed")
	}
}

func TestCheckpointSize(t *testing.T) {
	for _, s := range streams(t) {
		r := NewReader(bytes.NewReader(s.z))
		if _, err := io.CopyN(io.Discard, r, int64(len(s.data)/2)); err != nil {
			t.Fatal(err)
		}
		b, err := r.Checkpoint().MarshalBinary()
		if err != nil || len(b) > 33<<10 {
			t.Errorf("%s: %d bytes, %v", s.name, len(b), err)
		}
		if strings.HasPrefix(s.name, "text ") && len(b) > 17<<10 {
			t.Errorf("%s: %d bytes", s.name, len(b))
		}
	}
}

func TestAppendBinary(t *testing.T) {
	c := at(t, deflate(t, []byte("to be or not to be, that is the question"), 6), 7)
	b, _ := c.MarshalBinary()
	if got, err := c.AppendBinary([]byte("before")); err != nil || string(got) != "before"+string(b) {
		t.Errorf("%q, %v", got, err)
	}
}

// at is the checkpoint of z after n bytes of output.
func at(t testing.TB, z []byte, n int64) Checkpoint {
	t.Helper()
	r := NewReader(bytes.NewReader(z))
	if _, err := io.CopyN(io.Discard, r, n); err != nil {
		t.Fatal(err)
	}
	return r.Checkpoint()
}

// What was kept by an earlier build can be read by this one. When the form changes, so must its version, and this.
func TestCheckpointForm(t *testing.T) {
	hello := []byte("hello, hello, hello, world")
	w := new(bitWriter)
	lit := make([]uint8, 257)
	for i := range lit {
		lit[i] = 8
	}
	lit[255], lit[256] = 9, 9
	hl := newHuffman(lit)
	w.stored(0, hello[:20]).dynamic(1, lit, []uint8{1})
	for _, b := range hello[20:] {
		w.symbol(hl, int(b))
	}
	z := w.symbol(hl, endOfBlock).bytes()
	for _, k := range []struct {
		name string
		src  io.Reader
		n    int64
		want string
	}{
		{"start", bytes.NewReader(z), 0, "01000000009919637d"},
		{"stored", iotest.OneByteReader(bytes.NewReader(z)), 13, "0101110c010868656c6c6f2c2068656c6c6f200c4eea"},
		{"codes", iotest.OneByteReader(bytes.NewReader(z)), 23, "0156a50116010000" + strings.Repeat("88", 127) + "981968656c6c6f2c2068656c6c6f2c2068656c6c6f2c207706f7e0b5"},
	} {
		r := NewReader(k.src)
		if _, err := io.CopyN(io.Discard, r, k.n); err != nil {
			t.Fatal(err)
		}
		b, _ := r.Checkpoint().MarshalBinary()
		// How the window is packed depends on compress/flate, so only what is read matters; these are too short to be packed.
		if got := hex.EncodeToString(b); got != k.want {
			t.Errorf("%s: %s", k.name, got)
		}
		if got := resumed(t, r.Checkpoint(), z); !bytes.Equal(got, hello[k.n:]) {
			t.Errorf("%s: then %q", k.name, got)
		}
	}
}

// Damage of any kind is noticed.
func TestUnmarshalDamaged(t *testing.T) {
	z, _ := oneBlock(3000, 3)
	good, _ := at(t, z, 2000).MarshalBinary()
	var c Checkpoint
	if err := c.UnmarshalBinary(good); err != nil {
		t.Fatal(err)
	}
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 1 << (i % 8)
		if err := c.UnmarshalBinary(bad); !errors.Is(err, ErrCheckpoint) {
			t.Fatalf("byte %d changed: %v", i, err)
		}
		if err := c.UnmarshalBinary(good[:i]); !errors.Is(err, ErrCheckpoint) {
			t.Fatalf("cut to %d: %v", i, err)
		}
	}
	if c.Offset() != 2000 {
		t.Errorf("a damaged one has changed the offset to %d", c.Offset())
	}
}

// sealed ends a checkpoint with the right sum.
func sealed(body ...byte) []byte {
	return binary.LittleEndian.AppendUint32(body, crc32.Checksum(body, castagnoli))
}

// What an enemy may write with a right sum.
func TestUnmarshalHostile(t *testing.T) {
	huge := []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}
	stored, coded, packed := byte(inStored), byte(inCodes)|flagCodes, byte(flagPacked)
	lens := func(nlit, ndist byte, fill byte) []byte {
		return append([]byte{nlit, ndist}, bytes.Repeat([]byte{fill}, 200)...)
	}
	cases := map[string][]byte{
		"nothing":            nil,
		"only a sum":         sealed(),
		"no flags":           sealed(version),
		"another version":    sealed(version+1, 0, 0, 0, 0),
		"no numbers":         sealed(version, 0),
		"a number cut":       sealed(version, 0, 0x80),
		"input too far":      sealed(slices.Concat([]byte{version, 0}, huge, []byte{0, 0})...),
		"output too far":     sealed(slices.Concat([]byte{version, 0, 0}, huge, []byte{0})...),
		"given too far":      sealed(slices.Concat([]byte{version, 0, 0, 0}, huge)...),
		"no such place":      sealed(version, 3, 0, 0, 0),
		"behind the end":     sealed(version, flagFinal, 0, 0, 0),
		"nothing left":       sealed(version, stored, 0, 0, 0, 0),
		"too much left":      sealed(version, stored, 0, 0, 0, 0x80, 0x80, 4),
		"stored in bits":     sealed(version, stored|1<<flagBit, 0, 0, 0, 1),
		"no window":          sealed(version, 0, 0, 1, 0),
		"too much window":    sealed(version, 0, 0, 1, 0, 'a', 'b'),
		"window before all":  sealed(version, 0, 0, 0, 0, 'a'),
		"packed is none":     sealed(version, packed, 0, 1, 0, 7),
		"packed too short":   sealed(append([]byte{version, packed, 0, 2, 0}, pack([]byte("a"))...)...),
		"packed too long":    sealed(append([]byte{version, packed, 0, 2, 0}, pack([]byte("abc"))...)...),
		"packed and more":    sealed(append(append([]byte{version, packed, 0, 3, 0}, pack([]byte("abc"))...), 0)...),
		"packed cut":         sealed(version, packed, 0, 0, 0),
		"codes elsewhere":    sealed(append([]byte{version, flagCodes, 0, 0, 0}, lens(0, 0, 0x88)...)...),
		"codes cut":          sealed(version, coded, 0, 0, 0, 0),
		"lengths cut":        sealed(version, coded, 0, 0, 0, 0, 0, 8),
		"too many literals":  sealed(append([]byte{version, coded, 0, 0, 0}, lens(30, 0, 0x88)...)...),
		"too many distances": sealed(append([]byte{version, coded, 0, 0, 0}, lens(0, 30, 0x88)...)...),
		"too many codes":     sealed(append([]byte{version, coded, 0, 0, 0}, lens(0, 0, 0x11)...)...),
		"too few codes":      sealed(append([]byte{version, coded, 0, 0, 0}, lens(0, 0, 0xff)...)...),
		"no codes":           sealed(append([]byte{version, coded, 0, 0, 0}, lens(0, 0, 0)...)...),
	}
	for name, b := range cases {
		c := Checkpoint{given: 77}
		if err := c.UnmarshalBinary(b); !errors.Is(err, ErrCheckpoint) || c.given != 77 {
			t.Errorf("%s: %v, %d", name, err, c.given)
		}
	}
}

// A checkpoint that belongs to another stream, or whose source is too short, is an error or wrong bytes, and nothing worse.
func TestResumeElsewhere(t *testing.T) {
	z, _ := oneBlock(30_000, 3)
	c := at(t, z, 20_000)
	for name, src := range map[string][]byte{"nothing": nil, "another": noise(5000), "the start": z, "cut": z[c.InputOffset():][:10]} {
		r := Resume(c, bytes.NewReader(src))
		if r.Offset() != 20_000 {
			t.Errorf("%s: starts at %d", name, r.Offset())
		}
		if _, err := io.Copy(io.Discard, r); err != nil && !errors.Is(err, ErrCorrupt) && err != io.ErrUnexpectedEOF {
			t.Errorf("%s: %v", name, err)
		}
	}
}

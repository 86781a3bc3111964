package rar

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"slices"
	"strings"
)

// The form of what is kept: numbers as varints, strings behind their length.
const stateVersion = 1

// maxNameBytes is more than the name of any file has.
const maxNameBytes = 4 << 10

// finals are the ends of a walk that a state knows.
var finals = []error{nil, io.EOF, ErrCorrupt, ErrVolume}

// State describes the place behind the last entry, for Resume. It is as large as the names of the volumes.
func (w *Walker) State() []byte {
	b := []byte{stateVersion}
	end := 0
	for i, final := range finals {
		if final != nil && errors.Is(w.err, final) {
			end = i
		}
	}
	for _, n := range []int64{
		int64(end), int64(w.kept.at), w.kept.off, w.kept.spent, int64(w.count), int64(w.run), int64(w.set.ahead),
		flag(w.shut), flag(w.set.old), flag(w.set.ended), int64(len(w.set.names)),
	} {
		b = binary.AppendVarint(b, n)
	}
	for _, name := range w.set.names {
		b = appendString(b, name)
	}
	return b
}

// Resume goes on with a walk where State was taken. Of the volumes before that place it reads the first 16 KiB of the first, and
// of the others nothing.
func Resume(ctx context.Context, from Volumes, state []byte, l Limits) (*Walker, error) {
	l = l.withDefaults()
	r := reader{b: state}
	if r.byte() != stateVersion {
		return nil, fmt.Errorf("rar: a state of another version: %w", fs.ErrInvalid)
	}
	end := r.int(len(finals) - 1)
	s := &set{from: from, limits: l}
	w := &Walker{ctx: ctx, set: s, position: position{r.int(maxVolumes), r.int64(), r.int64()}}
	w.count, w.run, w.kept = r.int(l.Entries), r.int(l.Entries), w.position
	s.ahead = r.int(maxAhead)
	w.shut, s.old, s.ended = r.int(1) == 1, r.int(1) == 1, r.int(1) == 1
	for range r.int(l.Volumes) {
		name := r.string()
		r.bad = r.bad || name == "" || len(name) > maxNameBytes || strings.ContainsAny(name, "/\x00")
		if r.bad {
			break
		}
		s.names = append(s.names, name)
	}
	if r.bad || len(r.b) > 0 || end < 0 || w.at < 0 || w.at >= len(s.names) || w.off < 0 || w.count < 0 || w.spent < 0 || w.run >= w.count || s.ahead < 1 {
		return nil, fmt.Errorf("rar: a damaged state: %w", fs.ErrInvalid)
	}
	if w.err = finals[end]; w.err != nil && w.err != io.EOF {
		w.err = fmt.Errorf("%w, as was seen before", w.err)
	}
	for _, name := range s.names {
		f, err := from.Open(name)
		if err != nil {
			return nil, err
		}
		s.files = append(s.files, f)
	}
	s.volumes = make([]*volume, len(s.names))
	if w.err != nil {
		return w, nil
	}
	v, err := openVolume(s.names[0], s.files[0])
	if err != nil {
		return nil, err
	}
	s.volumes[0] = v
	return w, nil
}

// MarshalBinary implements encoding.BinaryMarshaler.
func (c *Coding) MarshalBinary() ([]byte, error) {
	b := []byte{stateVersion}
	for _, n := range []int64{int64(c.Format), int64(c.Method), int64(c.Algorithm), c.Dictionary, flag(c.Solid), int64(c.Run), int64(len(c.Extents))} {
		b = binary.AppendVarint(b, n)
	}
	for _, x := range c.Extents {
		b = binary.AppendVarint(b, int64(x.Volume))
		b = binary.AppendVarint(b, x.Off)
		b = binary.AppendVarint(b, x.Len)
	}
	b = binary.AppendVarint(b, int64(len(c.quick)))
	for _, p := range c.quick {
		for _, n := range []int64{int64(p.volume), p.off, int64(p.size), int64(p.sum)} {
			b = binary.AppendVarint(b, n)
		}
	}
	return b, nil
}

// UnmarshalBinary implements encoding.BinaryUnmarshaler. The numbers are not believed: what is impossible in them shows as an error
// here or when they are used.
func (c *Coding) UnmarshalBinary(b []byte) error {
	r := reader{b: b}
	if r.byte() != stateVersion {
		return fmt.Errorf("rar: a coding of another version: %w", fs.ErrInvalid)
	}
	*c = Coding{Format: r.int(5), Method: r.int(255), Algorithm: r.int(2000), Dictionary: r.int64(), Solid: r.int(1) == 1, Run: r.int(math.MaxInt32)}
	for range r.int(maxVolumes) {
		if r.bad {
			break
		}
		c.Extents = append(c.Extents, Extent{r.int(maxVolumes), r.int64(), r.int64()})
	}
	for range r.int(maxVolumes) {
		if r.bad {
			break
		}
		c.quick = append(c.quick, place{r.int(maxVolumes), r.int64(), r.int(maxHeader5 + prefix), uint32(r.int64())})
	}
	bad := func(x Extent) bool { return x.Off < 0 || x.Len < 0 || x.Off > maxSize || x.Len > maxSize }
	badPlace := func(p place) bool { return p.volume < 0 || p.off < 0 || p.off > maxSize || p.size < 0 }
	if r.bad || len(r.b) > 0 || c.Dictionary < 0 || slices.ContainsFunc(c.Extents, bad) || slices.ContainsFunc(c.quick, badPlace) {
		return fmt.Errorf("rar: a damaged coding: %w", fs.ErrInvalid)
	}
	return nil
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendVarint(b, int64(len(s))), s...)
}

// A reader reads what was written here. Behind the end everything is 0, and bad is set.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) byte() byte {
	if len(r.b) == 0 {
		r.bad = true
		return 0
	}
	c := r.b[0]
	r.b = r.b[1:]
	return c
}

func (r *reader) int64() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.b, r.bad = nil, true
		return 0
	}
	r.b = r.b[n:]
	return v
}

// int reads a number from -1 to limit.
func (r *reader) int(limit int) int {
	v := r.int64()
	if v < -1 || v > int64(limit) {
		r.bad = true
		return 0
	}
	return int(v)
}

func (r *reader) string() string {
	n := r.int(len(r.b))
	if r.bad || n < 0 || n > len(r.b) {
		r.bad = true
		return ""
	}
	s := string(r.b[:n])
	r.b = r.b[n:]
	return s
}

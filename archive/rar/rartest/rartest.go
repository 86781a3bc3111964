// Package rartest makes RAR archives for tests: of members that are stored, in one volume or many, under both kinds of names,
// of RAR 4 and RAR 5, with and without a quick-open record. No compression is in it.
//
// A set may be larger than memory: a member's bytes are only asked for when a volume is read.
package rartest

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"io"
	"sort"
	"time"
)

// A File is a member to be stored.
type File struct {
	Name    string // slash-separated
	Data    []byte // its content, unless Body is set
	Body    io.ReaderAt
	Size    int64 // bytes of Body
	ModTime time.Time
	Dir     bool

	// NoSum leaves the checksum out (RAR 5) or wrong (RAR 4), so that no byte of the body is needed to make the archive.
	NoSum bool

	// Encrypted says that it is. What Data are is written as it is all the same, so that nobody can read it.
	Encrypted bool
}

func (f *File) size() int64 {
	if f.Body != nil {
		return f.Size
	}
	return int64(len(f.Data))
}

func (f *File) body() io.ReaderAt {
	if f.Body != nil {
		return f.Body
	}
	return bytes.NewReader(f.Data)
}

// Options say what kind of archive it is to be.
type Options struct {
	Name     string // of the archive, without an ending
	Format   int    // 4 or 5; 0: 5
	Volume   int64  // bytes of a volume, about; 0: all in one
	OldNames bool   // .rar, .r00, .r01 instead of .part1.rar
	Digits   int    // of the number in .part1.rar, at least
	Quick    bool   // with a quick-open record in each volume: RAR 5 only
	Stub     []byte // a program in front of the first volume
}

// A Volume is one file of a set. It is an io.ReaderAt that is safe for concurrent use if the bodies in it are.
type Volume struct {
	Name  string
	parts []part
	size  int64
}

// A part is a piece of a volume.
type part struct {
	off, size int64 // in the volume
	from      io.ReaderAt
	at        int64 // in from
}

// Size is in bytes.
func (v *Volume) Size() int64 { return v.size }

// ReadAt implements io.ReaderAt.
func (v *Volume) ReadAt(p []byte, off int64) (n int, err error) {
	i := sort.Search(len(v.parts), func(i int) bool { return v.parts[i].off+v.parts[i].size > off })
	for ; n < len(p) && i < len(v.parts); i++ {
		part := &v.parts[i]
		from := off + int64(n) - part.off
		q := p[n:][:min(int64(len(p)-n), part.size-from)]
		m, err := part.from.ReadAt(q, part.at+from)
		if n += m; m < len(q) {
			return n, err
		}
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// Bytes returns all of the volume.
func (v *Volume) Bytes() []byte {
	b, err := io.ReadAll(io.NewSectionReader(v, 0, v.size))
	if err != nil {
		panic(err) // a body that does not give its own bytes
	}
	return b
}

func (v *Volume) add(b []byte) { v.addFrom(bytes.NewReader(b), 0, int64(len(b))) }

func (v *Volume) addFrom(r io.ReaderAt, at, size int64) {
	if size > 0 {
		v.parts = append(v.parts, part{v.size, size, r, at})
		v.size += size
	}
}

// An encoder writes the headers of one format.
type encoder interface {
	start(volume int, multi bool, o Options) []byte // with the signature
	file(f *File, p piece) []byte
	end(volume int, more bool) []byte
}

// A piece is what is in one volume of a member.
type piece struct {
	before, after bool  // it is not the first one, or not the last
	size          int64 // bytes of it
	crc           uint32
}

// Make makes an archive. An error is one of reading a body, or of options that make no sense.
func Make(o Options, files ...File) ([]*Volume, error) {
	w := &writer{o: o}
	switch o.Format {
	case 4:
		w.enc = rar4{}
	case 0, 5:
		w.enc = rar5{}
	default:
		return nil, fmt.Errorf("rartest: there is no RAR %d", o.Format)
	}
	if o.Volume > 0 && o.Volume < 1<<10 {
		return nil, fmt.Errorf("rartest: volumes of %d bytes", o.Volume)
	}
	w.open()
	for i := range files {
		if err := w.file(&files[i]); err != nil {
			return nil, fmt.Errorf("rartest: %s: %w", files[i].Name, err)
		}
	}
	w.close(false)
	w.name()
	return w.volumes, nil
}

// A writer puts members into volumes.
type writer struct {
	o       Options
	enc     encoder
	volumes []*Volume
	heads   []head // of members in the last volume
}

// A head is a header, and where it is.
type head struct {
	off int64
	raw []byte
}

func (w *writer) last() *Volume { return w.volumes[len(w.volumes)-1] }

func (w *writer) open() {
	v := &Volume{}
	if len(w.volumes) == 0 {
		v.add(w.o.Stub)
	}
	w.volumes = append(w.volumes, v)
	v.add(w.enc.start(len(w.volumes)-1, w.o.Volume > 0, w.o))
	w.heads = nil
}

func (w *writer) close(more bool) {
	v := w.last()
	if w.o.Quick && w.o.Format != 4 {
		quick5(v, w.heads)
	}
	v.add(w.enc.end(len(w.volumes)-1, more))
}

// file stores a member, in as many volumes as it takes.
func (w *writer) file(f *File) error {
	whole := uint32(0)
	for at, left := int64(0), f.size(); ; {
		p := piece{before: at > 0, size: left}
		if room := w.room(f, p); room < left {
			if room <= 0 {
				w.close(true)
				w.open()
				continue
			}
			p.size, p.after = room, true
		}
		if !f.NoSum {
			var err error
			if p.crc, whole, err = sums(f.body(), at, p.size, whole); err != nil {
				return err
			}
		}
		if !p.after {
			p.crc = whole
		}
		raw := w.enc.file(f, p)
		w.heads = append(w.heads, head{w.last().size, raw})
		w.last().add(raw)
		w.last().addFrom(f.body(), at, p.size)
		at, left = at+p.size, left-p.size
		if !p.after {
			return nil
		}
		w.close(true)
		w.open()
	}
}

// room says how many bytes of the member have room in the volume.
func (w *writer) room(f *File, p piece) int64 {
	if w.o.Volume <= 0 {
		return p.size
	}
	return w.o.Volume - w.last().size - int64(len(w.enc.file(f, p))) - int64(len(w.enc.end(0, true)))
}

// sums returns the CRC-32 of bytes, and the one that they continue.
func sums(r io.ReaderAt, at, size int64, whole uint32) (crc, both uint32, err error) {
	buf := make([]byte, 256<<10)
	for left := size; left > 0; {
		b := buf[:min(left, int64(len(buf)))]
		if n, err := r.ReadAt(b, at); n < len(b) {
			return 0, 0, err
		}
		crc = crc32.Update(crc, crc32.IEEETable, b)
		whole = crc32.Update(whole, crc32.IEEETable, b)
		at, left = at+int64(len(b)), left-int64(len(b))
	}
	return crc, whole, nil
}

// name names the volumes.
func (w *writer) name() {
	name := w.o.Name
	if name == "" {
		name = "archive"
	}
	first := ".rar"
	if w.o.Stub != nil {
		first = ".exe"
	}
	digits := max(w.o.Digits, len(fmt.Sprint(len(w.volumes))))
	for i, v := range w.volumes {
		switch ending := ".rar"; {
		case i == 0 && (w.o.Volume <= 0 || w.o.OldNames):
			v.Name = name + first
		case w.o.OldNames:
			v.Name = fmt.Sprintf("%s.%c%02d", name, 'r'+(i-1)/100, (i-1)%100)
		default:
			if i == 0 {
				ending = first
			}
			v.Name = fmt.Sprintf("%s.part%0*d%s", name, digits, i+1, ending)
		}
	}
}

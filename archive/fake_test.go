package archive

import (
	"bytes"
	"errors"
	"hash/crc32"
	"io"
	"sync/atomic"
)

// A fakeFormat is one whose archives are what a test wants them to be.
type fakeFormat struct {
	entries []*entry
	data    map[*entry][]byte // what comes out
	lazy    bool              // list entries one by one

	walked   atomic.Int64                                   // entries
	unpacked atomic.Int64                                   // bytes
	opened   atomic.Int64                                   // runs
	onWalk   func() error                                   // nil: fine
	onNext   func(i int) error                              // before entry i is listed
	onMember func(e *entry, r io.Reader) (io.Reader, error) // before e is unpacked
}

const fakeMagic = "FAKE"

// fakeArchive returns the file of a fake archive, and a library that knows its format.
func fakeSource() *source {
	return newSource("a.fake", append([]byte(fakeMagic), make([]byte, 1<<20)...))
}

// member adds one to a run, or to none.
func (f *fakeFormat) member(name string, run int, data []byte) *entry {
	e := &entry{
		Raw: name, UTF8: true, Size: int64(len(data)), Packed: int64(len(data)), CRC: crc32.ChecksumIEEE(data), HasCRC: true,
		Run: run, Solid: run >= 0, Method: "fake",
	}
	if f.data == nil {
		f.data = make(map[*entry][]byte)
	}
	f.entries = append(f.entries, e)
	f.data[e] = data
	return e
}

func (f *fakeFormat) name() string { return "fake" }
func (f *fakeFormat) match(head []byte, _ string) bool {
	return bytes.HasPrefix(head, []byte(fakeMagic))
}

func (f *fakeFormat) walk(in *input, from []byte) (walker, error) {
	if f.onWalk != nil {
		if err := f.onWalk(); err != nil {
			return nil, err
		}
	}
	w := &fakeWalker{f: f, in: in}
	if from != nil {
		w.i = int(from[0])
	}
	return w, nil
}

type fakeWalker struct {
	f  *fakeFormat
	in *input
	i  int
}

func (w *fakeWalker) volumes() []string { return nil }

func (w *fakeWalker) state() []byte {
	if w.f.lazy {
		return []byte{byte(w.i)}
	}
	return nil
}

func (w *fakeWalker) next() (*entry, error) {
	var b [1]byte
	if _, err := w.in.File().ReadAt(b[:], int64(w.i)*1000); err != nil {
		return nil, err
	}
	if w.f.onNext != nil {
		if err := w.f.onNext(w.i); err != nil {
			return nil, err
		}
	}
	if w.i == len(w.f.entries) {
		return nil, io.EOF
	}
	w.i++
	w.f.walked.Add(1)
	e := *w.f.entries[w.i-1]
	return &e, nil
}

func (f *fakeFormat) unpack(in *input, r *run) (unpacker, error) {
	f.opened.Add(1)
	return &fakeUnpacker{f: f, in: in, r: r}, nil
}

type fakeUnpacker struct {
	f  *fakeFormat
	in *input
	r  *run
	i  int
}

func (u *fakeUnpacker) next() (int, io.Reader, error) {
	entries := u.r.entries()
	if u.i >= len(entries) {
		return 0, nil, errors.New("next was called for a member that is not known")
	}
	u.i++
	for e, data := range u.f.data {
		if e.Raw != entries[u.i-1].Raw {
			continue
		}
		var r io.Reader = &fakeReader{u, data}
		if u.f.onMember != nil {
			var err error
			if r, err = u.f.onMember(e, r); err != nil {
				return 0, nil, err
			}
		}
		return u.i - 1, r, nil
	}
	return 0, nil, errors.New("no such member")
}

func (u *fakeUnpacker) close() error { return nil }

type fakeReader struct {
	u    *fakeUnpacker
	data []byte
}

func (r *fakeReader) Read(p []byte) (int, error) {
	var b [1]byte
	if _, err := r.u.in.File().ReadAt(b[:], 5000); err != nil {
		return 0, err
	}
	if len(r.data) == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.data)
	r.data = r.data[n:]
	r.u.f.unpacked.Add(int64(n))
	return n, nil
}

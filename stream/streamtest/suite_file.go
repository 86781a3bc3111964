package streamtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"
	"time"

	"github.com/zeronetscript/universal_p2p/stream"
)

// openFile opens a reader, to be closed before the trees that were opened before it.
func (s Suite) openFile(t *testing.T, f stream.File) io.ReadSeekCloser {
	t.Helper()
	var r io.ReadSeekCloser
	s.within(t, "Open of "+f.Path(), func() (err error) {
		r, err = f.Open(t.Context())
		return err
	})
	if r == nil {
		t.FailNow()
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func (e *env) testRead(t *testing.T) {
	tree := e.open(t)
	for p, content := range e.files {
		f := lookup(t, tree, p)
		checkReader(t, f, content)
		checkRanges(t, f, content, 1)
	}
}

// checkReader holds a reader of f to all rules of io.Reader and io.Seeker.
func checkReader(t *testing.T, f stream.File, content []byte) {
	t.Helper()
	r, err := f.Open(t.Context())
	if err != nil {
		t.Errorf("Open of %q: %v", f.Path(), err)
		return
	}
	checkContent(t, f.Path(), r, content)
	check(t, r.Close())
}

func checkContent(t *testing.T, path string, r io.ReadSeeker, content []byte) {
	t.Helper()
	if err := iotest.TestReader(r, content); err != nil {
		t.Errorf("reader of %q: %v", path, err)
	}
	size := int64(len(content))
	for _, off := range []int64{size, size + 1, size + 1<<40} {
		if got, err := r.Seek(off, io.SeekStart); got != off || err != nil {
			t.Errorf("%q: Seek to %d = %d, %v", path, off, got, err)
		}
		if n, err := r.Read(make([]byte, 1)); n != 0 || err != io.EOF {
			t.Errorf("%q: Read at %d of %d bytes = %d, %v, want io.EOF", path, off, size, n, err)
		}
	}
	if got, err := r.Seek(0, io.SeekEnd); got != size || err != nil {
		t.Errorf("%q: Seek to the end = %d, %v, want %d", path, got, err, size)
	}
}

// checkRanges reads here and there in f, as the ranges of a player do, in an order that seed decides.
func checkRanges(t *testing.T, f stream.File, content []byte, seed uint64) {
	t.Helper()
	r, err := f.Open(t.Context())
	if err != nil {
		t.Errorf("Open of %q: %v", f.Path(), err)
		return
	}
	defer r.Close()
	rnd := rand.New(rand.NewPCG(seed, uint64(len(content))))
	for range 8 {
		off := rnd.IntN(len(content) + 1)
		n := rnd.IntN(len(content) - off + 1)
		checkBytes(t, r, int64(off), content[off:off+n])
	}
}

// checkBytes checks that want stands at off.
func checkBytes(t *testing.T, r io.ReadSeeker, off int64, want []byte) {
	t.Helper()
	if _, err := r.Seek(off, io.SeekStart); err != nil {
		t.Errorf("Seek to %d: %v", off, err)
		return
	}
	got := make([]byte, len(want))
	if n, err := io.ReadFull(r, got); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes at %d: got %d, %v, equal: %v", len(want), off, n, err, bytes.Equal(got, want))
	}
}

// testReadCancelled: a reader fails once its context is done, also where it would not have to wait.
func (e *env) testReadCancelled(t *testing.T) {
	tree := e.open(t)
	f := lookup(t, tree, big)
	ctx, cancel := context.WithCancel(t.Context())
	r, err := f.Open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	checkBytes(t, r, 0, e.files[big][:100])
	cancel()
	e.within(t, "Read after its context ended", func() error {
		_, err := r.Read(make([]byte, 100))
		return wantErr(err, context.Canceled)
	})
	checkReader(t, lookup(t, tree, "a.txt"), e.files["a.txt"]) // the others go on
}

func (e *env) testExpect(t *testing.T) {
	f := lookup(t, e.open(t), big)
	content := e.files[big]
	for _, span := range []Span{{0, 1}, {70_000, 5_000}, {int64(len(content)) - 1, 1}, {0, int64(len(content))}, {299_000, 1_001}} {
		r := e.openFile(t, f)
		x, ok := r.(stream.Expecter)
		if !ok {
			t.Skip("readers are no Expecter")
		}
		x.Expect(span.Off, span.N)
		checkBytes(t, r, span.Off, content[span.Off:span.Off+span.N])
		checkBytes(t, r, 150_000, content[150_000:150_100]) // elsewhere stays possible
	}
}

func (e *env) testEarly(t *testing.T) {
	tree := e.open(t)
	for p, content := range e.files {
		f, ok := lookup(t, tree, p).(stream.EarlyFile)
		if !ok {
			t.Skip("files are no EarlyFile")
		}
		r, err := f.OpenEarly(t.Context())
		if err != nil {
			t.Fatalf("OpenEarly of %q: %v", p, err)
		}
		checkContent(t, p, r, content)
		check(t, r.Close())
		checkReader(t, f, content) // verified reading waits for all of it to be verified
		size := f.Size()
		for _, span := range []Span{{0, size}, {size, 0}, {size / 2, size - size/2}} {
			if !f.Verified(span.Off, span.N) {
				t.Errorf("%q has been read, but %+v of %d bytes is not Verified", p, span, size)
			}
		}
		for _, span := range []Span{{-1, 1}, {0, size + 1}, {size + 1, 1}, {size, 1}, {1 << 62, 1 << 62}, {0, -1}} {
			if f.Verified(span.Off, span.N) {
				t.Errorf("%q: %+v of %d bytes cannot be Verified", p, span, size)
			}
		}
	}
}

// testStuck is about readers that wait.
func (s Suite) testStuck(t *testing.T) {
	if s.Stuck == nil {
		t.Skip("no Suite.Stuck")
	}
	files := fixture()
	b, root := s.Stuck(t, files)
	t.Cleanup(func() { check(t, b.Close()) })
	tree := s.openOn(t, b, root)
	checkFiles(t, tree, files)
	f := lookup(t, tree, big)
	t.Run("Open", func(t *testing.T) { s.stuckReader(t, f, f.Open) })
	if early, ok := f.(stream.EarlyFile); ok {
		t.Run("OpenEarly", func(t *testing.T) { s.stuckReader(t, f, early.OpenEarly) })
		if early.Verified(0, f.Size()) || early.Verified(0, 1) {
			t.Error("bytes are Verified that never came")
		}
	}
	t.Run("Empty", func(t *testing.T) {
		f := lookup(t, tree, "empty")
		s.within(t, "reading a file of no bytes", func() error {
			r, err := f.Open(t.Context())
			if err != nil {
				return err
			}
			_, err = r.Read(make([]byte, 1))
			return errors.Join(wantErr(err, io.EOF), r.Close())
		})
	})
}

func (s Suite) stuckReader(t *testing.T, f stream.File, open func(context.Context) (io.ReadSeekCloser, error)) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var r io.ReadSeekCloser
	s.within(t, "File.Open and Seek", func() (err error) {
		if r, err = open(ctx); err != nil {
			return err
		}
		for _, want := range []int64{f.Size(), f.Size() / 2} {
			if off, err := r.Seek(want, io.SeekStart); off != want || err != nil {
				return fmt.Errorf("Seek to %d = %d, %v", want, off, err)
			}
		}
		return nil
	})
	if t.Failed() {
		return
	}
	err := s.stuckRead(t, r, cancel)
	check(t, wantErr(err, context.Canceled))
	check(t, r.Close())

	ctx, cancel = context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if r, err = open(ctx); err != nil {
		t.Fatal(err)
	}
	check(t, wantErr(s.stuckRead(t, r, func() {}), context.DeadlineExceeded))
	check(t, r.Close())
}

// stuckRead reads where no byte will come, calls end after a moment, and returns what Read failed with.
func (s Suite) stuckRead(t *testing.T, r io.Reader, end func()) error {
	t.Helper()
	failed := make(chan error, 1)
	go func() {
		n, err := r.Read(make([]byte, 100))
		if n != 0 || err == nil {
			err = fmt.Errorf("Read where nothing came = %d, %v", n, err)
		}
		failed <- err
	}()
	select {
	case err := <-failed:
		t.Errorf("Read does not wait: %v", err)
		return err
	case <-time.After(50 * time.Millisecond):
	}
	end()
	select {
	case err := <-failed:
		return err
	case <-time.After(s.Limit):
		t.Fatalf("Read still waits %v after its end", s.Limit)
		return nil
	}
}

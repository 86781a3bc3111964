package sevenz

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
)

// pack has 7-Zip pack a tree and returns the archive.
func pack(t testing.TB, tree map[string]string, options ...string) string {
	t.Helper()
	dir := t.TempDir()
	writeTree(t, filepath.Join(dir, "in"), tree)
	sevenZip(t, filepath.Join(dir, "in"), append([]string{"a", "../a.7z", "."}, options...)...)
	b, err := os.ReadFile(filepath.Join(dir, "a.7z"))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// patient cuts the files for PPMd: that decoder takes seconds for a megabyte of noise.
func patient(tree map[string]string, options string) map[string]string {
	if !strings.Contains(options, "ppmd") {
		return tree
	}
	short := make(map[string]string)
	for name, data := range tree {
		short[name] = data[:min(len(data), 100_000)]
	}
	return short
}

// A folder is read once and alone, and no more of it than is asked for.
func TestUnpackReadsOnce(t *testing.T) {
	r := random(1)
	tree := map[string]string{"a": noise(r, 400_000), "b": noise(r, 400_000), "c": noise(r, 400_000), "d": noise(r, 400_000)}
	for _, options := range []string{"-m0=lzma:d64m", "-m0=lzma2:d64m", "-m0=copy", "-m0=bzip2 -mx1", "-m0=deflate", "-m0=ppmd", "-mf=bcj2", "-m0=lzma:d64m -m1=delta"} {
		t.Run(options, func(t *testing.T) {
			file := pack(t, patient(tree, options), append(strings.Fields(options), "-ms=2f")...)
			a, err := Parse(t.Context(), strings.NewReader(file))
			if err != nil {
				t.Fatal(err)
			}
			for i, f := range a.Folders {
				src := count(strings.NewReader(file))
				src.seen = make([]bool, len(file))
				u, err := a.Unpack(t.Context(), src, i)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := u.Next(); err != nil {
					t.Fatal(err)
				}
				if _, err := io.ReadFull(u, make([]byte, 10)); err != nil {
					t.Fatal(err)
				}
				// The blocks of bzip2 are 100 KB here, BCJ2 has four streams, and the chunks of LZMA2 are 64 KiB at most.
				if most := int64(4 * packedBuffer); src.bytes > most {
					t.Errorf("%d bytes read for the first 10, want at most %d", src.bytes, most)
				}
				for {
					if _, err := u.Next(); err == io.EOF {
						break
					} else if err != nil {
						t.Fatal(err)
					}
				}
				var packed int64
				for _, p := range f.Packed {
					packed += p.Size
					clear(src.seen[p.Offset : p.Offset+p.Size])
				}
				if src.twice > 0 || slices.Contains(src.seen, true) || src.bytes > packed {
					t.Errorf("folder %d: %d bytes read of %d, %d twice, of other folders %v", i, src.bytes, packed, src.twice, slices.Contains(src.seen, true))
				}
			}
		})
	}
}

var errDisk = errors.New("the disk is on fire")

// A gate is a source that gives out what lies before a place and blocks, or fails, for the rest.
type gate struct {
	Source
	ctx  context.Context
	from int64
	err  error
}

func (g *gate) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) <= g.from {
		return g.Source.ReadAt(p, off)
	}
	if g.err != nil {
		return 0, g.err
	}
	<-g.ctx.Done()
	return 0, context.Cause(g.ctx)
}

// Whatever the decoder makes of it, a cancel is a cancel, and a failure of the source is its own.
func TestUnpackCancel(t *testing.T) {
	r := random(1)
	tree := map[string]string{"a": noise(r, 500_000), "b": noise(r, 500_000)}
	for _, options := range []string{"-m0=lzma", "-m0=lzma2", "-m0=copy", "-m0=bzip2", "-m0=deflate", "-m0=ppmd", "-mf=bcj2", "-mf=bcj", "-m0=delta -m1=copy"} {
		t.Run(options, func(t *testing.T) {
			file := pack(t, patient(tree, options), strings.Fields(options)...)
			a, err := Parse(t.Context(), strings.NewReader(file))
			if err != nil {
				t.Fatal(err)
			}
			for _, from := range []int64{0, startSize, int64(len(file)) * 2 / 5} {
				synctest.Test(t, func(t *testing.T) {
					ctx, cancel := context.WithCancel(t.Context())
					done := make(chan error)
					go func() {
						src := &gate{Source: strings.NewReader(file), ctx: ctx, from: from}
						done <- unpackFolder(ctx, a, src, 0, func(e *Entry, r io.Reader) error {
							_, err := io.Copy(io.Discard, r)
							return err
						})
					}()
					synctest.Wait()
					select {
					case err := <-done:
						t.Fatalf("did not wait: %v", err)
					default:
					}
					cancel()
					if err := <-done; !errors.Is(err, context.Canceled) || errors.Is(err, ErrCorrupt) {
						t.Errorf("blocked at %d: %v", from, err)
					}
				})
				src := &gate{Source: strings.NewReader(file), from: from, err: errDisk}
				err := unpackFolder(t.Context(), a, src, 0, func(e *Entry, r io.Reader) error {
					_, err := io.Copy(io.Discard, r)
					return err
				})
				if !errors.Is(err, errDisk) || errors.Is(err, ErrCorrupt) {
					t.Errorf("failed at %d: %v", from, err)
				}
			}
		})
	}
}

func TestParseCancel(t *testing.T) {
	for name, file := range map[string]string{"packed header": pack(t, sampleTree()), "plain header": pack(t, sampleTree(), "-mhc=off")} {
		for _, from := range []int64{0, startSize, int64(len(file)) - 1} {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan error)
				go func() {
					_, err := Parse(ctx, &gate{Source: strings.NewReader(file), ctx: ctx, from: from})
					done <- err
				}()
				synctest.Wait()
				cancel()
				if err := <-done; !errors.Is(err, context.Canceled) {
					t.Errorf("%s, blocked at %d: %v", name, from, err)
				}
			})
			if _, err := Parse(t.Context(), &gate{Source: strings.NewReader(file), from: from, err: errDisk}); !errors.Is(err, errDisk) || errors.Is(err, ErrCorrupt) {
				t.Errorf("%s, failed at %d: %v", name, from, err)
			}
		}
	}
}

// A context that is done ends a member whose bytes are all there, too.
func TestUnpackCancelBetweenReads(t *testing.T) {
	file := pack(t, map[string]string{"zeros": strings.Repeat("\x00", 10<<20)}, "-m0=lzma")
	a, err := Parse(t.Context(), strings.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	u, err := a.Unpack(ctx, strings.NewReader(file), 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := u.Next(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(u, make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := u.Read(make([]byte, 1000)); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := u.Next(); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// A decoder that panics is a corrupt archive.
func TestUnpackPanic(t *testing.T) {
	o := &Output{feed: feed{ctx: t.Context()}, out: exactReader{panicReader{}, 5}}
	for range 2 {
		if _, err := o.Read(make([]byte, 5)); !errors.Is(err, ErrCorrupt) {
			t.Error(err)
		}
	}
}

type panicReader struct{}

func (panicReader) Read(p []byte) (int, error) { return int(p[len(p)]), nil }

// Read behaves as an io.Reader should, member for member.
func TestUnpackReader(t *testing.T) {
	tree := map[string]string{"a": text(random(1), 5_000), "b": text(random(2), 70_000), "c": "x"}
	for _, options := range []string{"-m0=lzma", "-m0=lzma2", "-m0=ppmd", "-mf=bcj2", "-mf=bcj", "-m0=delta", "-m0=copy", "-m0=deflate", "-m0=arm64 -m1=bzip2"} {
		file := pack(t, tree, strings.Fields(options)...)
		a, err := Parse(t.Context(), strings.NewReader(file))
		if err != nil {
			t.Fatal(err)
		}
		for i := range a.Folders {
			err := unpackFolder(t.Context(), a, strings.NewReader(file), i, func(e *Entry, r io.Reader) error {
				return iotest.TestReader(r, []byte(tree[e.Name]))
			})
			if err != nil {
				t.Errorf("%s: %v", options, err)
			}
		}
	}
}

func TestUnpackerClosed(t *testing.T) {
	file := pack(t, map[string]string{"a": "content"})
	a, err := Parse(t.Context(), strings.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	u, err := a.Unpack(t.Context(), strings.NewReader(file), 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := u.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("before the first member: %v", err)
	}
	if _, err := u.Next(); err != nil {
		t.Fatal(err)
	}
	if err := u.Close(); err != nil {
		t.Error(err)
	}
	if _, err := u.Read(make([]byte, 1)); err == nil || err == io.EOF {
		t.Errorf("after Close: %v", err)
	}
}

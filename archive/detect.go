package archive

import (
	"bytes"
	"errors"
	"io"
	"path"
	"strings"
)

// formats are all there are, in the order they are asked.
func formats() []format {
	return append([]format{zipFormat{}, sevenzFormat{}, rarFormat{}, tarFormat{}}, streamFormats()...)
}

func (l *Library) formatCalled(name string) format {
	for _, f := range l.formats {
		if f.name() == name {
			return f
		}
	}
	return nil
}

const (
	headBytes = 4 << 10
	stubBytes = 1 << 20 // of a program in front of an archive
)

// detect finds out what the archive is, and begins to walk.
func (b *builder) detect() error {
	f := b.in.File()
	name := path.Base(f.Path())
	// The list of a zip is at its end, so who believes the name is there at once. Only if there is nothing in front of it:
	// other kinds of archive can end with a zip.
	if isZipName(name) {
		if w, err := b.walkZip(); err == nil && w.base == 0 {
			b.took(zipFormat{}, w)
			return nil
		} else if b.in.Failed(err) != nil {
			return err
		}
	}
	head, err := readHead(f, headBytes)
	if err != nil {
		return err
	}
	program := isProgram(head)
	if program {
		if head, err = readHead(f, stubBytes); err != nil {
			return err
		}
	}
	for _, format := range b.a.lib.formats {
		if !format.match(head, name) {
			continue
		}
		w, err := b.try(format)
		if err == nil {
			b.took(format, w)
			return nil
		}
		if !errors.Is(err, ErrNotArchive) && !(program && errors.Is(err, ErrCorrupt)) { // a program may hold what looks like an archive
			return err
		}
	}
	if program || isZipName(name) {
		w, err := b.walkZip()
		if err == nil {
			b.took(zipFormat{}, w)
		}
		if err == nil || b.in.Failed(err) != nil || !program && !errors.Is(err, errNoZipEnd) {
			return err
		}
	}
	return ErrNotArchive
}

// try starts to walk as if the archive was of format f.
func (b *builder) try(f format) (walker, error) {
	b.a.mu.Lock()
	b.a.format = f // for its runs
	b.a.mu.Unlock()
	return f.walk(b.in, nil)
}

func (b *builder) walkZip() (*zipWalker, error) {
	w, err := zipFormat{}.walk(b.in, nil)
	if err != nil {
		return nil, err
	}
	return w.(*zipWalker), nil
}

func readHead(f volume, n int64) ([]byte, error) {
	head := make([]byte, min(n, f.Size()))
	if m, err := f.ReadAt(head, 0); m < len(head) && err != io.EOF {
		return nil, err
	}
	return head, nil
}

// isProgram reports whether head is one of a file that can be run, which may unpack itself.
func isProgram(head []byte) bool {
	for _, magic := range []string{"MZ", "\x7FELF", "#!", "\xCF\xFA\xED\xFE", "\xCA\xFE\xBA\xBE"} {
		if bytes.HasPrefix(head, []byte(magic)) {
			return true
		}
	}
	return false
}

// isZipName knows the names that zip files have mostly.
func isZipName(name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".zip", ".cbz", ".epub", ".jar", ".apk", ".zipx", ".docx", ".xlsx", ".pptx", ".odt":
		return true
	}
	return false
}

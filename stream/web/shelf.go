package web

import (
	"cmp"
	"errors"
	"io/fs"
	"iter"
	"path"
	"slices"
	"strings"

	"github.com/zeronetscript/universal_p2p/archive"
	"github.com/zeronetscript/universal_p2p/stream"
)

// A folderView is what lies at a path: a folder of a tree or of an archive, or a file and what lies beside it.
type folderView struct {
	root string // canonical
	name string // of the tree

	folder    string      // the path of the entries' folder: with the archive that it is in
	file      *viewEntry  // the file that was asked for
	entries   []viewEntry // of the folder, folders first
	more      int         // entries that are left out
	subtitles []viewEntry // that belong to the file
	missing   bool        // of the file, as far as is known
}

// A viewEntry is a file or a folder in a [folderView].
type viewEntry struct {
	path  string
	kind  viewKind
	size  int64 // bytes; of a folder the sum
	files int   // in a folder
}

func (e *viewEntry) name() string { return path.Base(e.path) }

// viewKind is what a page can do with a file.
type viewKind int

const (
	viewOther viewKind = iota
	viewFolder
	viewArchive
	viewVideo
	viewAudio
	viewImage
)

const (
	maxEntries   = 5000      // of one folder that are shown
	maxFiles     = 2_000_000 // that are looked through for them
	maxSubtitled = 50        // subtitles of one film
)

// look finds what lies at a path. An archive is looked into. With a file there, use is called while the tree is open; its error is that
// of look.
func (h *Handler) look(c *visit, b stream.Backend, root stream.Root, req stream.Request, use func(stream.File) error) (*folderView, error) {
	ctx := c.ctx
	tree, err := b.Open(ctx, root)
	if err != nil {
		return nil, err
	}
	defer tree.Close()
	if err := c.found(tree, req.Path); err != nil {
		return nil, err
	}
	v := &folderView{root: tree.ID(), name: tree.Name()}
	if req.Path == "" && !isBare(tree) {
		if err := v.fill(tree.Files(ctx), "", ""); err != nil || !v.single() {
			return v, err
		}
		req.Path = v.entries[0].path // one file without a folder around it
	}
	file, in, err := h.locate(ctx, tree, req, req.Path)
	files := func() iter.Seq2[stream.File, error] {
		switch {
		case in == nil && file != nil && isBare(tree):
			return just(file)
		case in == nil:
			return tree.Files(ctx)
		}
		return h.membersOf(ctx, tree, req, in)
	}
	if errors.Is(err, fs.ErrNotExist) && !errors.Is(err, errInFile) && fs.ValidPath(req.Path) {
		if err := v.fill(files(), req.Path, ""); err != nil {
			return nil, err
		}
		if len(v.entries) == 0 {
			return nil, err
		}
		return v, nil
	}
	if err != nil {
		return nil, err
	}
	if kindOf(file.Path()) == viewArchive && h.cfg.Archives != nil {
		err := v.fill(h.membersOf(ctx, tree, req, file), file.Path(), "")
		if err == nil || ctx.Err() != nil || !isDamage(err) {
			return v, err
		}
	}
	e := viewOf(file)
	v.file = &e
	if err := v.fill(files(), parent(file.Path()), file.Path()); err != nil {
		return v, err
	}
	err = use(file)
	early, ok := file.(stream.EarlyFile)
	v.missing = ok && !early.Verified(0, file.Size())
	return v, err
}

// just yields one file.
func just(f stream.File) iter.Seq2[stream.File, error] {
	return func(yield func(stream.File, error) bool) { yield(f, nil) }
}

// isDamage reports whether an archive cannot be looked into, but still is a file.
func isDamage(err error) bool {
	for _, is := range []error{errNoArchive, archive.ErrCorrupt, archive.ErrEncrypted, archive.ErrMethod, archive.ErrLimit} {
		if errors.Is(err, is) {
			return true
		}
	}
	return false
}

// single reports whether all there is is one file.
func (v *folderView) single() bool {
	return len(v.entries) == 1 && v.more == 0 && v.entries[0].kind != viewFolder
}

// fill takes the entries of a folder from all files, and the subtitles of film.
func (v *folderView) fill(files iter.Seq2[stream.File, error], folder, film string) error {
	v.folder, v.entries = folder, nil
	within := ""
	if folder != "" {
		within = folder + "/"
	}
	folders := make(map[string]int) // by name: its place in entries
	n := 0
	for f, err := range files {
		if err != nil {
			return err
		}
		if n++; n > maxFiles {
			v.more++
			break
		}
		if film != "" && isSubtitleOf(f.Path(), film) && len(v.subtitles) < maxSubtitled {
			v.subtitles = append(v.subtitles, viewOf(f))
		}
		rest, ok := strings.CutPrefix(f.Path(), within)
		if !ok {
			continue
		}
		name, _, isFolder := strings.Cut(rest, "/")
		i, known := folders[name]
		switch {
		case isFolder && known:
			v.entries[i].size += f.Size()
			v.entries[i].files++
		case len(v.entries) >= maxEntries:
			v.more++
		case isFolder:
			folders[name] = len(v.entries)
			v.entries = append(v.entries, viewEntry{within + name, viewFolder, f.Size(), 1})
		default:
			v.entries = append(v.entries, viewOf(f))
		}
	}
	slices.SortFunc(v.entries, compareEntries)
	slices.SortFunc(v.subtitles, compareEntries)
	return nil
}

// beside returns the entries before and behind the file, of the same kind; nil: there is none.
func (v *folderView) beside() (before, behind *viewEntry) {
	same := slices.DeleteFunc(slices.Clone(v.entries), func(e viewEntry) bool { return e.kind != v.file.kind })
	i := slices.IndexFunc(same, func(e viewEntry) bool { return e.path == v.file.path })
	if i > 0 {
		before = &same[i-1]
	}
	if i >= 0 && i+1 < len(same) {
		behind = &same[i+1]
	}
	return before, behind
}

func viewOf(f stream.File) viewEntry { return viewEntry{f.Path(), kindOf(f.Path()), f.Size(), 1} }

func kindOf(name string) viewKind {
	t := typeOf(name)
	switch {
	case t.kind == video:
		return viewVideo
	case t.kind == audio:
		return viewAudio
	case t.kind == image, t.mime == "image/svg+xml":
		return viewImage
	case isContainer(extension(name)):
		return viewArchive
	}
	return viewOther
}

func extension(name string) string { return strings.ToLower(strings.TrimPrefix(path.Ext(name), ".")) }

// isContainer tells archives that people look into from files that are archives inside.
func isContainer(ext string) bool {
	switch ext {
	case "zip", "cbz", "rar", "cbr", "7z", "cb7", "tar", "cbt", "gz", "tgz", "bz2", "tbz", "tbz2", "xz", "txz", "zst", "tzst", "lz4", "br", "001":
		return true
	}
	return false
}

func parent(p string) string {
	if dir := path.Dir(p); dir != "." {
		return dir
	}
	return ""
}

// compareEntries sorts folders first, and then as people count: "2" before "10".
func compareEntries(a, b viewEntry) int {
	if (a.kind == viewFolder) != (b.kind == viewFolder) {
		if a.kind == viewFolder {
			return -1
		}
		return 1
	}
	return cmp.Or(compareNatural(a.name(), b.name()), cmp.Compare(a.path, b.path))
}

// compareNatural compares names without regard to case, and runs of digits in them by their value.
func compareNatural(a, b string) int {
	la, lb := strings.ToLower(a), strings.ToLower(b)
	for la != "" && lb != "" {
		na, nb := digits(la), digits(lb)
		if na > 0 && nb > 0 {
			x, y := strings.TrimLeft(la[:na], "0"), strings.TrimLeft(lb[:nb], "0")
			if c := cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(x, y)); c != 0 {
				return c
			}
			la, lb = la[na:], lb[nb:]
			continue
		}
		if la[0] != lb[0] {
			return cmp.Compare(la[0], lb[0])
		}
		la, lb = la[1:], lb[1:]
	}
	return cmp.Or(cmp.Compare(len(la), len(lb)), cmp.Compare(a, b))
}

// digits is the length of the run of digits at the front of s.
func digits(s string) (n int) {
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}

package archive

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
)

// An index is what is known of the entries of one archive. It grows while a walk goes on. Its methods are safe for concurrent
// use; entries are not changed once they are in it.
type index struct {
	limits   Limits
	format   string // format.name
	lastWins bool   // of two members of one name

	mu       sync.RWMutex
	volumes  []string
	entries  []*entry
	bytes    int64    // that entries take, about
	names    []string // of entries, in UTF-8 and clean; "": not to be seen, or not known before all is
	byName   map[string]int
	byRaw    map[string]int // of entries whose charset has to be guessed, by what cleanName makes of their bytes
	runs     map[int]*layout
	state    []byte // of the walk that goes on, unless it is complete
	complete bool   // there are no more entries
	fault    error  // why the walk ended before the end of the archive
}

// A layout says where the members of a run are in what it is unpacked to: one behind the other.
type layout struct {
	entries []*entry
	starts  []int64
	end     int64
	solid   bool // more may come
}

// find returns where e is in what the run is unpacked to, or -1.
func (l *layout) find(e *entry) int64 {
	i := slices.Index(l.entries, e)
	if i < 0 {
		return -1
	}
	return l.starts[i]
}

func newIndex(format string, lastWins bool, l Limits) *index {
	return &index{
		limits: l, format: format, lastWins: lastWins,
		byName: make(map[string]int), byRaw: make(map[string]int), runs: make(map[int]*layout),
	}
}

// entryCost is about what an entry takes in memory besides its strings, in bytes.
const entryCost = 400

// add takes in the next entry. An error is ErrLimit or ErrCorrupt.
func (ix *index) add(e *entry) error {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	return ix.addLocked(e)
}

func (ix *index) addLocked(e *entry) error {
	if len(ix.entries) >= ix.limits.Entries {
		return fmt.Errorf("%w: more than %d members", ErrLimit, ix.limits.Entries)
	}
	cost := entryCost + int64(len(e.Raw)+len(e.Data)+24*len(e.Extents))
	if ix.bytes += cost; ix.bytes > ix.memoryLimit() {
		return fmt.Errorf("%w: the list of its members is too long", ErrLimit)
	}
	if err := e.check(); err != nil {
		return err
	}
	if e.Run >= 0 {
		if err := ix.lay(e); err != nil {
			return err
		}
	}
	if e.Kind == kindFile && e.Size <= 0 && (strings.HasSuffix(e.Raw, "/") || e.Backslash && strings.HasSuffix(e.Raw, `\`)) {
		e.Kind = kindDir
	}
	i := len(ix.entries)
	ix.entries = append(ix.entries, e)
	ix.names = append(ix.names, "")
	if e.UTF8 || utf8.ValidString(e.Raw) {
		ix.setName(i, e.Raw)
	} else if raw, _, ok := cleanRaw(e, ix.limits.NameBytes); ok {
		ix.put(ix.byRaw, raw, i)
	}
	return nil
}

// memoryLimit bounds what all entries may take, in bytes.
func (ix *index) memoryLimit() int64 {
	return 2*ix.limits.IndexBytes + entryCost*int64(ix.limits.Entries)/4
}

// check holds an entry against what must be true of any.
func (e *entry) check() error {
	sum := int64(0)
	for _, x := range e.Extents {
		if x.Len < 0 || x.Len > maxSize || x.Off > maxSize || sum > maxSize-x.Len {
			return fmt.Errorf("%w: an extent of %d bytes at %d", ErrCorrupt, x.Len, x.Off)
		}
		sum += x.Len
	}
	if e.Size > maxSize || e.Packed < 0 || e.Packed > maxSize {
		return fmt.Errorf("%w: a member of %d bytes, %d packed", ErrCorrupt, e.Size, e.Packed)
	}
	return nil
}

// hidden reports whether an entry is not there for us: what has no content of its own. What a link leads to may be anywhere.
func (e *entry) hidden() bool { return e.Kind == kindLink || e.Kind == kindOther }

// maxSize is more than any file has, and small enough to add up a few.
const maxSize = 1 << 60

// lay puts e behind the others of its run.
func (ix *index) lay(e *entry) error {
	l := ix.runs[e.Run]
	if l == nil {
		l = &layout{solid: e.Solid}
		ix.runs[e.Run] = l
	} else if !l.solid {
		return fmt.Errorf("%w: two members in a run of one", ErrCorrupt)
	}
	size := max(e.Size, 0)
	if l.end > maxSize-size {
		return fmt.Errorf("%w: a run of more than %d bytes", ErrCorrupt, l.end)
	}
	l.entries = append(l.entries, e)
	l.starts = append(l.starts, l.end)
	l.end += size
	return nil
}

// cleanRaw is cleanName for bytes of an unknown charset: separators are looked for as if they were ASCII.
func cleanRaw(e *entry, limit int) (raw string, folder, ok bool) {
	if len(e.Raw) > limit || strings.HasPrefix(e.Raw, "/") || strings.ContainsRune(e.Raw, 0) {
		return "", false, false
	}
	return strings.TrimSuffix(strings.TrimPrefix(e.Raw, "./"), "/"), strings.HasSuffix(e.Raw, "/"), true
}

// setName names entry i.
func (ix *index) setName(i int, decoded string) {
	e := ix.entries[i]
	name, folder, ok := cleanName(decoded, e.Backslash, ix.limits.NameBytes)
	if !ok || e.hidden() || folder && e.Kind == kindFile { // a folder with content is nothing that a path could name
		return
	}
	ix.names[i] = name
	ix.put(ix.byName, name, i)
}

// put enters i under name, unless another entry has the better right to it.
func (ix *index) put(m map[string]int, name string, i int) {
	e := ix.entries[i]
	if e.Kind == kindDir || e.hidden() {
		return
	}
	if old, taken := m[name]; !taken || ix.lastWins && old < i {
		m[name] = i
	}
}

// finish says that no more entries come, and names those whose charset had to be guessed.
func (ix *index) finish(fault error) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	ix.finishLocked(fault)
}

func (ix *index) finishLocked(fault error) {
	ix.complete, ix.fault, ix.state = true, fault, nil
	var unknown []int
	var sample []string
	for i, e := range ix.entries {
		if !e.UTF8 && !utf8.ValidString(e.Raw) {
			unknown = append(unknown, i)
			if len(sample) < 1000 {
				sample = append(sample, e.Raw)
			}
		}
	}
	if len(unknown) == 0 {
		return
	}
	c := guessCharset(sample)
	fallback := charsets()[len(charsets())-1]
	for _, i := range unknown {
		name, ok := c.decode(ix.entries[i].Raw)
		if !ok {
			name, _ = fallback.decode(ix.entries[i].Raw)
		}
		ix.setName(i, name)
	}
}

// find returns the place of the entry that path names or passes through. rest is what is left behind it. Not ok: there is none as
// far as is known.
func (ix *index) find(path string) (i int, rest string, ok bool) {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	if i, ok := ix.exact(path); ok {
		return i, "", true
	}
	for cut := strings.LastIndexByte(path, '/'); cut > 0; cut = strings.LastIndexByte(path[:cut], '/') {
		if i, ok := ix.exact(path[:cut]); ok {
			return i, path[cut+1:], true
		}
	}
	return 0, "", false
}

// exact finds an entry by its name, by the bytes of it, or by the name in any charset that it could be written in.
func (ix *index) exact(name string) (int, bool) {
	if i, ok := ix.byName[name]; ok {
		return i, true
	}
	if len(ix.byRaw) == 0 {
		return 0, false
	}
	if i, ok := ix.byRaw[name]; ok {
		return i, ix.mayBeNamed(i)
	}
	if !utf8.ValidString(name) {
		return 0, false
	}
	for _, c := range charsets() {
		if raw, ok := c.encode(name); ok {
			if i, ok := ix.byRaw[raw]; ok {
				return i, ix.mayBeNamed(i)
			}
		}
	}
	return 0, false
}

// mayBeNamed reports whether entry i is what its name leads to, or can be yet. Who knows its bytes gets no further than others do, and
// what is found has the name for itself.
func (ix *index) mayBeNamed(i int) bool {
	if !ix.complete {
		return true
	}
	j, ok := ix.byName[ix.names[i]]
	return ok && j == i
}

// at returns entry i and its name.
func (ix *index) at(i int) (*entry, string) {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	return ix.entries[i], ix.names[i]
}

// shown reports whether entry i is one of those that people see: the one that its name leads to.
func (ix *index) shown(i int) bool {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	j, ok := ix.byName[ix.names[i]]
	return ok && i == j
}

// named reports whether entry i is known, and so is its name.
func (ix *index) named(i int) bool {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	if i >= len(ix.entries) {
		return false
	}
	e := ix.entries[i]
	return ix.complete || e.UTF8 || utf8.ValidString(e.Raw)
}

// status returns how far the index has come.
func (ix *index) status() (entries int, complete bool, fault error) {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	return len(ix.entries), ix.complete, ix.fault
}

// from returns what a walk goes on from.
func (ix *index) from() []byte {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	return ix.state
}

// went notes how far a walk has come.
func (ix *index) went(state []byte, volumes []string) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	ix.state = state
	if len(volumes) != len(ix.volumes) {
		ix.volumes = slices.Clone(volumes)
	}
}

// size is about what the index takes in memory, in bytes.
func (ix *index) size() int64 {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	return ix.bytes
}

// volumeList returns the paths of the volumes known so far.
func (ix *index) volumeList() []string {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	return ix.volumes
}

// layout returns the members of a run known so far. The slices are not changed later, only others take their place.
func (ix *index) layout(run int) layout {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	if l := ix.runs[run]; l != nil {
		return *l
	}
	return layout{}
}

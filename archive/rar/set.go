package rar

import (
	"errors"
	"fmt"
	"io/fs"
	"sync"
)

// maxAhead is how many volumes are asked for at once.
const maxAhead = 16

// A set is the volumes of one archive.
type set struct {
	from    Volumes
	limits  Limits
	names   []string // of the volumes that are known to be there
	files   []Volume // with the same places
	volumes []*volume
	old     bool // names are of the old kind
	ended   bool // there is no volume behind those in names
	ahead   int  // how many volumes to ask for when the next one is wanted
}

// openSet finds the first volume of the set that the file called name belongs to.
func openSet(from Volumes, name string, l Limits) (*set, error) {
	s := &set{from: from, limits: l}
	names := firstNames(name)
	if v, err := s.tryFirst(names); v != nil || err != nil {
		return s.start(v), err
	}
	r, err := from.Open(name)
	if err != nil {
		return nil, err
	}
	v, err := openVolume(name, r)
	if err != nil {
		return nil, err
	}
	if !v.main.multi || v.main.number == 0 || v.main.number < 0 && names == nil && !beginsInside(v) {
		return s.start(v), nil
	}
	if names == nil {
		names = firstsBefore(name, v.main.number)
		if v, err := s.tryFirst(names); v != nil || err != nil {
			return s.start(v), err
		}
	}
	return nil, fmt.Errorf("%w: %s, which the set of %s begins with", ErrVolume, first(names), name)
}

func first(names []string) string {
	if len(names) == 0 {
		return "the first one"
	}
	return names[0]
}

// beginsInside reports whether a volume, of RAR 2 maybe, which does not say whether it is the first, begins inside a member.
func beginsInside(v *volume) bool {
	raw := v.whole(v.main.end())
	if raw == nil {
		return false
	}
	b, err := v.parse(v.main.end(), raw)
	return err == nil && b.before
}

// tryFirst returns the first volume if it has one of these names. Nil: it has not.
func (s *set) tryFirst(names []string) (*volume, error) {
	for _, name := range names {
		r, err := s.from.Open(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		v, err := openVolume(name, r)
		switch {
		case errors.Is(err, ErrFormat) || errors.Is(err, ErrCorrupt):
			continue
		case err != nil:
			return nil, err
		case v.main.multi && v.main.number <= 0:
			return v, nil
		}
	}
	return nil, nil
}

// start begins the set with its first volume.
func (s *set) start(v *volume) *set {
	if v == nil {
		return nil
	}
	s.names, s.files, s.volumes = []string{v.name}, []Volume{v.r}, []*volume{v}
	s.old = v.main.oldNames
	s.ended = !v.main.multi
	s.ahead = 1
	return s
}

// has opens the file of volume i, which reads nothing. False: the set ends before.
func (s *set) has(i int) (bool, error) {
	for i >= len(s.names) {
		if s.ended {
			return false, nil
		}
		if len(s.names) >= s.limits.Volumes {
			return false, fmt.Errorf("%w: more than %d volumes", ErrLimit, s.limits.Volumes)
		}
		name, r, err := s.openNext()
		if err != nil {
			return false, err
		}
		if r == nil {
			s.ended = true
			return false, nil
		}
		s.names, s.files, s.volumes = append(s.names, name), append(s.files, r), append(s.volumes, nil)
	}
	return true, nil
}

// openNext opens the file behind the last one. Which kind of names the set has shows at the second volume: the archive may say
// one thing, and who renamed it another.
func (s *set) openNext() (string, Volume, error) {
	last := s.names[len(s.names)-1]
	kinds := []bool{s.old}
	if len(s.names) == 1 {
		kinds = append(kinds, !s.old)
	}
	for _, old := range kinds {
		name := nextName(last, old)
		for _, name := range casings(name) {
			r, err := s.from.Open(name)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return "", nil, err
			}
			s.old = old
			return name, r, nil
		}
	}
	return "", nil, nil
}

// missing is what the volume behind the last one should be called.
func (s *set) missing() string { return nextName(s.names[len(s.names)-1], s.old) }

// A missingError is that a volume is not there.
type missingError struct{ name string }

func (e missingError) Error() string {
	if e.name == "" {
		return ErrVolume.Error()
	}
	return ErrVolume.Error() + ": " + e.name
}

func (e missingError) Unwrap() error { return ErrVolume }

// volume returns volume i, which is there. When its beginning was not read yet, those behind it are read with it, so that a slow
// source fetches them at once: as many as are needed, or more, the further the walk has come.
func (s *set) volume(i, needed int, budget int64) (*volume, error) {
	if s.volumes[i] == nil {
		n := min(max(needed, s.ahead), maxAhead)
		s.ahead = min(2*s.ahead, maxAhead)
		if err := s.fetch(i, n, needed, budget); err != nil {
			return nil, err
		}
	}
	return s.volumes[i], s.fits(i)
}

// fetch reads the beginnings of n volumes, or fewer if there are not so many. Only that of the first one must succeed.
func (s *set) fetch(i, n, needed int, budget int64) error {
	end := i + 1
	for end < i+n {
		if ok, err := s.has(end); !ok || err != nil {
			break
		}
		end++
	}
	errs := make([]error, end-i)
	var g sync.WaitGroup
	for j := i; j < end; j++ {
		if s.volumes[j] != nil {
			continue
		}
		g.Go(func() {
			defer caught(&errs[j-i]) // nobody else would, in a goroutine
			v, err := openVolume(s.names[j], s.files[j])
			if err != nil {
				errs[j-i] = err
				return
			}
			if j >= i+max(needed, 1) { // of those that somebody waits for, only what is sure to be needed
				v.prepare(budget / int64(n))
			}
			s.volumes[j] = v
		})
	}
	g.Wait()
	return errs[0]
}

// prepare reads what a walk through the volume begins with.
func (v *volume) prepare(budget int64) {
	first := v.main.end()
	if raw := v.whole(first); raw != nil {
		if b, err := v.parse(first, raw); err == nil && b.kind == fileBlock && b.after {
			return // it fills the volume
		}
	}
	v.loadQuick(first, budget)
}

// fits checks that volume i is the one that the set wants there.
func (s *set) fits(i int) error {
	v, f := s.volumes[i], s.volumes[0]
	if i > 0 && (v.format != f.format || !v.main.multi || v.main.number >= 0 && v.main.number != int64(i)) {
		return corrupt("%s is not volume %d of the set that begins with %s", v.name, i+1, f.name)
	}
	return nil
}

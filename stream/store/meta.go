package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// maxMeta bounds one side file, in bytes.
const maxMeta = 16 << 20

// ReadMeta returns the side file called name of a root: fs.ErrNotExist when there is none. The bytes are what the disk gives:
// the caller checks them.
func (s *Store) ReadMeta(space, id, name string) ([]byte, error) {
	if err := checkMeta(space, id, name); err != nil {
		return nil, err
	}
	k := key{space, id}
	s.mu.Lock()
	r, closed := s.roots[k], s.closed
	known := false
	if r != nil {
		if _, known = r.metas[name]; known {
			s.touch(r, time.Now())
		}
	}
	s.mu.Unlock()
	var data []byte
	err := fs.ErrNotExist
	switch {
	case closed:
		err = fs.ErrClosed
	case known:
		data, err = readBounded(filepath.Join(r.dir, name+metaSuffix), maxMeta)
	}
	if err != nil {
		return nil, fmt.Errorf("store: %s of %s: %w", name, k, err)
	}
	return data, nil
}

// WriteMeta writes the side file called name of a root, which need not have an object: at most 16 MiB, of which a crash
// leaves all or what was there before. It counts as used, may evict, and is ErrFull like [Object.Reserve]. It waits for the
// disk. Side files go with their root: when it is removed, or when it has been without chunks for longest and space is needed.
func (s *Store) WriteMeta(space, id, name string, data []byte) error {
	if err := checkMeta(space, id, name); err != nil {
		return err
	}
	k := key{space, id}
	if len(data) > maxMeta {
		return fmt.Errorf("store: %s of %s: %d bytes are too many", name, k, len(data))
	}
	defer s.tell()
	r, err := s.acquire(k, true)
	if err != nil {
		return fmt.Errorf("store: %s of %s: %w", name, k, err)
	}
	defer s.release(r)
	r.files.Lock()
	defer r.files.Unlock()
	cost := s.cost(int64(len(data)))
	if err := s.claim(r, cost, -1, nil); err != nil {
		return fmt.Errorf("store: %s of %s: %w", name, k, err)
	}
	err = s.withRoom(func() error { return writeFile(filepath.Join(r.dir, name+metaSuffix), data) })
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.book(r, -cost)
		return fmt.Errorf("store: %s of %s: %w", name, k, err)
	}
	s.book(r, -r.metas[name])
	r.metas[name] = cost
	s.touch(r, time.Now())
	return nil
}

func checkMeta(space, id, name string) error {
	return errors.Join(checkName("a space", space), checkName("a root", id), checkName("a side file", name))
}

// readBounded reads a file of at most limit bytes.
func readBounded(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("more than %d bytes", limit)
	}
	return data, err
}

// writeFile writes a small file so that a crash leaves either the old one or the new one.
func writeFile(path string, data []byte) (err error) {
	temp := path + tempSuffix
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	for tries := 0; errors.Is(err, fs.ErrNotExist) && tries < 10; tries++ {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		f, err = os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = rename(temp, path)
	}
	if err != nil {
		os.Remove(temp)
	}
	return err
}

package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"time"
)

// maxRecord bounds object.json, in bytes.
const maxRecord = 64 << 10

// record is object.json. The folder tells which chunks are here; this tells what people call the object, how it is cut, and
// when it was used. A root without one is as good, except that nobody knows its name and that it is to be kept.
type record struct {
	Version    int       `json:"version"`
	Space      string    `json:"space"`
	ID         string    `json:"id"`
	Name       string    `json:"name,omitempty"`
	Size       int64     `json:"size"`  // bytes
	Chunk      int64     `json:"chunk"` // bytes; 0 when there are only side files
	Uneven     bool      `json:"uneven,omitempty"`
	Loose      bool      `json:"loose,omitempty"`
	Kept       bool      `json:"kept,omitempty"`
	Disposable bool      `json:"disposable,omitempty"`
	LastAccess time.Time `json:"last_access"`
}

const recordVersion = 1

// parseRecord reads the object.json of the root called k. Whatever the file says, what it returns can be used.
func parseRecord(data []byte, k key) (record, error) {
	var rec record
	if err := json.Unmarshal(data, &rec); err != nil {
		return record{}, err
	}
	switch {
	case rec.Version != recordVersion:
		return record{}, fmt.Errorf("version %d, not %d", rec.Version, recordVersion)
	case rec.Space != k.space || rec.ID != k.id:
		return record{}, errors.New("it belongs to another root")
	case rec.Chunk == 0 && rec.Size == 0:
	case !validSizes(rec.Size, rec.Chunk):
		return record{}, fmt.Errorf("%d bytes in chunks of %d", rec.Size, rec.Chunk)
	}
	rec.Name = shortName(rec.Name)
	return rec, nil
}

// saveRoot writes the object.json of r, if it is behind.
func (s *Store) saveRoot(r *root) error {
	r.files.Lock()
	defer r.files.Unlock()
	s.mu.Lock()
	if r.gone || !r.dirty {
		s.mu.Unlock()
		return nil
	}
	r.dirty = false
	rec := record{
		Version: recordVersion, Space: r.space, ID: r.id, Name: r.name, Size: r.size, Chunk: r.chunkSize,
		Uneven: r.uneven, Loose: r.loose,
		Kept: r.keep, Disposable: r.disposable, LastAccess: r.access.UTC().Truncate(time.Second),
	}
	s.mu.Unlock()
	data, err := json.MarshalIndent(rec, "", "\t")
	if err == nil {
		err = writeFile(filepath.Join(r.dir, recordFile), append(data, '\n'))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		r.dirty = true
		return fmt.Errorf("store: %s of %s: %w", recordFile, r.key, err)
	}
	r.saved = true
	return nil
}

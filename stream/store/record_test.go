package store

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"unicode/utf8"
)

func FuzzRecord(f *testing.F) {
	for _, s := range []string{
		`{"version":1,"space":"test","id":"a","name":"Film","size":1048577,"chunk":1048576,"last_access":"2026-01-02T03:04:05Z"}`,
		`{"version":1,"space":"test","id":"a","size":0,"chunk":0,"kept":true,"last_access":"2026-01-02T03:04:05Z"}`,
		`{"version":1,"space":"test","id":"a","size":9223372036854775807,"chunk":1,"last_access":"2026-01-02T03:04:05Z"}`,
		`{"version":1,"space":"test","id":"a","size":-1,"chunk":-1}`,
		`{"version":2,"space":"test","id":"a"}`,
		`{"version":1,"space":"..","id":"a"}`,
		"", "null", "[]", "{", "\x00\x00\x00\x00",
	} {
		f.Add([]byte(s))
	}
	k := key{"test", "a"}
	f.Fuzz(func(t *testing.T, data []byte) {
		rec, err := parseRecord(data, k)
		if err != nil {
			return
		}
		if rec.Space != k.space || rec.ID != k.id || len(rec.Name) > 512 || !utf8.ValidString(rec.Name) {
			t.Errorf("accepted %+v", rec)
		}
		if rec.Chunk != 0 || rec.Size != 0 {
			var sum int64
			n := chunkCount(rec.Size, rec.Chunk)
			for _, i := range []int{0, n / 2, n - 1} {
				if n > 0 && sizeOf(rec.Size, rec.Chunk, i) <= 0 {
					t.Errorf("%+v has an empty chunk %d", rec, i)
				}
			}
			if n > 0 {
				sum = int64(n-1)*rec.Chunk + sizeOf(rec.Size, rec.Chunk, n-1)
			}
			if sum != rec.Size || sizeOf(rec.Size, rec.Chunk, n) != -1 || sizeOf(rec.Size, rec.Chunk, -1) != -1 {
				t.Errorf("%+v: chunks do not add up", rec)
			}
		}
		if _, err := json.Marshal(rec); err != nil {
			t.Errorf("%+v cannot be written again: %v", rec, err)
		}
	})
}

// FuzzOpen: whatever stands in object.json, the store opens, and the chunk of the root is served or missing, never wrong.
func FuzzOpen(f *testing.F) {
	f.Add([]byte(`{"version":1,"space":"test","id":"a","size":100,"chunk":60,"last_access":"2026-01-02T03:04:05Z"}`))
	f.Add([]byte(`{"version":1,"space":"test","id":"a","size":7,"chunk":7,"kept":true,"last_access":"9999-01-02T03:04:05Z"}`))
	f.Add([]byte("{"))
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		shard := filepath.Join(dir, "objects", "test", "a", "0")
		if err := os.MkdirAll(shard, 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(shard, "0"), content("a", 0, 60))
		write(t, filepath.Join(shard, "1"), content("b", 1, 40))
		write(t, filepath.Join(dir, "objects", "test", "a", recordFile), data)
		s := openStore(t, dir, 1<<20)
		s.Roots()
		o := openObject(t, s, testSpec("a", 100, 60))
		for i := range 2 {
			get(t, o, i)
		}
		if o.Has(1) {
			t.Error("a chunk with wrong content is still there after it was read")
		}
	})
}

func write(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

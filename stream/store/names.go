package store

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
)

const (
	maxNameLen = 128     // of a space, an id, a side file
	maxChunks  = 1 << 24 // of an object
	shardSize  = 1024    // chunks in one folder

	recordFile = "object.json"
	metaSuffix = ".meta"
	partSuffix = ".part"
	tempSuffix = ".tmp"
)

// checkName accepts names that are a plain file on every system: [a-z0-9._-], no dot at either end, no device of Windows.
func checkName(kind, name string) error {
	ok := name != "" && len(name) <= maxNameLen && name[0] != '.' && name[len(name)-1] != '.'
	for i := 0; ok && i < len(name); i++ {
		c := name[i]
		ok = c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '.' || c == '_' || c == '-'
	}
	if !ok || isDevice(name) {
		return fmt.Errorf("store: %q cannot be the name of %s", name, kind)
	}
	return nil
}

// isDevice knows the names that Windows gives to devices in every folder, with any extension.
// https://learn.microsoft.com/windows/win32/fileio/naming-a-file
func isDevice(name string) bool {
	base, _, _ := strings.Cut(name, ".")
	switch base {
	case "con", "prn", "aux", "nul":
		return true
	}
	return len(base) == 4 && (base[:3] == "com" || base[:3] == "lpt") && base[3] >= '0' && base[3] <= '9'
}

// parseIndex is strict, so that each index has one spelling.
func parseIndex(s string) (int, bool) {
	i, err := strconv.Atoi(s)
	return i, err == nil && i >= 0 && i < maxChunks && strconv.Itoa(i) == s
}

// chunkName is a parsed file name of a chunk.
type chunkName struct {
	i      int
	sum    uint32 // CRC-32C of the content
	summed bool
	part   bool
}

func (n chunkName) String() string {
	s := strconv.Itoa(n.i)
	switch {
	case n.part:
		return s + partSuffix
	case n.summed:
		return fmt.Sprintf("%s-%08x", s, n.sum)
	}
	return s
}

func parseChunkName(s string) (n chunkName, ok bool) {
	s, n.part = strings.CutSuffix(s, partSuffix)
	index, sum, found := strings.Cut(s, "-")
	if n.summed = found; found {
		v, err := strconv.ParseUint(sum, 16, 32)
		if err != nil || n.part || fmt.Sprintf("%08x", v) != sum {
			return n, false
		}
		n.sum = uint32(v)
	}
	n.i, ok = parseIndex(index)
	return n, ok
}

// shardDir is the folder of chunk i.
func (r *root) shardDir(i int) string {
	return r.dir + string(filepath.Separator) + strconv.Itoa(i/shardSize)
}

// path is where c is now.
func (c *chunk) path() string {
	return c.pathAs(c.state == filling || c.state == making)
}

func (c *chunk) pathAs(part bool) string {
	n := chunkName{i: int(c.i), sum: c.sum, summed: c.summed, part: part}
	return c.root.shardDir(n.i) + string(filepath.Separator) + n.String()
}

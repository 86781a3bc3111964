package app

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// units are what a size may end in, the longest suffix first. A bare number counts bytes.
var units = []struct {
	suffix string
	bytes  int64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
	{"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12},
	{"B", 1}, {"", 1},
}

// ParseSize reads an amount of bytes as people write it: "10GiB", "512 MiB", "1.5GB", "4096". It is never negative.
func ParseSize(s string) (bytes int64, err error) {
	for _, u := range units {
		num, ok := strings.CutSuffix(s, u.suffix)
		if !ok {
			continue
		}
		num = strings.TrimSpace(num)
		if n, err := strconv.ParseInt(num, 10, 64); err == nil && n >= 0 && n <= math.MaxInt64/u.bytes {
			return n * u.bytes, nil
		}
		if f, err := strconv.ParseFloat(num, 64); err == nil && u.bytes > 1 && f >= 0 && f*float64(u.bytes) < math.MaxInt64 {
			return int64(f * float64(u.bytes)), nil
		}
		break
	}
	return 0, fmt.Errorf("%q is no size; write it like 10GiB, 512MiB or 4096", s)
}

// FormatSize writes an amount of bytes so that ParseSize gives the same amount back: in the biggest unit that fits exactly.
func FormatSize(bytes int64) string {
	for _, u := range []int{3, 2, 1, 0} {
		if bytes != 0 && bytes%units[u].bytes == 0 {
			return strconv.FormatInt(bytes/units[u].bytes, 10) + units[u].suffix
		}
	}
	return strconv.FormatInt(bytes, 10)
}

// RoundSize writes an amount of bytes for people to read: "3.2 GiB".
func RoundSize(bytes int64) string {
	for _, u := range []int{3, 2, 1, 0} {
		if bytes >= units[u].bytes {
			return fmt.Sprintf("%.1f %s", float64(bytes)/float64(units[u].bytes), units[u].suffix)
		}
	}
	return strconv.FormatInt(bytes, 10) + " B"
}

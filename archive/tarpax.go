package archive

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// paxRecords are what an extended header says that matters here: POSIX pax, and GNU tar's keywords for sparse files
// (GNU tar manual, appendix D.3).
type paxRecords struct {
	path  string
	utf8  bool  // path is
	size  int64 // of the data; -1: not said
	mtime time.Time

	sparse       bool
	major, minor int
	realSize     int64    // -1: not said
	pieces       []extent // of a map in the records: where they lie in the member
}

func parsePax(b []byte) (*paxRecords, error) {
	p := &paxRecords{size: -1, realSize: -1}
	bad := func() (*paxRecords, error) {
		return nil, fmt.Errorf("%w: an extended tar header", ErrCorrupt)
	}
	var pending int64 = -1 // an offset that waits for its length
	for len(b) > 0 && b[0] != 0 {
		digits, _, ok := bytes.Cut(b[:min(len(b), 20)], []byte{' '})
		n, err := strconv.Atoi(string(digits))
		if !ok || err != nil || n > len(b) || n < len(digits)+2 || b[n-1] != '\n' {
			return bad()
		}
		key, value, ok := strings.Cut(string(b[len(digits)+1:n-1]), "=")
		if b = b[n:]; !ok {
			return bad()
		}
		if !p.record(key, value, &pending) {
			return bad()
		}
		if len(p.pieces) > maxTarSparse {
			return nil, fmt.Errorf("%w: a sparse member of too many pieces", ErrLimit)
		}
	}
	return p, nil
}

// record takes in one record. Those of no interest are fine.
func (p *paxRecords) record(key, value string, pending *int64) bool {
	number := func(v *int64) bool {
		n, err := strconv.ParseInt(value, 10, 64)
		*v = n
		return err == nil && n >= 0 && n <= maxSize
	}
	switch key {
	case "path":
		if p.path == "" || !p.sparse { // GNU.sparse.name is the true one
			p.path, p.utf8 = value, utf8.ValidString(value)
		}
	case "size":
		return number(&p.size)
	case "mtime":
		whole, _, _ := strings.Cut(value, ".")
		if sec, err := strconv.ParseInt(whole, 10, 64); err == nil {
			p.mtime = unixTime(sec, 0)
		}
	case "GNU.sparse.name":
		p.sparse, p.path, p.utf8 = true, value, utf8.ValidString(value)
	case "GNU.sparse.major", "GNU.sparse.minor":
		var n int64
		if !number(&n) || n > 100 {
			return false
		}
		if p.sparse = true; key == "GNU.sparse.major" {
			p.major = int(n)
		} else {
			p.minor = int(n)
		}
	case "GNU.sparse.size", "GNU.sparse.realsize":
		p.sparse = true
		return number(&p.realSize)
	case "GNU.sparse.offset":
		p.sparse = true
		return number(pending)
	case "GNU.sparse.numbytes":
		var n int64
		if !number(&n) || *pending < 0 {
			return false
		}
		p.pieces, *pending = append(p.pieces, extent{Off: *pending, Len: n}), -1
	case "GNU.sparse.map":
		p.sparse = true
		return p.sparseMap(value)
	}
	return true
}

// sparseMap reads the map of version 0.1: offset,length,offset,length...
func (p *paxRecords) sparseMap(value string) bool {
	if value == "" {
		return true
	}
	fields := strings.Split(value, ",")
	if len(fields)%2 != 0 || len(fields)/2 > maxTarSparse {
		return false
	}
	for i := 0; i < len(fields); i += 2 {
		off, err1 := strconv.ParseInt(fields[i], 10, 64)
		n, err2 := strconv.ParseInt(fields[i+1], 10, 64)
		if err1 != nil || err2 != nil {
			return false
		}
		p.pieces = append(p.pieces, extent{Off: off, Len: n})
	}
	return true
}

// unixTime is a time that other systems may have written as nonsense: then it is zero.
func unixTime(sec, nsec int64) time.Time {
	if const300k := int64(9e12); sec > const300k || sec < -const300k || sec == 0 {
		return time.Time{}
	}
	return time.Unix(sec, nsec).UTC()
}

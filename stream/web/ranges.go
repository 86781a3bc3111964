package web

import (
	"math"
	"net/http"
	"strings"
)

// A span is a run of bytes of a file.
type span struct{ off, n int64 }

// A media element gets so much of a range at once. Browsers open 6 connections to a host, and a paused video that has been
// promised the rest of its file holds one of them for as long as the page lives: six such videos, and no image loads any more.
// Browsers ask for the next part by themselves. Other players do not, so this is for media elements only.
const (
	maxMediaPart = 2 << 20
	partAlign    = 64 << 10 // parts end at a multiple of it, so that the next one starts there
)

// choose decides which bytes of the file the client gets, and with which status (RFC 9110, section 13.2.2, has the order).
func (a *answer) choose(r *http.Request) error {
	a.code, a.part = http.StatusOK, span{0, a.size}
	if values := r.Header.Values("If-Match"); len(values) > 0 && !matchesTag(values, a.tag, false) {
		return errPrecondition
	}
	if listsTag(r.Header, a.tag) || matchesAny(r.Header.Values("If-None-Match")) {
		a.code = http.StatusNotModified
		return nil
	}
	// Range means something for GET only (RFC 9110, section 14.2).
	wanted := strings.Join(r.Header.Values("Range"), ",")
	if r.Method != http.MethodGet || wanted == "" {
		return nil
	}
	if ifRange := r.Header.Get("If-Range"); ifRange != "" && ifRange != a.tag {
		return nil // also when it is a date: we have given none
	}
	part, ok := parseRange(wanted, a.size)
	if !ok || a.size == 0 {
		return nil
	}
	if part.n == 0 {
		return unsatisfiable{a.size}
	}
	if forPlayer(r.Header) && part.n > maxMediaPart {
		part.n = (part.off+maxMediaPart)/partAlign*partAlign - part.off
	}
	a.code, a.part = http.StatusPartialContent, part
	return nil
}

// parseRange returns the one range of bytes that a Range header asks for (RFC 9110, section 14.1.2), as far as a file of so many
// bytes has them; n is 0 if it has none. It is not ok when the header is to be ignored, so that the whole file is the answer:
// when it is malformed, in another unit, or asks for several ranges. Several would need a multipart answer, which no player asks
// for, and an attack may.
func parseRange(header string, size int64) (part span, ok bool) {
	unit, set, found := strings.Cut(header, "=")
	if !found || !strings.EqualFold(strings.TrimSpace(unit), "bytes") {
		return span{}, false
	}
	first, last, found := strings.Cut(strings.Trim(set, " \t"), "-")
	if !found {
		return span{}, false
	}
	if first == "" { // the last so many bytes
		n, ok := parseOffset(last)
		n = min(n, size)
		return span{size - n, n}, ok
	}
	from, ok := parseOffset(first)
	to := int64(math.MaxInt64)
	if ok && last != "" {
		to, ok = parseOffset(last)
	}
	if !ok || to < from {
		return span{}, false
	}
	if from >= size {
		return span{from, 0}, true
	}
	return span{from, min(to, size-1) - from + 1}, true
}

// parseOffset reads a number of digits only. One that is too big for any file is the biggest there is: a client may well say
// "up to 99999999999999999999" and mean the end.
func parseOffset(s string) (n int64, ok bool) {
	for i := range len(s) {
		c := s[i]
		if c < '0' || c > '9' {
			return 0, false
		}
		if n > (math.MaxInt64-9)/10 {
			n = math.MaxInt64
			continue
		}
		n = n*10 + int64(c-'0')
	}
	return n, s != ""
}

// listsTag reports whether the client says with If-None-Match that it has the content that tag stands for.
func listsTag(header http.Header, tag string) bool {
	return matchesTag(header.Values("If-None-Match"), tag, true)
}

// matchesAny reports whether the header is "*": any content there is.
func matchesAny(values []string) bool {
	return len(values) == 1 && strings.Trim(values[0], " \t") == "*"
}

// matchesTag reports whether tag is one of the entity tags of a list header (RFC 9110, section 8.8.3). A weak tag counts when
// weak is true.
func matchesTag(values []string, tag string, weak bool) bool {
	if !weak && matchesAny(values) {
		return true
	}
	for _, list := range values {
		for list = strings.TrimLeft(list, " \t,"); list != ""; list = strings.TrimLeft(list, " \t,") {
			s, isWeak := strings.CutPrefix(list, "W/")
			if !strings.HasPrefix(s, `"`) {
				break // not a list of tags
			}
			end := strings.IndexByte(s[1:], '"')
			if end < 0 {
				break
			}
			if s[:end+2] == tag && (weak || !isWeak) {
				return true
			}
			list = s[end+2:]
		}
	}
	return false
}

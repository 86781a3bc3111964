package rar

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Volumes have names of two kinds. New: set.part1.rar, set.part2.rar, with as many leading zeros as whoever made it liked; any
// other number near the end will do, too. Old: set.rar, set.r00 to set.r99, set.s00 to set.z99. The first volume of either
// may also be a program: .exe or .sfx.

// A numbered is a name with the place of its volume number.
type numbered struct {
	name     string
	from, to int // of the digits in name
}

// number finds the digits that count volumes: those of ".partN.", also in ".partN of M.", else the last ones. ok is false when
// there are none that could be a number of a volume.
func number(name string) (n numbered, part, ok bool) {
	stem := name
	if i := strings.LastIndexByte(name, '.'); i > 0 && len(name)-i <= 4 && !isNumber(name[i+1:]) {
		stem = name[:i]
	}
	if i := strings.LastIndex(lower(stem), ".part"); i >= 0 {
		from := i + len(".part")
		to := from + digits(stem[from:])
		if rest := lower(stem[to:]); to > from && (rest == "" || strings.HasPrefix(rest, "of") && isNumber(rest[2:])) {
			return numbered{name, from, to}, true, to-from <= maxDigits
		}
	}
	to := len(stem)
	for to > 0 && !isDigit(stem[to-1]) {
		to--
	}
	from := to
	for from > 0 && isDigit(stem[from-1]) {
		from--
	}
	return numbered{name, from, to}, false, to > from && to-from <= maxDigits
}

const maxDigits = 9

// lower is strings.ToLower for ASCII alone, so that every byte stays in its place, also of what is no UTF-8.
func lower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c | 0x20
		}
	}
	return string(b)
}

func (n numbered) value() int {
	v, _ := strconv.Atoi(n.name[n.from:n.to])
	return v
}

// with returns the name with another number, of at least width digits.
func (n numbered) with(v, width int) string {
	return fmt.Sprintf("%s%0*d%s", n.name[:n.from], width, v, n.name[n.to:])
}

func (n numbered) width() int { return n.to - n.from }

// nextName returns the name of the volume that follows, or "" when there can be none.
func nextName(name string, old bool) string {
	if old {
		return nextOldName(name)
	}
	n, _, ok := number(name)
	if !ok {
		return ""
	}
	next := n.with(n.value()+1, n.width())
	if stem, ext := split(next); isProgram(ext) { // only the first is one
		return stem + sameCase(".rar", ext)
	}
	return next
}

func nextOldName(name string) string {
	stem, ext := split(name)
	if strings.EqualFold(ext, ".rar") || isProgram(ext) {
		return stem + sameCase(".r00", ext)
	}
	letter, n, ok := oldNumber(ext)
	switch {
	case !ok:
		return ""
	case n < 99:
		return fmt.Sprintf("%s.%c%02d", stem, letter, n+1)
	case letter == 'z' || letter == 'Z':
		return ""
	}
	return fmt.Sprintf("%s.%c00", stem, letter+1)
}

// oldNumber takes an ending like .r07 apart.
func oldNumber(ext string) (letter byte, n int, ok bool) {
	if len(ext) != 4 || !isNumber(ext[2:]) {
		return 0, 0, false
	}
	letter = ext[1]
	if l := letter | 0x20; l < 'r' || l > 'z' {
		return 0, 0, false
	}
	return letter, int(ext[2]-'0')*10 + int(ext[3]-'0'), true
}

// firstNames returns what the first volume may be called when name says of itself that it is a later one. Nil: it does not.
func firstNames(name string) []string {
	if stem, ext := split(name); len(ext) == 4 {
		if _, _, ok := oldNumber(ext); ok {
			return endings(stem + sameCase(".rar", ext[:2]))
		}
	}
	n, part, ok := number(name)
	if !ok || !part || n.value() <= 1 {
		return nil
	}
	return n.firsts(1)
}

// firstsBefore returns what the first volume may be called when the header of name says that it is volume v, from 0, or -1
// that it is not the first.
func firstsBefore(name string, v int64) []string {
	n, _, ok := number(name)
	first := 1
	if v >= 0 {
		first = n.value() - int(v)
	}
	if !ok || first < 0 || first == n.value() {
		return nil
	}
	return n.firsts(first)
}

// firsts returns the name with the number v in all widths: set.part10.rar may follow set.part01.rar or set.part1.rar.
func (n numbered) firsts(v int) []string {
	var names []string
	for w := n.width(); w > 0; w-- {
		for _, name := range endings(n.with(v, w)) {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// endings returns a name that ends in .rar, and how it may be called when it is a program.
func endings(name string) []string {
	stem, ext := split(name)
	if !strings.EqualFold(ext, ".rar") {
		return casings(name)
	}
	return slices.Concat(casings(name), casings(stem+sameCase(".exe", ext)), casings(stem+sameCase(".sfx", ext)))
}

// casings returns a name, and how else its ending may be written. Of no name there is none.
func casings(name string) []string {
	if name == "" {
		return nil
	}
	stem, ext := split(name)
	names := []string{name}
	for _, e := range []string{strings.ToLower(ext), strings.ToUpper(ext)} {
		if !slices.Contains(names, stem+e) {
			names = append(names, stem+e)
		}
	}
	return names
}

func split(name string) (stem, ext string) {
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		return name[:i], name[i:]
	}
	return name, ""
}

func isProgram(ext string) bool {
	return strings.EqualFold(ext, ".exe") || strings.EqualFold(ext, ".sfx")
}

// sameCase returns ext in capitals if model is.
func sameCase(ext, model string) string {
	if model != strings.ToLower(model) {
		return strings.ToUpper(ext)
	}
	return ext
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// digits returns how many digits s begins with.
func digits(s string) int {
	n := 0
	for n < len(s) && isDigit(s[n]) {
		n++
	}
	return n
}

func isNumber(s string) bool { return s != "" && digits(s) == len(s) }

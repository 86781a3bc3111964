package ipfs

import (
	"strings"
	"unicode"
)

// displayName is a name for people, of what a page has said: one line of text, not too long.
func displayName(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "_"))
	const limit = 200
	for i := range s {
		if i > limit {
			return s[:i]
		}
	}
	return s
}

package archive

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
)

// A charset is one that names of members are written in when they are no UTF-8: nothing in the archive says which. It is what
// the maker's system had.
type charset struct {
	name string
	enc  encoding.Encoding
	// pair reports what two bytes are: one letter at all, and one that texts are mostly made of.
	pair func(lead, trail byte) (letter, common bool)
}

// cp437 is what the zip specification (APPNOTE, appendix D) has for names without a flag, and what unzip takes.
const cp437 = "cp437"

func charsets() []charset {
	return []charset{
		{"shift_jis", japanese.ShiftJIS, func(lead, trail byte) (bool, bool) {
			letter := (lead >= 0x81 && lead <= 0x9F || lead >= 0xE0 && lead <= 0xFC) && trail >= 0x40 && trail != 0x7F && trail <= 0xFC
			kana := lead == 0x82 && trail >= 0x9F || lead == 0x83 && trail <= 0x96 || lead == 0x81 && trail == 0x5B
			return letter, kana || lead >= 0x88 && lead <= 0x97 // kanji of level 1
		}},
		{"gbk", simplifiedchinese.GBK, func(lead, trail byte) (bool, bool) {
			letter := lead >= 0x81 && lead <= 0xFE && trail >= 0x40 && trail != 0x7F && trail <= 0xFE
			return letter, lead >= 0xB0 && lead <= 0xD7 && trail >= 0xA1 // level 1 of GB 2312
		}},
		{"euc-kr", korean.EUCKR, func(lead, trail byte) (bool, bool) {
			letter := lead >= 0x81 && lead <= 0xFE && trail >= 0x41 && trail <= 0xFE
			return letter, lead >= 0xB0 && lead <= 0xC8 && trail >= 0xA1 // Hangul of KS X 1001
		}},
		{"big5", traditionalchinese.Big5, func(lead, trail byte) (bool, bool) {
			letter := lead >= 0x81 && lead <= 0xFE && (trail >= 0x40 && trail <= 0x7E || trail >= 0xA1 && trail <= 0xFE)
			return letter, lead >= 0xA4 && lead <= 0xC6 // level 1
		}},
		{cp437, charmap.CodePage437, nil},
	}
}

// decode returns name in UTF-8, or not ok when its bytes mean nothing in c.
func (c charset) decode(name string) (string, bool) {
	s, err := c.enc.NewDecoder().String(name)
	return s, err == nil && !strings.ContainsRune(s, utf8.RuneError)
}

// encode is the way back.
func (c charset) encode(name string) (string, bool) {
	s, err := c.enc.NewEncoder().String(name)
	return s, err == nil
}

// guessCharset says in which charset names are written, all of them, none of them being UTF-8. East Asian ones are only named
// when they fit without doubt; it is CP437 otherwise.
func guessCharset(names []string) charset {
	all := charsets()
	votes := make(map[string]tally)
	for _, c := range all {
		if c.pair == nil {
			continue
		}
		if t, ok := c.weigh(names); ok && t.fits() {
			votes[c.name] = t
		}
	}
	// Every common letter of Korean is one of Chinese too. But a third of what Chinese write lies beyond the Korean ones.
	if gbk, korean := votes["gbk"], votes["euc-kr"]; gbk.letters > 0 && korean.letters > 0 {
		switch beyond := gbk.common - korean.common; {
		case beyond*10 >= gbk.letters:
			delete(votes, "euc-kr")
		case beyond == 0 && korean.letters >= 8:
			delete(votes, "gbk")
		}
	}
	// And those of both are some of Big5, which has as many more with a second byte of ASCII.
	if big5 := votes["big5"]; big5.letters > 0 && len(votes) > 1 {
		if big5.low*6 < big5.letters {
			delete(votes, "big5")
		}
	}
	for _, c := range all {
		if _, ok := votes[c.name]; ok && len(votes) == 1 || c.name == cp437 {
			return c
		}
	}
	panic("unreachable: cp437 is last")
}

// A tally is what a charset makes of some names.
type tally struct {
	letters  int // of two bytes
	common   int // of them
	low      int // of them with a second byte of ASCII
	together int // of them beside another
	single   int // other bytes that are not ASCII
}

// fits reports whether the names are surely text of the charset. Latin letters with accents stand alone, each between others.
func (t tally) fits() bool {
	return t.letters >= 4 && t.common*10 >= t.letters*8 && t.together*10 >= t.letters*7 && t.single*10 <= t.letters
}

// weigh counts the letters of names. Not ok: they are not of this charset.
func (c charset) weigh(names []string) (t tally, ok bool) {
	for _, name := range names {
		if _, ok := c.decode(name); !ok {
			return t, false
		}
		before := false // a letter of two bytes
		alone := false  // and it has none before it
		for i := 0; i < len(name); i++ {
			b := name[i]
			if b < utf8.RuneSelf {
				before = false
				continue
			}
			letter, common := false, false
			if i+1 < len(name) {
				letter, common = c.pair(b, name[i+1])
			}
			if !letter {
				t.single++
				before = false
				continue
			}
			t.letters++
			if common {
				t.common++
			}
			if i++; name[i] < utf8.RuneSelf {
				t.low++
			}
			if before {
				t.together++
				if alone {
					t.together++
				}
			}
			before, alone = true, !before
		}
	}
	return t, true
}

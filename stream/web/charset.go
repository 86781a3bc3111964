package web

import (
	"bytes"
	"path"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"
)

// decodeSubtitles makes text of a subtitle file. Nothing in it says which encoding it has: a byte order mark tells, or the bytes do;
// what is neither UTF-8 nor UTF-16 is in an old encoding of its language, which the file's name may tell, as in "film.ru.srt".
func decodeSubtitles(data []byte, name string) string {
	text, err := charsetOf(data, name).NewDecoder().Bytes(data)
	if err != nil {
		text = data
	}
	return strings.TrimPrefix(strings.ToValidUTF8(string(text), "\uFFFD"), "\uFEFF")
}

func charsetOf(data []byte, name string) encoding.Encoding {
	utf16 := func(e unicode.Endianness) encoding.Encoding { return unicode.UTF16(e, unicode.UseBOM) }
	switch {
	case bytes.HasPrefix(data, []byte("\xff\xfe")):
		return utf16(unicode.LittleEndian)
	case bytes.HasPrefix(data, []byte("\xfe\xff")):
		return utf16(unicode.BigEndian)
	case isUTF8(data):
		return encoding.Nop
	}
	// The digits and arrows of the times are half of the file, and half of each of them is a zero byte in UTF-16.
	head := data[:min(len(data), 4096)]
	even, odd := 0, 0
	for i, c := range head {
		if c == 0 && i%2 == 0 {
			even++
		} else if c == 0 {
			odd++
		}
	}
	switch {
	case odd > len(head)/8 && even < odd/4:
		return unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)
	case even > len(head)/8 && odd < even/4:
		return unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)
	}
	return legacyCharset(name)
}

// isUTF8 reports whether data is UTF-8, but for a few broken characters in a file that has many good ones.
func isUTF8(data []byte) bool {
	if bytes.IndexByte(data[:min(len(data), 4096)], 0) >= 0 {
		return false
	}
	if utf8.Valid(data) {
		return true
	}
	good, bad := 0, 0
	for len(data) > 0 {
		r, n := utf8.DecodeRune(data)
		switch {
		case r == utf8.RuneError && n == 1:
			bad++
		case n > 1:
			good++
		}
		data = data[n:]
	}
	return bad*50 < good
}

// legacyCharset is what texts in the language of the file had before Unicode, and that of Western Europe for all others.
func legacyCharset(name string) encoding.Encoding {
	name = strings.ToLower(strings.TrimSuffix(path.Base(name), path.Ext(name)))
	words := strings.FieldsFunc(name, func(r rune) bool { return strings.ContainsRune("._- ()[]", r) })
	if len(words) == 0 {
		return charmap.Windows1252
	}
	switch words[len(words)-1] {
	case "ru", "rus", "russian", "uk", "ukr", "ukrainian", "bg", "bul", "bulgarian", "sr", "srp", "serbian", "mk", "be":
		return charmap.Windows1251
	case "pl", "pol", "polish", "cs", "cze", "ces", "czech", "sk", "slo", "slk", "hu", "hun", "hungarian", "ro", "rum", "ron", "romanian", "hr", "hrv",
		"croatian", "sl", "slv", "bs":
		return charmap.Windows1250
	case "el", "gre", "ell", "greek":
		return charmap.Windows1253
	case "tr", "tur", "turkish":
		return charmap.Windows1254
	case "he", "heb", "hebrew":
		return charmap.Windows1255
	case "ar", "ara", "arabic", "fa", "per", "fas", "persian":
		return charmap.Windows1256
	case "vi", "vie", "vietnamese":
		return charmap.Windows1258
	case "ja", "jpn", "japanese", "jp":
		return japanese.ShiftJIS
	case "ko", "kor", "korean":
		return korean.EUCKR
	case "zh", "chi", "zho", "chs", "chinese", "cn":
		return simplifiedchinese.GB18030
	}
	return charmap.Windows1252
}

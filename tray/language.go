package tray

import (
	"os"
	"strings"
)

// Languages returns the languages that the user wants, as BCP 47 tags, the best first, for [assets.Speak]. It may be empty.
func Languages() []string { return languages(os.Getenv) }

// posixLanguages reads the variables of POSIX, and GNU's list LANGUAGE, which counts unless the locale is that of the machine itself
// (https://www.gnu.org/software/gettext/manual/html_node/The-LANGUAGE-variable.html).
func posixLanguages(getenv func(string) string) []string {
	var locale string
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if locale = getenv(name); locale != "" {
			break
		}
	}
	if tag(locale) == "" {
		return nil
	}
	var tags []string
	for name := range strings.SplitSeq(getenv("LANGUAGE")+":"+locale, ":") {
		if t := tag(name); t != "" {
			tags = append(tags, t)
		}
	}
	return tags
}

// tag makes de-DE of de_DE.UTF-8@euro, and nothing of C and POSIX.
func tag(locale string) string {
	locale, _, _ = strings.Cut(locale, ".")
	locale, _, _ = strings.Cut(locale, "@")
	if locale == "C" || locale == "POSIX" {
		return ""
	}
	return strings.ReplaceAll(locale, "_", "-")
}

// appleLanguages reads what `defaults read -g AppleLanguages` prints: a list in brackets, an entry a line, some in quotes.
func appleLanguages(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return strings.ContainsRune("()\", \t\r\n", r) })
}

package assets

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

// A Language is the catalogue in one language, for whatever is not the interface: the tray, the notifications, the player page.
type Language struct {
	tag   string
	texts map[string]string
}

// Speak returns the first language that one of the tags names and that there is, and English if none does. Tags are those of BCP 47; only
// their first part counts.
func Speak(tags ...string) Language {
	w, err := words()
	if err != nil {
		panic(err) // the catalogue is embedded, and a test reads it
	}
	i := w.choose(strings.Join(tags, ","), "")
	return Language{w.Languages[i], w.in(i)}
}

// Tag is the language's BCP 47 tag.
func (l Language) Tag() string { return l.tag }

// Text returns a text with its values filled in. They come in pairs: the name of a value as it stands between the braces, and the
// value. A text that there is not is its own name, so that a mistake is seen and nothing breaks.
func (l Language) Text(name string, values ...string) string {
	text, ok := l.texts[name]
	if !ok {
		return name
	}
	pairs := slices.Clone(values[:len(values)&^1])
	for i := 0; i < len(pairs); i += 2 {
		pairs[i] = "{" + pairs[i] + "}"
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// Count is Text for a text that is another for one: name.one or name.other, by the rules of the language
// (https://cldr.unicode.org/index/cldr-spec/plural-rules). The value n is filled in.
func (l Language) Count(name string, n int, values ...string) string {
	form := ".other"
	switch l.tag {
	case "zh", "ja": // no plural
	case "fr":
		if n == 0 || n == 1 {
			form = ".one"
		}
	default:
		if n == 1 {
			form = ".one"
		}
	}
	return l.Text(name+form, append(slices.Clone(values), "n", strconv.Itoa(n))...)
}

// Size is a number of bytes for people, as the page of the program writes it.
func (l Language) Size(bytes int64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"}
	n, i := float64(bytes), 0
	for ; n >= 1000 && i < len(units)-1; i++ {
		n /= 1024
	}
	if i > 0 && n < 99.95 {
		n = math.Round(n*10) / 10
	} else {
		n = math.Round(n)
	}
	number := strconv.FormatFloat(n, 'f', -1, 64)
	switch l.tag {
	case "de", "es", "fr":
		number = strings.Replace(number, ".", ",", 1)
	}
	return number + " " + units[i]
}

package login

import (
	"strings"
)

// desktopFile is the text of an autostart file (Desktop Entry Specification 1.5, Desktop Application Autostart Specification 0.5).
// A hidden one switches off what files of the same name in other folders would start.
func desktopFile(it Item, hidden bool) string {
	var b strings.Builder
	line := func(key, value string) {
		if value != "" {
			b.WriteString(key + "=" + escapeValue(value) + "\n")
		}
	}
	b.WriteString("[Desktop Entry]\n")
	line("Type", "Application")
	line("Name", it.Name)
	line("Comment", it.Comment)
	line("Exec", execLine(it.Exec, it.Args))
	line("TryExec", it.Exec) // a program that has gone is passed over without a word
	line("Icon", it.Icon)
	line("Terminal", "false")
	line("NoDisplay", "true") // the menu of programs has another file
	if hidden {
		line("Hidden", "true")
	}
	return b.String()
}

// execLine quotes a command for the Exec key, before the escaping that all values get.
func execLine(program string, args []string) string {
	words := []string{execWord(program)}
	for _, a := range args {
		words = append(words, execWord(a))
	}
	return strings.Join(words, " ")
}

// reserved are the characters for which an argument has to be quoted.
const reserved = " \t\n\"'\\><~|&;$*?#()`"

func execWord(s string) string {
	s = strings.ReplaceAll(s, "%", "%%") // else a field code
	if s != "" && !strings.ContainsAny(s, reserved) {
		return s
	}
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(s) {
		if strings.IndexByte("\"`$\\", s[i]) >= 0 {
			b.WriteByte('\\')
		}
		b.WriteByte(s[i])
	}
	b.WriteByte('"')
	return b.String()
}

var (
	valueEscapes   = strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\t", `\t`, "\r", `\r`)
	valueUnescapes = strings.NewReplacer(`\\`, `\`, `\s`, " ", `\n`, "\n", `\t`, "\t", `\r`, "\r")
)

// escapeValue escapes a value. Blanks at its ends would be lost.
func escapeValue(s string) string {
	s = valueEscapes.Replace(s)
	if rest, ok := strings.CutPrefix(s, " "); ok {
		s = `\s` + rest
	}
	if rest, ok := strings.CutSuffix(s, " "); ok {
		s = rest + `\s`
	}
	return s
}

// execProgram returns the first word of an Exec value as it was escaped in the file, or "" when there is none.
func execProgram(value string) string {
	s := strings.TrimLeft(valueUnescapes.Replace(value), " \t")
	var b strings.Builder
	quoted := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			quoted = !quoted
		case c == '\\' && quoted && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		case !quoted && (c == ' ' || c == '\t'):
			i = len(s)
		default:
			b.WriteByte(c)
		}
	}
	return strings.ReplaceAll(b.String(), "%%", "%")
}

// An entry is what an autostart file says, as far as it matters here.
type entry struct {
	hidden  bool // or switched off in another way
	program string
	try     string
}

// blank is what readers take off the ends of a line, a key and a value: GLib and systemd know of no blanks beyond ASCII, so that one
// of those may end a path.
const blank = " \t\r\n\v\f"

// parseDesktopFile reads what anybody may have written. A file that makes no sense is one that starts nothing.
func parseDesktopFile(text string) entry {
	var e entry
	here := false
	for line := range strings.Lines(text) {
		line = strings.Trim(line, blank)
		if strings.HasPrefix(line, "[") {
			here = line == "[Desktop Entry]"
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok || !here || strings.HasPrefix(line, "#") {
			continue
		}
		value = strings.Trim(value, blank)
		switch strings.Trim(key, blank) {
		case "Hidden":
			e.hidden = e.hidden || value == "true"
		case "X-GNOME-Autostart-enabled": // how GNOME's settings and others switch one off
			e.hidden = e.hidden || value == "false"
		case "Exec":
			e.program = execProgram(value)
		case "TryExec":
			e.try = valueUnescapes.Replace(value)
		}
	}
	if e.program == "" {
		e.hidden = true
	}
	return e
}

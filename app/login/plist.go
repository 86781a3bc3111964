package login

import (
	"encoding/xml"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// launchAgent is the text of a LaunchAgent (launchd.plist(5)): started once in each graphical session, and not again when the user
// ends it.
func launchAgent(it Item) string {
	var b strings.Builder
	text := func(indent, s string) {
		b.WriteString(indent + "<string>")
		xml.EscapeText(&b, []byte(s)) // a Builder does not fail
		b.WriteString("</string>\n")
	}
	b.WriteString(xml.Header +
		`<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">` + "\n" +
		"<plist version=\"1.0\">\n<dict>\n\t<key>Label</key>\n")
	text("\t", it.Label)
	b.WriteString("\t<key>ProgramArguments</key>\n\t<array>\n")
	for _, word := range append([]string{it.Exec}, it.Args...) {
		text("\t\t", word)
	}
	b.WriteString("\t</array>\n\t<key>RunAtLoad</key>\n\t<true/>\n\t<key>LimitLoadToSessionType</key>\n\t<string>Aqua</string>\n" +
		"\t<key>ProcessType</key>\n\t<string>Interactive</string>\n</dict>\n</plist>\n")
	return b.String()
}

// parseLaunchAgent returns the program that a LaunchAgent starts, or "" when it starts none at login.
func parseLaunchAgent(text string) (program string) {
	d := xml.NewDecoder(strings.NewReader(text))
	var key, value string
	var depth int
	atLoad, disabled := false, false
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return "" // launchd would not read it either
		}
		switch t := token.(type) {
		case xml.StartElement:
			depth++
			value = ""
			switch {
			case depth == 3 && t.Name.Local == "true":
				atLoad = atLoad || key == "RunAtLoad"
				disabled = disabled || key == "Disabled"
			}
		case xml.CharData:
			value += string(t)
		case xml.EndElement:
			switch {
			case depth == 3 && t.Name.Local == "key":
				key = value
			case t.Name.Local == "string" && program == "" && (depth == 3 && key == "Program" || depth == 4 && key == "ProgramArguments"):
				program = value
			}
			depth--
		}
	}
	if !atLoad || disabled {
		return ""
	}
	return program
}

// agents keeps items as files in ~/Library/LaunchAgents.
type agents struct {
	dir    string
	launch func(args ...string) (string, error) // runs launchctl and returns what it printed
	domain string                               // of the user, as launchctl calls it: "gui/501"
}

func (a agents) file(it Item) string { return filepath.Join(a.dir, it.Label+".plist") }

func (a agents) status(it Item) (Status, error) {
	text, err := os.ReadFile(a.file(it))
	if errors.Is(err, fs.ErrNotExist) {
		return Status{}, nil
	}
	if err != nil {
		return Status{}, err
	}
	s := Status{Where: a.file(it), Program: parseLaunchAgent(string(text))}
	if s.Program == "" {
		return s, nil
	}
	if out, err := a.launch("print-disabled", a.domain); err == nil && isDisabled(out, it.Label) {
		return Status{Where: s.Where}, nil
	}
	s.State, s.Gone = it.stateOf(s.Program)
	return s, nil
}

// isDisabled reads what `launchctl print-disabled` prints: a line "label" => disabled, or => true before macOS 13.
func isDisabled(out, label string) bool {
	return regexp.MustCompile(`(?m)^\s*"` + regexp.QuoteMeta(label) + `"\s*=>\s*(?:disabled|true)\s*$`).MatchString(out)
}

// enable does not load the agent: the program runs already, and it is asked who asks for this.
func (a agents) enable(it Item) error {
	if err := replace(a.file(it), launchAgent(it)); err != nil {
		return err
	}
	if out, err := a.launch("print-disabled", a.domain); err == nil && isDisabled(out, it.Label) {
		_, err = a.launch("enable", a.domain+"/"+it.Label)
		return err
	}
	return nil
}

func (a agents) disable(it Item) error {
	if err := os.Remove(a.file(it)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (a agents) forget(it Item) error { return a.disable(it) }

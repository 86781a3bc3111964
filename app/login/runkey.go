package login

import (
	"fmt"
	"strings"
	"unicode/utf16"
)

// Where Windows keeps what is started at login, below HKEY_CURRENT_USER, and what the Task Manager says about it.
const (
	runKey      = `Software\Microsoft\Windows\CurrentVersion\Run`
	approvedKey = `Software\Microsoft\Windows\CurrentVersion\Explorer\StartupApproved\Run`
)

// maxRun is the most that a value of the Run key may have, in UTF-16 units
// (https://learn.microsoft.com/en-us/windows/win32/setupapi/run-and-runonce-registry-keys).
const maxRun = 260

// runValue is the command line for the Run key. The program is always quoted: else C:\Program Files\x could start C:\Program.exe.
func runValue(it Item) (string, error) {
	line := `"` + it.Exec + `"`
	for _, a := range it.Args {
		line += " " + runWord(a)
	}
	if n := len(utf16.Encode([]rune(line))); n > maxRun {
		return "", fmt.Errorf("the command has %d characters, and Windows takes %d there: move the program to a folder with a shorter path", n, maxRun)
	}
	return line, nil
}

// runWord quotes an argument as CommandLineToArgvW takes it apart.
func runWord(s string) string {
	if s != "" && !strings.ContainsAny(s, " \t\"") {
		return s
	}
	var b strings.Builder
	b.WriteByte('"')
	slashes := 0
	for i := range len(s) {
		switch s[i] {
		case '\\':
			slashes++
		case '"':
			b.WriteString(strings.Repeat(`\`, slashes+1))
			slashes = 0
		default:
			slashes = 0
		}
		b.WriteByte(s[i])
	}
	b.WriteString(strings.Repeat(`\`, slashes) + `"`)
	return b.String()
}

// runProgram returns the program of a command line: up to the next quote when it begins with one, else up to the first blank.
func runProgram(line string) string {
	line = strings.TrimLeft(line, " \t")
	if rest, ok := strings.CutPrefix(line, `"`); ok {
		program, _, _ := strings.Cut(rest, `"`)
		return program
	}
	if i := strings.IndexAny(line, " \t"); i >= 0 {
		line = line[:i]
	}
	return line
}

// isApproved reports whether the Task Manager lets an item start. It keeps twelve bytes for each that it was asked about: the lowest
// bit of the first is set in those that it has switched off (seen on Windows 10 and 11; undocumented).
func isApproved(data []byte) bool { return len(data) == 0 || data[0]&1 == 0 }

// notApproved is what the Task Manager writes to switch one off, without the time.
func notApproved() []byte { return []byte{3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0} }

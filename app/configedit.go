package app

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// setInFile sets one key in the config file called file, which is made when it is not there, and returns what the file says then.
// Everything else in it stays as the user has written it, comments too, and so does who may read it. What fails leaves the file as it was; a value that
// cannot be, and a file that cannot be used as it is, are a [*ConfigError].
func setInFile(file, name, text string) (Config, error) {
	if target, err := filepath.EvalSymlinks(file); err == nil {
		file = target // a link stays one
	}
	data, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Config{}, fmt.Errorf("config file: %w", err)
	}
	edited, c, err := editConfig(file, data, name, text)
	if err != nil {
		return Config{}, err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return Config{}, fmt.Errorf("config file: %w", err)
	}
	info, err := os.Stat(file)
	if err != nil {
		info = nil // it is a new one
	}
	if err := replaceFileAs(file, edited, true, info); err != nil {
		return Config{}, fmt.Errorf("config file: %w", err)
	}
	return c, nil
}

// editConfig returns data, the text of a config file, with one key set, and what it says then.
func editConfig(file string, data []byte, name, text string) ([]byte, Config, error) {
	want, err := ParseConfig(file, data)
	if err != nil {
		return nil, want, err
	}
	s, ok := want.setting(name)
	if !ok {
		return nil, want, fmt.Errorf("config: %s: %w", name, fs.ErrNotExist)
	}
	if err := setForm(s.value, text); err != nil {
		return nil, want, &ConfigError{file, 0, fmt.Sprintf("%s: %v", s.key, err)}
	}
	edited := putKey(data, s)
	got, err := ParseConfig(file, edited)
	if err != nil || !reflect.DeepEqual(got, want) {
		return nil, want, &ConfigError{file, 0, s.name() + " stands there in a way that only you can change; open the file"}
	}
	return edited, got, nil
}

// setting returns the setting with that name, which points into c.
func (c *Config) setting(name string) (setting, bool) {
	for _, s := range c.settings() {
		if s.name() == name {
			return s, true
		}
	}
	return setting{}, false
}

// A spot is where a config file, which is valid TOML, has or could have a key.
type spot struct {
	from, to int    // of the value that is there, or twice the same: where a line can come
	before   string // what comes before a new value, and behind it
	after    string
}

// putKey sets a key in valid TOML. The caller checks what came of it.
func putKey(data []byte, s setting) []byte {
	at := findSpot(data, s)
	return bytes.Join([][]byte{data[:at.from], []byte(at.before + s.value.text() + at.after), data[at.to:]}, nil)
}

// findSpot looks for the value of s, and for the best place for a new line with it.
func findSpot(data []byte, s setting) spot {
	bom := len(data) - len(bytes.TrimPrefix(data, []byte("\ufeff")))
	var (
		p      unstable.Parser
		prefix string
		dotted string
		top    = bom // behind the last key that is in no table
		place  = -1  // behind the last key of our table, or its head
		inline = -1  // behind the { of our table
	)
	p.Reset(data[bom:])
	for p.NextExpression() {
		e := p.Expression()
		var last unstable.Range
		var parts []string
		for it := e.Key(); it.Next(); {
			last = it.Node().Raw
			parts = append(parts, string(it.Node().Data))
		}
		end := bom + int(last.Offset+last.Length)
		switch name := joinKey(prefix, parts); e.Kind {
		case unstable.Table, unstable.ArrayTable:
			if prefix = joinKey("", parts); prefix == s.table {
				place = lineEnd(data, end)
			}
		case unstable.KeyValue:
			from, to := valueAt(data, end)
			if name == s.name() {
				return spot{from: from, to: to}
			}
			if v := e.Value(); v.Kind == unstable.InlineTable && name == s.table {
				if at, ok := inlineSpot(data, bom, v, name, s); ok {
					return at
				}
				inline = from + 1
			}
			if prefix == "" {
				top = lineEnd(data, to)
				if s.table != "" && strings.HasPrefix(name, s.table+".") {
					dotted = s.table + "."
				}
			} else if prefix == s.table {
				place = lineEnd(data, to)
			}
		}
	}
	switch {
	case inline >= 0:
		after := ","
		if rest := bytes.TrimLeft(data[inline:], " \t"); bytes.HasPrefix(rest, []byte("}")) {
			after = " "
		}
		return spot{inline, inline, " " + s.key + " = ", after}
	case s.table == "":
		return newLine(data, top, s.key)
	case place >= 0:
		return newLine(data, place, s.key)
	case dotted != "":
		return newLine(data, top, dotted+s.key)
	}
	at := newLine(data, len(data), s.key)
	at.before = strings.TrimSuffix(at.before, s.key+" = ") + "\n[" + s.table + "]\n" + s.key + " = "
	return at
}

// inlineSpot looks for the value of s in a table like { dht = true }.
func inlineSpot(data []byte, bom int, table *unstable.Node, prefix string, s setting) (spot, bool) {
	for it := table.Children(); it.Next(); {
		var last unstable.Range
		var parts []string
		for k := it.Node().Key(); k.Next(); {
			last = k.Node().Raw
			parts = append(parts, string(k.Node().Data))
		}
		if joinKey(prefix, parts) == s.name() {
			from, to := valueAt(data, bom+int(last.Offset+last.Length))
			return spot{from: from, to: to}, true
		}
	}
	return spot{}, false
}

func joinKey(prefix string, parts []string) string {
	if prefix != "" {
		parts = append([]string{prefix}, parts...)
	}
	return strings.Join(parts, ".")
}

// newLine is the spot for a line of its own at that place.
func newLine(data []byte, at int, key string) spot {
	before := key + " = "
	if at > 0 && data[at-1] != '\n' && !bytes.HasSuffix(data[:at], []byte("\ufeff")) {
		before = "\n" + before
	}
	return spot{at, at, before, "\n"}
}

// lineEnd returns where the line after the one with offset i begins.
func lineEnd(data []byte, i int) int {
	if n := bytes.IndexByte(data[i:], '\n'); n >= 0 {
		return i + n + 1
	}
	return len(data)
}

// valueAt returns where the value is whose key ends at i.
func valueAt(data []byte, i int) (from, to int) {
	i += bytes.IndexByte(data[i:], '=') + 1
	for data[i] == ' ' || data[i] == '\t' {
		i++
	}
	from = i
	for depth := 0; i < len(data); {
		switch c := data[i]; {
		case c == '"' || c == '\'':
			i = stringEnd(data, i)
		case c == '[' || c == '{':
			depth++
			i++
		case (c == ']' || c == '}') && depth > 0:
			depth--
			i++
		case depth > 0 && c == '#':
			i = lineEnd(data, i)
		case depth == 0 && strings.IndexByte("#\n\r,}", c) >= 0:
			return from, from + len(bytes.TrimRight(data[from:i], " \t"))
		default:
			i++
		}
	}
	return from, from + len(bytes.TrimRight(data[from:], " \t"))
}

// stringEnd returns what comes behind the string that begins at i.
func stringEnd(data []byte, i int) int {
	quote := data[i : i+1]
	if triple := bytes.Repeat(quote, 3); bytes.HasPrefix(data[i:], triple) {
		quote = triple
	}
	i += len(quote)
	for i < len(data) && !bytes.HasPrefix(data[i:], quote) {
		if data[i] == '\\' && quote[0] == '"' {
			i++
		}
		i++
	}
	for i += len(quote); len(quote) == 3 && i < len(data) && data[i] == quote[0]; i++ { // """a""""" ends in quotes of its own
	}
	return min(i, len(data))
}

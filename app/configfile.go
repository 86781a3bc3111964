package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// A ConfigError is a config file that cannot be used as it is: one line for the user, with the file and the line in it.
type ConfigError struct {
	File string
	Line int // 0 when no single line is to blame
	Msg  string
}

func (e *ConfigError) Error() string {
	if e.Line == 0 {
		return e.File + ": " + e.Msg
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Msg)
}

// LoadConfig reads the config file called file. What the file does not set is as in [DefaultConfig]. A file that is not there
// is an error when required is true, and else the same as an empty one. An error is a [*ConfigError].
func LoadConfig(file string, required bool) (Config, error) {
	data, err := os.ReadFile(file)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !required:
		return DefaultConfig(), nil
	case errors.Is(err, fs.ErrNotExist):
		return Config{}, &ConfigError{File: file, Msg: "there is no such config file; `universal-p2p config` prints one to start from"}
	case err != nil:
		var pe *fs.PathError
		if errors.As(err, &pe) {
			err = pe.Err // the message begins with the file already
		}
		return Config{}, &ConfigError{File: file, Msg: "cannot be read: " + err.Error()}
	}
	return ParseConfig(file, data)
}

// ParseConfig reads the text of a config file; file is what error messages call it. An error is a [*ConfigError].
func ParseConfig(file string, data []byte) (Config, error) {
	data = []byte(strings.TrimPrefix(string(data), "\ufeff")) // what Windows editors put first
	var doc map[string]any
	if err := toml.Unmarshal(data, &doc); err != nil {
		var de *toml.DecodeError
		if errors.As(err, &de) {
			line, _ := de.Position()
			return Config{}, &ConfigError{file, line, strings.TrimPrefix(de.Error(), "toml: ")}
		}
		return Config{}, &ConfigError{file, 0, strings.TrimPrefix(err.Error(), "toml: ")}
	}
	c := DefaultConfig()
	settings := c.settings()
	for _, k := range configKeys(data) {
		i := slices.IndexFunc(settings, k.names)
		if i < 0 {
			return Config{}, &ConfigError{file, k.line, unknownKey(k, settings)}
		}
		if k.table {
			continue
		}
		s := settings[i]
		if err := s.value.set(at(doc, s)); err != nil {
			return Config{}, &ConfigError{file, k.line, fmt.Sprintf("%s: %v", s.key, err)}
		}
	}
	return c, nil
}

// at returns what doc has for a setting that is in it.
func at(doc map[string]any, s setting) any {
	if s.table != "" {
		doc, _ = doc[s.table].(map[string]any)
	}
	return doc[s.key]
}

// A configKey is a place in a config file where something is named.
type configKey struct {
	name  string // dotted, with the table it is in
	table bool   // the head of a table
	line  int    // from 1
}

// names reports whether k is s, or the table that s is in.
func (k configKey) names(s setting) bool {
	if k.table {
		return k.name == s.table
	}
	return k.name == s.name()
}

// configKeys lists the keys of a document that is valid TOML, in order. go-toml tells the line of a syntax error only; a bad
// value is found later, and this tells its line.
func configKeys(data []byte) []configKey {
	var keys []configKey
	var p unstable.Parser
	p.Reset(data)
	prefix := ""
	for p.NextExpression() {
		e := p.Expression()
		var name []string
		line := 0
		for it := e.Key(); it.Next(); {
			n := it.Node()
			if line == 0 {
				line = p.Shape(n.Raw).Start.Line
			}
			name = append(name, string(n.Data))
		}
		full := prefix + dotted(name)
		switch e.Kind {
		case unstable.Table, unstable.ArrayTable:
			full = dotted(name)
			prefix = full + "."
			keys = append(keys, configKey{full, e.Kind == unstable.Table, line})
		case unstable.KeyValue:
			if v := e.Value(); v.Kind == unstable.InlineTable {
				keys = append(keys, inlineKeys(full, v, line)...)
				continue
			}
			keys = append(keys, configKey{full, false, line})
		}
	}
	return keys
}

// inlineKeys lists the keys of bittorrent = { dht = true }. Such a table stands on one line.
func inlineKeys(table string, v *unstable.Node, line int) []configKey {
	keys := []configKey{{table, true, line}}
	for it := v.Children(); it.Next(); {
		var name []string
		for k := it.Node().Key(); k.Next(); {
			name = append(name, string(k.Node().Data))
		}
		keys = append(keys, configKey{table + "." + dotted(name), false, line})
	}
	return keys
}

// dotted joins the parts of a key. One with a dot of its own gets quotes: "a.b" = 1 is not a.b = 1.
func dotted(parts []string) string {
	out := make([]string, len(parts))
	for i, p := range parts {
		if out[i] = p; p == "" || strings.Contains(p, ".") {
			out[i] = "'" + p + "'"
		}
	}
	return strings.Join(out, ".")
}

// unknownKey is the message for a key that is no setting, with the one that was probably meant.
func unknownKey(k configKey, settings []setting) string {
	kind := "key"
	if k.table {
		kind = "table"
	}
	last := k.name[strings.LastIndexByte(k.name, '.')+1:]
	meant, limit := "", len(last)/3+1 // with more edits than that it is another word
	for _, s := range settings {
		have, full := s.key, s.name()
		if k.table {
			have, full = s.table, s.table
		}
		if d := distance(last, have); have != "" && d < limit {
			meant, limit = full, d
		}
	}
	if meant == "" {
		return fmt.Sprintf("unknown %s %q", kind, k.name)
	}
	return fmt.Sprintf("unknown %s %q (did you mean %q?)", kind, k.name, meant)
}

// distance counts the bytes to insert, remove or replace to get from a to b (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diag := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diag
			if a[i] != b[j] {
				cost = 1 + min(diag, row[j], row[j+1])
			}
			diag, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}

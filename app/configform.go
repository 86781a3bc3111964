package app

import (
	"fmt"
	"strconv"
	"strings"
)

// form is how a value looks in a form: what kind of a field it is, its text without quotes (of a list one a line), and what
// there is to choose from.
func form(v value) (kind, text string, choices []string) {
	switch v := v.(type) {
	case boolValue:
		return "bool", v.text(), nil
	case intValue:
		return "number", v.text(), nil
	case sizeValue:
		return "size", FormatSize(*v.p), nil
	case quotaValue:
		if *v.p == 0 {
			return "size", "auto", nil
		}
		return "size", FormatSize(*v.p), nil
	case choiceValue:
		return "choice", *v.p, v.of
	case listValue:
		return "list", strings.Join(*v.p, "\n"), nil
	case addrValue:
		return "text", *v.p, nil
	}
	panic(fmt.Sprintf("app: no form for a %T", v))
}

// setForm sets v from what form calls its text. The error says what is wanted.
func setForm(v value, text string) error {
	text = strings.TrimSpace(text)
	switch v := v.(type) {
	case boolValue:
		if b, err := strconv.ParseBool(text); err == nil {
			return v.set(b)
		}
	case intValue:
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return v.set(n)
		}
	case listValue:
		list := []any{}
		for line := range strings.Lines(text) {
			if line = strings.TrimSpace(line); line != "" {
				list = append(list, line)
			}
		}
		return v.set(list)
	}
	return v.set(text)
}

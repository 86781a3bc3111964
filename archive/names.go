package archive

import (
	"strings"
	"unicode/utf8"
)

// cleanName makes the path of a member of what an archive calls it, decoded before. Only what stays inside the archive on any
// system is a name: nothing rooted, no "..", no NUL. Such members are not there at all for us. folder says that the name ends as
// the name of a folder does.
func cleanName(name string, backslash bool, limit int) (clean string, folder, ok bool) {
	if backslash { // only now: in Shift-JIS it is the second byte of some letters
		name = strings.ReplaceAll(name, `\`, "/")
		if len(name) >= 3 && name[1] == ':' && name[2] == '/' { // a drive
			return "", false, false
		}
	}
	if len(name) > limit || strings.HasPrefix(name, "/") || strings.ContainsRune(name, 0) || !utf8.ValidString(name) {
		return "", false, false
	}
	folder = strings.HasSuffix(name, "/")
	if !needsCleaning(name) {
		return name, false, name != ""
	}
	elems := make([]string, 0, 1+strings.Count(name, "/"))
	for e := range strings.SplitSeq(name, "/") {
		switch e {
		case "", ".":
		case "..":
			return "", false, false
		default:
			elems = append(elems, e)
		}
	}
	return strings.Join(elems, "/"), folder, len(elems) > 0
}

// needsCleaning reports whether name has an element that is empty or made of dots.
func needsCleaning(name string) bool {
	for e := range strings.SplitSeq(name, "/") {
		if e == "" || e == "." || e == ".." {
			return true
		}
	}
	return false
}

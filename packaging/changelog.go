package main

import (
	"fmt"
	"strings"
	"time"
)

// A release is what is new in a version.
type release struct {
	Version string
	Date    time.Time
	Changes []string
}

// parseChangelog reads the file changelog: a line with the version and the date of each release, last first, and below it the
// changes, one an indented line.
func parseChangelog(text string) ([]release, error) {
	var all []release
	for i, line := range strings.Split(text, "\n") {
		change, indented := strings.CutPrefix(line, "  ")
		switch {
		case strings.TrimSpace(line) == "":
		case indented && len(all) > 0:
			r := &all[len(all)-1]
			r.Changes = append(r.Changes, change)
		default:
			v, day, _ := strings.Cut(line, " ")
			at, err := time.Parse(time.DateOnly, day)
			if m := asGiven.FindStringSubmatch(v); m == nil || m[2] != "" || err != nil {
				return nil, fmt.Errorf("changelog, line %d: %q is not like %q", i+1, line, "0.1.0 2026-11-26")
			}
			all = append(all, release{v, at, nil})
		}
	}
	return all, nil
}

// maintainer is who packages name.
const maintainer = "The Universal P2P authors <universal-p2p@users.noreply.github.com>"

// homepage is where people find the program.
const homepage = "https://github.com/zeronetscript/universal_p2p"

// wrapped is a text in lines of 80 columns, the first of which begins with mark and the others with as many blanks.
func wrapped(mark, text string) string {
	var b strings.Builder
	line := mark
	for i, word := range strings.Fields(text) {
		switch {
		case i > 0 && len(line)+1+len(word) > 80:
			b.WriteString(line + "\n")
			line = strings.Repeat(" ", len(mark)) + word
		case i > 0:
			line += " " + word
		default:
			line += word
		}
	}
	return b.String() + line + "\n"
}

// debianChangelog is the changelog in the form of deb-changelog(5). A version that is none of the releases comes first.
func (b *builder) debianChangelog() []byte {
	var out strings.Builder
	entry := func(v string, at time.Time, changes []string) {
		fmt.Fprintf(&out, "%s (%s) stable; urgency=medium\n\n", program, v)
		for _, c := range changes {
			out.WriteString(wrapped("  * ", c))
		}
		fmt.Fprintf(&out, "\n -- %s  %s\n\n", maintainer, at.Format("Mon, 02 Jan 2006 15:04:05 -0700"))
	}
	if len(b.changes) == 0 || b.changes[0].Version != b.version.String() {
		entry(b.version.deb(), b.version.time, []string{"A build between two releases."})
	}
	for _, r := range b.changes {
		if r.Version == b.version.release && b.version.dev != "" {
			continue // it is still to come
		}
		entry(r.Version+"-1", r.Date, r.Changes)
	}
	return []byte(out.String())
}

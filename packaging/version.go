package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// A version is what a build is called. Each kind of package has its own rules for how a version before a release is written so that
// it is older than the release.
type version struct {
	release string    // "0.1.0"
	dev     string    // "" for the release itself, else like "dev.20261126041630.g45ca2b4", of what comes before it
	time    time.Time // of the commit; all files are as old as that
}

// first is the version that is worked on as long as no commit has a tag.
const first = "0.1.0"

func (v version) String() string {
	if v.dev == "" {
		return v.release
	}
	return v.release + "-" + v.dev
}

// deb and rpm sort what stands behind a tilde before the same without it.
func (v version) deb() string { return v.rpm() + "-1" }
func (v version) rpm() string { return strings.Replace(v.String(), "-", "~", 1) }

// apk knows a few words for what is before a release, and a number behind them.
func (v version) apk() string {
	if v.dev == "" {
		return v.release + "-r1"
	}
	return v.release + "_pre" + v.time.UTC().Format(stamp) + "-r1"
}

// arch is for pacman: letters right behind the number are older than the number alone.
func (v version) arch() string { return strings.Replace(v.String(), "-", "", 1) }

// windows is four numbers, of which Windows compares three.
func (v version) windows() string { return v.release + ".0" }

// next is the patch release after v.
func (v version) next() string {
	dot := strings.LastIndexByte(v.release, '.')
	patch, _ := strconv.Atoi(v.release[dot+1:]) // digits, or it would be no version
	return v.release[:dot+1] + strconv.Itoa(patch+1)
}

const stamp = "20060102150405"

var (
	asGiven   = regexp.MustCompile(`^v?(\d{1,4}\.\d{1,4}\.\d{1,4})(?:-(dev(?:\.[0-9a-z]+)*))?$`)
	described = regexp.MustCompile(`^v(\d{1,4})\.(\d{1,4})\.(\d{1,4})-(\d+)-(g[0-9a-f]+)(-dirty)?$`)
	untagged  = regexp.MustCompile(`^([0-9a-f]+)(-dirty)?$`)
)

// parseVersion reads a version that somebody has chosen.
func parseVersion(s string, at time.Time) (version, error) {
	m := asGiven.FindStringSubmatch(s)
	if m == nil {
		return version{}, fmt.Errorf("version %q: it has to be like 0.1.0 or 0.1.0-dev.1", s)
	}
	return version{m[1], m[2], at}, nil
}

// describe makes a version of what `git describe --long --dirty` says: the tag where a commit has one, else something before the next
// patch release, with the time and the commit in it. Changes that are no commit yet are marked.
func describe(s string, at time.Time) (version, error) {
	v := version{release: first, time: at}
	var commit, dirty string
	if m := described.FindStringSubmatch(s); m != nil {
		v.release = m[1] + "." + m[2] + "." + m[3]
		if m[4] == "0" && m[6] == "" {
			return v, nil
		}
		v.release = v.next()
		commit, dirty = m[5], m[6]
	} else if m := untagged.FindStringSubmatch(s); m != nil {
		commit, dirty = "g"+m[1], m[2]
	} else {
		return v, fmt.Errorf("git describes the commit as %q, which is no version", s)
	}
	v.dev = "dev." + at.UTC().Format(stamp) + "." + commit + strings.Replace(dirty, "-", ".", 1)
	return v, nil
}

// findVersion asks git in the folder root for the version, unless one is named.
func findVersion(ctx context.Context, root, named string) (version, error) {
	at, err := sourceDate(ctx, root)
	if err != nil {
		return version{}, err
	}
	if named != "" {
		return parseVersion(named, at)
	}
	s, err := output(ctx, root, "git", "describe", "--tags", "--long", "--dirty", "--abbrev=7", "--match", "v[0-9]*")
	if err != nil { // there is no tag
		s, err = output(ctx, root, "git", "describe", "--always", "--dirty", "--abbrev=7", "--exclude", "*")
	}
	if err != nil {
		return version{}, fmt.Errorf("%w; name one with -version", err)
	}
	return describe(s, at)
}

// sourceDate is SOURCE_DATE_EPOCH, or the time of the commit.
func sourceDate(ctx context.Context, root string) (time.Time, error) {
	s := os.Getenv("SOURCE_DATE_EPOCH")
	if s == "" {
		var err error
		if s, err = output(ctx, root, "git", "log", "-1", "--format=%ct"); err != nil {
			return time.Time{}, fmt.Errorf("%w; set SOURCE_DATE_EPOCH, in seconds since 1970", err)
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 315532800 || n >= 1<<32 { // zip begins with 1980, rpm ends with 32 bits
		return time.Time{}, errors.New("SOURCE_DATE_EPOCH has to be seconds since 1970, and after 1980")
	}
	return time.Unix(n, 0).UTC(), nil
}

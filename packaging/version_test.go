package main

import (
	"testing"
	"time"
)

var commitTime = time.Date(2026, 11, 26, 4, 16, 30, 0, time.UTC)

func TestDescribe(t *testing.T) {
	for said, want := range map[string]string{
		"v0.1.0-0-gabc1234":       "0.1.0",
		"v0.1.0-0-gabc1234-dirty": "0.1.1-dev.20261126041630.gabc1234.dirty",
		"v1.9.9-12-gabc1234":      "1.9.10-dev.20261126041630.gabc1234",
		"abc1234":                 "0.1.0-dev.20261126041630.gabc1234",
		"abc1234-dirty":           "0.1.0-dev.20261126041630.gabc1234.dirty",
		"v1":                      "",
		"":                        "",
	} {
		v, err := describe(said, commitTime)
		if (err != nil) != (want == "") || err == nil && v.String() != want {
			t.Errorf("%q: %q, %v; want %q", said, v, err, want)
		}
	}
}

func TestVersions(t *testing.T) {
	for given, want := range map[string][5]string{
		"0.1.0":                 {"0.1.0-1", "0.1.0", "0.1.0-r1", "0.1.0", "0.1.0.0"},
		"v2.0.10":               {"2.0.10-1", "2.0.10", "2.0.10-r1", "2.0.10", "2.0.10.0"},
		"0.1.1-dev.2026.gabc12": {"0.1.1~dev.2026.gabc12-1", "0.1.1~dev.2026.gabc12", "0.1.1_pre20261126041630-r1", "0.1.1dev.2026.gabc12", "0.1.1.0"},
	} {
		v, err := parseVersion(given, commitTime)
		if got := [5]string{v.deb(), v.rpm(), v.apk(), v.arch(), v.windows()}; err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", given, got, err, want)
		}
	}
	for _, bad := range []string{"", "1.0", "1.0.0-rc1", "1.0.0 ", "1.0.0-dev.A", "1.0.0-dev/x", "99999.0.0"} {
		if v, err := parseVersion(bad, commitTime); err == nil {
			t.Errorf("%q is taken for the version %v", bad, v)
		}
	}
}

func TestChangelog(t *testing.T) {
	text, err := sources.ReadFile("changelog")
	if err != nil {
		t.Fatal(err)
	}
	all, err := parseChangelog(string(text))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range all {
		if len(r.Changes) == 0 {
			t.Errorf("the changelog says nothing about %s", r.Version)
		}
	}
	for _, bad := range []string{"  a change of nothing", "0.1.0", "0.1.0 26.11.2026", "zero 2026-11-26"} {
		if got, err := parseChangelog(bad); err == nil {
			t.Errorf("%q: %v", bad, got)
		}
	}
}

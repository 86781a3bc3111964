package bittorrent

import (
	"net/url"
	"strings"
	"testing"

	"github.com/zeronetscript/universal_p2p/stream"
)

func TestCanonical(t *testing.T) {
	const v1 = "0102030405060708090a0b0c0d0e0f1011121314"
	v2 := strings.Repeat("ab", 32)
	for _, tt := range []struct {
		id, query, want string
	}{
		{v1, "", v1},
		{strings.ToUpper(v1), "", v1},
		{"AEBAGBAFAYDQQCIKBMGA2DQPCAIREEYU", "", v1},
		{"aebagbafaydqqcikbmga2dqpcaireeyu", "", v1},
		{strings.ToUpper(v2), "", v2},
		{"magnet:?xt=urn:btih:" + strings.ToUpper(v1) + "&tr=udp://a", "", v1},
		{"MAGNET:?dn=x&xt=urn:btmh:1220" + v2, "", v2},
		{"magnet:?xt=urn:btmh:1220" + v2 + "&xt=urn:btih:" + v1, "", v1},
		{"magnet:", "xt=urn:btih:" + v1, v1},
		{"magnet:?dn=x", "", ""},
		{"", "", ""},
		{v1[1:], "", ""},
		{v1[1:] + "g", "", ""},
	} {
		q, err := url.ParseQuery(tt.query)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := (*Backend)(nil).Canonical(stream.Root{ID: tt.id, Hints: q})
		if got != tt.want || ok != (tt.want != "") {
			t.Errorf("%q: %q, %v", tt.id, got, ok)
		}
	}
}

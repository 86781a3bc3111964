package bittorrent

import (
	"testing"

	"github.com/anacrolix/torrent"
)

func TestExpectNoReject(t *testing.T) {
	for id, want := range map[string]string{
		"-WW0300-abcdefghijkl": "-TR3300-abcdefghijkl", // WebTorrent in a page
		"-WD0024-abcdefghijkl": "-TR3024-abcdefghijkl", // WebTorrent Desktop
		"-TR4000-abcdefghijkl": "-TR4000-abcdefghijkl",
		"-qB4500-abcdefghijkl": "-qB4500-abcdefghijkl",
		"-W":                   "-W",
	} {
		var got, wanted torrent.PeerID
		copy(got[:], id)
		copy(wanted[:], want)
		if expectNoReject(&got); got != wanted {
			t.Errorf("%q became %q, want %q", id, got, wanted)
		}
	}
}

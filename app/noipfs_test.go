//go:build noipfs

package app

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// A program without IPFS says so, where IPFS would be asked and nowhere else, and takes a config file of one that has it.
func TestNoIPFS(t *testing.T) {
	if text := DefaultConfig().TOML(); strings.Contains(text, "ipfs") || !strings.Contains(text, "[bittorrent]") {
		t.Errorf("the config is\n%s", text)
	}
	if _, err := ParseConfig("config.toml", []byte("[ipfs]\nenabled = true\nshare = true\n")); err != nil {
		t.Error(err)
	}
	problems := new(Problems)
	r := try(t, t.TempDir(), func(o *Options) {
		o.Config.BitTorrent.DHT, o.Config.BitTorrent.Trackers = false, nil
		o.Protocols, o.Problems = Protocols(), problems
	})
	const cid = "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"
	for _, path := range []string{"/ipfs/v0/stream/" + cid, "/ipns/v0/stream/example.org", "/ipfs/" + cid, "/ipns/example.org/a"} {
		if code, body := get(t, r.addr, path); code != http.StatusServiceUnavailable || !strings.Contains(body, "This build of the program has no IPFS.") {
			t.Errorf("%s: %d %q", path, code, body)
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+r.addr+"/a", nil)
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := strings.Cut(r.addr, ":")
	req.Host, req.Close = cid+".ipfs.localhost:"+port, true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != http.StatusServiceUnavailable || !strings.Contains(string(body), "has no IPFS.") {
		t.Errorf("%s: %d %q, %v", req.Host, resp.StatusCode, body, err)
	}
	if all := problems.All(); len(all) > 0 {
		t.Errorf("problems: %+v", all)
	}
}

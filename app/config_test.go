package app

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestConfigRoundTrip(t *testing.T) {
	other := Config{
		Addr: "localhost:0", Quota: 64 << 20, Reserve: 12345, UnusedDays: 0, Verify: VerifyAlways, Upload: false, AllowLocalPeers: true,
		AskNewSites: true, HistoryDays: 7, Notifications: false,
		Sites: Sites{Streams: 0, NewRoots: 1, DiskShare: 100, UnknownStreams: 2, UnknownNewRoots: 3, UnknownDiskShare: 4},
		BitTorrent: BitTorrent{
			DHT: false, DHTBootstrap: []string{}, Trackers: []string{"http://127.0.0.1:6969/announce?a=\"b\"", "udp://[::1]:1"},
			Port: 6881, MaxPeers: 7, UploadRate: 0, DownloadRate: 3 << 20, WebTorrent: false,
		},
		IPFS: IPFS{
			Enabled: false, Routers: []string{"http://127.0.0.1:8190"}, Gateways: []string{"https://[::1]:443"},
			Bootstrap: []string{"/ip4/127.0.0.1/tcp/4001/p2p/QmNnooDu7bfjPFoTZYxMNLWUQJyrVwtbZg5gBMjTezGAJN"}, Share: true, ShareRate: 0, GatewayHosts: []string{"site.example.org", "proxy"},
		},
	}
	for _, want := range []Config{DefaultConfig(), other} {
		got, err := ParseConfig("config.toml", []byte(want.TOML()))
		if err != nil {
			t.Fatalf("%v in\n%s", err, want.TOML())
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("read back\n%+v\nwant\n%+v", got, want)
		}
	}
}

// Every field can be set in the file: a field that settings forgets would keep its zero value.
func TestSettingsCoverConfig(t *testing.T) {
	n := reflect.TypeFor[Config]().NumField() - 3 + reflect.TypeFor[BitTorrent]().NumField() + reflect.TypeFor[IPFS]().NumField() + reflect.TypeFor[Sites]().NumField()
	c := DefaultConfig()
	if got := len(c.settings()); got != n {
		t.Errorf("%d settings for %d fields", got, n)
	}
	for _, s := range c.settings() {
		for line := range strings.SplitSeq(s.doc, "\n") {
			if len(line) > 118 || line == "" {
				t.Errorf("%s: a line of its comment has %d characters", s.name(), len(line))
			}
		}
	}
}

func TestParseConfig(t *testing.T) {
	for _, c := range []struct{ in, err string }{
		{"", ""},
		{"\ufeffupload = false\n", ""},
		{"quota = 67108864", ""},
		{"reserve = 0", ""},
		{"bittorrent = { dht = false, trackers = [] }", ""},
		{"bittorrent.dht = false", ""},
		{"ipfs.gateway_hosts = [\"a-b.example\", \"xn--a\"]", ""},
		{"[bittorrent]\n\ndht = false", ""},
		{"\n\nqota = \"10GiB\"\n", `config.toml:3: unknown key "qota" (did you mean "quota"?)`},
		{"dht = true", `config.toml:1: unknown key "dht" (did you mean "bittorrent.dht"?)`},
		{"[bittorrent]\nmaxpeers = 3", `config.toml:2: unknown key "bittorrent.maxpeers" (did you mean "bittorrent.max_peers"?)`},
		{"[bitorrent]\ndht = true", `config.toml:1: unknown table "bitorrent" (did you mean "bittorrent"?)`},
		{"\"bittorrent.dht\" = false", `config.toml:1: unknown key "'bittorrent.dht'" (did you mean "bittorrent.dht"?)`},
		{"bittorrent = { 'a.b' = 1 }", `config.toml:1: unknown key "bittorrent.'a.b'"`},
		{"[gopher]\nx = true", `config.toml:1: unknown table "gopher"`},
		{"bittorrent = { dht = true, xyz = 1 }", `config.toml:1: unknown key "bittorrent.xyz"`},
		{"upload = true\nupload = false", `config.toml:2: key upload is already defined`},
		{"upload = \"yes\"", `config.toml:1: upload: "yes" is neither true nor false`},
		{"# a\n[bittorrent]\nport = 70000", `config.toml:3: port: 70000 is no whole number from 0 to 65535`},
		{"[bittorrent]\nport = 6881.5", `config.toml:2: port: 6881.5 is no whole number from 0 to 65535`},
		{"history_days = 0", `config.toml:1: history_days: 0 is no whole number from 1 to 36500`},
		{"ask_new_sites = 1", `config.toml:1: ask_new_sites: 1 is neither true nor false`},
		{"[sites]\ndisk_share = 101", `config.toml:2: disk_share: 101 is no whole number from 0 to 100`},
		{"sites.streams = 100", ""},
		{"verify = \"never\"", `config.toml:1: verify: "never" is neither "media" nor "always"`},
		{"quota = \"10 gigs\"", `config.toml:1: quota: "10 gigs" is no size; write it like 10GiB, 512MiB or 4096`},
		{"quota = 4096", `config.toml:1: quota: 4KiB is too small to stream anything; the least is 16MiB`},
		{"reserve = -1", `config.toml:1: reserve: -1 is less than nothing`},
		{"addr = \"0.0.0.0:7788\"", `config.toml:1: addr: "0.0.0.0:7788" is not on this machine alone; the host can only be 127.0.0.1, localhost or [::1]`},
		{"addr = \":7788\"", `config.toml:1: addr: ":7788" is not on this machine alone; the host can only be 127.0.0.1, localhost or [::1]`},
		{"addr = 7788", `config.toml:1: addr: 7788 is no address; write it like "127.0.0.1:7788"`},
		{"[bittorrent]\ntrackers = [\n  \"udp://a:1\",\n  \"ftp://b\",\n]", `config.toml:2: trackers: "ftp://b" is no tracker; its URL starts with udp://, http://, https://, ws:// or wss://`},
		{"[bittorrent]\ndht_bootstrap = \"a:1\"", `config.toml:2: dht_bootstrap: "a:1" is no list; write it like ["one", "two"]`},
		{"[bittorrent]\ndht_bootstrap = [\"host\"]", `config.toml:2: dht_bootstrap: "host" is no host and port; write it like "router.bittorrent.com:6881"`},
		{"[bittorrent]\ndht_bootstrap = [1]", `config.toml:2: dht_bootstrap: 1 is no text in quotes`},
		{"[ipfs]\ngateway_hosts = [\"a.localhost\"]", `config.toml:2: gateway_hosts: "a.localhost" is no host to answer for; write its name in small letters and without a port, like "ipfs.example.org"`},
		{"[ipfs]\ngateway_hosts = [\"127.0.0.1\"]", `config.toml:2: gateway_hosts: "127.0.0.1" is no host to answer for; write its name in small letters and without a port, like "ipfs.example.org"`},
		{"[ipfs]\ngateway_hosts = [\"A.example:80\"]", `config.toml:2: gateway_hosts: "A.example:80" is no host to answer for; write its name in small letters and without a port, like "ipfs.example.org"`},
		{"upload = ", `config.toml:1: `},
		{"a\nb", `config.toml:1: `},
		{"\x00", `config.toml:1: `},
	} {
		_, err := ParseConfig("config.toml", []byte(c.in))
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != c.err && (!strings.HasSuffix(c.err, ": ") || !strings.HasPrefix(got, c.err)) {
			t.Errorf("%q:\n got %s\nwant %s", c.in, got, c.err)
		}
		if strings.ContainsAny(got, "\n\r") {
			t.Errorf("%q: the message has more than one line: %q", c.in, got)
		}
	}
}

func TestLoadConfig(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config.toml")
	if c, err := LoadConfig(file, false); err != nil || !reflect.DeepEqual(c, DefaultConfig()) {
		t.Errorf("no file: %+v, %v", c, err)
	}
	if _, err := LoadConfig(file, true); err == nil {
		t.Error("no error for a file that was asked for and is not there")
	}
	if err := os.WriteFile(file, []byte("unused_days = 7\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if c, err := LoadConfig(file, true); err != nil || c.UnusedDays != 7 || !c.Upload {
		t.Errorf("got %+v, %v", c, err)
	}
	if _, err := LoadConfig(filepath.Dir(file), true); err == nil {
		t.Error("no error for a folder")
	}
}

func FuzzParseConfig(f *testing.F) {
	f.Add(DefaultConfig().TOML())
	f.Add("[bittorrent]\ntrackers = [\n\"udp://a:1\"]\n")
	f.Add("bittorrent = { dht = true, 'port' = 0x10 }")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParseConfig("f", []byte(text))
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("more than one line: %q", err)
			}
			return
		}
		back, err := ParseConfig("f", []byte(c.TOML()))
		if err != nil {
			t.Fatalf("%v in\n%s", err, c.TOML())
		}
		if !reflect.DeepEqual(normal(back), normal(c)) {
			t.Errorf("read back\n%+v\nwant\n%+v", back, c)
		}
	})
}

// normal makes an empty list and none the same.
func normal(c Config) Config {
	for _, l := range []*[]string{&c.BitTorrent.Trackers, &c.BitTorrent.DHTBootstrap} {
		if len(*l) == 0 {
			*l = nil
		}
	}
	return c
}

package app

import (
	"fmt"
	"strings"
)

// DefaultAddr is where web pages expect the program.
const DefaultAddr = "127.0.0.1:7788"

// What Config.Verify can say.
const (
	VerifyMedia  = "media"  // video and audio may pass before their piece is complete
	VerifyAlways = "always" // no byte passes before its piece is complete and right
)

// Config is what a user can set. [DefaultConfig] is a good one; the zero value is not. The config file's keys are described in
// one place, [Config.settings].
type Config struct {
	Addr            string // host:port, the host a loopback one
	Quota           int64  // bytes; 0 means the rule of DefaultQuota, applied once and remembered
	Reserve         int64  // bytes of disk space that are left to others
	UnusedDays      int    // days after which an unused root is recycled; 0 means never
	Verify          string // VerifyMedia or VerifyAlways
	Upload          bool
	AllowLocalPeers bool
	AskNewSites     bool // a new site waits for the user's yes
	HistoryDays     int  // for which it is known which site used what
	Notifications   bool // the desktop shows a note when there is something to know
	Sites           Sites
	BitTorrent      BitTorrent
	IPFS            IPFS
}

// Sites is the [sites] table of the config: what a web site may have. 0 means no limit.
type Sites struct {
	Streams   int // requests that are answered at the same time
	NewRoots  int // a minute
	DiskShare int // percent of the quota

	// The same for all pages together that do not let the browser say where they are from.
	UnknownStreams, UnknownNewRoots, UnknownDiskShare int
}

// BitTorrent is the [bittorrent] table of the config.
type BitTorrent struct {
	DHT          bool
	DHTBootstrap []string // host:port
	Trackers     []string // announce URLs
	Port         int      // TCP and UDP; 0 lets the system choose
	MaxPeers     int      // for each torrent
	UploadRate   int64    // bytes a second; 0 means no limit
	DownloadRate int64    // bytes a second; 0 means no limit
	WebTorrent   bool
}

// IPFS is the [ipfs] table of the config.
type IPFS struct {
	Enabled   bool
	Routers   []string // URLs of endpoints of /routing/v1
	Gateways  []string // URLs of trustless gateways
	Bootstrap []string // multiaddrs with a peer ID
	Share     bool
	ShareRate int64 // bytes a second; 0 means no limit

	GatewayHosts []string // besides our own, without a port
}

// DefaultConfig returns what holds where the config file is silent.
func DefaultConfig() Config {
	return Config{
		Addr:       DefaultAddr,
		Reserve:    1 << 30,
		UnusedDays: 30,
		Verify:     VerifyMedia,
		Upload:     true,

		HistoryDays:   180,
		Notifications: true,
		Sites: Sites{
			Streams: 24, NewRoots: 30, DiskShare: 50,
			UnknownStreams: 12, UnknownNewRoots: 10, UnknownDiskShare: 20,
		},
		BitTorrent: BitTorrent{
			DHT: true,
			DHTBootstrap: []string{
				"router.bittorrent.com:6881",
				"router.utorrent.com:6881",
				"dht.transmissionbt.com:6881",
				"dht.libtorrent.org:25401",
			},
			Trackers: []string{
				"udp://tracker.opentrackr.org:1337/announce",
				"udp://open.stealth.si:80/announce",
				"udp://tracker.torrent.eu.org:451/announce",
				"udp://exodus.desync.com:6969/announce",
				"https://tracker.ghostchu-services.top:443/announce",
				"https://tracker.yemekyedim.com:443/announce",
				"wss://tracker.openwebtorrent.com",
				"wss://tracker.webtorrent.dev",
			},
			MaxPeers:   40,
			UploadRate: 512 << 10,
			WebTorrent: true,
		},
		IPFS: IPFS{
			Enabled:  true,
			Routers:  []string{"https://delegated-ipfs.dev"},
			Gateways: []string{"https://trustless-gateway.net", "https://ipfs.io"},
			Bootstrap: []string{
				"/dnsaddr/bootstrap.libp2p.io/p2p/QmNnooDu7bfjPFoTZYxMNLWUQJyrVwtbZg5gBMjTezGAJN",
				"/dnsaddr/bootstrap.libp2p.io/p2p/QmbLHAnMoJPWSCR5Zhtx6BHJX9KiKNN6tpvbUcqanj75Nb",
				"/dnsaddr/bootstrap.libp2p.io/p2p/QmcZf59bWwK5XFi76CZX8cbJ4BhTzzA3gU1ZjYZcYW3dwt",
				"/dnsaddr/va1.bootstrap.libp2p.io/p2p/12D3KooWKnDdG3iXw9eTFijk3EWSunZcFi54Zka4wmtqtt6rPxc8",
				"/ip4/104.131.131.82/tcp/4001/p2p/QmaCpDMGvV2BGHeYERUEnRQAwe3N8SzbUtfsmvsqQLuvuJ",
			},
			ShareRate:    256 << 10,
			GatewayHosts: []string{},
		},
	}
}

// A setting is one key of the config file: its place, what it means, and the field it sets.
type setting struct {
	table, key string
	doc        string // lines for the comment above it
	value      value
}

func (s setting) name() string {
	if s.table == "" {
		return s.key
	}
	return s.table + "." + s.key
}

// settings lists every key of the config file in the order of a printed one. The values point into c.
func (c *Config) settings() []setting {
	b, s, f := &c.BitTorrent, &c.Sites, &c.IPFS
	return []setting{
		{"", "addr", "Where the program answers. The host is 127.0.0.1, localhost or [::1]: it never listens anywhere else, and it\n" +
			"always answers on both 127.0.0.1 and [::1]. Web pages expect port 7788. Port 0 takes any free one.", addrValue{&c.Addr}},
		{"", "quota", "The most disk space that content may take, as 10GiB, 512MiB or a number of bytes. \"auto\" is the smaller of\n" +
			"10GiB and a tenth of the free space at the first start, never under 512MiB; it is then remembered.", quotaValue{&c.Quota}},
		{"", "reserve", "Disk space that is left free for everything else, also when the quota would allow more.", sizeValue{&c.Reserve}},
		{"", "unused_days", "What nobody has asked for in so many days is removed. 0 keeps it until the space is needed.", intValue{&c.UnusedDays, 0, 36500}},
		{"", "verify", "When bytes are checked. \"media\" hands video and audio to the player as it comes and cuts the connection if it\n" +
			"turns out wrong; everything else is checked before it is handed out. \"always\" checks video and audio first\n" +
			"as well: they then start and seek more slowly.", choiceValue{&c.Verify, []string{VerifyMedia, VerifyAlways}}},
		{"", "upload", "Whether others may fetch from us what is being streamed. A swarm lives from that, and many peers send more to\n" +
			"those who send too. Nothing is uploaded for a torrent that nobody here is watching.", boolValue{&c.Upload}},
		{"", "allow_local_peers", "Whether the hints in a URL may point to private, loopback or link-local addresses. Leave it off unless the\n" +
			"peers are in your own network: any web page could then make this program knock at your other machines.", boolValue{&c.AllowLocalPeers}},
		{"", "ask_new_sites", "Whether a web site that you have not allowed gets nothing until you do, by `universal-p2p allow SITE`.", boolValue{&c.AskNewSites}},
		{"", "history_days", "For how many days it is remembered which site used what, and when. It never leaves this computer.", intValue{&c.HistoryDays, 1, 36500}},
		{"", "notifications", "Whether the desktop shows a note, rarely: when the disk is full, a site waits for your yes, or something is wrong.", boolValue{&c.Notifications}},
		{"sites", "streams", "How many requests of one web site are answered at the same time. 0 is no limit, here and below.", intValue{&s.Streams, 0, 10000}},
		{"sites", "new_roots", "How many torrents a site may begin to use in a minute, on average; twice as many at once after a quiet time.", intValue{&s.NewRoots, 0, 10000}},
		{"sites", "disk_share", "How much of the quota a site may fill, in percent. What only it has used makes room for what it asks for next.", intValue{&s.DiskShare, 0, 100}},
		{"sites", "unknown_streams", "The same for all pages together that do not say where they are from.", intValue{&s.UnknownStreams, 0, 10000}},
		{"sites", "unknown_new_roots", "How many torrents they may begin to use in a minute.", intValue{&s.UnknownNewRoots, 0, 10000}},
		{"sites", "unknown_disk_share", "How much of the quota they may fill, in percent.", intValue{&s.UnknownDiskShare, 0, 100}},
		{"bittorrent", "dht", "Whether to find peers in the distributed hash table, which needs no tracker.", boolValue{&b.DHT}},
		{"bittorrent", "dht_bootstrap", "Where the first nodes of the hash table are asked for, as host:port.", listValue{&b.DHTBootstrap, checkHostPort}},
		{"bittorrent", "trackers", "Trackers that are asked besides those a URL names: udp, http, https, ws or wss.", listValue{&b.Trackers, checkTracker}},
		{"bittorrent", "port", "The port for peers, TCP and UDP. 0 takes any free one at every start.", intValue{&b.Port, 0, 65535}},
		{"bittorrent", "max_peers", "The most peers that one torrent is connected to.", intValue{&b.MaxPeers, 1, 1000}},
		{"bittorrent", "upload_rate", "The most that is uploaded in a second, as 512KiB or a number of bytes. 0 is no limit.", sizeValue{&b.UploadRate}},
		{"bittorrent", "download_rate", "The most that is downloaded in a second. 0 is no limit.", sizeValue{&b.DownloadRate}},
		{"bittorrent", "webtorrent", "Whether to reach peers that are browsers. They meet at the wss trackers.", boolValue{&b.WebTorrent}},
		{"ipfs", "enabled", "Whether content of IPFS is served. Nothing of it runs until somebody asks for some, nor some minutes later.", boolValue{&f.Enabled}},
		{"ipfs", "routers", "Servers that know who has what, asked together with the hash table (/routing/v1). They see what is asked for.\n" +
			"None: only the hash table is asked.", listValue{&f.Routers, checkWeb}},
		{"ipfs", "gateways", "Trustless gateways that blocks are fetched from, besides peers. Each block is checked.", listValue{&f.Gateways, checkWeb}},
		{"ipfs", "bootstrap", "Peers by which the hash table is joined, with their ID. None: it is not used.", listValue{&f.Bootstrap, checkPeer}},
		{"ipfs", "share", "Whether peers that the program is connected to may fetch from it what is on the disk.", boolValue{&f.Share}},
		{"ipfs", "share_rate", "The most that is given to them in a second. 0 is no limit.", sizeValue{&f.ShareRate}},
		{"ipfs", "gateway_hosts", "Hosts, besides localhost and 127.0.0.1, that answer with what IPFS has: for a proxy on this computer, or\n" +
			"for a site of your own with a DNSLink. Whoever controls a name here can have pages opened under it.", listValue{&f.GatewayHosts, checkHost}},
	}
}

// TOML returns c as a commented config file, which [ParseConfig] reads back as c.
func (c Config) TOML() string {
	var b strings.Builder
	table := ""
	for _, s := range c.settings() {
		if s.table == "ipfs" && !hasIPFS { // a config file of another build is read all the same
			continue
		}
		if s.table != table {
			table = s.table
			fmt.Fprintf(&b, "[%s]\n\n", table)
		}
		for line := range strings.SplitSeq(s.doc, "\n") {
			b.WriteString("# " + line + "\n")
		}
		fmt.Fprintf(&b, "%s = %s\n\n", s.key, s.value.text())
	}
	return strings.TrimSuffix(b.String(), "\n")
}

package ipfs

import (
	"errors"
	"strings"
	"testing"

	"github.com/multiformats/go-multiaddr"

	"github.com/zeronetscript/universal_p2p/stream"
)

// Whatever a block has, it is decoded to something that fits together, or is refused.
func FuzzDecode(f *testing.F) {
	f.Add([]byte{0x0a, 0x02, 0x08, 0x01})                                                                              // an empty folder
	f.Add([]byte{0x0a, 0x08, 0x08, 0x02, 0x12, 0x02, 'h', 'i', 0x18, 0x02})                                            // a file of two bytes
	f.Add([]byte{0x12, 0x0b, 0x0a, 0x04, 0x01, 0x55, 0x00, 0x00, 0x12, 0x01, 'a', 0x18, 0x00, 0x0a, 0x02, 0x08, 0x01}) // with a link
	f.Add([]byte{0x0a, 0x0a, 0x08, 0x02, 0x18, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80})
	f.Add([]byte{0x0a, 0x07, 0x08, 0x05, 0x28, 0x22, 0x30, 0x80, 0x02}) // a shard
	f.Fuzz(func(t *testing.T, data []byte) {
		n, err := decodePB(data)
		if err != nil {
			if !errors.Is(err, errMalformed) || !errors.Is(err, stream.ErrCorrupt) {
				t.Fatalf("error %v", err)
			}
			return
		}
		switch {
		case n.isFile():
			sum := uint64(len(n.data))
			for _, s := range n.sizes {
				sum += s
			}
			if len(n.sizes) != len(n.links) || sum != n.size || n.size > maxFile+uint64(len(data)) {
				t.Errorf("a file of %d bytes: %d links, %d sizes", n.size, len(n.links), len(n.sizes))
			}
		case n.kind == typeShard && (n.fanout < 8 || n.fanout > 1024):
			t.Errorf("a shard of %d", n.fanout)
		}
		for _, l := range n.links {
			if !l.cid.Defined() {
				t.Error("a link to nothing")
			}
		}
	})
}

// Whatever is pasted or stands in a URL, it is a root in one spelling or it is refused.
func FuzzRoot(f *testing.F) {
	for _, s := range []string{
		"bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi", "QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWKPbdG",
		"ipfs://bafkqaaa/a/b", "/ipfs/bafkqaaa", "https://bafkqaaa.ipfs.dweb.link/x?y#z", "https://ipfs.io/ipfs/bafkqaaa/x%2fy",
		"ipns://docs.ipfs.tech", "k51qzi5uqu5dlvj2baxnqndepeb86cbk3ng7n3i46uzyxzyqj2xjonzllnv0v8", "en-wikipedia--on--ipfs-org", "12D3KooWKnDdG3iXw9eTFijk3EWSunZcFi54Zka4wmtqtt6rPxc8",
		"ipfs:/ipfs/bafkqaaa", "127.0.0.1", "\xff",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if c, err := parseFS(s); err == nil {
			id := canonical(c)
			again, err := parseFS(id)
			if err != nil || canonical(again) != id || string(c.Hash()) != string(again.Hash()) {
				t.Errorf("%q is %s, which is %v, %v", s, id, again, err)
			}
		} else if !errors.Is(err, stream.ErrBadRoot) {
			t.Errorf("%q: %v", s, err)
		}
		if name, err := parseName(s); err == nil {
			if again, err := parseName(name); err != nil || again != name {
				t.Errorf("%q is %q, which is %q, %v", s, name, again, err)
			}
		} else if !errors.Is(err, stream.ErrBadRoot) {
			t.Errorf("%q: %v", s, err)
		}
		for _, ns := range []string{"ipfs", "ipns"} {
			if root, path, ok := recognize(ns, s); ok && (root.ID == "" || path != "" && !stream.ValidPath(path) || strings.Contains(root.ID, "/")) {
				t.Errorf("%q is %q and %q", s, root.ID, path)
			}
		}
	})
}

func TestRoots(t *testing.T) {
	const v1, v0 = "bafybeihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku", "QmdfTbBqBPQ7VNxZEYEj14VmRuZBkqFbiwReogJgS1zR1n"
	for in, want := range map[string]string{
		v1: v1, v0: v1, strings.ToUpper(v1): v1, "f01701220e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855": v1,
		"bafkqaaa": "bafkqaaa",
		"":         "",
		"bafy":     "",
		v1 + "x":   "",
		"baguqeerasords4njcts6vs7qvdjfcvgnume4hqohf65zsfguprqphs3icwea": "", // dag-json
		"bafkqabtimvwgy3yk" + strings.Repeat("a", 500):                  "",
	} {
		c, err := parseFS(in)
		if want == "" {
			if !errors.Is(err, stream.ErrBadRoot) {
				t.Errorf("%q: %v, %v", in, c, err)
			}
			continue
		}
		if err != nil || canonical(c) != want {
			t.Errorf("%q: %v, %v", in, c, err)
		}
	}
	for text, want := range map[string]string{
		v1: v1, " " + v0 + "\n": v0, "ipfs://" + v1 + "/a/b.mp4": v1 + "/a/b.mp4", "/ipfs/" + v0 + "/x": v0 + "/x",
		"https://ipfs.io/ipfs/" + v1 + "/a%20b?download=1#t": v1 + "/a b", "https://" + v1 + ".ipfs.dweb.link/x": v1 + "/x",
		"http://" + v1 + ".ipfs.localhost:8080": v1, "https://example.org/" + v1: "", "mailto:" + v1: "", v1 + "/x": "",
		"ipfs://" + v1 + "/a/../b": "", "ipfs://" + v1 + "/a%zz": "", "ipfs://" + v1 + "//": v1,
		"ipfs://" + v1 + "?filename=a%20b.mp4": v1 + " called a b.mp4", "https://ipfs.io/ipfs/" + v1 + "?x=y&filename=a.mp4#t": v1 + " called a.mp4",
		"https://" + v1 + ".ipfs.dweb.link?filename=a.mp4": v1 + " called a.mp4", "/ipfs/" + v1 + "/x?filename=": v1 + "/x", "ipfs://" + v1 + "?%zz": v1,
	} {
		root, path, ok := recognize("ipfs", text)
		got := strings.TrimSuffix(root.ID+"/"+path, "/")
		if called := root.Hints.Get("filename"); called != "" {
			got += " called " + called
		}
		if !ok && want != "" || ok && got != want {
			t.Errorf("%q is %q, %v, want %q", text, got, ok, want)
		}
	}
	for in, want := range map[string]string{
		"docs.ipfs.tech": "docs.ipfs.tech", "Docs.IPFS.tech.": "docs.ipfs.tech", "en-wikipedia--on--ipfs-org": "en.wikipedia-on-ipfs.org",
		"12D3KooWKnDdG3iXw9eTFijk3EWSunZcFi54Zka4wmtqtt6rPxc8": "k51qzi5uqu5djveu82z059vo9ywpkjelcln2puaent0pgtmyk9ac3tt6x5ch3l",
		"_dnslink.example.org":                                 "_dnslink.example.org", "localhost": "", "127.0.0.1": "", "a..b": "", "a b.c": "", "": "", strings.Repeat("a.", 200) + "b": "",
	} {
		got, err := parseName(in)
		if want == "" && !errors.Is(err, stream.ErrBadRoot) || want != "" && (err != nil || got != want) {
			t.Errorf("%q is %q, %v, want %q", in, got, err, want)
		}
	}
}

func TestGuardAllows(t *testing.T) {
	for in, want := range map[string]bool{
		"/ip4/8.8.8.8/tcp/1": true, "/ip6/2606:4700::1/tcp/1": true, "/dns4/example.org/tcp/1": true, "/ip6/64:ff9b::808:808/tcp/1": true,
		"/ip4/127.0.0.1/tcp/1": false, "/ip4/10.1.2.3/udp/1/quic-v1": false, "/ip4/192.168.0.1/tcp/1": false, "/ip4/169.254.1.1/tcp/1": false,
		"/ip4/100.64.0.1/tcp/1": false, "/ip4/0.0.0.0/tcp/1": false, "/ip4/224.0.0.1/udp/1": false, "/ip6/::1/tcp/1": false, "/ip6/fe80::1/tcp/1": false,
		"/ip6/fd00::1/tcp/1": false, "/ip6/::ffff:127.0.0.1/tcp/1": false, "/ip6/64:ff9b::7f00:1/tcp/1": false, "/ip6/2002:7f00:1::/tcp/1": false,
		"/ip6/2001:db8::1/tcp/1": false, "/dns/localhost/tcp/1": false, "/dns4/x.local/tcp/1": false, "/unix/a": false, "/ip4/198.18.0.1/tcp/1": false,
	} {
		m, err := multiaddr.NewMultiaddr(in)
		if err != nil {
			t.Fatalf("%s: %v", in, err)
		}
		if got := (guard{}).allowsAddr(m); got != want {
			t.Errorf("%s: %v", in, got)
		}
		if !(guard{allowLocal: true}).allowsAddr(m) {
			t.Errorf("%s is refused where all is allowed", in)
		}
	}
}

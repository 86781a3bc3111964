//go:build !noipfs

package app

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ipfs/go-cid"
	carv2 "github.com/ipld/go-car/v2"
	"github.com/multiformats/go-multibase"

	"github.com/zeronetscript/universal_p2p/stream"
	"github.com/zeronetscript/universal_p2p/stream/ipfs"
	"github.com/zeronetscript/universal_p2p/stream/ledger"
	"github.com/zeronetscript/universal_p2p/stream/store"
	"github.com/zeronetscript/universal_p2p/stream/web"
)

// A gatewayFront is the whole front, as the program has it, with the gateway behind it.
type gatewayFront struct {
	*gatewayContent
	port    string
	client  *http.Client
	history *ledger.Ledger
	gate    *ledger.Gate
	tagger  *ledger.Signer
	backend stream.Backend
	front   *web.Handler
}

// Names that the environment maps to content, as for all programs of IPFS.
const (
	siteDomain = "site.example.org"      // is site
	rootDomain = "a-listing.example.org" // is root
	keyDomain  = "key.example.org"       // is the name of root
)

const proxyHost = "proxy.example" // is given to IPFS by the config

func newGatewayFront(t testing.TB, change ...func(*web.Config)) *gatewayFront {
	f := &gatewayFront{gatewayContent: newGatewayContent(t)}
	t.(interface{ Setenv(string, string) }).Setenv("IPFS_NS_MAP", fmt.Sprintf("%s:/ipfs/%s,%s:/ipfs/%s,%s:/ipns/%s",
		siteDomain, f.site.Cid(), rootDomain, f.root.Cid(), keyDomain, f.name))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	f.must(err)
	_, f.port, _ = net.SplitHostPort(l.Addr().String())
	f.history, err = ledger.Open(t.TempDir(), ledger.Options{})
	f.must(err)
	t.Cleanup(func() { f.history.Close() })
	f.tagger, err = ledger.OpenSigner(filepath.Join(t.TempDir(), "key"))
	f.must(err)
	f.gate = ledger.NewGate(f.history, ledger.GateOptions{})
	cfg := web.Config{
		Addr: l.Addr().String(), Ledger: f.history, Gate: f.gate, Signer: f.tagger, Protocols: gatewayProtocols(t, f.gatewayContent),
		Home:     http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "the interface") }),
		Patience: 5 * time.Second, MediaPatience: 5 * time.Second,
	}
	for _, c := range change {
		c(&cfg)
	}
	f.backend = cfg.Protocols[0].Backend
	h := web.New(cfg)
	f.front = h
	srv := web.NewServer(h, nil)
	var wg sync.WaitGroup
	wg.Go(func() { srv.Serve(l) })
	tr := &http.Transport{DisableCompression: true, DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, l.Addr().String())
	}}
	f.client = &http.Client{Transport: tr, Timeout: 20 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	t.Cleanup(func() {
		tr.CloseIdleConnections()
		srv.Close()
		wg.Wait()
		h.Close()
	})
	return f
}

// gatewayProtocols are those of IPFS, on a node that has the content from a gateway on this computer.
func gatewayProtocols(t testing.TB, c *gatewayContent) []web.Protocol {
	source := c.serve()
	st, err := store.Open(t.TempDir(), store.Options{Quota: 1 << 30})
	c.must(err)
	t.Cleanup(func() { st.Close() })
	b, err := ipfs.New(ipfs.Config{Store: st, AllowLocalPeers: true, Routers: []string{source.URL}, Gateways: []string{source.URL}, GatewayHosts: []string{proxyHost}})
	c.must(err)
	t.Cleanup(func() { b.Close() })
	return []web.Protocol{{Name: "ipfs", Version: "v0", Backend: b}, {Name: "ipns", Version: "v0", Backend: b.Names()}}
}

// A gatewayAnswer is an answer with its body.
type gatewayAnswer struct {
	*http.Response
	body []byte
	err  error
}

// ask sends "GET host /path", the method being optional. A host that ends with a colon gets our port.
func (f *gatewayFront) ask(what string, header ...string) gatewayAnswer {
	f.t.Helper()
	parts := strings.SplitN(what, " ", 3)
	if len(parts) == 2 {
		parts = slices.Insert(parts, 0, "GET")
	}
	if strings.HasSuffix(parts[1], ":") {
		parts[1] += f.port
	}
	req, err := http.NewRequestWithContext(f.t.Context(), parts[0], "http://"+parts[1]+parts[2], nil)
	f.must(err)
	for _, h := range header {
		k, v, _ := strings.Cut(h, ": ")
		req.Header.Add(k, v)
	}
	res, err := f.client.Do(req)
	f.must(err)
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	return gatewayAnswer{res, data, err}
}

// A gatewayCase is a check of a gateway: what is asked for, and what the answer has to have.
type gatewayCase struct {
	ask    string
	header string // of the request, lines
	code   int
	want   map[string]string // of the answer: regular expressions of whole values; "" is absent
	body   any               // a string or bytes that it is, or a []string that it has; nil is anything
}

func (f *gatewayFront) check(cases []gatewayCase) {
	f.t.Helper()
	for _, c := range cases {
		var header []string
		if c.header != "" {
			header = strings.Split(c.header, "\n")
		}
		res := f.ask(c.ask, header...)
		if res.StatusCode != c.code || res.err != nil {
			f.t.Errorf("%s (%s): %s, want %d; %.200q %v", c.ask, c.header, res.Status, c.code, res.body, res.err)
			continue
		}
		for k, want := range c.want {
			got := strings.Join(res.Header.Values(k), ", ")
			if ok, err := regexp.MatchString("^(?:"+want+")$", got); !ok || err != nil {
				f.t.Errorf("%s (%s): %s is %q, want %s %v", c.ask, c.header, k, got, want, err)
			}
		}
		switch body := c.body.(type) {
		case string:
			if string(res.body) != body {
				f.t.Errorf("%s (%s): body %.200q, want %.200q", c.ask, c.header, res.body, body)
			}
		case []byte:
			if !bytes.Equal(res.body, body) {
				f.t.Errorf("%s (%s): %d bytes, want %d", c.ask, c.header, len(res.body), len(body))
			}
		case []string:
			for _, part := range body {
				without, not := strings.CutPrefix(part, "!")
				if strings.Contains(string(res.body), without) == not {
					f.t.Errorf("%s (%s): body has %q: %v; %s", c.ask, c.header, without, !not, res.body)
				}
			}
		}
	}
}

const (
	forever = "public, max-age=29030400, immutable"
	aWeek   = "public, max-age=604800, stale-while-revalidate=2678400"
)

func quoted(s any) string { return regexp.QuoteMeta(fmt.Sprint(s)) }

// TestGatewayPath: what https://specs.ipfs.tech/http-gateways/path-gateway/ says of files and folders.
func TestGatewayPath(t *testing.T) {
	f := newGatewayFront(t)
	root := "/ipfs/" + f.root.Cid().String()
	at := func(names ...string) (c cid.Cid, roots string) {
		node, list := f.root, []string{f.root.Cid().String()}
		for _, n := range names {
			link, _, err := node.ResolveLink([]string{n})
			f.must(err)
			node, err = f.dag.Get(t.Context(), link.Cid)
			f.must(err)
			list = append(list, link.Cid.String())
		}
		return node.Cid(), strings.Join(list, ",")
	}
	ascii, asciiRoots := at("ascii.txt")
	web, webRoots := at("web")
	_, polishRoots := at("ą", "ę")
	polish, _ := at("ą", "ę", "file-źł.txt")
	cors := map[string]string{
		"Access-Control-Allow-Origin": `\*`, "Access-Control-Allow-Methods": "GET, HEAD, OPTIONS",
		"Access-Control-Allow-Headers": ".*Content-Type.*Range.*User-Agent.*X-Requested-With.*", "Access-Control-Expose-Headers": ".*Content-Range.*Ipfs-Uri.*X-Ipfs-Roots.*",
	}
	const path = "127.0.0.1: "
	f.check([]gatewayCase{
		{path + root + "/ascii.txt", "", 200, map[string]string{"Content-Type": "text/plain.*", "Etag": quoted(`"` + ascii.String() + `"`), "Cache-Control": quoted(forever),
			"X-Ipfs-Path": quoted(root + "/ascii.txt"), "X-Ipfs-Roots": quoted(asciiRoots), "Ipfs-Uri": quoted("ipfs:/" + root[5:] + "/ascii.txt"), "Accept-Ranges": "bytes",
			"Content-Length": "31", "X-Content-Type-Options": "nosniff", "Set-Cookie": "", "Last-Modified": ""}, "hello application/vnd.ipld.car\n"},
		{"HEAD " + path + root + "/ascii.txt", "", 200, map[string]string{"Content-Length": "31", "Etag": quoted(`"` + ascii.String() + `"`)}, ""},
		{path + "/ipfs/" + identity, "", 200, cors, "hello\n"},
		{"OPTIONS " + path + "/ipfs/" + identity, "", 204, cors, ""},
		{"POST " + path + root + "/ascii.txt", "", 405, nil, nil},
		{"PUT " + path + root + "/ascii.txt", "", 405, nil, nil},
		{path + root + "/nothing", "", 404, nil, nil},
		{path + root + "/ascii.txt/below", "", 404, nil, nil},
		{path + "/ipfs/QmInvalid", "", 400, nil, []string{`invalid path "/ipfs/QmInvalid"`}},
		{path + "/ipfs/", "", 400, nil, nil},
		{path + "/ipfs/" + f.root.Cid().String()[:20], "", 400, nil, nil},
		// Folders.
		{path + root + "/", "", 200, map[string]string{"Content-Type": "text/html", "Cache-Control": quoted(aWeek), "Etag": `"DirIndex-.*_CID-` + f.root.Cid().String() + `"`},
			[]string{"Index of", "ascii.txt", "!" + `<a href="` + root + `/">..</a>`}},
		{path + root + "/%C4%85/%C4%99", "", 301, map[string]string{"Location": "(?i)" + quoted(root+"/%C4%85/%C4%99/")}, nil},
		{path + root + "/%C4%85/%C4%99/", "", 200, map[string]string{"X-Ipfs-Roots": quoted(polishRoots)}, []string{`<a href="` + root + `/%C4%85/%C4%99/..">..</a>`,
			`<a href="` + root + `/%C4%85/%C4%99/file-%C5%BA%C5%82.txt">file-źł.txt</a>`, `href="/ipfs/` + polish.String() + `?filename=file-%25C5%25BA%25C5%2582.txt"`}},
		{path + root + "/web/", "", 200, map[string]string{"Cache-Control": quoted(forever), "Etag": quoted(`"` + web.String() + `"`), "X-Ipfs-Roots": quoted(webRoots)},
			[]string{"<title>index</title>"}},
		{path + root + "/100%2525%20%C3%A9=", "", 200, nil, "odd"},
		{path + "/ipfs" + root, "", 301, map[string]string{"Location": quoted(root)}, nil},
		{path + "/ipfs/ipns/" + f.name.String(), "", 301, map[string]string{"Location": quoted("/ipns/" + f.name.String())}, nil},
		// What the client has already.
		{path + root + "/ascii.txt", `If-None-Match: "x", W/"` + ascii.String() + `"`, 304, map[string]string{"Etag": quoted(`"` + ascii.String() + `"`), "Cache-Control": quoted(forever)}, ""},
		{path + root + "/ascii.txt", `If-None-Match: *`, 304, nil, ""},
		{path + root + "/ascii.txt", `If-None-Match: "x"`, 200, nil, nil},
		{path + root + "/web/", `If-None-Match: "` + web.String() + `"`, 304, nil, ""},
		{path + root + "/", `If-None-Match: W/"` + f.root.Cid().String() + `"`, 304, nil, ""},
		{path + root + "/ascii.txt", "Cache-Control: only-if-cached", 200, nil, nil},
		{path + "/ipfs/QmYzfKSE55XCjD1MW128RfciAf2DViABhEiXfgVFMabSjN", "Cache-Control: only-if-cached", 412, nil, nil},
		{"HEAD " + path + "/ipfs/QmYzfKSE55XCjD1MW128RfciAf2DViABhEiXfgVFMabSjN", "Cache-Control: only-if-cached", 412, nil, ""},
		// Symlinks, folders in shards, both versions of CIDs.
		{path + "/ipfs/" + f.links.Cid().String() + "/bar", "", 200, map[string]string{"Content-Type": "inode/symlink"}, "foo"},
		{path + "/ipfs/" + f.shards.Cid().String() + "/77.txt", "", 200, nil, "number 77"},
		{path + "/ipfs/" + f.shards.Cid().String() + "/501.txt", "", 404, nil, nil},
		{path + "/ipfs/" + f.shards.Cid().String() + "/", "", 200, nil, []string{">0.txt<", ">79.txt<"}},
		{path + "/ipfs/" + f.oldFile.Cid().String(), "", 200, map[string]string{"Etag": quoted(`"` + f.oldFile.Cid().String() + `"`)}, f.long},
		{path + "/ipfs/" + f.longFile.Cid().String() + "?filename=a%20b%C3%A9.bin&download=true", "", 200,
			map[string]string{"Content-Disposition": quoted(`attachment; filename="a%20b_.bin"; filename*=UTF-8''a%20b%C3%A9.bin`)}, f.long},
		// Ranges.
		{path + root + "/long.bin", "Range: bytes=1000-1999", 206, map[string]string{"Content-Range": "bytes 1000-1999/3000", "Content-Length": "1000"}, f.long[1000:2000]},
		{path + root + "/long.bin", "Range: bytes=2990-", 206, map[string]string{"Content-Range": "bytes 2990-2999/3000"}, f.long[2990:]},
		{path + root + "/long.bin", "Range: bytes=-10", 206, map[string]string{"Content-Range": "bytes 2990-2999/3000"}, f.long[2990:]},
		{path + root + "/long.bin", "Range: bytes=-5000", 206, map[string]string{"Content-Range": "bytes 0-2999/3000"}, f.long},
		{path + root + "/long.bin", "Range: bytes=0-0", 206, map[string]string{"Content-Range": "bytes 0-0/3000"}, f.long[:1]},
		{path + root + "/long.bin", "Range: bytes=1-2,5-6", 206, map[string]string{"Content-Range": "bytes 1-2/3000"}, f.long[1:3]},
		{path + "/ipfs/" + f.oldFile.Cid().String(), "Range: bytes=257-300", 206, map[string]string{"Content-Range": "bytes 257-300/3000"}, f.long[257:301]},
		{path + root + "/long.bin", "Range: bytes=3000-", 416, map[string]string{"Content-Range": `bytes \*/3000`}, nil},
		{path + root + "/film.mp4", "Range: bytes=0-\nSec-Fetch-Dest: video", 206, map[string]string{"Content-Range": "bytes 0-2097151/4194304", "Content-Type": "video/mp4"}, nil},
		{path + root + "/film.mp4", "Range: bytes=4000000-\nSec-Fetch-Dest: video", 206, map[string]string{"Content-Range": "bytes 4000000-4194303/4194304"}, nil},
		{path + root + "/film.mp4", "Range: bytes=0-", 206, map[string]string{"Content-Range": "bytes 0-4194303/4194304"}, nil},
		{path + root + "/film.mp4", "Range: bytes=-3000000\nSec-Fetch-Dest: audio", 206, map[string]string{"Content-Length": "3000000"}, nil},
	})
}

// TestGatewayFormats: https://specs.ipfs.tech/http-gateways/trustless-gateway/, and the other formats that can be asked for.
func TestGatewayFormats(t *testing.T) {
	f := newGatewayFront(t)
	const path = "127.0.0.1: "
	root := "/ipfs/" + f.root.Cid().String()
	raw := func(c cid.Cid) []byte { return f.bytes(c) }
	ipnsPath := "/ipns/" + f.name.String()
	f.check([]gatewayCase{
		{path + root + "?format=raw", "", 200, map[string]string{"Content-Type": "application/vnd.ipld.raw", "X-Content-Type-Options": "nosniff", "Cache-Control": quoted(forever),
			"Etag": quoted(`"` + f.root.Cid().String() + `.raw"`), "Content-Disposition": "attachment; .*" + f.root.Cid().String() + ".bin.*"}, raw(f.root.Cid())},
		{path + root, "Accept: application/vnd.ipld.raw", 200, map[string]string{"Content-Location": quoted(root + "?format=raw")}, raw(f.root.Cid())},
		{path + root + "/long.bin?format=raw", "", 200, map[string]string{"X-Ipfs-Roots": ".*" + f.longFile.Cid().String()}, raw(f.longFile.Cid())},
		{path + root + "?format=raw", "If-None-Match: \"" + f.root.Cid().String() + ".raw\"", 304, nil, ""},
		{"HEAD " + path + root + "?format=raw", "", 200, map[string]string{"Content-Length": fmt.Sprint(len(raw(f.root.Cid())))}, ""},
		{path + "/ipfs/" + identity + "?format=raw", "", 200, nil, "hello\n"},
		{path + root + "?format=car&car-scope=x", "", 200, nil, nil},
		{path + root + "?format=car&dag-scope=x", "", 400, nil, nil},
		{path + root + "?format=car", "If-None-Match: *", 304, nil, ""},
		{path + root, "Accept: application/vnd.ipld.car; version=1; order=dfs; dups=y", 200,
			map[string]string{"Content-Type": quoted("application/vnd.ipld.car; version=1; order=dfs; dups=y"), "Accept-Ranges": "none", "Etag": `W/".*"`}, nil},
		{path + root, "Accept: application/vnd.ipld.car; version=2", 400, nil, nil},
		{path + root, "Accept: application/vnd.ipld.unknown", 400, nil, nil},
		// IPLD (IPIP-524: no conversion).
		{path + "/ipfs/" + f.json.String(), "", 200, map[string]string{"Content-Type": "application/vnd.ipld.dag-json"}, `{"hello":"world"}`},
		{path + "/ipfs/" + f.json.String() + "?format=dag-json", "", 200, nil, `{"hello":"world"}`},
		{path + "/ipfs/" + f.json.String() + "?format=dag-cbor", "", 406, nil, nil},
		{path + "/ipfs/" + f.cbor.String(), "Accept: application/vnd.ipld.dag-cbor", 200, nil, "\xa1\x65hello\x65world"},
		{path + "/ipfs/" + f.cbor.String(), "Accept: application/vnd.ipld.dag-json", 406, nil, nil},
		{path + "/ipfs/" + f.cbor.String() + "/", "Accept: text/html", 200, map[string]string{"Content-Type": "text/html"}, []string{f.cbor.String()}},
		{path + "/ipfs/" + f.cbor.String() + "?format=raw", "", 200, nil, "\xa1\x65hello\x65world"},
		{path + root + "?format=dag-json", "", 406, nil, nil},
		// Names and their records.
		{path + ipnsPath + "?format=ipns-record", "", 200, map[string]string{"Content-Type": "application/vnd.ipfs.ipns-record", "Cache-Control": "public, max-age=300",
			"Etag": ".+", "Content-Disposition": "attachment; .*ipns-record.*"}, f.record},
		{path + ipnsPath, "Accept: application/vnd.ipfs.ipns-record", 200, map[string]string{"Content-Location": quoted(ipnsPath + "?format=ipns-record")}, f.record},
		{"HEAD " + path + ipnsPath + "?format=ipns-record", "", 200, nil, ""},
		{path + ipnsPath + "/ascii.txt?format=ipns-record", "", 400, nil, nil},
		{path + ipnsPath + "/ascii.txt", "", 200, map[string]string{"Cache-Control": "public, max-age=[0-9]+", "X-Ipfs-Path": quoted(ipnsPath + "/ascii.txt"),
			"X-Ipfs-Roots": f.root.Cid().String() + ",.*", "Ipfs-Uri": quoted("ipns:/" + ipnsPath[5:] + "/ascii.txt")}, "hello application/vnd.ipld.car\n"},
		{path + "/ipns/" + f.name.Peer().String() + "/ascii.txt", "", 302, map[string]string{"Location": quoted(ipnsPath + "/ascii.txt")}, nil},
		{path + "/ipns/" + rootDomain + "/ascii.txt", "", 200, nil, "hello application/vnd.ipld.car\n"},
		{path + "/ipns/" + keyDomain + "/ascii.txt", "", 200, nil, "hello application/vnd.ipld.car\n"},
	})

	// A name that leads out of the folder that a tar is unpacked into.
	climbs := f.dir(map[string]any{"..": map[string]any{"..": map[string]any{"evil": "x"}}})
	if res := f.ask(path + "/ipfs/" + climbs.Cid().String() + "?format=tar"); !strings.Contains(string(res.body), "outside the root") || res.err != nil {
		t.Errorf("a tar that climbs: %s, %.300q, %v", res.Status, res.body, res.err)
	}
	res := f.ask(path + root + "/ascii.txt?format=tar")
	if res.StatusCode != 200 || res.Header.Get("Content-Type") != "application/x-tar" || !bytes.Contains(res.body, []byte("hello application/vnd.ipld.car\n")) || res.err != nil {
		t.Errorf("tar: %s %v, %d bytes %v", res.Status, res.Header, len(res.body), res.err)
	}
	for query, want := range map[string]int{
		"?format=car":                  f.countBlocks(f.shards.Cid()),
		"?format=car&dag-scope=entity": 0, "?format=car&dag-scope=block": 1, // a folder in shards is all its shards
		"/77.txt?format=car&dag-scope=block": 0,
	} {
		res := f.ask(path + "/ipfs/" + f.shards.Cid().String() + query)
		got := carBlocks(t, res.body)
		if res.StatusCode != 200 || got[0] != f.shards.Cid() || want > 0 && len(slices.Compact(got)) != want || want == 0 && (len(got) < 2 || len(got) > 500) {
			t.Errorf("%s: %s, %d blocks, want %d", query, res.Status, len(got), want)
		}
	}
	// A part of a file: its node, and the leaves that have it.
	res = f.ask(path + root + "/long.bin?format=car&dag-scope=entity&entity-bytes=1024:1279")
	if got := carBlocks(t, res.body); len(got) >= f.countBlocks(f.longFile.Cid()) || !slices.Contains(got, f.longFile.Cid()) {
		t.Errorf("a part of a file: %d blocks", len(got))
	}
}

func (f *gatewayFront) countBlocks(c cid.Cid) int {
	node, err := f.dag.Get(f.t.Context(), c)
	f.must(err)
	n := 1
	for _, l := range node.Links() {
		n += f.countBlocks(l.Cid)
	}
	return n
}

// carBlocks lists the blocks of a CAR, each of which has to be what its CID says.
func carBlocks(t *testing.T, data []byte) (list []cid.Cid) {
	t.Helper()
	r, err := carv2.NewBlockReader(bytes.NewReader(data))
	if err != nil {
		t.Fatalf("%v: %.100q", err, data)
	}
	for {
		b, err := r.Next()
		if err == io.EOF {
			return list
		}
		if err != nil {
			t.Fatal(err)
		}
		sum, err := b.Cid().Prefix().Sum(b.RawData())
		if err != nil || sum != b.Cid() {
			t.Errorf("block %s is %s, %v", b.Cid(), sum, err)
		}
		list = append(list, b.Cid())
	}
}

// TestGatewayProxy: a client that takes us for its proxy gets what we have, and no tunnel.
func TestGatewayProxy(t *testing.T) {
	f := newGatewayFront(t)
	proxy := &http.Transport{Proxy: func(*http.Request) (*url.URL, error) { return url.Parse("http://127.0.0.1:" + f.port) }}
	defer proxy.CloseIdleConnections()
	client := &http.Client{Transport: proxy, Timeout: 20 * time.Second, CheckRedirect: f.client.CheckRedirect}
	v1 := f.root.Cid().String()
	for _, tt := range []struct {
		url  string
		code int
	}{
		{"http://" + v1 + ".ipfs.localhost:" + f.port + "/ipfs/file.txt", 200}, {"http://localhost:" + f.port + "/ipfs/" + v1 + "/", 301},
		{"http://other.example/ipfs/" + v1, 421}, {"http://other.example/", 421},
	} {
		res, err := client.Get(tt.url)
		f.must(err)
		res.Body.Close()
		if res.StatusCode != tt.code {
			t.Errorf("%s: %s, want %d", tt.url, res.Status, tt.code)
		}
	}
	if res, err := client.Get("https://" + v1 + ".ipfs.localhost:" + f.port + "/"); err == nil {
		res.Body.Close()
		t.Errorf("a tunnel: %s", res.Status)
	}
}

// TestGatewaySubdomain: https://specs.ipfs.tech/http-gateways/subdomain-gateway/, the file _redirects, and DNSLinks.
func TestGatewaySubdomain(t *testing.T) {
	f := newGatewayFront(t)
	v1 := f.root.Cid().String()
	on := func(label, ns string) string { return label + "." + ns + ".localhost: " }
	home := on(v1, "ipfs")
	site := on(f.site.Cid().String(), "ipfs")
	to := func(label, ns, path string) map[string]string {
		return map[string]string{"Location": quoted("http://" + label + "." + ns + ".localhost:" + f.port + path), "Cache-Control": "no-store"}
	}
	const shared = "localhost: "
	old := cid.NewCidV1(cid.DagProtobuf, f.oldFile.Cid().Hash()).String()
	asPB, err := cid.NewCidV1(cid.DagProtobuf, f.name.Cid().Hash()).StringOfBase(multibase.Base36)
	f.must(err)
	tooLong := cid.NewCidV1(cid.Raw, mustSum512(f)).String()
	f.check([]gatewayCase{
		{shared + "/ipfs/" + v1 + "/", "", 301, to(v1, "ipfs", "/"), nil},
		{shared + "/ipfs/" + v1 + "/100%2525%20%C3%A9=", "", 301, to(v1, "ipfs", "/100%2525%20%C3%A9="), nil},
		{shared + "/ipfs/" + v1 + "/a?b=c", "", 301, to(v1, "ipfs", "/a?b=c"), nil},
		{shared + "/ipfs/" + f.oldFile.Cid().String(), "", 301, to(old, "ipfs", "/"), nil},
		{shared + "/ipfs/" + v1 + "/", "X-Forwarded-Proto: https", 301, map[string]string{"Location": quoted("https://" + v1 + ".ipfs.localhost:" + f.port + "/")}, nil},
		{shared + "/ipfs/" + v1 + "/", "X-Forwarded-Host: evil.example", 301, to(v1, "ipfs", "/"), nil},
		{shared + "/ipfs/QmInvalid", "", 400, map[string]string{"Content-Security-Policy": "sandbox;.*"}, []string{`invalid path "/ipfs/QmInvalid"`}},
		{shared + "/ipfs/" + tooLong, "", 400, nil, []string{"CID incompatible with DNS label length limit of 63"}},
		{on(tooLong, "ipfs") + "/", "", 400, nil, []string{"CID incompatible with DNS label length limit of 63"}},
		{shared + "/ipfs/?uri=ipfs%3A%2F%2F" + v1 + "%2Fwiki%2Fa.html", "", 301, map[string]string{"Location": quoted("/ipfs/" + v1 + "/wiki/a.html")}, nil},
		{shared + "/ipns/?uri=ipns%3A%2F%2F" + siteDomain, "", 301, map[string]string{"Location": quoted("/ipns/" + siteDomain)}, nil},
		{shared + "/ipns/" + f.name.Peer().String(), "", 301, to(f.name.String(), "ipns", "/"), nil},
		{shared + "/ipns/" + rootDomain + "/wiki/", "", 301, to("a--listing-example-org", "ipns", "/wiki/"), nil},
		{shared + "/", "", 200, nil, "the interface"},
		// On the host of a root.
		{home + "/ascii.txt", "", 200, map[string]string{"X-Ipfs-Path": quoted("/ipfs/" + v1 + "/ascii.txt"), "Etag": `".+"`}, "hello application/vnd.ipld.car\n"},
		{home + "/", "", 200, nil, []string{"Index of", `href="//localhost:` + f.port + `/ipfs/` + v1 + `">`, `!<a href="/">..</a>`, `<a href="/ipfs">ipfs</a>`}},
		{home + "/%C4%85/%C4%99", "", 301, map[string]string{"Location": "(?i)" + quoted("/%C4%85/%C4%99/")}, nil},
		{home + "/ipfs/file.txt", "", 200, nil, "I am a txt file"},
		{home + "/ipfs/ipns/bar", "", 200, nil, "text-file-content"},
		{home + "/ipfs/ipns/", "", 200, nil, []string{`<a href="/ipfs/ipns/..">..</a>`, `<a href="/ipfs/ipns/bar">bar</a>`}},
		{home + "/ipfs/" + v1, "", 404, nil, nil},
		{home + "/api/v0/ping", "", 404, nil, nil},
		{home + "/web/", "", 200, nil, []string{"<title>index</title>"}},
		{home + "/?format=raw", "", 200, nil, f.bytes(f.root.Cid())},
		{strings.ToUpper(on(v1, "ipfs")) + "/ascii.txt", "", 200, nil, nil},
		{on(f.name.String(), "ipns") + "/ascii.txt", "", 200, map[string]string{"Cache-Control": "public, max-age=[0-9]+"}, "hello application/vnd.ipld.car\n"},
		{on(asPB, "ipns") + "/", "", 301, map[string]string{"Location": quoted("http://" + f.name.String() + ".ipns.localhost:" + f.port + "/")}, nil},
		{on("a--listing-example-org", "ipns") + "/ascii.txt", "", 200, map[string]string{"X-Ipfs-Path": quoted("/ipns/" + rootDomain + "/ascii.txt")}, "hello application/vnd.ipld.car\n"},
		{on(rootDomain, "ipns") + "/ascii.txt", "", 200, nil, "hello application/vnd.ipld.car\n"},
		// _redirects.
		{site + "/redirect-one", "", 301, map[string]string{"Location": "/one.html"}, nil},
		{site + "/302-redirect-two", "", 302, map[string]string{"Location": "/two.html"}, nil},
		{site + "/200-index", "", 200, nil, "my index"},
		{site + "/posts/2022/01/01/hello", "", 301, map[string]string{"Location": "/articles/2022/01/01/hello"}, nil},
		{site + "/splat/one.html", "", 301, map[string]string{"Location": "/redirected-splat/one.html"}, nil},
		{site + "/not-found/x", "", 404, map[string]string{"Cache-Control": quoted(forever)}, "my 404"},
		{site + "/gone/x", "", 410, nil, "my 410"},
		{site + "/unavail/x", "", 451, nil, "my 451"},
		{site + "/catch-all", "", 200, nil, "my index"},
		{site + "/one.html", "", 200, nil, "my one"},
		{"127.0.0.1: /ipfs/" + f.site.Cid().String() + "/redirect-one", "", 404, nil, []string{"!my 404"}},
		{on(f.plainSite.Cid().String(), "ipfs") + "/nothing", "", 500, nil, []string{"could not parse _redirects:", `forced redirects (or "shadowing") are not supported`}},
		{on(f.siteName.String(), "ipns") + "/redirect-one", "", 301, map[string]string{"Location": "/one.html"}, nil},
		// As a proxy that is given whole URLs would be asked; the Host is what counts.
		{on(v1, "ipfs") + "/ipfs/file.txt", "Proxy-Connection: keep-alive", 200, nil, "I am a txt file"},
		// Hosts that the environment has given to IPFS.
		{siteDomain + " /redirect-one", "", 301, map[string]string{"Location": "/one.html"}, nil},
		{siteDomain + " /not-found/x", "", 404, map[string]string{"Cache-Control": "(?:|public, max-age=[0-9]+)"}, "my 404"},
		{siteDomain + ": /one.html", "", 200, nil, "my one"},
		{rootDomain + " /%C4%85/%C4%99/", "", 200, map[string]string{"Etag": `"DirIndex-.*`},
			[]string{"Index of", `<a href="/%C4%85/%C4%99/..">..</a>`, `/ipns/<a href="//` + rootDomain + `/">` + rootDomain + `</a>`, `href="https://cid.ipfs.tech/#`}},
		{keyDomain + " /ascii.txt", "", 200, nil, "hello application/vnd.ipld.car\n"},
		{proxyHost + " /ipfs/" + v1 + "/ascii.txt", "", 200, map[string]string{"Content-Security-Policy": "sandbox;.*"}, "hello application/vnd.ipld.car\n"},
		{proxyHost + " /ipfs/" + v1, "X-Forwarded-Host: localhost:" + f.port, 301, map[string]string{"Location": quoted("http://" + v1 + ".ipfs.localhost:" + f.port + "/")}, nil},
		{proxyHost + " /ipfs/" + v1, "X-Forwarded-Host: localhost:" + f.port + "\nX-Forwarded-Proto: https", 301,
			map[string]string{"Location": quoted("https://" + v1 + ".ipfs.localhost:" + f.port + "/")}, nil},
		{proxyHost + " /ipns/" + f.name.String() + "/ascii.txt", "", 200, nil, nil},
		{proxyHost + " /api/v0/ping", "", 400, nil, []string{"unknown namespace"}},
		{"other.example /ipfs/" + v1, "", 421, nil, ""},
		{"other.example: /ipfs/" + v1, "X-Forwarded-Host: localhost:" + f.port, 421, nil, ""},
		{siteDomain + " /", "X-Forwarded-Host: localhost:" + f.port, 404, nil, nil},
		{siteDomain + " /ipfs/" + v1, "X-Forwarded-Host: localhost:" + f.port, 301, map[string]string{"Location": quoted("http://" + v1 + ".ipfs.localhost:" + f.port + "/")}, nil},
	})
}

func mustSum512(f *gatewayFront) []byte {
	h, err := cid.V1Builder{Codec: cid.Raw, MhType: 0x13}.Sum([]byte("hello"))
	f.must(err)
	return h.Hash()
}

package stream_test

import (
	"errors"
	"io/fs"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/zeronetscript/universal_p2p/stream"
)

const hash = "0123456789abcdef0123456789abcdef01234567"

func TestParsePath(t *testing.T) {
	req := func(root, path string) stream.Request {
		return stream.Request{Protocol: "bittorrent", Version: "v0", Command: "stream", Root: root, Path: path}
	}
	const pre = "/bittorrent/v0/stream/"
	tests := []struct {
		escaped string
		want    stream.Request
	}{
		{pre + hash, req(hash, "")},
		{pre + hash + "/", req(hash, "")},
		{pre + hash + "/a.mp4", req(hash, "a.mp4")},
		{pre + hash + "/d/a.zip/1.jpg", req(hash, "d/a.zip/1.jpg")},
		{pre + hash + "/d/", req(hash, "d")},
		{pre + hash + "/a%20b%23%3F%25+c", req(hash, "a b#?%+c")}, // a plus is a plus in a path
		{pre + hash + "/%D0%BC%D0%B8%D1%80", req(hash, "мир")},
		{pre + hash + "/%ff", req(hash, "\xff")},              // an old name
		{pre + hash + "/%2525", req(hash, "%25")},             // unescaped once
		{pre + hash + "/%252e%252e/x", req(hash, "%2e%2e/x")}, // unescaped once
		{pre + hash + "/.../..a/a..", req(hash, ".../..a/a..")},
		{pre + hash + `/a%5Cb`, req(hash, `a\b`)},
		{pre + "magnet:%3Fxt=urn:btih:" + hash + "&tr=http%3A%2F%2Ft%2Fannounce/x",
			req("magnet:?xt=urn:btih:"+hash+"&tr=http://t/announce", "x")},
		{"/ipfs/v0/files/Qm1", stream.Request{Protocol: "ipfs", Version: "v0", Command: "files", Root: "Qm1"}},
	}
	for _, tt := range tests {
		got, err := stream.ParsePath(tt.escaped)
		if err != nil || got != tt.want {
			t.Errorf("ParsePath(%q) = %+v, %v, want %+v", tt.escaped, got, err, tt.want)
			continue
		}
		if again, err := stream.ParsePath(got.EscapedPath()); err != nil || again != got {
			t.Errorf("ParsePath(%q) = %+v, %v, want %+v again", got.EscapedPath(), again, err, got)
		}
	}
}

func TestParsePathBad(t *testing.T) {
	const pre = "/bittorrent/v0/stream/" + hash
	for _, escaped := range []string{
		"", "/", "//", "*",
		"bittorrent/v0/stream/" + hash,
		"/bittorrent", "/bittorrent/v0", "/bittorrent/v0/stream", "/bittorrent/v0/stream/",
		"//v0/stream/" + hash,
		"/BitTorrent/v0/stream/" + hash,
		"/bit%2Ftorrent/v0/stream/" + hash,
		"/bittorrent/v0/stream%00/" + hash,
		"/bittorrent/v0/../stream/" + hash,
		"/bittorrent/v0/stream/%00",
		"/bittorrent/v0/stream/%ff",
		"/bittorrent/v0/stream/%zz",
		pre + "/..", pre + "/.", pre + "/%2e%2e", pre + "/%2E", pre + "/a/../b", pre + "/a/%2e%2e/b",
		pre + "/a%2Fb", pre + "/..%2F..%2Fetc", pre + "/%2e%2e%2f",
		pre + "/a%00b", pre + "/%", pre + "/a%4",
		pre + "//a", pre + "/a//b", pre + "/a//", pre + "//",
		pre + "/" + strings.Repeat("a", 16<<10),
	} {
		if got, err := stream.ParsePath(escaped); !errors.Is(err, stream.ErrBadPath) {
			t.Errorf("ParsePath(%.80q) = %+v, %v, want ErrBadPath", escaped, got, err)
		}
	}
}

func TestValidPath(t *testing.T) {
	for path, want := range map[string]bool{
		"a": true, "a/b": true, `a\b`: true, "..a": true, "é": true,
		"": false, ".": false, "..": false, "/a": false, "a/": false, "a//b": false, "a/../b": false, "a\x00": false, "\xff": false,
	} {
		if got := stream.ValidPath(path); got != want {
			t.Errorf("ValidPath(%q) = %v", path, got)
		}
	}
}

func TestCanLookUp(t *testing.T) {
	for path, want := range map[string]bool{
		"a": true, "a/b": true, "é": true, "\xff": true, "a/\x83\x65.txt": true, "\xff/\xfe": true,
		"": false, ".": false, "..": false, "/\xff": false, "\xff/": false, "a//\xff": false, "\xff/../b": false, "\xff\x00": false, "./\xff": false,
	} {
		if got := stream.CanLookUp(path); got != want {
			t.Errorf("CanLookUp(%q) = %v", path, got)
		}
	}
}

func FuzzParsePath(f *testing.F) {
	f.Add("/bittorrent/v0/stream/" + hash + "/d/a.zip/1.jpg")
	f.Add("/bittorrent/v0/stream/magnet:%3Fxt=urn:btih:" + hash + "/%2e%2e/")
	f.Fuzz(func(t *testing.T, escaped string) {
		req, err := stream.ParsePath(escaped)
		if err != nil {
			if !errors.Is(err, stream.ErrBadPath) || req != (stream.Request{}) {
				t.Fatalf("got %+v, %v", req, err)
			}
			return
		}
		if req.Protocol == "" || req.Version == "" || req.Command == "" || req.Root == "" {
			t.Fatalf("empty part in %+v", req)
		}
		// Nothing but ValidPath may come out of UTF-8, and no element may have come in by an escape.
		if req.Path != "" && utf8.ValidString(req.Path) && (!stream.ValidPath(req.Path) || !fs.ValidPath(req.Path)) {
			t.Fatalf("path %q", req.Path)
		}
		if req.Path != "" && !stream.CanLookUp(req.Path) {
			t.Fatalf("path %q leads nowhere", req.Path)
		}
		if got, want := strings.Count(req.Path, "/"), strings.Count(strings.TrimSuffix(escaped, "/"), "/")-5; req.Path != "" && got != want {
			t.Fatalf("%d slashes in %q, want %d", got, req.Path, want)
		}
		again, err := stream.ParsePath(req.EscapedPath())
		if err != nil || again != req {
			t.Fatalf("round trip of %+v: %+v, %v", req, again, err)
		}
		u, err := url.Parse("http://127.0.0.1:7788" + req.EscapedPath())
		if err != nil || u.EscapedPath() != req.EscapedPath() {
			t.Fatalf("%q does not stand in a URL: %v", req.EscapedPath(), err)
		}
	})
}

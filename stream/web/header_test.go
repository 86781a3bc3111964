package web

import (
	"mime"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/zeronetscript/universal_p2p/stream"
)

func TestFileName(t *testing.T) {
	for name, want := range map[string]string{
		"a.mp4":                     "a.mp4",
		"d/e/a b.mp4":               "a b.mp4",
		"мир.srt":                   "мир.srt",
		`a\b:c*d?e"f<g>h|i.txt`:     "a_b_c_d_e_f_g_h_i.txt",
		"photo\u202egpj.exe":        "photogpj.exe",
		"a\x00\r\n\x1b[31m\x7f.txt": "a[31m.txt",
		"a\u2028b\u2029c\u200b.txt": "abc.txt",
		"bad\xff.txt":               "bad_.txt",
		"..hidden. .":               "hidden",
		".":                         "file",
		"...":                       "file",
		"\u200b":                    "file",
		"con":                       "_con",
		"Aux.tar.gz":                "_Aux.tar.gz",
		"COM7.txt":                  "_COM7.txt",
		"com.txt":                   "com.txt",
		"console.log":               "console.log",
	} {
		if got := fileName(name); got != want {
			t.Errorf("fileName(%q) = %q, want %q", name, got, want)
		}
	}
	long := fileName(strings.Repeat("é", 300) + ".mp4")
	if len(long) > 200 || !strings.HasSuffix(long, "é.mp4") || !utf8.ValidString(long) {
		t.Errorf("a long name is %d bytes, %q", len(long), long)
	}
	if long := fileName("a." + strings.Repeat("x", 300)); len(long) > 200 {
		t.Errorf("a long extension leaves %d bytes", len(long))
	}
}

func FuzzDisposition(f *testing.F) {
	f.Add("d/мир 100%.mp4")
	f.Add("a\"; filename=\"b.exe\r\nSet-Cookie: x=y")
	f.Fuzz(func(t *testing.T, name string) {
		got := disposition("inline", name)
		for _, c := range []byte(got) {
			if c < ' ' || c > '~' {
				t.Fatalf("%q has a byte that no header may have", got)
			}
		}
		kind, params, err := mime.ParseMediaType(got)
		if err != nil || kind != "inline" || len(params) != 1 || params["filename"] != fileName(name) {
			t.Fatalf("%q is %q, %v, %v; want the name %q", got, kind, params, err, fileName(name))
		}
		if strings.ContainsAny(params["filename"], "/\\\x00\r\n\"") || params["filename"] == "" || len(params["filename"]) > 210 {
			t.Fatalf("%q gives the name %q", name, params["filename"])
		}
	})
}

func TestTypeOf(t *testing.T) {
	for path, want := range map[string]contentType{
		"a.mp4":         {"video/mp4", video},
		"A.MP4":         {"video/mp4", video},
		"a.b.mkv":       {"video/matroska", video},
		"a.webm":        {"video/webm", video},
		"a.ts":          {"video/mp2t", video},
		"a.mp3":         {"audio/mpeg", audio},
		"a.opus":        {"audio/ogg", audio},
		"a.flac":        {"audio/flac", audio},
		"a.jpg":         {"image/jpeg", image},
		"a.avif":        {"image/avif", image},
		"a.svg":         {"image/svg+xml", document},
		"a.html":        {"text/html; charset=utf-8", document},
		"a.js":          {"text/plain; charset=utf-8", document},
		"a.css":         {"text/plain; charset=utf-8", document},
		"a.xml":         {"text/plain; charset=utf-8", document},
		"a.xhtml":       {"text/plain; charset=utf-8", document},
		"a.pdf":         {"application/pdf", document},
		"a.vtt":         {"text/vtt; charset=utf-8", document},
		"a.tar.gz":      {"application/gzip", document},
		"a.exe":         {"application/octet-stream", document},
		"a.swf":         {"application/octet-stream", document},
		"a.wasm":        {"application/octet-stream", document},
		"a":             {"application/octet-stream", document},
		"a.":            {"application/octet-stream", document},
		"":              {"application/octet-stream", document},
		"mp4":           {"application/octet-stream", document},
		"d.mp4/readme":  {"application/octet-stream", document},
		"d.mp4/.txt":    {"text/plain; charset=utf-8", document},
		"a.mp4\x00.txt": {"text/plain; charset=utf-8", document},
	} {
		if got := typeOf(path); got != want {
			t.Errorf("typeOf(%q) = %v, want %v", path, got, want)
		}
	}
}

// TestTypesAreSafe goes through every extension of up to 3 letters and some longer ones: media are never text, code never runs, and every type can be
// parsed.
func TestTypesAreSafe(t *testing.T) {
	letters := "abcdefghijklmnopqrstuvwxyz0123456789"
	known := 0
	var try func(ext string)
	try = func(ext string) {
		typ := typeOf("x." + ext)
		kind, _, err := mime.ParseMediaType(typ.mime)
		if err != nil {
			t.Errorf("%s: %q: %v", ext, typ.mime, err)
		}
		if kind != "application/octet-stream" {
			known++
		}
		switch {
		case typ.harmless() && (strings.HasPrefix(kind, "text/") || strings.Contains(kind, "xml")):
			t.Errorf("%s is %q without a sandbox", ext, kind)
		case strings.Contains(kind, "javascript") || strings.Contains(kind, "ecmascript") || kind == "text/css" || kind == "application/wasm":
			t.Errorf("%s is %q, which runs", ext, kind)
		}
		if len(ext) < 3 {
			for _, c := range letters {
				try(ext + string(c))
			}
		}
	}
	for _, ext := range []string{"", "html", "xhtml", "shtml", "mhtml", "svgz", "json", "wasm", "webp", "jpeg", "webm", "jsonld", "swf"} {
		try(ext)
	}
	if known < 150 {
		t.Errorf("only %d extensions are known", known)
	}
}

func TestEtag(t *testing.T) {
	a := stream.Request{Protocol: "a", Version: "v0"}
	b := stream.Request{Protocol: "b", Version: "v0"}
	tags := map[string]bool{etag(a, "x", "y"): true, etag(b, "x", "y"): true, etag(a, "z", "y"): true, etag(a, "x", "z"): true,
		etag(a, "x/y", "z"): true, etag(a, "x", "y/z"): true}
	if len(tags) != 6 {
		t.Errorf("other content has the same tag: %v", tags)
	}
}

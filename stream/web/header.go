package web

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"path"
	"strconv"
	"strings"
	"unicode"

	"github.com/zeronetscript/universal_p2p/stream"
)

// An answer is what is said about a file before its bytes.
type answer struct {
	path       string // of the file in its tree
	size       int64  // of the file
	tag        string
	code       int
	part       span   // what is sent
	unverified bool   // bytes may be sent that are not verified yet
	renamed    bool   // the address can stand for something else the next time
	policy     string // of the website that it is part of, or "" for content that can do nothing
}

// hasBody reports whether bytes of the file go with the answer.
func (a *answer) hasBody(method string) bool {
	return method == http.MethodGet && a.part.n > 0 && a.code != http.StatusNotModified
}

// immutable is for content that has been verified: a year is as long as it gets (RFC 8246).
const immutable = "private, max-age=31536000, immutable"

func (a *answer) writeHeader(w http.ResponseWriter) {
	header := w.Header()
	typ := typeOf(a.path)
	if a.policy != "" {
		typ = websiteType(a.path)
	}
	describe(header, typ)
	if a.policy != "" {
		header.Set("Content-Security-Policy", a.policy)
	}
	header.Set("Content-Disposition", disposition("inline", a.path))
	header.Set("Accept-Ranges", "bytes")
	header.Set("Etag", a.tag)
	switch {
	case a.unverified:
		header.Set("Cache-Control", "no-store")
	case a.renamed:
		header.Set("Cache-Control", "private, no-cache") // kept, and asked for again by its tag
	default:
		header.Set("Cache-Control", immutable)
	}
	if a.code == http.StatusPartialContent {
		header.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", a.part.off, a.part.off+a.part.n-1, a.size))
	}
	if a.code != http.StatusNotModified {
		header.Set("Content-Length", strconv.FormatInt(a.part.n, 10))
	}
	w.WriteHeader(a.code)
}

// describe sets the header fields of everything that comes from the networks.
func describe(header http.Header, typ contentType) {
	crossOrigin(header)
	header.Set("Content-Type", typ.mime)
	switch {
	case !typ.harmless():
		header.Set("Content-Security-Policy", sandbox)
	case typ.kind == video || typ.kind == audio:
		header.Set("Content-Security-Policy", unframed)
	}
}

// unframed keeps what fetches media by itself, a page of ours or the one that a browser makes around a film, out of the pages of
// others: a browser says that we ask then, and it would count as what the user has opened.
const unframed = "frame-ancestors 'none'"

// sandbox lets a document be shown and nothing more: no script, no form, no frame, an origin of its own that owns nothing, and
// no word to anyone about who looks at it. Sound, film and raster images go without: a browser that opens one of them by
// itself makes a page around it, and Chromium plays no film in a sandbox.
const sandbox = "sandbox; default-src 'none'; img-src 'self' data:; media-src 'self' data:; style-src 'unsafe-inline'; " +
	"base-uri 'none'; form-action 'none'"

// crossOrigin lets any page use the answer as what its type says, and read it. It is public content.
func crossOrigin(header http.Header) {
	header.Set("Access-Control-Allow-Origin", "*")
	header.Set("Access-Control-Expose-Headers", "Content-Length, Content-Range, Accept-Ranges")
	header.Set("Cross-Origin-Resource-Policy", "cross-origin")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
}

// etag returns the strong entity tag of a file: id is the canonical name of content that never changes, and path a file in it.
// Between them stands what neither can hold: a root may have slashes.
func etag(req stream.Request, id, path string) string {
	sum := sha256.Sum256([]byte(req.Protocol + "/" + req.Version + "\x00" + id + "\x00" + path))
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:15]) + `"`
}

// disposition returns a Content-Disposition with the last element of the path as the name to save under (RFC 6266). Only the
// form of RFC 8187 is given, which every browser of today knows.
func disposition(kind, name string) string {
	var b strings.Builder
	b.WriteString(kind)
	b.WriteString("; filename*=UTF-8''")
	for _, c := range []byte(fileName(name)) {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("!#$&+-.^_`|~", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// fileName makes a name that can be saved on any system and reads as what it is: nothing that steers a terminal, turns the
// direction of writing around ("gpj.exe"), or means something to a file system.
func fileName(name string) string {
	name = strings.Map(func(c rune) rune {
		if c == unicode.ReplacementChar || strings.ContainsRune(`\/:*?"<>|`, c) {
			return '_'
		}
		return c
	}, printable(path.Base(name)))
	const most = 200 // bytes; file systems take 255
	if ext := path.Ext(name); len(name) > most && len(ext) < 20 {
		name = strings.ToValidUTF8(name[:most-len(ext)], "") + ext
	} else if len(name) > most {
		name = strings.ToValidUTF8(name[:most], "")
	}
	name = strings.TrimLeft(strings.TrimRight(name, " ."), " .")
	if stem, _, _ := strings.Cut(strings.ToLower(name), "."); isDevice(stem) {
		name = "_" + name
	}
	if name == "" {
		return "file"
	}
	return name
}

// printable leaves out what is not seen and can make a text look like another one: what turns the direction of writing, controls.
func printable(s string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsControl(c) || unicode.Is(unicode.Cf, c) || unicode.Is(unicode.Zl, c) || unicode.Is(unicode.Zp, c) {
			return -1
		}
		return c
	}, s)
}

// isDevice reports whether Windows takes the name for a device, whatever its extension
// (https://learn.microsoft.com/en-us/windows/win32/fileio/naming-a-file).
func isDevice(stem string) bool {
	switch stem {
	case "con", "prn", "aux", "nul":
		return true
	}
	return len(stem) == 4 && (strings.HasPrefix(stem, "com") || strings.HasPrefix(stem, "lpt")) && stem[3] >= '0' && stem[3] <= '9'
}

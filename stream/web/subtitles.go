package web

import (
	"bytes"
	"html"
	"io"
	"net/http"
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/zeronetscript/universal_p2p/stream"
)

// maxSubtitles is the biggest subtitle file that is converted, in bytes: a film has about 100 KB.
const maxSubtitles = 8 << 20

// isSubtitleOf reports whether a file holds subtitles for a film: it lies in the same folder and begins with the film's name, or is
// alone with it in being there, or lies in a folder of subtitles beside it.
func isSubtitleOf(name, film string) bool {
	switch extension(name) {
	case "srt", "vtt":
	default:
		return false
	}
	if typeOf(film).kind != video {
		return false
	}
	dir, home := parent(name), parent(film)
	if dir == home {
		return true
	}
	inside, ok := strings.CutPrefix(dir, home)
	if !ok || home != "" && !strings.HasPrefix(inside, "/") {
		return false
	}
	first, deeper, _ := strings.Cut(strings.ToLower(strings.TrimPrefix(inside, "/")), "/")
	switch first {
	case "subs", "sub", "subtitles", "subtitle":
		// Packs of a series have a folder for each film there.
		return deeper == "" || deeper == strings.ToLower(strings.TrimSuffix(path.Base(film), path.Ext(film)))
	}
	return false
}

// subtitles answers a request for a subtitle file with "as=vtt": as WebVTT in UTF-8, which is what browsers show.
func (h *Handler) subtitles(v *visit, w http.ResponseWriter, r *http.Request, file stream.File) error {
	if file.Size() > maxSubtitles {
		return errTooMuch
	}
	switch extension(file.Path()) {
	case "srt", "vtt":
	default:
		return errNotSubtitles
	}
	body, err := file.Open(v.ctx)
	if err != nil {
		return err
	}
	defer body.Close()
	data, err := io.ReadAll(io.LimitReader(body, maxSubtitles+1))
	if err != nil {
		return err
	}
	text := decodeSubtitles(data, file.Path())
	if extension(file.Path()) == "srt" {
		text = srtToVTT(text)
	} else if !strings.HasPrefix(text, "WEBVTT") {
		text = "WEBVTT\n\n" + text
	}
	header := w.Header()
	describe(header, typeOf("a.vtt"))
	header.Set("Content-Disposition", disposition("inline", strings.TrimSuffix(file.Path(), path.Ext(file.Path()))+".vtt"))
	header.Set("Content-Length", strconv.Itoa(len(text)))
	header.Set("Cache-Control", "private, max-age=86400") // the file never changes, the conversion may get better
	if r.Method == http.MethodHead {
		return nil
	}
	if err := newSink(w, h.cfg.StallLimit).write([]byte(text), false); err != nil {
		h.cut(r, err, 0)
	}
	v.access.Sent(int64(len(text)))
	return nil
}

// srtTime is the line of a SubRip cue that says when it is shown. There is no standard: players take a dot for the comma, and
// hours and digits may be missing.
var srtTime = regexp.MustCompile(`^\s*(?:(\d{1,4}):)?(\d{1,2}):(\d{1,2})(?:[,.](\d{1,3}))?\s*-->\s*(?:(\d{1,4}):)?(\d{1,2}):(\d{1,2})(?:[,.](\d{1,3}))?`)

// srtToVTT converts SubRip subtitles to WebVTT (https://www.w3.org/TR/webvtt1/). What makes no sense in them is left out.
func srtToVTT(srt string) string {
	var out bytes.Buffer
	out.WriteString("WEBVTT\n")
	rest := strings.NewReplacer("\r\n", "\n", "\r", "\n", "\x00", "").Replace(srt)
	for rest != "" { // and not all lines at once: a hostile file has millions
		var line string
		line, rest, _ = strings.Cut(rest, "\n")
		m := srtTime.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		text := rest
		for rest != "" {
			next, behind, _ := strings.Cut(rest, "\n")
			if strings.TrimSpace(next) == "" || startsCue(next, behind) {
				break
			}
			rest = behind
		}
		cue, top := cueText(text[:len(text)-len(rest)])
		if strings.TrimSpace(cue) == "" {
			continue
		}
		out.WriteString("\n" + vttTime(m[1:5]) + " --> " + vttTime(m[5:9]))
		if top {
			out.WriteString(" line:0")
		}
		out.WriteString("\n" + cue + "\n")
	}
	return out.String()
}

// startsCue reports whether a cue begins in a line: where the empty line before it is missing, its number and its time behind it
// tell.
func startsCue(line, behind string) bool {
	if srtTime.MatchString(line) {
		return true
	}
	if _, err := strconv.ParseUint(strings.TrimSpace(line), 10, 32); err != nil {
		return false
	}
	next, _, _ := strings.Cut(behind, "\n")
	return srtTime.MatchString(next)
}

// vttTime writes hours, minutes, seconds and a fraction as WebVTT does.
func vttTime(parts []string) string {
	pad := func(s string, n int) string { return strings.Repeat("0", max(0, n-len(s))) + s }
	fraction := parts[3] + strings.Repeat("0", 3-len(parts[3]))
	return pad(parts[0], 2) + ":" + pad(parts[1], 2) + ":" + pad(parts[2], 2) + "." + fraction
}

var (
	srtTag    = regexp.MustCompile(`(?i)</?(?:i|b|u)>`)
	otherTag  = regexp.MustCompile(`(?i)</?[a-z][^<>]*>`)
	assCode   = regexp.MustCompile(`\{\\[^{}]*\}`)
	assOnTop  = regexp.MustCompile(`\{\\[^{}]*an[789][^{}]*\}`)
	cueBreaks = regexp.MustCompile(`\n[ \t]*\n+`)
)

// cueText makes the text of a cue: italic, bold and underlined stay, whatever else is marked up does not. top says that the
// text belongs to the top of the picture, as {\an8} does in many files.
func cueText(s string) (text string, top bool) {
	top = assOnTop.MatchString(s)
	s = assCode.ReplaceAllString(s, "")
	var out strings.Builder
	for s != "" {
		at := srtTag.FindStringIndex(s)
		if at == nil {
			at = []int{len(s), len(s)}
		}
		plain := html.UnescapeString(otherTag.ReplaceAllString(s[:at[0]], ""))
		out.WriteString(strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(plain))
		out.WriteString(strings.ToLower(s[at[0]:at[1]]))
		s = s[at[1]:]
	}
	return cueBreaks.ReplaceAllString(strings.TrimSpace(out.String()), "\n"), top
}

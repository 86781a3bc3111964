package web

import (
	"context"
	"errors"
	"html"
	"io"
	"io/fs"
	"net/http"
	"strings"
	"testing"

	"github.com/zeronetscript/universal_p2p/archive"
	"github.com/zeronetscript/universal_p2p/assets"
	"github.com/zeronetscript/universal_p2p/stream"
	"github.com/zeronetscript/universal_p2p/stream/ledger"
)

// TestTold: what people are told is what programs are, and the page offers to try again where that may help.
func TestTold(t *testing.T) {
	for _, c := range []struct {
		err   error
		want  string
		again bool
	}{
		{stream.ErrBadRoot, "fail.root", false},
		{stream.ErrBadPath, "fail.address", false},
		{errNoProtocol, "fail.address", false},
		{errNoCommand, "fail.address", false},
		{unsatisfiable{1}, "fail.address", false},
		{fs.ErrNotExist, "fail.file", false},
		{errInFile, "fail.file", false},
		{errNoMedia, "fail.media", false},
		{archive.ErrEncrypted, "fail.password", false},
		{archive.ErrMethod, "fail.packed", false},
		{archive.ErrLimit, "fail.limit", false},
		{archive.ErrCorrupt, "fail.archive", true},
		{errBusy, "fail.busy", true},
		{stream.ErrCorrupt, "fail.wrong", true},
		{io.ErrUnexpectedEOF, "fail.wrong", true},
		{errPaused, "fail.paused", true},
		{brokenProtocol{}, "fail.broken", true},
		{stream.ErrClosed, "fail.ends", true},
		{errTooLong, "fail.nobody", true},
		{context.DeadlineExceeded, "fail.nobody", true},
		{stream.ErrNoSpace, "fail.disk", true},
		{ledger.ErrSiteBlocked, "fail.site", false},
		{ledger.ErrRootBlocked, "fail.content", false},
		{ledger.ErrAsking, "fail.asking", false},
		{&ledger.LimitError{Limit: ledger.DiskLimit}, "fail.share", false},
		{&ledger.LimitError{Limit: ledger.StreamLimit}, "fail.much", true},
		{errors.New("something else"), "fail.program", true},
	} {
		code, _ := status(c.err)
		if got := told(c.err); got != c.want || mayPass(code) != c.again {
			t.Errorf("%v is %s, and may pass: %t", c.err, got, mayPass(code))
		}
		if assets.Speak().Text(c.want) == c.want {
			t.Errorf("there is no text %s", c.want)
		}
	}
}

// TestPlayLanguages: the page is in the language of whoever looks.
func TestPlayLanguages(t *testing.T) {
	f := newPlayFront(t)
	for accept, lang := range map[string]string{"": "en", "de-AT,de;q=0.9,en;q=0.5": "de", "pt,es": "es", "fr": "fr", "zh-TW": "zh", "ja": "ja", "xx": "en"} {
		res := f.do("GET", "/mem/v0/play/tree2/season", "Accept-Language: "+accept)
		l := assets.Speak(lang)
		inOrder(t, html.UnescapeString(string(res.body)), `<html lang="`+lang+`">`, l.Text("play.folders"), l.Text("play.other.all"), l.Text("play.save"), "</html>")
		if res.StatusCode != http.StatusOK || res.get("Content-Language") != lang || !strings.Contains(res.get("Vary"), "Accept-Language") {
			t.Errorf("%s: %s %v", accept, res.Status, res.Header)
		}
	}
}

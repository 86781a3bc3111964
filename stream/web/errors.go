package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/zeronetscript/universal_p2p/archive"
	"github.com/zeronetscript/universal_p2p/stream"
	"github.com/zeronetscript/universal_p2p/stream/ledger"
)

// What this room adds to the errors of package stream.
var (
	errTooLong      = errors.New("web: nothing came in time")
	errNameLate     = fmt.Errorf("web: nobody has said what a name stands for: %w", errTooLong)
	errBusy         = errors.New("web: too many streams at once")
	errMethod       = errors.New("web: method not allowed")
	errUse          = errors.New("web: content asked for as code")
	errNoProtocol   = errors.New("web: no such protocol")
	errNoCommand    = errors.New("web: no such command")
	errInFile       = fmt.Errorf("web: the path goes on behind a file: %w", fs.ErrNotExist)
	errNoArchive    = errors.New("web: a list of members is asked for of what is no archive")
	errPrecondition = errors.New("web: If-Match names other content")
	errOrigin       = errors.New("web: not asked from our own origin")
	errToken        = errors.New("web: bearer token missing or wrong")
	errKey          = errors.New("web: login key unknown, used or too old")
	errNoLink       = errors.New("web: not a link of any protocol")
	errNoMedia      = errors.New("web: no video or audio to list")
	errNotSubtitles = errors.New("web: no subtitles to convert")
	errTooMuch      = errors.New("web: subtitles too long to convert")
	errNotStored    = errors.New("web: nothing is stored of that root")
	errNoSearch     = errors.New("web: nobody searches for that")
)

// unsatisfiable is a range outside of a file.
type unsatisfiable struct{ size int64 }

func (e unsatisfiable) Error() string {
	return fmt.Sprintf("web: range outside of a file of %d bytes", e.size)
}

// brokenProtocol is a protocol that did not start, and why.
type brokenProtocol struct{ err error }

func (e brokenProtocol) Error() string {
	if e.err == nil {
		return "This protocol is not running; start the program again."
	}
	line := strings.ReplaceAll(e.err.Error(), "\n", "; ")
	return strings.TrimSuffix(line, ".") + "."
}

// badRequest is a request to the control API that cannot be understood. It says why.
type badRequest string

func (e badRequest) Error() string { return string(e) }

// status is the one place where an error becomes a status and a sentence that says what to do. Nothing of the request is in the
// sentence.
func status(err error) (code int, sentence string) {
	bad, isBad := errors.AsType[badRequest](err)
	broken, isBroken := errors.AsType[brokenProtocol](err)
	tooBig, isTooBig := errors.AsType[*http.MaxBytesError](err)
	_, isOutside := errors.AsType[unsatisfiable](err)
	if code, sentence, ok := siteStatus(err); ok {
		return code, sentence
	}
	switch {
	case errors.Is(err, stream.ErrBadRoot):
		return http.StatusBadRequest, "This is not an identifier of the network; check the link."
	case errors.Is(err, stream.ErrBadPath):
		return http.StatusBadRequest, "This is not an address of ours; it has to look like /protocol/version/command/root/path."
	case errors.Is(err, stream.ErrBadMetainfo):
		return http.StatusBadRequest, "This is not a .torrent file; choose another one."
	case isBad:
		return http.StatusBadRequest, bad.Error()
	case errors.Is(err, errToken):
		return http.StatusUnauthorized, "This needs the token of the running program."
	case errors.Is(err, errKey):
		return http.StatusUnauthorized, "This way in has been used or is too old; open the page from the tray or with universal-p2p open."
	case errors.Is(err, errOrigin):
		return http.StatusForbidden, "Only the program's own pages may ask for this."
	case errors.Is(err, errUse):
		return http.StatusForbidden, "Content can be shown, played and saved, but not run; do not use it as code or style."
	case errors.Is(err, errNoProtocol):
		return http.StatusNotFound, "There is no such protocol; check the address."
	case errors.Is(err, errNoCommand):
		return http.StatusNotFound, "There is no such command; try stream, play or files."
	case errors.Is(err, errNoSearch):
		return http.StatusNotFound, "Nobody asks for this root now; request one of its files first."
	case errors.Is(err, errNoMedia):
		return http.StatusNotFound, "There is no video or audio in this folder; try another one."
	case errors.Is(err, errNotSubtitles):
		return http.StatusBadRequest, "Only .srt and .vtt files can be had as WebVTT; leave out as=vtt."
	case errors.Is(err, errTooMuch):
		return http.StatusUnprocessableEntity, "This is too long for subtitles; leave out as=vtt to get it as it is."
	case errors.Is(err, errNoLink):
		return http.StatusBadRequest, "This is neither a link nor an identifier of a network that the program knows; check that it is complete."
	case errors.Is(err, errNotStored):
		return http.StatusNotFound, "Nothing is stored of this root; status lists what is."
	case errors.Is(err, archive.ErrEncrypted):
		return http.StatusForbidden, "This is protected by a password, and can only be read by whoever saves the archive and knows it."
	case errors.Is(err, archive.ErrMethod):
		return http.StatusNotImplemented, "This is packed in a way that cannot be unpacked here; save the archive and unpack it."
	case errors.Is(err, archive.ErrLimit):
		return http.StatusUnprocessableEntity, "This archive would unpack to more than is safe; save it and look at it with care."
	case errors.Is(err, archive.ErrCorrupt):
		return http.StatusBadGateway, "This archive is damaged; look for another copy."
	case errors.Is(err, stream.ErrNoName):
		return http.StatusNotFound, "This name leads nowhere: its domain has no DNSLink, or one to what is not there; check how it is spelled, or ask who runs it."
	case errors.Is(err, fs.ErrNotExist):
		return http.StatusNotFound, "There is no such file; the command files lists what there is."
	case errors.Is(err, errNoArchive):
		return http.StatusNotFound, "This file is no archive that can be looked into; ask for the file itself."
	case errors.Is(err, errMethod):
		return http.StatusMethodNotAllowed, "Content can only be read; use GET."
	case errors.Is(err, errPrecondition):
		return http.StatusPreconditionFailed, "This address holds other content than you ask for; ask without If-Match."
	case isTooBig:
		return http.StatusRequestEntityTooLarge, "This is too big; the limit is " + strconv.FormatInt(tooBig.Limit, 10) + " bytes."
	case isOutside:
		return http.StatusRequestedRangeNotSatisfiable, "The file has no such bytes; look at its size."
	case errors.Is(err, errBusy), errors.Is(err, stream.ErrBusy):
		return http.StatusTooManyRequests, "Too many things are being fetched at once; close some of them and try again."
	case errors.Is(err, stream.ErrCorrupt):
		return http.StatusBadGateway, "The network sent wrong bytes; try again."
	case errors.Is(err, errPaused):
		return http.StatusServiceUnavailable, "The user of this computer has paused the program; its tray icon and its own page go on with it."
	case isBroken:
		return http.StatusServiceUnavailable, broken.Error()
	case errors.Is(err, stream.ErrClosed), errors.Is(err, archive.ErrClosed):
		return http.StatusServiceUnavailable, "The program is about to end; start it again."
	case errors.Is(err, errNameLate):
		return http.StatusGatewayTimeout, "Nobody has said in time what this name stands for; check how it is spelled, or try again later."
	case errors.Is(err, errTooLong), errors.Is(err, context.DeadlineExceeded):
		return http.StatusGatewayTimeout, "Nobody who has this answered in time; try again later."
	case errors.Is(err, stream.ErrNoSpace):
		return http.StatusInsufficientStorage, "The disk is full; make room on it and try again."
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.ErrNoProgress):
		return http.StatusBadGateway, "The network sent less than it promised; try again."
	}
	return http.StatusInternalServerError, "Something went wrong in the program; its log says what."
}

// siteStatus is status for what the ledger has to say about a site.
func siteStatus(err error) (code int, sentence string, ok bool) {
	limit, isLimit := errors.AsType[*ledger.LimitError](err)
	switch {
	case errors.Is(err, ledger.ErrSiteBlocked):
		return http.StatusForbidden, "The user of this computer has blocked this site.", true
	case errors.Is(err, ledger.ErrRootBlocked):
		return http.StatusForbidden, "The user of this computer has blocked this content.", true
	case errors.Is(err, ledger.ErrAsking):
		return http.StatusForbidden, "The user of this computer has to allow this site first; the program's own page asks for that.", true
	case errors.Is(err, ledger.ErrNoOrigin):
		return http.StatusForbidden, "Only a page with an origin of its own can have this: not a file, not a sandbox, and not a program.", true
	case errors.Is(err, ledger.ErrTokenSite):
		return http.StatusForbidden, "This token was made for another site; ask for one of your own.", true
	case errors.Is(err, ledger.ErrToken), errors.Is(err, ledger.ErrTokenExpired):
		return http.StatusUnauthorized, "This needs a control token that is still good; ask for a new one.", true
	case errors.Is(err, ledger.ErrNoClaim):
		return http.StatusNotFound, "This site has not asked for that; the list of items has what it asked for.", true
	case errors.Is(err, ledger.ErrSite):
		return http.StatusBadRequest, "This is not the address of a site; it has to look like https://example.org.", true
	case errors.Is(err, ledger.ErrTooMany):
		return http.StatusUnprocessableEntity, "There are too many rules; take back some that are not needed.", true
	case isLimit && limit.Limit == ledger.DiskLimit:
		return http.StatusRequestEntityTooLarge, "What this site has asked for fills its share of the disk; let go of some of it first.", true
	case isLimit && limit.Limit == ledger.StreamLimit:
		return http.StatusTooManyRequests, "This site has too many things open at once; close some of them and try again.", true
	case isLimit:
		return http.StatusTooManyRequests, "This site asks for too much that is new; try again later.", true
	}
	return 0, "", false
}

// fail answers a request for content with an error. Any page may read why. A person who has opened it gets a page.
func (h *Handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	code, sentence := h.failure(w, r, err)
	if h.isOpened(w, r) {
		h.failPage(w, r, err, code)
		return
	}
	crossOrigin(w.Header())
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(code)
	io.WriteString(w, sentence+"\n")
}

// failure logs what is our own fault and sets the header fields that go with an error. A client that has left gets no answer:
// half of a connection may still be there, and would take an empty one for the content.
func (h *Handler) failure(w http.ResponseWriter, r *http.Request, err error) (code int, sentence string) {
	if r.Context().Err() != nil {
		panic(http.ErrAbortHandler)
	}
	if code, sentence = status(err); code == http.StatusInsufficientStorage {
		h.cfg.Full()
	}
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	switch code {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		header.Set("Retry-After", "30")
	case http.StatusMethodNotAllowed:
		header.Set("Allow", allowed)
	case http.StatusUnauthorized:
		header.Set("WWW-Authenticate", "Bearer")
	case http.StatusInternalServerError, http.StatusInsufficientStorage, http.StatusBadGateway:
		h.cfg.Log.Warn("request failed", "path", r.URL.EscapedPath(), "err", err)
	}
	if e, ok := errors.AsType[*ledger.LimitError](err); ok && e.RetryAfter > 0 {
		header.Set("Retry-After", strconv.Itoa(int((e.RetryAfter+time.Second-1)/time.Second)))
	}
	if e, ok := errors.AsType[unsatisfiable](err); ok {
		header.Set("Content-Range", "bytes */"+strconv.FormatInt(e.size, 10))
	}
	return code, sentence
}

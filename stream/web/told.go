package web

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"slices"

	"github.com/zeronetscript/universal_p2p/archive"
	"github.com/zeronetscript/universal_p2p/stream"
	"github.com/zeronetscript/universal_p2p/stream/ledger"
)

// told returns the name of the text that tells people on a page of ours what [status] tells programs.
func told(err error) string {
	is := func(errs ...error) bool {
		return slices.ContainsFunc(errs, func(e error) bool { return errors.Is(err, e) })
	}
	if name := siteTold(err, is); name != "" {
		return name
	}
	_, isBroken := errors.AsType[brokenProtocol](err)
	switch {
	case is(stream.ErrBadRoot):
		return "fail.root"
	case is(archive.ErrEncrypted):
		return "fail.password"
	case is(archive.ErrMethod):
		return "fail.packed"
	case is(archive.ErrLimit):
		return "fail.limit"
	case is(archive.ErrCorrupt):
		return "fail.archive"
	case is(errNameLate):
		return "fail.late"
	case is(stream.ErrNoName):
		return "fail.name"
	case is(fs.ErrNotExist, errNoArchive):
		return "fail.file"
	case is(errNoMedia):
		return "fail.media"
	case is(errBusy, stream.ErrBusy):
		return "fail.busy"
	case is(stream.ErrCorrupt, io.ErrUnexpectedEOF, io.ErrNoProgress):
		return "fail.wrong"
	case is(errPaused):
		return "fail.paused"
	case isBroken:
		return "fail.broken"
	case is(stream.ErrClosed, archive.ErrClosed):
		return "fail.ends"
	case is(errTooLong, context.DeadlineExceeded):
		return "fail.nobody"
	case is(stream.ErrNoSpace):
		return "fail.disk"
	}
	if code, _ := status(err); code < http.StatusInternalServerError {
		return "fail.address" // an address asks for what its place cannot give, and a page asks for nothing else
	}
	return "fail.program"
}

// siteTold is told for what the ledger has to say about a site.
func siteTold(err error, is func(...error) bool) string {
	limit, isLimit := errors.AsType[*ledger.LimitError](err)
	switch {
	case is(ledger.ErrSiteBlocked):
		return "fail.site"
	case is(ledger.ErrRootBlocked):
		return "fail.content"
	case is(ledger.ErrAsking):
		return "fail.asking"
	case isLimit && limit.Limit == ledger.DiskLimit:
		return "fail.share"
	case isLimit:
		return "fail.much"
	}
	return ""
}

// mayPass reports whether what a status says may be otherwise in a moment.
func mayPass(code int) bool {
	return code == http.StatusTooManyRequests || code >= http.StatusInternalServerError && code != http.StatusNotImplemented
}

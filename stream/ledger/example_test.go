package ledger_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/zeronetscript/universal_p2p/stream/ledger"
)

// A front asks the gate before it looks for a root, tells it what it has found, and counts what it sends.
func ExampleGate() {
	dir, _ := os.MkdirTemp("", "ledger")
	defer os.RemoveAll(dir)
	history, err := ledger.Open(dir, ledger.Options{})
	if err != nil {
		panic(err)
	}
	defer history.Close()
	signer, err := ledger.OpenSigner(filepath.Join(dir, "key"))
	if err != nil {
		panic(err)
	}
	gate := ledger.NewGate(history, ledger.GateOptions{})

	serve := func(w http.ResponseWriter, r *http.Request) {
		tagged, _ := signer.VerifyTag(r.URL.Query().Get("s")) // a wrong tag is no tag
		who := ledger.Attribute(r.Header, ledger.Clues{Tagged: tagged})
		access, err := gate.Begin(who.Site, ledger.Root{Protocol: "bittorrent/v0", ID: r.PathValue("root")})
		if err != nil {
			refuse(w, err)
			return
		}
		defer access.End()
		// Here the swarm is joined and the file is found.
		if err := access.Found(r.Context(), ledger.Root{Protocol: "bittorrent/v0", ID: "c0ffee"}, "film.mp4"); err != nil {
			refuse(w, err)
			return
		}
		n, _ := io.WriteString(w, "all of the film")
		access.Sent(int64(n))
	}
	get := func() {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Origin", "https://example.org")
		w := httptest.NewRecorder()
		serve(w, r)
		fmt.Println(w.Code, w.Body)
	}

	get()
	for use := range history.Sites() {
		fmt.Println(use.Site, use.Requests, use.Bytes)
		if err := history.Decide(use.Site, ledger.Block); err != nil {
			panic(err)
		}
	}
	get()
	// Output:
	// 200 all of the film
	// https://example.org 1 15
	// 403 ledger: the user of this computer has blocked this site
}

func refuse(w http.ResponseWriter, err error) {
	code := http.StatusForbidden // ErrSiteBlocked, ErrRootBlocked, ErrAsking
	if limit, ok := errors.AsType[*ledger.LimitError](err); ok {
		code = http.StatusTooManyRequests
		if limit.Limit == ledger.DiskLimit {
			code = http.StatusRequestEntityTooLarge
		} else {
			w.Header().Set("Retry-After", strconv.Itoa(int(limit.RetryAfter/time.Second)))
		}
	}
	w.WriteHeader(code)
	io.WriteString(w, err.Error())
}

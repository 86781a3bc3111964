// Package demo shows the program at work in one command and without the internet: it starts the program, a BitTorrent peer
// and an IPFS peer with a little content of our own, and a web page of another origin that embeds the content, all on this machine.
//
// Nothing in it is make-believe but the distance: the page names an infohash and the address of the peer, and the program
// fetches the list of files and the pieces from that peer as it would from any other.
package demo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/zeronetscript/universal_p2p/app"
	"github.com/zeronetscript/universal_p2p/assets"
)

// Config is what the demo changes about a config: it goes to no network and leaves the disk alone.
func Config(c app.Config) app.Config {
	c.Quota = 64 << 20
	c.Reserve = 0
	c.AllowLocalPeers = true
	c.BitTorrent.DHT = false
	c.BitTorrent.Trackers = nil
	c.BitTorrent.WebTorrent = false
	c.IPFS.Routers, c.IPFS.Gateways, c.IPFS.Bootstrap = nil, nil, nil
	return c
}

// Run runs the demo until ctx ends. o is as for [app.Run], with a config that [Config] has been over. The data folder is always
// a temporary one, removed in the end; it is made in o.DataDir, or where the system has such folders when that is empty. show is called once with the address of the page, when everything answers; its error ends
// the demo.
func Run(ctx context.Context, o app.Options, show func(page string) error) (err error) {
	if o.DataDir != "" {
		if err := os.MkdirAll(o.DataDir, 0o700); err != nil {
			return fmt.Errorf("demo: %w", err)
		}
	}
	// Never o.DataDir itself: what a user has there must not be recycled down to the quota of the demo.
	dir, err := os.MkdirTemp(o.DataDir, "universal-p2p-demo-")
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	defer os.RemoveAll(dir)
	o.DataDir = dir
	content, err := newContent("Universal P2P demo", assets.Demo())
	if err != nil {
		return err
	}
	peer, err := startSeeder(content, o.Log.With("part", "the demo's peer"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, peer.close()) }()

	other, err := startIPFS(ctx, assets.Demo(), "video.webm", "pictures.zip", "hello.txt")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, other.close()) }()
	if other.cid != "" {
		o.Config.IPFS.Routers = []string{other.router}
	}

	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp4", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("demo page: %w", err)
	}
	page := assets.DemoPage{
		Origin:   "http://" + l.Addr().String(),
		InfoHash: peer.hash,
		Hints:    url.Values{"x.pe": {peer.addr()}},
		CID:      other.cid,
	}
	for _, path := range content.files {
		if name, ok := strings.CutPrefix(path, "pictures/"); ok {
			page.Pictures = append(page.Pictures, name)
		}
	}
	return serve(ctx, o, l, page, show)
}

// serve runs the program, and the page on l once the program's address is known.
func serve(ctx context.Context, o app.Options, l net.Listener, page assets.DemoPage, show func(string) error) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ready := make(chan string, 1)
	o.Ready = func(addr string) { ready <- addr }

	var wg sync.WaitGroup
	var appErr error
	wg.Go(func() {
		defer stop() // without the program there is no demo
		appErr = app.Run(ctx, o)
	})
	select {
	case page.Addr = <-ready:
	case <-ctx.Done():
		l.Close()
		wg.Wait()
		return appErr
	}
	srv := &http.Server{Handler: handler(page), ReadHeaderTimeout: 5 * time.Second, ErrorLog: nil}
	var pageErr error
	wg.Go(func() {
		defer stop()
		if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			pageErr = fmt.Errorf("demo page: %w", err)
		}
	})
	showErr := show(page.Origin + "/")
	if showErr != nil {
		stop()
	}
	<-ctx.Done()
	closeErr := srv.Close() // a page is sent in no time: nothing to wait for
	wg.Wait()
	return errors.Join(showErr, appErr, pageErr, closeErr)
}

// handler serves the page and nothing else.
func handler(page assets.DemoPage) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		page.WriteTo(w) // the client is gone if this fails
	})
	return mux
}

//go:build !noipfs

package demo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"time"

	"github.com/zeronetscript/universal_p2p/stream/ipfs/ipfspeer"
)

// An ipfsSide is the IPFS part of the demo: a peer that has some files, and a router that knows it. Both are on this machine only.
type ipfsSide struct {
	peer   *ipfspeer.Peer
	srv    *http.Server
	served chan error
	router string // URL
	cid    string // of the folder
}

// startIPFS starts a peer with some files of fsys.
func startIPFS(ctx context.Context, fsys fs.FS, names ...string) (s *ipfsSide, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("demo: IPFS: %w", err)
		}
	}()
	files := make(map[string][]byte)
	for _, name := range names {
		if files[name], err = fs.ReadFile(fsys, name); err != nil {
			return nil, err
		}
	}
	p, err := ipfspeer.Start()
	if err != nil {
		return nil, err
	}
	c, err := p.AddFolder(ctx, files, ipfspeer.Options{})
	if err != nil {
		return nil, errors.Join(err, p.Close())
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, errors.Join(err, p.Close())
	}
	r := new(ipfspeer.Router)
	r.Provide(p.Info(), false)
	s = &ipfsSide{peer: p, srv: &http.Server{Handler: r, ReadHeaderTimeout: 5 * time.Second}, served: make(chan error, 1), router: "http://" + l.Addr().String(), cid: c.String()}
	go func() { s.served <- s.srv.Serve(l) }()
	return s, nil
}

func (s *ipfsSide) close() error {
	err := errors.Join(s.srv.Close(), s.peer.Close())
	if served := <-s.served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

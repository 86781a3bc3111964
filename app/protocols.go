package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"

	"github.com/zeronetscript/universal_p2p/stream"
	"github.com/zeronetscript/universal_p2p/stream/bittorrent"
	"github.com/zeronetscript/universal_p2p/stream/store"
	"github.com/zeronetscript/universal_p2p/stream/web"
)

// Protocols lists what the program speaks. A new protocol is one line here and one folder below stream.
func Protocols() []Protocol {
	return append([]Protocol{
		{Name: "bittorrent", Version: "v0", Start: startBitTorrent},
	}, ipfsProtocols()...)
}

// A Protocol is one URL prefix, /Name/Version/, and the way to start what answers there.
type Protocol struct {
	Name, Version string
	Space         string // of the store, where its content is; "" is one called like the protocol
	// Start returns once the Backend can be asked. It waits for no network, and leaves nothing behind when it fails. ctx ends
	// when the program is told to stop; the Backend lives on until it is closed.
	Start func(ctx context.Context, env Env) (stream.Backend, error)
}

// Env is what a protocol gets to work with.
type Env struct {
	Config Config
	Store  *store.Store
	Dir    string // its own folder; it need not exist
	Log    *slog.Logger
}

func startBitTorrent(_ context.Context, env Env) (stream.Backend, error) {
	c := env.Config.BitTorrent
	return bittorrent.New(bittorrent.Config{
		Store:           env.Store,
		Dir:             env.Dir,
		AllowLocalPeers: env.Config.AllowLocalPeers,
		Upload:          env.Config.Upload,
		DHT:             c.DHT,
		DHTBootstrap:    c.DHTBootstrap,
		Trackers:        c.Trackers,
		Port:            c.Port,
		MaxPeers:        c.MaxPeers,
		UploadRate:      c.UploadRate,
		DownloadRate:    c.DownloadRate,
		WebTorrent:      c.WebTorrent,
		Log:             env.Log,
	})
}

// startAll starts the protocols, all at once, and returns what the front serves. One that fails is 503 there, with no reason:
// any page may read that. The reason is in problems, for the user.
func startAll(ctx context.Context, ps []Protocol, env Env, dataDir string) (out []web.Protocol, problems []web.Problem) {
	out = make([]web.Protocol, len(ps))
	errs := make([]error, len(ps))
	var wg sync.WaitGroup
	for i, p := range ps {
		wg.Go(func() {
			e := env
			e.Dir = filepath.Join(dataDir, p.Name)
			e.Log = env.Log.With("protocol", cmp.Or(p.Space, p.Name)+"/"+p.Version) // of those that share a node it is the node that logs
			out[i] = web.Protocol{Name: p.Name, Version: p.Version}
			out[i].Backend, errs[i] = p.Start(ctx, e)
		})
	}
	wg.Wait()
	for i, err := range errs {
		if err != nil {
			out[i].Backend = nil
			if off, ok := errors.AsType[switchedOff](err); ok {
				out[i].Err = off
				continue
			}
			out[i].Err = errBroken
			name := ps[i].Name + "/" + ps[i].Version
			problems = append(problems, web.Problem{
				ID: "protocol", Values: map[string]any{"protocol": name, "reason": err.Error()}, Text: fmt.Sprintf("%s does not work: %v.", name, err),
			})
			env.Log.Error("a protocol did not start", "protocol", ps[i].Name+"/"+ps[i].Version, "err", err)
		}
	}
	return out, problems
}

var errBroken = errors.New("This protocol does not work at the moment; `universal-p2p status` says why.") //lint:ignore ST1005 it is a sentence for a page

// switchedOff is why a protocol does not start that the user does not want. It is a sentence for a page.
type switchedOff string

func (e switchedOff) Error() string { return string(e) }

// closeAll closes the backends, all at once.
func closeAll(ps []web.Protocol) error {
	errs := make([]error, len(ps))
	var wg sync.WaitGroup
	for i, p := range ps {
		if p.Backend == nil {
			continue
		}
		wg.Go(func() {
			if err := p.Backend.Close(); err != nil {
				errs[i] = fmt.Errorf("%s/%s: close: %w", p.Name, p.Version, err)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

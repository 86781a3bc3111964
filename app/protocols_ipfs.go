//go:build !noipfs

package app

import (
	"context"
	"sync"

	"github.com/zeronetscript/universal_p2p/stream"
	"github.com/zeronetscript/universal_p2p/stream/ipfs"
)

const hasIPFS = true

// ipfsProtocols are two protocols on one node: content by its hash, and by names. The build tag noipfs leaves them out.
func ipfsProtocols() []Protocol {
	var n ipfsNode
	return []Protocol{
		{Name: "ipfs", Version: "v0", Start: func(_ context.Context, env Env) (stream.Backend, error) {
			return n.backend(env)
		}},
		{Name: "ipns", Version: "v0", Space: "ipfs", Start: func(_ context.Context, env Env) (stream.Backend, error) {
			b, err := n.backend(env)
			if err != nil {
				return nil, err
			}
			return b.Names(), nil
		}},
	}
}

// An ipfsNode is the node that both protocols share. The one who needs it first makes it; it sleeps until a block is asked for.
type ipfsNode struct {
	once sync.Once
	b    *ipfs.Backend
	err  error
}

func (n *ipfsNode) backend(env Env) (*ipfs.Backend, error) {
	n.once.Do(func() {
		c := env.Config.IPFS
		if !c.Enabled {
			n.err = switchedOff("IPFS is switched off on this computer; ipfs.enabled in the config file turns it on.")
			return
		}
		n.b, n.err = ipfs.New(ipfs.Config{
			Store:           env.Store,
			AllowLocalPeers: env.Config.AllowLocalPeers,
			Routers:         c.Routers,
			Gateways:        c.Gateways,
			Bootstrap:       c.Bootstrap,
			Share:           c.Share,
			ShareRate:       c.ShareRate,
			GatewayHosts:    c.GatewayHosts,
			Rested:          releasePages,
			Log:             env.Log,
		})
	})
	return n.b, n.err
}

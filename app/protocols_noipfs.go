//go:build noipfs

package app

import (
	"context"

	"github.com/zeronetscript/universal_p2p/stream"
)

const hasIPFS = false

// ipfsProtocols is what is left of IPFS in a program without it: the addresses, which say so.
func ipfsProtocols() []Protocol {
	start := func(context.Context, Env) (stream.Backend, error) {
		return nil, switchedOff("This build of the program has no IPFS.")
	}
	return []Protocol{{Name: "ipfs", Version: "v0", Start: start}, {Name: "ipns", Version: "v0", Space: "ipfs", Start: start}}
}

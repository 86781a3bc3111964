//go:build noipfs

package demo

import (
	"context"
	"io/fs"
)

// An ipfsSide is nothing in a program without IPFS.
type ipfsSide struct{ router, cid string }

func startIPFS(context.Context, fs.FS, ...string) (*ipfsSide, error) { return new(ipfsSide), nil }

func (*ipfsSide) close() error { return nil }

//go:build noipfs

package app

// ipfsProtocols is what is left of IPFS in a program without it.
func ipfsProtocols() []Protocol { return nil }

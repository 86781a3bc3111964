//go:build race

package ipfs_test

const raced = true

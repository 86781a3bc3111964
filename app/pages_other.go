//go:build !linux

package app

// releasePages is for Linux.
func releasePages() {}

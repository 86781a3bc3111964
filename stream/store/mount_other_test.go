//go:build !linux

package store

import "testing"

func smallDisk(t *testing.T, size string) (dir string) {
	t.Skip("needs Linux to mount a small tmpfs")
	return ""
}
